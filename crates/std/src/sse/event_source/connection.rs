//! A connection whose response's head is read: [`Connection`]. It yields the body.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use http::Request;
use http::response::Parts;
use tidings_endpoint::event_source::{RedirectableRequest, StreamError, UnexpectedResponse};
use tidings_endpoint::opening::ConnectOptions;
use tidings_handshake::Limits;
use tidings_sse::Timestamp;

use super::closer::Control;
use crate::connect::{ClientStream, open};
use crate::deadline::{Bounded, Deadline};
use crate::sse::http1::body::Body;
use crate::sse::http1::{head, request};
use crate::transport::{Transport as _, is_not_now};

/// How much is read at once.
const READ_LEN: usize = 16 * 1024;
/// The bounds of a read timeout: zero would be "for ever".
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(3600);
/// How long the body of a refusal is waited for.
const BODY_START_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Connection {
    stream: ClientStream,
    control: Arc<Control>,
    body: Body,
    /// Body whose framing is still to be taken off.
    received: Bytes,
    /// When that came.
    received_at: Timestamp,
    buffer: BytesMut,
    /// The moment that times count from.
    epoch: Instant,
    /// As it is set.
    read_timeout: Option<Duration>,
}

/// The result of [`Connection::read_body`].
pub(super) enum BodyRead {
    /// Some of the body, never empty.
    Data(Bytes),
    /// The body is over as HTTP says that it is.
    End,
    /// Nothing came.
    Silence,
}

impl Connection {
    /// Makes the request over a new connection, and waits for the head of the response. Later times
    /// count from `epoch`.
    ///
    /// # Errors
    /// There is none in time, or this was closed before.
    pub(super) fn fetch(
        control: &Arc<Control>,
        options: &ConnectOptions,
        target: &RedirectableRequest,
        deadline: Deadline,
        epoch: Instant,
    ) -> Result<(Parts, Self), StreamError> {
        let (way, uri) = (options.clone(), target.route());
        let open = move || open(&way.http_route(&uri)?, deadline);
        let opened = control.open(deadline, open).unwrap_or_else(|| Err(deadline.error()));
        let stream = opened.map_err(StreamError::Connect)?;
        control.hold(stream.tcp()).map_err(http)?;
        let mut connection = Self {
            stream,
            control: Arc::clone(control),
            body: Body::UntilEnd,
            received: Bytes::new(),
            received_at: Timestamp::default(),
            buffer: BytesMut::new(),
            epoch,
            read_timeout: None,
        };
        let uri = target.route();
        let route = options.http_route(&uri).map_err(StreamError::Connect)?;
        let request = target.http1_through(route.forwarding_proxy());
        let head = connection.request(&request, options.head_limits(), deadline)?;
        connection.body = Body::new(head.status, head.version, &head.headers).map_err(http)?;
        Ok((head, connection))
    }

    fn request(
        &mut self,
        request: &Request<Bytes>,
        head_limits: Limits,
        deadline: Deadline,
    ) -> Result<Parts, StreamError> {
        let mut stream = Bounded::new(&mut self.stream, deadline);
        let sent = request::send(&mut stream, request);
        let mut received = Vec::new();
        // RFC 9112, 9.5: a server may answer and close before it has read a body to its end.
        let head = head::read_response(&mut stream, &mut received, head_limits);
        self.received = received.into();
        self.received_at = self.now();
        match (head, sent) {
            (Ok(head), _) => Ok(head.into_parts().0),
            (Err(_), Err(error)) => Err(http(error)),
            (Err(error), Ok(())) => Err(http(error)),
        }
    }

    /// How the body of a refusal begins: what comes in a short time.
    pub(super) fn body_start(mut self) -> Vec<u8> {
        let until = self.now().after(BODY_START_TIMEOUT);
        let mut start = Vec::new();
        while start.len() < UnexpectedResponse::MAX_BODY_START_LEN && self.now() < until {
            match self.read_body(Some(until)) {
                Ok(BodyRead::Data(data)) => start.extend_from_slice(&data),
                Ok(BodyRead::Silence) => {}
                Ok(BodyRead::End) | Err(_) => break,
            }
        }
        start.truncate(UnexpectedResponse::MAX_BODY_START_LEN);
        start
    }

    /// When the last chunk came.
    pub(super) const fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// The next chunk of the body. It is waited for until then, if there is a limit, or a little longer: at most by a
    /// sixteenth, which saves a system call for each event. It may be shorter.
    ///
    /// # Errors
    /// The body is not framed as it must be, or the transport broke.
    pub(super) fn read_body(&mut self, until: Option<Timestamp>) -> Result<BodyRead, StreamError> {
        loop {
            let mut rest = &*self.received;
            let before = rest.len();
            let data = self.body.next(&mut rest).map_err(http)?;
            let data = data.map(|data| self.received.slice_ref(data));
            debug_assert!(rest.len() <= before, "the rest is a tail of it");
            let len = before.saturating_sub(rest.len());
            self.received.advance(len);
            if let Some(data) = data {
                return Ok(BodyRead::Data(data));
            }
            if self.body.is_over() {
                return Ok(BodyRead::End);
            }
            match self.read(until) {
                Ok(0) => {
                    return self.body.end_of_connection().map(|()| BodyRead::End).map_err(http);
                }
                Ok(_) => {}
                Err(error) if is_not_now(&error) => return Ok(BodyRead::Silence),
                Err(error) => return Err(http(error)),
            }
        }
    }

    /// Reads once; all that was received before is used up.
    fn read(&mut self, until: Option<Timestamp>) -> io::Result<usize> {
        let wait = until.map_or(LONGEST, |until| until.since(self.now()));
        let wait = wait.clamp(SHORTEST, LONGEST);
        let late = wait.saturating_add(wait / 16);
        if self.read_timeout.is_none_or(|set| set > late) {
            self.stream.set_read_timeout(Some(wait))?;
            self.read_timeout = Some(wait);
        }
        // The chunks before are dropped by now, so this is the same memory again.
        self.received = Bytes::new();
        self.buffer.resize(READ_LEN, 0);
        let read = loop {
            match self.stream.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        self.received = self.buffer.split().freeze();
        self.received_at = self.now();
        if read.is_err() {
            // It may have been set for less than is wanted now.
            self.read_timeout = None;
        }
        read
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }
}

fn http(error: impl std::error::Error + Send + Sync + 'static) -> StreamError {
    StreamError::Http(Box::new(error))
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.control.release();
    }
}
