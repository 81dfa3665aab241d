//! A WebSocket as a stream of bytes, for protocols that know nothing of messages.

use std::io::{self, Read, Write};

use tidings_endpoint::{Error, Outgoing, Pieces};
use tidings_websocket::{Role, Server};

use crate::socket::WebSocket;
use crate::transport::Transport;

/// The longest message that one write becomes.
const MAX_WRITE_LEN: usize = 64 * 1024;

/// The payloads of binary messages, one after the other, as [`Read`] and [`Write`].
///
/// Where one message ends and the next begins is not kept, neither in reading nor in writing. A
/// normal closure reads as the end. A text message is an error of kind `InvalidData`. To close,
/// take the [`WebSocket`] out again.
#[derive(Debug)]
pub struct ByteStream<S, R = Server> {
    socket: WebSocket<S, R>,
    pieces: Pieces,
}

impl<S: Transport, R: Role> WebSocket<S, R> {
    /// The WebSocket as a stream of bytes.
    #[must_use]
    pub fn into_byte_stream(self) -> ByteStream<S, R> {
        ByteStream { socket: self, pieces: Pieces::default() }
    }
}

impl<S, R> ByteStream<S, R> {
    /// The WebSocket, for its getters.
    pub const fn get_ref(&self) -> &WebSocket<S, R> {
        &self.socket
    }

    /// The WebSocket, for example to close it. What was received of a message and not read is
    /// lost.
    pub fn into_inner(self) -> WebSocket<S, R> {
        self.socket
    }
}

impl<S: Transport, R: Role> Read for ByteStream<S, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { socket: WebSocket { inbox, link, .. }, pieces } = self;
        let received = link
            .receive(|session, line| pieces.poll_binary(inbox, session, line).map_err(Error::Io));
        if received.map_err(Error::into_io)? { Ok(pieces.read(inbox, buffer)) } else { Ok(0) }
    }
}

impl<S: Transport, R: Role> Write for ByteStream<S, R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes.get(..MAX_WRITE_LEN).unwrap_or(bytes);
        // Queued is written, for a stream of bytes; what the transport takes at once, it gets.
        self.socket.link.send(Outgoing::Binary(piece), false).map_err(Error::into_io)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush().map_err(Error::into_io)
    }
}
