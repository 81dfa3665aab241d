//! The sending half of a WebSocket on its transport: [`Link`], which drives it and its receiving
//! half by the steps of `tidings_endpoint::websocket`.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{
    Config, Negotiated, Outgoing, Output, ReceiveHalf, SendHalf, SmallFrame, Takeable,
};
use tidings_websocket::frame::{CloseCode, CloseFrame};
use tidings_websocket::{Role, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::timer::{Timer, poll_timer};
use crate::wakers::Wakers;

/// All of a WebSocket but the bytes that were received.
#[derive(Debug)]
pub(crate) struct Link<S, R> {
    pub(crate) stream: Takeable<S>,
    pub(crate) clock: Clock,
    pub(crate) send: SendHalf<R>,
    /// Set where two tasks have an end each.
    pub(crate) wakers: Option<Arc<Wakers>>,
    /// [`Link::write_what_fits`], which a drop does, whose bounds are not known there.
    on_drop: fn(&mut Self),
}

impl<S, R> Drop for Link<S, R> {
    fn drop(&mut self) {
        if !self.stream.is_taken() && !std::thread::panicking() {
            (self.on_drop)(self);
        }
    }
}

impl<S, R> Link<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn new(stream: S, role: R, config: &Config, negotiated: &Negotiated) -> Self {
        let clock = Clock { epoch: Instant::now(), timer: None, write_timer: None };
        let send = SendHalf::new(role, config, negotiated);
        let stream = Takeable::new(stream);
        Self { stream, clock, send, wakers: None, on_drop: Self::write_what_fits }
    }

    /// Writes as much of the queue as the transport takes at once, and closes a stream of bytes
    /// that was read to its end.
    fn write_what_fits(&mut self) {
        if self.send.is_half_closed() {
            self.send.start_close(self.clock.now(), Some(CloseFrame::new(CloseCode::NORMAL, "")));
        }
        let _ = self.poll_output(&mut Context::from_waker(Waker::noop()));
    }

    /// Receives until `receive` has a message; false at the end of the connection.
    #[inline(never)]
    pub(crate) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut ReceiveHalf,
    ) -> Poll<Result<bool, Error>> {
        let find = |receive: &mut ReceiveHalf, send: &mut _| receive.find(send).then_some(());
        self.poll_until(cx, receive, find).map_ok(|found| found.is_some())
    }

    /// Like [`poll_message`](Self::poll_message), for a message that will be borrowed.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut ReceiveHalf,
    ) -> Poll<Result<bool, Error>> {
        let find = |receive: &mut ReceiveHalf, send: &mut _| receive.find_data(send).then_some(());
        self.poll_until(cx, receive, find).map_ok(|found| found.is_some())
    }

    /// Drops the remaining input until the end.
    pub(crate) fn poll_closed(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut ReceiveHalf,
    ) -> Poll<Result<(), Error>> {
        self.poll_discarded(cx, receive).map(|()| self.send.take_end())
    }

    /// Like [`poll_closed`](Self::poll_closed), without reporting how the connection ended.
    fn poll_discarded(&mut self, cx: &mut Context<'_>, receive: &mut ReceiveHalf) -> Poll<()> {
        let found = self.poll_find(cx, receive, |receive, send| {
            receive.discard(send);
            None::<()>
        });
        found.map(|_| ())
    }

    /// Does the remaining work once nothing more can be received.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut rest = ReceiveHalf::of_nothing();
        self.poll_closed(cx, &mut rest)
    }

    /// Receives until `find` finds something; `None`, or the reason once, when the connection has
    /// ended.
    pub(crate) fn poll_until<T>(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut ReceiveHalf,
        find: impl FnMut(&mut ReceiveHalf, &mut SendHalf<R>) -> Option<T>,
    ) -> Poll<Result<Option<T>, Error>> {
        match ready!(self.poll_find(cx, receive, find)) {
            Some(found) => Poll::Ready(Ok(Some(found))),
            None => Poll::Ready(self.send.take_end().map(|()| None)),
        }
    }

    /// Steps 1 to 4, until `find` finds something or the connection has ended.
    fn poll_find<T>(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut ReceiveHalf,
        mut find: impl FnMut(&mut ReceiveHalf, &mut SendHalf<R>) -> Option<T>,
    ) -> Poll<Option<T>> {
        loop {
            // 2. Events out.
            if let Some(found) = find(receive, &mut self.send) {
                return Poll::Ready(Some(found));
            }
            // 3. Pending output out. Keep reading even if the peer does not take it: the peer may
            // itself be waiting for us to read.
            let _ = self.poll_output(cx);
            if self.send.has_ended() {
                return Poll::Ready(None);
            }
            // 1. Bytes in.
            match self.poll_read(cx, receive) {
                Poll::Ready(read) => receive.received(&mut self.send, read, self.clock.now()),
                // 4. Sleep until bytes or the deadline.
                Poll::Pending => ready!(self.poll_timer(cx)),
            }
        }
    }

    /// Sends a message: see [`WebSocket::send`](crate::WebSocket::send). Not an `async fn`, which
    /// would keep the message twice, and a task has the room of every future that it waits for.
    pub(crate) fn send<'p>(
        &mut self,
        message: impl Into<Outgoing<'p>>,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| self.poll_send(cx, &mut message))
    }

    /// Waits for room, queues the message once, and writes it unless it may wait for more.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Poll<Result<(), Error>> {
        if !self.send.has_room() && message.is_some() {
            ready!(self.poll_flush(cx))?;
        }
        if let Some(message) = message.take() {
            if self.send.take_batching() {
                self.send.queue(message, || self.clock.now())?;
                if self.send.has_room() {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let mut small = SmallFrame::new();
                let payload = self.send.start(message, &mut small, || self.clock.now())?;
                if !payload.is_empty() {
                    let written = self.poll_write(cx, payload);
                    self.send.wrote_payload(payload, written, || self.clock.now());
                }
            }
        }
        self.poll_flush(cx)
    }

    /// Writes the whole queue. While the peer takes nothing, its bytes are read ahead: it may be
    /// waiting for us to read.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.poll_output(cx) {
            Poll::Ready(()) if !self.send.fails_by_both_sending() => {
                Poll::Ready(self.send.check_written())
            }
            _ => self.poll_blocked_flush(cx),
        }
    }

    #[cold]
    fn poll_blocked_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if self.send.fails_by_both_sending() {
                // How it ended is reported to the receiver.
                ready!(self.poll_discarded(cx, &mut ReceiveHalf::of_nothing()));
                return Poll::Ready(self.send.check_written());
            }
            if self.poll_read_ahead(cx).is_pending() {
                ready!(self.clock.poll_to_write(cx, self.send.poll_write_timeout()));
                self.send.handle_write_timeout(self.clock.now());
            }
            if self.poll_output(cx).is_ready() && !self.send.fails_by_both_sending() {
                self.clock.write_timer = None;
                return Poll::Ready(self.send.check_written());
            }
        }
    }

    /// Ready once less than 64 KiB are queued.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.send.has_room() { Poll::Ready(Ok(())) } else { self.poll_flush(cx) }
    }

    /// Step 3. `Pending` if the transport takes nothing now.
    pub(crate) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let is_blocked = match self.send.next_output(|| self.clock.now()) {
                Output::Nothing => return Poll::Ready(()),
                Output::Write => {
                    let written = self.poll_write(cx, &[]);
                    let is_blocked = written.is_pending();
                    self.send.wrote(written, || self.clock.now());
                    is_blocked
                }
                Output::Flush => {
                    let flushed = Pin::new(&mut *self.stream).poll_flush(cx);
                    let is_blocked = flushed.is_pending();
                    self.send.flushed(flushed, || self.clock.now());
                    is_blocked
                }
                Output::Shutdown => {
                    let shut_down = Pin::new(&mut *self.stream).poll_shutdown(cx);
                    let is_blocked = shut_down.is_pending();
                    self.send.shut_down(shut_down, || self.clock.now());
                    is_blocked
                }
            };
            if is_blocked {
                return Poll::Pending;
            }
        }
    }

    /// Makes one write of the queue, followed by `payload`.
    fn poll_write(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut *self.stream);
        let write = |slices: &[IoSlice<'_>]| match slices {
            [only] => stream.poll_write(cx, only),
            _ => stream.poll_write_vectored(cx, slices),
        };
        self.send.write_with(payload, write).unwrap_or(Poll::Ready(Ok(0)))
    }

    /// Makes one read into the read buffer, if bytes should be read.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut ReceiveHalf,
    ) -> Poll<io::Result<usize>> {
        if !self.send.wants_read() {
            return Poll::Pending;
        }
        let had_read_ahead = self.send.has_read_ahead();
        let stream = &mut *self.stream;
        let filled = receive.fill(&mut self.send, |buffer| poll_read_into(stream, cx, buffer));
        if had_read_ahead {
            if let Some(wakers) = &self.wakers {
                wakers.wake_sender(); // there is room again
            }
        }
        filled
    }

    /// Makes one read into the bytes kept for the receiver, and wakes it.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = &mut *self.stream;
        ready!(self.send.read_ahead(|buffer| poll_read_into(stream, cx, buffer)));
        if let Some(wakers) = &self.wakers {
            wakers.wake_receiver();
        }
        Poll::Ready(())
    }

    /// Step 4: waits for the next deadline and does the work that is due.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.clock.poll_until(cx, self.send.poll_timeout()));
        self.send.handle_timeout(self.clock.now());
        Poll::Ready(())
    }
}

fn poll_read_into<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut read = ReadBuf::new(buffer);
    ready!(Pin::new(stream).poll_read(cx, &mut read))?;
    Poll::Ready(Ok(read.filled().len()))
}

/// The time since the connection began, and its timers.
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Instant,
    timer: Timer,
    /// The timer of a caller that waits only for writing; a receiver may be waiting at the same
    /// time.
    write_timer: Timer,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }

    /// Ready at `until`; never, if that is `None`.
    fn poll_until(&mut self, cx: &mut Context<'_>, until: Option<Timestamp>) -> Poll<()> {
        match self.instant(until) {
            Some(deadline) => poll_timer(&mut self.timer, cx, deadline),
            None => Poll::Pending,
        }
    }

    /// Like [`poll_until`](Self::poll_until), for a caller that waits only for writing.
    fn poll_to_write(&mut self, cx: &mut Context<'_>, until: Option<Timestamp>) -> Poll<()> {
        match self.instant(until) {
            Some(deadline) => poll_timer(&mut self.write_timer, cx, deadline),
            None => Poll::Pending,
        }
    }

    /// `None` if it is too far away to be represented: "never" is 584 years away.
    fn instant(&self, until: Option<Timestamp>) -> Option<Instant> {
        self.epoch.checked_add(until?.since_epoch())
    }
}
