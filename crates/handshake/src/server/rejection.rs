//! [`Rejection`]: a complete HTTP response that does not open the WebSocket.

use core::fmt::{self, Write};

use crate::extra_headers::ExtraHeaderError;
use crate::head::HeadError;
use crate::origin::OriginError;
use crate::server::acceptance::AcceptError;
use crate::server::request_error::RequestError;
use crate::server::response_headers::ResponseHeaders;
use crate::text::Text;
use crate::wire::{self, BufferTooSmall};

/// A refusal, as a complete response. The connection is closed after it, since bytes that the
/// client sent after its request must not be read as another one.
///
/// From a [`RequestError`], [`HeadError`] or [`OriginError`] it has the right status and a short
/// text that names the reason. It holds no byte of the request but the hosts that were compared with
/// an origin, in which no angle bracket can stand:
///
/// ```
/// use tidings_handshake::{Rejection, RequestError};
///
/// let rejection = Rejection::from(RequestError::Version);
/// let mut out = [0; 512];
/// let len = rejection.encode(&mut out)?;
/// assert_eq!(
///     core::str::from_utf8(&out[..len])?,
///     "HTTP/1.1 426 Upgrade Required\r\n\
///      Connection: Upgrade, close\r\n\
///      Upgrade: websocket\r\n\
///      Sec-WebSocket-Version: 13\r\n\
///      Content-Type: text/plain; charset=utf-8\r\n\
///      Content-Length: 43\r\n\r\n\
///      the header Sec-WebSocket-Version is not 13\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An application has its own:
///
/// ```
/// use tidings_handshake::Rejection;
///
/// let busy = Rejection::new(503, "try again soon\n")?.headers(&[("Retry-After", "120")])?;
/// # Ok::<(), tidings_handshake::RejectionBuildError>(())
/// ```
///
/// With the feature `alloc` it owns its words, so they may be made at run time:
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// # use tidings_handshake::Rejection;
/// fn busy(seconds: u32) -> Rejection<'static> {
///     let body = format!("try again in {seconds} s\n");
///     // `?` turns what is wrong with a rejection into one with the status 500.
///     let build = || Ok(Rejection::new(503, body)?.header("Retry-After", seconds.to_string())?);
///     build().unwrap_or_else(|wrong| wrong)
/// }
/// # assert_eq!(busy(9).status(), 503);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Rejection<'a> {
    status: u16,
    body: Body<'a>,
    headers: ResponseHeaders<'a>,
}

#[derive(Clone, Debug)]
enum Body<'a> {
    Text(Text<'a>),
    Static(&'static str),
    Request(RequestError),
    #[cfg(not(feature = "alloc"))]
    Origin(OriginError<'a>),
}

impl<'a> Rejection<'a> {
    /// A response with this status and this body of plain text.
    ///
    /// # Errors
    ///
    /// The status is not one from 300 to 599 that may have a body.
    pub fn new(status: u16, body: impl Into<Text<'a>>) -> Result<Self, RejectionBuildError> {
        // RFC 9110, 15.4.5: a 304 has no body.
        if matches!(status, 300..=303 | 305..=599) {
            Ok(Self::of(status, Body::Text(body.into())))
        } else {
            Err(RejectionBuildError::Status { status })
        }
    }

    /// `403 Forbidden`
    #[must_use]
    pub fn forbidden(body: impl Into<Text<'a>>) -> Self {
        Self::of(403, Body::Text(body.into()))
    }

    /// `404 Not Found`: there is no WebSocket at this path.
    #[must_use]
    pub fn not_found(body: impl Into<Text<'a>>) -> Self {
        Self::of(404, Body::Text(body.into()))
    }

    /// For a status that may have a body.
    pub(crate) fn of_static(status: u16, body: &'static str) -> Self {
        Self::of(status, Body::Static(body))
    }

    fn of(status: u16, body: Body<'a>) -> Self {
        Self { status, body, headers: ResponseHeaders::default() }
    }

    /// Adds headers of the application, such as `WWW-Authenticate` or `Location`, in place of
    /// those given before. A `Content-Type` among them replaces that of plain text.
    ///
    /// # Errors
    ///
    /// A name is not a token or belongs to the handshake, or a value holds a control character.
    pub fn headers(
        mut self,
        headers: impl Into<ResponseHeaders<'a>>,
    ) -> Result<Self, RejectionBuildError> {
        self.headers = headers.into().checked()?;
        Ok(self)
    }

    /// Adds one header of the application, such as `Retry-After`. A `Content-Type` replaces that
    /// of plain text.
    ///
    /// # Errors
    ///
    /// Like [`headers`](Self::headers).
    #[cfg(feature = "alloc")]
    pub fn header(
        mut self,
        name: impl Into<Text<'a>>,
        value: impl Into<Text<'a>>,
    ) -> Result<Self, RejectionBuildError> {
        self.headers.add(name.into(), value.into())?;
        Ok(self)
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the fault of the request, unless the application or the origin was the reason.
    #[must_use]
    pub const fn request_error(&self) -> Option<RequestError> {
        match self.body {
            Body::Request(error) => Some(error),
            _ => None,
        }
    }

    /// Writes the response, head and body, to a slice and returns its length.
    ///
    /// # Errors
    ///
    /// The slice is shorter than [`Rejection::encoded_len`]. Without an application's body or
    /// headers 512 bytes are enough.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        wire::encode(out, |out| self.write(out))
    }

    /// Bytes of the response.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        wire::encoded_len(|out| self.write(out))
    }

    /// Encodes the response into a new vector.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_vec(&self) -> alloc::vec::Vec<u8> {
        wire::to_vec(|out| self.write(out))
    }

    /// The body as text.
    #[must_use]
    pub fn body(&self) -> impl fmt::Display {
        &self.body
    }

    /// Calls `line` with each header line in turn. The response of another HTTP stack is built
    /// from them; over HTTP/2 it leaves out `Connection` and `Upgrade`.
    ///
    /// # Errors
    ///
    /// Only the output of `line`.
    pub fn try_for_each_header<E>(
        &self,
        mut line: impl FnMut(&str, &dyn fmt::Display) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.status == 426 {
            // RFC 9110, 15.5.22 and 7.8: the protocol that is wanted, and that Upgrade is hop by
            // hop. RFC 6455, 4.2.2 item 4 and 4.4: the versions that the server speaks.
            line("Connection", &"Upgrade, close")?;
            line("Upgrade", &"websocket")?;
            line("Sec-WebSocket-Version", &"13")?;
        } else {
            line("Connection", &"close")?;
        }
        // RFC 9110, 15.5.6
        if self.status == 405 && !self.headers.contains("allow") {
            line("Allow", &"GET")?;
        }
        if !self.headers.contains("content-type") {
            line("Content-Type", &"text/plain; charset=utf-8")?;
        }
        line("Content-Length", &wire::encoded_len(|out| write!(out, "{}", self.body)))?;
        self.headers.iter().try_for_each(|(name, value)| line(name, &value))
    }

    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, "HTTP/1.1 {} {}\r\n", self.status, reason_phrase(self.status))?;
        self.try_for_each_header(|name, value| write!(out, "{name}: {value}\r\n"))?;
        write!(out, "\r\n{}", self.body)
    }
}

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Static(text) => f.write_str(text),
            Self::Request(error) => writeln!(f, "{error}"),
            #[cfg(not(feature = "alloc"))]
            Self::Origin(error) => writeln!(f, "{error}"),
        }
    }
}

impl From<RequestError> for Rejection<'_> {
    fn from(error: RequestError) -> Self {
        Self::of(error.status(), Body::Request(error))
    }
}

impl From<HeadError> for Rejection<'_> {
    fn from(error: HeadError) -> Self {
        RequestError::Head(error).into()
    }
}

// RFC 6455, 4.2.2 item 4
#[cfg(not(feature = "alloc"))]
impl<'a> From<OriginError<'a>> for Rejection<'a> {
    fn from(error: OriginError<'a>) -> Self {
        Self::of(403, Body::Origin(error))
    }
}

#[cfg(feature = "alloc")]
impl From<OriginError<'_>> for Rejection<'_> {
    fn from(error: OriginError<'_>) -> Self {
        Self::forbidden(alloc::format!("{error}\n"))
    }
}

/// With `?` in a decision: the application's own answer breaks a rule, so the response says that
/// the server is at fault.
impl From<AcceptError> for Rejection<'_> {
    fn from(error: AcceptError) -> Self {
        server_fault(&error)
    }
}

/// As `From<AcceptError>`.
impl From<RejectionBuildError> for Rejection<'_> {
    fn from(error: RejectionBuildError) -> Self {
        server_fault(&error)
    }
}

#[cfg(feature = "alloc")]
fn server_fault<'a>(error: &dyn fmt::Display) -> Rejection<'a> {
    Rejection::of(500, Body::Text(alloc::format!("{error}\n").into()))
}

#[cfg(not(feature = "alloc"))]
fn server_fault<'a>(_: &dyn fmt::Display) -> Rejection<'a> {
    Rejection::of_static(500, "the server is at fault\n")
}

/// RFC 9110, 15; RFC 6585. A phrase may be empty.
const fn reason_phrase(status: u16) -> &'static str {
    match status {
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// The application's rejection cannot be sent: the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectionBuildError {
    /// The status does not refuse, or may not have a body.
    Status {
        /// The status that was asked for.
        status: u16,
    },
    /// An extra header cannot be sent.
    Header(ExtraHeaderError),
}

impl From<ExtraHeaderError> for RejectionBuildError {
    fn from(error: ExtraHeaderError) -> Self {
        Self::Header(error)
    }
}

impl fmt::Display for RejectionBuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status } => {
                write!(f, "the status {status} is not from 300 to 599, or cannot have a body")
            }
            Self::Header(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RejectionBuildError {}

#[cfg(test)]
mod tests;
