//! The one deadline of a connection in the making: [`Deadline`], and its error, [`HandshakeTimeout`].

use std::fmt;
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
    pub fn error(self) -> Error {
        HandshakeTimeout::new(self.limit).into()
    }

    /// The error that the time is over, during this phase.
    pub(super) fn error_during(self, phase: String) -> Error {
        HandshakeTimeout { limit: self.limit, phase: Some(phase.into()) }.into()
    }
}

/// The opening handshake, or a step before it, did not end in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeTimeout {
    limit: Duration,
    phase: Option<Box<str>>,
}

impl HandshakeTimeout {
    /// A timeout after this long, in a phase that is not known.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit, phase: None }
    }

    /// The time that all phases together may take.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// The phase that was not finished, such as "connecting to example.com:443".
    #[must_use]
    pub fn phase(&self) -> Option<&str> {
        self.phase.as_deref()
    }
}

impl fmt::Display for HandshakeTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, phase } = self;
        match phase {
            Some(phase) => write!(f, "{phase}: timed out {limit:?} after the attempt began"),
            None => write!(f, "the opening handshake took longer than {limit:?}"),
        }
    }
}

impl std::error::Error for HandshakeTimeout {}

impl From<HandshakeTimeout> for Error {
    fn from(timeout: HandshakeTimeout) -> Self {
        Self::HandshakeTimeout(timeout)
    }
}
