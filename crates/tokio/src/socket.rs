//! An open WebSocket over any tokio stream: [`WebSocket`].
//!
//! All protocol state lives in the [`Connection`]; this file moves bytes and time. The steps of
//! its loop have the numbers that `Connection` gives them.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tidings_websocket::{
    Assembled, Assembler, Closure, Connection, Data, Event, Role, Server, Timestamp, Transmit,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::buffer::{ReadBuffer, WriteBuffer};
use crate::config::Config;
use crate::error::Error;
use crate::message::Message;
use crate::random;
use tidings_websocket::frame::{CloseCode, CloseFrame, ControlPayload};

/// Above this many queued bytes `send` writes before it returns.
const HIGH_WATER: usize = 64 * 1024;
/// How much is read, and for how long, between our last byte and the end of the transport. A
/// socket that is closed with unread bytes resets the connection, and the peer may lose our Close.
const DRAIN_LEN_MAX: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// A WebSocket whose opening handshake is done.
///
/// ```
/// # async fn serve(mut socket: tidings_tokio::WebSocket<tokio::net::TcpStream>)
/// # -> Result<(), tidings_tokio::Error> {
/// while let Some(message) = socket.recv().await? {
///     socket.send(message).await?; // echo
/// }
/// # Ok(())
/// # }
/// ```
///
/// A message is written at once, unless more received bytes are buffered: then it waits, at most
/// until the next `recv` that finds no message, 64 KiB of queued bytes, `flush`, or `close`. So
/// the loop above answers sixteen messages that came in one read with one write.
///
/// Pings are answered, and the peer is asked whether it lives, while `recv`, `send`, `flush` or
/// `close` is polled.
pub struct WebSocket<S, R = Server> {
    stream: S,
    connection: Connection<R>,
    assembler: Assembler,
    read: ReadBuffer,
    write: WriteBuffer,
    epoch: Instant,
    /// When the bytes in `read` came.
    received_at: Timestamp,
    write_timeout: Duration,
    /// Since when the transport takes nothing.
    write_stalled: Option<Timestamp>,
    timer: Option<Pin<Box<Sleep>>>,
    phase: Phase,
    /// What `recv` will report once the end is reached.
    failure: Option<Error>,
    subprotocol: Option<Box<str>>,
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

impl<S, R> WebSocket<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    /// Takes over a stream whose opening handshake was done elsewhere. `received` is what came
    /// behind the handshake: the first frames.
    pub fn from_handshaken(stream: S, role: R, config: Config, received: &[u8]) -> Self {
        let mut timeouts = config.timeouts;
        timeouts.ping_interval = random::spread(timeouts.ping_interval);
        let start = Timestamp::default();
        Self {
            stream,
            connection: Connection::new(role, config.limits, timeouts, start),
            assembler: Assembler::new(),
            read: ReadBuffer::with(received),
            write: WriteBuffer::default(),
            epoch: Instant::now(),
            received_at: start,
            write_timeout: config.write_timeout,
            write_stalled: None,
            timer: None,
            phase: Phase::Running,
            failure: None,
            subprotocol: None,
        }
    }

    pub(crate) fn with_subprotocol(self, subprotocol: Option<Box<str>>) -> Self {
        Self { subprotocol, ..self }
    }

    /// Receives the next message; `None` after the closing handshake.
    ///
    /// # Errors
    /// What ended the connection otherwise: the peer's violation, a timeout, the transport. It is
    /// reported once; after it comes `None`.
    ///
    /// # Cancel safety
    /// Safe: a dropped future has taken nothing that the next one does not see.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Sends a message: queues it, and writes unless more received bytes are buffered (see
    /// [`WebSocket`]).
    ///
    /// # Errors
    /// [`Error::Send`] if the connection is closing: nothing was queued. Otherwise what the
    /// transport said; the message may or may not arrive.
    ///
    /// # Cancel safety
    /// Safe: the message is queued whole before the first await, and stays queued.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message)?;
        if self.read.is_empty() || self.write.len() >= HIGH_WATER {
            self.flush().await?;
        }
        Ok(())
    }

    /// Queues a message without writing it.
    ///
    /// # Errors
    /// [`Error::Send`] if the connection is closing.
    pub fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        let data = match &message {
            Message::Text(text) => Data::text(text),
            Message::Binary(bytes) => Data::binary(bytes),
        };
        self.connection.send(data)?.append_to(self.write.tail());
        Ok(())
    }

    /// Queues a Ping with a payload of yours. The connection sends its own in any case.
    ///
    /// # Errors
    /// [`Error::Send`] if the connection is closing.
    pub fn feed_ping(&mut self, payload: ControlPayload) -> Result<(), Error> {
        let frame = self.connection.ping(payload)?;
        self.write.tail().extend_from_slice(frame.as_bytes());
        Ok(())
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// What the transport said, or [`Error::WriteTimeout`].
    ///
    /// # Cancel safety
    /// Safe: what was not written stays queued, cut at no frame.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Closes with this code and reason, and waits for the peer to do the same. Messages that
    /// still come are dropped.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Safe: the closing handshake goes on with the next `close` or `recv`.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_close(code, reason);
        while self.recv().await?.is_some() {}
        Ok(())
    }

    /// Starts the closing handshake without waiting: nothing more can be sent, and `recv` delivers
    /// what the peer still has to say, then `None`. Has no effect once closing has begun.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) {
        let now = self.now();
        self.connection.close(now, Some(CloseFrame::new(code, reason)));
    }

    /// The Close frames of both sides, as far as they came and went.
    #[must_use]
    pub fn closure(&self) -> Closure {
        self.connection.closure()
    }

    /// How long the last answered Ping of the connection's own took.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.connection.round_trip_time()
    }

    /// The subprotocol that both sides agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The transport.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Steps 1 to 4 of the loop, until a message or the end.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            // 2. Events out.
            if let Some(message) = self.next_message() {
                return Poll::Ready(Ok(Some(message)));
            }
            // 3. What the protocol owes out, behind what was queued before.
            self.transmit();
            if self.phase != Phase::Running {
                ready!(self.poll_end(cx));
                return Poll::Ready(match self.failure.take() {
                    Some(error) => Err(error),
                    None => Ok(None),
                });
            }
            // Not waiting for the peer to take it: it may itself wait for us to read.
            if let Poll::Ready(Err(error)) = self.poll_write(cx) {
                return self.abort(error.into());
            }
            // 1. Bytes in.
            match self.read.poll_fill(cx, &mut self.stream) {
                Poll::Ready(Ok(0)) => {
                    if self.connection.is_receiving() {
                        let eof = "the transport ended without a Close frame";
                        self.fail(io::Error::new(io::ErrorKind::UnexpectedEof, eof).into());
                    }
                    self.connection.receive_eof();
                }
                Poll::Ready(Ok(_)) => self.received_at = self.now(),
                Poll::Ready(Err(error)) => return self.abort(error.into()),
                // 4. Sleep until bytes or the deadline.
                Poll::Pending => {
                    let now = ready!(self.poll_deadline(cx));
                    if let Err(error) = self.handle_deadline(now) {
                        return self.abort(error);
                    }
                }
            }
        }
    }

    /// Writes all that is queued and owed, and flushes the transport.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            self.transmit();
            match self.poll_write(cx) {
                Poll::Ready(result) => return Poll::Ready(result.map_err(Error::Io)),
                Poll::Pending => {
                    let now = ready!(self.poll_deadline(cx));
                    if let Err(error) = self.handle_deadline(now) {
                        self.phase = Phase::Ended;
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }

    /// The next whole message among the bytes that were received.
    fn next_message(&mut self) -> Option<Message> {
        loop {
            let mut input = self.read.filled();
            let before = input.len();
            let event = self.connection.receive(self.received_at, &mut input)?;
            let taken = before.saturating_sub(input.len());
            let message = match self.assembler.push(event) {
                Assembled::Message(message) => Some(Message::from(message)),
                Assembled::Other(Event::Violation(violation)) => {
                    self.failure.get_or_insert(Error::Violation(violation));
                    None
                }
                Assembled::Incomplete | Assembled::Other(_) => None,
            };
            self.read.consume(taken);
            if message.is_some() {
                return message;
            }
        }
    }

    /// Queues what the protocol owes; not while the peer takes nothing, so that answers to a
    /// flood of Pings do not pile up (of several, the last is answered).
    fn transmit(&mut self) {
        // `receive` takes all of its input before it returns `None`.
        self.read.consume(usize::MAX);
        self.read.release_if_empty();
        while self.write.len() < HIGH_WATER {
            match self.connection.poll_transmit() {
                Some(Transmit::Frame(frame)) => {
                    self.write.tail().extend_from_slice(frame.as_bytes());
                }
                Some(Transmit::Shutdown) => self.phase = Phase::Finishing,
                None => return,
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let stalled = &mut self.write_stalled;
        let written = self.write.poll_write_all(cx, &mut self.stream, || *stalled = None);
        if written.is_pending() {
            let now = self.now();
            self.write_stalled.get_or_insert(now);
        }
        ready!(written)?;
        // Under TLS, written is not sent.
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Waits for the next deadline of the machine or of the write.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Timestamp> {
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
        Poll::Ready(self.now())
    }

    fn handle_deadline(&mut self, now: Timestamp) -> Result<(), Error> {
        if self.write_stalled.is_some_and(|since| since.after(self.write_timeout) <= now) {
            return Err(Error::WriteTimeout(self.write_timeout));
        }
        if let Some(timeout) = self.connection.handle_timeout(now) {
            // A peer that said Close and is only slow to hang up has done its part.
            if !self.connection.closure().is_clean() {
                self.fail(Error::Timeout(timeout));
            }
        }
        Ok(())
    }

    /// After the machine's last word: writes what is left, shuts down, drains.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.phase {
                Phase::Running | Phase::Ended => return Poll::Ready(()),
                Phase::Finishing => {
                    let shut_down = match self.poll_write(cx) {
                        Poll::Ready(Ok(())) => Pin::new(&mut self.stream).poll_shutdown(cx),
                        other => other,
                    };
                    match shut_down {
                        Poll::Ready(Ok(())) => {
                            let until = self.now().after(DRAIN_TIME);
                            self.phase = Phase::Draining { left: DRAIN_LEN_MAX, until };
                        }
                        // The peer is gone; how the connection ended is known already.
                        Poll::Ready(Err(_)) => self.phase = Phase::Ended,
                        Poll::Pending => {
                            let now = self.now();
                            self.write_stalled.get_or_insert(now);
                            let now = ready!(self.poll_deadline(cx));
                            if let Err(error) = self.handle_deadline(now) {
                                self.fail(error);
                                self.phase = Phase::Ended;
                            }
                        }
                    }
                }
                Phase::Draining { left, until } => {
                    self.phase = match self.read.poll_fill(cx, &mut self.stream) {
                        Poll::Ready(Ok(0) | Err(_)) => Phase::Ended,
                        Poll::Ready(Ok(len)) => match left.checked_sub(len) {
                            Some(left) => Phase::Draining { left, until },
                            None => Phase::Ended,
                        },
                        Poll::Pending => {
                            ready!(self.poll_deadline(cx));
                            Phase::Ended
                        }
                    };
                    self.read.consume(usize::MAX);
                    self.read.release_if_empty();
                }
            }
        }
    }

    /// Remembers why the connection ends; the first reason counts.
    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// The transport is of no more use.
    fn abort(&mut self, error: Error) -> Poll<Result<Option<Message>, Error>> {
        self.phase = Phase::Ended;
        self.connection.receive_eof();
        self.write.clear();
        Poll::Ready(Err(self.failure.take().unwrap_or(error)))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }
}

impl<S, R: fmt::Debug> fmt::Debug for WebSocket<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("connection", &self.connection)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}
