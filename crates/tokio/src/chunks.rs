//! Messages of any length, received and sent in chunks: constant memory both ways.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{IncomingChunks, OutgoingChunks, ReceiveHalf};
use tidings_websocket::{MessageKind, Role};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::link::Link;
use crate::socket::WebSocket;

/// One message, received in chunks. It is also an [`AsyncRead`].
///
/// A reader that is dropped early drops the rest of its message.
#[derive(Debug)]
pub struct MessageReader<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    socket: &'a mut WebSocket<S, R>,
    chunks: IncomingChunks,
}

impl<'a, S, R> MessageReader<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) async fn begin(socket: &'a mut WebSocket<S, R>) -> Result<Option<Self>, Error> {
        let WebSocket { receive, link, .. } = &mut *socket;
        // A message whose reader was dropped is passed over first.
        receive.skip_rest();
        let find = poll_fn(|cx| link.poll_until(cx, receive, ReceiveHalf::find_chunk));
        let first = find.await?;
        Ok(first.map(|chunk| Self { socket, chunks: chunk.into() }))
    }

    /// The kind of the message: text or binary.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.chunks.kind()
    }

    /// Returns the next chunk of the message, borrowed until the next call; `None` after the last.
    /// A chunk of a text is whole characters.
    ///
    /// # Errors
    /// Those of [`WebSocket::recv`]; also [`Error::Io`] if the peer closed inside the message.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        poll_fn(|cx| self.poll_available(cx)).await?;
        Ok(self.chunks.borrow(&self.socket.receive))
    }

    fn poll_available(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { socket: WebSocket { receive, link, .. }, chunks } = self;
        let found =
            link.poll_until(cx, receive, |receive, send| chunks.find(receive, send).then_some(()));
        Poll::Ready(ready!(found)?.ok_or_else(IncomingChunks::cut))
    }
}

impl<S, R> AsyncRead for MessageReader<'_, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_available(cx)).map_err(io::Error::from)?;
        let receive = &this.socket.receive;
        this.chunks.read_into(receive, buf.remaining(), |bytes| buf.put_slice(bytes));
        Poll::Ready(Ok(()))
    }
}

impl<S, R> Drop for MessageReader<'_, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    fn drop(&mut self) {
        self.socket.receive.skip_rest();
    }
}

/// A message that is sent in chunks. Binary ones are also written as an [`AsyncWrite`], whose
/// `poll_shutdown` is [`finish`](Self::finish).
///
/// A message must be finished: WebSocket has no way to abandon one, so after a writer that was
/// dropped only closing is left ([`Error::MessageUnfinished`]).
#[derive(Debug)]
pub struct MessageWriter<'a, S, R> {
    link: &'a mut Link<S, R>,
    chunks: OutgoingChunks,
}

impl<'a, S, R> MessageWriter<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn begin(link: &'a mut Link<S, R>, kind: MessageKind) -> Result<Self, Error> {
        let chunks = OutgoingChunks::begin(&link.send, kind)?;
        Ok(Self { link, chunks })
    }

    /// Sends more of the message at once, in frames of at most 64 KiB. Waits while the peer does not
    /// take what is queued. A text may be cut anywhere.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if text is not valid UTF-8: the chunk with the fault is not sent.
    ///
    /// # Cancel safety
    /// Not safe: the number of queued bytes is unknown. Use `AsyncWrite` for that.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = poll_fn(|cx| self.poll_chunk(cx, rest)).await?;
            rest = rest.get(len..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends the message and writes the whole queue.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if the text ends inside a character: the message is then unfinished.
    ///
    /// # Cancel safety
    /// Safe: the end is queued before the first await, and stays queued.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.chunks.queue_end(&mut self.link.send)?;
        poll_fn(|cx| self.link.poll_flush(cx)).await
    }

    /// Queues the next chunk once there is room.
    fn poll_chunk(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        ready!(self.link.poll_room(cx))?;
        let len = self.chunks.queue(&mut self.link.send, bytes)?;
        // What the transport does not take at once waits for the next call.
        let _ = self.link.poll_output(cx);
        Poll::Ready(Ok(len))
    }
}

impl<S, R> AsyncWrite for MessageWriter<'_, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role + Unpin,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_chunk(cx, bytes).map_err(io::Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().link.poll_flush(cx).map_err(io::Error::from)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.chunks.queue_end(&mut this.link.send).map_err(io::Error::from)?;
        this.link.poll_flush(cx).map_err(io::Error::from)
    }
}
