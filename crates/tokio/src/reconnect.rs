//! A client that reconnects: [`Reconnecting`] connects again when the connection is lost, as late
//! and as often as a [`Policy`] says.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tidings_endpoint::opening::ConnectOptions;
use tidings_endpoint::websocket::Message;
use tidings_endpoint::{ClientRole, Error};
use tidings_reconnect::{Next, Reconnect, Timestamp};
use tidings_websocket::frame::CloseCode;
use tokio::time::{Instant, Sleep, sleep};

use crate::client_handle::ClientHandle as Handle;
use crate::connect::{ClientStream, connect_with};
use crate::socket::WebSocket;

pub use crate::client_handle::ClientHandle;
pub use tidings_endpoint::opening::Disconnect;
pub use tidings_reconnect::{GiveUp, Policy, Reason};

type Socket = WebSocket<ClientStream, ClientRole>;
type Made = Result<(String, ConnectOptions), Error>;
type Make = Box<dyn FnMut(u32) -> Pin<Box<dyn Future<Output = Made> + Send>> + Send>;
type Connecting = Pin<Box<dyn Future<Output = Result<Socket, Error>> + Send>>;

/// A WebSocket client that reconnects by itself.
///
/// It reports events and keeps no messages: a message sent into a connection that broke may or may
/// not have arrived, and only the application knows which ones to send again.
///
/// ```no_run
/// # async fn watch() {
/// use tidings_tokio::reconnect::{Policy, Reconnecting, ReconnectEvent};
/// use tidings_tokio::ConnectOptions;
///
/// let options = ConnectOptions::new().subprotocols(["chat"]);
/// let mut client = Reconnecting::new("ws://127.0.0.1:8080/chat", options, Policy::websocket());
/// while let Some(update) = client.next().await {
///     match update {
///         ReconnectEvent::Connected => {
///             if let Some(socket) = client.socket() {
///                 let _ = socket.send("here I am again").await; // `next` tells if it failed
///             }
///         }
///         ReconnectEvent::Message(message) => println!("{message:?}"),
///         ReconnectEvent::Disconnected { why, wait } => println!("{why}; trying again in {wait:?}"),
///         ReconnectEvent::GaveUp { why, reason } => println!("{why}; {reason}"),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Reconnecting {
    uri: String,
    options: ConnectOptions,
    /// Creates the URI and options of each attempt.
    make: Option<Make>,
    handle: Handle,
    reconnect: Reconnect,
    epoch: Instant,
    state: State,
    /// It was closed: the end of the connection is final.
    closes: bool,
}

enum State {
    /// An attempt is due.
    Due,
    Connecting(Connecting),
    Open(Box<Socket>),
    Waiting(Pin<Box<Sleep>>),
    Ended,
}

/// An event of a [`Reconnecting`] client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent {
    /// A connection is open, the first or a new one.
    Connected,
    /// A message arrived.
    Message(Message),
    /// The connection was lost, or could not be opened; the next attempt is made after `wait`.
    Disconnected {
        /// The reason for the loss.
        why: Disconnect,
        /// The time until the next attempt.
        wait: Duration,
    },
    /// There is no connection, and no further attempt is made.
    GaveUp {
        /// The reason for the loss.
        why: Disconnect,
        /// The reason for giving up.
        reason: GiveUp,
    },
}

impl Reconnecting {
    /// Creates a client of this URI. The first attempt is made at once, by the first call of
    /// [`next`](Self::next).
    #[must_use]
    pub fn new(uri: impl Into<String>, options: ConnectOptions, policy: Policy) -> Self {
        Self {
            uri: uri.into(),
            options,
            make: None,
            handle: Handle::default(),
            reconnect: Reconnect::new(policy),
            epoch: Instant::now(),
            state: State::Due,
            closes: false,
        }
    }

    /// Creates URI and options for each attempt, including the first: for a fresh token, or a URI
    /// that changes. `make` gets the number of [`failures`](Self::failures) so far. If it fails,
    /// the attempt fails.
    ///
    /// ```no_run
    /// # async fn token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// use tidings_tokio::reconnect::{Policy, Reconnecting};
    /// use tidings_tokio::ConnectOptions;
    ///
    /// let uri = "ws://127.0.0.1:8080/chat";
    /// let client = Reconnecting::new(uri, ConnectOptions::new(), Policy::websocket())
    ///     .with_request(move |_failures| async move {
    ///         let bearer = format!("Bearer {}", token().await?);
    ///         Ok((uri.to_owned(), ConnectOptions::new().header("authorization", bearer)))
    ///     });
    /// ```
    #[must_use]
    pub fn with_request<F, R>(mut self, mut make: F) -> Self
    where
        F: FnMut(u32) -> R + Send + 'static,
        R: Future<Output = Result<(String, ConnectOptions), Error>> + Send + 'static,
    {
        self.make = Some(Box::new(move |failures| Box::pin(make(failures))));
        self
    }

    /// Closes the client permanently. It sends a Close frame with code 1000 on an open connection.
    /// [`next`](Self::next) waits for the answer and meanwhile still returns messages. Then it
    /// returns `None`.
    pub fn close(&mut self) {
        if self.closes {
            return;
        }
        self.closes = true;
        match &mut self.state {
            State::Open(socket) => socket.start_close(CloseCode::NORMAL, ""),
            state => *state = State::Ended,
        }
    }

    /// Makes the next attempt now, if one is waited for. Returns whether it was.
    pub fn try_now(&mut self) -> bool {
        let waits = matches!(self.state, State::Waiting(_));
        if waits {
            self.state = State::Due;
        }
        waits
    }

    /// Returns a handle that closes the client, or makes it try again now, while another task waits
    /// in it.
    #[must_use]
    pub fn handle(&self) -> ClientHandle {
        self.handle.clone()
    }

    /// Waits for the next event; `None` after it gave up, or was [closed](Self::close).
    ///
    /// # Cancel safety
    /// Safe: attempts and waits continue with the next call.
    pub async fn next(&mut self) -> Option<ReconnectEvent> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Like [`next`](Self::next), for futures written by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        let requested = self.handle.poll(cx);
        if requested.closes {
            self.close();
        } else if requested.tries_now {
            self.try_now();
        }
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Waiting(wait) => {
                    ready!(wait.as_mut().poll(cx));
                    self.state = State::Due;
                }
                State::Due => self.state = State::Connecting(self.connecting()),
                State::Connecting(attempt) => {
                    return Poll::Ready(Some(match ready!(attempt.as_mut().poll(cx)) {
                        Ok(socket) => {
                            self.reconnect.connected(Timestamp::from_epoch(self.epoch.elapsed()));
                            self.state = State::Open(Box::new(socket));
                            ReconnectEvent::Connected
                        }
                        Err(error) => self.lost(Disconnect::Error(error)),
                    }));
                }
                State::Open(socket) => {
                    return Poll::Ready(Some(match ready!(socket.poll_recv(cx)) {
                        Ok(None) | Err(_) if self.closes => {
                            self.state = State::Ended;
                            return Poll::Ready(None);
                        }
                        Ok(Some(message)) => {
                            // The connection is useful: the back-off starts over.
                            self.reconnect.progressed();
                            ReconnectEvent::Message(message)
                        }
                        Ok(None) => {
                            let close = socket.close_info().received;
                            self.lost(Disconnect::Closed(close))
                        }
                        Err(error) => self.lost(Disconnect::Error(error)),
                    }));
                }
            }
        }
    }

    /// Returns the open connection, to send through; `None` while there is none.
    pub fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.state {
            State::Open(socket) => Some(socket),
            _ => None,
        }
    }

    /// Returns the number of consecutive failed attempts.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.reconnect.failures()
    }

    fn connecting(&mut self) -> Connecting {
        let made = match &mut self.make {
            Some(make) => make(self.reconnect.failures()),
            None => {
                let made = (self.uri.clone(), self.options.clone());
                Box::pin(std::future::ready(Ok(made)))
            }
        };
        Box::pin(async move {
            let (uri, options) = made.await?;
            connect_with(&uri, &options).await
        })
    }

    fn lost(&mut self, why: Disconnect) -> ReconnectEvent {
        let now = Timestamp::from_epoch(self.epoch.elapsed());
        match why.next(&mut self.reconnect, now) {
            Next::Wait(wait) => {
                self.state = State::Waiting(Box::pin(sleep(wait)));
                ReconnectEvent::Disconnected { why, wait }
            }
            Next::GiveUp(reason) => {
                self.state = State::Ended;
                ReconnectEvent::GaveUp { why, reason }
            }
        }
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Due | State::Connecting(_) => "connecting",
            State::Open(_) => "open",
            State::Waiting(_) => "waiting",
            State::Ended => "ended",
        };
        f.debug_struct("Reconnecting")
            .field("uri", &self.uri)
            .field("state", &state)
            .field("reconnect", &self.reconnect)
            .finish_non_exhaustive()
    }
}
