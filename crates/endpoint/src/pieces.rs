//! Messages of any length, received and sent in pieces: constant memory both ways.

use std::borrow::Cow;
use std::io;
use std::mem;
use std::task::{Poll, ready};

use bytes::{Buf as _, Bytes};
use tidings_websocket::frame::Utf8Validator;
use tidings_websocket::{Data, Role};

use crate::driver::Driver;
use crate::error::Error;
use crate::inbox::{Inbox, Incoming, Origin};
use crate::message::{LentMessage, MessageKind};
use crate::read_buffer::Place;
use crate::session::Session;

/// The longest piece that is framed at once.
const MAX_PIECE_LEN: usize = 64 * 1024;

/// The unread part of a message that comes in parts.
#[derive(Debug, Default)]
pub struct Pieces {
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
    ///
    /// # Errors
    /// As [`Inbox::poll_owned`].
    pub fn poll_next<R: Role>(
        &mut self,
        inbox: &mut Inbox,
        session: &mut Session<R>,
        driver: &mut impl Driver,
    ) -> Poll<Result<Option<MessageKind>, Error>> {
        let found = ready!(inbox.poll_recv(session, driver, true, Self::of))?;
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
    ///
    /// # Errors
    /// As [`Inbox::poll_owned`]; also if the peer closed inside the message.
    pub fn poll_available<R: Role>(
        &mut self,
        inbox: &mut Inbox,
        session: &mut Session<R>,
        driver: &mut impl Driver,
    ) -> Poll<Result<(), Error>> {
        self.consume(self.lent_len);
        while self.front(inbox).is_empty() && !self.is_last {
            if ready!(self.poll_next(inbox, session, driver))?.is_none() {
                let eof = "the peer closed inside a message";
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, eof);
                return Poll::Ready(Err(error.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// All that can be lent at once; it is dropped with the next call.
    pub fn lend<'a>(&'a mut self, inbox: &'a Inbox) -> Option<&'a [u8]> {
        self.lent_len = self.front(inbox).len();
        Some(self.front(inbox)).filter(|front| !front.is_empty())
    }

    /// Waits until some of a binary message is unread, whichever message it is of; false at the
    /// end of the connection.
    ///
    /// # Errors
    /// As [`Inbox::poll_owned`]; also if a text message comes.
    pub fn poll_binary<R: Role>(
        &mut self,
        inbox: &mut Inbox,
        session: &mut Session<R>,
        driver: &mut impl Driver,
    ) -> Poll<io::Result<bool>> {
        while self.front(inbox).is_empty() {
            let next = ready!(self.poll_next(inbox, session, driver)).map_err(Error::into_io)?;
            match next {
                Some(MessageKind::Binary) => {}
                Some(MessageKind::Text) => {
                    let text = "a text message came where bytes were expected";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                None => return Poll::Ready(Ok(false)),
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Hands what is unread to `put`, at most `room` bytes of it, and returns how many.
    pub fn read_into(&mut self, inbox: &Inbox, room: usize, mut put: impl FnMut(&[u8])) -> usize {
        let mut left = room;
        loop {
            let front = self.front(inbox);
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

    /// Moves what is unread to `buffer`, as much as fits, and returns how much.
    pub fn read(&mut self, inbox: &Inbox, mut buffer: &mut [u8]) -> usize {
        let room = buffer.len();
        self.read_into(inbox, room, |bytes| {
            let (front, rest) = mem::take(&mut buffer).split_at_mut(bytes.len());
            front.copy_from_slice(bytes);
            buffer = rest;
        })
    }

    fn front<'a>(&'a self, inbox: &'a Inbox) -> &'a [u8] {
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

/// A message on its way out in pieces.
#[derive(Debug)]
pub struct OutgoingPieces {
    kind: MessageKind,
    utf8: Utf8Validator,
    is_finished: bool,
}

impl OutgoingPieces {
    /// Begins a message.
    ///
    /// # Errors
    /// [`Error::MessageUnfinished`] if an earlier one has not ended.
    pub fn begin<R: Role>(session: &Session<R>, kind: MessageKind) -> Result<Self, Error> {
        if session.connection.is_sending_message() {
            return Err(Error::MessageUnfinished);
        }
        Ok(Self { kind, utf8: Utf8Validator::new(), is_finished: false })
    }

    /// Queues the front of `bytes` as the next piece once there is room, and returns its length.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if a text is not, [`Error::Send`] if the connection is closing: nothing
    /// was queued. Otherwise as [`Session::poll_flush`].
    pub fn poll_piece<R: Role>(
        &mut self,
        session: &mut Session<R>,
        driver: &mut impl Driver,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        ready!(session.poll_room(driver))?;
        let piece = bytes.get(..MAX_PIECE_LEN).unwrap_or(bytes);
        if self.kind == MessageKind::Text {
            self.utf8.push(piece).map_err(Error::NotUtf8)?;
        }
        session.feed_piece(self.data(piece).more())?;
        Poll::Ready(Ok(piece.len()))
    }

    /// Queues the end of the message, once.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] if a text ends inside a character, [`Error::Send`] if the connection is
    /// closing: the message is then unfinished.
    pub fn queue_end<R: Role>(&mut self, session: &mut Session<R>) -> Result<(), Error> {
        if !self.is_finished {
            self.utf8.finish().map_err(Error::NotUtf8)?;
            session.feed_piece(self.data(&[]))?;
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
