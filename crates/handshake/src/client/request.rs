//! [`ClientRequest`]: the opening handshake that a client sends (RFC 6455, 4.1).

use core::fmt::{self, Write};

use crate::authority::{Authority, AuthorityError};
use crate::client::response::{self, Offer, Response, StatusLine};
use crate::client::response_error::ResponseError;
use crate::extensions::{self, Extension, ExtensionList};
use crate::extra_headers::{ExtraHeaderError, ExtraHeaders};
use crate::head::Head;
use crate::headers::{HeaderSlots, Headers};
use crate::key::Key;
use crate::origin::Origin;
use crate::subprotocol::{self, SubprotocolError};
use crate::uri::WebSocketUri;
use crate::wire::{self, BufferTooSmall};

/// The opening handshake of a client, which also checks the server's answer.
///
/// ```
/// use tidings_handshake::{
///     Response, ClientRequest, HeadScanner, HeaderSlots, Key, Limits, Progress, WebSocketUri,
/// };
///
/// let uri = WebSocketUri::parse("ws://server.example.com/chat")?;
/// let key = Key::from_nonce(*b"the sample nonce"); // 16 random bytes, fresh each time
/// let request = ClientRequest::new(uri, key).subprotocols(&["chat", "superchat"])?;
/// let mut out = [0; 512];
/// let len = request.encode(&mut out)?;
/// assert!(out[..len].starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
///
/// let received = b"HTTP/1.1 101 Switching Protocols\r\n\
///     Upgrade: websocket\r\n\
///     Connection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
///     Sec-WebSocket-Protocol: chat\r\n\r\n";
/// let mut scanner = HeadScanner::response(Limits::client());
/// let Progress::Complete(head) = scanner.scan(received)? else { panic!("read more") };
/// let mut slots = HeaderSlots::<32>::new();
/// match request.parse_response(head, &mut slots)? {
///     Response::Opened(opened) => assert_eq!(opened.subprotocol(), Some("chat")),
///     Response::Interim(interim) => panic!("drop {} bytes and scan anew", interim.head_len()),
///     Response::Declined(declined) => panic!("status {}", declined.status()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ClientRequest<'a> {
    uri: WebSocketUri<'a>,
    key: Key,
    host: Option<Authority<'a>>,
    origin: Option<&'a str>,
    subprotocols: &'a [&'a str],
    extensions: &'a [Extension<'a>],
    headers: ExtraHeaders<'a>,
}

impl<'a> ClientRequest<'a> {
    /// A request for this resource. The key's nonce must be random and new for each connection.
    #[must_use]
    pub const fn new(uri: WebSocketUri<'a>, key: Key) -> Self {
        Self {
            uri,
            key,
            host: None,
            origin: None,
            subprotocols: &[],
            extensions: &[],
            headers: ExtraHeaders::NONE,
        }
    }

    /// Sends this `Host`, with or without a port, in place of the one that the URI names.
    ///
    /// # Errors
    ///
    /// The text is not a host.
    pub fn host(mut self, host: &'a str) -> Result<Self, RequestBuildError> {
        self.host = Some(Authority::parse(host).map_err(RequestBuildError::Host)?);
        Ok(self)
    }

    /// Sends an `Origin`, as only a browser must (RFC 6455, 4.1 item 8).
    ///
    /// # Errors
    ///
    /// The text is neither `null` nor `scheme://host` with or without a port.
    pub fn origin(mut self, origin: &'a str) -> Result<Self, RequestBuildError> {
        Origin::parse(origin).map_err(|_| RequestBuildError::Origin)?;
        self.origin = Some(origin);
        Ok(self)
    }

    /// Offers these subprotocols, the one it likes best first.
    ///
    /// # Errors
    ///
    /// One is not a token, or is listed twice.
    pub fn subprotocols(mut self, offer: &'a [&'a str]) -> Result<Self, RequestBuildError> {
        // RFC 6455, 4.1 item 10
        subprotocol::check_list(offer)?;
        self.subprotocols = offer;
        Ok(self)
    }

    /// Offers these extensions. A name may be listed several times, with different parameters.
    #[must_use]
    pub const fn extensions(mut self, offer: &'a [Extension<'a>]) -> Self {
        self.extensions = offer;
        self
    }

    /// Adds headers of the application, such as `Authorization` or `Cookie`, in place of those
    /// given before.
    ///
    /// # Errors
    ///
    /// A name is not a token or belongs to the handshake, or a value holds a control character.
    pub fn headers(mut self, headers: &'a [(&'a str, &'a str)]) -> Result<Self, RequestBuildError> {
        self.headers = ExtraHeaders::new(headers)?;
        Ok(self)
    }

    /// The URI of the request.
    #[must_use]
    pub const fn uri(&self) -> WebSocketUri<'a> {
        self.uri
    }

    /// The host and port that the request names: those of the URI, or of [`host`](Self::host).
    #[must_use]
    pub fn authority(&self) -> Authority<'a> {
        self.host.unwrap_or(self.uri.authority())
    }

    /// Writes the request to a slice and returns its length.
    ///
    /// After it nothing more may be sent until the answer has come (RFC 6455, 4.1).
    ///
    /// # Errors
    ///
    /// The slice is shorter than [`ClientRequest::encoded_len`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        wire::encode(out, |out| self.write(out))
    }

    /// Bytes of the request.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        wire::encoded_len(|out| self.write(out))
    }

    /// Encodes the request into a new vector.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_vec(&self) -> alloc::vec::Vec<u8> {
        wire::to_vec(|out| self.write(out))
    }

    /// Calls `line` with each header line of the HTTP/1.1 request in turn.
    ///
    /// # Errors
    ///
    /// Only the output of `line`.
    pub fn try_for_each_header<E>(
        &self,
        mut line: impl FnMut(&str, &dyn fmt::Display) -> Result<(), E>,
    ) -> Result<(), E> {
        // RFC 6455, 4.1 items 4 to 7
        line("Host", &self.authority())?;
        line("Upgrade", &"websocket")?;
        line("Connection", &"Upgrade")?;
        line("Sec-WebSocket-Key", &self.key)?;
        self.try_for_each_http2_header(line)
    }

    /// Calls `line` with each header line of the request over HTTP/2 in turn. HTTP/2 wants the
    /// names in lower case, which is left to its encoder.
    ///
    /// RFC 8441, 5: the pseudo-headers are `:method` CONNECT, `:protocol` websocket, `:scheme` http
    /// or https, `:authority` [`ClientRequest::authority`] and `:path`
    /// [`WebSocketUri::resource_name`].
    ///
    /// # Errors
    ///
    /// Only the output of `line`.
    pub fn try_for_each_http2_header<E>(
        &self,
        mut line: impl FnMut(&str, &dyn fmt::Display) -> Result<(), E>,
    ) -> Result<(), E> {
        // RFC 6455, 4.1 items 8 to 12
        if let Some(origin) = &self.origin {
            line("Origin", origin)?;
        }
        line("Sec-WebSocket-Version", &"13")?;
        if !self.subprotocols.is_empty() {
            line(subprotocol::HEADER, &TokenList(self.subprotocols))?;
        }
        if !self.extensions.is_empty() {
            line(extensions::HEADER, &ExtensionList(self.extensions))?;
        }
        self.headers.iter().try_for_each(|(name, value)| line(name, &value))
    }

    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        // RFC 6455, 4.1 items 1 to 3
        write!(out, "GET {} HTTP/1.1\r\n", self.uri.resource_name())?;
        self.try_for_each_header(|name, value| write!(out, "{name}: {value}\r\n"))?;
        out.write_str("\r\n")
    }

    /// Parses and checks the head of the server's answer.
    ///
    /// # Errors
    ///
    /// The response is not HTTP, or a 101 that breaks a rule: the connection must be closed
    /// (RFC 6455, 4.1). A status other than 101 is not an error but [`Response::Declined`].
    pub fn parse_response<'r, 'head: 'r, const N: usize>(
        &self,
        head: Head<'head>,
        slots: &'r mut HeaderSlots<'head, N>,
    ) -> Result<Response<'r>, ResponseError> {
        response::parse(&self.offer(), head, slots)
    }

    /// Checks an answer that another parser has taken apart.
    ///
    /// # Errors
    ///
    /// Like [`ClientRequest::parse_response`].
    pub fn check_response<'r>(
        &self,
        line: StatusLine<'r>,
        headers: Headers<'r>,
    ) -> Result<Response<'r>, ResponseError> {
        response::check(&self.offer(), line, headers)
    }

    const fn offer(&self) -> Offer<'a> {
        Offer { key: self.key, subprotocols: self.subprotocols, extensions: self.extensions }
    }
}

struct TokenList<'a>(&'a [&'a str]);

impl fmt::Display for TokenList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, token)| {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(token)
        })
    }
}

/// The request that the caller asks for cannot be sent: the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestBuildError {
    /// The `Host` to send is not a host.
    Host(AuthorityError),
    /// The origin is neither `null` nor a scheme, a host and a port.
    Origin,
    /// The subprotocols are not different tokens.
    Subprotocols(SubprotocolError),
    /// An extra header cannot be sent.
    Header(ExtraHeaderError),
}

impl From<SubprotocolError> for RequestBuildError {
    fn from(error: SubprotocolError) -> Self {
        Self::Subprotocols(error)
    }
}

impl From<ExtraHeaderError> for RequestBuildError {
    fn from(error: ExtraHeaderError) -> Self {
        Self::Header(error)
    }
}

impl fmt::Display for RequestBuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => write!(f, "the Host to send: {error}"),
            Self::Origin => {
                f.write_str("the origin to send is neither null nor a scheme, a host and a port")
            }
            Self::Subprotocols(error) => error.fmt(f),
            Self::Header(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RequestBuildError {}

#[cfg(test)]
mod tests;
