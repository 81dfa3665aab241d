//! The receiver and the sender as two borrowed halves, so that a borrowed payload can be sent.

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{MessageRef, Outgoing, ReceiveHalf};
use tidings_websocket::Role;

use crate::link::Link;
use crate::transport::Transport;

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
    pub fn recv<S: Transport, R: Role>(
        &mut self,
        sender: &mut Sender<'_, S, R>,
    ) -> Result<Option<MessageRef<'_>>, Error> {
        let link = &mut *sender.link;
        if !link.wait_for_data(self.receive)? {
            return Ok(None);
        }
        match self.receive.borrow(&mut link.send) {
            Some(message) => Ok(Some(message)),
            // It proved invalid, and the end follows.
            None => link.wait_for_end(&mut ReceiveHalf::of_nothing()).map(|()| None),
        }
    }
}

impl<'a, S: Transport, R: Role> Sender<'a, S, R> {
    pub(crate) fn new(link: &'a mut Link<S, R>) -> Self {
        Self { link }
    }

    /// Sends a message, by the same rule as [`WebSocket::send`](crate::WebSocket::send). A large
    /// payload is written from where it is, as far as the transport takes it at once.
    ///
    /// # Errors
    /// Those of [`WebSocket::send`](crate::WebSocket::send).
    pub fn send<'p>(&mut self, message: impl Into<Outgoing<'p>>) -> Result<(), Error> {
        self.link.send(message.into())
    }

    /// Sets whether messages are compressed from now on; see
    /// [`WebSocket::set_compressing`](crate::WebSocket::set_compressing).
    pub fn set_compressing(&mut self, compresses: bool) {
        self.link.send.set_compressing(compresses);
    }
}
