//! Shared code of the tests of the stage.

use std::format;
use std::vec;
use std::vec::Vec;

use super::bits::Blocks;
use super::strict::Strict;
use super::*;
use crate::negotiated::Direction;
use crate::window_bits::{UnsupportedWindow, WindowBits};

mod conversation;
mod pool;
mod received;
mod sent;

const LIMIT: u64 = 1 << 20;

/// All tests are for each of them.
const BACKENDS: &[Backend] = &[
    #[cfg(feature = "zlib-rs")]
    Backend::ZlibRs,
    #[cfg(feature = "miniz_oxide")]
    Backend::MinizOxide,
];

fn inflater(backend: Backend) -> Inflater {
    Inflater::new(backend, Direction::UNLIMITED, LIMIT)
}

/// The message in these fragments.
fn inflate<'a>(
    inflater: &mut Inflater,
    fragments: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, InflateError> {
    let mut message = vec![];
    for mut fragment in fragments {
        while let Some(piece) = inflater.inflate(&mut fragment)? {
            assert!(!piece.is_empty() && piece.len() <= MAX_PIECE_LEN);
            message.extend_from_slice(piece);
        }
    }
    inflater.finish()?;
    Ok(message)
}

/// The same for every cut, and byte by byte.
fn inflate_at_every_cut(
    make: impl Fn() -> Inflater,
    payload: &[u8],
) -> Result<Vec<u8>, InflateError> {
    let expected = inflate(&mut make(), [payload]);
    for cut in 0..=payload.len() {
        let (before, after) = payload.split_at(cut);
        same(&inflate(&mut make(), [before, &[], after]), &expected);
    }
    same(&inflate(&mut make(), payload.chunks(1)), &expected);
    expected
}

fn same(actual: &Result<Vec<u8>, InflateError>, expected: &Result<Vec<u8>, InflateError>) {
    match (actual, expected) {
        // How far a corrupt message was taken before the fault showed depends on the cuts.
        (Err(InflateError::Corrupt { .. }), Err(InflateError::Corrupt { .. })) => {}
        _ => assert_eq!(actual, expected),
    }
}

fn deflater(backend: Backend, direction: Direction) -> Deflater {
    let config = DeflateConfig { threshold: 0, ..DeflateConfig::new(backend) };
    Deflater::new(direction, config).unwrap()
}

/// In which it compresses.
fn windows(backend: Backend) -> impl Iterator<Item = WindowBits> {
    (backend.min_window_bits().get()..=15).filter_map(WindowBits::new)
}

/// Text that compresses like JSON, from a seed.
fn text(seed: u32, len: usize) -> Vec<u8> {
    let words =
        ["\"id\":", "{", "}", ",\"name\":\"", "alpha", "beta", "\",", "null", "12", "[", "]"];
    let mut state = seed | 1;
    let mut out = vec![];
    while out.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend(words[(state >> 16) as usize % words.len()].as_bytes());
        if state >> 28 == 0 {
            out.extend(format!("{state:x}").bytes());
        }
    }
    out.truncate(len);
    out
}

/// Bytes that do not compress, from a seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// We accept everything that the strict decompressor accepts. Conversely, it is less strict than a
/// backend about some codes; a backend may not be laxer in its output.
fn check_against_strict(backend: Backend, payload: &[u8]) {
    let strict = Strict::new(32768).message(payload);
    let actual = inflate(&mut inflater(backend), [payload]);
    if let Ok(message) = &actual {
        assert_eq!(strict.as_ref(), Ok(message), "{payload:x?}");
    }
}
