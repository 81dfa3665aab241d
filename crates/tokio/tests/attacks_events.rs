//! Attacks on event streams: a stranger's text in a stream of ours, a client's `Last-Event-ID` at a
//! server of ours, and a server's stream at a client of ours.

#![cfg(feature = "sse")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod sse_server_scene;

use std::convert::Infallible;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use sse_server_scene::{decode, event, take};
use tidings_tokio::sse::server::{
    Capacity, History, LastEventId, LastEventIdError, Replayed, Responder,
};
use tidings_tokio::sse::{
    Comment, Event, EventId, EventStream, EventStreamError, EventType, Limit,
};

/// Texts that end a line, a field, an event or a stream somewhere.
const EVIL: [&str; 14] = [
    "a\nevent: evil",
    "a\revent: evil",
    "a\r\nid: evil",
    "a\n\ndata: evil\n\n",
    "a\r\rdata: evil\r\r",
    "\n",
    "\r",
    "\r\n\r\n",
    ": a",
    " a",
    "\u{feff}a",
    "a\u{2028}data: evil",
    "a\u{85}data: evil",
    "data",
];

/// As data it arrives as data; as a type, an ID or a comment it is refused or arrives.
#[tokio::test]
async fn a_strangers_words_stay_in_their_field() {
    for evil in EVIL {
        for nul in ["", "\0"] {
            let evil = format!("{evil}{nul}");
            let (sender, response) = Responder::new().without_keep_alive().open();
            let mut body = response.into_body();
            take(&mut body);
            sender.try_send(Event::new().data(&evil)).unwrap();
            let mut expected =
                vec![("message".to_owned(), evil.replace("\r\n", "\n").replace('\r', "\n"))];
            if let Ok(event_type) = EventType::new(&evil) {
                sender.try_send(Event::new().event_type(event_type).data("x")).unwrap();
                expected.push((evil.clone(), "x".to_owned()));
            }
            if let Ok(id) = EventId::new(&evil) {
                sender.try_send(Event::new().id(id).data("y")).unwrap();
                expected.push(("message".to_owned(), "y".to_owned()));
            }
            if let Ok(comment) = Comment::new(&evil) {
                sender.comment(comment).unwrap();
            }
            let has_break = evil.contains(['\r', '\n']);
            assert_eq!(EventType::new(&evil).is_err(), has_break, "{evil:?}");
            assert_eq!(EventId::new(&evil).is_err(), has_break || evil.contains('\0'), "{evil:?}");
            assert_eq!(Comment::new(&evil).is_err(), has_break, "{evil:?}");
            let events = decode(&take(&mut body));
            let got: Vec<_> =
                events.iter().map(|event| (event.event_type.clone(), event.data.clone())).collect();
            assert_eq!(got, expected, "{evil:?}");
        }
    }
}

/// An invalid ID is a 400; an unknown ID is a gap and the available events, which are
/// never more than may be replayed.
#[tokio::test]
async fn a_made_up_last_event_id_costs_no_more_than_a_replay() {
    let mebibyte = "7".repeat(1 << 20);
    let mut headers = HeaderMap::new();
    headers.insert("last-event-id", HeaderValue::from_str(&mebibyte).unwrap());
    let refused = LastEventId::from_headers(&headers).unwrap_err();
    assert_eq!(refused.response().status(), 400);
    assert!(refused.response().body().len() < 200, "the ID is not told back");
    for bad in [&b"7\0"[..], b"7\r\nX: y", b"\xFF\xFE", b"7\n"] {
        let refused = LastEventId::from_bytes(bad, LastEventId::MAX_LEN);
        assert!(
            matches!(refused, Err(LastEventIdError::Illegal(_) | LastEventIdError::NotUtf8 { .. })),
            "{refused:?}"
        );
    }

    let history =
        Arc::new(History::with_lasting_ids(Capacity { max_events: 1000, ..Capacity::DEFAULT }));
    for id in 0..5000 {
        history.push(event(id)).unwrap();
    }
    for made_up in ["-1", "5000", "18446744073709551616", "0", "x", "../../etc", "4000 ", "'--"] {
        let id =
            LastEventId::from_bytes(made_up.as_bytes(), LastEventId::MAX_LEN).unwrap().unwrap();
        let replayed: Replayed = history.after(&id, 100);
        assert!(!replayed.is_complete(), "{made_up}");
        assert!(replayed.events().len() <= 100, "{made_up}: {}", replayed.events().len());

        let (sender, response) =
            Responder::new().max_replay_events(100).replay(Arc::clone(&history), Some(id));
        drop(sender);
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = sse_server_scene::wait(&mut body).await {
            bytes.extend(frame.unwrap());
        }
        let events = decode(&bytes);
        assert_eq!(events[0].event_type, "gap", "{made_up}");
        assert!(events.len() <= 101, "{made_up}: {} events", events.len());
    }
}

fn chunks(
    chunks: Vec<Vec<u8>>,
) -> impl futures_util::Stream<Item = Result<Vec<u8>, Infallible>> + Unpin {
    futures_util::stream::iter(chunks.into_iter().map(Ok))
}

/// With nothing configured, a line, an event's data, an ID and a type that never end
/// are reported once each, and the data after them is read.
#[tokio::test]
async fn nothing_endless_gets_through_the_default_limits() {
    for (field, again, limit) in [
        ("data: ", "x".repeat(1 << 20), Limit::Line),
        ("", "data: xxxxxxxx\n".repeat(1 << 17), Limit::Data),
        ("id: ", "7".repeat(1 << 20), Limit::LastEventId),
        ("event: ", "x".repeat(1 << 20), Limit::EventType),
    ] {
        let mut source = vec![b"data: before\n\n".to_vec(), field.into()];
        source.extend(std::iter::repeat_n(again.into_bytes(), 5));
        source.push(b"\ndata: skipped\n\ndata: after\n\n".to_vec());
        let mut stream = EventStream::new(chunks(source));
        assert_eq!(stream.next().await.unwrap().unwrap().data, "before");
        let overflow = stream.next().await.unwrap();
        let Err(EventStreamError::Overflow(exceeded)) = overflow else { panic!("{overflow:?}") };
        // An ID or a type that is a line as well may be cut as either.
        assert!(exceeded.limit == limit || exceeded.limit == Limit::Line, "{exceeded:?}");
        let mut next = stream.next().await.unwrap().unwrap();
        if next.data == "skipped" {
            // A cut type is a line of no event.
            next = stream.next().await.unwrap().unwrap();
        }
        assert_eq!(next.data, "after", "{field:?}");
        assert!(stream.next().await.is_none());
        assert!(stream.last_event_id().is_empty());
    }
}

/// A long line that comes byte by byte is read in a time that grows with its length: a
/// decoder that started over with each byte would be here for hours.
#[tokio::test]
async fn a_line_byte_by_byte_takes_linear_time() {
    const LEN: usize = 500_000;
    let line = [b"data: ", &vec![b'x'; LEN][..], b"\n\n"].concat();
    let mut stream = EventStream::new(chunks(line.into_iter().map(|byte| vec![byte]).collect()));
    assert_eq!(stream.next().await.unwrap().unwrap().data.len(), LEN);
}

/// Values that are more than a number can hold, signs, and an ID with a NUL.
#[tokio::test]
async fn odd_values_wrap_nothing_and_wipe_nothing() {
    let stream = "retry: 99999999999999999999999999\nid: 1\ndata: a\n\n\
                  retry: -1\nid: 2\0\ndata: b\n\nretry: 1e9\nretry: +5\nretry: 0x10\ndata: c\n\n";
    let mut stream = EventStream::new(chunks(vec![stream.into()]));
    for data in ["a", "b", "c"] {
        let event = stream.next().await.unwrap().unwrap();
        assert_eq!((&*event.data, &*event.last_event_id), (data, "1"));
    }
    let longest = stream.reconnection_time().unwrap();
    assert!(longest.as_duration() >= std::time::Duration::from_secs(1 << 40), "{longest:?}");
}
