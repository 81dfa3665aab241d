//! The errors of a connection, classified by whose fault they are.

use std::fmt;
use std::io;
use std::time::Duration;

use tidings_deflate::AnswerError;
use tidings_handshake::{
    ProxyUriError, RedirectError, RequestBuildError, RequestError, ResponseError, UriError,
};
use tidings_websocket::frame::InvalidUtf8;
use tidings_websocket::{CloseInfo, SendError, Timeout, Violation};

use crate::opening::HandshakeTimeout;
#[cfg(feature = "rustls")]
use crate::opening::TlsError;

/// The reason why a connection could not be opened, or did not end well. A normal closure is not an
/// error.
///
/// `Display` shows all of it, including the inner error, which is therefore not a
/// [`source`](std::error::Error::source). Only an [`Io`](Self::Io) error of the caller's transport
/// has a source: the one of that error.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport failed, or ended without a Close frame. Until the WebSocket is open, the text
    /// names the phase, and the host and port.
    Io(io::Error),
    /// The client's request is not an opening handshake; it was answered.
    Request(RequestError),
    /// The application refused the request, with this status.
    Refused {
        /// The HTTP status that was sent.
        status: u16,
    },
    /// The server's answer breaks the rules of the handshake.
    Response(ResponseError),
    /// The server's answer about compression breaks the rules of RFC 7692. The server was told with
    /// 1010.
    Compression(AnswerError),
    /// The server answered in plain HTTP and did not open the WebSocket.
    Declined(Box<Declined>),
    /// The opening handshake did not end in time. Of a client, it says which phase was not finished.
    HandshakeTimeout(HandshakeTimeout),
    /// The URI is not one of a WebSocket.
    Uri(UriError),
    /// The scheme is `wss` or `https`, and this was built without the feature `rustls`.
    TlsUnsupported,
    /// TLS with this server failed: it is not available, the server is not trusted, or the peer
    /// ended it by an alert. In TLS 1.3 a server does the last after the TLS handshake, for example
    /// if it asks for a client certificate and gets none. An untrusted server receives no byte of
    /// the request.
    #[cfg(feature = "rustls")]
    Tls(TlsError),
    /// The proxy opened no tunnel, or did not pass the request on. Status 407 means
    /// that it wants credentials, or different ones.
    Proxy {
        /// The host and port of the proxy.
        proxy: Box<str>,
        /// The HTTP status of its answer.
        status: u16,
        /// The credentials that it asks for, such as `Basic realm="office"`: the values of
        /// `Proxy-Authenticate`, without control characters, and their beginning if they are long.
        challenge: Option<Box<str>>,
    },
    /// The proxy's answer breaks the rules of HTTP.
    ProxyResponse {
        /// The host and port of the proxy.
        proxy: Box<str>,
        /// The rule.
        error: ResponseError,
    },
    /// The value of an environment variable is not a valid URI of an HTTP proxy.
    ProxyUri(ProxyUriError),
    /// The server redirects to where this client does not go, or once too often.
    Redirect(RedirectError),
    /// The caller asked for a request that cannot be sent.
    RequestBuild(RequestBuildError),
    /// The peer broke the protocol or a limit. It was told so.
    Violation(Violation),
    /// The peer did not do its part in time.
    Timeout(Timeout),
    /// The transport had no room for as long as [`Config::write_timeout`](crate::websocket::Config),
    /// or at the end did not take everything: the peer reads too slowly or not at all.
    WriteTimeout(Duration),
    /// Both sides send and neither receives: the peer took nothing for as long as
    /// [`Config::write_timeout`](crate::websocket::Config), and as many of its bytes wait to be
    /// received as `max_read_ahead_len` allows. The peer was told with 1008.
    BothSend {
        /// The number of unread bytes from the peer.
        unread_len: usize,
    },
    /// The caller sent after the peer had closed; it has the content of the Close frames.
    Closed(Box<CloseInfo>),
    /// The caller sent a message that cannot be sent now.
    Send(SendError),
    /// The caller sent a message inside one that a `MessageWriter` has begun and not
    /// finished.
    MessageUnfinished,
    /// The caller feeds faster than the peer takes; nothing was queued. Flush first.
    QueueFull {
        /// The number of queued bytes.
        len: usize,
        /// [`Config::max_write_queue_len`](crate::websocket::Config).
        max_len: usize,
    },
    /// The caller wrote a text message that is not UTF-8.
    NotUtf8(InvalidUtf8),
}

/// An answer other than 101.
///
/// Its `Debug` shows the names of headers and not their values, which may be cookies, and nothing
/// of the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Declined {
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The beginning of the body: at most 64 KiB, received before the handshake timeout.
    pub body_start: Vec<u8>,
}

impl fmt::Debug for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Declined")
            .field("status", &self.status)
            .field("reason", &self.reason)
            .field("headers", &headers)
            .field("body_start_len", &self.body_start.len())
            .finish_non_exhaustive()
    }
}

impl Error {
    /// Returns whether nothing can be sent because the connection was closed, by either side and
    /// without a fault.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::Send(SendError::NotOpen))
    }

    /// Returns whether something did not happen in time: the opening handshake, a Pong, a whole
    /// message, the closing handshake, or a write.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::HandshakeTimeout(_) | Self::Timeout(_) | Self::WriteTimeout(_) => true,
            Self::Io(error) => error.kind() == io::ErrorKind::TimedOut,
            _ => false,
        }
    }

    /// Returns whether the transport ended without a closing handshake, as when the peer vanished.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        matches!(self, Self::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
        ))
    }
}

impl Error {
    /// The same error for another caller, if it is one that ends an open connection.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Violation(violation) => Self::Violation(*violation),
            Self::Timeout(timeout) => Self::Timeout(*timeout),
            Self::WriteTimeout(limit) => Self::WriteTimeout(*limit),
            Self::BothSend { unread_len } => Self::BothSend { unread_len: *unread_len },
            Self::Io(error) => Self::Io(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            other => {
                debug_assert!(false, "no error of an open connection: {other}");
                Self::Io(io::Error::other(other.to_string()))
            }
        }
    }

    /// Returns whether the fault is in the caller's request: another attempt would ask the same.
    #[must_use]
    pub const fn is_user(&self) -> bool {
        matches!(
            self,
            Self::Uri(_)
                | Self::RequestBuild(_)
                | Self::TlsUnsupported
                | Self::ProxyUri(_)
                | Self::Redirect(_)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Request(error) => write!(f, "the client's opening handshake: {error}"),
            Self::Refused { status } => write!(f, "the request was refused with status {status}"),
            Self::Response(error) => write!(f, "the server's opening handshake: {error}"),
            Self::Compression(error) => write!(f, "the server's permessage-deflate: {error}"),
            Self::Declined(declined) => {
                let Declined { status, reason, .. } = &**declined;
                write!(f, "the server answered {status} {}", reason.escape_debug())
            }
            Self::HandshakeTimeout(timeout) => timeout.fmt(f),
            Self::Uri(error) => error.fmt(f),
            Self::TlsUnsupported => f.write_str(
                "TLS needs the feature `rustls`, or a TLS stream that you bring yourself",
            ),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.fmt(f),
            Self::Proxy { proxy, status, challenge } => {
                write!(f, "the proxy {proxy} answered with status {status}")?;
                match challenge {
                    Some(challenge) => write!(f, " and asks for credentials: {challenge}"),
                    None => Ok(()),
                }
            }
            Self::ProxyResponse { proxy, error } => {
                write!(f, "the answer of the proxy {proxy}: {error}")
            }
            Self::ProxyUri(error) => error.fmt(f),
            Self::Redirect(error) => error.fmt(f),
            Self::RequestBuild(error) => error.fmt(f),
            Self::Violation(violation) => violation.fmt(f),
            Self::Timeout(timeout) => timeout.fmt(f),
            Self::WriteTimeout(limit) => write!(
                f,
                "the transport had no room for {limit:?}: the peer reads too slowly or not at all"
            ),
            Self::BothSend { unread_len } => write!(
                f,
                "both sides send and neither receives: {unread_len} bytes of the peer's wait to be \
                 received, and it takes nothing; receive between two sends, or raise \
                 max_read_ahead_len"
            ),
            Self::Closed(info) => write!(f, "the peer has closed: {}", info.received),
            Self::Send(error) => error.fmt(f),
            Self::QueueFull { len, max_len } => {
                write!(f, "the send queue is full: it has {len} bytes, the limit is {max_len}")
            }
            Self::MessageUnfinished => {
                f.write_str("a message that a MessageWriter began must be finished first")
            }
            Self::NotUtf8(error) => write!(f, "the text to send: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            // `Display` shows the inner error.
            _ => None,
        }
    }
}

/// For the traits that know no other error.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// An error of a TLS stream that is one of TLS becomes [`Error::Tls`].
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        #[cfg(feature = "rustls")]
        return TlsError::downcast(error).map_or_else(Self::Io, Self::Tls);
        #[cfg(not(feature = "rustls"))]
        Self::Io(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<UriError> for Error {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<RequestBuildError> for Error {
    fn from(error: RequestBuildError) -> Self {
        Self::RequestBuild(error)
    }
}

#[cfg(test)]
mod tests;
