//! The violations of a peer on an open connection. Always the peer's fault, always the last event.

use core::fmt;

use tidings_frame::{CloseCode, CloseFrameError, DecodeError, DecodeErrorKind, InvalidUtf8};

use crate::limits::ControlFrameRate;

/// The rule or limit that the peer broke. The connection has failed; the Close frame with
/// [`close_code`](Self::close_code) is already pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A frame's header is illegal, or declares more payload than the limit.
    Frame(DecodeError),
    /// A client's frame is not masked (RFC 6455, 5.1).
    UnmaskedFrame,
    /// A server's frame is masked (RFC 6455, 5.1).
    MaskedFrame,
    /// A continuation frame without a message to continue (RFC 6455, 5.4).
    UnexpectedContinuation,
    /// A new message inside a fragmented one (RFC 6455, 5.4).
    ExpectedContinuation,
    /// A frame says that it is compressed and does not begin a message (RFC 7692, 6.1).
    UnexpectedCompression,
    /// A compressed message cannot be inflated (RFC 7692, 7.2.2).
    CorruptCompression,
    /// A text message is not UTF-8 (RFC 6455, 8.1).
    InvalidUtf8(InvalidUtf8),
    /// The payload of a Close frame is illegal (RFC 6455, 5.5.1).
    CloseFrame(CloseFrameError),
    /// A message is longer than the limit.
    MessageTooLong {
        /// Its length so far, with the frame just announced, in bytes.
        message_len: u64,
        /// The limit, in bytes.
        max_len: u64,
    },
    /// A message has more frames than the limit.
    TooManyFragments {
        /// The limit.
        max_fragments: u32,
    },
    /// Control frames arrive faster than allowed.
    TooManyControlFrames {
        /// The limit.
        rate: ControlFrameRate,
    },
}

impl Violation {
    /// Returns the close code that reports the violation (RFC 6455, 7.4.1).
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::Frame(error) => error.close_code(),
            Self::UnmaskedFrame
            | Self::MaskedFrame
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::UnexpectedCompression => CloseCode::PROTOCOL_ERROR,
            // RFC 6455, 7.4.1: "data within a message that was not consistent with the type of the
            // message".
            Self::CorruptCompression | Self::InvalidUtf8(_) => CloseCode::INVALID_PAYLOAD_DATA,
            Self::CloseFrame(error) => error.close_code(),
            Self::MessageTooLong { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } | Self::TooManyControlFrames { .. } => {
                CloseCode::POLICY_VIOLATION
            }
        }
    }

    /// Returns the reason sent with the code. It names the rule, and reveals nothing about this
    /// end.
    #[must_use]
    pub(crate) const fn close_reason(&self) -> &'static str {
        match self {
            Self::Frame(error) => match error.kind {
                DecodeErrorKind::PayloadTooLong(_) => "frame too long",
                _ => "illegal frame header",
            },
            Self::UnmaskedFrame => "frame not masked",
            Self::MaskedFrame => "frame masked",
            Self::UnexpectedContinuation => "continuation without a message",
            Self::ExpectedContinuation => "message inside a fragmented message",
            Self::UnexpectedCompression => "compressed frame inside a message",
            Self::CorruptCompression => "corrupt compression",
            Self::InvalidUtf8(_) => "text is not UTF-8",
            Self::CloseFrame(_) => "illegal close frame",
            Self::MessageTooLong { .. } => "message too long",
            Self::TooManyFragments { .. } => "too many fragments",
            Self::TooManyControlFrames { .. } => "too many control frames",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::UnmaskedFrame => f.write_str("the client's frame is not masked (RFC 6455, 5.1)"),
            Self::MaskedFrame => f.write_str("the server's frame is masked (RFC 6455, 5.1)"),
            Self::UnexpectedContinuation => {
                f.write_str("a continuation frame has no message to continue (RFC 6455, 5.4)")
            }
            Self::ExpectedContinuation => {
                f.write_str("a message begins inside a fragmented message (RFC 6455, 5.4)")
            }
            Self::UnexpectedCompression => f.write_str(
                "a frame is marked as compressed and does not begin a message (RFC 7692, 6.1)",
            ),
            Self::CorruptCompression => {
                f.write_str("a compressed message cannot be inflated (RFC 7692, 7.2.2)")
            }
            Self::InvalidUtf8(error) => write!(f, "in a text message: {error}"),
            Self::CloseFrame(error) => error.fmt(f),
            Self::MessageTooLong { message_len, max_len } => {
                write!(f, "the message has at least {message_len} bytes, the limit is {max_len}")
            }
            Self::TooManyFragments { max_fragments } => {
                write!(f, "the message has more than {max_fragments} frames, the limit")
            }
            Self::TooManyControlFrames { rate: ControlFrameRate { burst, per_second } } => {
                write!(
                    f,
                    "the peer sent more control frames than {burst} at once and {per_second} per second"
                )
            }
        }
    }
}

impl core::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use tidings_frame::PayloadTooLong;

    use super::*;

    /// W-108, W-109: every violation describes the fault, to this end in full and to the peer in
    /// words that fit a Close frame, with the code of RFC 6455, 7.4.1.
    #[test]
    fn a_violation_names_its_rule_on_both_sides() {
        let kind = PayloadTooLong { payload_len: 9, max_len: 8 };
        let too_long = DecodeError { kind: DecodeErrorKind::PayloadTooLong(kind), frame_offset: 7 };
        let rate = ControlFrameRate { burst: 3, per_second: 1 };
        for (violation, code, reason, text) in [
            (
                Violation::Frame(too_long),
                1009,
                "frame too long",
                "in the frame at byte 7: the frame declares a payload of 9 bytes, the limit is 8",
            ),
            (
                Violation::UnmaskedFrame,
                1002,
                "frame not masked",
                "the client's frame is not masked (RFC 6455, 5.1)",
            ),
            (
                Violation::MaskedFrame,
                1002,
                "frame masked",
                "the server's frame is masked (RFC 6455, 5.1)",
            ),
            (
                Violation::UnexpectedContinuation,
                1002,
                "continuation without a message",
                "a continuation frame has no message to continue (RFC 6455, 5.4)",
            ),
            (
                Violation::ExpectedContinuation,
                1002,
                "message inside a fragmented message",
                "a message begins inside a fragmented message (RFC 6455, 5.4)",
            ),
            (
                Violation::UnexpectedCompression,
                1002,
                "compressed frame inside a message",
                "a frame is marked as compressed and does not begin a message (RFC 7692, 6.1)",
            ),
            (
                Violation::CorruptCompression,
                1007,
                "corrupt compression",
                "a compressed message cannot be inflated (RFC 7692, 7.2.2)",
            ),
            (
                Violation::InvalidUtf8(InvalidUtf8 { offset: 5 }),
                1007,
                "text is not UTF-8",
                "in a text message: invalid UTF-8 at byte 5 of the text (RFC 6455, 8.1)",
            ),
            (
                Violation::CloseFrame(CloseFrameError::CutCode),
                1002,
                "illegal close frame",
                "a Close frame's payload is 1 byte (RFC 6455, 5.5.1)",
            ),
            (
                Violation::MessageTooLong { message_len: 11, max_len: 10 },
                1009,
                "message too long",
                "the message has at least 11 bytes, the limit is 10",
            ),
            (
                Violation::TooManyFragments { max_fragments: 4 },
                1008,
                "too many fragments",
                "the message has more than 4 frames, the limit",
            ),
            (
                Violation::TooManyControlFrames { rate },
                1008,
                "too many control frames",
                "the peer sent more control frames than 3 at once and 1 per second",
            ),
        ] {
            assert_eq!(violation.close_code().get(), code, "{violation}");
            assert_eq!(violation.close_reason(), reason, "{violation}");
            assert_eq!(violation.to_string(), text);
        }
    }
}
