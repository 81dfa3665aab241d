//! [`HeadError`]: why bytes are not a head.

use core::fmt;

#[cfg(doc)]
use crate::limits::Limits;

/// The peer's bytes are not an HTTP/1.1 head, or too much of one.
///
/// An `offset` counts from the first byte received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// The head did not end within [`Limits::max_head_len`].
    HeadTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The start line is longer than [`Limits::max_start_line_len`].
    StartLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are more header lines than [`Limits::max_headers`], or than the slots can hold.
    TooManyHeaders {
        /// The limit, in header lines.
        limit: usize,
    },
    /// A byte that is invalid in a request method.
    Method {
        /// The position of the byte.
        offset: usize,
    },
    /// A byte that is invalid in a request target.
    Target {
        /// The position of the byte.
        offset: usize,
    },
    /// A byte that is invalid in an HTTP version.
    Version {
        /// The position of the byte.
        offset: usize,
    },
    /// A well-formed HTTP version other than 1.0 and 1.1.
    VersionUnsupported {
        /// The position of the first digit that differs.
        offset: usize,
    },
    /// A byte that is invalid in a status code or reason phrase.
    Status {
        /// The position of the byte.
        offset: usize,
    },
    /// A CR without its LF.
    BareCarriageReturn {
        /// The position of the CR.
        offset: usize,
    },
    /// A byte that is invalid in a header name.
    HeaderName {
        /// The position of the byte.
        offset: usize,
    },
    /// White space between a header name and its colon.
    SpaceBeforeColon {
        /// The position of the white space.
        offset: usize,
    },
    /// A header line that begins with white space: a folded line, or a stray space.
    LineFolding {
        /// The start of the line.
        offset: usize,
    },
    /// A control character in a header value.
    HeaderValue {
        /// The position of the byte.
        offset: usize,
    },
    /// A head of the other kind: a response where a request was expected, or the reverse.
    WrongKind,
}

impl HeadError {
    /// Returns the status of the response that reports it to a client.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::HeadTooLong { .. } | Self::TooManyHeaders { .. } => 431,
            Self::StartLineTooLong { .. } => 414,
            Self::VersionUnsupported { .. } => 505,
            _ => 400,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLong { limit } => write!(f, "the head is longer than {limit} bytes"),
            Self::StartLineTooLong { limit } => {
                write!(f, "the start line is longer than {limit} bytes")
            }
            Self::TooManyHeaders { limit } => write!(f, "there are more than {limit} headers"),
            Self::Method { offset } => {
                write!(f, "the byte at offset {offset} is not allowed in a request method")
            }
            Self::Target { offset } => {
                write!(f, "the byte at offset {offset} is not allowed in a request target")
            }
            Self::Version { offset } => {
                write!(f, "the byte at offset {offset} is not allowed in an HTTP version")
            }
            Self::VersionUnsupported { offset } => {
                write!(f, "the HTTP version at offset {offset} is not 1.1")
            }
            Self::Status { offset } => {
                write!(f, "the byte at offset {offset} is not allowed in a status line")
            }
            Self::BareCarriageReturn { offset } => {
                write!(f, "the carriage return at offset {offset} has no line feed after it")
            }
            Self::HeaderName { offset } => {
                write!(f, "the byte at offset {offset} is not allowed in a header name")
            }
            Self::SpaceBeforeColon { offset } => {
                write!(f, "there is white space before the colon of a header, at offset {offset}")
            }
            Self::LineFolding { offset } => {
                write!(f, "the header line at offset {offset} begins with white space")
            }
            Self::HeaderValue { offset } => {
                write!(f, "the byte at offset {offset} is not allowed in a header value")
            }
            Self::WrongKind => {
                f.write_str("a request was found where a response is due, or the reverse")
            }
        }
    }
}

impl core::error::Error for HeadError {}
