//! The one deadline of an opening handshake: [`Deadline`], and [`Bounded`], a transport that keeps
//! it.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use tidings_endpoint::opening;
use tidings_websocket::Timestamp;

use crate::transport::{Transport, is_not_now};

/// "For ever" as a number.
const LONGEST: Duration = Duration::from_secs(3600);

/// The deadline of the handshake, on its clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// The moment that the handshake's times count from.
    epoch: Instant,
    deadline: opening::Deadline,
}

impl Deadline {
    /// This long after now, which is the epoch.
    pub(crate) fn after(limit: Duration) -> Self {
        Self::of(opening::Deadline::new(Timestamp::default(), limit))
    }

    /// A deadline that counts from now.
    pub(crate) fn of(deadline: opening::Deadline) -> Self {
        Self { epoch: Instant::now(), deadline }
    }

    /// The same deadline for a machine.
    pub(crate) const fn value(self) -> opening::Deadline {
        self.deadline
    }

    /// The time since the epoch.
    pub(crate) fn now(self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }

    /// Returns the remaining time: zero from the deadline on.
    pub(crate) fn time_left(self) -> Duration {
        self.time_until(self.deadline.at())
    }

    fn time_until(self, at: Timestamp) -> Duration {
        at.since(self.now()).min(LONGEST)
    }
}

/// A transport that answers with `TimedOut` from a point in time on.
#[derive(Debug)]
pub(crate) struct Bounded<'s, S> {
    stream: &'s mut S,
    deadline: Deadline,
    until: Timestamp,
}

impl<'s, S: Transport> Bounded<'s, S> {
    /// Until the deadline.
    #[cfg(any(feature = "rustls", feature = "event-source", feature = "event-server"))]
    pub(crate) fn new(stream: &'s mut S, deadline: Deadline) -> Self {
        Self::until(stream, deadline, deadline.deadline.at())
    }

    /// Until then, on the clock of the deadline.
    pub(crate) fn until(stream: &'s mut S, deadline: Deadline, until: Timestamp) -> Self {
        Self { stream, deadline, until }
    }

    pub(crate) fn shut_down(&mut self) -> io::Result<()> {
        self.call(S::set_write_timeout, S::shutdown_write)
    }

    /// Does a call again until it comes to something, or the time is over. An answer of "not now"
    /// that came at once is that of a nonblocking transport, and passed on.
    fn call<T>(
        &mut self,
        set_timeout: impl Fn(&mut S, Option<Duration>) -> io::Result<()>,
        mut work: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = self.deadline.time_until(self.until);
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
