//! The two ends of a WebSocket for two tasks: [`OwnedReceiver`] and [`OwnedSender`]. Both poll the
//! same connection under a lock that is never held across an await.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{Message, Outgoing};
use tidings_websocket::frame::CloseCode;
use tidings_websocket::{CloseInfo, Role, Server};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::socket::WebSocket;
use crate::wakers::{End, Wakers, lock};

/// The receiving end.
pub struct OwnedReceiver<S, R = Server> {
    socket: Arc<Mutex<WebSocket<S, R>>>,
    /// Dropped after the socket, so that the sender finds itself alone.
    _dropped: WakeSender,
}

/// The sending end.
pub struct OwnedSender<S, R = Server>(Arc<Mutex<WebSocket<S, R>>>);

/// Wakes the sender, which goes on alone.
struct WakeSender(Option<Arc<Wakers>>);

impl Drop for WakeSender {
    fn drop(&mut self) {
        if let Some(wakers) = &self.0 {
            wakers.wake_sender();
        }
    }
}

impl<S, R: Role> WebSocket<S, R> {
    /// Splits the WebSocket for two tasks. The sender writes at once, since it cannot know when the
    /// receiver will be polled; to batch, `feed` and `flush`.
    ///
    /// Poll the receiver, even if no message is expected: it answers Pings and detects a dead peer
    /// and the end. If it was dropped, the sender does that instead and drops the messages that
    /// arrive, but only while it is polled.
    ///
    /// ```
    /// # async fn serve(socket: tidings_tokio::WebSocket<tokio::net::TcpStream>)
    /// # -> Result<(), tidings_tokio::Error> {
    /// let (mut receiver, mut sender) = socket.into_split();
    /// tokio::spawn(async move {
    ///     while let Ok(Some(message)) = receiver.recv().await {
    ///         println!("{message:?}");
    ///     }
    /// });
    /// sender.send("hello").await?;
    /// sender.close(tidings_tokio::CloseCode::NORMAL, "that was all").await
    /// # }
    /// ```
    pub fn into_split(mut self) -> (OwnedReceiver<S, R>, OwnedSender<S, R>) {
        self.share();
        let _dropped = WakeSender(self.link.wakers.clone());
        let socket = Arc::new(Mutex::new(self));
        (OwnedReceiver { socket: Arc::clone(&socket), _dropped }, OwnedSender(socket))
    }
}

impl<S, R> OwnedReceiver<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    /// Like [`WebSocket::recv`].
    ///
    /// # Errors
    /// Those of [`WebSocket::recv`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Like [`recv`](Self::recv), for futures written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        lock(&self.socket).poll_recv(cx)
    }

    /// Like [`WebSocket::close_info`].
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        lock(&self.socket).close_info()
    }

    /// Joins the two ends again; returns them if they belong to different WebSockets.
    ///
    /// # Errors
    /// The two ends.
    pub fn reunite(
        self,
        sender: OwnedSender<S, R>,
    ) -> Result<WebSocket<S, R>, (Self, OwnedSender<S, R>)> {
        if !Arc::ptr_eq(&self.socket, &sender.0) {
            return Err((self, sender));
        }
        drop(sender);
        let Self { socket, _dropped } = self;
        match Arc::try_unwrap(socket) {
            Ok(socket) => Ok(socket.into_inner().unwrap_or_else(PoisonError::into_inner)),
            Err(socket) => {
                debug_assert!(false, "there are two ends, and one was dropped");
                Err((Self { socket: Arc::clone(&socket), _dropped }, OwnedSender(socket)))
            }
        }
    }
}

impl<S, R> OwnedSender<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    /// Sends a message at once.
    ///
    /// # Errors
    /// Those of [`WebSocket::send`].
    ///
    /// # Cancel safety
    /// Safe: the message is queued whole or not at all. It is as soon as less than 64 KiB wait, and
    /// then it stays queued.
    pub fn send<'p>(
        &mut self,
        message: impl Into<Outgoing<'p>>,
    ) -> impl Future<Output = Result<(), Error>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| {
            self.poll(cx, |socket, cx| {
                socket.link.send.stop_batching();
                socket.link.poll_send(cx, &mut message)
            })
        })
    }

    /// Like [`WebSocket::feed`].
    ///
    /// # Errors
    /// Those of [`WebSocket::feed`].
    pub fn feed<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        self.lock().tell_both(|socket| socket.feed(message))
    }

    /// Like [`WebSocket::flush`].
    ///
    /// # Errors
    /// Those of [`WebSocket::flush`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Like [`flush`](Self::flush), for futures written by hand.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, |socket, cx| socket.link.poll_flush(cx))
    }

    /// Polls for this end, and for the receiver if that was dropped: its messages are dropped too.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut WebSocket<S, R>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let is_alone = self.is_alone();
        self.lock().poll_at(End::Sender, cx, |socket, cx| {
            if is_alone {
                // The sender gets the way it ended with its next call.
                let _ = socket.poll_closed(cx);
            }
            poll(socket, cx)
        })
    }

    fn lock(&self) -> MutexGuard<'_, WebSocket<S, R>> {
        lock(&self.0)
    }

    /// Ready once less than 64 KiB are queued.
    #[cfg(feature = "futures")]
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, |socket, cx| socket.link.poll_room(cx))
    }

    /// Starts the closing handshake and writes our Close frame. The receiver sees the end; without one,
    /// this waits for it.
    ///
    /// # Errors
    /// Those of [`WebSocket::flush`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_close(code, reason);
        poll_fn(|cx| {
            let is_alone = self.is_alone();
            self.lock().poll_at(End::Sender, cx, |socket, cx| match is_alone {
                true => socket.poll_closed(cx),
                false => socket.link.poll_flush(cx),
            })
        })
        .await
    }

    /// Returns whether the receiver was dropped.
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Like [`WebSocket::set_compressing`].
    pub fn set_compressing(&mut self, compresses: bool) {
        self.lock().set_compressing(compresses);
    }

    /// Like [`WebSocket::start_close`].
    pub fn start_close(&mut self, code: CloseCode, reason: &str) {
        self.lock().tell_both(|socket| socket.start_close(code, reason));
    }

    /// Like [`WebSocket::close_info`].
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        lock(&self.0).close_info()
    }
}

impl<S, R> fmt::Debug for OwnedReceiver<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedReceiver")
    }
}

impl<S, R> fmt::Debug for OwnedSender<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedSender")
    }
}
