//! The exact limits of a stream, and how it continues when they are exceeded.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use support::{decode_at_every_cut, decode_data};
use tidings_sse::{
    Decoder, EventId, FixedStorage, Item, Limit, LimitExceeded, Limits, ReconnectionTime,
};
use tidings_testkit::event_stream::{DataAs, Heard, Outcome};

fn over(limit: Limit, max_len: usize) -> Heard {
    Heard::Overflow(LimitExceeded { limit, max_len })
}

/// Limits so far away that a test is of one limit.
fn limits() -> Limits {
    Limits::DEFAULT
}

/// The limit is accepted, one byte more is refused, in order, and the stream continues. After
/// a blank line the result is the same as at the start of the stream, although an event that is
/// whole in the input takes another path.
#[test]
fn each_limit_is_exact() {
    type Case = (Limit, usize, &'static [u8], &'static [u8]);
    let cases: [Case; 12] = [
        (Limit::Line, 10, b"data: 2345", b"data: 23456"),
        (Limit::Line, 10, b"data:12345\n:123456789", b"data:1\n:1234567890"),
        (Limit::Line, 10, b"data\nretry:7890", b"data\nretry:78901"),
        (Limit::Data, 10, b"data: 1234\ndata: 67890", b"data: 1234\ndata: 678901"),
        (Limit::Data, 2, b"data\ndata\ndata", b"data\ndata\ndata\ndata"),
        (Limit::Data, 6, b"data: \xFF\xFF", b"data: \xFF\xFFx"),
        (Limit::EventType, 4, b"event: 1234\ndata", b"event: 12345\ndata"),
        (Limit::EventType, 4, b"event: \xFFx\ndata", b"event: \xFFxx\ndata"),
        (Limit::LastEventId, 4, b"id: 1234\ndata", b"id: 12345\ndata"),
        (Limit::LastEventId, 4, b"id: \xFFx\ndata", b"id: \xFFxx\ndata"),
        (Limit::Data, 10, b"data: 1234567890", b"data: 12345678901"),
        (Limit::Line, 16, b"data: 1234567890", b"data: 12345678901"),
    ];
    for (limit, max_len, within, beyond) in cases {
        let limits = match limit {
            Limit::Line => limits().max_line_len(max_len),
            Limit::Data => limits().max_data_len(max_len),
            Limit::EventType => limits().max_event_type_len(max_len),
            _ => limits().max_last_event_id_len(max_len),
        };
        for before in [&b""[..], b"\n"] {
            let stream = [before, within, b"\n\ndata: ok\n\n"].concat();
            let outcome = decode_at_every_cut(limits, &stream);
            assert_eq!(outcome.events().len(), 2, "{within:?}");
            assert!(!outcome.heard.contains(&over(limit, max_len)), "{within:?}");

            let stream = [before, beyond, b"\n\nid:\ndata: ok\n\n"].concat();
            let outcome = decode_at_every_cut(limits, &stream);
            let is_refusal = |heard: &&Heard| **heard == over(limit, max_len);
            assert_eq!(outcome.heard.iter().filter(is_refusal).count(), 1, "{beyond:?}");
            assert_eq!(outcome.events(), [&Heard::event("message", "ok", "")], "{beyond:?}");
        }
    }
}

#[test]
fn a_long_comment_costs_the_comment_only() {
    let limits = limits().max_comment_len(4);
    let stream = b"data: a\n: 1234\n: 12345\n:12345\n: \xFFx\n: \xFFxx\ndata: b\n\n";
    let outcome = decode_at_every_cut(limits, stream);
    let expected = [
        Heard::Comment("1234".to_owned()),
        over(Limit::Comment, 4),
        over(Limit::Comment, 4),
        Heard::Comment("\u{FFFD}x".to_owned()),
        over(Limit::Comment, 4), // with U+FFFD for its malformed byte
        Heard::event("message", "a\nb", ""),
    ];
    assert_eq!(outcome.heard, expected);
}

#[test]
fn an_id_and_a_retry_count_in_an_event_over_a_limit() {
    let limits = limits().max_data_len(3);
    let outcome =
        decode_at_every_cut(limits, b"id: 7\ndata: long\nretry: 5\ndata: x\n\ndata: ok\n\n");
    let expected = [over(Limit::Data, 3), Heard::Retry(5), Heard::event("message", "ok", "7")];
    assert_eq!(outcome.heard, expected);
}

#[test]
fn an_id_over_its_limit_leaves_the_last_one() {
    let limits = limits().max_last_event_id_len(2);
    let outcome = decode_at_every_cut(limits, b"id: 7\ndata\n\nid: 123\ndata\n\ndata: ok\n\n");
    let expected = [
        Heard::event("message", "", "7"),
        over(Limit::LastEventId, 2),
        Heard::event("message", "ok", "7"),
    ];
    assert_eq!(outcome.heard, expected);
}

#[test]
fn an_event_over_several_limits_is_reported_once() {
    let limits = limits().max_data_len(1).max_event_type_len(1).max_line_len(20);
    let stream = b"event: ab\ndata: ab\ndata: a very long line of data\nevent: cd\n\ndata: b\n\n";
    let outcome = decode_at_every_cut(limits, stream);
    assert_eq!(outcome.heard, [over(Limit::EventType, 1), Heard::event("message", "b", "")]);
}

/// An endless line, endless data lines and an endless ID, in memory that cannot grow.
#[test]
fn endless_fields_overflow_fixed_memory_and_the_stream_continues() {
    let cases: [(&[u8], &[u8], Limit, usize); 5] = [
        (b"retry: ", b"77777777", Limit::Line, 1000),
        (b"data: ", b"xxxxxxxx", Limit::Data, 64),
        (b"", b"data: x\n", Limit::Data, 64),
        (b"id: ", b"7", Limit::LastEventId, 16),
        (b"event: ", b"e", Limit::EventType, 8),
    ];
    for (start, endless, limit, max_len) in cases {
        let (mut data, mut event_type, mut ids) = ([0; 64], [0; 8], [0; 48]);
        let storage = FixedStorage {
            data: &mut data,
            event_type: &mut event_type,
            last_event_id: &mut ids,
            comment: &mut [],
        };
        let mut decoder = Decoder::with_storage(storage, limits().max_line_len(1000));
        let slices = std::iter::once(start)
            .chain(std::iter::repeat_n(endless, 5000))
            .chain([&b"\n\ndata: ok\n\n"[..]]);
        let outcome = Outcome::of(&mut decoder, DataAs::Whole, slices);
        assert_eq!(outcome.heard, [over(limit, max_len), Heard::event("message", "ok", "")]);
    }
}

/// Nothing of them is kept, so they may be of any length.
#[test]
fn a_line_that_is_ignored_costs_no_event_however_long_it_is() {
    for line in ["unknown", ":", "id: \0"] {
        let stream = format!("data: a\n{line}{}\ndata: b\n\n", "x".repeat(5000));
        for size in [1, 7, 20, 21, 1000, usize::MAX] {
            let (mut data, mut event_type, mut ids) = ([0; 64], [0; 8], [0; 48]);
            let storage = FixedStorage {
                data: &mut data,
                event_type: &mut event_type,
                last_event_id: &mut ids,
                comment: &mut [],
            };
            let mut decoder = Decoder::with_storage(storage, limits().max_line_len(20));
            let outcome = Outcome::of(&mut decoder, DataAs::Whole, stream.as_bytes().chunks(size));
            assert_eq!(outcome.heard, [Heard::event("message", "a\nb", "")], "{line:?} by {size}");
        }
    }
}

#[test]
fn data_in_parts_needs_no_memory_and_any_length_passes() {
    let storage = FixedStorage {
        data: &mut [],
        event_type: &mut [],
        last_event_id: &mut [],
        comment: &mut [],
    };
    let limits = limits().max_line_len(usize::MAX).max_data_len(usize::MAX);
    let mut decoder = Decoder::with_storage(storage, limits).report_data_chunks();
    let mut len = 0;
    let mut start = &b"data: "[..];
    assert_eq!(decoder.decode(&mut start), None);
    for _ in 0..3000 {
        let mut slice = &[b'x'; 1000][..];
        while let Some(item) = decoder.decode(&mut slice) {
            let Item::DataChunk(part) = item else { panic!("{item:?}") };
            len += part.len();
        }
    }
    assert_eq!(len, 3_000_000);
    let mut end = &b"\n\n"[..];
    assert!(matches!(decoder.decode(&mut end), Some(Item::EventEnd(_))));
}

#[test]
fn parts_up_to_the_limit_are_delivered_before_the_overflow() {
    let limits = limits().max_data_len(8);
    for slice_len in [1, 2, 3, 100] {
        let mut decoder = fixed(limits).report_data_chunks();
        let mut parts = String::new();
        let mut overflows = 0;
        for mut slice in "data: 12345\ndata: 7é9\n\n".as_bytes().chunks(slice_len) {
            while let Some(item) = decoder.decode(&mut slice) {
                match item {
                    Item::DataChunk(part) => parts.push_str(part),
                    Item::Overflow(exceeded) => {
                        assert_eq!(exceeded, LimitExceeded { limit: Limit::Data, max_len: 8 });
                        overflows += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        // The é does not fit, and the bytes after it are not delivered either.
        assert_eq!((parts.as_str(), overflows), ("12345\n7", 1), "slices of {slice_len}");
    }
}

/// The parts of an event are counted together, with the LF between two lines, a character that a cut
/// has parted, and U+FFFD.
#[test]
fn parts_may_be_as_long_as_the_limit() {
    let limits = limits().max_data_len(8);
    for (within, data, beyond) in [
        (&b"data: 12345678"[..], "12345678", &b"data: 123456789"[..]),
        (b"data: 1234\ndata: 678", "1234\n678", b"data: 1234\ndata: 6789"),
        (b"data: 1234567\ndata", "1234567\n", b"data: 1234567\ndata\ndata"),
        (b"data: 12345\xE2\x82\xAC", "12345\u{20AC}", b"data: 123456\xE2\x82\xAC"),
        (b"data: 12345\xE2\x82", "12345\u{FFFD}", b"data: 123456\xE2\x82"),
        (b"data: 1\xFF4567", "1\u{FFFD}4567", b"data: 1\xFF45678"),
    ] {
        for slice_len in 1..=within.len() {
            let stream = [within, b"\n\ndata: ok\n\n"].concat();
            let outcome = decode_data(limits, stream.chunks(slice_len), DataAs::Parts);
            let expected = [Heard::event("message", data, ""), Heard::event("message", "ok", "")];
            assert_eq!(outcome.heard, expected, "slices of {slice_len}");
            let stream = [beyond, b"\n\ndata: ok\n\n"].concat();
            let outcome = decode_data(limits, stream.chunks(slice_len), DataAs::Parts);
            let expected = [over(Limit::Data, 8), Heard::event("message", "ok", "")];
            assert_eq!(outcome.heard, expected, "slices of {slice_len}");
        }
    }
}

fn fixed(limits: Limits) -> Decoder<FixedStorage<'static>> {
    let area = |len| Vec::leak(vec![0; len]);
    let storage = FixedStorage {
        data: area(64),
        event_type: area(16),
        last_event_id: area(48),
        comment: area(16),
    };
    Decoder::with_storage(storage, limits)
}

#[test]
fn a_seed_is_limited_like_an_id_of_the_stream() {
    let mut decoder = fixed(limits());
    let longest = "x".repeat(16);
    decoder.set_last_event_id(EventId::new(&longest).unwrap()).unwrap();
    let too_long = "x".repeat(17);
    let refused = decoder.set_last_event_id(EventId::new(&too_long).unwrap());
    assert_eq!(refused, Err(LimitExceeded { limit: Limit::LastEventId, max_len: 16 }));
    assert_eq!(decoder.last_event_id(), longest);
}

/// A decoder that nobody has given limits to keeps to [`Limits::DEFAULT`].
#[test]
#[cfg(feature = "alloc")]
fn a_decoder_on_the_heap_has_the_default_limits() {
    for mut decoder in [Decoder::new(), Decoder::default()] {
        let limit = LimitExceeded { limit: Limit::Line, max_len: 1 << 20 };
        let line = |len: usize| [b"data:", &vec![b'x'; len - 5][..], b"\n"].concat();
        let longest = line(1 << 20);
        assert_eq!(decoder.decode(&mut &longest[..]), None, "as long as the limit");
        let _ = decoder.finish();
        let line = line((1 << 20) + 1);
        let mut input = &line[..];
        assert_eq!(decoder.decode(&mut input), Some(Item::Overflow(limit)));
    }
}

/// The `Debug` output for a log shows the state of the stream, and none of the data.
#[test]
fn a_decoder_is_printed_without_its_data() {
    let mut decoder = fixed(limits());
    let mut input = &b"id: 7\nretry: 500\n\ndata: secret"[..];
    while decoder.decode(&mut input).is_some() {}
    let printed = format!("{decoder:?}");
    for part in ["Decoder", "open_len: 12", "last_event_id: \"7\"", "ms: 500", "1048576"] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    assert!(!printed.contains("secret") && !printed.contains("115, 101, 99"), "{printed}");
}

/// Areas of one or two bytes for three IDs: none can be kept, and nothing goes wrong.
#[test]
fn any_area_will_do() {
    for len in 0..8 {
        let area = || Vec::leak(vec![0; len]);
        let storage = FixedStorage {
            data: area(),
            event_type: area(),
            last_event_id: area(),
            comment: area(),
        };
        let mut decoder = Decoder::with_storage(storage, Limits::UNBOUNDED).report_comments();
        let stream = b"id: 1\nevent: \xFF\ndata: 12\n: 12\ndata: 5\n\nid: 12\ndata\n\n".chunks(3);
        let outcome = Outcome::of(&mut decoder, DataAs::Whole, stream);
        assert!(
            outcome.heard.contains(&Heard::event("message", "", &outcome.last_event_id)) || len < 6
        );
    }
}

#[test]
fn a_retry_is_known_to_the_decoder_and_as_an_item() {
    let mut decoder = fixed(limits());
    let mut input = &b"retry: 18446744073709551616\n"[..];
    let most = ReconnectionTime::from_ms(u64::MAX);
    assert_eq!(decoder.decode(&mut input), Some(Item::Retry(most)));
    assert_eq!(decoder.reconnection_time(), Some(most));
}

#[test]
fn a_limit_says_what_was_exceeded() {
    for (limit, what) in [
        (Limit::Line, "a line of the event stream"),
        (Limit::Data, "the data of an event"),
        (Limit::EventType, "an event type"),
        (Limit::LastEventId, "an event ID"),
        (Limit::Comment, "a comment of the event stream"),
    ] {
        let exceeded = LimitExceeded { limit, max_len: 1000 };
        let expected = format!("{what} is longer than the limit of 1000 bytes");
        assert_eq!(exceeded.to_string(), expected);
    }
}
