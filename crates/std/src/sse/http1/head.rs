//! Reads heads (RFC 9112, sections 2 to 5): [`read_response`] for a client, [`read_request`] for a
//! server.

#[cfg(feature = "event-source")]
use std::fmt;
use std::io::{self, Read as _};

use http::{HeaderMap, HeaderName, HeaderValue, Version};
#[cfg(feature = "event-server")]
use http::{Method, Request, Uri};
#[cfg(feature = "event-source")]
use http::{Response, StatusCode};
#[cfg(feature = "event-source")]
use tidings_endpoint::opening::MAX_INTERIM_RESPONSES;
use tidings_handshake::{Head, HeadError, HeadScanner, Limits, Progress};

use crate::deadline::Bounded;
use crate::transport::Transport;

/// The size of one read: a head is rarely longer.
const READ_LEN: usize = 4096;
/// The longest header name that [`HeaderName`] takes.
const MAX_NAME_LEN: usize = u16::MAX as usize;

/// The reason why there is no response.
#[cfg(feature = "event-source")]
#[derive(Debug)]
pub(crate) enum ResponseError {
    Io(io::Error),
    Head(HeadError),
    /// More interim responses than this came before the answer.
    TooManyInterim(usize),
}

/// Waits for the head of the final response. `received` has the bytes read after it.
#[cfg(feature = "event-source")]
pub(crate) fn read_response<S: Transport>(
    stream: &mut Bounded<'_, S>,
    received: &mut Vec<u8>,
    limits: Limits,
) -> Result<Response<()>, ResponseError> {
    // RFC 9110, 15.2: interim responses may come before the final one.
    for _ in 0..=MAX_INTERIM_RESPONSES {
        let scanner = HeadScanner::response(limits);
        let eof = "the server ended the connection without a whole response";
        let head = scan_head(stream, received, scanner, eof, |head| {
            head.and_then(|head| Ok((parse_response(head)?, head.len())))
        });
        let (response, len) = head.map_err(ResponseError::Io)?.map_err(ResponseError::Head)?;
        received.drain(..len);
        // RFC 9110, 15.2.2: nobody asked for 101. It is a final response, and not a stream.
        let status = response.status();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
    }
    Err(ResponseError::TooManyInterim(MAX_INTERIM_RESPONSES))
}

#[cfg(feature = "event-source")]
fn parse_response(head: Head<'_>) -> Result<Response<()>, HeadError> {
    /// After `HTTP/1.1 `.
    const STATUS_OFFSET: usize = 9;

    let mut slots = slots(head);
    let mut parsed = httparse::Response::new(&mut slots);
    check(parsed.parse(head.as_bytes()))?;
    let mut response = Response::new(());
    debug_assert!(parsed.code.is_some(), "a whole head has a status");
    // RFC 9110, 15: `StatusCode` takes 100 to 999.
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default());
    *response.status_mut() = status.map_err(|_| HeadError::Status { offset: STATUS_OFFSET })?;
    *response.version_mut() = version(parsed.version);
    *response.headers_mut() = fields(parsed.headers)?;
    Ok(response)
}

/// Waits for the head of a request. Bytes read after it are dropped.
///
/// # Errors
/// The outer one is the transport's, the inner one is the client's fault.
#[cfg(feature = "event-server")]
pub(crate) fn read_request<S: Transport>(
    stream: &mut Bounded<'_, S>,
    limits: Limits,
) -> io::Result<Result<Request<()>, HeadError>> {
    let eof = "the client ended the connection without a whole request";
    let scanner = HeadScanner::request(limits);
    scan_head(stream, &mut Vec::new(), scanner, eof, |head| head.and_then(parse_request))
}

#[cfg(feature = "event-server")]
fn parse_request(head: Head<'_>) -> Result<Request<()>, HeadError> {
    let mut slots = slots(head);
    let mut parsed = httparse::Request::new(&mut slots);
    check(parsed.parse(head.as_bytes()))?;
    debug_assert!(parsed.method.is_some() && parsed.path.is_some(), "a whole head has both");
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    let mut request = Request::new(());
    *request.method_mut() =
        Method::from_bytes(method.as_bytes()).map_err(|_| HeadError::Method { offset: 0 })?;
    let offset = method.len().saturating_add(1);
    *request.uri_mut() = Uri::try_from(target).map_err(|_| HeadError::Target { offset })?;
    *request.version_mut() = version(parsed.version);
    *request.headers_mut() = fields(parsed.headers)?;
    Ok(request)
}

/// Reads until `received` contains a whole head, or bytes that cannot be one, and passes it to
/// `on_head`; `eof` is the meaning of an end before that.
fn scan_head<S: Transport, T>(
    stream: &mut Bounded<'_, S>,
    received: &mut Vec<u8>,
    mut scanner: HeadScanner,
    eof: &'static str,
    on_head: impl FnOnce(Result<Head<'_>, HeadError>) -> T,
) -> io::Result<T> {
    let mut fresh = [0; READ_LEN];
    loop {
        // The scanner looks at each byte once and bounds them.
        match scanner.scan_mut(received) {
            Ok(Progress::Complete(head)) => return Ok(on_head(Ok(head))),
            Ok(Progress::Partial) => {}
            Err(error) => return Ok(on_head(Err(error))),
        }
        let len = stream.read(&mut fresh)?;
        if len == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, eof));
        }
        received.extend_from_slice(fresh.get(..len).unwrap_or_default());
    }
}

/// One slot for each line: the scanner has bounded their number.
fn slots(head: Head<'_>) -> Vec<httparse::Header<'_>> {
    let lines = head.as_bytes().iter().filter(|byte| **byte == b'\n').count();
    vec![httparse::EMPTY_HEADER; lines]
}

fn check(parsed: httparse::Result<usize>) -> Result<(), HeadError> {
    let is_whole = matches!(parsed, Ok(httparse::Status::Complete(_)));
    debug_assert!(is_whole, "the scanner has accepted this head: {parsed:?}");
    if is_whole { Ok(()) } else { Err(HeadError::WrongKind) }
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}

fn fields(lines: &[httparse::Header<'_>]) -> Result<HeaderMap, HeadError> {
    let mut fields = HeaderMap::new();
    for line in lines {
        // The scanner has accepted the characters; only the length remains to be checked.
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_bytes(line.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(HeadError::HeadTooLong { limit: MAX_NAME_LEN });
        };
        fields.append(name, value);
    }
    Ok(fields)
}

#[cfg(feature = "event-source")]
impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Head(error) => write!(f, "the server's response: {error}"),
            Self::TooManyInterim(max) => {
                write!(f, "the server sent more than {max} interim responses and no answer")
            }
        }
    }
}

/// The text of the cause is in its own.
#[cfg(feature = "event-source")]
impl std::error::Error for ResponseError {}
