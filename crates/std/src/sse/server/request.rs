//! A request, on the connection that it came by: [`EventRequest`].

use std::fmt;
use std::io::Read as _;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use tidings_handshake::Limits;
use tidings_handshake::opening::{MAX_REFUSED_DRAIN_LEN, REFUSED_DRAIN_TIME};

use super::{EventBody, LastEventId, LastEventIdError, ServeError};
use crate::deadline::{Bounded, Deadline};
use crate::sse::http1::head::read_request;
use crate::sse::http1::response::ResponseWriter;
use crate::transport::Transport;

/// The time limit for a request's head and for a short response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A request for an event stream, whose head was read, on its connection.
///
/// ```no_run
/// use std::net::TcpStream;
/// use std::sync::Arc;
///
/// use tidings_std::sse::server::{EventRequest, EventSender, History, Responder, ServeError};
///
/// fn serve(
///     stream: TcpStream,
///     history: Arc<History>,
///     register: impl FnOnce(EventSender),
/// ) -> Result<(), ServeError> {
///     let request = EventRequest::read(stream)?;
///     match request.last_event_id() {
///         Ok(last_event_id) => {
///             let (sender, response) = Responder::new().replay(history, last_event_id);
///             register(sender); // before the response: nothing is lost in between
///             request.respond(response)
///         }
///         Err(error) => request.respond_with(error.response()),
///     }
/// }
/// ```
pub struct EventRequest<S> {
    stream: S,
    head: Request<()>,
}

impl<S: Transport> EventRequest<S> {
    /// Reads the head of a request, within 10 seconds, 16 KiB and 100 headers. A request that
    /// breaks the rules of HTTP is answered, with 400 for example.
    ///
    /// # Errors
    /// [`ServeError::Read`], [`ServeError::Head`], [`ServeError::Host`].
    pub fn read(stream: S) -> Result<Self, ServeError> {
        Self::read_within(stream, Limits::server(), TIMEOUT)
    }

    /// Like [`read`](Self::read), with limits and a time of your choice.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_within(
        mut stream: S,
        limits: Limits,
        timeout: Duration,
    ) -> Result<Self, ServeError> {
        let deadline = Deadline::after(timeout);
        let read = read_request(&mut Bounded::new(&mut stream, deadline), limits);
        let (status, error) = match read.map_err(ServeError::Read)? {
            Ok(head) if has_host(head.version(), head.headers()) => {
                return Ok(Self { stream, head });
            }
            Ok(_) => (400, ServeError::Host),
            Err(error) => (error.status(), ServeError::Head(error)),
        };
        let mut refusal = Response::new(error.to_string());
        debug_assert!(StatusCode::from_u16(status).is_ok(), "{status} is a status");
        *refusal.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let refused = Self { stream, head: Request::new(()) };
        // The request is at fault, whatever becomes of the answer.
        let _ = refused.respond_with(refusal);
        Err(error)
    }

    /// The request: its method, target and headers. A body is not read.
    pub const fn head(&self) -> &Request<()> {
        &self.head
    }

    /// Returns the ID after which the client wants to resume.
    ///
    /// # Errors
    /// The header is not valid; [`LastEventIdError::response`] is an answer.
    pub fn last_event_id(&self) -> Result<Option<LastEventId>, LastEventIdError> {
        LastEventId::from_headers(self.head.headers())
    }

    /// Writes the response of an event stream, and blocks until the stream ends or the client has
    /// left, which shows when something is written, a comment at the latest. Then the connection is
    /// closed. In HTTP/1.1 the body is chunked, and a stream that was cut has no last chunk.
    ///
    /// A transport that takes nothing for the
    /// [stall timeout](tidings_endpoint::event_sink::Responder::stall_timeout) is given up; that needs
    /// a transport with timeouts.
    ///
    /// # Errors
    /// [`ServeError::Write`] if the client has left, [`ServeError::Cut`].
    pub fn respond(mut self, response: Response<EventBody>) -> Result<(), ServeError> {
        let (head, body) = response.into_parts();
        self.stream.set_write_timeout(body.stall_timeout()).map_err(ServeError::Write)?;
        let version = self.head.version();
        let mut writer = ResponseWriter::begin(&mut self.stream, &head, version, None);
        if body.is_empty() || self.head.method() == Method::HEAD {
            writer.flush().map_err(ServeError::Write)?;
        } else {
            body.write(writer)?;
        }
        self.close();
        Ok(())
    }

    /// Writes a response that is not an event stream, a refusal for example, within 10 seconds, and
    /// closes the connection.
    ///
    /// # Errors
    /// [`ServeError::Write`].
    pub fn respond_with(mut self, response: Response<impl AsRef<[u8]>>) -> Result<(), ServeError> {
        let (head, body) = response.into_parts();
        let body = body.as_ref();
        let stream = Bounded::new(&mut self.stream, Deadline::after(TIMEOUT));
        let mut writer =
            ResponseWriter::begin(stream, &head, self.head.version(), Some(body.len()));
        let has_body = self.head.method() != Method::HEAD && head.status != StatusCode::NO_CONTENT;
        let written = if has_body { writer.push(body) } else { Ok(()) };
        written.and_then(|()| writer.flush()).map_err(ServeError::Write)?;
        self.close();
        Ok(())
    }

    /// Ends the connection so that all of the response arrives: a socket that is closed with unread
    /// bytes resets the connection.
    fn close(mut self) {
        if self.stream.shutdown_write().is_err() {
            return;
        }
        let deadline = Deadline::after(REFUSED_DRAIN_TIME);
        let mut stream = Bounded::new(&mut self.stream, deadline);
        let (mut sink, mut drained) = ([0; 4096], 0_usize);
        while drained < MAX_REFUSED_DRAIN_LEN {
            match stream.read(&mut sink) {
                Ok(0) | Err(_) => return,
                Ok(len) => drained = drained.saturating_add(len),
            }
        }
    }
}

/// RFC 9112, 3.2: a request of HTTP/1.1 has one `Host`, no other has more.
fn has_host(version: Version, headers: &HeaderMap) -> bool {
    match headers.get_all(header::HOST).iter().count() {
        0 => version < Version::HTTP_11,
        count => count == 1,
    }
}

impl<S> fmt::Debug for EventRequest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRequest")
            .field("method", self.head.method())
            .field("uri", self.head.uri())
            .finish_non_exhaustive()
    }
}
