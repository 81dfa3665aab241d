//! Bytes that were received and not yet taken.

use std::io;
use std::mem;
use std::task::Poll;

use super::pool::{self, BUFFER_LEN};

/// Empty, or a pooled buffer with bytes at `start..end`.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// Some bytes of a buffer, taken or not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) len: usize,
}

/// The address of the buffer's bytes in memory, to find a borrowed range again.
#[derive(Clone, Copy, Debug)]
pub(super) struct BufferOrigin {
    addr: usize,
    start: usize,
}

impl BufferOrigin {
    /// The place of `bytes`, which are borrowed from the buffer.
    pub(super) fn place_of(self, bytes: &[u8]) -> Place {
        let offset = bytes.as_ptr().addr().wrapping_sub(self.addr);
        Place { start: self.start.wrapping_add(offset), len: bytes.len() }
    }
}

impl Place {
    /// These bytes of `buffer`.
    pub(super) fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start..self.start.saturating_add(self.len)).unwrap_or_default()
    }

    /// Without the first `len` bytes.
    pub(super) fn advance(&mut self, len: usize) {
        let len = len.min(self.len);
        self.start = self.start.saturating_add(len);
        self.len -= len; // `len` was made to fit
    }
}

impl ReadBuffer {
    /// Creates a buffer with the bytes received after the opening handshake.
    pub(super) fn with(received: &[u8]) -> Self {
        match received.len() {
            0 => Self::default(),
            len => Self { bytes: received.to_vec(), start: 0, end: len },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The bytes not yet taken.
    #[inline]
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Returns what `take` makes of the bytes not yet taken; the rest that it leaves stays.
    #[inline]
    pub(super) fn take_front<'a, T>(
        &'a mut self,
        take: impl FnOnce(&mut &'a mut [u8]) -> Option<T>,
    ) -> Option<T> {
        let Self { bytes, start, end } = self;
        let mut input = bytes.get_mut(*start..*end).unwrap_or_default();
        let taken = take(&mut input);
        *start = end.saturating_sub(input.len()); // `input` only shrinks
        taken
    }

    /// Like [`take_front`](Self::take_front). Also returns where in memory the bytes were.
    pub(super) fn take_front_at<'a, T>(
        &'a mut self,
        take: impl FnOnce(&mut &'a mut [u8]) -> Option<T>,
    ) -> Option<(T, BufferOrigin)> {
        let origin = BufferOrigin { addr: self.filled().as_ptr().addr(), start: self.start };
        Some((self.take_front(take)?, origin))
    }

    /// The bytes at a place, as long as nothing was read over them.
    pub(super) fn at(&self, place: Place) -> &[u8] {
        place.of(&self.bytes)
    }

    /// Frees the memory; bytes that were not taken are gone.
    pub(super) fn release(&mut self) {
        (self.start, self.end) = (0, 0);
        pool::give_back_from_reading(mem::take(&mut self.bytes));
    }

    /// Takes over a buffer of the pool with `len` bytes in it; this one is empty.
    pub(super) fn replace(&mut self, buffer: Vec<u8>, len: usize) {
        debug_assert!(self.is_empty());
        self.release();
        (self.start, self.end) = (0, len.min(buffer.len()));
        self.bytes = buffer;
    }

    /// Reads into an empty buffer. `Ok(0)` is the end. While nothing comes, no memory is held.
    pub(super) fn fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty());
        if self.bytes.len() != BUFFER_LEN {
            self.bytes = pool::take_for_reading();
        }
        (self.start, self.end) = (0, 0);
        match read(&mut self.bytes) {
            Poll::Ready(Ok(len)) if len > BUFFER_LEN => {
                self.release();
                let lie = "the transport claims to have read more than there was room for";
                Poll::Ready(Err(io::Error::other(lie)))
            }
            Poll::Ready(Ok(len)) if len > 0 => {
                self.end = len;
                Poll::Ready(Ok(len))
            }
            other => {
                self.release();
                other
            }
        }
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consume(buffer: &mut ReadBuffer, len: usize) {
        let _ = buffer.take_front(|input| input.split_off_mut(..len.min(input.len())));
    }

    fn fill(buffer: &mut ReadBuffer, came: &[u8]) -> Poll<io::Result<usize>> {
        buffer.fill(|bytes| {
            bytes[..came.len()].copy_from_slice(came);
            Poll::Ready(Ok(came.len()))
        })
    }

    #[test]
    fn memory_is_held_only_while_bytes_are_in_it() {
        let mut buffer = ReadBuffer::default();
        assert!(buffer.fill(|_| Poll::Pending).is_pending());
        assert_eq!(buffer.bytes.capacity(), 0, "nothing came");

        assert!(matches!(fill(&mut buffer, b"abc"), Poll::Ready(Ok(3))));
        assert_eq!(buffer.filled(), b"abc");
        consume(&mut buffer, 2);
        assert_eq!(buffer.filled(), b"c");
        consume(&mut buffer, 9);
        assert!(buffer.is_empty());
        assert!(buffer.fill(|_| Poll::Pending).is_pending());
        assert_eq!(buffer.bytes.capacity(), 0, "all was taken");

        assert!(matches!(fill(&mut buffer, b""), Poll::Ready(Ok(0))));
        assert_eq!(buffer.bytes.capacity(), 0, "the end");

        let lied = buffer.fill(|bytes| Poll::Ready(Ok(bytes.len() + 1)));
        assert!(matches!(lied, Poll::Ready(Err(_))));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_place_is_found_again_or_is_empty() {
        let mut buffer = ReadBuffer::with(b"abcdef");
        let place = Place { start: 2, len: 3 };
        consume(&mut buffer, 6);
        assert_eq!(buffer.at(place), b"cde");
        assert_eq!(buffer.at(Place { start: 5, len: 2 }), b"");
        assert_eq!(buffer.at(Place { start: usize::MAX, len: 1 }), b"");
        let mut place = place;
        place.advance(1);
        assert_eq!(buffer.at(place), b"de");
        place.advance(9);
        assert_eq!(buffer.at(place), b"");
    }
}
