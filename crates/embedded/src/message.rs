//! Whole messages without a heap: [`MessageBuffer`].

use tidings_websocket::{Event, MessageKind};

use crate::slice::slice;

/// Gathers the chunks of a message in the caller's memory.
///
/// A message that arrives in one chunk is borrowed and not copied. The memory limits the length of
/// a message. Set [`Limits::max_message_len`](tidings_websocket::Limits) to its length too, so that
/// a peer that sends a longer message gets the right close code.
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
///         Gathered::TooLong => { /* the message was dropped */ }
///         Gathered::Other(event) => { /* a Ping, a Pong, a Close */ }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct MessageBuffer<'m> {
    memory: &'m mut [u8],
    /// The number of bytes of the message in the memory.
    len: usize,
    /// `true` if a chunk did not fit: nothing of the message is returned.
    is_too_long: bool,
}

/// The result of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Gathered<'a> {
    /// The event is a chunk of a message that continues.
    Incomplete,
    /// The event ends this message.
    Message(Message<'a>),
    /// The event ends a message that was longer than the memory and was dropped.
    TooLong,
    /// The event is not of a message.
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
                if is_first {
                    self.start();
                }
                for chunk in text.chunks(&mut [0; 4]) {
                    self.append(chunk.as_bytes());
                }
                self.gathered(MessageKind::Text, is_last)
            }
            Event::Binary { bytes, is_first, is_last } => {
                if is_first {
                    self.start();
                }
                self.append(bytes);
                self.gathered(MessageKind::Binary, is_last)
            }
            other => Gathered::Other(other),
        }
    }

    const fn start(&mut self) {
        self.len = 0;
        self.is_too_long = false;
    }

    fn append(&mut self, bytes: &[u8]) {
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
        let bytes = slice(self.memory, 0..self.len);
        Gathered::Message(match kind {
            MessageKind::Text => {
                // Each chunk was valid.
                let text = core::str::from_utf8(bytes);
                debug_assert!(text.is_ok(), "{text:?}");
                Message::Text(text.unwrap_or_default())
            }
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
    fn chunks_become_messages_with_control_frames_between() {
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
        // A message that is too long in its middle stays so, even if its end would fit.
        assert_eq!(messages.push(text(None, "abc", true, false)), Gathered::Incomplete);
        assert_eq!(messages.push(text(None, "de", false, false)), Gathered::Incomplete);
        assert_eq!(messages.push(text(None, "f", false, true)), Gathered::TooLong);
        // A whole message needs no memory.
        let whole = Gathered::Message(Message::Text("abcdef"));
        assert_eq!(messages.push(text(None, "abcdef", true, true)), whole);
    }
}
