//! Small input spaces, tried whole. The long ones run in an optimised build with all checks on:
//! `cargo test --profile checked -p tidings-frame -- --ignored`.

use std::vec::Vec;

use crate::utf8::tests::{in_chunks, oracle};
use crate::*;

/// The rules of RFC 6455, 5.2 and 5.5 for a header's first two bytes, in order.
fn expected(first: u8, second: u8, rsv_allowed: u8) -> Result<(), HeaderError> {
    let (opcode, length) = (first & 0x0F, second & 0x7F);
    if first & 0x70 & !rsv_allowed != 0 {
        return Err(HeaderError::ReservedBits { rsv: rsv(first) });
    }
    let control = match opcode {
        0..=2 => None,
        8 => Some(ControlOpcode::Close),
        9 => Some(ControlOpcode::Ping),
        10 => Some(ControlOpcode::Pong),
        bits => return Err(HeaderError::ReservedOpcode { bits }),
    };
    match control {
        Some(opcode) if first & 0x80 == 0 => Err(HeaderError::FragmentedControl { opcode }),
        Some(opcode) if length > 125 => Err(HeaderError::OversizedControl { opcode }),
        _ => Ok(()),
    }
}

fn rsv(first: u8) -> Rsv {
    [(0x40, Rsv::RSV1), (0x20, Rsv::RSV2), (0x10, Rsv::RSV3)]
        .into_iter()
        .filter(|(bit, _)| first & bit != 0)
        .fold(Rsv::NONE, |all, (_, bit)| all | bit)
}

/// W-063, W-064, W-073, W-082, D-010: all 65,536 first two bytes, with and without RSV1
/// negotiated, against the table; and through the decoder, byte by byte.
#[test]
fn all_first_two_bytes_are_checked_against_the_table() {
    for (rsv_allowed, allowed_bits) in [(Rsv::NONE, 0), (Rsv::RSV1, 0x40)] {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let outcome = expected(first, second, allowed_bits);
                // After the first two bytes: a length that needs its form, and a masking key.
                let mut bytes = std::vec![first, second];
                match second & 0x7F {
                    126 => bytes.extend(126u16.to_be_bytes()),
                    127 => bytes.extend(65536u64.to_be_bytes()),
                    _ => {}
                }
                if second & 0x80 != 0 {
                    bytes.extend([1, 2, 3, 4]);
                }
                let parsed = Header::parse(&bytes, rsv_allowed);
                match (outcome, parsed) {
                    (Ok(()), Ok(ParsedHeader::Complete { header, header_len })) => {
                        assert_eq!(header_len, bytes.len());
                        assert_eq!(*header.encode(), bytes[..]);
                        assert_eq!(header.rsv(), rsv(first));
                        assert_eq!(header.fin(), first & 0x80 != 0);
                        assert_eq!(header.masking_key().is_some(), second & 0x80 != 0);
                    }
                    (Err(outcome), parsed) => assert_eq!(parsed, Err(outcome)),
                    (outcome, parsed) => panic!("{bytes:x?}: {outcome:?}, {parsed:?}"),
                }

                let mut decoder = Decoder::new(PayloadLimit::UNBOUNDED, rsv_allowed);
                let error = bytes.iter().find_map(|&byte| {
                    let mut byte = [byte];
                    let mut input = &mut byte[..];
                    decoder.decode(&mut input).err()
                });
                let kind = outcome.err().map(DecodeErrorKind::Header);
                assert_eq!(error.map(|error| error.kind), kind, "{bytes:x?}");
            }
        }
    }
}

/// W-096: all strings of up to two bytes, whole and cut; longer ones in `exhaustive_utf8`.
#[test]
fn all_short_strings_are_valid_as_core_says() {
    assert_as_core(&[]);
    for a in 0..=u8::MAX {
        assert_as_core(&[a]);
        for b in 0..=u8::MAX {
            assert_as_core(&[a, b]);
        }
    }
}

/// W-096: all strings of three bytes, and all of four bytes that begin with E0 to F7.
#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_utf8() {
    for abc in 0..1u32 << 24 {
        let [_, a, b, c] = abc.to_be_bytes();
        assert_as_core(&[a, b, c]);
    }
    for a in 0xE0..=0xF7 {
        for bcd in 0..1u32 << 24 {
            let [_, b, c, d] = bcd.to_be_bytes();
            let bytes = [a, b, c, d];
            let expected = core::str::from_utf8(&bytes).is_ok();
            assert_eq!(is_valid([&bytes[..]]), expected, "{bytes:x?}");
            let (head, tail) = bytes.split_at(usize::from(d % 4));
            assert_eq!(is_valid([head, tail]), expected, "{bytes:x?} cut");
            assert_eq!(is_valid(bytes.chunks(1)), expected, "{bytes:x?} byte by byte");
        }
    }
}

fn is_valid<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut validator = Utf8Validator::new();
    chunks.into_iter().all(|chunk| validator.push(chunk).is_ok()) && validator.finish().is_ok()
}

/// At every cut, and between other text: the same text or the same fault as in `core`.
fn assert_as_core(bytes: &[u8]) {
    let expected = oracle(bytes);
    for cut in 0..=bytes.len() {
        let chunks = [&bytes[..cut], &bytes[cut..]];
        assert_eq!(in_chunks(chunks), expected, "{bytes:x?} cut at {cut}");
    }
    let framed: Vec<u8> = [b"a", bytes, b"z"].concat();
    assert_eq!(in_chunks([&framed[..]]), oracle(&framed), "{framed:x?}");
}
