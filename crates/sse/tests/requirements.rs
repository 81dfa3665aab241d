//! The rules of WHATWG HTML 9.2.5 and 9.2.6, one by one, each at every cut and byte by byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use support::{decode, decode_at_every_cut};
use tidings_sse::{EndOfStream, EventId, Item, Limits};
use tidings_testkit::event_stream::{Heard, Outcome, decoder};

fn outcome(stream: &[u8]) -> Outcome {
    decode_at_every_cut(Limits::DEFAULT, stream)
}

/// The data of the events, of which nothing else is of interest.
fn data(stream: &[u8]) -> Vec<String> {
    let data = |heard: &Heard| match heard {
        Heard::Event { data, .. } => Some(data.clone()),
        _ => None,
    };
    outcome(stream).heard.iter().filter_map(data).collect()
}

/// E-001
#[test]
fn the_stream_is_utf_8() {
    assert_eq!(data("data: \u{7F}é\u{FFFF}😀\n\n".as_bytes()), ["\u{7F}é\u{FFFF}😀"]);
    assert_eq!(data(b"data: \xE9\n\n"), ["\u{FFFD}"]);
}

/// E-002
#[test]
fn lines_end_with_crlf_lf_or_cr_and_nothing_else() {
    assert_eq!(data(b"data: a\r\ndata: b\rdata: c\ndata: d\n\r"), ["a\nb\nc\nd"]);
    assert_eq!(data(b"data: a\r\rdata: b\r\n\r\ndata: c\n\n"), ["a", "b", "c"]);
    let others = "data: a\u{B}\u{C}\u{85}\u{2028}\u{2029}b\n\n";
    assert_eq!(data(others.as_bytes()), ["a\u{B}\u{C}\u{85}\u{2028}\u{2029}b"]);
}

/// E-003
#[test]
fn one_byte_order_mark_is_dropped_at_the_very_start() {
    assert_eq!(data("\u{FEFF}data: a\n\n".as_bytes()), ["a"]);
    assert_eq!(data("\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n".as_bytes()), ["b"]);
    assert_eq!(data("\n\u{FEFF}data: a\n\n".as_bytes()), [""; 0]);
    assert_eq!(data("data: \u{FEFF}\n\n".as_bytes()), ["\u{FEFF}"]);
    assert_eq!(data(b"\xEF\xBBdata: a\n\ndata: b\n\n"), ["b"]);
}

/// E-004
#[test]
fn malformed_utf_8_is_replaced_and_never_an_error() {
    let cases: [(&[u8], &str); 8] = [
        (b"\xFF", "\u{FFFD}"),
        (b"\xE2\x82", "\u{FFFD}"),
        (b"\xE2\x82A", "\u{FFFD}A"),
        (b"\xF0\x9F\x98", "\u{FFFD}"),
        (b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        (b"\xF4\x90\x80\x80", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
        (b"\xC0\x80", "\u{FFFD}\u{FFFD}"),
        (b"a\xF0\x9F\xF0\x9F\x98\x80b", "a\u{FFFD}\u{1F600}b"),
    ];
    for (bytes, text) in cases {
        let field = |name: &str| [name.as_bytes(), b": ", bytes, b"\n"].concat();
        let stream = [field("id"), field("event"), field("data"), field(""), b"\n".to_vec()];
        let expected = [Heard::Comment(text.to_owned()), Heard::event(text, text, text)];
        assert_eq!(outcome(&stream.concat()).heard, expected, "{bytes:?}");
        let lines = [field("data"), field("data"), b"\n".to_vec()].concat();
        assert_eq!(data(&lines), [format!("{text}\n{text}")]);
    }
}

/// E-005
#[test]
fn an_empty_line_dispatches_the_event() {
    assert_eq!(data(b"data: a\n"), [""; 0]);
    assert_eq!(data(b"data: a\n\n"), ["a"]);
    assert_eq!(data(b"data: a\n \n\n"), ["a"]);
}

/// The event is out at the very byte at which its blank line is certain.
#[test]
fn an_event_is_dispatched_at_its_last_byte() {
    for stream in
        [&b"data: a\n\n"[..], b"data: a\r\r", b"data: a\r\n\r", b"data: a\n\r", b"data\n\n"]
    {
        let mut decoder = decoder();
        for (at, mut byte) in stream.chunks(1).enumerate() {
            let is_event = matches!(decoder.decode(&mut byte), Some(Item::Event(_)));
            assert_eq!(is_event, at + 1 == stream.len(), "byte {at} of {stream:?}");
        }
        // The other half of a CRLF is not one more line end.
        let mut lf = &b"\ndata: b\n\n"[..];
        let Some(Item::Event(event)) = decoder.decode(&mut lf) else { panic!("{stream:?}") };
        assert_eq!(event.data, "b");
    }
}

/// E-006
#[test]
fn a_line_that_starts_with_a_colon_is_a_comment() {
    let outcome = outcome(b":\n: a\n:b\n:  c: d\ndata: x\n:e\ndata: y\n\n");
    let comment = |text: &str| Heard::Comment(text.to_owned());
    let expected = [
        comment(""),
        comment("a"),
        comment("b"),
        comment(" c: d"),
        comment("e"),
        Heard::event("message", "x\ny", ""),
    ];
    assert_eq!(outcome.heard, expected);
}

#[test]
fn comments_are_reported_on_request_only() {
    let mut input = &b": hi\n\n: hi\ndata: a\n\n"[..];
    assert!(matches!(decoder().decode(&mut input), Some(Item::Event(_))));
    let mut input = &b": hi\n"[..];
    assert_eq!(decoder().report_comments().decode(&mut input), Some(Item::Comment("hi")));
}

/// E-007
#[test]
fn a_field_is_split_at_its_first_colon_and_loses_one_space() {
    assert_eq!(
        data(b"data:a:b: c\n\ndata:  x \n\ndata:\ty\n\ndata: \n\n"),
        ["a:b: c", " x ", "\ty", ""]
    );
}

/// E-008
#[test]
fn a_line_without_a_colon_is_a_name_with_an_empty_value() {
    assert_eq!(data(b"data\n\ndata\ndata\n\n"), ["", "\n"]);
    let outcome = outcome(b"id: 1\nevent: e\ndata\n\nid\nevent: e\nevent\ndata\n\n");
    assert_eq!(outcome.heard, [Heard::event("e", "", "1"), Heard::event("message", "", "")]);
}

/// E-009
#[test]
fn field_names_are_compared_literally() {
    assert_eq!(
        data(b"Data: a\nDATA: b\n data: c\ndata : d\ndat: e\ndatum: f\ndata2: g\n\xEF\xBB\xBFdata: h\n\n"),
        [""; 0]
    );
    assert_eq!(outcome(b"ID: 1\nids: 1\nRetry: 1\nretry2: 1\n\n").heard, []);
}

/// E-010
#[test]
fn the_last_event_type_wins() {
    let outcome = outcome(b"event: a\nevent: b\ndata\n\nevent: a\ndata\nevent:\n\n");
    assert_eq!(outcome.heard, [Heard::event("b", "", ""), Heard::event("message", "", "")]);
}

/// E-011
#[test]
fn lines_of_data_are_joined() {
    assert_eq!(data(b"data: YHOO\ndata: +2\ndata: 10\n\n"), ["YHOO\n+2\n10"]);
}

/// A line of data with the blank line after it is a separate event only if nothing came before it.
#[test]
fn whatever_has_begun_an_event_belongs_to_it() {
    for fields in 0..1 << 3 {
        let has = |field: u32| fields & 1 << field != 0;
        let mut begun = Vec::new();
        begun.extend_from_slice(if has(0) { b"event: e\n" } else { b"" });
        begun.extend_from_slice(if has(1) { b"id: 7\n" } else { b"" });
        begun.extend_from_slice(if has(2) { b"data: a\n" } else { b"" });
        let event_type = if has(0) { "e" } else { "message" };
        let text = if has(2) { "a\nb" } else { "b" };
        let expected = [Heard::event(event_type, text, if has(1) { "7" } else { "" })];
        // At one cut the line of data is whole in a separate slice.
        let stream = [b"\n", &begun[..], b"data: b\n\n"].concat();
        assert_eq!(outcome(&stream).heard, expected, "after {}", begun.escape_ascii());
    }
}

/// E-012
#[test]
fn an_id_with_a_nul_is_ignored_and_wipes_nothing() {
    for nul in [&b"\0"[..], b"2\0", b"\x002", b"2\x003"] {
        let stream = [b"id: 1\ndata\n\nid: ", nul, b"\ndata\n\nid: 4\nid: ", nul, b"\ndata\n\n"];
        let expected = [
            Heard::event("message", "", "1"),
            Heard::event("message", "", "1"),
            Heard::event("message", "", "4"),
        ];
        assert_eq!(outcome(&stream.concat()).heard, expected);
    }
}

/// E-013
#[test]
fn a_retry_of_ascii_digits_counts_at_once() {
    let cases: [(&str, Option<u64>); 14] = [
        ("", None),
        (" ", None),
        ("0", Some(0)),
        (" 2500", Some(2500)),
        ("0003000", Some(3000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", Some(u64::MAX)),
        ("10000000000000000000000000000000000000000", Some(u64::MAX)),
        ("1e3", None),
        ("-1", None),
        ("+1", None),
        ("  1", None),
        ("1 ", None),
        ("１", None),
    ];
    for (value, expected) in cases {
        let stream = format!("retry:{value}\n");
        assert_eq!(outcome(stream.as_bytes()).reconnection_time_ms, expected, "{value:?}");
        let stream = format!("retry: 7\ndata: a\nretry:{value}\n");
        let said = outcome(stream.as_bytes());
        assert_eq!(said.reconnection_time_ms, expected.or(Some(7)), "{value:?}");
    }
}

/// E-014
#[test]
fn an_id_counts_from_its_blank_line_on_even_without_data() {
    assert_eq!(outcome(b"id: 1\n").last_event_id, "");
    assert_eq!(outcome(b"id: 1\n\n").last_event_id, "1");
    assert_eq!(outcome(b"id: 1\n\nid: 2\ndata: a\n").last_event_id, "1");
    assert_eq!(outcome(b"id: 1\n\nid\n\n").last_event_id, "");
}

/// E-015
#[test]
fn an_event_without_data_is_not_dispatched_and_its_type_is_forgotten() {
    assert_eq!(outcome(b"event: x\n\ndata: a\n\n").heard, [Heard::event("message", "a", "")]);
}

/// E-016
#[test]
fn empty_data_is_dispatched() {
    assert_eq!(data(b"data\n\n"), [""]);
    assert_eq!(data(b"data:\ndata:\n\n"), ["\n"]);
}

/// E-017
#[test]
fn the_type_is_message_unless_named() {
    let outcome = outcome(b"data\n\nevent:\ndata\n\nevent: message\ndata\n\nevent:a\ndata\n\n");
    let types = ["message", "message", "message", "a"];
    assert_eq!(outcome.heard, types.map(|event_type| Heard::event(event_type, "", "")));
}

/// E-018
#[test]
fn the_id_outlives_its_event_and_nothing_else_does() {
    let outcome = outcome(b"id: 1\nevent: a\ndata: x\n\ndata: y\n\n");
    assert_eq!(outcome.heard, [Heard::event("a", "x", "1"), Heard::event("message", "y", "1")]);
}

/// E-019
#[test]
fn an_unfinished_event_is_discarded_and_the_end_says_so() {
    let cases: [(&[u8], Option<u64>); 15] = [
        (b"", None),
        (b"\xEF\xBB\xBF", None),
        (b"data: a\n\n", None),
        (b"data: a\r\r", None),
        (b"data: a\r\n\r\n", None),
        (b"data: a\n\n: hi\n", None),
        (b"retry: 1\n", None),
        (b"event:\n", None),
        (b"data: a\n\n: h", Some(3)),
        (b"data: a\n", Some(8)),
        (b"data: a\r\n", Some(9)),
        (b"data: a", Some(7)),
        (b"id: 1\n\nid: 2\n", Some(6)),
        (b"event: e\n", Some(9)),
        (b"data: a\n\r\n: hi\nretry: 5\nd", Some(15)),
    ];
    for (stream, dropped_len) in cases {
        let end = match dropped_len {
            None => EndOfStream::BetweenEvents,
            Some(dropped_len) => EndOfStream::InsideEvent { dropped_len },
        };
        assert_eq!(outcome(stream).end, end, "{stream:?}");
    }
}

/// E-020: the decoder does nothing unasked, so a receiver that is closed stops asking.
#[test]
fn nothing_happens_beyond_the_item_that_was_asked_for() {
    let mut input = &b"id: 1\ndata: a\n\nid: 2\nretry: 5\ndata: b\n\n"[..];
    let mut decoder = decoder();
    assert!(matches!(decoder.decode(&mut input), Some(Item::Event(_))));
    assert_eq!(decoder.last_event_id(), "1");
    assert_eq!(decoder.reconnection_time(), None);
    assert_eq!(input, b"id: 2\nretry: 5\ndata: b\n\n");
}

#[test]
fn the_last_event_id_is_kept_over_a_reconnection() {
    let mut decoder = decoder();
    let mut first = &b"\xEF\xBB\xBFid: 1\ndata: a\n\nid: 2\nevent: b\ndata: c"[..];
    assert!(matches!(decoder.decode(&mut first), Some(Item::Event(_))));
    assert_eq!(decoder.decode(&mut first), None);
    assert!(matches!(decoder.finish(), EndOfStream::InsideEvent { .. }));
    // The next stream: it may have its own mark, gets nothing of the event that was cut off, and
    // has the same ID.
    let mut second = &b"\xEF\xBB\xBFdata: d\n\n"[..];
    let Some(Item::Event(said)) = decoder.decode(&mut second) else { panic!() };
    assert_eq!((said.event_type, said.data, said.last_event_id), ("message", "d", "1"));
}

#[test]
fn the_last_event_id_can_be_set() {
    let mut decoder = decoder();
    decoder.set_last_event_id(EventId::new("41").unwrap()).unwrap();
    let mut input = &b"data: a\n\n"[..];
    let Some(Item::Event(said)) = decoder.decode(&mut input) else { panic!() };
    assert_eq!(said.last_event_id, "41");
    decoder.set_last_event_id(EventId::EMPTY).unwrap();
    assert_eq!(decoder.last_event_id(), "");
}

/// A stream of tokens, its line ends cut by the boundaries of slices, loses none of them.
#[test]
fn no_event_is_lost_where_a_slice_cuts_crlf() {
    for line_end in ["\r\n", "\n", "\r"] {
        let mut stream = String::new();
        for token in 0..1000 {
            let json =
                format!(r#"{{"id":"chat-{token}","choices":[{{"delta":{{"content":"t"}}}}]}}"#);
            stream.push_str(&format!("data: {json}{line_end}{line_end}"));
        }
        for slice_len in [63, 64, 65] {
            let outcome = decode(Limits::DEFAULT, stream.as_bytes().chunks(slice_len));
            assert_eq!(outcome.heard.len(), 1000, "{line_end:?} in slices of {slice_len}");
            assert_eq!(outcome.end, EndOfStream::BetweenEvents);
        }
    }
}
