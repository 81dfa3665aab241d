//! Messages of any length, received and sent in pieces: constant memory both ways.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tidings_websocket::frame::Utf8Validator;
use tidings_websocket::{Data, Role};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::Error;
use crate::inbox::{Inbox, Incoming, Origin};
use crate::link::{HIGH_WATER, Link};
use crate::message::LentMessage;
use crate::read_buffer::Place;
use crate::socket::{MessageKind, WebSocket};

/// The longest piece that is framed at once.
const PIECE_LEN_MAX: usize = 64 * 1024;

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
        let kind = poll_fn(|cx| pieces.poll_next(cx, &mut socket.inbox, &mut socket.link)).await?;
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
        let Self { socket, pieces, .. } = self;
        poll_fn(|cx| pieces.poll_available(cx, &mut socket.inbox, &mut socket.link)).await?;
        Ok(pieces.lend(&socket.inbox))
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
        let Self { socket, pieces, .. } = self.get_mut();
        ready!(pieces.poll_available(cx, &mut socket.inbox, &mut socket.link))
            .map_err(Error::into_io)?;
        pieces.read_into(&socket.inbox, buf);
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

/// The unread part of a message that comes in parts.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// A character that a read had cut; it comes first.
    carried: [u8; 4],
    carried_at: Place,
    /// In the read buffer.
    in_buffer: Place,
    /// A message that was put together before pieces were asked for.
    owned: Bytes,
    /// How much of the front was lent and is to be dropped with the next call.
    lent_len: usize,
    /// The part at hand is the message's last.
    is_last: bool,
}

impl Pieces {
    /// Waits for the next part; `None` at the end of the connection.
    pub(crate) fn poll_next<S, R>(
        &mut self,
        cx: &mut Context<'_>,
        inbox: &mut Inbox,
        link: &mut Link<S, R>,
    ) -> Poll<Result<Option<MessageKind>, Error>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        R: Role,
    {
        let found = ready!(inbox.poll_recv(cx, link, true, Self::of))?;
        Poll::Ready(Ok(found.map(|(kind, found)| {
            *self = found;
            kind
        })))
    }

    fn of(incoming: Incoming<'_>, origin: Origin) -> Option<(MessageKind, Self)> {
        let mut pieces = Self { is_last: true, ..Self::default() };
        let kind = match incoming {
            Incoming::Part(part) => {
                if let Some(character) = part.carried {
                    let len = character.encode_utf8(&mut pieces.carried).len();
                    pieces.carried_at = Place { start: 0, len };
                }
                pieces.in_buffer = origin.place_of(part.bytes);
                pieces.is_last = part.is_last;
                if part.is_text { MessageKind::Text } else { MessageKind::Binary }
            }
            Incoming::Message(LentMessage::Text(text)) => {
                match text {
                    Cow::Borrowed(text) => pieces.in_buffer = origin.place_of(text.as_bytes()),
                    Cow::Owned(text) => pieces.owned = text.into(),
                }
                MessageKind::Text
            }
            Incoming::Message(LentMessage::Binary(bytes)) => {
                match bytes {
                    Cow::Borrowed(bytes) => pieces.in_buffer = origin.place_of(bytes),
                    Cow::Owned(bytes) => pieces.owned = bytes.into(),
                }
                MessageKind::Binary
            }
            Incoming::Ping(_) | Incoming::Pong(_) | Incoming::Close(_) => return None,
        };
        Some((kind, pieces))
    }

    /// Waits until something is unread or the message has ended.
    pub(crate) fn poll_available<S, R>(
        &mut self,
        cx: &mut Context<'_>,
        inbox: &mut Inbox,
        link: &mut Link<S, R>,
    ) -> Poll<Result<(), Error>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        R: Role,
    {
        self.consume(self.lent_len);
        while self.front(inbox).is_empty() && !self.is_last {
            if ready!(self.poll_next(cx, inbox, link))?.is_none() {
                let eof = "the peer closed inside a message";
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, eof);
                return Poll::Ready(Err(error.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// All that can be lent at once; it is dropped with the next call.
    fn lend<'a>(&'a mut self, inbox: &'a Inbox) -> Option<&'a [u8]> {
        self.lent_len = self.front(inbox).len();
        Some(self.front(inbox)).filter(|front| !front.is_empty())
    }

    /// Moves what is unread to `buf`, as much as fits.
    pub(crate) fn read_into(&mut self, inbox: &Inbox, buf: &mut ReadBuf<'_>) {
        loop {
            let front = self.front(inbox);
            let len = front.len().min(buf.remaining());
            if len == 0 {
                return;
            }
            buf.put_slice(front.get(..len).unwrap_or_default());
            self.consume(len);
        }
    }

    pub(crate) fn front<'a>(&'a self, inbox: &'a Inbox) -> &'a [u8] {
        if self.carried_at.len > 0 {
            self.carried_at.of(&self.carried)
        } else if self.owned.is_empty() {
            inbox.lent(self.in_buffer)
        } else {
            &self.owned
        }
    }

    fn consume(&mut self, len: usize) {
        self.lent_len = 0;
        if self.carried_at.len > 0 {
            self.carried_at.advance(len);
        } else if self.owned.is_empty() {
            self.in_buffer.advance(len);
        } else {
            self.owned.advance(len.min(self.owned.len()));
        }
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
    kind: MessageKind,
    utf8: Utf8Validator,
    is_finished: bool,
}

impl<'a, S, R> MessageWriter<'a, S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn begin(link: &'a mut Link<S, R>, kind: MessageKind) -> Result<Self, Error> {
        if link.connection.is_sending_message() {
            return Err(Error::MessageUnfinished);
        }
        Ok(Self { link, kind, utf8: Utf8Validator::new(), is_finished: false })
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
        self.queue_end()?;
        poll_fn(|cx| self.link.poll_flush(cx)).await
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        if self.link.queue.len() >= HIGH_WATER {
            ready!(self.link.poll_flush(cx))?;
        }
        let piece = bytes.get(..PIECE_LEN_MAX).unwrap_or(bytes);
        if self.kind == MessageKind::Text {
            self.utf8.push(piece).map_err(Error::NotUtf8)?;
        }
        self.link.feed_piece(self.data(piece).more())?;
        Poll::Ready(Ok(piece.len()))
    }

    fn queue_end(&mut self) -> Result<(), Error> {
        if !self.is_finished {
            self.utf8.finish().map_err(Error::NotUtf8)?;
            self.link.feed_piece(self.data(&[]))?;
            self.is_finished = true;
        }
        Ok(())
    }

    fn data<'p>(&self, piece: &'p [u8]) -> Data<'p> {
        match self.kind {
            MessageKind::Text => Data::utf8(piece),
            MessageKind::Binary => Data::binary(piece),
        }
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
        self.get_mut().link.poll_flush(cx).map_err(Error::into_io)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.queue_end().map_err(Error::into_io)?;
        this.link.poll_flush(cx).map_err(Error::into_io)
    }
}
