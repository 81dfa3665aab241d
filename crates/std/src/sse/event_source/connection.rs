//! A connection that has read the head of its response: [`Connection`]. It returns the body.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use http::response::Parts;
use tidings_endpoint::event_source::{RedirectableRequest, StreamError};
use tidings_endpoint::opening::ConnectOptions;
use tidings_handshake::Limits;
use tidings_sse::Timestamp;

use super::control::{AttemptNumber, Control};
use super::upload::{Upload, Uploading};
use crate::connect::{ClientStream, open};
use crate::deadline::{Bounded, Deadline};
use crate::sse::http1::body::Body;
use crate::sse::http1::{head, request};
use crate::transport::{Transport as _, is_not_now};

/// The size of one read.
const READ_LEN: usize = 16 * 1024;
/// The bounds of a read timeout: zero would be "for ever".
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(3600);

pub(super) struct Connection {
    stream: ClientStream,
    control: Arc<Control>,
    number: AttemptNumber,
    upload: Upload,
    body: Body,
    /// Body whose framing is still to be taken off.
    received: Bytes,
    /// The arrival time of that response.
    received_at: Timestamp,
    buffer: BytesMut,
    /// The moment that times count from.
    epoch: Instant,
    /// The current timeout of the stream.
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

/// The result of [`Connection::fetch`]: the head of the response, and the connection for its body.
pub(super) type Fetched = Result<(Parts, Connection), StreamError>;

impl Connection {
    /// Makes the request over a new connection, and waits for the head of the response. Later times
    /// count from `epoch`.
    ///
    /// # Errors
    /// No response arrived in time, or the source was closed before.
    pub(super) fn fetch(
        control: &Arc<Control>,
        number: AttemptNumber,
        options: &ConnectOptions,
        target: &RedirectableRequest,
        deadline: Deadline,
        epoch: Instant,
    ) -> Fetched {
        let uri = target.route();
        let route = options.http_route(&uri).map_err(StreamError::Connect)?;
        let stream = open(&route, deadline).map_err(StreamError::Connect)?;
        control.hold(number, stream.tcp()).map_err(http)?;
        let request = target.http1_through(route.forwarding_proxy());
        let upload = Upload::new(request::head(&request).into(), request.into_body());
        let mut connection = Self {
            stream,
            control: Arc::clone(control),
            number,
            upload,
            body: Body::UntilEnd,
            received: Bytes::new(),
            received_at: Timestamp::default(),
            buffer: BytesMut::new(),
            epoch,
            read_timeout: None,
        };
        let head = connection.read_head(options.head_limits(), deadline)?;
        RedirectableRequest::check_forwarded(route.forwarding_proxy(), &head)?;
        connection.body = Body::new(head.status, head.version, &head.headers).map_err(http)?;
        // RFC 9112, 9.5: a client that is refused "SHOULD immediately cease transmitting the body".
        if !head.status.is_success() {
            connection.upload.abandon();
        }
        Ok((head, connection))
    }

    fn read_head(&mut self, limits: Limits, deadline: Deadline) -> Result<Parts, StreamError> {
        let Self { stream, upload, .. } = self;
        let mut uploading = Uploading { stream, upload, read_timeout: None };
        let mut bounded = Bounded::new(&mut uploading, deadline);
        let mut received = Vec::new();
        let head = head::read_response(&mut bounded, &mut received, limits);
        self.received = received.into();
        self.received_at = self.now();
        match head {
            Ok(head) => Ok(head.into_parts().0),
            // The error of sending says more than the missing response does.
            Err(error) => Err(self.upload.take_error().map_or_else(|| http(error), http)),
        }
    }

    /// Returns the arrival time of the last chunk.
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
        let is_sending = self.upload.is_sending();
        if !is_sending && self.read_timeout.is_none_or(|set| set > late) {
            self.stream.set_read_timeout(Some(wait))?;
            self.read_timeout = Some(wait);
        }
        // The chunks before are dropped by now, so this is the same memory again.
        self.received = Bytes::new();
        self.buffer.resize(READ_LEN, 0);
        let read = loop {
            let Self { stream, upload, buffer, .. } = self;
            let result = if is_sending {
                let read_timeout = Some(wait);
                Uploading { stream, upload, read_timeout }.read(buffer)
            } else {
                stream.read(buffer)
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        self.received = self.buffer.split().freeze();
        self.received_at = self.now();
        if is_sending || read.is_err() {
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
        self.control.release(self.number);
    }
}
