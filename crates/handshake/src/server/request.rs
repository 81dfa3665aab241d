//! [`ServerRequest`]: a request that holds every MUST of RFC 6455, 4.2.1.
//!
//! All of them go through [`ServerRequest::check`], whatever parsed the request: this crate
//! ([`ServerRequest::parse`]), a framework, or an HTTP/2 stack.

use crate::authority::{Authority, AuthorityError};
use crate::extensions::Extensions;
use crate::head::{Head, HeadError};
use crate::headers::{HeaderSlots, Headers};
use crate::key::Key;
use crate::origin::{OriginError, OriginPolicy};
use crate::server::acceptance::Acceptance;
use crate::server::forwarded::Forwarded;
use crate::server::rejection::Rejection;
use crate::server::request_error::{RequestError, RequestField};
use crate::subprotocol::{self, Subprotocols};
use crate::token::{is_field_value_byte, is_token, list_contains, trim};
use crate::uri::split_scheme;

/// The version of HTTP in a start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// The part before the headers of a request.
#[derive(Clone, Copy, Debug)]
pub enum RequestLine<'a> {
    /// The request line of HTTP/1.
    Http1 {
        /// The method.
        method: &'a str,
        /// The version.
        version: HttpVersion,
        /// The authority, if the target was an absolute URI and a framework has taken it apart.
        authority: Option<&'a str>,
        /// The request target: a path with its query, or an absolute URI.
        target: &'a str,
    },
    /// The pseudo-headers of HTTP/2 or HTTP/3, for extended CONNECT (RFC 8441, 4; RFC 9220).
    Http2 {
        /// `:method`
        method: &'a str,
        /// `:protocol`
        protocol: Option<&'a str>,
        /// `:scheme`
        scheme: Option<&'a str>,
        /// `:authority`
        authority: Option<&'a str>,
        /// `:path`
        path: &'a str,
    },
}

/// The decision of an application about a request.
///
/// With `?`, an error in either answer becomes a rejection with the status 500.
pub type Decision<'r> = Result<Acceptance<'r>, Rejection<'r>>;

/// An opening handshake from a client that fulfils every MUST of RFC 6455, 4.2.1 (over HTTP/2, of
/// RFC 8441, 5). Only the application's own questions are open: who the client is, its origin, and
/// its target.
///
/// ```
/// use tidings_handshake::{HeadScanner, HeaderSlots, Limits, Progress, ServerRequest};
///
/// let buffer = b"GET /chat HTTP/1.1\r\n\
///     Host: server.example.com\r\n\
///     Upgrade: websocket\r\n\
///     Connection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
///     Sec-WebSocket-Protocol: chat, superchat\r\n\
///     Sec-WebSocket-Version: 13\r\n\r\n";
/// let mut scanner = HeadScanner::request(Limits::server());
/// let Progress::Complete(head) = scanner.scan(buffer)? else { panic!("read more") };
///
/// let mut slots = HeaderSlots::<32>::new();
/// let request = ServerRequest::parse(head, &mut slots)?;
/// assert_eq!(request.path(), "/chat");
///
/// // Neither Origin nor path is checked here: see `check_origin` and `path`.
/// let mut out = [0; 256];
/// let chosen = request.choose_subprotocol(&["superchat"]);
/// let len = request.accept().subprotocol(chosen)?.encode(&mut out)?;
/// assert!(out[..len].starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerRequest<'a> {
    key: Option<Key>,
    authority: Authority<'a>,
    target: &'a str,
    origin: Option<&'a str>,
    headers: Headers<'a>,
    head_len: usize,
}

impl<'a> ServerRequest<'a> {
    /// Parses and checks a head.
    ///
    /// # Errors
    ///
    /// The request is not an opening handshake; answer with a [`Rejection`](crate::Rejection) and
    /// close.
    pub fn parse<'head: 'a, const N: usize>(
        head: Head<'head>,
        slots: &'a mut HeaderSlots<'head, N>,
    ) -> Result<Self, RequestError> {
        let slots = slots.as_mut_slice();
        let limit = slots.len();
        let mut parsed = httparse::Request::new(slots);
        match parsed.parse(head.as_bytes()) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => {
                return Err(HeadError::TooManyHeaders { limit }.into());
            }
            // The scanner has let this head through, so it is one, but of a response.
            Ok(httparse::Status::Partial) | Err(_) => return Err(HeadError::WrongKind.into()),
        }
        debug_assert!(parsed.method.is_some() && parsed.path.is_some(), "it is complete");
        let line = RequestLine::Http1 {
            method: parsed.method.unwrap_or_default(),
            version: match parsed.version {
                Some(0) => HttpVersion::Http10,
                _ => HttpVersion::Http11,
            },
            authority: None,
            target: parsed.path.unwrap_or_default(),
        };
        let mut request = Self::check(line, Headers::from_parsed(parsed.headers))?;
        request.head_len = head.len();
        Ok(request)
    }

    /// Checks a request that another parser has taken apart.
    ///
    /// # Errors
    ///
    /// Like [`ServerRequest::parse`].
    pub fn check(line: RequestLine<'a>, headers: Headers<'a>) -> Result<Self, RequestError> {
        let (target_authority, target, over_http2) = check_line(line)?;
        let fields = Fields::collect(headers, over_http2)?;

        // RFC 9112, 3.2: the authority of an absolute target goes before Host, which must be there
        // all the same. Over HTTP/2 the pseudo-header takes its place.
        if fields.host.is_none() && !over_http2 {
            return Err(RequestError::Missing(RequestField::Host));
        }
        let host = fields.host.map(parse_host).transpose()?;
        let target_authority = target_authority.map(Authority::parse).transpose()?;
        let authority = match (target_authority, host) {
            // RFC 9113, 8.3.1: two hosts that differ are malformed.
            (Some(authority), Some(host)) if over_http2 && !authority.agrees_with(&host) => {
                return Err(RequestError::HostConflict);
            }
            (Some(authority), _) | (None, Some(authority)) => authority,
            (None, None) => return Err(RequestError::Missing(RequestField::Host)),
        };

        // RFC 9112, 6.3: the bytes of a body would be read as frames.
        if fields.transfer_encoding || !fields.content_length.is_none_or(is_zero) {
            return Err(RequestError::Body);
        }
        if !over_http2 {
            // RFC 6455, 4.2.1 items 3 and 4
            fields.upgrade.require(RequestField::Upgrade, RequestError::Upgrade)?;
            fields.connection.require(RequestField::Connection, RequestError::Connection)?;
        }
        // RFC 6455, 4.2.1 item 6
        match fields.version.map(trim) {
            Some(b"13") => {}
            Some(_) => return Err(RequestError::Version),
            None => return Err(RequestError::Missing(RequestField::Version)),
        }
        // RFC 6455, 4.2.1 item 5; RFC 8441, 5: over HTTP/2 the key is not processed.
        let key = match fields.key {
            _ if over_http2 => None,
            Some(key) => Some(Key::parse(key)?),
            None => return Err(RequestError::Missing(RequestField::Key)),
        };
        // RFC 6455, 4.2.1 items 7 to 9
        let origin = match fields.origin.map(|origin| core::str::from_utf8(trim(origin))) {
            Some(Ok(origin)) if origin.bytes().all(|byte| byte.is_ascii_graphic()) => Some(origin),
            Some(_) => return Err(RequestError::Origin),
            None => None,
        };
        subprotocol::check_offer(headers)?;
        Extensions::parse(headers)?;

        Ok(Self { key, authority, target, origin, headers, head_len: 0 })
    }

    /// The path with its query, as the client wrote it: nothing is decoded. It begins with a slash
    /// or, if the client wrote a whole URI with a query after an empty path, with the question mark.
    #[must_use]
    pub const fn target(&self) -> &'a str {
        self.target
    }

    /// Returns the path, which begins with a slash. Percent-encoding is unchanged.
    #[must_use]
    pub fn path(&self) -> &'a str {
        let path = self.target.split_once('?').map_or(self.target, |(path, _)| path);
        // RFC 9110, 4.2.3
        if path.is_empty() { "/" } else { path }
    }

    /// The query after the question mark, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The host and port that the client wants to speak to.
    #[must_use]
    pub const fn host(&self) -> Authority<'a> {
        self.authority
    }

    /// The `Origin` header, which browsers send and others need not. See [`OriginPolicy`].
    #[must_use]
    pub const fn origin(&self) -> Option<&'a str> {
        self.origin
    }

    /// Checks the origin against a policy. `secure` says whether the client used TLS, for a policy
    /// that does not learn that from [a proxy](OriginPolicy::behind_proxy) and is not
    /// [indifferent](OriginPolicy::over_any_transport).
    ///
    /// # Errors
    ///
    /// The origin is not accepted; answer with a [`Rejection`](crate::Rejection), which is a 403.
    pub fn check_origin(
        &self,
        policy: &OriginPolicy<'_>,
        secure: bool,
    ) -> Result<(), OriginError<'a>> {
        let forwarded = || Forwarded::of(self.headers);
        policy.check_forwarded(self.origin, &self.authority, secure, forwarded)
    }

    /// The subprotocols that the client offers, the one it likes best first.
    #[must_use]
    pub fn subprotocols(&self) -> Subprotocols<'a> {
        Subprotocols::of(self.headers)
    }

    /// The first of the server's subprotocols that the client offers.
    #[must_use]
    pub fn choose_subprotocol(&self, preferences: &[&str]) -> Option<&'a str> {
        preferences.iter().find_map(|wanted| self.subprotocols().find(|offered| offered == wanted))
    }

    /// The extensions that the client offers, in its order.
    #[must_use]
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions::of(self.headers)
    }

    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.get(name)
    }

    /// All headers.
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// Returns the number of bytes of the head, or 0 if another parser read it. The bytes after it
    /// in the buffer are the first frames and must go to the frame decoder (RFC 6455, 4.2.2).
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head_len
    }

    /// Returns whether the request came over HTTP/2 or HTTP/3, where success is 200 instead of 101.
    #[must_use]
    pub const fn is_over_http2(&self) -> bool {
        self.key.is_none()
    }

    /// The answer that opens the WebSocket. It checks no Origin: call
    /// [`check_origin`](Self::check_origin) first, or take `server::accept_same_origin` of the
    /// adapter, such as tidings-tokio or tidings-std. Without it a page of any host can connect, with
    /// the cookies that the browser has for this one (RFC 6455, 10.2).
    #[must_use]
    pub fn accept(&self) -> Acceptance<'a> {
        Acceptance::new(self.key.map(|key| key.accept()), self.headers)
    }
}

/// The authority in the target, the path with its query, and whether this is HTTP/2.
fn check_line(line: RequestLine<'_>) -> Result<(Option<&str>, &str, bool), RequestError> {
    let (authority, target, over_http2) = match line {
        RequestLine::Http1 { method, version, authority, target } => {
            // RFC 6455, 4.2.1 item 1: GET, and HTTP/1.1 or higher.
            if method != "GET" {
                return Err(RequestError::Method);
            }
            if version < HttpVersion::Http11 {
                return Err(RequestError::HttpVersion);
            }
            match authority {
                None => {
                    let (authority, target) = split_target(target)?;
                    (authority, target, false)
                }
                Some(_) => (authority, target, false),
            }
        }
        RequestLine::Http2 { method, protocol, scheme, authority, path } => {
            // RFC 8441, 4
            if method != "CONNECT" {
                return Err(RequestError::NotConnect);
            }
            if protocol != Some("websocket") {
                return Err(RequestError::Protocol);
            }
            // RFC 8441, 5: https stands for wss and http for ws.
            if !matches!(scheme, Some("http" | "https")) {
                return Err(RequestError::Scheme);
            }
            (authority, path, true)
        }
    };
    // RFC 9112, 3.2; RFC 3986, 3.3: a fragment is never sent.
    let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    // RFC 9112, 3.2.2: the path of an absolute URI may be empty. RFC 9113, 8.3.1: not over HTTP/2.
    let has_no_path = target.starts_with('?') && authority.is_some() && !over_http2;
    if (target.starts_with('/') || has_no_path) && target.bytes().all(visible) {
        Ok((authority, target, over_http2))
    } else {
        Err(RequestError::Target)
    }
}

/// RFC 9112, 3.2.1 and 3.2.2: a path, or an absolute URI.
fn split_target(target: &str) -> Result<(Option<&str>, &str), RequestError> {
    if target.starts_with('/') {
        return Ok((None, target));
    }
    let (scheme, rest) = split_scheme(target).ok_or(RequestError::Target)?;
    if !["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(RequestError::Target);
    }
    match rest.find(['/', '?']).and_then(|at| rest.split_at_checked(at)) {
        Some((authority, path)) => Ok((Some(authority), path)),
        // RFC 9110, 4.2.3: an empty path is `/`.
        None => Ok((Some(rest), "/")),
    }
}

fn parse_host(value: &[u8]) -> Result<Authority<'_>, AuthorityError> {
    match core::str::from_utf8(trim(value)) {
        Ok(host) => Authority::parse(host),
        Err(error) => Err(AuthorityError::Host { offset: error.valid_up_to() }),
    }
}

/// RFC 9110, 8.6: `Content-Length = 1*DIGIT`.
fn is_zero(value: &[u8]) -> bool {
    let digits = trim(value);
    !digits.is_empty() && digits.iter().all(|digit| *digit == b'0')
}

/// The fields that matter, from one pass over the headers.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    upgrade: ListField,
    connection: ListField,
    key: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    content_length: Option<&'a [u8]>,
    transfer_encoding: bool,
}

/// A list over any number of lines, and whether it has the element that is asked for.
#[derive(Clone, Copy, Default)]
struct ListField {
    present: bool,
    contains: bool,
}

impl ListField {
    fn add(&mut self, value: &[u8], element: &str) {
        self.present = true;
        self.contains |= list_contains(value, element);
    }

    fn require(self, field: RequestField, error: RequestError) -> Result<(), RequestError> {
        match self {
            Self { contains: true, .. } => Ok(()),
            Self { present: true, .. } => Err(error),
            Self { .. } => Err(RequestError::Missing(field)),
        }
    }
}

impl<'a> Fields<'a> {
    fn collect(headers: Headers<'a>, over_http2: bool) -> Result<Self, RequestError> {
        let mut fields = Self::default();
        for (index, (name, value)) in headers.iter().enumerate() {
            // RFC 9113, 8.2.1: over HTTP/2 names are in lower case.
            let upper = over_http2 && name.bytes().any(|byte| byte.is_ascii_uppercase());
            if upper || !is_token(name.as_bytes()) {
                return Err(RequestError::HeaderName { index });
            }
            if !value.iter().copied().all(is_field_value_byte) {
                return Err(RequestError::HeaderValue { index });
            }
            fields.add(name, value, over_http2)?;
        }
        Ok(fields)
    }

    fn add(&mut self, name: &str, value: &'a [u8], over_http2: bool) -> Result<(), RequestError> {
        let is = |other| name.eq_ignore_ascii_case(other);
        let once = |slot: &mut Option<&'a [u8]>, field| match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(RequestError::Repeated(field)),
        };
        // RFC 9113, 8.2.2; RFC 8441, 5
        let connection_specific =
            ["upgrade", "connection", "keep-alive", "proxy-connection", "transfer-encoding"];
        if over_http2 && connection_specific.into_iter().any(is) {
            return Err(RequestError::ConnectionSpecific);
        }
        if is("host") {
            return once(&mut self.host, RequestField::Host);
        } else if is("upgrade") {
            self.upgrade.add(value, "websocket");
        } else if is("connection") {
            self.connection.add(value, "upgrade");
        } else if is("sec-websocket-key") {
            return once(&mut self.key, RequestField::Key);
        } else if is("sec-websocket-version") {
            return once(&mut self.version, RequestField::Version);
        } else if is("origin") {
            return once(&mut self.origin, RequestField::Origin);
        } else if is("content-length") {
            return once(&mut self.content_length, RequestField::ContentLength);
        } else if is("transfer-encoding") {
            self.transfer_encoding = true;
        }
        // RFC 6455, 4.2.1 item 10: other fields are ignored.
        Ok(())
    }
}

#[cfg(test)]
mod tests;
