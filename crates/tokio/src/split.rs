//! The two ends of a WebSocket for two tasks: [`OwnedReceiver`] and [`OwnedSender`].
//!
//! Both poll the same connection under a lock that is never held across an await. Each poll hands
//! the transport a waker that wakes both tasks, because either may be the one to go on: the
//! receiver writes Pongs, the sender keeps deadlines.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{Message, Outgoing};
use tidings_websocket::frame::CloseCode;
use tidings_websocket::{CloseInfo, Role, Server};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::socket::WebSocket;

/// The receiving end.
pub struct OwnedReceiver<S, R = Server>(Arc<Shared<S, R>>);

/// The sending end.
pub struct OwnedSender<S, R = Server>(Arc<Shared<S, R>>);

struct Shared<S, R> {
    socket: Mutex<WebSocket<S, R>>,
    wakers: Arc<Wakers>,
}

/// The tasks at the two ends.
#[derive(Default)]
struct Wakers {
    receiver: Mutex<Option<Waker>>,
    sender: Mutex<Option<Waker>>,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Taken first: who is woken may come back at once.
        let wakers = [&self.receiver, &self.sender].map(|end| lock(end).take());
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of the user's own types while the lock was held must not spread.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S, R> WebSocket<S, R> {
    /// Gives two tasks an end each. The sender writes at once, since it can't know when the
    /// receiver will be polled; to batch, `feed` and `flush`.
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
    pub fn into_split(self) -> (OwnedReceiver<S, R>, OwnedSender<S, R>) {
        let shared = Arc::new(Shared { socket: Mutex::new(self), wakers: Arc::default() });
        (OwnedReceiver(Arc::clone(&shared)), OwnedSender(shared))
    }
}

impl<S, R> Shared<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    /// Polls the connection; whatever it waits for wakes both ends.
    fn poll<T>(
        &self,
        end: &Mutex<Option<Waker>>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut WebSocket<S, R>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        *lock(end) = Some(cx.waker().clone());
        let both = Waker::from(Arc::clone(&self.wakers));
        self.with(|socket| poll(socket, &mut Context::from_waker(&both)))
    }

    /// Does something with the connection. If closing begins in it, other deadlines count from now
    /// on; if it ends in it, the transport wakes nobody any more. Both ends have to hear of that.
    fn with<T>(&self, work: impl FnOnce(&mut WebSocket<S, R>) -> T) -> T {
        let mut socket = lock(&self.socket);
        let before = socket.stage();
        let done = work(&mut socket);
        let after = socket.stage();
        drop(socket);
        if before != after {
            self.wakers.wake_by_ref();
        }
        done
    }
}

impl<S, R> OwnedReceiver<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    /// As [`WebSocket::recv`].
    ///
    /// # Errors
    /// As [`WebSocket::recv`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv), for futures written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.0.poll(&self.0.wakers.receiver, cx, WebSocket::poll_recv)
    }

    /// As [`WebSocket::close_info`].
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        lock(&self.0.socket).close_info()
    }

    /// Puts the ends together again; gives them back if they are not of one WebSocket.
    ///
    /// # Errors
    /// The two ends.
    pub fn reunite(
        self,
        sender: OwnedSender<S, R>,
    ) -> Result<WebSocket<S, R>, (Self, OwnedSender<S, R>)> {
        if !Arc::ptr_eq(&self.0, &sender.0) {
            return Err((self, sender));
        }
        drop(sender);
        match Arc::try_unwrap(self.0) {
            Ok(shared) => Ok(shared.socket.into_inner().unwrap_or_else(PoisonError::into_inner)),
            // Not reached: there are two ends, and one was dropped.
            Err(shared) => Err((Self(Arc::clone(&shared)), OwnedSender(shared))),
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
    /// As [`WebSocket::send`].
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
            self.0.poll(&self.0.wakers.sender, cx, |socket, cx| {
                socket.link.may_batch = false;
                socket.link.poll_send(cx, &mut message)
            })
        })
    }

    /// As [`WebSocket::feed`].
    ///
    /// # Errors
    /// As [`WebSocket::feed`].
    pub fn feed<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        self.0.with(|socket| socket.feed(message))
    }

    /// As [`WebSocket::flush`].
    ///
    /// # Errors
    /// As [`WebSocket::flush`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// As [`flush`](Self::flush), for futures written by hand.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll(&self.0.wakers.sender, cx, WebSocket::poll_flush)
    }

    /// Ready once less than 64 KiB are queued.
    #[cfg(feature = "futures")]
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll(&self.0.wakers.sender, cx, |socket, cx| socket.link.poll_room(cx))
    }

    /// Starts the closing handshake and writes our Close frame. The receiver sees the end.
    ///
    /// # Errors
    /// As [`WebSocket::flush`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_close(code, reason);
        self.flush().await
    }

    /// As [`WebSocket::set_compressing`].
    pub fn set_compressing(&mut self, compresses: bool) {
        self.0.with(|socket| socket.set_compressing(compresses));
    }

    /// As [`WebSocket::start_close`].
    pub fn start_close(&mut self, code: CloseCode, reason: &str) {
        self.0.with(|socket| socket.start_close(code, reason));
    }

    /// As [`WebSocket::close_info`].
    #[must_use]
    pub fn close_info(&self) -> CloseInfo {
        lock(&self.0.socket).close_info()
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
