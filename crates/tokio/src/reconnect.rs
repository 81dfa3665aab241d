//! A client that comes back: [`Reconnecting`] connects again when the connection is lost, as late
//! and as often as a [`Policy`] says.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tidings_endpoint::opening::ConnectOptions;
use tidings_endpoint::websocket::Message;
use tidings_endpoint::{ClientRole, Error};
use tidings_reconnect::{Next, Reconnect, Timestamp};
use tokio::time::{Instant, Sleep, sleep};

use crate::connect::{ClientStream, connect_with};
use crate::socket::WebSocket;

pub use tidings_endpoint::opening::Disconnect;
pub use tidings_reconnect::{GiveUp, Policy, Reason};

type Socket = WebSocket<ClientStream, ClientRole>;
type Connecting = Pin<Box<dyn Future<Output = Result<Socket, Error>> + Send>>;

/// A WebSocket client that connects again by itself.
///
/// It reports what happens and keeps no messages: what was sent into a connection that broke may
/// or may not have arrived, and only the application knows what to send anew.
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
    reconnect: Reconnect,
    epoch: Instant,
    state: State,
}

enum State {
    Connecting(Connecting),
    Open(Box<Socket>),
    Waiting(Pin<Box<Sleep>>),
    Ended,
}

/// What happened to a [`Reconnecting`] client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent {
    /// A connection is open, the first or a new one.
    Connected,
    /// A message came.
    Message(Message),
    /// The connection was lost, or could not be opened; the next attempt is made after `wait`.
    Disconnected {
        /// Why there is none.
        why: Disconnect,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// There is no connection, and no further attempt is made.
    GaveUp {
        /// Why there is none.
        why: Disconnect,
        /// Why no further attempt is made.
        reason: GiveUp,
    },
}

impl Reconnecting {
    /// A client of this URI. The first attempt is made at once, by the first call of
    /// [`next`](Self::next).
    #[must_use]
    pub fn new(uri: impl Into<String>, options: ConnectOptions, policy: Policy) -> Self {
        let uri = uri.into();
        let state = State::Connecting(connecting(&uri, &options));
        let reconnect = Reconnect::new(policy);
        Self { uri, options, reconnect, epoch: Instant::now(), state }
    }

    /// Waits for what happens next; `None` after it gave up.
    ///
    /// # Cancel safety
    /// Safe: attempts and waits go on with the next call.
    pub async fn next(&mut self) -> Option<ReconnectEvent> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), for futures written by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Waiting(wait) => {
                    ready!(wait.as_mut().poll(cx));
                    self.state = State::Connecting(connecting(&self.uri, &self.options));
                }
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
                        Ok(Some(message)) => {
                            // The connection is of use: the back-off starts anew.
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

    /// The open connection, to send through; `None` while there is none.
    pub fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.state {
            State::Open(socket) => Some(socket),
            _ => None,
        }
    }

    /// How many attempts have failed in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.reconnect.failures()
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

fn connecting(uri: &str, options: &ConnectOptions) -> Connecting {
    let (uri, options) = (uri.to_owned(), options.clone());
    Box::pin(async move { connect_with(&uri, &options).await })
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Connecting(_) => "connecting",
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
