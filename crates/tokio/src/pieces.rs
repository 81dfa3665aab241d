//! Messages of any length, received and sent in pieces: constant memory both ways.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidings_endpoint::{Error, MessageKind, OutgoingPieces, Pieces};
use tidings_websocket::Role;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::link::Link;
use crate::socket::WebSocket;

/// One message, received in pieces. It is also an [`AsyncRead`].
///
/// A reader that is dropped early drops the rest of its message.
#[derive(Debug)]
pub struct MessageReader<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    socket: &'a mut WebSocket<S, R>,
    kind: MessageKind,
    pieces: Pieces,
}

impl<'a, S, R> MessageReader<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) async fn begin(socket: &'a mut WebSocket<S, R>) -> Result<Option<Self>, Error> {
        let mut pieces = Pieces::default();
        // A message whose reader was dropped is passed over first.
        socket.inbox.skip_rest();
        let kind = poll_fn(|cx| {
            let (session, mut polled) = socket.link.poll(cx);
            pieces.poll_next(&mut socket.inbox, session, &mut polled)
        })
        .await?;
        Ok(kind.map(|kind| Self { socket, kind, pieces }))
    }

    /// Whether the message is a text or binary.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The next piece of the message, lent until the next call; `None` after the last. A piece of
    /// a text is whole characters.
    ///
    /// # Errors
    /// As [`WebSocket::recv`]; also [`Error::Io`] if the peer closed inside the message.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn piece(&mut self) -> Result<Option<&[u8]>, Error> {
        poll_fn(|cx| self.poll_available(cx)).await?;
        Ok(self.pieces.lend(&self.socket.inbox))
    }

    fn poll_available(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (session, mut polled) = self.socket.link.poll(cx);
        self.pieces.poll_available(&mut self.socket.inbox, session, &mut polled)
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
        ready!(this.poll_available(cx)).map_err(Error::into_io)?;
        let inbox = &this.socket.inbox;
        this.pieces.read_into(inbox, buf.remaining(), |bytes| buf.put_slice(bytes));
        Poll::Ready(Ok(()))
    }
}

impl<S, R> Drop for MessageReader<'_, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    fn drop(&mut self) {
        self.socket.inbox.skip_rest();
    }
}

/// A message that is sent in pieces. Binary ones are also written as an [`AsyncWrite`], whose
/// `poll_shutdown` is [`finish`](Self::finish).
///
/// A message must be finished: WebSocket has no way to give one up, so after a writer that was
/// dropped only closing is left ([`Error::MessageUnfinished`]).
#[derive(Debug)]
pub struct MessageWriter<'a, S, R> {
    link: &'a mut Link<S, R>,
    pieces: OutgoingPieces,
}

impl<'a, S, R> MessageWriter<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn begin(link: &'a mut Link<S, R>, kind: MessageKind) -> Result<Self, Error> {
        let pieces = OutgoingPieces::begin(&link.session, kind)?;
        Ok(Self { link, pieces })
    }

    /// Sends more of the message, in frames of at most 64 KiB. Waits while the peer does not take
    /// what is queued. A text may be cut anywhere.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if a text is not: the piece with the fault is not sent.
    ///
    /// # Cancel safety
    /// Not safe: how much was queued is not known. For that use `AsyncWrite`.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = poll_fn(|cx| self.poll_piece(cx, rest)).await?;
            rest = rest.get(len..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends the message and writes all that is queued.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if a text ends inside a character: the message is then unfinished.
    ///
    /// # Cancel safety
    /// Safe: the end is queued before the first await, and stays queued.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.pieces.queue_end(&mut self.link.session)?;
        poll_fn(|cx| self.poll_queue(cx)).await
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let (session, mut polled) = self.link.poll(cx);
        self.pieces.poll_piece(session, &mut polled, bytes)
    }

    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let (session, mut polled) = self.link.poll(cx);
        session.poll_flush(&mut polled)
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
        self.get_mut().poll_piece(cx, bytes).map_err(Error::into_io)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_queue(cx).map_err(Error::into_io)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.pieces.queue_end(&mut this.link.session).map_err(Error::into_io)?;
        this.poll_queue(cx).map_err(Error::into_io)
    }
}
