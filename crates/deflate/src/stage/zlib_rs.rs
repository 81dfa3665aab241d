//! The backend zlib-rs; `backend.rs` documents its methods.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush, Status};

use super::{Corrupt, MAX_PIECE_LEN, Stalled, Step, TAIL};
use crate::window_bits::WindowBits;

pub(super) struct Inflate {
    zlib: zlib_rs::Inflate,
    output: Box<[u8]>,
}

impl Inflate {
    pub(super) fn new() -> Self {
        // Any smaller window is part of this one, and zlib-rs takes as much memory for it.
        Self {
            zlib: zlib_rs::Inflate::new(false, WindowBits::MAX.get()),
            output: vec![0; MAX_PIECE_LEN].into(),
        }
    }

    pub(super) fn restart(&mut self, history: [&[u8]; 2]) -> Result<(), Corrupt> {
        self.zlib.reset(false);
        for part in history {
            if !part.is_empty() {
                self.zlib.set_dictionary(part).map_err(|_| Corrupt)?;
            }
        }
        Ok(())
    }

    pub(super) fn inflate(&mut self, input: &[u8], max_output_len: usize) -> Result<Step, Corrupt> {
        self.run(input, max_output_len, InflateFlush::NoFlush)
    }

    pub(super) fn output(&self, written: usize) -> &[u8] {
        let output = self.output.get(..written);
        debug_assert!(output.is_some(), "{written} bytes");
        output.unwrap_or_default()
    }

    pub(super) fn take_tail(&mut self) -> bool {
        // `Block` stops at the next boundary of blocks, so the fifth byte stays if the tail is
        // right.
        let [a, b, c, d] = TAIL;
        let step = self.run(&[a, b, c, d, 0], 1, InflateFlush::Block);
        matches!(step, Ok(Step { consumed: 4, written: 0, .. }))
    }

    fn run(
        &mut self,
        input: &[u8],
        max_output_len: usize,
        flush: InflateFlush,
    ) -> Result<Step, Corrupt> {
        let output = self.output.get_mut(..max_output_len).ok_or(Corrupt)?;
        let before = (self.zlib.total_in(), self.zlib.total_out());
        let status = self.zlib.decompress(input, output, flush).map_err(|_| Corrupt)?;
        Ok(Step {
            consumed: difference(before.0, self.zlib.total_in()),
            written: difference(before.1, self.zlib.total_out()),
            ended: status == Status::StreamEnd,
        })
    }
}

pub(super) struct Deflate {
    zlib: zlib_rs::Deflate,
    output: Box<[u8]>,
}

impl Deflate {
    /// `window_bits` is at least 9.
    pub(super) fn new(window_bits: WindowBits, level: u8) -> Self {
        let config = DeflateConfig {
            window_bits: -i32::from(window_bits.get()), // negative: without the header of zlib
            // Symbols in a block, and the hash chains: in proportion to the window. zlib's own pair
            // is 15 and 8.
            mem_level: i32::from(window_bits.get().saturating_sub(7).max(1)),
            ..DeflateConfig::new(i32::from(level))
        };
        Self {
            zlib: zlib_rs::Deflate::new_with_config(config),
            output: vec![0; MAX_PIECE_LEN].into(),
        }
    }

    pub(super) fn restart(&mut self) {
        self.zlib.reset();
    }

    pub(super) fn deflate(
        &mut self,
        mut input: &[u8],
        flush: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Stalled> {
        let flush = if flush { DeflateFlush::SyncFlush } else { DeflateFlush::NoFlush };
        loop {
            let before = (self.zlib.total_in(), self.zlib.total_out());
            let status = self.zlib.compress(input, &mut self.output, flush).map_err(|_| Stalled)?;
            let consumed = difference(before.0, self.zlib.total_in());
            let written = difference(before.1, self.zlib.total_out());
            input = input.get(consumed..).ok_or(Stalled)?;
            out.extend_from_slice(self.output.get(..written).ok_or(Stalled)?);
            if input.is_empty() && written < self.output.len() {
                return Ok(());
            }
            if (consumed, written) == (0, 0) || status == Status::StreamEnd {
                return Err(Stalled);
            }
        }
    }
}

fn difference(before: u64, after: u64) -> usize {
    debug_assert!(before <= after);
    // No more than the length of a slice.
    usize::try_from(after.wrapping_sub(before)).unwrap_or(usize::MAX)
}
