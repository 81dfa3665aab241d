//! The bytes that a sender reads while the peer takes nothing: [`ReadAhead`]. Two sides that both
//! send first would otherwise wait for each other.

use std::collections::VecDeque;
use std::io;
use std::task::Poll;

use crate::websocket::pool::{self, BUFFER_LEN};

/// Bytes that were read and not yet processed, and the result of reading after them.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    /// Pooled buffers, each with how much of it is filled; only the last has room.
    buffers: VecDeque<(Vec<u8>, usize)>,
    len: usize,
    max_len: usize,
    /// The transport has ended, or failed.
    end: Option<io::Result<usize>>,
}

/// A result that was read ahead, in order.
pub(crate) enum Ahead {
    /// A buffer, and how much of it is filled.
    Bytes(Vec<u8>, usize),
    /// The result of reading after all bytes.
    End(io::Result<usize>),
}

impl ReadAhead {
    /// For at most `max_len` bytes.
    pub(crate) const fn new(max_len: usize) -> Self {
        Self { buffers: VecDeque::new(), len: 0, max_len, end: None }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether no more may be read.
    pub(crate) const fn is_full(&self) -> bool {
        self.len >= self.max_len
    }

    /// Returns whether nothing is left to take.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffers.is_empty() && self.end.is_none()
    }

    /// Reads once. `Pending` if nothing came, or nothing more may be read.
    pub(crate) fn read(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<()> {
        if self.is_full() || self.end.is_some() {
            return Poll::Pending;
        }
        let (mut buffer, filled) = match self.buffers.pop_back() {
            Some((buffer, filled)) if filled < buffer.len() => (buffer, filled),
            full => {
                self.buffers.extend(full);
                (pool::take_for_reading(), 0)
            }
        };
        debug_assert_eq!(buffer.len(), BUFFER_LEN, "buffers are the pool's");
        let max_len = self.max_len.saturating_sub(self.len).saturating_add(filled);
        let end = max_len.min(buffer.len());
        let room = buffer.get_mut(filled..end).unwrap_or_default();
        let room_len = room.len();
        let polled = read(room);
        let came = match polled {
            Poll::Ready(Ok(len)) if len > room_len => {
                let lie = "the transport claims to have read more than there was room for";
                self.end = Some(Err(io::Error::other(lie)));
                0
            }
            Poll::Ready(Ok(len)) if len > 0 => len,
            Poll::Ready(end) => {
                self.end = Some(end);
                0
            }
            Poll::Pending => 0,
        };
        self.len = self.len.saturating_add(came);
        match filled.saturating_add(came) {
            0 => pool::give_back_from_reading(buffer),
            filled => self.buffers.push_back((buffer, filled)),
        }
        if came > 0 || self.end.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes the next result that was read ahead.
    pub(crate) fn take(&mut self) -> Option<Ahead> {
        match self.buffers.pop_front() {
            Some((buffer, filled)) => {
                self.len = self.len.saturating_sub(filled);
                Some(Ahead::Bytes(buffer, filled))
            }
            None => self.end.take().map(Ahead::End),
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        for (buffer, _) in self.buffers.drain(..) {
            pool::give_back_from_reading(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(ahead: &mut ReadAhead, bytes: &[u8]) -> Poll<usize> {
        let mut taken = 0;
        let polled = ahead.read(|room| {
            taken = bytes.len().min(room.len());
            room[..taken].copy_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        });
        polled.map(|()| taken)
    }

    fn take_all(ahead: &mut ReadAhead) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(Ahead::Bytes(buffer, filled)) = ahead.take() {
            all.extend_from_slice(&buffer[..filled]);
        }
        all
    }

    #[test]
    fn what_was_read_ahead_is_taken_in_order_up_to_the_bound() {
        for step in [1, 1000, BUFFER_LEN - 1, BUFFER_LEN, BUFFER_LEN + 1] {
            let max_len = 2 * BUFFER_LEN + 100;
            let sent: Vec<u8> = (0..=u8::MAX).cycle().take(max_len + 1).collect();
            let mut ahead = ReadAhead::new(max_len);
            let mut at = 0;
            while let Poll::Ready(taken) = put(&mut ahead, &sent[at..][..step.min(sent.len() - at)])
            {
                at += taken;
            }
            assert_eq!((at, ahead.len()), (max_len, max_len), "step {step}");
            assert!(ahead.is_full());
            assert!(take_all(&mut ahead) == sent[..max_len], "step {step}");
            assert!(ahead.is_empty() && !ahead.is_full());
        }
    }

    #[test]
    fn the_end_comes_after_the_bytes_and_nothing_is_read_after_it() {
        let mut ahead = ReadAhead::new(100);
        assert!(ahead.read(|_| Poll::Pending).is_pending());
        assert!(ahead.is_empty());
        assert_eq!(put(&mut ahead, b"abc"), Poll::Ready(3));
        assert!(ahead.read(|_| Poll::Ready(Ok(0))).is_ready());
        assert!(put(&mut ahead, b"more").is_pending());
        assert!(matches!(ahead.take(), Some(Ahead::Bytes(_, 3))));
        assert!(matches!(ahead.take(), Some(Ahead::End(Ok(0)))));
        assert!(ahead.take().is_none());
        assert!(ahead.read(|room| Poll::Ready(Ok(room.len() + 1))).is_ready());
        assert!(matches!(ahead.take(), Some(Ahead::End(Err(_)))));
    }
}
