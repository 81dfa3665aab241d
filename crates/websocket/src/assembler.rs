//! Whole messages out of parts: nothing is copied if a message came in one piece.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use tidings_frame::Text;

use crate::event::Event;

/// A whole message: lent if it was whole in the slice that was received, else owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
}

/// What an event brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Assembled<'a> {
    /// A part of a message that goes on.
    Incomplete,
    /// The end of a message.
    Message(Message<'a>),
    /// No part of a message: the event itself.
    Other(Event<'a>),
}

/// Puts messages together from [`Event`]s.
///
/// Its buffer grows with what has arrived, never by what was announced; the connection's limits
/// bound it. A message that is handed out takes the memory with it, so nothing stays behind.
///
/// ```
/// use tidings_websocket::{Assembled, Assembler, Event, Message};
/// use tidings_websocket::frame::Text;
///
/// let mut assembler = Assembler::new();
/// let first = Text { carried: None, rest: "tid" };
/// let first = Event::Text { text: first, is_first: true, is_last: false };
/// assert_eq!(assembler.push(first), Assembled::Incomplete);
/// let last = Text { carried: Some('ï'), rest: "ngs" };
/// let last = Event::Text { text: last, is_first: false, is_last: true };
/// assert_eq!(assembler.push(last), Assembled::Message(Message::Text("tidïngs".into())));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    text: String,
    bytes: Vec<u8>,
}

impl Assembler {
    /// An empty assembler; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: String::new(), bytes: Vec::new() }
    }

    /// Takes the next event.
    #[inline]
    pub fn push<'a>(&mut self, event: Event<'a>) -> Assembled<'a> {
        let message = match event {
            Event::Text { text, is_first, is_last } => self.push_text(text, is_first, is_last),
            Event::Binary { bytes, is_first, is_last } => self.push_bytes(bytes, is_first, is_last),
            other => return Assembled::Other(other),
        };
        message.map_or(Assembled::Incomplete, Assembled::Message)
    }

    /// How many bytes of an unfinished message are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len().max(self.bytes.len())
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn push_text<'a>(
        &mut self,
        text: Text<'a>,
        is_first: bool,
        is_last: bool,
    ) -> Option<Message<'a>> {
        if is_first && is_last {
            return Some(Message::Text(Cow::Borrowed(text.rest)));
        }
        if is_first {
            self.text.clear();
        }
        self.text.extend(text.carried);
        self.text.push_str(text.rest);
        is_last.then(|| Message::Text(Cow::Owned(core::mem::take(&mut self.text))))
    }

    #[inline]
    fn push_bytes<'a>(
        &mut self,
        bytes: &'a mut [u8],
        is_first: bool,
        is_last: bool,
    ) -> Option<Message<'a>> {
        if is_first && is_last {
            return Some(Message::Binary(Cow::Borrowed(bytes)));
        }
        if is_first {
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(bytes);
        is_last.then(|| Message::Binary(Cow::Owned(core::mem::take(&mut self.bytes))))
    }
}
