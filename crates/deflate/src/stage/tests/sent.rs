//! Payloads that we send.

use std::vec;
use std::vec::Vec;

use super::*;

/// D-026, D-034: the tail is stripped, from the end alone; an empty message is one byte.
#[test]
fn a_deflated_message_ends_without_its_tail() {
    for &backend in BACKENDS {
        let mut deflater = deflater(backend, Direction::UNLIMITED);
        let mut out = vec![];
        for _ in 0..3 {
            deflater.finish(&mut out).unwrap();
            deflater.deflate(b"", &mut out).unwrap();
            assert_eq!(out, [0]);
            out.clear();
            deflater.deflate(b"Hello", &mut out).unwrap();
            deflater.finish(&mut out).unwrap();
            assert!(!out.ends_with(&TAIL), "{out:x?}");
            assert_eq!(out.last(), Some(&0));
            out.clear();
        }
    }
}

/// D-008, D-028, D-029, D-030: for every window and both kinds of takeover, a receiver with exactly
/// that window can read the output, whatever was sent before.
#[test]
fn no_match_reaches_beyond_the_agreed_window() {
    reach(&[1, 6], |window_len| vec![window_len - 300, window_len + 1]);
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_no_match_reaches_beyond_the_agreed_window() {
    reach(&[1, 2, 3, 4, 5, 6, 7, 8, 9], |window_len| {
        (window_len - 300..window_len + 10).step_by(3).chain([window_len * 2]).collect()
    });
}

/// The repetition is just within, at, and just beyond the window.
fn reach(levels: &[u8], distances: fn(usize) -> Vec<usize>) {
    for (backend, window_bits) in
        BACKENDS.iter().flat_map(|backend| windows(*backend).map(|bits| (*backend, bits)))
    {
        for context_takeover in [false, true] {
            for level in levels.iter().copied() {
                let direction = Direction::new(window_bits, context_takeover);
                let config = DeflateConfig {
                    level: Level::new(level).unwrap(),
                    ..DeflateConfig::new(backend)
                };
                let mut deflater = Deflater::new(direction, config).unwrap();
                let mut strict = Strict::new(window_bits.window_len());
                for distance in distances(window_bits.window_len()) {
                    let unit = noise(u64::from(level), distance);
                    let message = [&unit[..], &unit[..unit.len().min(2000)]].concat();
                    let mut payload = vec![];
                    deflater.deflate(&message, &mut payload).unwrap();
                    deflater.finish(&mut payload).unwrap();
                    if !context_takeover {
                        strict.history.clear();
                    }
                    assert_eq!(
                        strict.message(&payload),
                        Ok(message),
                        "{backend:?} {direction:?} {level}"
                    );
                }
                // The test would mean nothing if the compressor never looked that far. zlib's own
                // limit is 262 bytes nearer than the window; level 1 looks into few places.
                let reached = strict.max_distance;
                let share = if level == 1 { 16 } else { 3 };
                assert!(
                    reached >= window_bits.window_len() / share,
                    "{backend:?} {direction:?} {level}: {reached}"
                );
            }
        }
    }
}

/// D-016: smaller windows than the backend keeps are refused, not enlarged.
#[test]
fn a_window_that_the_backend_cannot_keep_is_refused() {
    for &backend in BACKENDS {
        for bits in 8..=15 {
            let window_bits = WindowBits::new(bits).unwrap();
            let possible = window_bits >= backend.min_window_bits();
            let direction = Direction::new(window_bits, true);
            assert_eq!(Deflater::new(direction, DeflateConfig::new(backend)).is_ok(), possible);
            assert_eq!(DeflateState::new(backend, window_bits, Level::DEFAULT).is_ok(), possible);
            let error =
                UnsupportedWindow { window_bits, min_window_bits: backend.min_window_bits() };
            if !possible {
                assert_eq!(
                    Deflater::new(direction, DeflateConfig::new(backend)).unwrap_err(),
                    error
                );
            }
        }
    }
}

/// D-035: a message that may not be compressed does not go to the deflater; one that need not be is
/// refused.
#[test]
fn short_and_incompressible_messages_go_uncompressed() {
    for &backend in BACKENDS {
        for context_takeover in [false, true] {
            let direction = Direction::new(WindowBits::MAX, context_takeover);
            let mut deflater = Deflater::new(direction, DeflateConfig::new(backend)).unwrap();
            let mut strict = Strict::new(32_768);
            let mut out = b"kept".to_vec();
            assert!(!deflater.message(&[b'a'; 1023], &mut out));
            assert!(deflater.needs_state(), "nothing was allocated for it");
            assert!(deflater.message(&[b'a'; 1024], &mut out));
            assert_eq!(strict.message(&out[4..]).unwrap(), [b'a'; 1024]);
            out.truncate(4);
            let noise = noise(11, 5000);
            assert!(!deflater.message(&noise, &mut out));
            assert_eq!(out, b"kept");
            // The peer has not seen `noise`: the next message must not refer back to it.
            assert!(deflater.message(&[&noise[..2000], &[0; 2000]].concat(), &mut out));
            if !context_takeover {
                strict.history.clear();
            }
            assert_eq!(strict.message(&out[4..]).unwrap(), [&noise[..2000], &[0; 2000]].concat());
        }
    }
}

#[test]
fn incompressible_bytes_grow_little() {
    for &backend in BACKENDS {
        for window_bits in [backend.min_window_bits(), WindowBits::MAX] {
            for level in [1, 6] {
                let mut deflater = Deflater::new(
                    Direction::new(window_bits, true),
                    DeflateConfig {
                        level: Level::new(level).unwrap(),
                        ..DeflateConfig::new(backend)
                    },
                )
                .unwrap();
                for len in [1, 10, 1000, 40_000] {
                    let mut out = vec![];
                    deflater.deflate(&noise(len, usize::try_from(len).unwrap()), &mut out).unwrap();
                    deflater.finish(&mut out).unwrap();
                    let growth = (out.len() as u64).saturating_sub(len);
                    // Level 1 of zlib-rs has codes of up to 9 bits for a byte, and no stored blocks.
                    let share = if level == 1 { 8 } else { 32 };
                    assert!(growth <= 10 + len / share, "{window_bits} {level}: {len} + {growth}");
                }
            }
        }
    }
}

/// One message for many: every connection that agreed to a window that is large enough can read it,
/// whatever was sent before and after.
#[test]
fn a_shared_message_fits_into_any_conversation() {
    for &backend in BACKENDS {
        let news = text(21, 3000);
        for window_bits in windows(backend) {
            let mut state = DeflateState::new(backend, window_bits, Level::DEFAULT).unwrap();
            let shared = SharedMessage::compress(&mut state, &news).unwrap();
            assert!(shared.payload_len() < news.len());
            assert_eq!(shared.window_bits(), window_bits.min(WindowBits::TWELVE));
            for peer_bits in windows(backend).step_by(3) {
                for context_takeover in [false, true] {
                    let mut deflater =
                        deflater(backend, Direction::new(peer_bits, context_takeover));
                    let mut strict = Strict::new(peer_bits.window_len());
                    for round in 0..3 {
                        let own = text(round, 2000);
                        let mut payload = vec![];
                        deflater.deflate(&own, &mut payload).unwrap();
                        assert!(deflater.admit(&shared).is_none(), "a message is open");
                        deflater.finish(&mut payload).unwrap();
                        if !context_takeover {
                            strict.history.clear();
                        }
                        assert_eq!(strict.message(&payload).unwrap(), own);
                        match deflater.admit(&shared) {
                            Some(payload) => assert_eq!(strict.message(payload).unwrap(), news),
                            None => assert!(peer_bits < shared.window_bits()),
                        }
                    }
                }
            }
            assert_eq!(SharedMessage::compress(&mut state, &noise(1, 100)), None);
            assert_eq!(SharedMessage::compress(&mut state, b""), None);
        }
        // A short message needs a small window only.
        let mut state = DeflateState::new(backend, WindowBits::MAX, Level::DEFAULT).unwrap();
        let short = SharedMessage::compress(&mut state, &[b'a'; 256]).unwrap();
        assert_eq!(short.window_bits(), WindowBits::MIN);
        let longer = SharedMessage::compress(&mut state, &[b'a'; 257]).unwrap();
        assert_eq!(longer.window_bits().get(), 9);
    }
}

#[test]
fn a_state_of_a_larger_window_is_not_taken() {
    for &backend in BACKENDS {
        for state_bits in windows(backend) {
            for bits in windows(backend) {
                let state = DeflateState::new(backend, state_bits, Level::DEFAULT).unwrap();
                let taken = deflater(backend, Direction::new(bits, true)).supply(state).is_ok();
                assert_eq!(taken, state_bits <= bits);
            }
        }
    }
}
