//! An open WebSocket over any tokio stream: [`WebSocket`], and its other forms: in halves,
//! in chunks, as bytes.
//!
//! The machine of `tidings-websocket` has the protocol state, and `tidings-endpoint` has order and
//! batching. This module connects them to tokio and to the user.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{Config, Message, Negotiated, Outgoing, ReceiveHalf};
use tidings_websocket::frame::{CloseCode, CloseFrame};
use tidings_websocket::{CloseInfo, MessageKind, Role, Server};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::link::Link;
use crate::wakers::End;

pub use crate::byte_stream::ByteStream;
pub use crate::chunks::{MessageReader, MessageWriter};
pub use crate::halves::{Receiver, Sender};
pub use crate::split::{OwnedReceiver, OwnedSender};

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
/// A message is written at once, with one exception: the first `send` after a `recv` waits if
/// another whole message was received and is still to be returned by `recv`. It is written with
/// the next message that is sent, at the latest when `recv` finds no message, or by `flush` or
/// `close`. So the loop above answers sixteen messages that came in one read with one write.
///
/// Pings are answered, and a dead peer is detected, only while `recv` or `close` is polled: always
/// receive from a connection that should stay open. A `send` or `flush` that has to wait reads
/// ahead, up to [`Config::max_read_ahead_len`], and ends the connection only if the peer takes no
/// bytes.
///
/// A dropped WebSocket writes as much of its queue as the transport takes at once, and does not
/// close: the peer sees an abnormal closure (1006). Call `close`.
///
/// It has other forms: [`split`](Self::split) borrows messages instead of
/// copying them, [`into_split`](Self::into_split) gives two tasks an end each,
/// [`into_byte_stream`](Self::into_byte_stream) reads and writes bytes, and
/// [`recv_reader`](Self::recv_reader) and [`writer`](Self::writer) take messages of any length in
/// chunks.
pub struct WebSocket<S, R = Server> {
    pub(crate) receive: ReceiveHalf,
    pub(crate) link: Link<S, R>,
    subprotocol: Option<Box<str>>,
}

impl<S, R> WebSocket<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
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
    /// transport. It is reported once, followed by `None`.
    ///
    /// # Cancel safety
    /// Safe: a dropped future loses nothing.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Like [`recv`](Self::recv), for futures written by hand.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        match self.link.wakers {
            // One task has both ends. Inlined here, as a message that is returned once more is
            // copied once more.
            None => self.poll_message(cx),
            Some(_) => self.poll_at(End::Receiver, cx, Self::poll_message),
        }
    }

    #[inline(always)]
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let Self { receive, link, .. } = self;
        while receive.find(&mut link.send) || ready!(link.poll_message(cx, receive))? {
            // None: it proved invalid, and the end follows.
            if let Some(message) = receive.take(&mut link.send) {
                return Poll::Ready(Ok(Some(message)));
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Sends a message: queues it and writes it, unless the rule of
    /// [`WebSocket`] lets it wait for the next one.
    ///
    /// # Errors
    /// Nothing was queued: [`Error::Closed`] if the peer has closed, [`Error::Send`] if this side
    /// has, [`Error::MessageUnfinished`] inside a [`writer`](Self::writer)'s message, and the
    /// reason of the failure once the connection has failed. With [`Error::WriteTimeout`],
    /// [`Error::BothSend`] or an error of the transport the message may or may not arrive.
    ///
    /// # Cancel safety
    /// Safe: the message is queued whole or not at all. It is queued as soon as less than 64 KiB
    /// are waiting, and then it stays queued.
    pub fn send<'p>(
        &mut self,
        message: impl Into<Outgoing<'p>>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.link.send(message)
    }

    /// Queues a message without writing it.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), without those of the transport; [`Error::QueueFull`] above
    /// [`Config::max_write_queue_len`].
    pub fn feed<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        let Link { send, clock, .. } = &mut self.link;
        send.queue(message.into(), || clock.now())
    }

    /// Writes the whole queue.
    ///
    /// # Errors
    /// The error of the transport, or [`Error::WriteTimeout`].
    ///
    /// # Cancel safety
    /// Safe: bytes that were not written stay queued, and no frame is cut.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Like [`flush`](Self::flush), for futures written by hand.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_at(End::Sender, cx, |socket, cx| socket.link.poll_flush(cx))
    }

    /// Closes with this code and reason, and waits for the peer to do the same. Messages that
    /// still arrive are dropped.
    ///
    /// # Errors
    /// Those of [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Safe: the closing handshake continues with the next `close` or `recv`.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_close(code, reason);
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    /// Starts the closing handshake without waiting: nothing more can be sent, and `recv` returns
    /// the remaining messages of the peer, then `None`. Has no effect once closing has begun.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) {
        let now = self.link.clock.now();
        self.link.send.start_close(now, Some(CloseFrame::new(code, reason)));
    }

    /// Drops the remaining input until the end.
    pub(crate) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.link.poll_closed(cx, &mut self.receive)
    }

    /// The receiver and the sender as two borrowed halves. The receiver borrows each message from
    /// the read buffer, and the sender can send it on without a copy.
    ///
    /// ```
    /// # async fn serve(mut socket: tidings_tokio::WebSocket<tokio::net::TcpStream>)
    /// # -> Result<(), tidings_tokio::Error> {
    /// let (mut receiver, mut sender) = socket.split();
    /// while let Some(message) = receiver.recv(&mut sender).await? {
    ///     sender.send(message).await?; // echo
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where `StreamExt` of the futures crate is in scope, `socket.split()` is that trait's method,
    /// for a `SplitSink` and a `SplitStream`; this one is then `WebSocket::split(&mut socket)`.
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
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn recv_reader(&mut self) -> Result<Option<MessageReader<'_, S, R>>, Error> {
        MessageReader::begin(self).await
    }

    /// Begins a message that is sent in chunks, of any length. It must be finished before the next
    /// one is sent.
    ///
    /// # Errors
    /// [`Error::MessageUnfinished`] if an earlier one was not.
    pub fn writer(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, S, R>, Error> {
        MessageWriter::begin(&mut self.link, kind)
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
        &self.link.stream
    }

    /// Returns the transport, to change its options. Bytes that you read from it or write to it are
    /// missing in the WebSocket.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.link.stream
    }

    /// Returns the transport. Bytes that were received and not returned, or queued and not written,
    /// are lost.
    #[must_use]
    pub fn into_inner(mut self) -> S {
        self.link.stream.take()
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
