//! The end of the decompressed data, as far as a window reaches: [`History`].

use alloc::vec::Vec;

/// A ring of the last bytes of a stream. It grows with the bytes pushed, up to the window, and
/// holds no memory while it is empty.
#[derive(Debug)]
pub(super) struct History {
    bytes: Vec<u8>,
    /// The position of the oldest byte, once the ring is full; 0 before.
    start: usize,
}

impl History {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), start: 0 }
    }

    /// Adds `piece` and drops bytes that are then further back than `window_len`.
    pub(super) fn push(&mut self, piece: &[u8], window_len: usize) {
        debug_assert!(self.bytes.len() <= window_len && self.start <= self.bytes.len());
        let surplus = piece.len().saturating_sub(window_len);
        let (_, kept) = piece.split_at_checked(surplus).unwrap_or_default();
        if surplus > 0 {
            self.bytes.clear();
            self.start = 0;
        }
        let room = window_len.saturating_sub(self.bytes.len());
        let (fill, mut wrap) = kept.split_at_checked(room).unwrap_or((kept, &[]));
        if self.bytes.capacity() < self.bytes.len().saturating_add(fill.len()) {
            // At least twice as much as before, but never beyond the window.
            self.bytes.reserve_exact(fill.len().max(self.bytes.len()).min(room));
        }
        self.bytes.extend_from_slice(fill);
        while !wrap.is_empty() {
            let tail = self.bytes.get_mut(self.start..).unwrap_or_default();
            debug_assert!(!tail.is_empty(), "a full ring has a place for the next byte");
            let len = wrap.len().min(tail.len());
            let (now, later) = wrap.split_at_checked(len).unwrap_or_default();
            if let Some(oldest) = tail.get_mut(..len) {
                oldest.copy_from_slice(now);
            }
            self.start = if len == tail.len() { 0 } else { self.start.saturating_add(len) };
            wrap = later;
        }
    }

    /// The bytes from the oldest to the newest, in two parts.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        debug_assert!(self.start <= self.bytes.len());
        let (newer, older) = self.bytes.split_at_checked(self.start).unwrap_or_default();
        [older, newer]
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_end_of_all_pieces_for_any_lengths() {
        for window_len in [1, 2, 7, 8] {
            for step in 1..20_u32 {
                let (mut history, mut all) = (History::new(), Vec::new());
                for i in 0..40 {
                    let piece: Vec<u8> = (0..(i * step) % 19)
                        .map(|j| u8::try_from((i * 20 + j) % 251).unwrap())
                        .collect();
                    history.push(&piece, window_len);
                    all.extend(piece);
                    let expected = &all[all.len().saturating_sub(window_len)..];
                    assert_eq!(history.parts().concat(), expected, "{window_len} {step} {i}");
                    assert!(history.capacity() <= window_len.max(1));
                }
            }
        }
    }
}
