//! Messages of any length, received and sent in chunks: constant memory both ways.

use std::io;
use std::mem;

use bytes::{Buf as _, Bytes};
use tidings_websocket::frame::Utf8Validator;
use tidings_websocket::{Data, Event, MessageKind, Role};

use super::message::Message;
use super::read_buffer::{BufferOrigin, Place};
use super::receive::ReceiveHalf;
use super::send::SendHalf;
use crate::error::Error;

/// The longest chunk that is framed at once.
const MAX_CHUNK_LEN: usize = 64 * 1024;

/// The unread part of a message that comes in chunks.
#[derive(Debug, Default)]
pub struct IncomingChunks {
    chunk: IncomingChunk,
    /// The length at the front that was borrowed and is dropped with the next call.
    borrowed_len: usize,
}

/// A chunk of a message, as far as it is unread.
#[derive(Debug)]
pub struct IncomingChunk {
    kind: MessageKind,
    /// A character that a read had cut; it comes first.
    carried: [u8; 4],
    carried_at: Place,
    /// In the read buffer.
    in_buffer: Place,
    /// A message that was assembled before chunks were asked for.
    owned: Bytes,
    /// `true` if it is the message's last chunk.
    is_last: bool,
}

impl Default for IncomingChunk {
    /// The end of a message.
    fn default() -> Self {
        Self {
            kind: MessageKind::Binary,
            carried: [0; 4],
            carried_at: Place::default(),
            in_buffer: Place::default(),
            owned: Bytes::new(),
            is_last: true,
        }
    }
}

impl IncomingChunk {
    /// A part of a message, in a buffer of this origin.
    pub(super) fn of_event(event: &Event<'_>, origin: BufferOrigin) -> Option<Self> {
        match event {
            Event::Text { text, is_last, .. } => {
                let mut carried = [0; 4];
                let len =
                    text.carried.map_or(0, |character| character.encode_utf8(&mut carried).len());
                Some(Self {
                    kind: MessageKind::Text,
                    carried,
                    carried_at: Place { start: 0, len },
                    in_buffer: origin.place_of(text.rest.as_bytes()),
                    is_last: *is_last,
                    ..Self::default()
                })
            }
            Event::Binary { bytes, is_last, .. } => {
                let in_buffer = origin.place_of(bytes);
                Some(Self { in_buffer, is_last: *is_last, ..Self::default() })
            }
            _ => None,
        }
    }

    /// All of a message; `None` of a control frame.
    pub(super) fn of_message(message: Message) -> Option<Self> {
        let kind = if message.is_text() { MessageKind::Text } else { MessageKind::Binary };
        let owned = message.into_bytes().ok()?;
        Some(Self { kind, owned, ..Self::default() })
    }

    /// Returns the kind of the message: text or binary.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    fn front<'a>(&'a self, receive: &'a ReceiveHalf) -> &'a [u8] {
        if self.carried_at.len > 0 {
            self.carried_at.of(&self.carried)
        } else if self.owned.is_empty() {
            receive.read_buffer().at(self.in_buffer)
        } else {
            &self.owned
        }
    }

    fn consume(&mut self, len: usize) {
        if self.carried_at.len > 0 {
            self.carried_at.advance(len);
        } else if self.owned.is_empty() {
            self.in_buffer.advance(len);
        } else {
            self.owned.advance(len.min(self.owned.len()));
        }
    }
}

impl From<IncomingChunk> for IncomingChunks {
    /// Creates the reader of the message that begins with this chunk.
    fn from(chunk: IncomingChunk) -> Self {
        Self { chunk, borrowed_len: 0 }
    }
}

impl IncomingChunks {
    /// Returns the kind of the message: text or binary.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.chunk.kind
    }

    /// Step 2: whether something is unread, or the message has ended.
    pub fn find<R: Role>(&mut self, receive: &mut ReceiveHalf, send: &mut SendHalf<R>) -> bool {
        self.consume(self.borrowed_len);
        while self.front(receive).is_empty() && !self.chunk.is_last {
            match receive.find_chunk(send) {
                Some(chunk) => self.chunk = chunk,
                None => return false,
            }
        }
        true
    }

    /// The error if the connection has ended inside the message.
    #[must_use]
    pub fn cut() -> Error {
        let cut = "the peer closed inside a message";
        io::Error::new(io::ErrorKind::UnexpectedEof, cut).into()
    }

    /// All that can be borrowed at once; it is dropped with the next call. `None` at the end of the
    /// message.
    pub fn borrow<'a>(&'a mut self, receive: &'a ReceiveHalf) -> Option<&'a [u8]> {
        self.borrowed_len = self.front(receive).len();
        Some(self.front(receive)).filter(|front| !front.is_empty())
    }

    /// Step 2 for a stream of bytes: whether some of a binary message is unread, whichever message
    /// it is of.
    ///
    /// # Errors
    /// A text message came.
    pub fn find_binary<R: Role>(
        &mut self,
        receive: &mut ReceiveHalf,
        send: &mut SendHalf<R>,
    ) -> io::Result<bool> {
        while self.front(receive).is_empty() {
            match receive.find_chunk(send) {
                None => return Ok(false),
                Some(chunk) if chunk.kind == MessageKind::Text => {
                    let text = "a text message came where bytes were expected";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                Some(chunk) => self.chunk = chunk,
            }
        }
        Ok(true)
    }

    /// Passes the unread bytes to `put`, at most `room` of them, and returns their number.
    pub fn read_into(
        &mut self,
        receive: &ReceiveHalf,
        room: usize,
        mut put: impl FnMut(&[u8]),
    ) -> usize {
        let mut left = room;
        loop {
            let front = self.front(receive);
            let front = front.get(..left).unwrap_or(front);
            let len = front.len();
            if len == 0 {
                return room.saturating_sub(left);
            }
            put(front);
            self.consume(len);
            left = left.saturating_sub(len);
        }
    }

    /// Moves unread bytes to `buffer`, as many as fit, and returns their number.
    pub fn read(&mut self, receive: &ReceiveHalf, mut buffer: &mut [u8]) -> usize {
        let room = buffer.len();
        self.read_into(receive, room, |bytes| {
            let (front, rest) = mem::take(&mut buffer).split_at_mut(bytes.len());
            front.copy_from_slice(bytes);
            buffer = rest;
        })
    }

    fn front<'a>(&'a self, receive: &'a ReceiveHalf) -> &'a [u8] {
        self.chunk.front(receive)
    }

    fn consume(&mut self, len: usize) {
        self.borrowed_len = 0;
        self.chunk.consume(len);
    }
}

/// A message on its way out in chunks.
#[derive(Debug)]
pub struct OutgoingChunks {
    kind: MessageKind,
    utf8: Utf8Validator,
    is_finished: bool,
}

impl OutgoingChunks {
    /// Begins a message.
    ///
    /// # Errors
    /// [`Error::MessageUnfinished`] if an earlier one has not ended.
    pub fn begin<R: Role>(send: &SendHalf<R>, kind: MessageKind) -> Result<Self, Error> {
        if send.connection.is_sending_message() {
            return Err(Error::MessageUnfinished);
        }
        Ok(Self { kind, utf8: Utf8Validator::new(), is_finished: false })
    }

    /// Queues the front of `bytes` as the next chunk, and returns its length. Wait for
    /// [`has_room`](SendHalf::has_room) first.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if a text is not, [`Error::Send`] if the connection is closing: nothing
    /// was queued.
    pub fn queue<R: Role>(&mut self, send: &mut SendHalf<R>, bytes: &[u8]) -> Result<usize, Error> {
        let chunk = bytes.get(..MAX_CHUNK_LEN).unwrap_or(bytes);
        if self.kind == MessageKind::Text {
            self.utf8.push(chunk).map_err(Error::NotUtf8)?;
        }
        send.queue_chunk(self.data(chunk).more())?;
        Ok(chunk.len())
    }

    /// Queues the end of the message, once.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if a text ends inside a character, [`Error::Send`] if the connection is
    /// closing: the message is then unfinished.
    pub fn queue_end<R: Role>(&mut self, send: &mut SendHalf<R>) -> Result<(), Error> {
        if !self.is_finished {
            self.utf8.finish().map_err(Error::NotUtf8)?;
            send.queue_chunk(self.data(&[]))?;
            self.is_finished = true;
        }
        Ok(())
    }

    fn data<'p>(&self, chunk: &'p [u8]) -> Data<'p> {
        match self.kind {
            MessageKind::Text => Data::utf8(chunk),
            MessageKind::Binary => Data::binary(chunk),
        }
    }
}
