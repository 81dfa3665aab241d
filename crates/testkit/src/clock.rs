//! Virtual time.

use std::time::Duration;

use tidings_websocket::Timestamp;

/// A clock that moves only on command, in any direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    now: Timestamp,
}

impl Clock {
    /// A clock at its epoch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the time of the clock.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Moves forward.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now.after(by);
    }

    /// Moves to any point, an earlier one too.
    pub fn set(&mut self, now: Timestamp) {
        self.now = now;
    }
}
