//! One exchange of `tidings-handshake` in a buffer that grows as it needs: [`Exchange`].

use std::fmt;
use std::io;
use std::mem;
use std::ops::Range;

use tidings_handshake::opening::{Io, Opening, OpeningError, Step};
use tidings_websocket::Timestamp;

use crate::error::Error;
use crate::opening::deadline::Deadline;

/// How much is read at once: a head is rarely longer.
const READ_LEN: usize = 1024;

/// The machine, its buffer, and why it failed.
pub(super) struct Exchange<R> {
    pub(super) opening: Opening<R>,
    pub(super) buffer: Vec<u8>,
    deadline: Deadline,
    /// What it means that the transport ends before there is a head.
    eof: &'static str,
    error: Option<Error>,
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

impl<R> Exchange<R> {
    /// The buffer holds the request, if it is to be sent.
    pub(super) fn new(
        opening: Opening<R>,
        mut buffer: Vec<u8>,
        deadline: Deadline,
        eof: &'static str,
    ) -> Self {
        buffer.resize(buffer.len().max(READ_LEN), 0);
        Self { opening, buffer, deadline, eof, error: None }
    }

    /// Whether a head has come that is to be dealt with.
    pub(super) fn is_at_head(&mut self, now: Timestamp) -> bool {
        matches!(self.step(now), Some((Step::Head, _)))
    }

    /// The next operation, if there is one. Heads are dealt with.
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
                    OpeningError::TimedOut => self.deadline.error(),
                    OpeningError::Eof => {
                        io::Error::new(io::ErrorKind::UnexpectedEof, self.eof).into()
                    }
                    OpeningError::BrokenTransport => io::Error::other(error).into(),
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
                    self.error = Some(error.into());
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

    /// Puts bytes into the buffer, after what was received, to be written.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.opening.received_len();
        self.buffer.truncate(start);
        self.buffer.extend_from_slice(bytes);
        start..self.buffer.len()
    }

    /// What follows the head.
    pub(super) fn take_first_bytes(&mut self) -> Vec<u8> {
        let first = self.opening.first_bytes();
        let mut buffer = mem::take(&mut self.buffer);
        buffer.truncate(first.end);
        buffer.drain(..first.start.min(first.end));
        buffer
    }

    /// Why the exchange failed, if it did.
    pub(super) fn result(&mut self) -> Result<(), Error> {
        self.error.take().map_or(Ok(()), Err)
    }
}
