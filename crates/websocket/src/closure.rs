//! How a connection ended (RFC 6455, 7.1.4 to 7.1.6).

use core::fmt;

use tidings_frame::{CloseCode, CloseFrame};

/// What one side's Close frame said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseStatus {
    /// There was no Close frame.
    Missing,
    /// There was one, without a code.
    Empty,
    /// There was one with this code and reason.
    Frame(CloseFrame),
}

impl CloseStatus {
    /// The code as RFC 6455, 7.1.5 has it reported: 1005 for a frame without one, 1006 for no
    /// frame at all.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Missing => CloseCode::ABNORMAL_CLOSURE,
            Self::Empty => CloseCode::NO_STATUS_RECEIVED,
            Self::Frame(close) => close.code.get(),
        }
    }

    /// The reason, empty if there was none (RFC 6455, 7.1.6). Untrusted text if it was received.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Missing | Self::Empty => "",
            Self::Frame(close) => close.reason.as_str(),
        }
    }
}

impl fmt::Display for CloseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("1006 (abnormal closure)"),
            Self::Empty => f.write_str("1005 (no status received)"),
            Self::Frame(close) => close.fmt(f),
        }
    }
}

/// The Close frames of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closure {
    /// The peer's.
    pub received: CloseStatus,
    /// Ours, as far as it was handed out for writing.
    pub sent: CloseStatus,
}

impl Closure {
    /// Whether the closing handshake was completed: both sides said Close (RFC 6455, 7.1.4).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.received != CloseStatus::Missing && self.sent != CloseStatus::Missing
    }
}
