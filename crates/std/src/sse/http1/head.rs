//! Reads the head of the answer (RFC 9112, section 4): [`read`].

use std::fmt;
use std::io::{self, Read as _};

use http::{HeaderName, HeaderValue, Response, StatusCode, Version};
use tidings_endpoint::opening::MAX_INTERIM_RESPONSES;
use tidings_handshake::{Head, HeadError, HeadScanner, Limits, Progress};

use crate::deadline::Bounded;
use crate::transport::Transport;

/// How much is read at once: a head is rarely longer.
const READ_LEN: usize = 4096;
/// Headers of one response.
const MAX_HEADERS: usize = 100;
/// The longest header name that [`HeaderName`] takes.
const MAX_NAME_LEN: usize = u16::MAX as usize;

/// Why there is no head.
#[derive(Debug)]
pub(crate) enum ResponseError {
    Io(io::Error),
    Head(HeadError),
    /// More interim responses than this came before the answer.
    TooManyInterim(usize),
}

/// Waits for the answer's head, past interim ones. `received` is what was read behind it.
pub(crate) fn read<S: Transport>(
    stream: &mut Bounded<'_, S>,
    received: &mut Vec<u8>,
    limits: Limits,
) -> Result<Response<()>, ResponseError> {
    // RFC 9110, 15.2: interim responses may come in front of the answer.
    for _ in 0..=MAX_INTERIM_RESPONSES {
        let scanner = HeadScanner::response(limits);
        let (response, len) = read_one(stream, received, scanner)?;
        received.drain(..len);
        // RFC 9110, 15.2.2: nobody asked for 101. It is an answer, and none of a stream.
        let status = response.status();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
    }
    Err(ResponseError::TooManyInterim(MAX_INTERIM_RESPONSES))
}

/// Reads one head; returns what it says and its length.
fn read_one<S: Transport>(
    stream: &mut Bounded<'_, S>,
    received: &mut Vec<u8>,
    mut scanner: HeadScanner,
) -> Result<(Response<()>, usize), ResponseError> {
    let mut fresh = [0; READ_LEN];
    loop {
        // The scanner looks at each byte once and bounds them.
        if let Progress::Complete(head) = scanner.scan(received).map_err(ResponseError::Head)? {
            return Ok((parse(head).map_err(ResponseError::Head)?, head.len()));
        }
        let len = stream.read(&mut fresh).map_err(ResponseError::Io)?;
        if len == 0 {
            let eof = "the server ended the connection without a whole response";
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, eof);
            return Err(ResponseError::Io(error));
        }
        received.extend_from_slice(fresh.get(..len).unwrap_or_default());
    }
}

fn parse(head: Head<'_>) -> Result<Response<()>, HeadError> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut slots);
    match parsed.parse(head.as_bytes()) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(HeadError::TooManyHeaders { limit: MAX_HEADERS });
        }
        // The scanner has let this head through.
        Ok(httparse::Status::Partial) | Err(_) => return Err(HeadError::WrongKind),
    }
    let mut response = Response::new(());
    // RFC 9110, 15: 100 to 999 is what `StatusCode` takes.
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default());
    *response.status_mut() = status.map_err(|_| HeadError::Status { offset: STATUS_OFFSET })?;
    *response.version_mut() =
        if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    for line in parsed.headers.iter() {
        // The scanner has let the characters through; what remains is the length.
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_bytes(line.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(HeadError::HeadTooLong { limit: MAX_NAME_LEN });
        };
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// Behind `HTTP/1.1 `.
const STATUS_OFFSET: usize = 9;

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

impl std::error::Error for ResponseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Head(error) => Some(error),
            Self::TooManyInterim(_) => None,
        }
    }
}
