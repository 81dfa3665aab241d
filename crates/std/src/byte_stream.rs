//! A WebSocket as a stream of bytes, for protocols without messages.

use std::io::{self, Read, Write};

use tidings_endpoint::websocket::{IncomingChunks, Outgoing};
use tidings_websocket::frame::CloseCode;
use tidings_websocket::{Role, Server};

use crate::socket::WebSocket;
use crate::transport::Transport;

/// The maximum length of the message of one write.
const MAX_WRITE_LEN: usize = 64 * 1024;

/// The payloads of binary messages, one after the other, as [`Read`] and [`Write`].
///
/// Message boundaries are not kept, neither in reading nor in writing. A text message is an error
/// of kind `InvalidData`.
///
/// Each direction ends separately. The peer's Close frame reads as the end, and writing continues
/// until [`shut_down`](Self::shut_down), which sends our Close frame; reading then continues until
/// the peer's. A peer that does not use a stream of bytes answers at once (RFC 6455, 5.5.1).
///
/// While one direction has ended and the other has not, no deadline of [`Timeouts`] applies, and no
/// Ping is sent, as with TCP: bound the wait yourself if the peer may vanish.
///
/// [`Timeouts`]: tidings_websocket::Timeouts
#[derive(Debug)]
pub struct ByteStream<S, R = Server> {
    socket: WebSocket<S, R>,
    chunks: IncomingChunks,
}

impl<S: Transport, R: Role> WebSocket<S, R> {
    /// Creates a stream of bytes over the WebSocket.
    #[must_use]
    pub fn into_byte_stream(self) -> ByteStream<S, R> {
        let mut socket = self;
        socket.link.send.set_half_close(true);
        ByteStream { socket, chunks: IncomingChunks::default() }
    }
}

impl<S: Transport, R: Role> ByteStream<S, R> {
    /// Ends our direction: sends our Close frame, with code 1000. Reading continues.
    ///
    /// # Errors
    /// Those of [`WebSocket::flush`].
    pub fn shut_down(&mut self) -> io::Result<()> {
        self.socket.start_close(CloseCode::NORMAL, "");
        self.flush()
    }

    /// Returns the WebSocket, for example to close it. Bytes of a message that were received and
    /// not read are lost.
    pub fn into_inner(self) -> WebSocket<S, R> {
        let mut socket = self.socket;
        let send = &mut socket.link.send;
        send.set_half_close(false);
        if send.is_half_closed() {
            socket.start_close(CloseCode::NORMAL, "");
        }
        socket
    }
}

impl<S, R> ByteStream<S, R> {
    /// Returns the WebSocket, for its getters.
    pub const fn get_ref(&self) -> &WebSocket<S, R> {
        &self.socket
    }
}

impl<S: Transport, R: Role> Read for ByteStream<S, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { socket: WebSocket { receive, link, .. }, chunks } = self;
        let found =
            link.receive_until(receive, |receive, send| match chunks.find_binary(receive, send) {
                Ok(found) => (found || send.is_half_closed()).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            });
        let Some(found) = found.map_err(io::Error::from)? else { return Ok(0) };
        found?;
        Ok(chunks.read(receive, buffer))
    }
}

impl<S: Transport, R: Role> Write for ByteStream<S, R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = bytes.get(..MAX_WRITE_LEN).unwrap_or(bytes);
        // For a stream of bytes, queued counts as written; the transport gets as much as it takes
        // at once.
        self.socket.link.send.stop_batching();
        self.socket.link.send(Outgoing::Binary(chunk)).map_err(io::Error::from)?;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush().map_err(io::Error::from)
    }
}
