//! The one deadline of an opening handshake: [`Deadline`], and [`Bounded`], a transport that keeps
//! it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tidings_endpoint::Error;

use crate::transport::{Transport, is_not_now};

/// "For ever", for those who want a number.
const LONGEST: Duration = Duration::from_secs(3600);

/// When there must be a WebSocket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    limit: Duration,
    /// `None`: so far away that it can't be told.
    at: Option<Instant>,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { limit, at: Instant::now().checked_add(limit) }
    }

    /// No later than so much from now.
    pub(crate) fn at_most(self, limit: Duration) -> Self {
        let other = Self::after(limit);
        if self.time_left() < other.time_left() { self } else { other }
    }

    /// How long there is left to wait: no time, at the deadline.
    pub(crate) fn time_left(self) -> Duration {
        self.at.map_or(LONGEST, |at| at.saturating_duration_since(Instant::now()))
    }

    /// The error that the time is over.
    pub(crate) fn error(self) -> Error {
        Error::HandshakeTimeout(self.limit)
    }

    /// What an error of a [`Bounded`] transport means.
    pub(crate) fn judge(self, error: io::Error) -> Error {
        let is_late = error.kind() == io::ErrorKind::TimedOut && self.time_left().is_zero();
        if is_late { self.error() } else { Error::Io(error) }
    }
}

/// A transport that answers with `TimedOut` from a deadline on.
#[derive(Debug)]
pub(crate) struct Bounded<'s, S> {
    pub(crate) stream: &'s mut S,
    pub(crate) deadline: Deadline,
}

impl<S: Transport> Bounded<'_, S> {
    /// Does a call again until it comes to something, or the time is over. An answer of "not now"
    /// that came at once is that of a nonblocking transport, and passed on.
    fn call<T>(
        &mut self,
        set_timeout: impl Fn(&mut S, Option<Duration>) -> io::Result<()>,
        mut work: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = self.deadline.time_left();
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // A timeout below a millisecond could be rounded to none.
            set_timeout(self.stream, Some(left.max(Duration::from_millis(1))))?;
            let begun = Instant::now();
            match work(self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_not_now(&error) && begun.elapsed() >= left / 2 => {}
                result => return result,
            }
        }
    }
}

impl<S: Transport> Read for Bounded<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call(S::set_read_timeout, |stream| stream.read(buffer))
    }
}

impl<S: Transport> Write for Bounded<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call(S::set_write_timeout, |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call(S::set_write_timeout, S::flush)
    }
}

impl Bounded<'_, TcpStream> {
    pub(crate) fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.call(Transport::set_read_timeout, |stream| stream.peek(buffer))
    }
}
