//! What a peer can do wrong on an open connection. Always the peer's fault, always the last event.

use core::fmt;

use tidings_frame::{CloseCode, CloseFrameError, DecodeError, DecodeErrorKind, InvalidUtf8};

use crate::limits::ControlFrameRate;

/// The rule or limit that the peer broke. The connection has failed; the Close frame with
/// [`close_code`](Self::close_code) is already owed.
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
    /// A compressed message can't be inflated (RFC 7692, 7.2.2).
    CorruptCompression,
    /// A text message is not UTF-8 (RFC 6455, 8.1).
    InvalidUtf8(InvalidUtf8),
    /// The payload of a Close frame is illegal (RFC 6455, 5.5.1).
    CloseFrame(CloseFrameError),
    /// A message is longer than the limit.
    MessageTooLong {
        /// Its length so far, with the frame just announced, in bytes.
        message_len: u64,
        /// What is allowed, in bytes.
        len_max: u64,
    },
    /// A message has more frames than the limit.
    TooManyFragments {
        /// What is allowed.
        fragments_max: u32,
    },
    /// Control frames come faster than allowed.
    TooManyControlFrames {
        /// What is allowed.
        rate: ControlFrameRate,
    },
}

impl Violation {
    /// The code that the connection is failed with (RFC 6455, 7.4.1).
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

    /// The reason sent with the code: names the rule, in words that say nothing of this end.
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
                f.write_str("a compressed message can't be inflated (RFC 7692, 7.2.2)")
            }
            Self::InvalidUtf8(error) => write!(f, "in a text message: {error}"),
            Self::CloseFrame(error) => error.fmt(f),
            Self::MessageTooLong { message_len, len_max } => {
                write!(f, "the message has at least {message_len} bytes, the limit is {len_max}")
            }
            Self::TooManyFragments { fragments_max } => {
                write!(f, "the message has more than {fragments_max} frames, the limit")
            }
            Self::TooManyControlFrames { rate: ControlFrameRate { burst, per_second } } => {
                write!(f, "more control frames than {burst} at once and {per_second} per second")
            }
        }
    }
}

impl core::error::Error for Violation {}
