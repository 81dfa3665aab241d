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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rest: &str, is_first: bool, is_last: bool) -> Event<'_> {
        Event::Text { text: Text { carried: None, rest }, is_first, is_last }
    }

    fn binary(bytes: &mut [u8], is_first: bool, is_last: bool) -> Event<'_> {
        Event::Binary { bytes, is_first, is_last }
    }

    /// W-078: what is held is what has come of a message that goes on, and nothing of any other.
    #[test]
    fn an_assembler_holds_the_open_message_alone() {
        let mut assembler = Assembler::new();
        assert!(assembler.is_empty());

        let whole = Message::Text(Cow::Borrowed("whole"));
        assert_eq!(assembler.push(text("whole", true, true)), Assembled::Message(whole));
        assert!(assembler.is_empty(), "lent, not held");
        assert_eq!(assembler.push(text("gr", true, false)), Assembled::Incomplete);
        assert_eq!((assembler.len(), assembler.is_empty()), (2, false));
        let carried = Text { carried: Some('\u{FC}'), rest: "n" };
        let last = Event::Text { text: carried, is_first: false, is_last: true };
        let message = Message::Text(Cow::Owned("gr\u{FC}n".into()));
        assert_eq!(assembler.push(last), Assembled::Message(message));
        assert_eq!((assembler.len(), assembler.is_empty()), (0, true));

        assert_eq!(assembler.push(binary(&mut [1, 2], true, false)), Assembled::Incomplete);
        assert_eq!(assembler.push(binary(&mut [3], false, false)), Assembled::Incomplete);
        assert_eq!((assembler.len(), assembler.is_empty()), (3, false));
        let message = Message::Binary(Cow::Owned([1, 2, 3].into()));
        assert_eq!(assembler.push(binary(&mut [], false, true)), Assembled::Message(message));
        assert!(assembler.is_empty());
    }

    /// An assembler that is used for the next connection starts anew at the next message.
    #[test]
    fn what_a_lost_connection_left_behind_is_dropped() {
        let mut assembler = Assembler::new();
        assembler.push(text("cut", true, false));
        assert_eq!(assembler.push(text("n", true, false)), Assembled::Incomplete);
        let message = Message::Text(Cow::Owned("new".into()));
        assert_eq!(assembler.push(text("ew", false, true)), Assembled::Message(message));

        assembler.push(binary(b"cut".to_vec().leak(), true, false));
        assert_eq!(assembler.push(binary(&mut [1], true, false)), Assembled::Incomplete);
        let message = Message::Binary(Cow::Owned([1, 2].into()));
        assert_eq!(assembler.push(binary(&mut [2], false, true)), Assembled::Message(message));
    }
}
