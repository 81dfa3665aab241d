//! The results of writing, the deadlines, and the end: the part of [`SendHalf`] that an adapter's
//! loop drives.

use std::io::{self, IoSlice};
use std::mem;
use std::task::Poll;
use std::time::Duration;

use tidings_websocket::frame::{CloseCode, CloseFrame};
use tidings_websocket::{CloseInfo, CloseStatus, Connection, Role, SendError, Timestamp};

use super::pace::Pace;
use super::read_ahead::{Ahead, ReadAhead};
use super::{HIGH_WATER, Output, Phase, SendHalf};
use crate::error::Error;
use crate::trace;

/// The limit of reading between our last byte and the end of the transport. A socket that is closed
/// with unread bytes resets the connection, and the peer may lose our Close: above all a peer that
/// is still sending the message that was too long. The time is the bound that matters; the bytes
/// cost nothing else.
const MAX_DRAIN_LEN: usize = 32 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// The number of bytes per second that the peer has to take of the queue before our Close frame.
const MIN_BYTES_PER_SECOND: u64 = 16 * 1024;

impl<R: Role> SendHalf<R> {
    /// Step 3: returns the next operation of the transport. Call it again until there is none, or
    /// the transport cannot do it now. The time is asked for only at the end.
    #[inline]
    pub fn next_output(&mut self, now: impl FnOnce() -> Timestamp) -> Output {
        self.transmit();
        if self.phase == Phase::Hearing && self.ahead.is_none() {
            self.give_up();
        }
        if !self.connection.is_open() {
            self.bound_the_rest(now);
        }
        if !self.queue.is_empty() {
            Output::Write
        } else if self.needs_flush {
            Output::Flush
        } else if matches!(self.phase, Phase::Finishing { .. }) {
            Output::Shutdown
        } else {
            Output::Nothing
        }
    }

    /// Once we close, the rest of the queue has a total time, by its length: a peer that takes a
    /// byte now and then would otherwise hold the connection for days.
    #[cold]
    fn bound_the_rest(&mut self, now: impl FnOnce() -> Timestamp) {
        let is_unbounded = match self.phase {
            Phase::Running => !self.queue.is_empty(),
            Phase::Finishing { until } => until.is_none(),
            Phase::Leaving { .. } | Phase::Hearing | Phase::Draining { .. } | Phase::Ended => false,
        };
        if !is_unbounded {
            return;
        }
        let len = u64::try_from(self.queue.len()).unwrap_or(u64::MAX);
        let time = Duration::from_secs(len / MIN_BYTES_PER_SECOND);
        let until = now().after(self.write_timeout.saturating_add(time));
        self.phase = match self.phase {
            Phase::Finishing { .. } => Phase::Finishing { until: Some(until) },
            _ => Phase::Leaving { until },
        };
    }

    /// Passes the queue, followed by `payload`, to `write` as non-empty slices. `None` if there is
    /// nothing to write.
    #[inline]
    pub fn write_with<T>(
        &self,
        payload: &[u8],
        write: impl FnOnce(&[IoSlice<'_>]) -> T,
    ) -> Option<T> {
        self.queue.write_with(payload, write)
    }

    /// Reports the number of bytes of the queue that were written. `Pending` means that the
    /// transport takes nothing now.
    #[inline]
    pub fn wrote(&mut self, written: Poll<io::Result<usize>>, now: impl FnOnce() -> Timestamp) {
        self.wrote_payload(&[], written, now);
    }

    /// Like [`wrote`](Self::wrote), for a write that ended with `payload`: the unwritten part of it
    /// is queued.
    pub fn wrote_payload(
        &mut self,
        payload: &[u8],
        written: Poll<io::Result<usize>>,
        now: impl FnOnce() -> Timestamp,
    ) {
        let written_len = match written {
            Poll::Ready(Ok(0)) => {
                return self.lose_writing(io::Error::from(io::ErrorKind::WriteZero));
            }
            Poll::Ready(Ok(len)) => {
                self.write_stalled = None;
                self.needs_flush = true;
                if let Some(pace) = &mut self.pace {
                    pace.took(len);
                    self.connection.alive_until(now());
                }
                len
            }
            Poll::Ready(Err(error)) => return self.lose_writing(error),
            Poll::Pending => {
                self.stall(now);
                0
            }
        };
        let beyond = written_len.saturating_sub(self.queue.len());
        let Some(rest) = payload.get(beyond..) else {
            let lie = "the transport claims to have written more than it was given";
            return self.lose(io::Error::other(lie));
        };
        if written_len > beyond {
            self.queue.advance(written_len - beyond);
        }
        if !rest.is_empty() {
            self.queue.push_bytes(rest);
        }
    }

    /// Reports the result of flushing the transport.
    pub fn flushed(&mut self, flushed: Poll<io::Result<()>>, now: impl FnOnce() -> Timestamp) {
        match flushed {
            Poll::Ready(Ok(())) => {
                self.needs_flush = false;
                self.write_stalled = None;
                if self.pace.is_some() || !self.connection.is_open() {
                    self.all_written(now());
                }
            }
            Poll::Ready(Err(error)) => self.lose_writing(error),
            Poll::Pending => self.stall(now),
        }
    }

    /// All that was queued is with the transport.
    #[cold]
    fn all_written(&mut self, now: Timestamp) {
        if let Some(pace) = self.pace.take() {
            self.drained_at = pace.drained_at(now);
            self.connection.alive_until(self.drained_at);
        }
        if matches!(self.phase, Phase::Leaving { .. }) {
            // Our Close frame has left, and arrives once the peer has taken the bytes before it.
            self.connection.restart_closing(now.max(self.drained_at));
            self.phase = Phase::Running;
        }
    }

    /// Reports the result of shutting down our side of the transport.
    #[expect(clippy::needless_pass_by_value, reason = "it is taken as other results are")]
    pub fn shut_down(&mut self, shut_down: Poll<io::Result<()>>, now: impl FnOnce() -> Timestamp) {
        match shut_down {
            Poll::Ready(Ok(())) if !self.has_read_end => {
                self.write_stalled = None;
                let until = now().after(DRAIN_TIME);
                self.phase = Phase::Draining { left: MAX_DRAIN_LEN, until };
            }
            // There is nothing to drain; how the connection ended is known already.
            Poll::Ready(_) => self.end(),
            Poll::Pending => self.stall(now),
        }
    }

    fn stall(&mut self, now: impl FnOnce() -> Timestamp) {
        if self.write_stalled.is_none() {
            let now = now();
            self.write_stalled = Some(now);
            self.pace.get_or_insert_with(|| Box::new(Pace::begin(now)));
        }
    }

    /// Nobody has waited since the last bytes were received: the peer may have waited for that.
    pub(in crate::websocket) fn resume(&mut self, now: Timestamp) {
        self.connection.resume(now);
        if self.write_stalled.is_some() {
            self.write_stalled = Some(now);
        }
    }

    /// Takes the result of a read; zero bytes are the end.
    pub(in crate::websocket) fn received(&mut self, read: io::Result<usize>) {
        match read {
            Ok(0) => self.read_end(),
            // Both sides have sent their Close: how the transport ends does not matter.
            Err(_) if !self.connection.is_receiving() => self.read_end(),
            Err(error) => self.lose(error),
            Ok(len) => {
                if let Phase::Draining { left, until } = self.phase {
                    match left.checked_sub(len) {
                        Some(left) => self.phase = Phase::Draining { left, until },
                        None => self.end(),
                    }
                }
            }
        }
    }

    /// The transport has ended on the peer's side.
    fn read_end(&mut self) {
        self.has_read_end = true;
        if matches!(self.phase, Phase::Hearing | Phase::Draining { .. }) {
            self.end();
        }
        if self.connection.is_receiving() {
            let eof = "the transport ended without a Close frame";
            self.fail(io::Error::new(io::ErrorKind::UnexpectedEof, eof).into());
        }
        self.connection.receive_eof();
    }

    /// Returns whether bytes should be read.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.has_read_end && self.phase != Phase::Ended
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout): a deadline of
    /// the machine, a write, or the end. `None` means no deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let connection = match self.phase {
            // The peer answers our Close frame once it has it.
            Phase::Leaving { .. } => None,
            _ => self.connection.poll_timeout(),
        };
        [connection, self.poll_write_timeout()].into_iter().flatten().min()
    }

    /// Like [`poll_timeout`](Self::poll_timeout), for a caller that waits for writing and does not
    /// process received bytes: [`handle_write_timeout`](Self::handle_write_timeout) is due.
    #[must_use]
    pub fn poll_write_timeout(&self) -> Option<Timestamp> {
        let write = self.write_stalled.map(|since| since.after(self.write_timeout));
        let end = match self.phase {
            Phase::Finishing { until } => until,
            Phase::Leaving { until } | Phase::Draining { until, .. } => Some(until),
            Phase::Hearing | Phase::Running | Phase::Ended => None,
        };
        [write, end].into_iter().flatten().min()
    }

    /// Does the work that is due now. Harmless if nothing is.
    ///
    /// Call it only after a read that found nothing: the answer whose deadline passed may be
    /// waiting to be read.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.handle_write_timeout(now);
        if matches!(self.phase, Phase::Leaving { .. }) {
            return;
        }
        if self.write_stalled.is_some() {
            // A Ping that is queued after what the peer has not taken is not unanswered; whether it takes
            // anything is another deadline.
            self.connection.alive_until(now);
        }
        if let Some(timeout) = self.connection.handle_timeout(now) {
            // A peer that has sent its Close and is only slow to hang up has done its part.
            if !self.connection.close_info().is_clean() {
                self.fail(Error::Timeout(timeout));
            }
        }
    }

    /// Does the work that is due now for a caller that waits for writing: checks only whether the
    /// peer takes bytes.
    pub fn handle_write_timeout(&mut self, now: Timestamp) {
        let is_over = |until: Timestamp| until <= now;
        let is_stalled =
            self.write_stalled.is_some_and(|since| is_over(since.after(self.write_timeout)));
        let is_late = match self.phase {
            Phase::Finishing { until } => is_stalled || until.is_some_and(is_over),
            Phase::Leaving { until } => is_stalled || is_over(until),
            Phase::Running => is_stalled,
            Phase::Draining { until, .. } => {
                if is_over(until) {
                    self.end();
                }
                false
            }
            Phase::Hearing | Phase::Ended => false,
        };
        match &self.ahead {
            _ if !is_late => {}
            Some(ahead) if ahead.is_full() && self.connection.is_receiving() => {
                let unread_len = ahead.len();
                self.fail(Error::BothSend { unread_len });
                let reason = "both sides send and neither receives";
                self.connection.fail(now, CloseFrame::new(CloseCode::POLICY_VIOLATION, reason));
                // The peer can continue once its bytes are read, and then sees the Close frame.
                self.ahead = None;
                self.write_stalled = None;
                self.phase = Phase::Running;
            }
            _ => {
                self.fail(Error::WriteTimeout(self.write_timeout));
                self.give_up();
            }
        }
    }

    /// Returns whether the connection fails because both sides send: bytes that still arrive are to
    /// be read and dropped until the end, which has the reason.
    #[must_use]
    pub fn fails_by_both_sending(&self) -> bool {
        matches!(self.failure.as_deref(), Some(Error::BothSend { .. })) && !self.is_reported
    }

    /// Reads once for a caller that waits for writing: the peer may be waiting for that. The bytes
    /// are kept for [`ReceiveHalf::fill`](crate::websocket::ReceiveHalf::fill). `Pending` if
    /// nothing arrived, or if as much is kept as [`Config`](crate::websocket::Config) allows.
    pub fn read_ahead(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<()> {
        if !self.wants_read() {
            return Poll::Pending;
        }
        let mut ahead =
            self.ahead.take().unwrap_or_else(|| Box::new(ReadAhead::new(self.max_read_ahead_len)));
        let polled = ahead.read(read);
        self.ahead = Some(ahead).filter(|ahead| !ahead.is_empty());
        polled
    }

    /// Returns the next result that was read ahead, in order.
    pub(in crate::websocket) fn take_ahead(&mut self) -> Option<Ahead> {
        let taken = self.ahead.as_mut()?.take();
        if self.ahead.as_ref().is_some_and(|ahead| ahead.is_empty()) {
            self.ahead = None;
        }
        taken
    }

    /// Remembers why the connection ends; the first reason counts.
    pub(in crate::websocket) fn fail(&mut self, error: Error) {
        trace::failed(&error);
        self.failure.get_or_insert_with(|| Box::new(error));
    }

    /// The transport has failed.
    #[cold]
    fn lose(&mut self, error: io::Error) {
        // Once the last words are on their way, how the connection ends is known already.
        if !matches!(self.phase, Phase::Finishing { .. }) {
            self.fail(error.into());
        }
        self.give_up();
    }

    /// Writing has failed. What was read ahead is still received: a Close frame in it says more than the
    /// error does.
    #[cold]
    fn lose_writing(&mut self, error: io::Error) {
        if self.ahead.is_none() || !self.connection.is_receiving() {
            return self.lose(error);
        }
        self.fail(error.into());
        self.has_failed = true;
        self.forget_output();
        self.phase = Phase::Hearing;
    }

    fn forget_output(&mut self) {
        self.queue.clear();
        self.needs_flush = false;
        self.write_stalled = None;
        self.pace = None;
    }

    /// The peer's Close frame came. It explains why writing has failed, if it has.
    pub(in crate::websocket) fn close_received(&mut self) {
        if self.phase == Phase::Hearing {
            self.failure = None;
            self.end();
        }
    }

    /// The transport is of no more use.
    #[cold]
    fn give_up(&mut self) {
        self.end();
        self.connection.receive_eof();
        self.has_failed = true;
        self.forget_output();
    }

    fn end(&mut self) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            trace::ended(&self.connection.close_info());
        }
    }

    /// Checks whether the whole queue was passed to the transport, as far as is known.
    ///
    /// # Errors
    /// The reason why the transport failed: the queued bytes are lost.
    #[inline]
    pub fn check_written(&self) -> Result<(), Error> {
        if self.has_failed { Err(self.loss()) } else { Ok(()) }
    }

    #[cold]
    fn loss(&self) -> Error {
        self.reason().unwrap_or_else(|| match self.connection.close_info() {
            CloseInfo { received: CloseStatus::Missing, .. } => {
                let lost = "the connection has ended, and what was queued is lost";
                io::Error::new(io::ErrorKind::BrokenPipe, lost).into()
            }
            info => Error::Closed(Box::new(info)),
        })
    }

    /// Returns how the connection ended; an end without a closing handshake is reported once.
    ///
    /// # Errors
    /// The reason why it ended otherwise.
    pub fn take_end(&mut self) -> Result<(), Error> {
        if mem::replace(&mut self.is_reported, true) {
            return Ok(());
        }
        match self.failure.as_deref_mut() {
            // A later send still gets it.
            Some(failure) => {
                let again = failure.again();
                Err(mem::replace(failure, again))
            }
            None => Ok(()),
        }
    }

    /// Returns the reason why the connection failed, for any later caller.
    fn reason(&self) -> Option<Error> {
        self.failure.as_deref().map(Error::again)
    }

    /// Returns the reason why nothing can be sent: the end of the connection, if that is known.
    #[cold]
    pub(super) fn refusal(&self, error: SendError) -> Error {
        if error != SendError::NotOpen {
            return error.into();
        }
        self.reason().unwrap_or_else(|| match self.connection.close_info() {
            info if self.was_closed_here || info.received == CloseStatus::Missing => error.into(),
            info => Error::Closed(Box::new(info)),
        })
    }

    /// The Close frames of both sides, as far as they came and went.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        self.connection.close_info()
    }

    /// Returns the round-trip time of the last answered Ping that the connection sent by itself.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.connection.round_trip_time()
    }

    /// Returns whether data can be sent: closing has not begun.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }
}

impl<R> SendHalf<R> {
    /// Returns whether the next sent message may wait for the one after it: another whole message
    /// followed the one that was received last, and nothing was sent since.
    #[must_use]
    pub fn take_batching(&mut self) -> bool {
        mem::take(&mut self.next_is_whole) && self.batches_replies
    }

    /// Makes the next sent message be written at once.
    pub fn stop_batching(&mut self) {
        self.next_is_whole = false;
    }

    /// Returns whether bytes were read ahead and wait to be received.
    #[must_use]
    pub const fn has_read_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// Returns whether less than 64 KiB are queued.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.queue.len() < HIGH_WATER
    }

    /// Returns whether there is something to write or to flush.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.queue.is_empty() || self.needs_flush
    }

    /// Returns whether the connection has ended completely.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Returns whether the connection has ended completely, and nothing is left to report.
    #[must_use]
    pub fn has_reported(&self) -> bool {
        self.has_ended() && (self.failure.is_none() || self.is_reported)
    }

    /// The machine, to be shown.
    #[must_use]
    pub const fn connection(&self) -> &Connection<R> {
        &self.connection
    }
}
