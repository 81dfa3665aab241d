//! Every event that can be constructed can be encoded, and decodes to itself.

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
use tidings_sse::{
    BufferTooSmall, Comment, EndOfStream, Event, EventId, EventType, Limits, ReconnectionTime,
};
use tidings_testkit::event_stream::Heard;

fn encode(event: &Event<'_>) -> Vec<u8> {
    let mut buffer = vec![0xAA; event.encoded_len()];
    assert_eq!(event.encode_into(&mut buffer), Ok(buffer.len()));
    if let Some(short) = buffer.len().checked_sub(1) {
        let too_short = BufferTooSmall { needed: buffer.len() };
        assert_eq!(event.encode_into(&mut vec![0; short]), Err(too_short));
        assert_eq!(event.encode_into(&mut []), Err(too_short));
    }
    #[cfg(feature = "alloc")]
    {
        let mut appended = b"before".to_vec();
        event.append_to(&mut appended);
        assert_eq!(appended.strip_prefix(b"before"), Some(&buffer[..]));
    }
    buffer
}

/// Line breaks arrive as LF.
fn normalise(data: &str) -> String {
    data.replace("\r\n", "\n").replace('\r', "\n")
}

/// Encodes an event of these parts, after another one, and checks the decoded items.
fn check(
    comment: Option<&str>,
    event_type: Option<&str>,
    id: Option<&str>,
    retry: Option<u64>,
    data: Option<&str>,
) {
    let mut sent = Event::new();
    let mut expected = Vec::new();
    if let Some(comment) = comment {
        sent = sent.comment(Comment::new(comment).unwrap());
        expected.push(Heard::Comment(comment.to_owned()));
    }
    if let Some(event_type) = event_type {
        sent = sent.event_type(EventType::new(event_type).unwrap());
    }
    if let Some(id) = id {
        sent = sent.id(EventId::new(id).unwrap());
    }
    if let Some(ms) = retry {
        sent = sent.retry(ReconnectionTime::from_ms(ms));
        expected.push(Heard::Retry(ms));
    }
    if let Some(data) = data {
        sent = sent.data(data);
        let (event_type, id) = (event_type.unwrap_or("message"), id.unwrap_or("before"));
        expected.push(Heard::event(event_type, &normalise(data), id));
    }
    let encoded = encode(&sent);
    let outcome = decode(Limits::UNBOUNDED, [&b"id: before\n\n"[..], &encoded[..]]);
    assert_eq!(outcome.heard, expected, "{sent:?}");
    assert_eq!(outcome.last_event_id, id.unwrap_or("before"), "{sent:?}");
    assert_eq!(outcome.end, EndOfStream::BetweenEvents, "{sent:?}");
}

/// E-031, E-032, E-035: every string of the alphabet, as data and, where it can be one, as event
/// type, ID and comment.
fn round_trip_all_strings(symbols: u32) {
    const ALPHABET: [char; 7] = ['\r', '\n', '\0', ':', ' ', '\u{FEFF}', 'x'];
    for number in 0..7usize.pow(symbols) {
        let mut number = number;
        let mut text = String::new();
        for _ in 0..symbols {
            text.push(ALPHABET[number % 7]);
            number /= 7;
        }
        check(None, None, None, None, Some(&text));
        let is_line = !text.contains(['\r', '\n']);
        assert_eq!(Comment::new(&text).is_ok(), is_line);
        assert_eq!(EventType::new(&text).is_ok(), is_line && !text.is_empty());
        assert_eq!(EventId::new(&text).is_ok(), is_line && !text.contains('\0'));
        let comment = Comment::new(&text).is_ok().then_some(text.as_str());
        let event_type = EventType::new(&text).is_ok().then_some(text.as_str());
        let id = EventId::new(&text).is_ok().then_some(text.as_str());
        check(comment, event_type, id, None, Some(&text));
        check(comment, event_type, id, Some(7), None);
    }
}

/// E-031, E-032, E-035
#[test]
fn short_strings_make_the_round_trip() {
    for symbols in 0..=3 {
        round_trip_all_strings(symbols);
    }
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_short_strings_make_the_round_trip() {
    for symbols in 0..=6 {
        round_trip_all_strings(symbols);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// E-031
    #[test]
    fn any_event_makes_the_round_trip(
        comment in proptest::option::of("[^\r\n]{0,20}"),
        event_type in proptest::option::of("[^\r\n]{1,20}"),
        id in proptest::option::of("[^\r\n\0]{0,20}"),
        retry in proptest::option::of(any::<u64>()),
        data in proptest::option::of("(?s).{0,200}|[\r\n a:]{0,20}"),
    ) {
        check(comment.as_deref(), event_type.as_deref(), id.as_deref(), retry, data.as_deref());
    }
}

/// E-031, E-035: common mistakes of servers: leading spaces, trailing line breaks, CR alone, and
/// fields in the data.
#[test]
fn data_of_any_lines_arrives_as_it_was_sent() {
    let cases = [
        ("", "data: \n\n"),
        (" x", "data:  x\n\n"), // E-035
        ("a\n", "data: a\ndata: \n\n"),
        ("a\r\nb", "data: a\ndata: b\n\n"),
        ("a\rb", "data: a\ndata: b\n\n"),
        ("a\n\rb", "data: a\ndata: \ndata: b\n\n"),
        ("a\revent: evil", "data: a\ndata: event: evil\n\n"),
        ("\n\ndata: evil", "data: \ndata: \ndata: data: evil\n\n"),
        ("\u{2028}\u{85}\u{B}\u{C}", "data: \u{2028}\u{85}\u{B}\u{C}\n\n"),
    ];
    for (data, encoded) in cases {
        assert_eq!(encode(&Event::new().data(data)), encoded.as_bytes(), "{data:?}");
        check(None, None, None, None, Some(data));
    }
}

#[test]
fn a_buffer_that_is_too_short_is_told_what_it_takes() {
    let short = Event::new().data("ab").encode_into(&mut [0; 9]).unwrap_err();
    assert_eq!(short.to_string(), "the buffer is too short: the encoded event takes 10 bytes");
}

#[test]
fn each_part_has_its_line() {
    let id = EventId::new("7").unwrap();
    let event_type = EventType::new("tick").unwrap();
    let comment = Comment::new("hello").unwrap();
    let time = ReconnectionTime::from_ms(u64::MAX);
    let cases = [
        (Event::new(), "\n"),
        (Event::new().comment(comment), ": hello\n\n"),
        (Event::new().comment(Comment::EMPTY), ": \n\n"),
        (Event::new().id(id), "id: 7\n\n"),
        (Event::new().id(EventId::EMPTY), "id: \n\n"),
        (Event::new().retry(ReconnectionTime::from_ms(0)), "retry: 0\n\n"),
        (Event::new().retry(time), "retry: 18446744073709551615\n\n"),
        (Event::new().event_type(event_type), "\n"), // a type belongs to data
        (
            Event::new().data("a\nb").retry(time).id(id).event_type(event_type).comment(comment),
            ": hello\nevent: tick\nid: 7\nretry: 18446744073709551615\ndata: a\ndata: b\n\n",
        ),
    ];
    for (sent, encoded) in cases {
        assert_eq!(encode(&sent), encoded.as_bytes(), "{sent:?}");
    }
}
