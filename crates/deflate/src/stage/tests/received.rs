//! Payloads from a peer, legal or not.

use std::vec;
use std::vec::Vec;

use super::*;

/// D-026, D-027, D-031: the vectors of RFC 7692, 7.2.3, at every cut.
#[test]
fn the_examples_of_the_rfc_inflate() {
    for &backend in BACKENDS {
        let vectors: [(&str, &[u8], &[u8]); 6] = [
            ("7.2.3.1", b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
            ("7.2.3.3", b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),
            ("7.2.3.4", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
            ("7.2.3.5", b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),
            ("7.2.3.6", b"\x00", b""),
            ("7.2.3.6, taken to its end", b"", b""),
        ];
        for (section, payload, message) in vectors {
            assert_eq!(
                inflate_at_every_cut(|| inflater(backend), payload).as_deref(),
                Ok(message),
                "{section}"
            );
        }
    }
}

/// D-026, D-029, D-032, D-034: RFC 7692, 7.2.3.2: the second "Hello" refers back to the first.
#[test]
fn the_window_is_kept_from_message_to_message() {
    for &backend in BACKENDS {
        let kept = || {
            let mut inflater = inflater(backend);
            let first = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
            assert_eq!(inflate(&mut inflater, [&first[..]]).unwrap(), b"Hello");
            inflater
        };
        let second = b"\xf2\x00\x11\x00\x00";
        assert_eq!(inflate_at_every_cut(kept, second).unwrap(), b"Hello");
        // D-034: an empty message in between changes nothing, in either form.
        for empty in [&b"\x00"[..], b""] {
            let mut inflater = kept();
            assert_eq!(inflate(&mut inflater, [empty]).unwrap(), b"");
            assert_eq!(inflate(&mut inflater, [&second[..]]).unwrap(), b"Hello");
        }
        // D-029: with no context takeover it refers back to nothing.
        let mut fresh = Inflater::new(backend, Direction::new(WindowBits::MAX, false), LIMIT);
        inflate(&mut fresh, [&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..]]).unwrap();
        assert!(matches!(inflate(&mut fresh, [&second[..]]), Err(InflateError::Corrupt { .. })));
    }
}

/// D-027: a final block in any position, with and without more after it, in one window.
#[test]
fn final_blocks_end_no_message_and_no_window() {
    for &backend in BACKENDS {
        let cases = [
            (
                Blocks::new().stored(b"abcdef", true).fixed(b"x", &[7], true).stripped(),
                "abcdefxabc",
            ),
            (
                Blocks::new().fixed(b"abc", &[], true).fixed(b"", &[3, 6], false).stripped(),
                "abcabcabc",
            ),
            (Blocks::new().fixed(b"", &[], true).stored(b"z", true).stripped(), "z"),
            (
                Blocks::new().stored(b"", true).stored(b"", true).fixed(b"q", &[], true).stripped(),
                "q",
            ),
            // The empty block at the end is itself final, and its tail is not sent.
            (Blocks::new().fixed(b"ab", &[], false).stored_final_stripped(), "ab"),
            (b"\x01".to_vec(), ""),
            // Without the empty block at the end.
            (Blocks::new().fixed(b"Hello", &[], true).bytes, "Hello"),
            (Blocks::new().stored(b"Hello", true).bytes, "Hello"),
            (Blocks::new().stored(b"He", false).fixed(b"llo", &[], true).bytes, "Hello"),
            // The tail inside a message is an empty block like any other.
            (
                Blocks::new()
                    .stored(b"", false)
                    .fixed(b"a", &[], false)
                    .stored(b"", false)
                    .stripped(),
                "a",
            ),
            // A message that ends like a tail.
            (Blocks::new().stored(b"\x00\x00\xFF\xFF", false).stripped(), "\0\0\u{ff}\u{ff}"),
        ];
        for (payload, message) in cases {
            let message: Vec<u8> =
                message.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            let after = Blocks::new().fixed(b"", &[1], false).stripped();
            assert_eq!(
                inflate_at_every_cut(|| inflater(backend), &payload).unwrap(),
                message,
                "{payload:x?}"
            );
            assert_eq!(Strict::new(32768).message(&payload).unwrap(), message, "{payload:x?}");
            // The next message still reaches this one.
            let mut inflater = inflater(backend);
            for released in [false, true] {
                inflate(&mut inflater, [&payload[..]]).unwrap();
                if released {
                    let state = inflater.release().unwrap();
                    inflater.supply(state);
                }
                if let Some(last) = message.last() {
                    let repeated = inflate(&mut inflater, [&after[..]]);
                    assert_eq!(repeated.as_deref(), Ok(&[*last; 3][..]), "{payload:x?}");
                }
            }
        }
    }
}

/// D-031: a message that is not a whole number of blocks is refused, and does not run into the next
/// message.
#[test]
fn a_message_that_ends_inside_a_block_is_refused() {
    for &backend in BACKENDS {
        let whole: [&[u8]; 4] = [
            b"\xf2\x48\xcd\xc9\xc9\x07\x00",
            b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
            b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        ];
        for whole in whole {
            for len in 1..whole.len() {
                // Some beginnings are whole messages themselves; the strict decompressor knows.
                let expected = Strict::new(32768).message(&whole[..len]).ok();
                let actual = inflate_at_every_cut(|| inflater(backend), &whole[..len]);
                assert_eq!(actual.clone().ok(), expected, "{:x?}: {actual:?}", &whole[..len]);
            }
        }
        // Four bytes are missing from a stored block: the tail would fill it.
        let short = b"\x00\x05\x00\xfa\xff\x48";
        assert_eq!(
            inflate_at_every_cut(|| inflater(backend), short),
            Err(InflateError::Truncated { len: short.len() as u64 })
        );
        // Bytes after the end that begin no block.
        for after in [b"\x07", b"\xff"] {
            let payload = [&b"\xf3\x48\xcd\xc9\xc9\x07\x00"[..], after].concat();
            assert!(inflate_at_every_cut(|| inflater(backend), &payload).is_err());
        }
    }
}

/// Against the strict decompressor: every byte of a message replaced by others.
#[test]
fn a_wrong_byte_gives_what_the_strict_decompressor_gives() {
    wrong_bytes(37);
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_a_wrong_byte_gives_what_the_strict_decompressor_gives() {
    wrong_bytes(1);
}

fn wrong_bytes(step: usize) {
    for &backend in BACKENDS {
        for whole in [text(1, 300), [text(2, 120), noise(2, 60)].concat(), vec![b'a'; 3000]] {
            let mut payload = vec![];
            assert!(deflater(backend, Direction::UNLIMITED).message(&whole, &mut payload));
            for index in 0..payload.len() {
                for value in (0..=255_u8).step_by(step) {
                    let mut wrong = payload.clone();
                    wrong[index] = value;
                    check_against_strict(backend, &wrong);
                }
            }
        }
    }
}

/// The limit counts the output: `n` is accepted, `n + 1` is not, wherever the fragments are split.
#[test]
fn the_limit_is_exact() {
    for &backend in BACKENDS {
        for len in [1_u64, 2, 100, 16_383, 16_384, 16_385, 70_000] {
            let message = text(3, usize::try_from(len).unwrap());
            let mut payload = vec![];
            let mut deflater = deflater(backend, Direction::UNLIMITED);
            deflater.deflate(&message, &mut payload).unwrap();
            deflater.finish(&mut payload).unwrap();
            let stored =
                message.chunks(60_000).fold(Blocks::new(), |all, part| all.stored(part, false));
            for payload in [payload, stored.stripped()] {
                for chunk_len in [1, 1000, usize::MAX] {
                    let limited = |limit| {
                        let mut inflater = Inflater::new(backend, Direction::UNLIMITED, limit);
                        let first = inflate(&mut inflater, payload.chunks(chunk_len));
                        (first, inflate(&mut inflater, [&b"\x00"[..]]))
                    };
                    assert_eq!(limited(len), (Ok(message.clone()), Ok(vec![])));
                    // The error stays.
                    let error = InflateError::TooLong { max_len: len - 1 };
                    assert_eq!(limited(len - 1), (Err(error), Err(error)));
                }
            }
        }
        let mut nothing = Inflater::new(backend, Direction::UNLIMITED, 0);
        assert_eq!(inflate(&mut nothing, [&b"\x00"[..]]), Ok(vec![]));
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        let error = InflateError::TooLong { max_len: 0 };
        assert_eq!(inflate(&mut nothing, [&hello[..]]), Err(error));
    }
}

#[test]
fn a_message_that_was_not_read_to_its_end_is_the_callers_fault() {
    for &backend in BACKENDS {
        let mut payload = vec![];
        assert!(deflater(backend, Direction::UNLIMITED).message(&[7; 100_000], &mut payload));
        let mut inflater = inflater(backend);
        assert_eq!(inflater.inflate(&mut &payload[..]).unwrap().unwrap().len(), MAX_PIECE_LEN);
        assert_eq!(inflater.finish(), Err(InflateError::PieceLeft));
    }
}

/// D-033: where no window was negotiated, a match may reach 32,768 bytes back, also into an earlier
/// message, also after the state was given away.
#[test]
fn the_whole_window_can_be_read() {
    for &backend in BACKENDS {
        for released in [false, true] {
            for piece_len in [1 << 20, 1000] {
                let mut inflater = inflater(backend);
                let first = noise(9, 32_768);
                let stored = Blocks::new().stored(&first, false).stripped();
                assert_eq!(inflate(&mut inflater, stored.chunks(piece_len)).unwrap(), first);
                if released {
                    let state = inflater.release().unwrap();
                    assert_eq!(inflater.history_capacity(), 32_768);
                    inflater.supply(state);
                }
                let far = Blocks::new().fixed(b"", &[32_768], false).stripped();
                assert_eq!(inflate(&mut inflater, [&far[..]]).unwrap(), first[..3]);
                let too_far = Blocks::new().fixed(b"", &[32_768], false);
                assert_eq!(inflate(&mut inflater, [&too_far.stripped()[..]]).unwrap(), first[3..6]);
            }
        }
        let beyond = Blocks::new().fixed(b"ab", &[3], false).stripped();
        let result = inflate_at_every_cut(|| inflater(backend), &beyond);
        assert!(matches!(result, Err(InflateError::Corrupt { .. })), "{result:?}");
    }
}
