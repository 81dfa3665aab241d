//! [`Response`]: a server's answer to an opening handshake (RFC 6455, 4.1, second half).

use crate::client::response_error::ResponseError;
use crate::extensions::{Extension, Extensions};
use crate::head::{Head, HeadError};
use crate::headers::{HeaderSlots, Headers};
use crate::key::Key;
use crate::server::request::HttpVersion;
use crate::subprotocol;
use crate::token::{is_field_value_byte, is_token, list_contains, list_elements, trim};

/// A server's answer that breaks no rule.
#[derive(Clone, Copy, Debug)]
pub enum Response<'a> {
    /// The WebSocket is open.
    Opened(OpenedResponse<'a>),
    /// An interim response such as 103 (RFC 9110, 15.2): the caller drops its head and looks for
    /// the next one with a new scanner.
    Interim(InterimResponse),
    /// The server answers in plain HTTP. The WebSocket is not open.
    Declined(DeclinedResponse<'a>),
}

/// The part before the headers of a response.
#[derive(Clone, Copy, Debug)]
pub enum StatusLine<'a> {
    /// The status line of HTTP/1.
    Http1 {
        /// The version.
        version: HttpVersion,
        /// The status code.
        status: u16,
        /// The reason phrase.
        reason: &'a str,
    },
    /// The `:status` of HTTP/2 or HTTP/3.
    Http2 {
        /// The status code.
        status: u16,
    },
}

impl<'a> StatusLine<'a> {
    /// The status code, and the reason phrase, which may be empty.
    pub(crate) const fn status_and_reason(&self) -> (u16, &'a str) {
        match *self {
            Self::Http1 { status, reason, .. } => (status, reason),
            Self::Http2 { status } => (status, ""),
        }
    }
}

/// The answer that opens the WebSocket, with everything checked.
#[derive(Clone, Copy, Debug)]
pub struct OpenedResponse<'a> {
    subprotocol: Option<&'a str>,
    headers: Headers<'a>,
    head_len: usize,
}

impl<'a> OpenedResponse<'a> {
    /// The subprotocol that the server chose from those offered.
    #[must_use]
    pub const fn subprotocol(&self) -> Option<&'a str> {
        self.subprotocol
    }

    /// The extensions in use, in their order. Each was offered and stands there once; whether its
    /// parameters answer the offer is for the extension to say.
    #[must_use]
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions::of(self.headers)
    }

    /// All headers.
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        self.headers
    }

    /// Returns the number of bytes of the head, or 0 if another parser read it. The bytes after it
    /// in the buffer are the first frames and must go to the frame decoder.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head_len
    }
}

/// An interim response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterimResponse {
    status: u16,
    head_len: usize,
}

impl InterimResponse {
    pub(crate) const fn new(status: u16, head_len: usize) -> Self {
        Self { status, head_len }
    }

    /// The status code: 100, or 102 to 199.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Bytes of the head, or 0 if another parser read it. The next head follows.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head_len
    }
}

/// An answer in plain HTTP: a redirect, a demand for credentials, an error.
#[derive(Clone, Copy, Debug)]
pub struct DeclinedResponse<'a> {
    status: u16,
    reason: &'a str,
    headers: Headers<'a>,
    head_len: usize,
}

impl<'a> DeclinedResponse<'a> {
    pub(crate) const fn new(
        status: u16,
        reason: &'a str,
        headers: Headers<'a>,
        head_len: usize,
    ) -> Self {
        Self { status, reason, headers, head_len }
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, which may be empty.
    #[must_use]
    pub const fn reason(&self) -> &'a str {
        self.reason
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

    /// Bytes of the head, or 0 if another parser read it. The body follows.
    #[must_use]
    pub const fn head_len(&self) -> usize {
        self.head_len
    }

    /// The versions that the server speaks (RFC 6455, 4.4), over all `Sec-WebSocket-Version`
    /// lines; an element that is not a version is left out.
    pub fn supported_versions(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.headers.get_all("Sec-WebSocket-Version").flat_map(list_elements).filter_map(version)
    }
}

/// RFC 6455, 4.3: `version = DIGIT / (NZDIGIT DIGIT) / ("1" DIGIT DIGIT) / ("2" DIGIT DIGIT)`, up
/// to 255.
fn version(element: &[u8]) -> Option<u8> {
    let text = core::str::from_utf8(element).ok()?;
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| canonical)
}

/// The parts of the request that the answer is checked against.
pub(crate) struct Offer<'a> {
    pub(crate) key: Key,
    pub(crate) subprotocols: &'a [&'a str],
    pub(crate) extensions: &'a [Extension<'a>],
}

pub(crate) fn parse<'a, 'head: 'a, const N: usize>(
    offer: &Offer<'_>,
    head: Head<'head>,
    slots: &'a mut HeaderSlots<'head, N>,
) -> Result<Response<'a>, ResponseError> {
    let head_len = head.len();
    let (line, headers) = parse_lines(head, slots)?;
    Ok(match check(offer, line, headers)? {
        Response::Opened(opened) => Response::Opened(OpenedResponse { head_len, ..opened }),
        Response::Interim(interim) => Response::Interim(InterimResponse { head_len, ..interim }),
        Response::Declined(declined) => {
            Response::Declined(DeclinedResponse { head_len, ..declined })
        }
    })
}

/// The status line and the header lines, not yet checked.
pub(crate) fn parse_lines<'a, 'head: 'a, const N: usize>(
    head: Head<'head>,
    slots: &'a mut HeaderSlots<'head, N>,
) -> Result<(StatusLine<'a>, Headers<'a>), ResponseError> {
    let slots = slots.as_mut_slice();
    let limit = slots.len();
    let mut parsed = httparse::Response::new(slots);
    match parsed.parse(head.as_bytes()) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(HeadError::TooManyHeaders { limit }.into());
        }
        // The scanner has let this head through, so it is one, but of a request.
        Ok(httparse::Status::Partial) | Err(_) => return Err(HeadError::WrongKind.into()),
    }
    debug_assert!(parsed.code.is_some() && parsed.reason.is_some(), "it is complete");
    let line = StatusLine::Http1 {
        version: match parsed.version {
            Some(0) => HttpVersion::Http10,
            _ => HttpVersion::Http11,
        },
        status: parsed.code.unwrap_or_default(),
        reason: parsed.reason.unwrap_or_default(),
    };
    Ok((line, Headers::from_parsed(parsed.headers)))
}

pub(crate) fn check<'a>(
    offer: &Offer<'_>,
    line: StatusLine<'a>,
    headers: Headers<'a>,
) -> Result<Response<'a>, ResponseError> {
    let (status, reason) = line.status_and_reason();
    let fields = Fields::collect(headers)?;
    match (status, line) {
        // RFC 9113, 8.6: HTTP/2 has no 101.
        (101, StatusLine::Http2 { .. }) => return Err(ResponseError::SwitchingOverHttp2),
        (101, StatusLine::Http1 { version: HttpVersion::Http10, .. }) => {
            return Err(ResponseError::HttpVersion);
        }
        (101, StatusLine::Http1 { .. }) => fields.check_upgrade(offer.key)?,
        // RFC 8441, 5: success is 2xx.
        (200..=299, StatusLine::Http2 { .. }) => fields.check_http2()?,
        (100..=199, _) => return Ok(Response::Interim(InterimResponse::new(status, 0))),
        // RFC 9110, 15: an invalid status counts as one from 500 to 599.
        _ => return Ok(Response::Declined(DeclinedResponse::new(status, reason, headers, 0))),
    }
    let subprotocol = check_subprotocol(offer.subprotocols, headers)?;
    check_extensions(offer.extensions, headers)?;
    Ok(Response::Opened(OpenedResponse { subprotocol, headers, head_len: 0 }))
}

/// RFC 6455, 4.1, response item 6: one of those offered, or none.
fn check_subprotocol<'a>(
    offered: &[&str],
    headers: Headers<'a>,
) -> Result<Option<&'a str>, ResponseError> {
    let mut lines = headers.get_all(subprotocol::HEADER);
    let Some(value) = lines.next() else { return Ok(None) };
    // RFC 6455, 11.3.4: at most once in a response.
    if lines.next().is_some() {
        return Err(ResponseError::SubprotocolRepeated);
    }
    match core::str::from_utf8(trim(value)) {
        Ok(chosen) if offered.contains(&chosen) => Ok(Some(chosen)),
        _ => Err(ResponseError::SubprotocolNotOffered),
    }
}

/// RFC 6455, 4.1, response item 5: only those offered. 11.3.2 forbids several lines and 4.2.2 item
/// 5.6 allows them, so they are joined.
fn check_extensions(offered: &[Extension<'_>], headers: Headers<'_>) -> Result<(), ResponseError> {
    // Each is one of those offered and none comes twice, so there are no more than offered, and
    // the time is linear in the bytes for a given offer.
    for (index, extension) in Extensions::parse(headers)?.enumerate() {
        if !offered.iter().any(|offered| offered.name() == extension.name()) {
            return Err(ResponseError::ExtensionNotOffered { index });
        }
        if Extensions::of(headers).take(index).any(|other| other.name() == extension.name()) {
            return Err(ResponseError::ExtensionRepeated { index });
        }
    }
    Ok(())
}

/// The fields that matter, from one pass over the headers.
#[derive(Default)]
struct Fields<'a> {
    upgrade: Option<&'a [u8]>,
    upgrade_repeated: bool,
    connection: bool,
    connection_upgrade: bool,
    accept: Option<&'a [u8]>,
    accept_repeated: bool,
    transfer_encoding: bool,
}

impl<'a> Fields<'a> {
    fn collect(headers: Headers<'a>) -> Result<Self, ResponseError> {
        let mut fields = Self::default();
        for (index, (name, value)) in headers.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                return Err(ResponseError::HeaderName { index });
            }
            if !value.iter().copied().all(is_field_value_byte) {
                return Err(ResponseError::HeaderValue { index });
            }
            let is = |other| name.eq_ignore_ascii_case(other);
            if is("upgrade") {
                fields.upgrade_repeated = fields.upgrade.replace(value).is_some();
            } else if is("connection") {
                fields.connection = true;
                fields.connection_upgrade |= list_contains(value, "upgrade");
            } else if is("sec-websocket-accept") {
                fields.accept_repeated = fields.accept.replace(value).is_some();
            } else if is("transfer-encoding") {
                fields.transfer_encoding = true;
            }
        }
        Ok(fields)
    }

    /// RFC 6455, 4.1, response items 2 to 4.
    fn check_upgrade(&self, key: Key) -> Result<(), ResponseError> {
        match self.upgrade.map(trim) {
            None => return Err(ResponseError::UpgradeMissing),
            Some(value) if self.upgrade_repeated || !value.eq_ignore_ascii_case(b"websocket") => {
                return Err(ResponseError::Upgrade);
            }
            Some(_) => {}
        }
        if !self.connection {
            return Err(ResponseError::ConnectionMissing);
        }
        if !self.connection_upgrade {
            return Err(ResponseError::Connection);
        }
        match self.accept {
            None => Err(ResponseError::AcceptMissing),
            // RFC 6455, 11.3.3
            Some(_) if self.accept_repeated => Err(ResponseError::AcceptRepeated),
            Some(value) if !key.accept().matches(value) => Err(ResponseError::Accept),
            // RFC 9112, 6.3 item 1: a 1xx has no body, whatever its headers announce.
            Some(_) => Ok(()),
        }
    }

    /// RFC 8441, 5; RFC 9113, 8.2.2. RFC 9110, 9.3.6: a Content-Length in a successful answer to
    /// CONNECT is ignored.
    fn check_http2(&self) -> Result<(), ResponseError> {
        if self.upgrade.is_some() || self.connection || self.transfer_encoding {
            Err(ResponseError::ConnectionSpecific)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
