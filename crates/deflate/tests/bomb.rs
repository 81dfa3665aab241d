//! A message that grows a thousandfold is refused with little memory. A separate file, because it
//! measures the peak of the process.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![cfg(any(feature = "zlib-rs", feature = "miniz_oxide"))]

use std::sync::Mutex;

use tidings_deflate::{Backend, DeflateConfig, Deflater, Direction, InflateError, Inflater};

const BACKENDS: &[Backend] = &[
    #[cfg(feature = "zlib-rs")]
    Backend::ZlibRs,
    #[cfg(feature = "miniz_oxide")]
    Backend::MinizOxide,
];

/// The message in the making: 1 GiB of zeros, compressed a part at a time.
struct Bomb {
    deflater: Deflater,
    parts_left: usize,
}

/// One test at a time, for all have the same peak.
static PEAK: Mutex<()> = Mutex::new(());

static PART: [u8; 1 << 20] = [0; 1 << 20];

impl Bomb {
    fn new(backend: Backend, message_len: usize) -> Self {
        let deflater = Deflater::new(Direction::UNLIMITED, DeflateConfig::new(backend)).unwrap();
        Self { deflater, parts_left: message_len / PART.len() }
    }
}

impl Iterator for Bomb {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.parts_left = self.parts_left.checked_sub(1)?;
        self.deflater.deflate(&PART, &mut out).unwrap();
        if self.parts_left == 0 {
            self.deflater.finish(&mut out).unwrap();
        }
        Some(out)
    }
}

/// The limit ends it at the byte, and memory stays at the limit and a little.
#[test]
fn a_gibibyte_of_zeros_is_refused_at_the_limit() {
    for &backend in BACKENDS {
        const LIMIT: usize = 1 << 20;
        let _alone = PEAK.lock();
        // Parts are compressed when they are asked for; the first makes the compressor's memory.
        let mut bomb = Bomb::new(backend, 1 << 30).peekable();
        let first = bomb.peek().unwrap().clone();
        assert!(first.len() < PART.len() / 200, "{} bytes are not a bomb", first.len());

        let before = peak_kib();
        let mut inflater = Inflater::new(backend, Direction::UNLIMITED, LIMIT as u64);
        let mut message = Vec::with_capacity(LIMIT);
        let mut result = Ok(());
        'fragments: for fragment in bomb {
            let mut payload = &fragment[..];
            loop {
                match inflater.inflate(&mut payload) {
                    Ok(Some(piece)) => message.extend_from_slice(piece),
                    Ok(None) => continue 'fragments,
                    Err(error) => {
                        result = Err(error);
                        break 'fragments;
                    }
                }
            }
        }
        assert_eq!(result, Err(InflateError::TooLong { max_len: LIMIT as u64 }));
        assert!(message.len() <= LIMIT);
        // Its memory is freed, and it stays shut.
        assert!(inflater.needs_state());
        assert!(inflater.inflate(&mut &first[..]).is_err());
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            let grown = after.saturating_sub(before);
            assert!(grown <= (LIMIT as u64 >> 10) + 512, "{grown} KiB");
        }
    }
}

/// Without a limit that stops it, all of it can be read in constant memory.
#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_a_gibibyte_of_zeros_is_read_in_constant_memory() {
    for &backend in BACKENDS {
        let _alone = PEAK.lock();
        // The first part makes the compressor's memory.
        let mut bomb = Bomb::new(backend, 1 << 30).peekable();
        bomb.peek();
        let before = peak_kib();
        let mut inflater = Inflater::new(backend, Direction::UNLIMITED, 1 << 30);
        let mut len = 0;
        for fragment in bomb {
            let mut payload = &fragment[..];
            while let Some(piece) = inflater.inflate(&mut payload).unwrap() {
                len += piece.len();
            }
        }
        inflater.finish().unwrap();
        assert_eq!(len, 1 << 30);
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            let grown = after.saturating_sub(before);
            assert!(grown <= 512, "{grown} KiB");
        }
    }
}

/// The peak memory of the process, where the system reports it. Linux updates it now and then, so a
/// later value may be a little lower.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
