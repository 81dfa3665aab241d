//! A decompressor that is slow, plain and strict, to test the backends against: it accepts nothing
//! that reaches back further than the negotiated window.

use std::vec;
use std::vec::Vec;

use super::bits::base;

/// One peer's view of a connection.
pub(super) struct Strict {
    window_len: usize,
    /// All that the window ever held; the end of it counts.
    pub(super) history: Vec<u8>,
    /// The furthest distance of any match.
    pub(super) max_distance: usize,
}

type Result<T> = std::result::Result<T, &'static str>;

impl Strict {
    pub(super) fn new(window_len: usize) -> Self {
        Self { window_len, history: Vec::new(), max_distance: 0 }
    }

    /// A message without its tail, as it is sent.
    pub(super) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        let bytes = [payload, &[0, 0, 0xFF, 0xFF]].concat();
        let start = self.history.len();
        let mut bits = Bits { bytes: &bytes, position: 0 };
        if payload.is_empty() {
            return Ok(Vec::new());
        }
        loop {
            let before = self.history.len();
            let is_final = self.block(&mut bits)?;
            if is_final {
                bits.align();
            }
            if bits.position == payload.len() * 8 && is_final {
                break; // a final block that ends with the payload
            }
            if bits.position > payload.len() * 8 {
                // The tail is the end of an empty stored block, and of nothing else.
                let is_tail = bits.position == bytes.len() * 8 && self.history.len() == before;
                if !is_tail {
                    return Err("the message ends inside a block");
                }
                break;
            }
        }
        Ok(self.history[start..].to_vec())
    }

    fn block(&mut self, bits: &mut Bits<'_>) -> Result<bool> {
        let is_final = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => {
                bits.align();
                let len = bits.take(16)?;
                if bits.take(16)? != !len & 0xFFFF {
                    return Err("length of a stored block");
                }
                for _ in 0..len {
                    let byte = bits.take(8)?;
                    self.history.push(byte.try_into().unwrap());
                }
            }
            1 => {
                let mut literals = [8; 288];
                literals[144..256].fill(9);
                literals[256..280].fill(7);
                self.codes(bits, &Huffman::new(&literals)?, &Huffman::new(&[5; 30])?)?;
            }
            2 => {
                let (literals, distances) = Huffman::dynamic(bits)?;
                self.codes(bits, &literals, &distances)?;
            }
            _ => return Err("type of block"),
        }
        Ok(is_final)
    }

    fn codes(
        &mut self,
        bits: &mut Bits<'_>,
        literals: &Huffman,
        distances: &Huffman,
    ) -> Result<()> {
        loop {
            let symbol = literals.take(bits)?;
            let len = match symbol {
                0..=255 => {
                    self.history.push(symbol.try_into().unwrap());
                    continue;
                }
                256 => return Ok(()),
                257..=264 => symbol - 254,
                265..=284 => {
                    let extra_len = (symbol - 261) / 4;
                    ((4 + (symbol - 261) % 4) << extra_len) + 3 + bits.take(extra_len)?
                }
                285 => 258,
                _ => return Err("length code"),
            };
            let symbol = distances.take(bits)?;
            if symbol >= 30 {
                return Err("distance code");
            }
            let extra_len = if symbol < 4 { 0 } else { symbol / 2 - 1 };
            let distance = usize::try_from(base(symbol) + bits.take(extra_len)?).unwrap();
            self.max_distance = self.max_distance.max(distance);
            if distance > self.window_len || distance > self.history.len() {
                return Err("distance beyond the window");
            }
            for _ in 0..len {
                self.history.push(self.history[self.history.len() - distance]);
            }
        }
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn take(&mut self, len: u32) -> Result<u32> {
        let mut value = 0;
        for i in 0..len {
            let byte = self.bytes.get(self.position / 8).ok_or("end of input")?;
            value |= u32::from(byte >> (self.position % 8) & 1) << i;
            self.position += 1;
        }
        Ok(value)
    }

    fn align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }
}

/// Canonical codes: how many there are of each length, and their symbols in order.
struct Huffman {
    counts: [u32; 16],
    symbols: Vec<u32>,
}

impl Huffman {
    fn new(lens: &[u32]) -> Result<Self> {
        let (mut counts, mut symbols, mut left) = ([0; 16], vec![], 1_u32);
        for len in 1..16 {
            let of_len = (0..).zip(lens).filter(|(_, l)| **l == len);
            let before = symbols.len();
            symbols.extend(of_len.map(|(symbol, _)| symbol));
            let count = u32::try_from(symbols.len() - before).unwrap();
            counts[usize::try_from(len).unwrap()] = count;
            left = (left * 2).checked_sub(count).ok_or("too many codes")?;
        }
        Ok(Self { counts, symbols })
    }

    fn take(&self, bits: &mut Bits<'_>) -> Result<u32> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code = code << 1 | bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[usize::try_from(index + code - first).unwrap()]);
            }
            index += count;
            first = (first + count) << 1;
        }
        Err("unused code")
    }

    fn dynamic(bits: &mut Bits<'_>) -> Result<(Self, Self)> {
        const ORDER: [usize; 19] =
            [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let literals = usize::try_from(bits.take(5)?).unwrap() + 257;
        let distances = usize::try_from(bits.take(5)?).unwrap() + 1;
        let count = usize::try_from(bits.take(4)?).unwrap() + 4;
        let mut lens = [0; 19];
        for place in &ORDER[..count] {
            lens[*place] = bits.take(3)?;
        }
        let code_lens = Self::new(&lens)?;
        let mut lens = vec![];
        while lens.len() < literals + distances {
            let (len, times) = match code_lens.take(bits)? {
                16 => (*lens.last().ok_or("repeat of nothing")?, 3 + bits.take(2)?),
                17 => (0, 3 + bits.take(3)?),
                18 => (0, 11 + bits.take(7)?),
                len => (len, 1),
            };
            lens.extend((0..times).map(|_| len));
        }
        if lens.len() > literals + distances {
            return Err("too many lengths");
        }
        Ok((Self::new(&lens[..literals])?, Self::new(&lens[literals..])?))
    }
}
