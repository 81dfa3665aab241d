//! An open WebSocket: [`WebSocket`] and its [`Sender`].

use core::fmt;
use core::ops::Range;

use embedded_io::{Read, Write};
use tidings_websocket::frame::{CloseFrame, ControlPayload};
use tidings_websocket::{Connection, Data, Event, Role, Timestamp};

use crate::asynchronous::{self, ReceiveHalf};
use crate::blocking::stream::{Blocking, poll_once};
use crate::config::Config;
use crate::error::Error;

/// A WebSocket whose opening handshake is done: [`asynchronous::WebSocket`] on a blocking stream.
pub struct WebSocket<'b, S, R, C> {
    receive_half: ReceiveHalf<'b>,
    sender: Sender<S, R, C>,
}

/// The sending side of a [`WebSocket`]: [`asynchronous::Sender`] on a blocking stream.
pub struct Sender<S, R, C>(asynchronous::Sender<Blocking<S>, R, C>);

impl<'b, S: Read + Write, R: Role, C: FnMut() -> Timestamp> WebSocket<'b, S, R, C> {
    /// Takes over a stream whose opening handshake was done elsewhere; see
    /// [`from_handshaken`](asynchronous::WebSocket::from_handshaken).
    pub fn from_handshaken(
        stream: S,
        role: R,
        buffer: &'b mut [u8],
        unread: Range<usize>,
        clock: C,
        config: &Config,
    ) -> Self {
        let mut sender = asynchronous::Sender::new(Blocking(stream), role, clock, config);
        let receive_half = ReceiveHalf::new(buffer, unread, sender.now());
        Self { receive_half, sender: Sender(sender) }
    }

    /// Receives the next event and returns the sender with it; `None` after the closing handshake. See
    /// [`recv`](asynchronous::WebSocket::recv).
    ///
    /// # Errors
    /// The reason why the connection ended, once; then `None`. [`Error::Io`] does not end the
    /// connection: if the stream has only timed out, call this again.
    #[allow(clippy::type_complexity, reason = "an alias would hide what is borrowed")]
    pub fn recv(&mut self) -> Result<Option<(Event<'_>, &mut Sender<S, R, C>)>, Error<S::Error>> {
        let Self { receive_half, sender } = self;
        let event = poll_once(receive_half.recv(&mut sender.0), Error::BrokenStream)?;
        Ok(event.map(|event| (receive_half.event(event), sender)))
    }

    /// The sender.
    pub const fn sender(&mut self) -> &mut Sender<S, R, C> {
        &mut self.sender
    }

    /// Returns the time by which [`recv`](Self::recv) should have returned, if only to be called
    /// again; `None` after the end. With a read timeout of the stream that is not later, all
    /// deadlines are met in time.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.sender.0.poll_timeout()
    }

    /// Does the work that is due now, if any: fails the connection if the peer is late, or queues a
    /// Ping, which the next `recv` writes. `recv` does this itself when the stream returns
    /// `TimedOut`; this is for streams that report a timeout in another way.
    pub fn handle_timeout(&mut self) {
        self.sender.0.handle_timeout();
    }

    /// Gives the stream back.
    pub fn into_stream(self) -> S {
        self.sender.0.stream.0
    }
}

impl<S: Read + Write, R: Role, C: FnMut() -> Timestamp> Sender<S, R, C> {
    /// Writes a message, or a chunk of one, as one frame; see [`send`](asynchronous::Sender::send). A
    /// client's payload is masked through 256 bytes of stack.
    ///
    /// # Errors
    /// The same as [`send`](asynchronous::Sender::send). After a timeout the frame is unfinished:
    /// finish it with [`resume_send`](Self::resume_send) and the same payload.
    pub fn send(&mut self, data: Data<'_>) -> Result<(), Error<S::Error>> {
        poll_once(self.0.send(data), Error::BrokenStream)
    }

    /// Writes the rest of an unfinished frame; see [`resume_send`](asynchronous::Sender::resume_send).
    ///
    /// # Errors
    /// The same as [`resume_send`](asynchronous::Sender::resume_send).
    pub fn resume_send(&mut self, payload: &[u8]) -> Result<(), Error<S::Error>> {
        poll_once(self.0.resume_send(payload), Error::BrokenStream)
    }

    /// Sends a Ping with your payload; see [`ping`](asynchronous::Sender::ping).
    ///
    /// # Errors
    /// The same as [`ping`](asynchronous::Sender::ping).
    pub fn ping(&mut self, payload: ControlPayload) -> Result<(), Error<S::Error>> {
        poll_once(self.0.ping(payload), Error::BrokenStream)
    }

    /// Starts the closing handshake; see [`close`](asynchronous::Sender::close). Then call
    /// [`recv`](WebSocket::recv) until it returns `None`.
    ///
    /// # Errors
    /// The same as [`close`](asynchronous::Sender::close).
    pub fn close(&mut self, close: Option<CloseFrame>) -> Result<(), Error<S::Error>> {
        poll_once(self.0.close(close), Error::BrokenStream)
    }

    /// Writes pending control frames, and flushes; see [`flush`](asynchronous::Sender::flush).
    ///
    /// # Errors
    /// The same as [`flush`](asynchronous::Sender::flush).
    pub fn flush(&mut self) -> Result<(), Error<S::Error>> {
        poll_once(self.0.flush(), Error::BrokenStream)
    }

    /// The state of the connection; see [`connection`](asynchronous::Sender::connection).
    pub const fn connection(&self) -> &Connection<R> {
        self.0.connection()
    }
}

impl<S, R: fmt::Debug, C> fmt::Debug for WebSocket<'_, S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl<S, R: fmt::Debug, C> fmt::Debug for Sender<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
