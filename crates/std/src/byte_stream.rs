//! A WebSocket as a stream of bytes, for protocols that know nothing of messages.

use std::io::{self, Read, Write};

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{IncomingChunks, Outgoing};
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
    chunks: IncomingChunks,
}

impl<S: Transport, R: Role> WebSocket<S, R> {
    /// The WebSocket as a stream of bytes.
    #[must_use]
    pub fn into_byte_stream(self) -> ByteStream<S, R> {
        ByteStream { socket: self, chunks: IncomingChunks::default() }
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
        let Self { socket: WebSocket { receive, link, .. }, chunks } = self;
        let found = link.receive_until(receive, |receive, send| {
            chunks.find_binary(receive, send).map(|found| found.then_some(())).transpose()
        });
        let Some(found) = found.map_err(Error::into_io)? else { return Ok(0) };
        found?;
        Ok(chunks.read(receive, buffer))
    }
}

impl<S: Transport, R: Role> Write for ByteStream<S, R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = bytes.get(..MAX_WRITE_LEN).unwrap_or(bytes);
        // Queued is written, for a stream of bytes; what the transport takes at once, it gets.
        self.socket.link.may_batch = false;
        self.socket.link.send(Outgoing::Binary(chunk)).map_err(Error::into_io)?;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush().map_err(Error::into_io)
    }
}
