//! `EventStream` over streams of byte chunks and over bodies.
#![cfg(feature = "http-body")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::convert::Infallible;
use std::io;

use bytes::{Buf as _, Bytes};
use futures_core::{Stream, TryStream};
use futures_util::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use tidings_sse::{
    BodyEvents as _, Decoder, EndOfStream, EventId, EventStream, EventStreamError, Limit, Limits,
    OwnedMessageEvent, StreamEvents as _,
};
use tidings_testkit::{cancelled_once, for_every_cancellation};

const THREE: &str =
    "retry: 5\nid: 1\ndata: one\n\nevent: e\ndata: zw\u{f6}lf\n\nid\ndata: three\n\n";

fn event(event_type: &str, data: &str, id: &str) -> OwnedMessageEvent {
    OwnedMessageEvent { event_type: event_type.into(), data: data.into(), last_event_id: id.into() }
}

fn three() -> Vec<OwnedMessageEvent> {
    vec![event("message", "one", "1"), event("e", "zw\u{f6}lf", "1"), event("message", "three", "")]
}

/// All that comes, errors as text.
async fn all<S>(events: &mut EventStream<S>) -> Vec<Result<OwnedMessageEvent, String>>
where
    S: TryStream<Ok: AsRef<[u8]>, Error: std::fmt::Display>,
{
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event.map_err(|error| error.to_string()));
    }
    assert!(events.next().await.is_none(), "the end is the end");
    all
}

fn ok(events: Vec<OwnedMessageEvent>) -> Vec<Result<OwnedMessageEvent, String>> {
    events.into_iter().map(Ok).collect()
}

/// Whatever a chunk is, and however large.
#[tokio::test]
async fn any_stream_of_chunks_is_read() {
    let text = THREE.as_bytes();
    for size in 1..=text.len() {
        let chunks = || text.chunks(size).map(Ok::<_, io::Error>);
        let slices = stream::iter(chunks());
        assert_eq!(all(&mut slices.events()).await, ok(three()), "{size}");
        let vecs = stream::iter(chunks().map(|chunk| chunk.map(<[u8]>::to_vec)));
        assert_eq!(all(&mut EventStream::new(vecs)).await, ok(three()), "{size}");
        let bytes = stream::iter(chunks().map(|chunk| chunk.map(Bytes::copy_from_slice)));
        assert_eq!(all(&mut EventStream::new(bytes)).await, ok(three()), "{size}");
    }
    // Empty chunks are not an end.
    let chunks = [&b""[..], &text[..9], b"", b"", &text[9..], b""];
    let chunks = stream::iter(chunks.map(Ok::<_, io::Error>));
    assert_eq!(all(&mut EventStream::new(chunks)).await, ok(three()));
}

/// Trailers and frames of no known kind say nothing.
#[tokio::test]
async fn any_body_is_read() {
    let full = Full::new(Bytes::from_static(THREE.as_bytes()));
    assert_eq!(all(&mut full.events()).await, ok(three()));
    let boxed = Full::new(Bytes::from_static(THREE.as_bytes())).boxed();
    assert_eq!(all(&mut EventStream::from_body(boxed)).await, ok(three()));
    assert_eq!(all(&mut EventStream::from_body(Empty::<Bytes>::new())).await, []);
    let frames = [
        Frame::data(Bytes::from_static(&THREE.as_bytes()[..40])),
        Frame::trailers(http::HeaderMap::new()),
        Frame::data(Bytes::from_static(&THREE.as_bytes()[40..])),
    ];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
    assert_eq!(all(&mut EventStream::from_body(body)).await, ok(three()));
    // Data that is not in one piece.
    let (head, tail) = THREE.as_bytes().split_at(30);
    let body = StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(head.chain(tail)))]));
    assert_eq!(all(&mut EventStream::from_body(body)).await, ok(three()));
}

fn failing(text: &str) -> impl Stream<Item = Result<Vec<u8>, io::Error>> + use<> {
    let text = Ok(text.as_bytes().to_vec());
    stream::iter([text, Err(io::Error::other("pulled")), Ok(b"data: never\n\n".to_vec())])
}

/// The error follows the events, and gives the state of the stream.
#[tokio::test]
async fn an_error_of_the_source_hides_nothing_and_is_the_end() {
    for (rest, error) in [("", "pulled"), ("data: f", "pulled, 7 bytes into an event")] {
        let mut events = EventStream::new(failing(&format!("{THREE}{rest}")));
        let mut expected = ok(three());
        expected.push(Err(error.to_owned()));
        assert_eq!(all(&mut events).await, expected);
    }
    let mut events = EventStream::new(failing(""));
    let error = events.next().await.unwrap().unwrap_err();
    // The text of the source's error is in its own.
    assert_eq!(error.to_string(), "pulled");
    assert!(std::error::Error::source(&error).is_none());
    assert!(matches!(error, EventStreamError::Source(..)));
}

/// E-019
#[tokio::test]
async fn an_end_inside_an_event_is_told_once() {
    for (rest, len) in [("data: x", 7), ("data: x\n", 8), ("id: 7\ndata: x\n", 14), ("\u{fe}", 2)] {
        let text = format!("{THREE}{rest}");
        for size in [1, 3, 1400] {
            let chunks = stream::iter(text.as_bytes().chunks(size).map(Ok::<_, Infallible>));
            let mut events = EventStream::new(chunks);
            let mut expected = ok(three());
            expected.push(Err(format!("the stream ended {len} bytes into an event")));
            assert_eq!(all(&mut events).await, expected);
            let unfinished = events.take_unfinished().map(|event| event.data);
            assert_eq!(unfinished.as_deref(), rest.contains("data").then_some("x"), "{rest:?}");
            assert!(events.take_unfinished().is_none(), "told once");
            // E-019: the id of an event that is not dispatched does not count.
            assert_eq!(events.last_event_id(), "");
        }
    }
    // The end of a line may be in the making; the line is not.
    for end in ["\r\r", "\n\n", "\r\n\r\n", "\r\n\r"] {
        let text = format!("data: x{end}");
        let chunks = stream::iter([Ok::<_, Infallible>(text.as_bytes())]);
        assert_eq!(all(&mut EventStream::new(chunks)).await, ok(vec![event("message", "x", "")]));
    }
}

#[tokio::test]
async fn an_event_over_a_limit_is_an_error_and_the_stream_goes_on() {
    let text = format!("data: {}\nid: 5\n\ndata: next\n\n", "x".repeat(100));
    for size in [1, 7, 1400] {
        let mut decoder = Decoder::with_limits(Limits::DEFAULT.max_data_len(50));
        decoder.set_last_event_id(EventId::new("4").unwrap()).unwrap();
        let chunks = stream::iter(text.as_bytes().chunks(size).map(Ok::<_, Infallible>));
        let mut events = EventStream::with_decoder(chunks, decoder);
        assert_eq!(events.last_event_id(), "4");
        match events.next().await {
            Some(Err(EventStreamError::Overflow(exceeded))) => {
                assert_eq!((exceeded.limit, exceeded.max_len), (Limit::Data, 50));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(all(&mut events).await, ok(vec![event("message", "next", "5")]));
    }
}

/// Comments and parts that a decoder reports on request are skipped.
#[tokio::test]
async fn anything_but_an_event_is_passed_over() {
    let text = ":one\n:two\nretry: 3\ndata: x\n:three\n\n";
    let decoder = Decoder::new().report_comments();
    let chunks = stream::iter(text.as_bytes().chunks(1).map(Ok::<_, Infallible>));
    let mut events = EventStream::with_decoder(chunks, decoder);
    assert_eq!(all(&mut events).await, ok(vec![event("message", "x", "")]));
}

#[tokio::test]
async fn it_is_a_stream_itself() {
    let body = Full::new(Bytes::from_static(THREE.as_bytes()));
    let events: Vec<_> = EventStream::from_body(body).map(Result::unwrap).collect().await;
    assert_eq!(events, three());
    // It can be moved to any task, as its source can.
    let events = EventStream::from_body(Full::new(Bytes::from_static(THREE.as_bytes())));
    let count = tokio::spawn(events.count()).await.unwrap();
    assert_eq!(count, 3);
}

#[test]
fn a_future_that_is_dropped_after_any_number_of_polls_loses_nothing() {
    let runs = for_every_cancellation(|polls| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            // Not ready at first, each time.
            let chunks = stream::iter(THREE.as_bytes().chunks(1)).then(async |chunk| {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(chunk)
            });
            let mut events = EventStream::new(chunks);
            let (mut seen, mut was_cancelled) = (Vec::new(), false);
            loop {
                let next = cancelled_once(polls, async || events.next().await).await;
                was_cancelled |= next.was_cancelled;
                match next.value {
                    Some(event) => seen.push(event.unwrap()),
                    None => break,
                }
            }
            assert_eq!(seen, three());
            was_cancelled
        })
    });
    assert!(runs > 20, "{runs}");
}

#[test]
fn no_error_of_a_chain_is_shown_twice() {
    let source = || io::Error::other(io::Error::other("the cable was cut"));
    for error in [
        EventStreamError::Source(source(), EndOfStream::BetweenEvents),
        EventStreamError::Source(source(), EndOfStream::InsideEvent { dropped_len: 7 }),
        EventStreamError::InsideEvent { dropped_len: 7 },
    ] {
        assert_eq!(chain(&error).len(), 1, "{error}");
    }
}

/// Returns the texts of a chain, as programs print it, unless one has another in it.
fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut shown = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        assert!(!shown.iter().any(|shown| shown.contains(&text)), "{text:?} in {shown:?}");
        shown.push(text);
        source = error.source();
    }
    shown
}
