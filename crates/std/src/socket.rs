//! An open WebSocket over a blocking or nonblocking stream: [`WebSocket`], and its other forms: in
//! halves, in chunks, as bytes.
//!
//! The machine of `tidings-websocket` has the protocol state, `tidings-endpoint` has order and
//! batching, `timed` waits. This module connects them to the user.

use std::fmt;
use std::time::Duration;

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{Config, Message, Negotiated, Outgoing, ReceiveHalf};
use tidings_websocket::frame::{CloseCode, CloseFrame};
use tidings_websocket::{CloseInfo, MessageKind, Role, Server};

use crate::link::Link;
use crate::transport::Transport;

pub use crate::byte_stream::ByteStream;
pub use crate::chunks::{MessageReader, MessageWriter};
pub use crate::halves::{Receiver, Sender};

/// A WebSocket whose opening handshake is done.
///
/// ```
/// # fn serve(mut socket: tidings_std::WebSocket<std::net::TcpStream>)
/// # -> Result<(), tidings_std::Error> {
/// while let Some(message) = socket.recv()? {
///     socket.send(message)?; // echo
/// }
/// # Ok(())
/// # }
/// ```
///
/// A message is written at once, with one exception: the first `send` after a `recv` waits if
/// another whole message was received and is still to be returned by `recv`. It is written with
/// the next message that is sent, at the latest when `recv` finds no message, or by `flush` or
/// `close`. So the loop above answers sixteen messages that came in one read with one write.
///
/// Pings are answered, and a dead peer is detected, only inside `recv` and `close`: a connection
/// that should stay open needs a thread in `recv`, or regular calls of it. A `send` or `flush` that
/// has to wait reads ahead, up to [`Config::max_read_ahead_len`], and ends the connection only if
/// the peer takes no bytes.
///
/// A dropped WebSocket writes as much of its queue as the transport takes at once, and does not
/// close: the peer sees an abnormal closure (1006). Call `close`.
///
/// # Nonblocking
/// Make the stream nonblocking after the opening handshake. Where one of the methods would have to
/// wait, it fails with [`Error::Io`] of kind `WouldBlock`. Nothing is lost then: call it again when
/// the stream is readable, or writable if [`wants_write`](Self::wants_write), or when
/// [`time_left`](Self::time_left) is over.
///
/// It has other forms: [`split`](Self::split) borrows messages instead of copying them,
/// [`into_byte_stream`](Self::into_byte_stream) reads and writes bytes, and
/// [`recv_reader`](Self::recv_reader) and [`writer`](Self::writer) take messages of any length in
/// chunks.
pub struct WebSocket<S, R = Server> {
    pub(crate) receive: ReceiveHalf,
    pub(crate) link: Link<S, R>,
    subprotocol: Option<Box<str>>,
}

impl<S: Transport, R: Role> WebSocket<S, R> {
    /// Takes over a stream whose opening handshake was done elsewhere, without compression.
    /// `received` has the bytes received after the handshake: the first frames.
    pub fn from_handshaken(stream: S, role: R, config: Config, received: &[u8]) -> Self {
        Self::from_negotiated(stream, role, config, received, Negotiated::default())
    }

    /// Like [`from_handshaken`](Self::from_handshaken), where the handshake has agreed on this.
    pub fn from_negotiated(
        stream: S,
        role: R,
        config: Config,
        received: &[u8],
        negotiated: Negotiated,
    ) -> Self {
        Self {
            receive: ReceiveHalf::new(role.is_server(), received, &config, &negotiated),
            link: Link::new(stream, role, &config, &negotiated),
            subprotocol: negotiated.subprotocol,
        }
    }

    /// Receives the next message; `None` after the closing handshake.
    ///
    /// # Errors
    /// The reason for any other end of the connection: the peer's violation, a timeout, the
    /// transport. It is reported once, followed by `None`. Two errors end nothing: [`Error::Io`] of
    /// kind `TimedOut`, if nothing arrived within the [`recv_timeout`](Self::set_recv_timeout), and
    /// of kind `WouldBlock`, if the stream is nonblocking.
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        let Self { receive, link, .. } = self;
        while link.wait_for_message(receive)? {
            // None: it proved invalid, and the end follows.
            if let Some(message) = receive.take(&mut link.send) {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Like [`recv`](Self::recv), but waits at most this long.
    ///
    /// # Errors
    /// Those of [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Message>, Error> {
        let usual = self.link.recv_timeout.replace(timeout);
        let received = self.recv();
        self.link.recv_timeout = usual;
        received
    }

    /// Sets how long every receiving call waits at most: `recv`, the halves, a reader, a stream of
    /// bytes. The default is `None`: until the deadlines of [`Config`] find the peer dead.
    pub fn set_recv_timeout(&mut self, timeout: Option<Duration>) {
        self.link.recv_timeout = timeout;
    }

    /// Sends a message: queues it and writes it, unless the rule of [`WebSocket`] lets it wait for
    /// the next one. Over a nonblocking stream `Ok` means that it is queued; [`flush`](Self::flush)
    /// reports whether all was written.
    ///
    /// # Errors
    /// Nothing was queued: [`Error::Closed`] if the peer has closed, [`Error::Send`] if this side
    /// has, [`Error::MessageUnfinished`] inside a [`writer`](Self::writer)'s message, [`Error::Io`]
    /// of kind `WouldBlock` if 64 KiB are queued for a nonblocking stream, and the reason of the
    /// failure once the connection has failed. With [`Error::WriteTimeout`], [`Error::BothSend`] or
    /// an error of the transport the message may or may not arrive.
    pub fn send<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        self.link.send(message.into())
    }

    /// Queues a message without writing it.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), without those of the transport.
    pub fn feed<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        self.link.queue(message.into())
    }

    /// Writes the whole queue.
    ///
    /// # Errors
    /// The error of the transport, or [`Error::WriteTimeout`]. `WouldBlock` ends nothing.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.link.flush()
    }

    /// Closes with this code and reason, and waits for the peer to do the same, for as long as
    /// [`Timeouts::closing`](tidings_websocket::Timeouts). Messages that still arrive are dropped.
    ///
    /// # Errors
    /// Those of [`recv`](Self::recv). After `WouldBlock` call it again.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_close(code, reason);
        self.link.wait_for_end(&mut self.receive)
    }

    /// Starts the closing handshake without waiting: nothing more can be sent, and `recv` returns
    /// the remaining messages of the peer, then `None`. Has no effect once closing has begun.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) {
        self.link.start_close(Some(CloseFrame::new(code, reason)));
    }

    /// The receiver and the sender as two borrowed halves. The receiver borrows each message from
    /// the read buffer, and the sender can send it on without a copy.
    ///
    /// ```
    /// # fn serve(mut socket: tidings_std::WebSocket<std::net::TcpStream>)
    /// # -> Result<(), tidings_std::Error> {
    /// let (mut receiver, mut sender) = socket.split();
    /// while let Some(message) = receiver.recv(&mut sender)? {
    ///     sender.send(message)?; // echo
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(&mut self) -> (Receiver<'_>, Sender<'_, S, R>) {
        (Receiver::new(&mut self.receive), Sender::new(&mut self.link))
    }

    /// Receives the next message in chunks, so that one of any length passes in constant memory.
    /// `None` after the closing handshake. Raise
    /// [`Limits::max_message_len`](tidings_websocket::Limits) and `max_frame_len` for messages
    /// longer than the defaults.
    ///
    /// # Errors
    /// Those of [`recv`](Self::recv).
    pub fn recv_reader(&mut self) -> Result<Option<MessageReader<'_, S, R>>, Error> {
        MessageReader::begin(self)
    }

    /// Begins a message that is sent in chunks, of any length. It must be finished before the next
    /// one is sent.
    ///
    /// # Errors
    /// [`Error::MessageUnfinished`] if an earlier one was not.
    pub fn writer(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, S, R>, Error> {
        MessageWriter::begin(&mut self.link, kind)
    }

    /// Returns whether there are bytes to write: over a nonblocking stream call `flush` or `recv`
    /// when it is writable.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.link.send.wants_write()
    }

    /// Returns the time after which `recv` must be called even if nothing arrives, to keep the
    /// deadlines of a nonblocking stream; `None` if there are none.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        Some(self.link.send.poll_timeout()?.since(self.link.stream.now()))
    }

    /// Returns the Close frames of both sides, as far as they were received and sent.
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        self.link.send.close_info()
    }

    /// Returns the round-trip time of the last answered Ping that the connection sent by itself.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.link.send.round_trip_time()
    }

    /// Returns whether compressed messages were negotiated (RFC 7692); see [`Config::compression`].
    #[must_use]
    pub const fn may_compress(&self) -> bool {
        self.link.send.may_compress()
    }

    /// Sets whether messages are compressed from now on, where compression was negotiated and makes
    /// them shorter. It is on by default. Switch it off for a message that contains a secret next
    /// to text chosen by a stranger (RFC 7692, 8).
    pub fn set_compressing(&mut self, compresses: bool) {
        self.link.send.set_compressing(compresses);
    }

    /// Returns the negotiated subprotocol.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The transport.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.link.stream.stream
    }

    /// Returns the transport, to change its options other than its timeouts. Bytes that you read
    /// from it or write to it are missing in the WebSocket.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.link.stream.stream
    }

    /// Returns the transport. Bytes that were received and not returned, or queued and not written,
    /// are lost.
    #[must_use]
    pub fn into_inner(mut self) -> S {
        self.link.stream.stream.take()
    }
}

impl<S, R: fmt::Debug> fmt::Debug for WebSocket<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("connection", self.link.send.connection())
            .field("subprotocol", &self.subprotocol)
            .finish_non_exhaustive()
    }
}
