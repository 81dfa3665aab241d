//! [`RequestError`]: why a request is not an opening handshake.

use core::fmt;

use crate::authority::AuthorityError;
use crate::extensions::ExtensionsError;
use crate::head::HeadError;
use crate::key::KeyError;
use crate::subprotocol::SubprotocolError;

/// The peer's request is not an opening handshake (RFC 6455, 4.2.1; RFC 8441, 5).
///
/// Each error has its HTTP status and turns into a [`Rejection`](crate::Rejection). Its text holds
/// no byte of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The bytes are not a head, or too much of one.
    Head(HeadError),
    /// The method is not GET.
    Method,
    /// The HTTP version is 1.0, in which `Upgrade` has no meaning (RFC 9110, 7.8).
    HttpVersion,
    /// The request target is neither a path nor an absolute URI.
    Target,
    /// A header name is not a token, or over HTTP/2 not in lower case.
    HeaderName {
        /// The index of the header line, from 0.
        index: usize,
    },
    /// A header value holds a control character.
    HeaderValue {
        /// The index of the header line, from 0.
        index: usize,
    },
    /// A header that must be there is not.
    Missing(RequestField),
    /// A header that may be there once is there again.
    Repeated(RequestField),
    /// The host is empty or malformed.
    Host(AuthorityError),
    /// Over HTTP/2, `Host` and `:authority` differ.
    HostConflict,
    /// `Upgrade` does not list `websocket`.
    Upgrade,
    /// `Connection` does not list `Upgrade`.
    Connection,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64.
    Key(KeyError),
    /// `Sec-WebSocket-Version` is not 13.
    Version,
    /// There is, or may be, a body, which would be read as frames.
    Body,
    /// `Sec-WebSocket-Protocol` is not a list of different tokens.
    Subprotocols(SubprotocolError),
    /// `Sec-WebSocket-Extensions` is not an extension list.
    Extensions(ExtensionsError),
    /// `Origin` holds bytes that no origin has.
    Origin,
    /// The method of a request over HTTP/2 is not CONNECT.
    NotConnect,
    /// `:protocol` is missing, or names another protocol than `websocket`.
    Protocol,
    /// `:scheme` is missing, or neither `http` nor `https`.
    Scheme,
    /// A header that belongs to an HTTP/1.1 connection stands in a request over HTTP/2.
    ConnectionSpecific,
}

impl RequestError {
    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Head(error) => error.status(),
            // RFC 9110, 15.5.6
            Self::Method => 405,
            Self::HttpVersion => 505,
            // RFC 9110, 15.5.22 and RFC 6455, 4.2.2 item 4: the response names the required
            // protocol.
            Self::Missing(RequestField::Upgrade | RequestField::Connection)
            | Self::Missing(RequestField::Version)
            | Self::Upgrade
            | Self::Connection
            | Self::Version => 426,
            // RFC 9220, 3
            Self::Protocol => 501,
            _ => 400,
        }
    }
}

impl From<HeadError> for RequestError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<KeyError> for RequestError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<SubprotocolError> for RequestError {
    fn from(error: SubprotocolError) -> Self {
        Self::Subprotocols(error)
    }
}

impl From<ExtensionsError> for RequestError {
    fn from(error: ExtensionsError) -> Self {
        Self::Extensions(error)
    }
}

impl From<AuthorityError> for RequestError {
    fn from(error: AuthorityError) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => error.fmt(f),
            Self::Method => f.write_str("a WebSocket is opened with the method GET"),
            Self::HttpVersion => f.write_str("a WebSocket is opened with HTTP/1.1"),
            Self::Target => f.write_str("the request target is neither a path nor a URI"),
            Self::HeaderName { index } => {
                write!(f, "the name of header {index} is not a token")
            }
            Self::HeaderValue { index } => {
                write!(f, "the value of header {index} holds a control character")
            }
            Self::Missing(field) => write!(f, "the header {field} is missing"),
            Self::Repeated(field) => write!(f, "the header {field} is repeated"),
            Self::Host(error) => write!(f, "the host of the request is malformed: {error}"),
            Self::HostConflict => {
                f.write_str("the header Host and the pseudo-header :authority differ")
            }
            Self::Upgrade => f.write_str("the header Upgrade does not list websocket"),
            Self::Connection => f.write_str("the header Connection does not list Upgrade"),
            Self::Key(error) => write!(f, "the header Sec-WebSocket-Key is malformed: {error}"),
            Self::Version => f.write_str("the header Sec-WebSocket-Version is not 13"),
            Self::Body => f.write_str("an opening handshake has no body"),
            Self::Subprotocols(error) => {
                write!(f, "the header Sec-WebSocket-Protocol is malformed: {error}")
            }
            Self::Extensions(error) => {
                write!(f, "the header Sec-WebSocket-Extensions is malformed: {error}")
            }
            Self::Origin => f.write_str("the header Origin is malformed"),
            Self::NotConnect => {
                f.write_str("over HTTP/2 a WebSocket is opened with the method CONNECT")
            }
            Self::Protocol => f.write_str("the pseudo-header :protocol is not websocket"),
            Self::Scheme => f.write_str("the pseudo-header :scheme is neither http nor https"),
            Self::ConnectionSpecific => {
                f.write_str("a header of an HTTP/1.1 connection has no place in HTTP/2")
            }
        }
    }
}

impl core::error::Error for RequestError {}

/// A header that a request must have, or may have only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestField {
    /// `Host`, or over HTTP/2 `:authority`.
    Host,
    /// `Upgrade`
    Upgrade,
    /// `Connection`
    Connection,
    /// `Sec-WebSocket-Key`
    Key,
    /// `Sec-WebSocket-Version`
    Version,
    /// `Origin`
    Origin,
    /// `Content-Length`
    ContentLength,
}

impl fmt::Display for RequestField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "Host",
            Self::Upgrade => "Upgrade",
            Self::Connection => "Connection",
            Self::Key => "Sec-WebSocket-Key",
            Self::Version => "Sec-WebSocket-Version",
            Self::Origin => "Origin",
            Self::ContentLength => "Content-Length",
        })
    }
}
