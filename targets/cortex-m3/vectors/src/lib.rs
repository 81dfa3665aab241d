//! Shared code of the firmwares with vectors: the ways in which a stream arrives.

#![no_std]
#![forbid(unsafe_code)]

use core::ops::Range;

/// One way in which a stream comes: a first piece, then pieces of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    first: usize,
    then: usize,
}

impl Cut {
    /// One byte at a time.
    pub const BYTE_BY_BYTE: Self = Self { first: 0, then: 1 };

    /// Whole, at every cut in two, and byte by byte.
    pub fn all(stream_len: usize) -> impl Iterator<Item = Self> {
        Self::within(stream_len, stream_len)
    }

    /// Whole, cut in two not farther than this from an end, and byte by byte.
    pub fn within(stream_len: usize, max_distance: usize) -> impl Iterator<Item = Self> {
        (0..=stream_len)
            .filter(move |first| (stream_len - first).min(*first) <= max_distance)
            .map(move |first| Self { first, then: stream_len.max(1) })
            .chain([Self::BYTE_BY_BYTE])
    }

    /// Returns the ranges of the pieces of a stream.
    pub fn pieces(self, stream_len: usize) -> impl Iterator<Item = Range<usize>> {
        let first = 0..self.first.min(stream_len);
        core::iter::successors(Some(first), move |piece| {
            let rest = piece.end..stream_len.min(piece.end + self.then);
            (!rest.is_empty()).then_some(rest)
        })
    }
}
