//! Whole messages without a heap: [`MessageBuffer`].

use tidings_websocket::{Event, MessageKind};

/// Puts the parts of a message together in memory that the caller lends.
///
/// A message that came in one part is lent from where it is, and not copied. The longest message is
/// as long as the memory: let [`Limits::max_message_len`](tidings_websocket::Limits) say so too, and
/// a peer that sends a longer one is told.
///
/// ```
/// use tidings_embedded::websocket::{Connection, Event, Limits, Server, Timeouts, Timestamp};
/// use tidings_embedded::{Gathered, Message, MessageBuffer};
///
/// let mut memory = [0; 64];
/// let mut messages = MessageBuffer::new(&mut memory);
/// # let now = Timestamp::default();
/// # let mut connection = Connection::new(Server, Limits::server(), Timeouts::server(), now);
/// # let mut received = *b"\x01\x83\0\0\0\0Hel\x80\x82\0\0\0\0lo";
/// # let mut input = &mut received[..];
/// # let mut recv = || connection.receive(now, &mut input);
/// while let Some(event) = recv() {
///     match messages.push(event) {
///         Gathered::Message(Message::Text(text)) => assert_eq!(text, "Hello"),
///         Gathered::Message(Message::Binary(bytes)) => { /* ... */ }
///         Gathered::Incomplete => {}
///         Gathered::TooLong => { /* the message is dropped */ }
///         Gathered::Other(event) => { /* a Ping, a Pong, a Close */ }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct MessageBuffer<'m> {
    memory: &'m mut [u8],
    /// How much of the message is in the memory.
    len: usize,
    /// A part did not fit: nothing of the message is delivered.
    is_too_long: bool,
}

/// What an event added.
#[derive(Debug, PartialEq, Eq)]
pub enum Gathered<'a> {
    /// A part of a message that goes on.
    Incomplete,
    /// The end of a message.
    Message(Message<'a>),
    /// The end of a message that was longer than the memory. It is dropped.
    TooLong,
    /// What is no part of a message.
    Other(Event<'a>),
}

/// A whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl<'m> MessageBuffer<'m> {
    /// A buffer for messages as long as this memory.
    pub const fn new(memory: &'m mut [u8]) -> Self {
        Self { memory, len: 0, is_too_long: false }
    }

    /// Takes the next event of one connection.
    pub fn push<'a>(&'a mut self, event: Event<'a>) -> Gathered<'a> {
        match event {
            Event::Text { text, is_first: true, is_last: true } if text.carried.is_none() => {
                Gathered::Message(Message::Text(text.rest))
            }
            Event::Binary { bytes, is_first: true, is_last: true } => {
                Gathered::Message(Message::Binary(bytes))
            }
            Event::Text { text, is_first, is_last } => {
                let mut utf8 = [0; 4];
                let carried = text
                    .carried
                    .map_or(&b""[..], |carried| carried.encode_utf8(&mut utf8).as_bytes());
                self.append(is_first, carried);
                self.append(false, text.rest.as_bytes());
                self.gathered(MessageKind::Text, is_last)
            }
            Event::Binary { bytes, is_first, is_last } => {
                self.append(is_first, bytes);
                self.gathered(MessageKind::Binary, is_last)
            }
            other => Gathered::Other(other),
        }
    }

    fn append(&mut self, is_first: bool, bytes: &[u8]) {
        if is_first {
            self.len = 0;
            self.is_too_long = false;
        }
        let end = self.len.saturating_add(bytes.len());
        match self.memory.get_mut(self.len..end) {
            Some(room) if !self.is_too_long => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            _ => self.is_too_long = true,
        }
    }

    fn gathered(&self, kind: MessageKind, is_last: bool) -> Gathered<'_> {
        if !is_last {
            return Gathered::Incomplete;
        }
        if self.is_too_long {
            return Gathered::TooLong;
        }
        let bytes = self.memory.get(..self.len).unwrap_or_default();
        Gathered::Message(match kind {
            // Its parts were valid.
            MessageKind::Text => Message::Text(core::str::from_utf8(bytes).unwrap_or_default()),
            MessageKind::Binary => Message::Binary(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_websocket::frame::{ControlPayload, Text};

    fn text(carried: Option<char>, rest: &str, is_first: bool, is_last: bool) -> Event<'_> {
        Event::Text { text: Text { carried, rest }, is_first, is_last }
    }

    #[test]
    fn parts_become_messages_with_control_frames_between() {
        let mut memory = [0; 8];
        let mut messages = MessageBuffer::new(&mut memory);
        for _ in 0..2 {
            assert_eq!(messages.push(text(None, "gr", true, false)), Gathered::Incomplete);
            let ping = || Event::Ping(ControlPayload::EMPTY);
            assert_eq!(messages.push(ping()), Gathered::Other(ping()));
            let whole = Gathered::Message(Message::Text("grün"));
            assert_eq!(messages.push(text(Some('ü'), "n", false, true)), whole);
            let mut bytes = [1, 2];
            let event = Event::Binary { bytes: &mut bytes, is_first: true, is_last: false };
            assert_eq!(messages.push(event), Gathered::Incomplete);
            let event = Event::Binary { bytes: &mut [], is_first: false, is_last: true };
            assert_eq!(messages.push(event), Gathered::Message(Message::Binary(&[1, 2])));
        }
    }

    #[test]
    fn a_message_as_long_as_the_memory_fits_and_a_longer_one_is_dropped() {
        let mut memory = [0; 4];
        let mut messages = MessageBuffer::new(&mut memory);
        for (end, gathered) in [
            ("cd", Gathered::Message(Message::Text("abcd"))),
            ("cde", Gathered::TooLong),
            ("c", Gathered::Message(Message::Text("abc"))),
        ] {
            assert_eq!(messages.push(text(None, "ab", true, false)), Gathered::Incomplete);
            assert_eq!(messages.push(text(None, end, false, true)), gathered);
        }
        // What is too long in its middle stays so, even if its end would fit.
        assert_eq!(messages.push(text(None, "abc", true, false)), Gathered::Incomplete);
        assert_eq!(messages.push(text(None, "de", false, false)), Gathered::Incomplete);
        assert_eq!(messages.push(text(None, "f", false, true)), Gathered::TooLong);
        // What comes whole needs no memory.
        let whole = Gathered::Message(Message::Text("abcdef"));
        assert_eq!(messages.push(text(None, "abcdef", true, true)), whole);
    }
}
