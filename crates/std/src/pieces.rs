//! Messages of any length, received and sent in pieces: constant memory both ways.

use std::io::{self, Read, Write};

use tidings_endpoint::{Error, MessageKind, OutgoingPieces, Pieces};
use tidings_websocket::Role;

use crate::link::Link;
use crate::socket::WebSocket;
use crate::transport::Transport;

/// One message, received in pieces. It is also a [`Read`].
///
/// A reader that is dropped early drops the rest of its message.
#[derive(Debug)]
pub struct MessageReader<'a, S: Transport, R: Role> {
    socket: &'a mut WebSocket<S, R>,
    kind: MessageKind,
    pieces: Pieces,
}

impl<'a, S: Transport, R: Role> MessageReader<'a, S, R> {
    pub(crate) fn begin(socket: &'a mut WebSocket<S, R>) -> Result<Option<Self>, Error> {
        let mut pieces = Pieces::default();
        let WebSocket { inbox, link, .. } = &mut *socket;
        // A message whose reader was dropped is passed over first.
        inbox.skip_rest();
        let kind = link.receive(|session, line| pieces.poll_next(inbox, session, line))?;
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
    pub fn piece(&mut self) -> Result<Option<&[u8]>, Error> {
        self.wait()?;
        Ok(self.pieces.lend(&self.socket.inbox))
    }

    fn wait(&mut self) -> Result<(), Error> {
        let Self { socket: WebSocket { inbox, link, .. }, pieces, .. } = self;
        link.receive(|session, line| pieces.poll_available(inbox, session, line))
    }
}

impl<S: Transport, R: Role> Read for MessageReader<'_, S, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait().map_err(Error::into_io)?;
        Ok(self.pieces.read(&self.socket.inbox, buffer))
    }
}

impl<S: Transport, R: Role> Drop for MessageReader<'_, S, R> {
    fn drop(&mut self) {
        self.socket.inbox.skip_rest();
    }
}

/// A message that is sent in pieces, as a [`Write`]. A text may be cut anywhere; a piece that makes
/// it no UTF-8 is refused with [`Error::NotUtf8`] inside the [`io::Error`], and not sent.
///
/// A message must be finished: WebSocket has no way to give one up, so after a writer that was
/// dropped only closing is left ([`Error::MessageUnfinished`]).
#[derive(Debug)]
pub struct MessageWriter<'a, S, R> {
    link: &'a mut Link<S, R>,
    pieces: OutgoingPieces,
}

impl<'a, S: Transport, R: Role> MessageWriter<'a, S, R> {
    pub(crate) fn begin(link: &'a mut Link<S, R>, kind: MessageKind) -> Result<Self, Error> {
        let pieces = OutgoingPieces::begin(&link.session, kind)?;
        Ok(Self { link, pieces })
    }

    /// Ends the message and writes all that is queued.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if a text ends inside a character: the message is then unfinished.
    pub fn finish(mut self) -> Result<(), Error> {
        self.pieces.queue_end(&mut self.link.session)?;
        self.link.flush_now()
    }
}

impl<S: Transport, R: Role> Write for MessageWriter<'_, S, R> {
    /// Sends a frame of at most 64 KiB; waits while the peer does not take what is queued.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let Self { link: Link { line, session, .. }, pieces } = self;
        line.until_written(|line| pieces.poll_piece(session, line, bytes)).map_err(Error::into_io)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.link.flush().map_err(Error::into_io)
    }
}
