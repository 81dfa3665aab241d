//! One exchange of `tidings-handshake` in a buffer that grows as it needs: [`Exchange`].

use std::fmt;
use std::io;
use std::mem;
use std::ops::Range;
use std::time::Duration;

use tidings_handshake::opening::{Io, Opening, OpeningError, Server, Step};
use tidings_handshake::{HeaderSlots, RequestError, ServerRequest};
use tidings_websocket::Timestamp;

use crate::error::Error;
use crate::opening::STACK_HEADERS;
use crate::opening::deadline::Deadline;
use crate::websocket::Config;

/// The size of one read: a head is rarely longer.
const READ_LEN: usize = 1024;

/// The machine, its buffer, and why it failed.
pub(super) struct Exchange<R> {
    pub(super) opening: Opening<R>,
    pub(super) buffer: Vec<u8>,
    deadline: Deadline,
    with: Peer,
    error: Option<Error>,
}

/// The peer of an exchange, as an error of the transport names it.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    Client,
    /// Its host and port.
    Server(Box<str>),
    /// Its host and port.
    Proxy(Box<str>),
}

impl Peer {
    /// Converts a failure of the transport in the exchange.
    fn failed(&self, error: io::Error) -> Error {
        in_phase(&self.phase(), error)
    }

    /// The error that the exchange took too long.
    fn timed_out(&self, deadline: Deadline) -> Error {
        match self {
            Self::Client => deadline.error(),
            Self::Server(_) | Self::Proxy(_) => deadline.error_during(self.phase()),
        }
    }

    fn phase(&self) -> String {
        match self {
            Self::Client => "the opening handshake".to_owned(),
            Self::Server(name) => format!("the opening handshake with {name}"),
            Self::Proxy(name) => format!("asking the proxy {name} for a tunnel"),
        }
    }

    /// Describes an end of the transport before there is a head.
    const fn eof(&self) -> &'static str {
        match self {
            Self::Client => "the client ended the connection without a whole request",
            Self::Server(_) => "the server ended the connection without an answer",
            Self::Proxy(_) => "the proxy ended the connection without an answer",
        }
    }
}

/// An error of the transport, or of TLS, in this phase.
pub(super) fn in_phase(phase: &str, error: io::Error) -> Error {
    match Error::from(error) {
        #[cfg(feature = "rustls")]
        Error::Tls(error) => Error::Tls(error.in_phase(phase)),
        Error::Io(error) => Error::Io(io::Error::new(
            error.kind(),
            InPhase { text: format!("{phase}: {error}"), error },
        )),
        other => other,
    }
}

/// An error of the transport, with its place.
#[derive(Debug)]
struct InPhase {
    text: String,
    error: io::Error,
}

impl fmt::Display for InPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for InPhase {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The error itself is in the text.
        self.error.source()
    }
}

impl<R: fmt::Debug> fmt::Debug for Exchange<R> {
    // The buffer holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("opening", &self.opening)
            .field("buffer_len", &self.buffer.len())
            .field("deadline", &self.deadline)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl Exchange<Server> {
    /// The exchange of a server with a client that has just connected.
    pub(super) fn with_client(config: &Config, now: Timestamp) -> Self {
        let deadline = Deadline::new(now, config.handshake_timeout);
        let opening = Opening::server(config.head_limits, deadline.at());
        Self::new(opening, Vec::new(), deadline, Peer::Client)
    }

    /// Passes the request that has arrived to `look`.
    ///
    /// # Errors
    /// It is not an opening handshake.
    pub(super) fn with_request<T>(
        &mut self,
        look: impl FnOnce(&ServerRequest<'_>) -> T,
    ) -> Result<T, RequestError> {
        let Self { opening, buffer, .. } = self;
        let mut slots = HeaderSlots::<STACK_HEADERS>::with_room_for(opening.headers());
        let head = opening.head(buffer)?;
        ServerRequest::parse(head, &mut slots).map(|request| look(&request))
    }
}

impl<R> Exchange<R> {
    /// The buffer contains the request, if it is to be sent.
    pub(super) fn new(
        opening: Opening<R>,
        mut buffer: Vec<u8>,
        deadline: Deadline,
        with: Peer,
    ) -> Self {
        buffer.resize(buffer.len().max(READ_LEN), 0);
        Self { opening, buffer, deadline, with, error: None }
    }

    /// Puts another deadline in place of the one before.
    pub(super) const fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        self.opening.set_deadline(deadline.at());
    }

    /// Puts the deadline off.
    pub(super) fn put_off(&mut self, time: Duration) {
        self.set_deadline(self.deadline.later_by(time));
    }

    /// Returns whether a head has arrived that must be handled.
    pub(super) fn is_at_head(&mut self, now: Timestamp) -> bool {
        matches!(self.step(now), Some((Step::Head, _)))
    }

    /// Returns the next operation, if there is one, and handles heads.
    pub(super) fn next_io(&mut self, now: Timestamp) -> Option<(Io<'_>, Timestamp)> {
        match self.step(now)? {
            (Step::Io(io), until) => Some((io, until?)),
            (Step::Head | Step::Done, _) => None,
        }
    }

    fn step(&mut self, now: Timestamp) -> Option<(Step<'_>, Option<Timestamp>)> {
        if self.error.is_some() {
            return None;
        }
        match self.opening.next(&mut self.buffer, now) {
            Ok(step) => Some((step, self.opening.poll_timeout())),
            Err(error) => {
                self.error = Some(match error {
                    OpeningError::TimedOut => self.with.timed_out(self.deadline),
                    OpeningError::Eof => {
                        let eof = self.with.eof();
                        self.with.failed(io::Error::new(io::ErrorKind::UnexpectedEof, eof))
                    }
                    OpeningError::BrokenTransport => self.with.failed(io::Error::other(error)),
                });
                None
            }
        }
    }

    pub(super) fn completed(&mut self, result: io::Result<usize>) {
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                let before = self.opening.received_len();
                if let Err(error) = self.opening.completed(result) {
                    self.error = Some(self.with.failed(error));
                }
                let received_len = self.opening.received_len();
                if received_len > before {
                    // Room for the next read.
                    let len = received_len.saturating_add(READ_LEN).max(self.buffer.len());
                    self.buffer.resize(len, 0);
                }
            }
        }
    }

    /// Appends bytes to the buffer, after the received ones, to be written.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.opening.received_len();
        self.buffer.truncate(start);
        self.buffer.extend_from_slice(bytes);
        start..self.buffer.len()
    }

    /// Returns the bytes after the head.
    pub(super) fn take_first_bytes(&mut self) -> Vec<u8> {
        let first = self.opening.first_bytes();
        let mut buffer = mem::take(&mut self.buffer);
        buffer.truncate(first.end);
        buffer.drain(..first.start.min(first.end));
        buffer
    }

    /// Returns the reason why the exchange failed, if it did.
    pub(super) fn result(&mut self) -> Result<(), Error> {
        self.error.take().map_or(Ok(()), Err)
    }
}
