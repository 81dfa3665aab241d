//! The receiver and the sender as two borrowed halves, so that a borrowed payload can be sent.

use std::future::poll_fn;

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{MessageRef, Outgoing, ReceiveHalf};
use tidings_websocket::Role;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::link::Link;

/// The receiving half of a borrowed [`WebSocket`](crate::WebSocket).
#[derive(Debug)]
pub struct Receiver<'a> {
    receive: &'a mut ReceiveHalf,
}

/// The sending half of a borrowed [`WebSocket`](crate::WebSocket).
#[derive(Debug)]
pub struct Sender<'a, S, R> {
    link: &'a mut Link<S, R>,
}

impl<'a> Receiver<'a> {
    pub(crate) fn new(receive: &'a mut ReceiveHalf) -> Self {
        Self { receive }
    }

    /// Receives the next message, borrowed until the next call; `None` after the closing handshake.
    /// It needs the sender because the protocol may have to write in between.
    ///
    /// # Errors
    /// Those of [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe: a dropped future has taken nothing that the next one does not see.
    pub async fn recv<S, R>(
        &mut self,
        sender: &mut Sender<'_, S, R>,
    ) -> Result<Option<MessageRef<'_>>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        R: Role,
    {
        let Self { receive } = self;
        if !poll_fn(|cx| sender.link.poll_data(cx, receive)).await? {
            return Ok(None);
        }
        let link = &mut *sender.link;
        match receive.borrow(&mut link.send) {
            Some(message) => Ok(Some(message)),
            // It proved invalid, and the end follows.
            None => poll_fn(|cx| link.poll_end(cx)).await.map(|()| None),
        }
    }
}

impl<'a, S, R> Sender<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn new(link: &'a mut Link<S, R>) -> Self {
        Self { link }
    }

    /// Sends a message, by the same rule as [`WebSocket::send`](crate::WebSocket::send). A large
    /// payload is written from where it is, as far as the transport takes it at once.
    ///
    /// # Errors
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    ///
    /// # Cancel safety
    /// Safe: the message is queued whole or not at all. It is as soon as less than 64 KiB wait, and
    /// then it stays queued.
    pub fn send<'p>(
        &mut self,
        message: impl Into<Outgoing<'p>>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.link.send(message)
    }

    /// Sets whether messages are compressed from now on; see
    /// [`WebSocket::set_compressing`](crate::WebSocket::set_compressing).
    pub fn set_compressing(&mut self, compresses: bool) {
        self.link.send.set_compressing(compresses);
    }
}
