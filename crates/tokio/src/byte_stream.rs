//! A WebSocket as a stream of bytes, for protocols that know nothing of messages.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidings_endpoint::{Error, Outgoing, Pieces};
use tidings_websocket::frame::CloseCode;
use tidings_websocket::{Role, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::WebSocket;

/// The longest message that one write becomes.
const MAX_WRITE_LEN: usize = 64 * 1024;

/// The payloads of binary messages, one after the other, as [`AsyncRead`] and [`AsyncWrite`].
///
/// Where one message ends and the next begins is not kept, neither in reading nor in writing. A
/// normal closure reads as the end. A text message is an error of kind `InvalidData`.
#[derive(Debug)]
pub struct ByteStream<S, R = Server> {
    socket: WebSocket<S, R>,
    pieces: Pieces,
}

impl<S, R> WebSocket<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
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
}

impl<S, R> AsyncRead for ByteStream<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, pieces } = self.get_mut();
        let (session, mut polled) = socket.link.poll(cx);
        if ready!(pieces.poll_binary(&mut socket.inbox, session, &mut polled))? {
            pieces.read_into(&socket.inbox, buf.remaining(), |bytes| buf.put_slice(bytes));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S, R> AsyncWrite for ByteStream<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role + Unpin,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = &mut self.get_mut().socket;
        ready!(socket.poll_room(cx)).map_err(Error::into_io)?;
        let piece = bytes.get(..MAX_WRITE_LEN).unwrap_or(bytes);
        let (session, mut polled) = socket.link.poll(cx);
        let sent = session.send(&mut polled, Outgoing::Binary(piece), false);
        sent.map_err(Error::into_io)?;
        // Queued is written, for a stream of bytes; what the transport takes at once, it gets.
        if let Poll::Ready(Err(error)) = socket.poll_flush(cx) {
            return Poll::Ready(Err(error.into_io()));
        }
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.poll_flush(cx).map_err(Error::into_io)
    }

    /// The closing handshake, with code 1000.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut self.get_mut().socket;
        socket.start_close(CloseCode::NORMAL, "");
        socket.poll_closed(cx).map_err(Error::into_io)
    }
}
