//! What can go wrong, told apart by whose fault it is: [`Error`].

use core::fmt;

use tidings_handshake::{BufferTooSmall, RequestError, ResponseError};
use tidings_websocket::{SendError, Timeout, Violation};

/// Why a connection could not be opened, why it ended, or why a call did nothing. `E` is the error of
/// the stream. A normal closure is not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The stream failed. Nothing is lost: if the error is one that passes, a timeout say, the same
    /// call can be made again. Only a `send` that was cut must be
    /// [resumed](crate#a-send-that-was-cut).
    Io(E),
    /// The stream claims to have read more than there was room for, or to have written nothing or
    /// more than it was given.
    BrokenStream,

    /// The stream ended inside the opening handshake, or without a Close frame.
    Eof,
    /// The client's request is not an opening handshake; it was answered.
    Request(RequestError),
    /// The server's answer breaks the rules of the handshake.
    Response(ResponseError),
    /// The server answered in plain HTTP and did not open the WebSocket.
    Declined {
        /// The HTTP status.
        status: u16,
        /// So many bytes of the caller's buffer are the answer: its head, and of its body what came
        /// with it.
        received_len: usize,
    },
    /// The server sent more interim responses than anybody needs.
    TooManyInterimResponses,
    /// The opening handshake did not end within
    /// [`Config::handshake_timeout`](crate::Config::handshake_timeout).
    HandshakeTimeout,
    /// The peer broke the protocol or a limit. It was told, by the Close frame that says so.
    Violation(Violation),
    /// The peer did not do its part in time.
    Timeout(Timeout),

    /// The application refused the request; it was answered with this HTTP status.
    Refused {
        /// The status.
        status: u16,
    },
    /// The request, or the answer behind the request's head, does not fit into the buffer, or there
    /// is no buffer at all. A client was answered with 431.
    BufferTooSmall(BufferTooSmall),
    /// The application offered or accepted an extension of WebSocket. This crate speaks none.
    Extension,
    /// The application sent what can't be sent now; nothing was sent.
    Send(SendError),
    /// A frame was cut while it was written, and the rest of it comes first: by `resume_send` with
    /// the same payload (this one has another length, or there was another call), or by `flush` if it
    /// is a control frame. Nothing was sent.
    FrameUnfinished,
}

/// Who is to blame for an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorSource {
    /// The stream below: the network, or its driver.
    Stream,
    /// The other side of the connection.
    Peer,
    /// The code that uses this crate.
    Application,
}

impl<E> Error<E> {
    /// Who is to blame.
    #[must_use]
    pub const fn error_source(&self) -> ErrorSource {
        match self {
            Self::Io(_) | Self::BrokenStream => ErrorSource::Stream,
            Self::Eof
            | Self::Request(_)
            | Self::Response(_)
            | Self::Declined { .. }
            | Self::TooManyInterimResponses
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
                f.write_str("the stream read or wrote another number of bytes than it can have")
            }
            Self::Eof => f.write_str("the stream ended before the connection was closed"),
            Self::Request(error) => write!(f, "the client's opening handshake: {error}"),
            Self::Response(error) => write!(f, "the server's opening handshake: {error}"),
            Self::Declined { status, .. } => {
                write!(f, "the server answered with status {status} and opened no WebSocket")
            }
            Self::TooManyInterimResponses => {
                f.write_str("the server sent too many interim responses")
            }
            Self::HandshakeTimeout => f.write_str("the opening handshake did not end in time"),
            Self::Violation(violation) => violation.fmt(f),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::Refused { status } => write!(f, "the request was refused with status {status}"),
            Self::BufferTooSmall(error) => error.fmt(f),
            Self::Extension => f.write_str("an extension was agreed on, and none is spoken here"),
            Self::Send(error) => error.fmt(f),
            Self::FrameUnfinished => f.write_str(
                "a frame was cut while it was written: the rest of it must be written first",
            ),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::Response(error) => Some(error),
            Self::Violation(violation) => Some(violation),
            Self::Timeout(timeout) => Some(timeout),
            Self::BufferTooSmall(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::BrokenStream
            | Self::Eof
            | Self::Declined { .. }
            | Self::TooManyInterimResponses
            | Self::HandshakeTimeout
            | Self::Refused { .. }
            | Self::Extension
            | Self::FrameUnfinished => None,
        }
    }
}

impl<E> From<SendError> for Error<E> {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}
