//! The errors of a WebSocket: [`Error`].

use core::fmt;

use tidings_handshake::opening::{OpeningError, Refusal};
use tidings_handshake::{BufferTooSmall, RequestError, ResponseError};
use tidings_websocket::{SendError, Timeout, Violation};

/// The reason why a connection could not be opened, why it ended, or why a call did nothing. `E` is
/// the error of the stream. A normal closure is not an error.
///
/// `Display` shows all of it, the error inside too, which is therefore not a
/// [`source`](core::error::Error::source).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The stream failed. Nothing is lost: after a temporary error, such as a timeout, make the same
    /// call again. Only a `send` that did not finish must be
    /// [resumed](crate#a-send-that-did-not-finish).
    Io(E),
    /// The stream claims to have read more than there was room for, or to have written nothing, or
    /// more than it was given.
    BrokenStream,

    /// The stream ended during the opening handshake, or without a Close frame.
    Eof,
    /// The client's request is not a valid opening handshake; it was answered.
    Request(RequestError),
    /// The server's answer breaks the rules of the opening handshake.
    Response(ResponseError),
    /// The server answered in plain HTTP and did not open the WebSocket.
    Declined {
        /// The HTTP status.
        status: u16,
        /// This many bytes of the caller's buffer are the answer: its head, and the start of its body
        /// if that came with it.
        received_len: usize,
    },
    /// The opening handshake did not finish within
    /// [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    HandshakeTimeout,
    /// The peer broke the protocol or exceeded a limit. A Close frame told it so.
    Violation(Violation),
    /// The peer was late.
    Timeout(Timeout),

    /// The application refused the request, which was answered with this HTTP status.
    Refused {
        /// The status.
        status: u16,
    },
    /// The buffer is too small: for the request, for the response after the head of the request, or to
    /// receive anything (4 bytes). A client was answered with 431.
    BufferTooSmall(BufferTooSmall),
    /// The application offered or accepted an extension of WebSocket. This crate supports none.
    Extension,
    /// The application sent something that cannot be sent now; nothing was sent.
    Send(SendError),
    /// An earlier frame is unfinished, and its rest comes first: with `resume_send` and the same
    /// payload (this one has another length, or this was another call), or with `flush` if it is a
    /// control frame. Nothing was sent.
    FrameUnfinished,
}

/// The source of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorSource {
    /// The stream: the network, or its driver.
    Stream,
    /// The other side of the connection.
    Peer,
    /// The code that uses this crate.
    Application,
}

impl<E> Error<E> {
    /// Returns the source of the error.
    #[must_use]
    pub const fn error_source(&self) -> ErrorSource {
        match self {
            Self::Io(_) | Self::BrokenStream => ErrorSource::Stream,
            Self::Eof
            | Self::Request(_)
            | Self::Response(_)
            | Self::Declined { .. }
            | Self::HandshakeTimeout
            | Self::Violation(_)
            | Self::Timeout(_) => ErrorSource::Peer,
            Self::Refused { .. }
            | Self::BufferTooSmall(_)
            | Self::Extension
            | Self::Send(_)
            | Self::FrameUnfinished => ErrorSource::Application,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the stream failed: {error}"),
            Self::BrokenStream => {
                f.write_str("the stream returned an impossible number of bytes read or written")
            }
            Self::Eof => f.write_str("the stream ended before the connection was closed"),
            Self::Request(error) => write!(f, "the client's opening handshake: {error}"),
            Self::Response(error) => write!(f, "the server's opening handshake: {error}"),
            Self::Declined { status, .. } => {
                write!(f, "the server answered {status} and did not open the WebSocket")
            }
            Self::HandshakeTimeout => f.write_str("the opening handshake timed out"),
            Self::Violation(violation) => violation.fmt(f),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Refused { status } => write!(f, "the request was refused with status {status}"),
            Self::BufferTooSmall(error) => error.fmt(f),
            Self::Extension => {
                f.write_str("an extension was negotiated, and tidings-embedded supports none")
            }
            Self::Send(error) => error.fmt(f),
            Self::FrameUnfinished => {
                f.write_str("an earlier frame is unfinished: write the rest of it first")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}

impl<E> From<SendError> for Error<E> {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl<E> From<OpeningError> for Error<E> {
    fn from(error: OpeningError) -> Self {
        match error {
            OpeningError::Eof => Self::Eof,
            OpeningError::TimedOut => Self::HandshakeTimeout,
            OpeningError::BrokenTransport => Self::BrokenStream,
        }
    }
}

impl<E> From<Refusal> for Error<E> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Request(error) => Self::Request(error),
            Refusal::Application { status } => Self::Refused { status },
            Refusal::BufferTooSmall(error) => Self::BufferTooSmall(error),
        }
    }
}
