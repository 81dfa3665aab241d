//! DEFLATE made by hand (RFC 1951, 3.2), for the tests: blocks that no compressor would write.

use std::vec::Vec;

/// Writes blocks, bit by bit.
#[derive(Default)]
pub(super) struct Blocks {
    pub(super) bytes: Vec<u8>,
    /// The number of used bits in the last byte; 0: all.
    used: u32,
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn bits(&mut self, value: u32, len: u32) {
        for i in 0..len {
            if self.used == 0 {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().unwrap();
            *last |= u8::try_from(value >> i & 1).unwrap() << self.used;
            self.used = (self.used + 1) % 8;
        }
    }

    /// A Huffman code, its most significant bit first.
    fn code(&mut self, code: u32, len: u32) {
        self.bits(code.reverse_bits() >> (32 - len), len);
    }

    fn end(&mut self, is_final: bool) {
        if is_final {
            self.pad();
        }
    }

    /// RFC 7692, 7.2.1: zeros up to a byte.
    pub(super) fn pad(&mut self) {
        self.used = 0;
    }

    /// A block without compression.
    pub(super) fn stored(mut self, bytes: &[u8], is_final: bool) -> Self {
        self.bits(is_final.into(), 3);
        self.pad();
        let len = u16::try_from(bytes.len()).unwrap();
        self.bytes.extend(len.to_le_bytes());
        self.bytes.extend((!len).to_le_bytes());
        self.bytes.extend(bytes);
        self
    }

    /// The empty block without compression whose tail is not sent.
    pub(super) fn stripped(mut self) -> Vec<u8> {
        self.bits(0, 3);
        self.bytes
    }

    /// The same, and final.
    pub(super) fn stored_final_stripped(mut self) -> Vec<u8> {
        self.bits(1, 3);
        self.bytes
    }

    /// A block with fixed codes: literals, then matches of three bytes at these distances.
    pub(super) fn fixed(mut self, literals: &[u8], distances: &[u32], is_final: bool) -> Self {
        self.bits(u32::from(is_final) | 1 << 1, 3);
        for literal in literals {
            match u32::from(*literal) {
                literal @ 0..=143 => self.code(0b11_0000 + literal, 8),
                literal => self.code(0b1_1001_0000 + literal - 144, 9),
            }
        }
        for distance in distances {
            self.code(1, 7); // length code 257: three bytes
            let (symbol, extra_len) = (0..30)
                .map(|symbol: u32| (symbol, if symbol < 4 { 0 } else { symbol / 2 - 1 }))
                .find(|(symbol, extra_len)| *distance < base(*symbol) + (1 << extra_len))
                .unwrap();
            self.code(symbol, 5);
            self.bits(distance - base(symbol), extra_len);
        }
        self.code(0, 7); // end of block
        self.end(is_final);
        self
    }
}

/// The first distance of a distance code (RFC 1951, 3.2.5).
pub(super) const fn base(symbol: u32) -> u32 {
    if symbol < 4 { symbol + 1 } else { ((2 + symbol % 2) << (symbol / 2 - 1)) + 1 }
}
