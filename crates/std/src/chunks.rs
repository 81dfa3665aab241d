//! Messages of any length, received and sent in chunks: constant memory both ways.

use std::io::{self, Read, Write};

use tidings_endpoint::Error;
use tidings_endpoint::websocket::{IncomingChunks, OutgoingChunks, ReceiveHalf};
use tidings_websocket::{MessageKind, Role};

use crate::link::Link;
use crate::socket::WebSocket;
use crate::transport::Transport;

/// One message, received in chunks. It is also a [`Read`].
///
/// A reader that is dropped early drops the rest of its message.
#[derive(Debug)]
pub struct MessageReader<'a, S: Transport, R: Role> {
    socket: &'a mut WebSocket<S, R>,
    chunks: IncomingChunks,
}

impl<'a, S: Transport, R: Role> MessageReader<'a, S, R> {
    pub(crate) fn begin(socket: &'a mut WebSocket<S, R>) -> Result<Option<Self>, Error> {
        let WebSocket { receive, link, .. } = &mut *socket;
        // A message whose reader was dropped is passed over first.
        receive.skip_rest();
        let first = link.receive_until(receive, ReceiveHalf::find_chunk)?;
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
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        self.wait()?;
        Ok(self.chunks.borrow(&self.socket.receive))
    }

    fn wait(&mut self) -> Result<(), Error> {
        let Self { socket: WebSocket { receive, link, .. }, chunks } = self;
        let found =
            link.receive_until(receive, |receive, send| chunks.find(receive, send).then_some(()));
        found?.ok_or_else(IncomingChunks::cut)
    }
}

impl<S: Transport, R: Role> Read for MessageReader<'_, S, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait().map_err(io::Error::from)?;
        Ok(self.chunks.read(&self.socket.receive, buffer))
    }
}

impl<S: Transport, R: Role> Drop for MessageReader<'_, S, R> {
    fn drop(&mut self) {
        self.socket.receive.skip_rest();
    }
}

/// A message that is sent in chunks, as a [`Write`]. Text may be split anywhere; a piece that makes
/// it invalid UTF-8 is refused with [`Error::NotUtf8`] inside the [`io::Error`], and not sent.
///
/// A message must be finished: WebSocket has no way to abandon one, so after a writer that was
/// dropped only closing is left ([`Error::MessageUnfinished`]).
#[derive(Debug)]
pub struct MessageWriter<'a, S, R> {
    link: &'a mut Link<S, R>,
    chunks: OutgoingChunks,
}

impl<'a, S: Transport, R: Role> MessageWriter<'a, S, R> {
    pub(crate) fn begin(link: &'a mut Link<S, R>, kind: MessageKind) -> Result<Self, Error> {
        let chunks = OutgoingChunks::begin(&link.send, kind)?;
        Ok(Self { link, chunks })
    }

    /// Ends the message and writes the whole queue.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if the text ends inside a character: the message is then unfinished.
    pub fn finish(mut self) -> Result<(), Error> {
        self.chunks.queue_end(&mut self.link.send)?;
        self.link.flush_now()
    }
}

impl<S: Transport, R: Role> Write for MessageWriter<'_, S, R> {
    /// Sends a frame of at most 64 KiB; waits while the peer does not take the queued bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.link.make_room().map_err(io::Error::from)?;
        self.chunks.queue(&mut self.link.send, bytes).map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.link.flush().map_err(io::Error::from)
    }
}
