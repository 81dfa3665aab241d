//! The sending half of a WebSocket on its transport: [`Link`], which drives it and its receiving
//! half by the steps of `tidings_endpoint::websocket`.

use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{
    Config, Negotiated, Outgoing, Output, ReceiveHalf, SendHalf, SmallFrame,
};
use tidings_websocket::Role;
use tidings_websocket::frame::{CloseCode, CloseFrame};

use crate::timed::Timed;
use crate::transport::Transport;

/// All of a WebSocket but the bytes that were received.
#[derive(Debug)]
pub(crate) struct Link<S, R> {
    pub(crate) stream: Timed<S>,
    pub(crate) send: SendHalf<R>,
    pub(crate) recv_timeout: Option<Duration>,
    /// [`Link::write_what_fits`], which a drop does, whose bounds are not known there.
    on_drop: fn(&mut Self),
}

impl<S, R> Drop for Link<S, R> {
    fn drop(&mut self) {
        if !self.stream.stream.is_taken() && !std::thread::panicking() {
            (self.on_drop)(self);
        }
    }
}

impl<S: Transport, R: Role> Link<S, R> {
    pub(crate) fn new(stream: S, role: R, config: &Config, negotiated: &Negotiated) -> Self {
        Self {
            stream: Timed::new(stream),
            send: SendHalf::new(role, config, negotiated),
            recv_timeout: None,
            on_drop: Self::write_what_fits,
        }
    }

    /// Writes as much of the queue as the transport takes at once, and closes a stream of bytes
    /// that was read to its end.
    fn write_what_fits(&mut self) {
        if self.send.is_half_closed() {
            self.start_close(Some(CloseFrame::new(CloseCode::NORMAL, "")));
        }
        let _ = self.poll_output();
    }

    /// Receives until `receive` has a message; false at the end of the connection.
    pub(crate) fn wait_for_message(&mut self, receive: &mut ReceiveHalf) -> Result<bool, Error> {
        let find = |receive: &mut ReceiveHalf, send: &mut _| receive.find(send).then_some(());
        self.receive_until(receive, find).map(|found| found.is_some())
    }

    /// Like [`wait_for_message`](Self::wait_for_message), for a message that will be borrowed.
    pub(crate) fn wait_for_data(&mut self, receive: &mut ReceiveHalf) -> Result<bool, Error> {
        let find = |receive: &mut ReceiveHalf, send: &mut _| receive.find_data(send).then_some(());
        self.receive_until(receive, find).map(|found| found.is_some())
    }

    /// Drops the remaining input until the end, however long the caller waits for messages.
    pub(crate) fn wait_for_end(&mut self, receive: &mut ReceiveHalf) -> Result<(), Error> {
        self.within(None, |link| link.poll_discarded(receive).map(|()| link.send.take_end()))
    }

    /// Drops the remaining input until the end, and does not report how that came.
    fn poll_discarded(&mut self, receive: &mut ReceiveHalf) -> Poll<()> {
        let found = self.poll_find(receive, |receive, send| {
            receive.discard(send);
            None::<()>
        });
        found.map(|_| ())
    }

    /// Receives until `find` finds something or the connection has ended, as long as the caller
    /// waits for messages.
    pub(crate) fn receive_until<T>(
        &mut self,
        receive: &mut ReceiveHalf,
        find: impl FnMut(&mut ReceiveHalf, &mut SendHalf<R>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.within(self.recv_timeout, |link| link.poll_until(receive, find))
    }

    /// Queues a message if there is room, and writes it unless it may wait for more.
    pub(crate) fn send(&mut self, outgoing: Outgoing<'_>) -> Result<(), Error> {
        self.make_room()?;
        if self.send.take_batching() {
            self.queue(outgoing)?;
            if self.send.has_room() {
                return Ok(());
            }
        } else {
            let mut small = SmallFrame::new();
            let payload = self.send.start(outgoing, &mut small, || self.stream.now())?;
            if !payload.is_empty() {
                let written = self.write(payload);
                self.send.wrote_payload(payload, written, || self.stream.now());
            }
        }
        self.flush_now()
    }

    pub(crate) fn queue(&mut self, outgoing: Outgoing<'_>) -> Result<(), Error> {
        self.send.queue(outgoing, || self.stream.now())
    }

    /// Waits until less than 64 KiB are queued.
    pub(crate) fn make_room(&mut self) -> Result<(), Error> {
        if self.send.has_room() { Ok(()) } else { self.flush() }
    }

    /// Writes the whole queue. While the peer takes nothing, its bytes are read ahead: it may be
    /// waiting for us to read.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.stream.begin_writing();
        self.within(None, Self::poll_flush)
    }

    fn poll_flush(&mut self) -> Poll<Result<(), Error>> {
        loop {
            if self.send.fails_by_both_sending() {
                // How it ended is reported by `recv`.
                ready!(self.poll_discarded(&mut ReceiveHalf::of_nothing()));
                return Poll::Ready(self.send.check_written());
            }
            if self.poll_output().is_ready() {
                return Poll::Ready(self.send.check_written());
            }
            let mut has_read = false;
            // The peer goes on once all is read, so that comes before the next turn of writing.
            while {
                let stream = &mut self.stream;
                self.send.read_ahead(|buffer| stream.read_at_once(buffer)).is_ready()
            } {
                has_read = true;
            }
            if !has_read {
                ready!(self.stream.wait(self.send.poll_write_timeout()));
                self.send.handle_write_timeout(self.stream.now());
            }
        }
    }

    /// Flushes as much as the transport takes. A failure is not an error, because the queue is
    /// kept.
    pub(crate) fn flush_now(&mut self) -> Result<(), Error> {
        match self.flush() {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    pub(crate) fn start_close(&mut self, close: Option<CloseFrame>) {
        self.send.start_close(self.stream.now(), close);
    }

    /// Returns the result of `work`, for a caller that waits this long.
    fn within<T>(
        &mut self,
        timeout: Option<Duration>,
        work: impl FnOnce(&mut Self) -> Poll<Result<T, Error>>,
    ) -> Result<T, Error> {
        self.stream.give_up_after(timeout);
        let polled = work(self);
        self.stream.settle(polled)
    }

    /// Receives until `find` finds something; `None`, or the reason once, when the connection has
    /// ended.
    fn poll_until<T>(
        &mut self,
        receive: &mut ReceiveHalf,
        find: impl FnMut(&mut ReceiveHalf, &mut SendHalf<R>) -> Option<T>,
    ) -> Poll<Result<Option<T>, Error>> {
        match ready!(self.poll_find(receive, find)) {
            Some(found) => Poll::Ready(Ok(Some(found))),
            None => Poll::Ready(self.send.take_end().map(|()| None)),
        }
    }

    /// Steps 1 to 4, until `find` finds something or the connection has ended.
    fn poll_find<T>(
        &mut self,
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
            let _ = self.poll_output();
            if self.send.has_ended() {
                return Poll::Ready(None);
            }
            // 1. Bytes in.
            match self.read(receive) {
                Poll::Ready(read) => receive.received(&mut self.send, read, self.stream.now()),
                // 4. Sleep until bytes or the deadline.
                Poll::Pending => ready!(self.poll_timer()),
            }
        }
    }

    /// Step 3. `Pending` if the transport takes nothing now.
    fn poll_output(&mut self) -> Poll<()> {
        loop {
            let is_blocked = match self.send.next_output(|| self.stream.now()) {
                Output::Nothing => return Poll::Ready(()),
                Output::Write => {
                    let written = self.write(&[]);
                    let is_blocked = written.is_pending();
                    self.send.wrote(written, || self.stream.now());
                    is_blocked
                }
                Output::Flush => {
                    let flushed = self.stream.flush();
                    let is_blocked = flushed.is_pending();
                    self.send.flushed(flushed, || self.stream.now());
                    is_blocked
                }
                Output::Shutdown => {
                    let shut_down = self.stream.shut_down();
                    let is_blocked = shut_down.is_pending();
                    self.send.shut_down(shut_down, || self.stream.now());
                    is_blocked
                }
            };
            if is_blocked {
                return Poll::Pending;
            }
        }
    }

    /// Makes one write of the queue, followed by `payload`.
    fn write(&mut self, payload: &[u8]) -> Poll<io::Result<usize>> {
        let stream = &mut self.stream;
        let written = self.send.write_with(payload, |slices| stream.write(slices));
        written.unwrap_or(Poll::Ready(Ok(0)))
    }

    /// Makes one read into the read buffer, if bytes should be read.
    fn read(&mut self, receive: &mut ReceiveHalf) -> Poll<io::Result<usize>> {
        if !self.send.wants_read() {
            return Poll::Pending;
        }
        receive.wait(&mut self.send, self.stream.now());
        let until = self.send.poll_timeout();
        let stream = &mut self.stream;
        receive.fill(&mut self.send, |buffer| stream.read(buffer, until))
    }

    /// Step 4: does the work that is due, if its time has come or the transport has waited.
    fn poll_timer(&mut self) -> Poll<()> {
        ready!(self.stream.wait(self.send.poll_timeout()));
        self.send.handle_timeout(self.stream.now());
        Poll::Ready(())
    }
}
