//! A WebSocket as a stream of bytes, for protocols without messages.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidings_endpoint::websocket::{IncomingChunks, Outgoing};
use tidings_websocket::frame::CloseCode;
use tidings_websocket::{Role, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::WebSocket;
use crate::wakers::End;

/// The maximum length of the message of one write.
const MAX_WRITE_LEN: usize = 64 * 1024;

/// The payloads of binary messages, one after the other, as [`AsyncRead`] and [`AsyncWrite`].
///
/// Message boundaries are not kept, neither in reading nor in writing. A text message is an error
/// of kind `InvalidData`.
///
/// Each direction ends separately. The peer's Close frame reads as the end, and writing continues
/// until it is shut down. `poll_shutdown` sends our Close frame, with code 1000, and reading
/// continues until the peer's. A peer that does not use a stream of bytes answers at once (RFC
/// 6455, 5.5.1).
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

impl<S, R> WebSocket<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    /// Creates a stream of bytes over the WebSocket.
    #[must_use]
    pub fn into_byte_stream(self) -> ByteStream<S, R> {
        let mut socket = self;
        socket.share(); // `tokio::io::split` gives each direction to a task
        socket.link.send.set_half_close(true);
        ByteStream { socket, chunks: IncomingChunks::default() }
    }
}

impl<S, R> ByteStream<S, R> {
    /// Returns the WebSocket, for its getters.
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
        let Self { socket, chunks } = self.get_mut();
        socket.poll_at(End::Receiver, cx, |WebSocket { receive, link, .. }, cx| {
            let found = link.poll_until(cx, receive, |receive, send| {
                match chunks.find_binary(receive, send) {
                    Ok(found) => (found || send.is_half_closed()).then_some(Ok(())),
                    Err(error) => Some(Err(error)),
                }
            });
            if let Some(found) = ready!(found).map_err(io::Error::from)? {
                found?;
                chunks.read_into(receive, buf.remaining(), |bytes| buf.put_slice(bytes));
            }
            Poll::Ready(Ok(()))
        })
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
        self.get_mut().socket.poll_at(End::Sender, cx, |WebSocket { link, .. }, cx| {
            ready!(link.poll_room(cx)).map_err(io::Error::from)?;
            let chunk = bytes.get(..MAX_WRITE_LEN).unwrap_or(bytes);
            // For a stream of bytes, queued counts as written; the transport gets as much as it
            // takes at once.
            link.send.stop_batching();
            match link.poll_send(cx, &mut Some(Outgoing::Binary(chunk))) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::from(error))),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(chunk.len())),
            }
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.poll_flush(cx).map_err(io::Error::from)
    }

    /// Sends our Close frame, with code 1000; reading continues.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut self.get_mut().socket;
        socket.tell_both(|socket| socket.start_close(CloseCode::NORMAL, ""));
        socket.poll_flush(cx).map_err(io::Error::from)
    }
}
