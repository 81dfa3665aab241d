//! The one deadline of a connection in the making: [`Deadline`].

use std::time::Duration;

use tidings_websocket::Timestamp;

use crate::error::Error;

/// The time by which the WebSocket must be open.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Timestamp,
    limit: Duration,
}

impl Deadline {
    /// This long after now.
    #[must_use]
    pub fn new(now: Timestamp, limit: Duration) -> Self {
        Self { at: now.after(limit), limit }
    }

    /// The same, this much later.
    #[must_use]
    pub(super) fn later_by(self, time: Duration) -> Self {
        Self { at: self.at.after(time), ..self }
    }

    /// Returns the time.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        self.at
    }

    /// The error that the time is over.
    #[must_use]
    pub const fn error(self) -> Error {
        Error::HandshakeTimeout(self.limit)
    }
}
