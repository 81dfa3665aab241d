//! Parts that the standard ignores, for callers that ask for them: unknown fields, and the last
//! event of a stream that ends within it.

#![cfg(feature = "alloc")]
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use tidings_sse::{Decoder, EndOfStream, GrowableStorage, Item, Limit, Limits};

/// Returns the items of a stream that is split into these pieces, in short.
fn items<'i>(
    mut decoder: Decoder<GrowableStorage>,
    pieces: impl Iterator<Item = &'i [u8]>,
) -> Vec<String> {
    let mut items = Vec::new();
    for mut piece in pieces {
        while let Some(item) = decoder.decode(&mut piece) {
            items.push(match item {
                Item::Event(event) => format!("{} {}", event.event_type, event.data),
                Item::Comment(text) => format!(": {text}"),
                Item::UnknownField(line) => format!("? {line}"),
                Item::Overflow(exceeded) => format!("over {:?}", exceeded.limit),
                other => panic!("{other:?}"),
            });
        }
    }
    items
}

#[test]
fn a_field_without_a_meaning_is_told_as_it_stands_however_it_is_cut() {
    const STREAM: &str = "\u{feff}trace: 7\r\ndata: a\nx\nx:\nx: \n: comment\nDATA: b\ndatum\n\
                          eventual:c\nid7: d\nretry5:\ndata: \u{e9}\n\nlast\u{e9}: \u{e9}\n\n";
    let expected = [
        "? trace: 7",
        "? x",
        "? x:",
        "? x: ",
        "? DATA: b",
        "? datum",
        "? eventual:c",
        "? id7: d",
        "? retry5:",
        "message a\n\u{e9}",
        "? last\u{e9}: \u{e9}",
    ];
    let decoder = || Decoder::new().report_unknown_fields();
    for size in 1..=STREAM.len() {
        assert_eq!(items(decoder(), STREAM.as_bytes().chunks(size)), expected, "{size}");
    }
    for cut in 0..=STREAM.len() {
        let (first, second) = STREAM.as_bytes().split_at(cut);
        assert_eq!(items(decoder(), [first, second].into_iter()), expected, "{cut}");
    }
    // Without the option nothing is reported.
    assert_eq!(items(Decoder::new(), [STREAM.as_bytes()].into_iter()), ["message a\n\u{e9}"]);
}

#[test]
fn an_unknown_field_is_limited_as_a_comment_is() {
    for (line, expected) in [
        ("abcdefgh", "? abcdefgh"),
        ("abc: efg", "? abc: efg"),
        ("abcdefghi", "over Comment"),
        ("a: defghi", "over Comment"),
        ("a\u{ff}", "? a\u{ff}"),
    ] {
        let stream = format!("{line}\ndata: 1\n\n");
        for size in 1..=stream.len() {
            let decoder = Decoder::with_limits(Limits::DEFAULT.max_comment_len(8));
            let pieces = stream.as_bytes().chunks(size);
            let items = items(decoder.report_unknown_fields(), pieces);
            assert_eq!(items, [expected, "message 1"], "{size}");
        }
    }
    let malformed = [&b"abc\xFF\n"[..], b"\n"];
    let decoder = Decoder::new().report_unknown_fields();
    assert_eq!(items(decoder, malformed.into_iter()), ["? abc\u{fffd}"]);
}

#[test]
fn an_unfinished_event_is_what_has_come_of_it_however_it_is_cut() {
    for (stream, expected) in [
        ("id: 1\ndata: a\n\nid: 2\nevent: x\ndata: b\ndata: c", Some(("x", "b\nc", "1"))),
        ("data: b\n", Some(("message", "b", ""))),
        ("data", None),
        ("data:", Some(("message", "", ""))),
        ("data: b\nevent: cu", Some(("message", "b", ""))),
        ("event: x\ndata: b\nevent: y\n", Some(("y", "b", ""))),
        ("event: x\n", None),
        ("data: a\n\n", None),
        ("data: a\n\n: c", None),
        ("", None),
    ] {
        for size in 1..=stream.len().max(1) {
            let mut decoder = Decoder::new();
            for mut piece in stream.as_bytes().chunks(size) {
                while decoder.decode(&mut piece).is_some() {}
            }
            let unfinished = decoder.unfinished();
            let told = unfinished.map(|event| (event.event_type, event.data, event.last_event_id));
            assert_eq!(told, expected, "{stream:?} by {size}");
            let is_between = decoder.finish() == EndOfStream::BetweenEvents;
            assert!(!(is_between && expected.is_some()), "{stream:?}");
            assert!(decoder.unfinished().is_none(), "{stream:?} is over");
        }
    }
}

#[test]
fn an_event_that_is_skipped_has_no_unfinished_rest() {
    let mut decoder = Decoder::with_limits(Limits::DEFAULT.max_data_len(4));
    let mut input: &[u8] = b"data: 12345\ndata: 6";
    let Some(Item::Overflow(exceeded)) = decoder.decode(&mut input) else { panic!("too large") };
    assert_eq!(exceeded.limit, Limit::Data);
    assert!(decoder.decode(&mut input).is_none());
    assert!(decoder.unfinished().is_none());
}
