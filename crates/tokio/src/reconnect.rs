//! A client that comes back: [`Reconnecting`] connects again when the connection is lost, as late
//! and as often as a [`Policy`] says.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tidings_endpoint::{ClientRole, Error, Message, random_u64, retry_after};
use tidings_reconnect::{Next, Reason, Reconnect, Timestamp};
use tidings_websocket::CloseStatus;
use tokio::time::{Instant, Sleep, sleep};

use crate::connect::{ClientStream, Connector};
use crate::socket::WebSocket;

pub use tidings_reconnect::{GiveUp, Policy};

type Socket = WebSocket<ClientStream, ClientRole>;
type Connecting = Pin<Box<dyn Future<Output = Result<Socket, Error>> + Send>>;

/// A WebSocket client that connects again by itself.
///
/// It reports what happens and keeps no messages: what was sent into a connection that broke may
/// or may not have arrived, and only the application knows what to send anew.
///
/// ```no_run
/// # async fn watch() {
/// use tidings_tokio::reconnect::{Policy, Reconnecting, Update};
/// use tidings_tokio::Connector;
///
/// let mut client = Reconnecting::new(Connector::new(), "ws://127.0.0.1:8080/chat", Policy::websocket());
/// while let Some(update) = client.next().await {
///     match update {
///         Update::Connected => {
///             if let Some(socket) = client.socket() {
///                 let _ = socket.send("here I am again").await; // `next` tells if it failed
///             }
///         }
///         Update::Message(message) => println!("{message:?}"),
///         Update::Lost { why, wait } => println!("{why}; trying again in {wait:?}"),
///         Update::GaveUp { why, reason } => println!("{why}; {reason}"),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Reconnecting {
    connector: Connector,
    uri: String,
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
pub enum Update {
    /// A connection is open, the first or a new one.
    Connected,
    /// A message came.
    Message(Message),
    /// The connection was lost, or could not be opened; the next attempt is made after `wait`.
    Lost {
        /// Why there is none.
        why: Lost,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// There is no connection, and no further attempt is made.
    GaveUp {
        /// Why there is none.
        why: Lost,
        /// Why no further attempt is made.
        reason: GiveUp,
    },
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Lost {
    /// It failed, or could not be opened.
    Error(Error),
    /// The server closed it.
    Closed(CloseStatus),
}

impl Reconnecting {
    /// A client of this URI. The first attempt is made at once, by the first call of
    /// [`next`](Self::next).
    #[must_use]
    pub fn new(connector: Connector, uri: impl Into<String>, policy: Policy) -> Self {
        let uri = uri.into();
        let state = State::Connecting(connecting(&connector, &uri));
        let reconnect = Reconnect::new(policy);
        Self { connector, uri, reconnect, epoch: Instant::now(), state }
    }

    /// Waits for what happens next; `None` after it gave up.
    ///
    /// # Cancel safety
    /// Safe: attempts and waits go on with the next call.
    pub async fn next(&mut self) -> Option<Update> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), for futures written by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Waiting(wait) => {
                    ready!(wait.as_mut().poll(cx));
                    self.state = State::Connecting(connecting(&self.connector, &self.uri));
                }
                State::Connecting(attempt) => {
                    return Poll::Ready(Some(match ready!(attempt.as_mut().poll(cx)) {
                        Ok(socket) => {
                            self.reconnect.connected(Timestamp::from_epoch(self.epoch.elapsed()));
                            self.state = State::Open(Box::new(socket));
                            Update::Connected
                        }
                        Err(error) => self.lost(Lost::Error(error)),
                    }));
                }
                State::Open(socket) => {
                    return Poll::Ready(Some(match ready!(socket.poll_recv(cx)) {
                        Ok(Some(message)) => {
                            // The connection is of use: the back-off starts anew.
                            self.reconnect.progressed();
                            Update::Message(message)
                        }
                        Ok(None) => {
                            let close = socket.close_info().received;
                            self.lost(Lost::Closed(close))
                        }
                        Err(error) => self.lost(Lost::Error(error)),
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

    fn lost(&mut self, why: Lost) -> Update {
        let reason = why.reason();
        let next = match why.is_user() {
            true => Next::GiveUp(GiveUp::Forbidden),
            false => {
                let now = Timestamp::from_epoch(self.epoch.elapsed());
                self.reconnect.failed(now, reason, random_u64())
            }
        };
        match next {
            Next::Wait(wait) => {
                self.state = State::Waiting(Box::pin(sleep(wait)));
                Update::Lost { why, wait }
            }
            Next::GiveUp(reason) => {
                self.state = State::Ended;
                Update::GaveUp { why, reason }
            }
        }
    }
}

fn connecting(connector: &Connector, uri: &str) -> Connecting {
    let (connector, uri) = (connector.clone(), uri.to_owned());
    Box::pin(async move { connector.connect(&uri).await })
}

impl Lost {
    /// What it says about another attempt.
    fn reason(&self) -> Reason {
        match self {
            Self::Closed(CloseStatus::Missing) => Reason::Disconnected,
            Self::Closed(close) => Reason::Closed(close.code()),
            Self::Error(Error::Declined(declined)) => {
                let mut headers = declined.headers.iter();
                let retry_after = headers
                    .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
                    .and_then(|(_, value)| retry_after(value));
                Reason::Refused { status: declined.status, retry_after }
            }
            Self::Error(Error::Proxy { status }) => {
                Reason::Refused { status: *status, retry_after: None }
            }
            Self::Error(_) => Reason::Disconnected,
        }
    }

    /// Whether the fault is in what the caller asked for: another attempt would ask the same.
    const fn is_user(&self) -> bool {
        matches!(self, Self::Error(error) if error.is_user())
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Closed(close) => write!(f, "the server closed: {close}"),
        }
    }
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
