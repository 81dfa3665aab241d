//! The half of a connection that receives: bytes in the caller's buffer, and the events among them.

use core::ops::Range;

use embedded_io::{Error as _, ErrorKind};
use embedded_io_async::{Read, Write};
use tidings_handshake::BufferTooSmall;
use tidings_websocket::frame::Text;
use tidings_websocket::{Event, Role, Timestamp};

use super::sender::{Failure, Sender};
use crate::error::Error;
use crate::slice::{slice, slice_mut};

/// Bytes before each read that stay free: if a read cuts a character, the first bytes of it go here,
/// three at most, so that the text is in one piece.
const CUT_CHARACTER_LEN: usize = 3;

/// The caller's buffer, with unread bytes at `start..end`.
#[derive(Debug)]
pub(crate) struct ReceiveHalf<'b> {
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
    /// The arrival time of these bytes.
    received_at: Timestamp,
    /// `true` if the last read filled the buffer.
    is_full: bool,
    /// Bytes are being waited for, since the last were taken.
    is_waiting: bool,
}

/// An event as ranges of the buffer: it borrows nothing, so that a loop that finds none can read into
/// the same buffer.
pub(crate) enum EventRange {
    Text {
        carried: Option<char>,
        rest: Range<usize>,
        is_first: bool,
        is_last: bool,
    },
    Binary {
        bytes: Range<usize>,
        is_first: bool,
        is_last: bool,
    },
    /// An event that is not in the buffer.
    Control(Event<'static>),
}

impl<'b> ReceiveHalf<'b> {
    /// `unread` is the range of the first frames, as far as they have come.
    pub(crate) fn new(buffer: &'b mut [u8], unread: Range<usize>, now: Timestamp) -> Self {
        let end = unread.end.min(buffer.len());
        Self {
            start: unread.start.min(end),
            end,
            buffer,
            received_at: now,
            is_full: false,
            is_waiting: false,
        }
    }

    /// Drives the connection until there is an event; `None` after the end. The steps are those of
    /// [`Connection`](tidings_websocket::Connection).
    pub(crate) async fn recv<S: Read + Write, R: Role, C: FnMut() -> Timestamp>(
        &mut self,
        sender: &mut Sender<S, R, C>,
    ) -> Result<Option<EventRange>, Error<S::Error>> {
        loop {
            // 2. Events out.
            if let Some(event) = self.next(sender) {
                return Ok(Some(event));
            }
            // A peer that sends without end must meet its deadlines too.
            if let Some(then) = self.emptied_at() {
                sender.handle_timeout_at(then);
            }
            // 3. Pending output out.
            sender.write_before_read().await?;
            if let Some(end) = sender.end() {
                return end.map(|()| None);
            }
            // 1. Bytes in. The time that the application was busy does not count against the peer.
            if !core::mem::replace(&mut self.is_waiting, true) {
                sender.resume();
            }
            let read = sender.stream.read(self.room()?).await;
            self.received(read, sender)?;
        }
    }

    /// Takes the next event from the unread bytes.
    fn next<S, R: Role, C: FnMut() -> Timestamp>(
        &mut self,
        sender: &mut Sender<S, R, C>,
    ) -> Option<EventRange> {
        let buffer_address = self.buffer.as_ptr().addr();
        let range_of = |bytes: &[u8]| {
            let start = bytes.as_ptr().addr().wrapping_sub(buffer_address);
            start..start.saturating_add(bytes.len())
        };
        loop {
            let mut input = slice_mut(self.buffer, self.start..self.end);
            let Some(event) = sender.connection.receive(self.received_at, &mut input) else {
                // All bytes were taken.
                (self.start, self.end) = (0, 0);
                return None;
            };
            let event = match event {
                Event::Text { text: Text { carried, rest }, is_first, is_last } => {
                    let rest = range_of(rest.as_bytes());
                    Some(EventRange::Text { carried, rest, is_first, is_last })
                }
                Event::Binary { bytes, is_first, is_last } => {
                    Some(EventRange::Binary { bytes: range_of(bytes), is_first, is_last })
                }
                Event::Ping(payload) => Some(EventRange::Control(Event::Ping(payload))),
                Event::Pong(payload) => Some(EventRange::Control(Event::Pong(payload))),
                Event::Close(close) => Some(EventRange::Control(Event::Close(close))),
                // Reported by `recv` once the peer was notified.
                Event::Violation(violation) => {
                    sender.fail(Failure::Violation(violation));
                    None
                }
                other => {
                    debug_assert!(false, "not without an extension: {other:?}");
                    None
                }
            };
            self.start = self.end.saturating_sub(input.len());
            if event.is_some() {
                return event;
            }
        }
    }

    /// The event that was found last.
    pub(crate) fn event(&mut self, event: EventRange) -> Event<'_> {
        match event {
            EventRange::Text { carried, rest, is_first, is_last } => {
                Event::Text { text: self.text(carried, rest), is_first, is_last }
            }
            EventRange::Binary { bytes, is_first, is_last } => {
                Event::Binary { bytes: slice_mut(self.buffer, bytes), is_first, is_last }
            }
            EventRange::Control(event) => event,
        }
    }

    /// The text of an event in one piece: a character that a read has cut is written before the rest,
    /// over bytes that were taken.
    fn text(&mut self, carried: Option<char>, rest: Range<usize>) -> Text<'_> {
        let Some(character) = carried else {
            return Text { carried: None, rest: self.text_in(rest) };
        };
        let mut utf8 = [0; 4];
        let character = character.encode_utf8(&mut utf8).as_bytes();
        let start = rest.start.saturating_sub(character.len());
        match self.buffer.get_mut(start..rest.start) {
            Some(room) if room.len() == character.len() => {
                room.copy_from_slice(character);
                Text { carried: None, rest: self.text_in(start..rest.end) }
            }
            _ => {
                debug_assert!(false, "there is no room for a cut character at {rest:?}");
                Text { carried, rest: self.text_in(rest) }
            }
        }
    }

    fn text_in(&self, range: Range<usize>) -> &str {
        if range.is_empty() {
            return ""; // perhaps of a range outside
        }
        // The connection has validated it; without unsafe code it is validated again.
        let text = core::str::from_utf8(slice(self.buffer, range));
        debug_assert!(text.is_ok(), "{text:?}");
        text.unwrap_or_default()
    }

    /// Returns the buffer for the next read, once [`next`](Self::next) has returned `None`.
    fn room<E>(&mut self) -> Result<&mut [u8], Error<E>> {
        let available = self.buffer.len();
        // A read into an empty buffer returns 0, which would look like the end.
        match self.buffer.get_mut(CUT_CHARACTER_LEN..) {
            Some(room) if !room.is_empty() => Ok(room),
            _ => {
                let needed = CUT_CHARACTER_LEN + 1;
                Err(Error::BufferTooSmall(BufferTooSmall { needed, available }))
            }
        }
    }

    /// Takes the result of a read into [`room`](Self::room).
    fn received<S: Read + Write, R: Role, C: FnMut() -> Timestamp>(
        &mut self,
        read: Result<usize, S::Error>,
        sender: &mut Sender<S, R, C>,
    ) -> Result<(), Error<S::Error>> {
        match read {
            Ok(0) => sender.receive_eof(),
            Ok(len) => {
                let end = CUT_CHARACTER_LEN.saturating_add(len);
                if end > self.buffer.len() {
                    return Err(Error::BrokenStream);
                }
                (self.start, self.end) = (CUT_CHARACTER_LEN, end);
                self.received_at = sender.now();
                self.is_waiting = false;
                self.is_full = end == self.buffer.len();
            }
            Err(error) => {
                if error.kind() == ErrorKind::TimedOut {
                    // Nothing is waiting to be read: only now is silence the peer's fault.
                    sender.handle_timeout();
                }
                sender.check_io(error)?;
            }
        }
        Ok(())
    }

    /// Returns the arrival time of the last bytes, if the stream had no more of them: a read that
    /// fills the buffer may have left some, and then an unfinished message is not the peer's fault.
    const fn emptied_at(&self) -> Option<Timestamp> {
        if self.is_full { None } else { Some(self.received_at) }
    }
}
