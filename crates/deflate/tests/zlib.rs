//! Conversations that C zlib compressed, with each strategy, level and kind of flush that a peer may
//! use; they have to be read in any fragments, and also if the state is given away in between.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]
#![cfg(any(feature = "zlib-rs", feature = "miniz_oxide"))]

use tidings_deflate::{Backend, Direction, InflateError, Inflater, WindowBits};

const BACKENDS: &[Backend] = &[
    #[cfg(feature = "zlib-rs")]
    Backend::ZlibRs,
    #[cfg(feature = "miniz_oxide")]
    Backend::MinizOxide,
];

const CONVERSATIONS: &str = include_str!("data/zlib_conversations.txt");

/// D-012, D-027, D-029, D-031, D-032, D-034
#[test]
fn conversations_of_c_zlib_are_read() {
    for &backend in BACKENDS {
        let mut messages = 0;
        for fragment_len in [1, 2, 7, usize::MAX] {
            for released in [false, true] {
                let mut inflater = None;
                for line in CONVERSATIONS.lines().filter(|line| !line.starts_with('#')) {
                    if let Some(parameters) = line.strip_prefix("conversation ") {
                        let (bits, takeover) = parameters.split_once(' ').unwrap();
                        let window_bits = WindowBits::new(bits.parse().unwrap()).unwrap();
                        let direction = Direction::new(window_bits, takeover == "1");
                        inflater = Some(Inflater::new(backend, direction, 1 << 16));
                        continue;
                    }
                    let inflater = inflater.as_mut().unwrap();
                    let (payload, message) = line.split_once(' ').unwrap();
                    let actual = inflate(inflater, bytes(payload).chunks(fragment_len));
                    assert_eq!(actual, Ok(bytes(message)), "{line}");
                    if released {
                        inflater.release();
                    }
                    messages += 1;
                }
            }
        }
        assert_eq!(messages, 8 * 80);
    }
}

fn inflate<'a>(
    inflater: &mut Inflater,
    fragments: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, InflateError> {
    let mut message = Vec::new();
    for mut payload in fragments {
        while let Some(piece) = inflater.inflate(&mut payload)? {
            message.extend_from_slice(piece);
        }
    }
    inflater.finish()?;
    Ok(message)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.bytes().filter_map(|digit| char::from(digit).to_digit(16)?.try_into().ok()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
