//! A transport that waits in turns: [`Timed`].
//!
//! Timeouts make a blocking transport wait in turns. Between two turns the connection keeps its
//! deadlines. A transport that comes back at once is a nonblocking one: then the caller waits.

use std::io::{self, IoSlice};
use std::mem;
use std::task::Poll;
use std::time::{Duration, Instant};

use tidings_endpoint::Error;
use tidings_endpoint::websocket::Takeable;
use tidings_websocket::Timestamp;

use crate::transport::{Transport, is_not_now};

/// The time that a write waits before something is read, and that a read waits while there are
/// bytes to write: the peer may be waiting for either.
const TURN: Duration = Duration::from_millis(50);
/// The bounds of a read timeout: zero would be "for ever".
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(3600);

/// A transport, the timeouts that are set on it, and the clock.
#[derive(Debug)]
pub(crate) struct Timed<S> {
    pub(crate) stream: Takeable<S>,
    epoch: Instant,
    /// The current read timeout.
    read_timeout: Option<Duration>,
    write_timeout_is_set: bool,
    /// The transport waited, and took nothing, at the last write.
    is_write_blocked: bool,
    /// The time until which the next write may be left out, if bytes were read before it.
    rests_from_writing: Option<Instant>,
    /// Bytes arrived since the last write.
    has_read: bool,
    /// The transport returned after a wait, not at once.
    has_waited: bool,
    /// The time at which the caller stops waiting.
    give_up: Option<Timestamp>,
}

impl<S: Transport> Timed<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream: Takeable::new(stream),
            epoch: Instant::now(),
            read_timeout: None,
            write_timeout_is_set: false,
            is_write_blocked: false,
            rests_from_writing: None,
            has_read: false,
            has_waited: false,
            give_up: None,
        }
    }

    /// Marks the following work as writing without reading.
    pub(crate) fn begin_writing(&mut self) {
        self.has_read = false;
    }

    /// The caller waits this long for the following calls; `None` means no limit.
    pub(crate) fn give_up_after(&mut self, timeout: Option<Duration>) {
        self.give_up = timeout.map(|timeout| self.now().after(timeout));
    }

    /// Returns the result of the work that the caller waited for. "Not now" becomes an error:
    /// `TimedOut` if the caller has waited enough, `WouldBlock` if the transport does not wait.
    pub(crate) fn settle<T>(&mut self, polled: Poll<Result<T, Error>>) -> Result<T, Error> {
        let give_up = self.give_up.take();
        match polled {
            Poll::Ready(result) => result,
            Poll::Pending if give_up.is_some_and(|until| until <= self.now()) => {
                let late = "nothing was received in time";
                Err(io::Error::new(io::ErrorKind::TimedOut, late).into())
            }
            Poll::Pending => Err(io::Error::from(io::ErrorKind::WouldBlock).into()),
        }
    }

    /// Makes sure that a read returns at `until`, or a little later: at most by a sixteenth of the
    /// time until then. That saves a system call for each message. A read that comes back too early
    /// is repeated.
    fn bound_read(&mut self, until: Option<Timestamp>) -> io::Result<Duration> {
        let now = self.now();
        let turn = self.is_write_blocked.then(|| now.after(TURN));
        let until = [until, self.give_up, turn].into_iter().flatten().min();
        let wait = until.map_or(LONGEST, |until| until.since(now)).clamp(SHORTEST, LONGEST);
        match self.read_timeout {
            Some(set) if set <= wait.saturating_add(wait / 16) => Ok(set),
            _ => {
                self.stream.set_read_timeout(Some(wait))?;
                self.read_timeout = Some(wait);
                Ok(wait)
            }
        }
    }

    /// Returns the result of a call to the transport that may have waited for `timeout`.
    fn call<T>(
        &mut self,
        timeout: Duration,
        mut work: impl FnMut(&mut S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let begun = Instant::now();
        loop {
            match work(&mut self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_not_now(&error) => {
                    self.has_waited = begun.elapsed() >= timeout.min(TURN) / 2;
                    return Poll::Pending;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Like [`call`](Self::call), for writes.
    fn call_to_write<T>(
        &mut self,
        work: impl FnMut(&mut S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        if !self.write_timeout_is_set {
            self.stream.set_write_timeout(Some(TURN))?;
            self.write_timeout_is_set = true;
        }
        if self.stream.reads_to_write() && self.read_timeout.is_none_or(|set| set > TURN) {
            self.stream.set_read_timeout(Some(TURN))?;
            self.read_timeout = Some(TURN);
        }
        let result = self.call(TURN, work);
        self.is_write_blocked = result.is_pending() && self.has_waited;
        result
    }

    /// Reads the next bytes, waiting for them until `until`.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        until: Option<Timestamp>,
    ) -> Poll<io::Result<usize>> {
        let timeout = self.bound_read(until)?;
        let result = self.call(timeout, |stream| stream.read(buffer));
        self.has_read = result.is_ready();
        if self.has_read {
            if self.is_write_blocked && self.rests_from_writing.is_none() {
                self.rests_from_writing = Instant::now().checked_add(TURN);
            }
            return result;
        }
        self.rests_from_writing = None;
        if self.has_waited {
            // It may have been set for less than is wanted now.
            self.read_timeout = None;
        }
        result
    }

    /// Reads the bytes that have already arrived, without waiting for more.
    pub(crate) fn read_at_once(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.read_timeout != Some(SHORTEST) {
            self.stream.set_read_timeout(Some(SHORTEST))?;
            self.read_timeout = Some(SHORTEST);
        }
        let waited_to_write = self.has_waited;
        let result = self.call(SHORTEST, |stream| stream.read(buffer));
        self.has_waited = waited_to_write;
        result
    }

    /// Writes some of these slices. Waits for a turn only: the peer may take nothing before its own
    /// bytes were read.
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        // A peer that waits for us to read is read from until nothing comes, or for a turn.
        let has_read = mem::take(&mut self.has_read);
        if has_read && self.rests_from_writing.is_some_and(|until| Instant::now() < until) {
            self.has_waited = true;
            return Poll::Pending;
        }
        self.rests_from_writing = None;
        self.call_to_write(|stream| match slices {
            [only] => stream.write(only),
            _ => stream.write_vectored(slices),
        })
    }

    pub(crate) fn flush(&mut self) -> Poll<io::Result<()>> {
        self.call_to_write(S::flush)
    }

    pub(crate) fn shut_down(&mut self) -> Poll<io::Result<()>> {
        self.call_to_write(S::shutdown_write)
    }

    /// The time since the connection began.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }

    /// After `Pending`: ready when the call may be repeated or `until` has passed; `Pending` when
    /// it is for the caller to wait.
    pub(crate) fn wait(&mut self, until: Option<Timestamp>) -> Poll<()> {
        let now = self.now();
        let has_come = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let has_waited = mem::take(&mut self.has_waited);
        if has_come(until) || (has_waited && !has_come(self.give_up)) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
