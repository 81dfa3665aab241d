//! The opening handshake of both sides in the caller's buffer, without the stream.

use core::ops::Range;

use embedded_io::ErrorKind;
use tidings_handshake::{
    Acceptance, Answer, BufferTooSmall, ClientRequest, HeadError, HeadScanner, HeaderSlots, Limits,
    Progress, Rejection, RequestError, ServerRequest,
};
use tidings_websocket::Timestamp;

use crate::config::Config;
use crate::error::Error;
use crate::slice::{slice, slice_mut};

/// Header lines that a head may have. Their slots take 4 words each, on the stack, while a head is
/// checked.
const MAX_HEADERS: usize = 32;
/// 103 comes once, perhaps after a 100 or a few 102.
const MAX_INTERIM_RESPONSES: usize = 8;

/// A head that is being received, at the start of the caller's buffer.
pub(crate) struct Opening<'b> {
    buffer: &'b mut [u8],
    /// How many bytes of the buffer are filled.
    end: usize,
    scanner: HeadScanner,
    deadline: Timestamp,
    interim_responses: usize,
}

/// The server's response, and whether it opens the WebSocket.
pub(crate) struct Response {
    /// Where in the buffer it is.
    pub(crate) range: Range<usize>,
    /// The length of the request's head, after which frames may follow; or why none will.
    pub(crate) head_len: Result<usize, Refusal>,
}

/// Why a server opens no WebSocket.
pub(crate) enum Refusal {
    Request(RequestError),
    Application { status: u16 },
    BufferTooSmall(BufferTooSmall),
    Extension,
}

impl<'b> Opening<'b> {
    /// For a server, which reads the head of a request.
    pub(crate) fn server(buffer: &'b mut [u8], config: &Config, now: Timestamp) -> Self {
        let scanner = HeadScanner::request(limits(buffer.len()));
        Self::new(buffer, scanner, config, now)
    }

    /// For a client, which writes its request and then reads the head of a response. Also returns the
    /// length of the request, at the start of the buffer.
    pub(crate) fn client<E>(
        buffer: &'b mut [u8],
        request: &ClientRequest<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<(Self, usize), Error<E>> {
        let request_len = request.encode(buffer).map_err(Error::BufferTooSmall)?;
        let scanner = HeadScanner::response(limits(buffer.len()));
        Ok((Self::new(buffer, scanner, config, now), request_len))
    }

    fn new(buffer: &'b mut [u8], scanner: HeadScanner, config: &Config, now: Timestamp) -> Self {
        let deadline = now.after(config.handshake_timeout);
        Self { buffer, end: 0, scanner, deadline, interim_responses: 0 }
    }

    /// Whether the head is incomplete, and could still be valid.
    pub(crate) fn needs_more(&mut self) -> bool {
        self.scanner.scan(slice(self.buffer, 0..self.end)) == Ok(Progress::Partial)
    }

    /// Where to read to. Not empty while [`needs_more`](Self::needs_more): the scanner refuses an
    /// incomplete head that fills the buffer.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let len = self.buffer.len();
        slice_mut(self.buffer, self.end..len)
    }

    /// Takes the result of a read into [`room`](Self::room).
    pub(crate) fn received<E: embedded_io::Error>(
        &mut self,
        read: Result<usize, E>,
        now: Timestamp,
    ) -> Result<(), Error<E>> {
        match read {
            Ok(0) => return Err(Error::Eof),
            Ok(len) => match self.end.checked_add(len) {
                Some(end) if end <= self.buffer.len() => self.end = end,
                _ => return Err(Error::BrokenStream),
            },
            // A stream may wait in short turns.
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            Err(error) => return Err(Error::Io(error)),
        }
        if self.deadline <= now { Err(Error::HandshakeTimeout) } else { Ok(()) }
    }

    /// Checks the request and puts the response into the buffer: after what was received, which may
    /// contain frames, or over it if the WebSocket is not opened.
    pub(crate) fn response<F>(&mut self, decide: F) -> Response
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
    {
        debug_assert!(self.end <= self.buffer.len());
        let (received, room) = self.buffer.split_at_mut_checked(self.end).unwrap_or_default();
        let refusal = match check_request(&mut self.scanner, received, room, decide) {
            Ok(response) => return response,
            Err(refusal) => refusal,
        };
        let rejection = match &refusal {
            Refusal::Request(error) => Rejection::from(*error),
            // RFC 6585, 5: a shorter head would have left room for the response.
            Refusal::BufferTooSmall(_) | Refusal::Application { .. } => {
                rejection(431, "the request head leaves no room for the response\n")
            }
            Refusal::Extension => rejection(500, "internal server error\n"),
        };
        match rejection.encode(self.buffer) {
            Ok(len) => Response { range: 0..len, head_len: Err(refusal) },
            Err(error) => Response { range: 0..0, head_len: Err(Refusal::BufferTooSmall(error)) },
        }
    }

    /// Checks the response. `None` after an interim response: read another one. Otherwise the length
    /// of the head, after which frames may follow.
    pub(crate) fn check_response<E>(
        &mut self,
        request: &ClientRequest<'_>,
        inspect: &mut impl FnMut(&Answer<'_>),
    ) -> Result<Option<usize>, Error<E>> {
        let head = match self.scanner.scan(slice(self.buffer, 0..self.end)) {
            Ok(Progress::Complete(head)) => head,
            Ok(Progress::Partial) => return Ok(None),
            Err(error) => return Err(Error::Response(error.into())),
        };
        let mut slots = HeaderSlots::<MAX_HEADERS>::new();
        let answer = request.parse_response(head, &mut slots).map_err(Error::Response)?;
        inspect(&answer);
        match answer {
            // RFC 6455, 9.1: what is negotiated must be spoken.
            Answer::Opened(opened) if opened.extensions().next().is_some() => Err(Error::Extension),
            Answer::Opened(opened) => Ok(Some(opened.head_len())),
            Answer::Declined(declined) => {
                Err(Error::Declined { status: declined.status(), received_len: self.end })
            }
            Answer::Interim(interim) => {
                self.interim_responses = self.interim_responses.saturating_add(1);
                if self.interim_responses > MAX_INTERIM_RESPONSES {
                    return Err(Error::TooManyInterimResponses);
                }
                let rest = interim.head_len()..self.end;
                let rest_len = rest.len();
                self.buffer.copy_within(rest, 0);
                self.end = rest_len;
                self.scanner = HeadScanner::response(limits(self.buffer.len()));
                Ok(None)
            }
        }
    }

    /// These bytes of the buffer.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        slice(self.buffer, range)
    }

    /// The buffer, and the range of the first frames in it.
    pub(crate) fn into_parts(self, head_len: usize) -> (&'b mut [u8], Range<usize>) {
        (self.buffer, head_len..self.end)
    }
}

/// Checks the request, and puts the response of the application into `room`, which follows
/// `received` in the buffer.
fn check_request<F>(
    scanner: &mut HeadScanner,
    received: &[u8],
    room: &mut [u8],
    decide: F,
) -> Result<Response, Refusal>
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let head = match scanner.scan(received) {
        Ok(Progress::Complete(head)) => head,
        Ok(Progress::Partial) => {
            debug_assert!(false, "the head is not complete");
            return Err(HeadError::HeadTooLong { limit: received.len() }.into());
        }
        Err(error) => return Err(error.into()),
    };
    let mut slots = HeaderSlots::<MAX_HEADERS>::new();
    let request = ServerRequest::parse(head, &mut slots).map_err(Refusal::Request)?;
    let (encoded, head_len) = match decide(&request) {
        Ok(acceptance) if !acceptance.has_no_extensions() => return Err(Refusal::Extension),
        Ok(acceptance) => (acceptance.encode(room), Ok(head.len())),
        Err(rejection) => {
            let status = rejection.status();
            (rejection.encode(room), Err(Refusal::Application { status }))
        }
    };
    let response_len = encoded.map_err(Refusal::BufferTooSmall)?;
    let start = received.len();
    Ok(Response { range: start..start.saturating_add(response_len), head_len })
}

/// A head may fill the buffer.
fn limits(buffer_len: usize) -> Limits {
    let mut limits = Limits::server();
    limits.max_head_len = buffer_len;
    limits.max_headers = MAX_HEADERS;
    limits
}

fn rejection(status: u16, body: &'static str) -> Rejection<'static> {
    let rejection = Rejection::new(status, body);
    debug_assert!(rejection.is_ok(), "status {status} may have a body");
    rejection.unwrap_or(Rejection::forbidden(body))
}

impl From<HeadError> for Refusal {
    fn from(error: HeadError) -> Self {
        Self::Request(error.into())
    }
}

impl<E> From<Refusal> for Error<E> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Request(error) => Self::Request(error),
            Refusal::Application { status } => Self::Refused { status },
            Refusal::BufferTooSmall(error) => Self::BufferTooSmall(error),
            Refusal::Extension => Self::Extension,
        }
    }
}
