//! The end of a connection (RFC 6455, 7.1.4 to 7.1.6).

use core::fmt;

use tidings_frame::{CloseCode, CloseFrame};

/// The content of one side's Close frame.
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

    /// Returns the reason, empty if there was none (RFC 6455, 7.1.6). Untrusted text if it was
    /// received.
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
pub struct CloseInfo {
    /// The peer's.
    pub received: CloseStatus,
    /// Our Close frame, once it was returned for writing.
    pub sent: CloseStatus,
}

impl CloseInfo {
    /// Returns whether the closing handshake was completed: both sides sent a Close (RFC 6455,
    /// 7.1.4).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.received != CloseStatus::Missing && self.sent != CloseStatus::Missing
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    /// W-106, W-107: RFC 6455, 7.1.5 and 7.1.6: 1005 for a Close frame without a code, 1006 for no
    /// frame at all, neither with a reason.
    #[test]
    fn a_close_has_a_code_and_a_reason_even_if_it_was_not_said() {
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, "bye");
        for (status, code, reason, text) in [
            (CloseStatus::Missing, 1006, "", "1006 (abnormal closure)"),
            (CloseStatus::Empty, 1005, "", "1005 (no status received)"),
            (CloseStatus::Frame(frame), 1001, "bye", "1001 (going away): bye"),
        ] {
            assert_eq!((status.code(), status.reason()), (code, reason));
            assert_eq!(status.to_string(), text);
        }
    }

    /// W-105: RFC 6455, 7.1.4: "cleanly" is after the closing handshake, and that takes both sides.
    #[test]
    fn a_closure_is_clean_if_both_sides_said_close() {
        let frame = CloseStatus::Frame(CloseFrame::new(CloseCode::PROTOCOL_ERROR, ""));
        for received in [CloseStatus::Missing, CloseStatus::Empty, frame] {
            for sent in [CloseStatus::Missing, CloseStatus::Empty, frame] {
                let is_clean = received != CloseStatus::Missing && sent != CloseStatus::Missing;
                assert_eq!(CloseInfo { received, sent }.is_clean(), is_clean, "{received} {sent}");
            }
        }
    }
}
