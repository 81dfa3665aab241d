//! Bytes of an event stream in the caller's buffer, and the items among them: [`EventInbox`].

use tidings_sse::{Decoder, EndOfStream, Item, Storage};

use crate::event_error::EventStreamError;

/// A decoder and the caller's buffer, with bytes to decode at `start..end`.
pub(crate) struct EventInbox<'b, D: Storage> {
    pub(crate) decoder: Decoder<D>,
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
    has_ended: bool,
}

impl<'b, D: Storage> EventInbox<'b, D> {
    pub(crate) const fn new(decoder: Decoder<D>, buffer: &'b mut [u8]) -> Self {
        Self { decoder, buffer, start: 0, end: 0, has_ended: false }
    }

    /// The next item of what was read.
    pub(crate) fn next(&mut self) -> Option<Item<'_>> {
        let mut rest = self.buffer.get(self.start..self.end).unwrap_or_default();
        let item = self.decoder.decode(&mut rest);
        self.start = self.end.saturating_sub(rest.len());
        item
    }

    /// Whether there are bytes to decode, which makes a read needless; or that there will be none.
    pub(crate) const fn has_more(&self) -> Option<bool> {
        match (self.start < self.end, self.has_ended) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }

    /// Where to read to, once all is decoded.
    pub(crate) fn room<E>(&mut self) -> Result<&mut [u8], EventStreamError<E>> {
        match &mut *self.buffer {
            // A read into nothing says 0, which would be taken for the end.
            [] => Err(EventStreamError::NoBuffer),
            buffer => Ok(buffer),
        }
    }

    /// What a read into [`room`](Self::room) came to: whether there are bytes to decode now.
    pub(crate) fn received<E>(
        &mut self,
        read: Result<usize, E>,
    ) -> Result<bool, EventStreamError<E>> {
        match read.map_err(EventStreamError::Io)? {
            0 => {
                self.has_ended = true;
                match self.decoder.finish() {
                    EndOfStream::BetweenEvents => Ok(false),
                    EndOfStream::InsideEvent { dropped_len } => {
                        Err(EventStreamError::InsideEvent { dropped_len })
                    }
                }
            }
            len if len > self.buffer.len() => Err(EventStreamError::BrokenStream),
            len => {
                (self.start, self.end) = (0, len);
                Ok(true)
            }
        }
    }
}
