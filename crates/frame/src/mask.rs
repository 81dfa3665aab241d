//! Masking (RFC 6455, 5.3): payload byte i is combined by XOR with key byte i mod 4.
//!
//! Start at [`Masker`]: it keeps the phase, so a payload may come in pieces of any length.

use core::fmt;

/// The 4-byte key that masks one frame.
///
/// A client draws a fresh one for each frame from a strong source of randomness (RFC 6455, 10.3),
/// so there is no default, and a key can only be made from bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskingKey([u8; Self::LEN]);

impl MaskingKey {
    /// The key's length in bytes.
    pub const LEN: usize = 4;

    /// The key with these bytes, in the order of the wire.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, in the order of the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0
    }
}

impl MaskingKey {
    /// Masks or unmasks a whole payload in place.
    #[inline(always)]
    pub(crate) fn mask_whole(self, payload: &mut [u8]) {
        let words = words_of(self.0);
        let mut blocks = payload.chunks_exact_mut(BLOCK);
        for block in &mut blocks {
            xor_words(block, words);
        }
        let mut tail = blocks.into_remainder().chunks_exact_mut(WORD);
        for word in &mut tail {
            xor_words(word, words);
        }
        // A word is a multiple of the key's length: the phase moves with the last 0 to 7 bytes.
        for (byte, key) in tail.into_remainder().iter_mut().zip(words.to_ne_bytes()) {
            *byte ^= key;
        }
    }
}

/// A key in a log would help to predict the next one.
impl fmt::Debug for MaskingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskingKey(..)")
    }
}

/// Masks or unmasks one payload (it is the same operation), in pieces of any length.
///
/// ```
/// use tidings_frame::{Masker, MaskingKey};
///
/// let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
/// let mut payload = *b"Hello";
/// let (head, tail) = payload.split_at_mut(3);
/// let mut masker = Masker::new(key);
/// masker.apply(head);
/// masker.apply(tail); // goes on with the key's fourth byte
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]); // RFC 6455, 5.7
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Masker {
    /// Rotated so that its first byte is for the next byte of payload.
    key: MaskingKey,
}

const WORD: usize = size_of::<u64>();
/// Compilers turn blocks of four words into vector instructions at any baseline.
const BLOCK: usize = 4 * WORD;

impl Masker {
    /// Starts at the first byte of a payload.
    #[must_use]
    pub const fn new(key: MaskingKey) -> Self {
        Self { key }
    }

    /// Masks or unmasks the next bytes of the payload in place.
    #[inline]
    pub fn apply(&mut self, payload: &mut [u8]) {
        self.key.mask_whole(payload);
        self.advance(payload.len());
    }

    /// Writes the next bytes of the payload, masked, to the front of `out`, in one pass.
    ///
    /// Returns how many bytes were masked: the shorter of both lengths. The payload is unchanged,
    /// so data that the application still holds cannot change on the wire (RFC 6455, 10.3).
    #[inline]
    #[must_use = "`out` may be shorter than the payload"]
    pub fn apply_to(&mut self, payload: &[u8], out: &mut [u8]) -> usize {
        let len = payload.len().min(out.len());
        let words = words_of(self.key.0);
        let payload = payload.get(..len).unwrap_or_default();
        let out = out.get_mut(..len).unwrap_or_default();
        debug_assert_eq!((payload.len(), out.len()), (len, len));

        let mut from_blocks = payload.chunks_exact(BLOCK);
        let mut to_blocks = out.chunks_exact_mut(BLOCK);
        for (from, to) in (&mut from_blocks).zip(&mut to_blocks) {
            copy_xor_words(from, to, words);
        }
        let mut from_words = from_blocks.remainder().chunks_exact(WORD);
        let mut to_words = to_blocks.into_remainder().chunks_exact_mut(WORD);
        for (from, to) in (&mut from_words).zip(&mut to_words) {
            copy_xor_words(from, to, words);
        }
        let from_bytes = from_words.remainder();
        for ((from, to), key) in
            from_bytes.iter().zip(to_words.into_remainder()).zip(words.to_ne_bytes())
        {
            *to = from ^ key;
        }
        self.advance(len);
        len
    }

    /// Moves the phase past `len` bytes that were masked elsewhere.
    fn advance(&mut self, len: usize) {
        let bits = match len % MaskingKey::LEN {
            0 => return,
            1 => 8,
            2 => 16,
            _ => 24,
        };
        self.key.0 = u32::from_be_bytes(self.key.0).rotate_left(bits).to_be_bytes();
    }
}

/// The key, twice, as the bytes of a word in memory order.
#[inline]
fn words_of(key: [u8; 4]) -> u64 {
    let key = u64::from(u32::from_ne_bytes(key));
    key << 32 | key
}

/// XORs whole words: a load, an XOR and a store each, or fewer with vector instructions.
#[inline]
fn xor_words(bytes: &mut [u8], key: u64) {
    for word in bytes.chunks_exact_mut(WORD) {
        if let Some(word) = word.first_chunk_mut() {
            *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
    }
}

/// Like [`xor_words`], from one slice to another of the same length.
#[inline]
fn copy_xor_words(from: &[u8], to: &mut [u8], key: u64) {
    for (from, to) in from.chunks_exact(WORD).zip(to.chunks_exact_mut(WORD)) {
        if let (Some(from), Some(to)) = (from.first_chunk(), to.first_chunk_mut()) {
            *to = (u64::from_ne_bytes(*from) ^ key).to_ne_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

    /// RFC 6455, 5.3, word for word.
    fn oracle(payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ KEY.0[i % 4]).collect()
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect()
    }

    /// W-071: every length, at every place a payload may start in its buffer.
    #[test]
    fn any_length_at_any_alignment_equals_the_byte_loop() {
        for len in 0..=260 {
            let expected = oracle(&sample(len));
            for start in 0..8 {
                let mut buffer = sample(start);
                buffer.extend(sample(len));
                Masker::new(KEY).apply(&mut buffer[start..]);
                assert_eq!(buffer[start..], expected, "in place: {len} bytes at {start}");
                assert_eq!(buffer[..start], sample(start), "bytes before the payload changed");

                let mut out = std::vec![0xEE; start + len + 1];
                let masked = Masker::new(KEY).apply_to(&sample(len), &mut out[start..]);
                assert_eq!(masked, len);
                assert_eq!(out[start..start + len], expected, "copied: {len} bytes to {start}");
                assert_eq!(out[start + len], 0xEE, "a byte after the payload changed");
            }
        }
    }

    /// W-071: the phase carries over between pieces.
    #[test]
    fn two_pieces_equal_the_whole_at_every_cut() {
        let payload = sample(137);
        for cut in 0..=payload.len() {
            let mut in_place = payload.clone();
            let (head, tail) = in_place.split_at_mut(cut);
            let mut masker = Masker::new(KEY);
            masker.apply(head);
            masker.apply(tail);
            assert_eq!(in_place, oracle(&payload), "cut at {cut}");

            let mut out = std::vec![0; payload.len()];
            let mut masker = Masker::new(KEY);
            assert_eq!(masker.apply_to(&payload[..cut], &mut out), cut);
            assert_eq!(masker.apply_to(&payload[cut..], &mut out[cut..]), payload.len() - cut);
            assert_eq!(out, oracle(&payload), "cut at {cut}");
        }
    }

    #[test]
    fn copying_stops_where_the_shorter_side_ends() {
        let payload = sample(100);
        for room in 0..=110 {
            let mut out = std::vec![0; room];
            let masked = Masker::new(KEY).apply_to(&payload, &mut out);
            assert_eq!(masked, room.min(100));
            assert_eq!(out[..masked], oracle(&payload)[..masked]);
        }
    }

    /// Nothing prints a key.
    #[test]
    fn a_key_does_not_show_in_debug_output() {
        assert_eq!(std::format!("{KEY:?}"), "MaskingKey(..)");
        assert_eq!(std::format!("{:?}", Masker::new(KEY)), "Masker { key: MaskingKey(..) }");
    }
}
