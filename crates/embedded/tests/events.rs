//! Server-Sent Events on async and blocking streams.

#![cfg(feature = "blocking")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod script;

use embedded_io::ErrorKind;
use tidings_embedded::sse::{
    BufferTooSmall, Comment, Decoder, Event, EventId, EventType, FixedStorage, Item, Limits,
    ReconnectionTime,
};
use tidings_embedded::{EventStreamError, EventWriterError, asynchronous, blocking};
use tidings_testkit::{for_every_cancellation, poll_then_drop};

use script::{Read, Script, Write, block_on, cuts};

/// Areas for a decoder.
struct Areas([u8; 64], [u8; 16], [u8; 48], [u8; 16]);

impl Areas {
    const NEW: Self = Self([0; 64], [0; 16], [0; 48], [0; 16]);

    fn decoder(&mut self) -> Decoder<FixedStorage<'_>> {
        let Self(data, event_type, last_event_id, comment) = self;
        let storage = FixedStorage { data, event_type, last_event_id, comment };
        Decoder::with_storage(storage, Limits::DEFAULT).report_comments()
    }
}

fn line(item: &Item<'_>) -> String {
    match item {
        Item::Event(event) => {
            format!("{} {:?} {:?}", event.event_type, event.data, event.last_event_id)
        }
        Item::Comment(comment) => format!("comment {comment:?}"),
        Item::Retry(time) => format!("retry {}", time.as_ms()),
        Item::Overflow(exceeded) => format!("overflow {:?}", exceeded.limit),
        other => panic!("{other:?}"),
    }
}

type Outcome = (Vec<String>, Result<bool, EventStreamError<ErrorKind>>);

fn read_blocking(script: Script, buffer_len: usize) -> Outcome {
    let (mut areas, mut buffer, mut lines) = (Areas::NEW, vec![0; buffer_len], Vec::new());
    let reads = script.clone();
    let mut events = blocking::EventStream::new(script, areas.decoder(), &mut buffer);
    let end = loop {
        match events.fill() {
            Ok(true) => {}
            Err(EventStreamError::Io(ErrorKind::TimedOut)) => continue,
            end => break end,
        }
        // Bytes after the item are not overwritten.
        if let Some(item) = events.next_item() {
            lines.push(line(&item));
        }
    };
    if !matches!(end, Err(EventStreamError::Io(_) | EventStreamError::BrokenStream)) {
        reads.push(b"data: after the end\n\n");
        assert_eq!(events.fill(), Ok(false), "the end is final, and reported once");
    }
    (lines, end)
}

/// Drops each `fill` after this many polls.
fn read_async(script: Script, buffer_len: usize, polls: usize) -> Outcome {
    let (mut areas, mut buffer, mut lines) = (Areas::NEW, vec![0; buffer_len], Vec::new());
    let mut events = asynchronous::EventStream::new(script, areas.decoder(), &mut buffer);
    let end = block_on(async {
        loop {
            match poll_then_drop(polls, events.fill()).await {
                None | Some(Ok(true)) => {}
                Some(Err(EventStreamError::Io(ErrorKind::TimedOut))) => continue,
                Some(end) => break end,
            }
            while let Some(item) = events.next_item() {
                lines.push(line(&item));
            }
        }
    });
    (lines, end)
}

fn strings(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

/// The bytes, the items, and how it ends.
type Case<'a> = (&'a [u8], &'a [&'a str], Result<bool, EventStreamError<ErrorKind>>);

/// E-001 to E-006, E-010, E-012, E-013, E-016, E-017, E-019: the standard's examples and more.
#[test]
fn a_stream_is_decoded_at_every_cut() {
    let overlong = format!("data: {}\n\ndata: y\n\n", "x".repeat(65));
    let cases: [Case<'_>; 6] = [
        (
            b"data: This is the first message.\n\n\
              data: This is the second message, it\ndata: has two lines.\n\n",
            &[
                r#"message "This is the first message." """#,
                r#"message "This is the second message, it\nhas two lines." """#,
            ],
            Ok(false),
        ),
        (
            b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
            &[r#"add "73857293" """#, r#"remove "2153" """#],
            Ok(false),
        ),
        (
            b"\xEF\xBB\xBF: test stream\r\n\r\ndata: first\rid: 1\r\rdata:second event\r\nid\r\n\r\n",
            &[r#"comment "test stream""#, r#"message "first" "1""#, r#"message "second event" """#],
            Ok(false),
        ),
        (
            b"retry: 250\ndata: gr\xC3\xBCn \xFF\n\ndata: cut o",
            &["retry 250", "message \"grün \u{FFFD}\" \"\""],
            Err(EventStreamError::InsideEvent { dropped_len: 11 }),
        ),
        (overlong.as_bytes(), &["overflow Data", r#"message "y" """#], Ok(false)),
        (b"", &[], Ok(false)),
    ];
    for (input, lines, end) in cases {
        for cut in cuts(input) {
            for buffer_len in [1, 5, 128] {
                let script = || Script::new(cut.iter().copied());
                let (seen, ended) = read_blocking(script(), buffer_len);
                assert_eq!((seen, ended), (strings(lines), end));
                for polls in [2, usize::MAX] {
                    let (seen, ended) = read_async(script(), buffer_len, polls);
                    assert_eq!((seen, ended), (strings(lines), end));
                }
            }
        }
    }
}

/// A timeout loses nothing, and other errors are returned.
#[test]
fn errors_of_the_source_are_told() {
    let script = Script::new([&b"data: "[..]]);
    script.then(Read::TimedOutAfter(1));
    script.push(b"x\n\n");
    assert_eq!(read_blocking(script, 64), (vec![r#"message "x" """#.into()], Ok(false)));

    for (read, error) in [
        (Read::Fails(ErrorKind::BrokenPipe), EventStreamError::Io(ErrorKind::BrokenPipe)),
        (Read::Lies, EventStreamError::BrokenStream),
    ] {
        let script = Script::new([]);
        script.then(read);
        assert_eq!(read_blocking(script.clone(), 8).1, Err(error));
    }
    let mut areas = Areas::NEW;
    let mut events = blocking::EventStream::new(Script::new([]), areas.decoder(), &mut []);
    assert_eq!(events.fill(), Err(EventStreamError::NoBuffer));
}

/// E-014, E-018: the state for a reconnection is kept, and the decoder can be used again.
#[test]
fn the_last_event_id_outlives_the_stream() {
    let mut areas = Areas::NEW;
    let mut buffer = [0; 64];
    let script = Script::new([&b"id: 7\nretry: 9\ndata: a\n\ndata: b"[..]]);
    let mut events = blocking::EventStream::new(script, areas.decoder(), &mut buffer);
    while events.fill() == Ok(true) {
        while events.next_item().is_some() {}
    }
    assert_eq!(events.decoder().reconnection_time(), Some(ReconnectionTime::from_ms(9)));
    let (_, decoder) = events.into_parts();
    assert_eq!(decoder.last_event_id(), "7");
    let script = Script::new([&b"data: c\n\n"[..]]);
    let mut events = blocking::EventStream::new(script, decoder, &mut buffer);
    assert_eq!(events.fill(), Ok(true));
    assert_eq!(events.next_item().map(|item| line(&item)), Some(r#"message "c" "7""#.into()));
}

fn event() -> Event<'static> {
    Event::new()
        .event_type(EventType::new("greeting").unwrap())
        .id(EventId::new("7").unwrap())
        .data("hello\nworld")
}

const ENCODED: &[u8] = b"event: greeting\nid: 7\ndata: hello\ndata: world\n\n";

/// E-031, E-033, E-034: each event is whole, in order and flushed, however little the stream takes.
#[test]
fn events_are_written_and_flushed() {
    for max_write_len in [1, 7, usize::MAX] {
        let script = Script::new([]).writes_of(max_write_len);
        let mut buffer = [0; ENCODED.len()];
        let mut events = blocking::EventWriter::new(script.clone(), &mut buffer);
        events.send(&event()).unwrap();
        assert_eq!(script.flushed_len.get(), ENCODED.len());
        events.send(&Event::new().comment(Comment::EMPTY)).unwrap();
        assert_eq!(events.into_stream().take_written(), [ENCODED, b": \n\n"].concat());
    }
}

/// An event that does not fit is refused whole, and the next one goes out.
#[test]
fn an_event_longer_than_the_buffer_is_refused() {
    let script = Script::new([]);
    let mut buffer = [0; ENCODED.len() - 1];
    let mut events = blocking::EventWriter::new(script.clone(), &mut buffer);
    let too_short = BufferTooSmall { needed: ENCODED.len() };
    assert_eq!(events.send(&event()), Err(EventWriterError::Event(too_short)));
    events.send(&Event::new().data("x")).unwrap();
    assert_eq!(script.take_written(), b"data: x\n\n");
}

/// An event that a write cuts, at any byte, is finished.
#[test]
fn a_cut_event_is_finished() {
    for cut in 0..ENCODED.len() {
        let script = Script::new([]);
        if cut > 0 {
            script.on_write(Write::Takes(cut));
        }
        script.on_write(Write::Fails(ErrorKind::TimedOut));
        let mut buffer = [0; 64];
        let mut events = blocking::EventWriter::new(script.clone(), &mut buffer);
        let timed_out = Err(EventWriterError::Io(ErrorKind::TimedOut));
        assert_eq!(events.send(&event()), timed_out);
        assert_eq!(events.send(&event()), Err(EventWriterError::Unfinished));
        events.flush().unwrap();
        events.flush().unwrap(); // nothing is left
        assert_eq!(script.take_written(), ENCODED);
        assert_eq!(script.flush_calls.get(), 1);
    }
    for lie in [Write::Nothing, Write::Lies] {
        let script = Script::new([]);
        script.on_write(lie);
        let mut buffer = [0; 64];
        let mut events = blocking::EventWriter::new(script, &mut buffer);
        assert_eq!(events.send(&event()), Err(EventWriterError::BrokenStream));
    }
}

/// A `send` and a `flush` that are dropped, at any await point, are resumed.
#[test]
fn a_dropped_send_is_finished() {
    for max_write_len in [1, usize::MAX] {
        for_every_cancellation(|polls| {
            let script = Script::new([]).writes_of(max_write_len);
            let mut buffer = [0; 64];
            let mut events = asynchronous::EventWriter::new(script.clone(), &mut buffer);
            let sent = block_on(async {
                let sent = poll_then_drop(polls, events.send(&event())).await;
                poll_then_drop(polls, events.flush()).await;
                events.flush().await.unwrap();
                events.send(&Event::new().data("then")).await.unwrap();
                sent
            });
            // Never polled, never begun.
            let begun = if polls == 0 { &b""[..] } else { ENCODED };
            assert_eq!(script.flushed_len.get(), script.written.borrow().len());
            assert_eq!(script.take_written(), [begun, b"data: then\n\n"].concat());
            sent.is_none()
        });
    }
}
