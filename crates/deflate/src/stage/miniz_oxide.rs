//! The backend `miniz_oxide`; `backend.rs` documents its methods.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress_with_limit};

use super::{Corrupt, MAX_PIECE_LEN, Stalled, Step, TAIL};
use crate::window_bits::WindowBits;

const WINDOW_LEN: usize = WindowBits::MAX.window_len();

/// In a buffer that does not wrap, a match that begins before its first byte is an error. So a
/// stream reaches its own history and nothing that was in the memory before.
const FLAGS: u32 = TINFL_FLAG_HAS_MORE_INPUT
    | TINFL_FLAG_IGNORE_ADLER32
    | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

pub(super) struct Inflate {
    decompressor: Box<DecompressorOxide>,
    /// The window, then the bytes written after it.
    buffer: Box<[u8]>,
    /// The end of the written bytes.
    end: usize,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Self {
            decompressor: Box::default(),
            buffer: vec![0; WINDOW_LEN + MAX_PIECE_LEN].into(),
            end: 0,
        }
    }

    pub(super) fn restart(&mut self, history: [&[u8]; 2]) -> Result<(), Corrupt> {
        self.decompressor.init();
        self.end = 0;
        for part in history {
            let place = self.buffer.get_mut(self.end..).and_then(|rest| rest.get_mut(..part.len()));
            place.ok_or(Corrupt)?.copy_from_slice(part);
            self.end = self.end.saturating_add(part.len());
        }
        Ok(())
    }

    pub(super) fn inflate(&mut self, input: &[u8], max_output_len: usize) -> Result<Step, Corrupt> {
        self.run(input, max_output_len, FLAGS).map(|(step, _)| step)
    }

    pub(super) fn output(&self, written: usize) -> &[u8] {
        let output = self.buffer.get(self.end.saturating_sub(written)..self.end);
        debug_assert!(output.is_some_and(|output| output.len() == written));
        output.unwrap_or_default()
    }

    pub(super) fn take_tail(&mut self) -> bool {
        // It stops at the next boundary of blocks, so the fifth byte stays if the tail is right.
        let [a, b, c, d] = TAIL;
        let step = self.run(&[a, b, c, d, 0], 1, FLAGS | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY);
        matches!(
            step,
            Ok((
                Step { consumed: 4, written: 0, .. },
                TINFLStatus::BlockBoundary | TINFLStatus::Done
            ))
        )
    }

    fn run(
        &mut self,
        input: &[u8],
        max_output_len: usize,
        flags: u32,
    ) -> Result<(Step, TINFLStatus), Corrupt> {
        debug_assert!(self.end <= self.buffer.len() && max_output_len <= MAX_PIECE_LEN);
        if self.buffer.len().saturating_sub(self.end) < max_output_len {
            let window_start = self.end.saturating_sub(WINDOW_LEN);
            self.buffer.copy_within(window_start..self.end, 0);
            self.end = self.end.saturating_sub(window_start);
        }
        let (status, consumed, written) = decompress_with_limit(
            &mut self.decompressor,
            input,
            &mut self.buffer,
            self.end,
            max_output_len,
            flags,
        );
        self.end = self.end.saturating_add(written);
        debug_assert!(self.end <= self.buffer.len());
        match status {
            TINFLStatus::Done
            | TINFLStatus::NeedsMoreInput
            | TINFLStatus::HasMoreOutput
            | TINFLStatus::BlockBoundary => {
                Ok((Step { consumed, written, ended: status == TINFLStatus::Done }, status))
            }
            _ => Err(Corrupt),
        }
    }
}

pub(super) struct Deflate {
    compressor: Box<CompressorOxide>,
    output: Box<[u8]>,
}

impl Deflate {
    /// Its window is 15 bits.
    pub(super) fn new(level: u8) -> Self {
        // Negative: without the header of zlib. 0: the default strategy.
        let flags =
            create_comp_flags_from_zip_params(level.into(), -i32::from(WindowBits::MAX.get()), 0);
        Self {
            compressor: Box::new(CompressorOxide::new(flags)),
            output: vec![0; MAX_PIECE_LEN].into(),
        }
    }

    pub(super) fn restart(&mut self) {
        self.compressor.reset();
    }

    pub(super) fn deflate(
        &mut self,
        mut input: &[u8],
        flush: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Stalled> {
        let flush = if flush { TDEFLFlush::Sync } else { TDEFLFlush::None };
        loop {
            let (status, consumed, written) =
                compress(&mut self.compressor, input, &mut self.output, flush);
            input = input.get(consumed..).ok_or(Stalled)?;
            out.extend_from_slice(self.output.get(..written).ok_or(Stalled)?);
            if input.is_empty() && written < self.output.len() {
                return Ok(());
            }
            if (consumed, written) == (0, 0) || status != TDEFLStatus::Okay {
                return Err(Stalled);
            }
        }
    }
}
