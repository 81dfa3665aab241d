//! A connection on its transport: all but the bytes that were received. What sends needs this and
//! nothing else, so a received payload can be lent while it is sent on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tidings_websocket::frame::{CloseFrame, Frame};
use tidings_websocket::{Connection, Data, Role, Timestamp, Transmit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Config;
use crate::error::Error;
use crate::message::{Message, Outgoing};
use crate::random;
use crate::read_buffer::ReadBuffer;
use crate::write_queue::{BY_REFERENCE_FROM, WriteQueue};

/// Above this many queued bytes a `send` writes before it returns.
pub(crate) const HIGH_WATER: usize = 64 * 1024;
/// How much is read, and for how long, between our last byte and the end of the transport. A
/// socket that is closed with unread bytes resets the connection, and the peer may lose our Close.
const DRAIN_LEN_MAX: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Link<S, R> {
    pub(crate) stream: S,
    pub(crate) connection: Connection<R>,
    pub(crate) queue: WriteQueue,
    epoch: Instant,
    write_timeout: Duration,
    /// Since when the transport takes nothing.
    write_stalled: Option<Timestamp>,
    /// Written, but perhaps held back by the transport (TLS does).
    needs_flush: bool,
    timer: Option<Pin<Box<Sleep>>>,
    phase: Phase,
    /// What `recv` will report once the end is reached.
    failure: Option<Error>,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not begun.
    Running,
    /// Our last bytes are on their way; then the sending side is shut down.
    Finishing,
    /// Reading what the peer still sends, at most so many bytes.
    Draining { left: usize, until: Timestamp },
    /// Nothing more happens.
    Ended,
}

impl<S, R> Link<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn new(stream: S, role: R, config: &Config) -> Self {
        let mut timeouts = config.timeouts;
        timeouts.ping_interval = random::spread(timeouts.ping_interval);
        Self {
            stream,
            connection: Connection::new(role, config.limits, timeouts, Timestamp::default()),
            queue: WriteQueue::default(),
            epoch: Instant::now(),
            write_timeout: config.write_timeout,
            write_stalled: None,
            needs_flush: false,
            timer: None,
            phase: Phase::Running,
            failure: None,
        }
    }

    /// Queues a message. Large payloads that are shared are queued by reference, unless they have
    /// to be masked.
    pub(crate) fn feed(&mut self, outgoing: Outgoing<'_>) -> Result<(), Error> {
        match outgoing {
            Outgoing::Text(text) => self.feed_copy(Data::text(text)),
            Outgoing::Binary(bytes) => self.feed_copy(Data::binary(bytes)),
            Outgoing::Message(Message::Text(text)) => match text.len() {
                ..BY_REFERENCE_FROM => self.feed_copy(Data::text(&text)),
                _ => self.feed_shared(text.into_bytes(), |text| Data::utf8(text)),
            },
            Outgoing::Message(Message::Binary(bytes)) => match bytes.len() {
                ..BY_REFERENCE_FROM => self.feed_copy(Data::binary(&bytes)),
                _ => self.feed_shared(bytes, |bytes| Data::binary(bytes)),
            },
            Outgoing::Message(Message::Ping(payload)) => {
                let frame = self.connection.ping(payload)?;
                self.queue.push_bytes(frame.as_bytes());
                Ok(())
            }
            Outgoing::Message(Message::Pong(payload)) => {
                let frame = self.connection.pong(payload)?;
                self.queue.push_bytes(frame.as_bytes());
                Ok(())
            }
            Outgoing::Message(Message::Close(close)) => {
                self.start_close(close);
                Ok(())
            }
        }
    }

    fn feed_copy(&mut self, data: Data<'_>) -> Result<(), Error> {
        let frame = self.frame_whole(data)?;
        self.queue.push_frame(&frame);
        Ok(())
    }

    fn feed_shared(
        &mut self,
        payload: Bytes,
        data: impl for<'p> FnOnce(&'p [u8]) -> Data<'p>,
    ) -> Result<(), Error> {
        let frame = self.frame_whole(data(&payload))?;
        if is_plain(&frame) {
            let header = frame.header_bytes();
            self.queue.push_bytes(&header);
            self.queue.push_shared(payload);
        } else {
            self.queue.push_frame(&frame);
        }
        Ok(())
    }

    /// Frames a whole message; not inside one that is sent in pieces.
    fn frame_whole<'p>(&mut self, data: Data<'p>) -> Result<Frame<'p>, Error> {
        if self.connection.is_sending_message() {
            return Err(Error::MessageUnfinished);
        }
        Ok(self.connection.send(data)?)
    }

    /// Queues a piece of a message; the message goes on if `more`.
    pub(crate) fn feed_piece(&mut self, data: Data<'_>) -> Result<(), Error> {
        let frame = self.connection.send(data)?;
        self.queue.push_frame(&frame);
        Ok(())
    }

    /// Queues a message and tries to write it at once. A large borrowed payload goes to the
    /// transport from where it is; only what is not taken then is copied.
    pub(crate) fn feed_and_try_write(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: Outgoing<'_>,
    ) -> Result<(), Error> {
        let data = match outgoing {
            Outgoing::Text(text) if text.len() >= BY_REFERENCE_FROM => Data::text(text),
            Outgoing::Binary(bytes) if bytes.len() >= BY_REFERENCE_FROM => Data::binary(bytes),
            other => return self.feed(other),
        };
        let frame = self.frame_whole(data)?;
        if !is_plain(&frame) {
            self.queue.push_frame(&frame);
            return Ok(());
        }
        let header = frame.header_bytes();
        let (stream, queue) = (&mut self.stream, &mut self.queue);
        let written = match queue.poll_write_once(cx, stream, &header, frame.payload()) {
            Poll::Ready(written) => {
                self.needs_flush = true;
                written?
            }
            Poll::Pending => 0,
        };
        let payload_written = written.saturating_sub(header.len());
        self.queue.push_bytes(header.get(written..).unwrap_or_default());
        self.queue.push_bytes(frame.payload().get(payload_written..).unwrap_or_default());
        Ok(())
    }

    pub(crate) fn start_close(&mut self, close: Option<CloseFrame>) {
        let now = self.now();
        self.connection.close(now, close);
    }

    /// Queues what the protocol owes; not while the peer takes nothing, so that answers to a
    /// flood of Pings do not pile up (of several, the last is answered).
    pub(crate) fn transmit(&mut self) {
        while self.queue.len() < HIGH_WATER {
            match self.connection.poll_transmit() {
                Some(Transmit::Frame(frame)) => self.queue.push_bytes(frame.as_bytes()),
                Some(Transmit::Shutdown) => self.phase = Phase::Finishing,
                None => return,
            }
        }
    }

    /// Writes what is queued and flushes the transport.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.queue.is_empty() {
            let stalled = &mut self.write_stalled;
            let written = self.queue.poll_write_all(cx, &mut self.stream, || *stalled = None);
            self.needs_flush = true;
            if written.is_pending() {
                let now = self.now();
                self.write_stalled.get_or_insert(now);
            }
            ready!(written)?;
        }
        if self.needs_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all that is queued and owed; keeps the deadlines while it waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            self.transmit();
            match self.poll_write(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.abort(error.into()))),
                Poll::Pending => ready!(self.poll_deadline(cx))?,
            }
        }
    }

    /// Waits for the next deadline, of the machine or of a write, and does what it asks for.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let write = self.write_stalled.map(|since| since.after(self.write_timeout));
        let end = match self.phase {
            Phase::Draining { until, .. } => Some(until),
            _ => None,
        };
        let deadlines = [self.connection.poll_timeout(), write, end];
        let Some(deadline) = deadlines.into_iter().flatten().min() else { return Poll::Pending };
        // "Never" is 584 years away.
        let deadline = self.epoch.checked_add(deadline.since_epoch());
        let Some(deadline) = deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));

        let now = self.now();
        if self.write_stalled.is_some_and(|since| since.after(self.write_timeout) <= now) {
            let error = Error::WriteTimeout(self.write_timeout);
            return Poll::Ready(Err(self.abort(error)));
        }
        if let Some(timeout) = self.connection.handle_timeout(now) {
            // A peer that said Close and is only slow to hang up has done its part.
            if !self.connection.closure().is_clean() {
                self.fail(Error::Timeout(timeout));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the machine has said its last word and only the transport is left to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.phase != Phase::Running
    }

    /// Whether nothing more happens.
    #[cfg(feature = "futures")]
    pub(crate) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended && self.failure.is_none()
    }

    /// After the machine's last word: writes what is left, shuts down, drains into `read`. Then
    /// tells, once, what ended the connection if it was no closing handshake.
    pub(crate) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        read: &mut ReadBuffer,
    ) -> Poll<Result<(), Error>> {
        loop {
            match self.phase {
                Phase::Running => return Poll::Ready(Ok(())),
                Phase::Ended => return Poll::Ready(self.failure.take().map_or(Ok(()), Err)),
                Phase::Finishing => {
                    let shut_down = match self.poll_write(cx) {
                        Poll::Ready(Ok(())) => Pin::new(&mut self.stream).poll_shutdown(cx),
                        other => other,
                    };
                    match shut_down {
                        Poll::Ready(Ok(())) => {
                            self.write_stalled = None;
                            let until = self.now().after(DRAIN_TIME);
                            self.phase = Phase::Draining { left: DRAIN_LEN_MAX, until };
                        }
                        // The peer is gone; how the connection ended is known already.
                        Poll::Ready(Err(_)) => self.phase = Phase::Ended,
                        Poll::Pending => {
                            let now = self.now();
                            self.write_stalled.get_or_insert(now);
                            if let Err(error) = ready!(self.poll_deadline(cx)) {
                                self.fail(error);
                            }
                        }
                    }
                }
                Phase::Draining { left, until } => {
                    self.phase = match read.poll_fill(cx, &mut self.stream) {
                        Poll::Ready(Ok(0) | Err(_)) => Phase::Ended,
                        Poll::Ready(Ok(len)) => match left.checked_sub(len) {
                            Some(left) => Phase::Draining { left, until },
                            None => Phase::Ended,
                        },
                        Poll::Pending => {
                            let _ = ready!(self.poll_deadline(cx));
                            Phase::Ended
                        }
                    };
                    read.release();
                }
            }
        }
    }

    /// The transport has ended on the peer's side.
    pub(crate) fn receive_eof(&mut self) {
        if self.connection.is_receiving() {
            let eof = "the transport ended without a Close frame";
            self.fail(io::Error::new(io::ErrorKind::UnexpectedEof, eof).into());
        }
        self.connection.receive_eof();
    }

    /// The transport is of no more use. Returns what to report: the first reason.
    pub(crate) fn abort(&mut self, error: Error) -> Error {
        self.phase = Phase::Ended;
        self.connection.receive_eof();
        self.queue.clear();
        self.needs_flush = false;
        self.write_stalled = None;
        self.failure.take().unwrap_or(error)
    }
}

impl<S, R> Link<S, R> {
    /// Remembers why the connection ends; the first reason counts.
    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }
}

/// Whether a frame's payload goes to the wire as it is.
fn is_plain(frame: &Frame<'_>) -> bool {
    frame.header().masking_key().is_none()
}
