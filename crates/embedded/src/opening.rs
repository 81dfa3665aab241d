//! The opening handshake in the caller's buffer, on both sides, without the reading and writing.

use core::ops::Range;

use embedded_io::ErrorKind;
use tidings_handshake::{
    Acceptance, Answer, BufferTooSmall, ClientRequest, HeadError, HeadScanner, HeaderSlots, Limits,
    Progress, Rejection, RequestError, ServerRequest,
};
use tidings_websocket::Timestamp;

use crate::config::Config;
use crate::error::Error;

/// Header lines that a head may have. The slots for them take 4 words each, on the stack, while a
/// head is judged.
const MAX_HEADERS: usize = 32;
/// 103 comes once, perhaps after a 100 or a few 102.
const MAX_INTERIM_RESPONSES: usize = 8;

/// A head that is being received, at the front of the caller's buffer.
pub(crate) struct Opening<'b> {
    buffer: &'b mut [u8],
    /// How much of the buffer is filled.
    end: usize,
    scanner: HeadScanner,
    deadline: Timestamp,
    interim_responses: usize,
}

/// The server's answer, and what it means.
pub(crate) struct Reply {
    /// Where in the buffer it is, to be written.
    pub(crate) place: Range<usize>,
    /// Where behind the head the first frames begin, or why there will be none.
    pub(crate) verdict: Result<usize, Refusal>,
}

/// Why a server opens no WebSocket.
pub(crate) enum Refusal {
    Request(RequestError),
    Application { status: u16 },
    BufferTooSmall(BufferTooSmall),
    Extension,
}

impl<'b> Opening<'b> {
    /// A server's: the head of a request is to come.
    pub(crate) fn server(buffer: &'b mut [u8], config: &Config, now: Timestamp) -> Self {
        let scanner = HeadScanner::request(limits(buffer.len()));
        Self::new(buffer, 0, scanner, now.after(config.handshake_timeout))
    }

    /// A client's. Also returns how much of the buffer is the request, to be written; then the head
    /// of a response is to come.
    pub(crate) fn client<E>(
        buffer: &'b mut [u8],
        request: &ClientRequest<'_>,
        config: &Config,
        now: Timestamp,
    ) -> Result<(Self, usize), Error<E>> {
        let request_len = request.encode(buffer).map_err(Error::BufferTooSmall)?;
        let scanner = HeadScanner::response(limits(buffer.len()));
        let deadline = now.after(config.handshake_timeout);
        Ok((Self::new(buffer, 0, scanner, deadline), request_len))
    }

    const fn new(
        buffer: &'b mut [u8],
        end: usize,
        scanner: HeadScanner,
        deadline: Timestamp,
    ) -> Self {
        Self { buffer, end, scanner, deadline, interim_responses: 0 }
    }

    /// Whether more has to be read before the head can be judged.
    pub(crate) fn wants_more(&mut self) -> bool {
        let received = self.buffer.get(..self.end).unwrap_or_default();
        self.scanner.scan(received) == Ok(Progress::Partial)
    }

    /// Where to read to. Not empty while [`wants_more`](Self::wants_more): the scanner refuses a
    /// head that fills the buffer and is not complete.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// What a read into [`room`](Self::room) came to.
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

    /// Judges the request, and puts the answer into the buffer: behind what was received, which may
    /// hold first frames, or over it if there will be none.
    pub(crate) fn reply<F>(&mut self, decide: F) -> Reply
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
    {
        let end = self.end;
        let (received, room) = self.buffer.split_at_mut_checked(end).unwrap_or_default();
        let refusal = match judge_request(&mut self.scanner, received, room, decide) {
            Ok(Judged { answer_len, verdict }) => {
                return Reply { place: end..end.saturating_add(answer_len), verdict };
            }
            Err(refusal) => refusal,
        };
        let rejection = match &refusal {
            Refusal::Request(error) => Rejection::from(*error),
            // RFC 6585, 5: a shorter head would have left room for the answer.
            Refusal::BufferTooSmall(_) | Refusal::Application { .. } => {
                rejection(431, "the head leaves no room for the answer\n")
            }
            Refusal::Extension => rejection(500, "the server is at fault\n"),
        };
        match rejection.encode(self.buffer) {
            Ok(len) => Reply { place: 0..len, verdict: Err(refusal) },
            Err(error) => Reply { place: 0..0, verdict: Err(Refusal::BufferTooSmall(error)) },
        }
    }

    /// Judges the response. `None`: it was an interim one, and another is to come. Otherwise where
    /// behind the head the first frames begin.
    pub(crate) fn judge_response<E>(
        &mut self,
        request: &ClientRequest<'_>,
        inspect: &mut impl FnMut(&Answer<'_>),
    ) -> Result<Option<usize>, Error<E>> {
        let received = self.buffer.get(..self.end).unwrap_or_default();
        let head = match self.scanner.scan(received) {
            Ok(Progress::Complete(head)) => head,
            Ok(Progress::Partial) => return Ok(None),
            Err(error) => return Err(Error::Response(error.into())),
        };
        let mut slots = HeaderSlots::<MAX_HEADERS>::new();
        let answer = request.parse_response(head, &mut slots).map_err(Error::Response)?;
        inspect(&answer);
        match answer {
            // RFC 6455, 9.1: what was agreed on would have to be spoken.
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
                let behind = interim.head_len()..self.end;
                let behind_len = behind.len();
                self.buffer.copy_within(behind, 0);
                self.end = behind_len;
                self.scanner = HeadScanner::response(limits(self.buffer.len()));
                Ok(None)
            }
        }
    }

    /// These bytes of the buffer.
    pub(crate) fn bytes(&self, place: Range<usize>) -> &[u8] {
        self.buffer.get(place).unwrap_or_default()
    }

    /// The buffer, and where in it the first frames are.
    pub(crate) fn into_parts(self, head_len: usize) -> (&'b mut [u8], Range<usize>) {
        (self.buffer, head_len..self.end)
    }
}

/// The answer of an application that accepts or rejects.
struct Judged {
    answer_len: usize,
    verdict: Result<usize, Refusal>,
}

fn judge_request<F>(
    scanner: &mut HeadScanner,
    received: &[u8],
    room: &mut [u8],
    decide: F,
) -> Result<Judged, Refusal>
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>>,
{
    let head = match scanner.scan(received) {
        Ok(Progress::Complete(head)) => head,
        // Nobody asks before the head is complete.
        Ok(Progress::Partial) => {
            return Err(HeadError::HeadTooLong { limit: received.len() }.into());
        }
        Err(error) => return Err(error.into()),
    };
    let mut slots = HeaderSlots::<MAX_HEADERS>::new();
    let request = ServerRequest::parse(head, &mut slots).map_err(Refusal::Request)?;
    let (encoded, verdict) = match decide(&request) {
        Ok(acceptance) if !acceptance.has_no_extensions() => return Err(Refusal::Extension),
        Ok(acceptance) => (acceptance.encode(room), Ok(head.len())),
        Err(rejection) => {
            let status = rejection.status();
            (rejection.encode(room), Err(Refusal::Application { status }))
        }
    };
    let answer_len = encoded.map_err(Refusal::BufferTooSmall)?;
    Ok(Judged { answer_len, verdict })
}

/// A head may fill the buffer.
fn limits(buffer_len: usize) -> Limits {
    let mut limits = Limits::server();
    limits.max_head_len = buffer_len;
    limits.max_headers = MAX_HEADERS;
    limits
}

/// These statuses may have a body.
fn rejection(status: u16, body: &'static str) -> Rejection<'static> {
    Rejection::new(status, body).unwrap_or(Rejection::forbidden(body))
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
