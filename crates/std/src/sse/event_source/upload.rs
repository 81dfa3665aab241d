//! Sends a request while its response may come already (RFC 9112, 9.5): [`Upload`], and
//! [`Uploading`], which reads and writes in turns.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};

use crate::connect::ClientStream;
use crate::transport::{Transport, is_not_now};

/// The number of bytes written between two checks for received bytes.
const WRITE_LEN: usize = 64 * 1024;
/// The time that a write waits before the next check for received bytes.
const TURN: Duration = Duration::from_millis(20);
/// The shortest timeout: zero would be "for ever".
const SHORTEST: Duration = Duration::from_millis(1);

/// The part of a request that is still to be sent.
#[derive(Debug)]
pub(super) struct Upload {
    head: Bytes,
    body: Bytes,
    state: State,
}

#[derive(Debug)]
enum State {
    Sending,
    Sent,
    /// The server takes no more. It may have answered before.
    Failed(io::Error),
}

impl Upload {
    pub(super) const fn new(head: Bytes, body: Bytes) -> Self {
        Self { head, body, state: State::Sending }
    }

    /// Returns whether there are bytes to send.
    pub(super) const fn is_sending(&self) -> bool {
        matches!(self.state, State::Sending)
    }

    /// Sends no more: the answer is there, and does not depend on it.
    pub(super) fn abandon(&mut self) {
        self.state = State::Sent;
    }

    /// Returns the error of sending, if it failed.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        match std::mem::replace(&mut self.state, State::Sent) {
            State::Failed(error) => Some(error),
            State::Sending | State::Sent => None,
        }
    }

    /// Writes once.
    fn write(&mut self, stream: &mut ClientStream) -> io::Result<()> {
        let part = if self.head.is_empty() { &mut self.body } else { &mut self.head };
        if part.is_empty() {
            stream.flush()?;
            self.state = State::Sent;
            return Ok(());
        }
        let len = stream.write(part.get(..WRITE_LEN).unwrap_or(part))?;
        debug_assert!(len <= part.len(), "no more is written than there is");
        part.advance(len.min(part.len()));
        Ok(())
    }
}

/// A stream that sends the rest of an upload while it is read.
#[derive(Debug)]
pub(super) struct Uploading<'a> {
    pub(super) stream: &'a mut ClientStream,
    pub(super) upload: &'a mut Upload,
    pub(super) read_timeout: Option<Duration>,
}

impl Uploading<'_> {
    /// Reads the available bytes, without waiting.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.tcp().set_nonblocking(true)?;
        let read = self.stream.read(buffer);
        self.stream.tcp().set_nonblocking(false)?;
        read
    }

    /// Sends as much as possible within a turn.
    fn write_for(&mut self, turn: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(Some(turn.max(SHORTEST)))?;
        match self.upload.write(self.stream) {
            Err(error) if is_not_now(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.upload.state = State::Failed(error),
            Ok(()) => {}
        }
        Ok(())
    }
}

impl Read for Uploading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let until = self.read_timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
        while self.upload.is_sending() {
            match self.read_now(buffer) {
                Err(error) if is_not_now(&error) => {}
                result => return result,
            }
            match left() {
                Some(Duration::ZERO) => return Err(io::ErrorKind::TimedOut.into()),
                left => self.write_for(left.unwrap_or(TURN).min(TURN))?,
            }
        }
        self.stream.set_read_timeout(left().map(|left| left.max(SHORTEST)))?;
        self.stream.read(buffer)
    }
}

/// All is written by reading.
impl Write for Uploading<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for Uploading<'_> {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.read_timeout = timeout;
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }
}
