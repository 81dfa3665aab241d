//! Whole messages out of parts: nothing is copied if a message came in one piece.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use tidings_frame::Text;

use crate::event::Event;

/// A whole message: borrowed if it was whole in the slice that was received, else owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageRef<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
}

/// The result of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Assembled<'a> {
    /// A part of a message that continues.
    Incomplete,
    /// The end of a message.
    Message(MessageRef<'a>),
    /// No part of a message: the event itself.
    Other(Event<'a>),
}

/// Puts messages together from [`Event`]s.
///
/// Its buffer grows with the bytes that have arrived, to at most four times their number, whatever
/// length was announced; the connection's limits bound it. A returned message takes the memory with
/// it, so the assembler keeps nothing.
///
/// ```
/// use tidings_websocket::{Assembled, Assembler, Event, MessageRef};
/// use tidings_websocket::frame::Text;
///
/// let mut assembler = Assembler::new();
/// let first = Text { carried: None, rest: "tid" };
/// let first = Event::Text { text: first, is_first: true, is_last: false };
/// assert_eq!(assembler.push(first, None), Assembled::Incomplete);
/// let last = Text { carried: Some('ï'), rest: "ngs" };
/// let last = Event::Text { text: last, is_first: false, is_last: true };
/// assert_eq!(assembler.push(last, None), Assembled::Message(MessageRef::Text("tidïngs".into())));
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

    /// Takes the next event. `rest_len` comes from the connection
    /// ([`Connection::announced_rest_len`](crate::Connection::announced_rest_len)): with it, a
    /// message that takes many reads grows in few steps, to the exact size. `None` works too.
    #[inline]
    pub fn push<'a>(&mut self, event: Event<'a>, rest_len: Option<u64>) -> Assembled<'a> {
        let message = match event {
            Event::Text { text, is_first: true, is_last: true } => {
                MessageRef::Text(Cow::Borrowed(text.rest))
            }
            Event::Binary { bytes, is_first: true, is_last: true } => {
                MessageRef::Binary(Cow::Borrowed(bytes))
            }
            Event::Text { text, is_first, is_last } => {
                self.push_text(&text, is_first, if is_last { Some(0) } else { rest_len });
                match is_last {
                    true => MessageRef::Text(Cow::Owned(mem::take(&mut self.text))),
                    false => return Assembled::Incomplete,
                }
            }
            Event::Binary { bytes, is_first, is_last } => {
                self.push_bytes(bytes, is_first, if is_last { Some(0) } else { rest_len });
                match is_last {
                    true => MessageRef::Binary(Cow::Owned(mem::take(&mut self.bytes))),
                    false => return Assembled::Incomplete,
                }
            }
            other => return Assembled::Other(other),
        };
        Assembled::Message(message)
    }

    /// Returns the number of bytes held of an unfinished message.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len().max(self.bytes.len())
    }

    /// Returns whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push_text(&mut self, text: &Text<'_>, is_first: bool, rest_len: Option<u64>) {
        if is_first {
            self.text.clear();
        }
        let part_len = text.carried.map_or(0, char::len_utf8).saturating_add(text.rest.len());
        if let Some(len) = growth(self.text.len(), self.text.capacity(), part_len, rest_len) {
            self.text.reserve_exact(len);
        }
        self.text.extend(text.carried);
        self.text.push_str(text.rest);
    }

    fn push_bytes(&mut self, bytes: &[u8], is_first: bool, rest_len: Option<u64>) {
        if is_first {
            self.bytes.clear();
        }
        if let Some(len) = growth(self.bytes.len(), self.bytes.capacity(), bytes.len(), rest_len) {
            self.bytes.reserve_exact(len);
        }
        self.bytes.extend_from_slice(bytes);
    }
}

/// Returns how much to grow for a part, if there is no room for it and the message's end is known:
/// up to that, or to four times the received bytes. Without a known end memory grows as it does
/// elsewhere.
fn growth(
    held_len: usize,
    capacity: usize,
    part_len: usize,
    rest_len: Option<u64>,
) -> Option<usize> {
    let len = held_len.saturating_add(part_len);
    if len <= capacity {
        return None;
    }
    let rest_len = usize::try_from(rest_len?).unwrap_or(usize::MAX);
    Some(part_len.saturating_add(rest_len.min(len.saturating_mul(3))))
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

    /// W-078: an assembler holds the received part of the open message, and nothing of any other.
    #[test]
    fn an_assembler_holds_the_open_message_alone() {
        let mut assembler = Assembler::new();
        assert!(assembler.is_empty());

        let whole = MessageRef::Text(Cow::Borrowed("whole"));
        assert_eq!(assembler.push(text("whole", true, true), None), Assembled::Message(whole));
        assert!(assembler.is_empty(), "borrowed, not held");
        assert_eq!(assembler.push(text("gr", true, false), None), Assembled::Incomplete);
        assert_eq!((assembler.len(), assembler.is_empty()), (2, false));
        let carried = Text { carried: Some('\u{FC}'), rest: "n" };
        let last = Event::Text { text: carried, is_first: false, is_last: true };
        let message = MessageRef::Text(Cow::Owned("gr\u{FC}n".into()));
        assert_eq!(assembler.push(last, None), Assembled::Message(message));
        assert_eq!((assembler.len(), assembler.is_empty()), (0, true));

        assert_eq!(assembler.push(binary(&mut [1, 2], true, false), None), Assembled::Incomplete);
        assert_eq!(assembler.push(binary(&mut [3], false, false), None), Assembled::Incomplete);
        assert_eq!((assembler.len(), assembler.is_empty()), (3, false));
        let message = MessageRef::Binary(Cow::Owned([1, 2, 3].into()));
        assert_eq!(assembler.push(binary(&mut [], false, true), None), Assembled::Message(message));
        assert!(assembler.is_empty());
    }

    /// W-125: whatever length is announced, there is room for four times the received bytes;
    /// an honest announcement leads to the exact size in few steps.
    #[test]
    fn room_grows_with_what_has_come() {
        const LEN: usize = 1000;
        type Announced = fn(usize) -> Option<u64>;
        let cases: [(Announced, _); 3] = [
            (|_| None, LEN..=2 * LEN + 48),
            (|come| Some((LEN - come) as u64), LEN..=LEN),
            (|_| Some(u64::MAX), LEN..=4 * LEN),
        ];
        for (announced, room) in cases {
            let mut assembler = Assembler::new();
            let mut steps = 0;
            for come in 1..=LEN {
                let before = assembler.bytes.capacity();
                let mut part = [7];
                let part = binary(&mut part, come == 1, false);
                assert_eq!(assembler.push(part, announced(come)), Assembled::Incomplete);
                let capacity = assembler.bytes.capacity();
                assert!(capacity <= (4 * come).max(8), "{capacity} for {come}");
                steps += usize::from(capacity != before);
            }
            assert!(room.contains(&assembler.bytes.capacity()), "{}", assembler.bytes.capacity());
            assert!(steps <= 9, "{steps}");
        }
    }

    /// An assembler that is used for the next connection starts over at the next message.
    #[test]
    fn what_a_lost_connection_left_after_is_dropped() {
        let mut assembler = Assembler::new();
        assembler.push(text("cut", true, false), None);
        assert_eq!(assembler.push(text("n", true, false), None), Assembled::Incomplete);
        let message = MessageRef::Text(Cow::Owned("new".into()));
        assert_eq!(assembler.push(text("ew", false, true), None), Assembled::Message(message));

        assembler.push(binary(b"cut".to_vec().leak(), true, false), None);
        assert_eq!(assembler.push(binary(&mut [1], true, false), None), Assembled::Incomplete);
        let message = MessageRef::Binary(Cow::Owned([1, 2].into()));
        assert_eq!(
            assembler.push(binary(&mut [2], false, true), None),
            Assembled::Message(message)
        );
    }
}
