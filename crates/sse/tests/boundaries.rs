//! Lines that a gateway inserts at a boundary are invisible. The decoder checks it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use proptest::prelude::*;
use support::decode;
use tidings_sse::{EndOfStream, EventBoundaries, Limits};
use tidings_testkit::event_stream::Heard;

/// Comments in every dress.
const COMMENTS: [&[u8]; 6] =
    [b":\n", b": \n\n", b":keep alive\r", b":a\r\n", b":a\r\n\r\n", b":\r\r"];

/// Returns the events of a stream, without its comments.
fn events(stream: &[u8]) -> (Vec<Heard>, String) {
    let outcome = decode(Limits::DEFAULT, [stream]);
    let is_comment = |heard: &Heard| matches!(heard, Heard::Comment(_));
    let heard = outcome.heard.into_iter().filter(|heard| !is_comment(heard)).collect();
    (heard, outcome.last_event_id)
}

fn with(stream: &[u8], at: usize, line: &[u8]) -> Vec<u8> {
    [&stream[..at], line, &stream[at..]].concat()
}

/// The places of a stream that are boundaries.
fn boundaries(stream: &[u8]) -> Vec<usize> {
    let is_boundary = |at: &usize| {
        let mut boundaries = EventBoundaries::new();
        boundaries.feed(&stream[..*at]);
        boundaries.at_boundary()
    };
    (0..=stream.len()).filter(is_boundary).collect()
}

fn check(stream: &[u8]) {
    let expected = events(stream);
    for at in boundaries(stream) {
        for comment in COMMENTS {
            let stream = with(stream, at, comment);
            assert_eq!(events(&stream), expected, "{} at {at}", stream.escape_ascii());
        }
        // A stream that ends here cuts no event.
        assert_eq!(decode(Limits::DEFAULT, [&stream[..at]]).end, EndOfStream::BetweenEvents);
        // Another stream can take over here.
        let (mut heard, id) = events(&stream[..at]);
        heard.push(Heard::event("message", "new", &id));
        assert_eq!(events(&[&stream[..at], b"data: new\n\n"].concat()), (heard, id));
    }
}

fn piece() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(
        [
            "data: one",
            "data",
            "data:",
            "id: 7",
            "id",
            "event: tick",
            "retry: 9",
            ": note",
            "x",
            "\r",
            "\n",
            "\r\n",
            "\n\n",
            "\r\r",
            "\r\n\r\n",
            " ",
            ":",
            "\u{FEFF}",
            "é",
        ]
        .map(str::as_bytes)
        .into_iter()
        .chain([&b"\xEF"[..], b"\xEF\xBB", b"\xFF", b"\0"])
        .collect::<Vec<_>>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_comment_at_a_boundary_changes_no_event(pieces in prop::collection::vec(piece(), 0..20)) {
        check(&pieces.concat());
    }

    #[test]
    fn a_comment_at_a_boundary_of_any_bytes_changes_no_event(
        stream in prop::collection::vec(prop::sample::select(&b"\r\n\r\n:da\xEF\xBB\xBF"[..]), 0..24)
    ) {
        check(&stream);
    }

    /// No boundary is missed: each event except the pending one ends at one.
    #[test]
    fn every_event_that_is_complete_ends_at_a_boundary(pieces in prop::collection::vec(piece(), 0..20)) {
        let stream = pieces.concat();
        let boundaries = boundaries(&stream);
        let mut before = events(b"");
        for at in 0..=stream.len() {
            let now = events(&stream[..at]);
            if now.0.iter().filter(is_event).ne(before.0.iter().filter(is_event)) {
                prop_assert!(boundaries.contains(&at), "{} at {at}", stream.escape_ascii());
            }
            before = now;
        }
    }
}

fn is_event(heard: &&Heard) -> bool {
    matches!(heard, Heard::Event { .. })
}

/// Elsewhere a comment may become part of the stream, in each of these ways.
#[test]
fn a_comment_elsewhere_may_change_events() {
    for (stream, at, why) in [
        ("data: one\n\n", 3, "it cuts the name of a field"),
        ("data: one\n\n", 8, "it becomes data"),
        ("data: one\n\n", 9, "it becomes data, before the line end"),
        ("id: 7\n\ndata\n\n", 5, "it becomes the ID"),
        ("\u{FEFF}data: one\n\n", 0, "the byte order mark is no longer at the start"),
        ("\u{FEFF}data: one\n\n", 1, "the byte order mark is cut"),
    ] {
        let stream = stream.as_bytes();
        assert!(!boundaries(stream).contains(&at), "{why}");
        assert_ne!(events(&with(stream, at, b":\n")), events(stream), "{why}");
    }
    // A whole inserted block dispatches the pending event.
    let stream = b"data: one\ndata: two\n\n";
    assert!(!boundaries(stream).contains(&10));
    assert_ne!(events(&with(stream, 10, b": \n\n")), events(stream));
}
