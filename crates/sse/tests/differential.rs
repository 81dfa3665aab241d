//! The decoder against the oracle: over all short streams of an alphabet, and over random bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use proptest::prelude::*;
use support::{decode, decode_data};
use tidings_sse::Limits;
use tidings_testkit::event_stream::{DataAs, Heard, interpret};

/// Enough to build every field and every way of breaking one.
const ALPHABETS: [[&[u8]; 7]; 4] = [
    [b"\r", b"\n", b":", b" ", b"data", b"x", b"\xEF\xBB\xBF"],
    [b"\r", b"\n", b":", b"id", b"\0", b"data", b"7"],
    [b"\r", b"\n", b": ", b"event", b"data", b"e", b"retry"],
    [b"\r\n", b"\n", b"data:", b"\xE2", b"\x82", b"\xF0\x9F", b"id:"],
];

fn compare_all_streams(symbols: usize, cuts: bool) {
    for alphabet in ALPHABETS {
        for number in 0..7usize.pow(u32::try_from(symbols).unwrap()) {
            let mut number = number;
            let mut stream = Vec::new();
            for _ in 0..symbols {
                stream.extend_from_slice(alphabet[number % 7]);
                number /= 7;
            }
            let expected = interpret(&stream, "");
            assert_eq!(decode(Limits::DEFAULT, [&stream[..]]), expected, "{stream:?}");
            assert_eq!(decode(Limits::DEFAULT, stream.chunks(1)), expected, "{stream:?}");
            if cuts {
                for cut in 1..stream.len() {
                    let (head, tail) = stream.split_at(cut);
                    let outcome = decode(Limits::DEFAULT, [head, tail]);
                    assert_eq!(outcome, expected, "{stream:?} cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn short_streams_are_read_as_the_standard_says() {
    for symbols in 0..=3 {
        compare_all_streams(symbols, true);
    }
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_short_streams_are_read_as_the_standard_says() {
    for symbols in 0..=6 {
        compare_all_streams(symbols, symbols <= 5);
    }
}

/// Streams of lines that mean something, with noise in between.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"data: ".to_vec()),
        2 => Just(b"event:".to_vec()),
        2 => Just(b"id: ".to_vec()),
        1 => Just(b"retry:".to_vec()),
        1 => Just(b":".to_vec()),
        4 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        2 => Just(b"\r".to_vec()),
        3 => Just(b"\n\n".to_vec()),
        1 => Just(b"\0".to_vec()),
        2 => "[0-9a-z ]{0,30}".prop_map(String::into_bytes),
        2 => "\\PC{0,12}".prop_map(String::into_bytes),
        2 => proptest::collection::vec(any::<u8>(), 0..6),
        1 => proptest::collection::vec(0x80u8.., 0..6),
    ];
    let start = prop_oneof![3 => Just(&b""[..]), 1 => Just(&b"\xEF\xBB\xBF"[..])];
    (start, proptest::collection::vec(piece, 0..40))
        .prop_map(|(start, pieces)| [start, &pieces.concat()].concat())
}

/// The stream in slices of these lengths, over and over.
fn cut<'a>(stream: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
    let mut slices = Vec::new();
    let mut rest = stream;
    for len in lens.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (slice, after) = rest.split_at(rest.len().min(*len));
        slices.push(slice);
        rest = after;
    }
    slices
}

fn slice_lens() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1..40usize, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_streams_are_read_as_the_standard_says(stream in stream(), lens in slice_lens()) {
        let expected = interpret(&stream, "");
        prop_assert_eq!(&decode(Limits::DEFAULT, [&stream[..]]), &expected);
        let slices = cut(&stream, &lens);
        prop_assert_eq!(&decode(Limits::DEFAULT, slices.iter().copied()), &expected);
    }

    /// The split of the input makes no difference to the limits either, nor does the storage.
    #[test]
    fn limits_strike_at_the_same_place_at_every_cut(
        stream in stream(),
        lens in slice_lens(),
        [line, data, event_type, id, comment] in proptest::array::uniform5(0..24usize),
    ) {
        let limits = Limits::DEFAULT
            .max_line_len(line + 4)
            .max_data_len(data)
            .max_event_type_len(event_type)
            .max_last_event_id_len(id)
            .max_comment_len(comment);
        for data_as in [DataAs::Whole, DataAs::Parts] {
            let whole = decode_data(limits, [&stream[..]], data_as);
            let slices = cut(&stream, &lens);
            prop_assert_eq!(&decode_data(limits, slices.iter().copied(), data_as), &whole);
            prop_assert_eq!(&decode_data(limits, stream.chunks(1), data_as), &whole);
        }
    }

    /// E-004: U+FFFD is put where `String::from_utf8_lossy` puts it in the whole stream.
    #[test]
    fn malformed_text_is_replaced_as_in_a_whole_string(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..5),
        lens in slice_lens(),
    ) {
        let mut stream = Vec::new();
        for line in &lines {
            stream.extend_from_slice(b"data: ");
            stream.extend(line.iter().map(|byte| match byte { b'\r' | b'\n' => &b'.', byte => byte }));
            stream.push(b'\n');
        }
        stream.push(b'\n');
        let text = String::from_utf8_lossy(&stream);
        let data: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let slices = cut(&stream, &lens);
        let outcome = decode(Limits::DEFAULT, slices.iter().copied());
        prop_assert_eq!(outcome.heard, [Heard::event("message", &data.join("\n"), "")]);
    }
}
