//! The receiver and the sender as two borrowed halves, so that a lent payload can be sent.

use std::borrow::Cow;
use std::future::poll_fn;
use std::task::Poll;

use tidings_websocket::Role;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Error;
use crate::inbox::{Inbox, Incoming, Origin};
use crate::link::{HIGH_WATER, Link};
use crate::message::{LentMessage, Outgoing};
use crate::read_buffer::Place;

/// The receiving half of a borrowed [`WebSocket`](crate::WebSocket).
#[derive(Debug)]
pub struct Receiver<'a> {
    inbox: &'a mut Inbox,
}

/// The sending half of a borrowed [`WebSocket`](crate::WebSocket).
#[derive(Debug)]
pub struct Sender<'a, S, R> {
    link: &'a mut Link<S, R>,
    /// Whether received bytes wait: then replies do too.
    more_received: bool,
}

impl<'a> Receiver<'a> {
    pub(crate) fn new(inbox: &'a mut Inbox) -> Self {
        Self { inbox }
    }

    pub(crate) fn has_more(&self) -> bool {
        self.inbox.has_more()
    }

    /// Receives the next message, lent until the next call; `None` after the closing handshake.
    /// The sender is needed for what the protocol owes in between.
    ///
    /// # Errors
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe: a dropped future has taken nothing that the next one does not see.
    pub async fn recv<S, R>(
        &mut self,
        sender: &mut Sender<'_, S, R>,
    ) -> Result<Option<LentMessage<'_>>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        R: Role,
    {
        let inbox = &mut *self.inbox;
        let link = &mut *sender.link;
        let found = poll_fn(|cx| inbox.poll_recv(cx, link, false, Found::of)).await?;
        sender.more_received = self.inbox.has_more();
        Ok(found.map(|found| found.lend(self.inbox)))
    }
}

impl<'a, S, R> Sender<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn new(link: &'a mut Link<S, R>, more_received: bool) -> Self {
        Self { link, more_received }
    }

    /// Sends a message, by the same rule as [`WebSocket::send`](crate::WebSocket::send). A large
    /// payload is written from where it is, as far as the transport takes it at once.
    ///
    /// # Errors
    /// As [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Cancel safety
    /// Safe: the message is queued whole before the first await, and stays queued.
    pub async fn send<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        self.send_behind(message.into(), self.more_received).await
    }

    pub(crate) async fn send_behind(
        &mut self,
        message: Outgoing<'_>,
        more_received: bool,
    ) -> Result<(), Error> {
        if more_received {
            self.link.feed(message)?;
            if self.link.queue.len() < HIGH_WATER {
                return Ok(());
            }
            return poll_fn(|cx| self.link.poll_flush(cx)).await;
        }
        let mut message = Some(message);
        poll_fn(|cx| {
            if let Some(message) = message.take() {
                if let Err(error) = self.link.feed_and_try_write(cx, message) {
                    return Poll::Ready(Err(error));
                }
            }
            self.link.poll_flush(cx)
        })
        .await
    }
}

/// A message that was found, without borrowing what it was found in.
enum Found {
    Text(Place),
    Binary(Place),
    Owned(LentMessage<'static>),
}

impl Found {
    fn of(incoming: Incoming<'_>, origin: Origin) -> Option<Self> {
        let Incoming::Message(message) = incoming else { return None };
        Some(match message {
            LentMessage::Text(Cow::Borrowed(text)) => Self::Text(origin.place_of(text.as_bytes())),
            LentMessage::Binary(Cow::Borrowed(bytes)) => Self::Binary(origin.place_of(bytes)),
            LentMessage::Text(Cow::Owned(text)) => Self::Owned(LentMessage::Text(text.into())),
            LentMessage::Binary(Cow::Owned(bytes)) => {
                Self::Owned(LentMessage::Binary(bytes.into()))
            }
        })
    }

    fn lend(self, inbox: &Inbox) -> LentMessage<'_> {
        match self {
            Self::Owned(message) => message,
            Self::Binary(place) => LentMessage::Binary(Cow::Borrowed(inbox.lent(place))),
            Self::Text(place) => {
                // Valid when it was found; this crate has no unsafe code to say so.
                let text = std::str::from_utf8(inbox.lent(place)).unwrap_or_default();
                LentMessage::Text(Cow::Borrowed(text))
            }
        }
    }
}
