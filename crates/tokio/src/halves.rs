//! The receiver and the sender as two borrowed halves, so that a lent payload can be sent.

use std::future::poll_fn;

use tidings_endpoint::{Error, Inbox, LentMessage, Outgoing};
use tidings_websocket::Role;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::link::Link;

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
        let found = poll_fn(|cx| {
            let (session, mut polled) = sender.link.poll(cx);
            self.inbox.poll_found(session, &mut polled)
        })
        .await?;
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
    /// Safe: the message is queued whole or not at all. It is as soon as less than 64 KiB wait, and
    /// then it stays queued.
    pub async fn send<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        let mut message = Some(message.into());
        poll_fn(|cx| self.link.poll_send(cx, &mut message, self.more_received)).await
    }

    /// Whether messages are compressed from now on; see
    /// [`WebSocket::set_compressing`](crate::WebSocket::set_compressing).
    pub fn set_compressing(&mut self, compresses: bool) {
        self.link.session.set_compressing(compresses);
    }
}
