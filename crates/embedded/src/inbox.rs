//! Bytes that were received into the caller's buffer, and the events among them: [`Inbox`].

use core::ops::Range;

use embedded_io::ErrorKind;
use tidings_handshake::BufferTooSmall;
use tidings_websocket::frame::Text;
use tidings_websocket::{Event, Role, Timestamp};

use crate::error::Error;
use crate::session::Session;

/// The caller's buffer, with unread bytes at `start..end`.
#[derive(Debug)]
pub(crate) struct Inbox<'b> {
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
    /// When the bytes came.
    received_at: Timestamp,
    /// The last read filled the buffer.
    has_filled: bool,
}

/// An event that was found, without borrowing what it was found in: a loop that has not found
/// anything reads into the same buffer.
pub(crate) enum Found {
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
    /// What borrows nothing.
    Control(Event<'static>),
}

impl<'b> Inbox<'b> {
    /// `unread` is where in the buffer the first frames are, as far as they have come.
    pub(crate) fn new(buffer: &'b mut [u8], unread: Range<usize>, now: Timestamp) -> Self {
        let end = unread.end.min(buffer.len());
        Self { start: unread.start.min(end), end, buffer, received_at: now, has_filled: false }
    }

    /// Step 2 of the loop of [`Connection`](tidings_websocket::Connection): the next event. A
    /// violation is remembered by the session, which reports it when the peer was told.
    pub(crate) fn next<R: Role, C: FnMut() -> Timestamp>(
        &mut self,
        session: &mut Session<R, C>,
    ) -> Option<Found> {
        loop {
            let mut input = self.buffer.get_mut(self.start..self.end).unwrap_or_default();
            let base = input.as_ptr().addr().wrapping_sub(self.start);
            let place = |bytes: &[u8]| {
                let start = bytes.as_ptr().addr().wrapping_sub(base);
                start..start.saturating_add(bytes.len())
            };
            let Some(event) = session.connection.receive(self.received_at, &mut input) else {
                // All of it was taken.
                (self.start, self.end) = (0, 0);
                return None;
            };
            let found = match event {
                Event::Text { text: Text { carried, rest }, is_first, is_last } => {
                    Some(Found::Text { carried, rest: place(rest.as_bytes()), is_first, is_last })
                }
                Event::Binary { bytes, is_first, is_last } => {
                    Some(Found::Binary { bytes: place(bytes), is_first, is_last })
                }
                Event::Ping(payload) => Some(Found::Control(Event::Ping(payload))),
                Event::Pong(payload) => Some(Found::Control(Event::Pong(payload))),
                Event::Close(close) => Some(Found::Control(Event::Close(close))),
                Event::Violation(violation) => {
                    session.fail(violation.into());
                    None
                }
                // Not without an extension.
                _ => None,
            };
            self.start = self.end.saturating_sub(input.len());
            if found.is_some() {
                return found;
            }
        }
    }

    /// The event that was found last.
    pub(crate) fn lend(&mut self, found: Found) -> Event<'_> {
        match found {
            Found::Text { carried, rest, is_first, is_last } => {
                // Valid when it was found; there is no unsafe code here to say so.
                let rest = self.buffer.get(rest).and_then(|rest| core::str::from_utf8(rest).ok());
                let text = Text { carried, rest: rest.unwrap_or_default() };
                Event::Text { text, is_first, is_last }
            }
            Found::Binary { bytes, is_first, is_last } => {
                let bytes = self.buffer.get_mut(bytes).unwrap_or_default();
                Event::Binary { bytes, is_first, is_last }
            }
            Found::Control(event) => event,
        }
    }

    /// Where to read to, once [`next`](Self::next) has found nothing more.
    pub(crate) fn room<E>(&mut self) -> Result<&mut [u8], Error<E>> {
        match &mut *self.buffer {
            // A read into nothing says 0, which would be taken for the end.
            [] => Err(Error::BufferTooSmall(BufferTooSmall { needed: 1, available: 0 })),
            buffer => Ok(buffer),
        }
    }

    /// What a read into [`room`](Self::room) came to.
    pub(crate) fn received<E: embedded_io::Error, R: Role, C: FnMut() -> Timestamp>(
        &mut self,
        read: Result<usize, E>,
        session: &mut Session<R, C>,
    ) -> Result<(), Error<E>> {
        match read {
            Ok(0) => session.receive_eof(),
            Ok(len) if len > self.buffer.len() => return Err(Error::BrokenStream),
            Ok(len) => {
                (self.start, self.end) = (0, len);
                self.received_at = session.now();
                self.has_filled = len == self.buffer.len();
            }
            Err(error) => {
                if error.kind() == ErrorKind::TimedOut {
                    // Nothing is waiting to be read: only now silence is the peer's fault.
                    session.handle_timeout();
                }
                session.judge_io(error)?;
            }
        }
        Ok(())
    }

    /// When something was received last, if there was nothing more to be read: a read that fills the
    /// buffer may have left something, and then a message that has not ended is not the peer's fault.
    pub(crate) const fn emptied_at(&self) -> Option<Timestamp> {
        if self.has_filled { None } else { Some(self.received_at) }
    }
}
