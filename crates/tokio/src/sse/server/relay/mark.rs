//! The byte order mark at the start of an upstream's stream: [`Mark`].

use bytes::{Buf as _, Bytes};

/// It may appear at the very start of a stream (WHATWG HTML 9.2.6), and nowhere else.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The state of the byte order mark. After a comment it would be part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is passed on if it comes.
    Keep,
    /// It is left out; this many of its bytes have come.
    Remove { matched: usize },
    /// It cannot come any more.
    Past,
}

impl Mark {
    /// A comment goes out.
    pub(super) fn comment(&mut self) {
        if *self == Self::Keep {
            *self = Self::Remove { matched: 0 };
        }
    }

    /// The next chunk, without the byte order mark if a comment went out before it.
    pub(super) fn strip(&mut self, mut chunk: Bytes) -> Bytes {
        let Self::Remove { matched } = *self else {
            if !chunk.is_empty() {
                *self = Self::Past;
            }
            return chunk;
        };
        let expected = BYTE_ORDER_MARK.get(matched..).unwrap_or_default();
        let common = chunk.iter().zip(expected).take_while(|(byte, mark)| byte == mark).count();
        if common == expected.len() {
            *self = Self::Past;
            chunk.advance(common);
            return chunk;
        }
        if common == chunk.len() {
            *self = Self::Remove { matched: matched.saturating_add(common) };
            return Bytes::new();
        }
        // It was not the mark: the bytes kept back go first.
        *self = Self::Past;
        let held = BYTE_ORDER_MARK.get(..matched).unwrap_or_default();
        if held.is_empty() { chunk } else { [held, &chunk].concat().into() }
    }

    /// Returns the number of bytes kept back, because they may be a byte order mark.
    pub(super) fn held_len(&self) -> usize {
        match self {
            Self::Remove { matched } => *matched,
            Self::Keep | Self::Past => 0,
        }
    }
}
