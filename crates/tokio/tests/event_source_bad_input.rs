//! Servers that send too much, too large items, garbage, or bombs.
#![cfg(all(feature = "event-source", feature = "gzip"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use event_scene::{
    Answer, CHUNKED, Server, Step, chunk, chunked, closed, data, datas, once, one_stream, quick,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use tidings_sse::Limit;
use tidings_testkit::for_seeds;
use tidings_tokio::sse::{
    ClientEvent, CodingError, DisconnectReason, EndOfStream, EventError, EventSource,
    EventSourceRequest, GiveUp, Limits, StreamError,
};

const BETWEEN: EndOfStream = EndOfStream::BetweenEvents;

fn coded(coding: &str) -> Answer {
    Answer::raw(CHUNKED.replace("\r\n\r\n", &format!("\r\nContent-Encoding: {coding}\r\n\r\n")))
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// The limit that was gone over.
async fn overflow(source: &mut EventSource) -> Limit {
    match source.event().await {
        Err(EventError::Overflow(exceeded)) => exceeded.limit,
        other => panic!("{other:?}"),
    }
}

async fn limited(bodies: &[&[u8]]) -> (Server, EventSource) {
    let mut answer = Answer::stream("");
    for body in bodies {
        answer = answer.write(body);
    }
    let server = Server::start([answer]).await;
    let limits = Limits::DEFAULT
        .max_line_len(1000)
        .max_data_len(2000)
        .max_event_type_len(100)
        .max_last_event_id_len(50);
    let request = EventSourceRequest::get(server.url()).config(once()).limits(limits);
    (server, EventSource::open(request).unwrap())
}

#[tokio::test]
async fn a_line_that_does_not_end_overflows_once_and_the_stream_goes_on() {
    let endless = vec![b'x'; 300_000];
    let (_server, mut source) = limited(&[
        b"data: 0\n\ndata: ",
        &endless,
        &endless,
        b"\ndata: skipped\n\ndata: 1\n\n:",
        &endless,
        b"\ndata: 2\n\n",
    ])
    .await;
    assert_eq!(data(&mut source).await, "0");
    assert_eq!(overflow(&mut source).await, Limit::Line);
    assert_eq!(data(&mut source).await, "1");
    // A comment that nobody asked for costs nothing.
    assert_eq!(data(&mut source).await, "2");
    assert_eq!(source.event().await.unwrap(), None);
}

#[tokio::test]
async fn an_event_that_does_not_end_overflows_once_and_the_stream_goes_on() {
    let endless = b"data: x\n".repeat(20_000);
    let (_server, mut source) = limited(&[&endless, &endless, b"id: 7\n\ndata: 1\n\n"]).await;
    assert_eq!(overflow(&mut source).await, Limit::Data);
    let event = source.event().await.unwrap().unwrap();
    assert_eq!(event.data, "1");
    // The event that was skipped is not asked for again.
    assert_eq!(event.last_event_id, "7");
    assert_eq!(source.event().await.unwrap(), None);
}

#[tokio::test]
async fn a_huge_id_or_type_costs_its_event_and_no_more() {
    let long = vec![b'7'; 101];
    for (field, limit) in [("id: ", Limit::LastEventId), ("event: ", Limit::EventType)] {
        let (_server, mut source) = limited(&[
            b"id: 1\ndata: 0\n\n",
            field.as_bytes(),
            &long,
            b"\ndata: skipped\n\ndata: 1\n\n",
        ])
        .await;
        assert_eq!(data(&mut source).await, "0");
        assert_eq!(overflow(&mut source).await, limit);
        let event = source.event().await.unwrap().unwrap();
        assert_eq!((&*event.data, &*event.last_event_id), ("1", "1"));
        assert_eq!(source.event().await.unwrap(), None);
    }
}

/// E-004: as a body, as a gzip body, as chunks, and instead of a head.
#[tokio::test]
async fn garbage_ends_and_does_no_harm() {
    let mut bodies = Vec::new();
    for_seeds(0..8, |random| {
        let mut bytes: Vec<u8> = (0..2000).flat_map(|_| random.key()).collect();
        // Many lines, fields and blank lines.
        for byte in &mut bytes {
            if random.one_in(8) {
                *byte = *b"\n\r:\n\rdi\0\n".get(random.below(9)).unwrap();
            }
        }
        bodies.push(bytes);
    });
    for (seed, body) in bodies.iter().enumerate() {
        for (what, answer) in [
            ("body", Answer::stream(body)),
            ("gzip", coded("gzip").write(chunk(body)).write("0\r\n\r\n")),
            (
                "gzip body",
                coded("gzip").write(chunk(&[b"\x1f\x8b\x08\0\0\0\0\0\0\xff", &body[..]].concat())),
            ),
            ("chunks", Answer::raw(CHUNKED).write(body)),
            ("head", Answer::raw(body)),
            ("fields", Answer::raw("HTTP/1.1 200 OK\r\n").write(body)),
        ] {
            let server = Server::start([answer]).await;
            let mut source = server.client_with(once());
            let (mut events, mut ends) = (0, 0);
            while let Some(update) = source.next().await {
                match update {
                    ClientEvent::Closed { cause, .. } => {
                        ends += 1;
                        let clean = matches!(cause.reason, DisconnectReason::Ended(_));
                        assert_eq!(clean, what == "body", "{what}, {seed}: {cause:?}");
                        // Among garbage there may be a blank line, and so an answer of some sort.
                        let answered = cause.reason == DisconnectReason::ContentType;
                        assert!(!answered || what == "fields", "{what}, {seed}: {cause:?}");
                        assert_eq!(cause.error.is_none(), clean || answered, "{what}, {seed}");
                    }
                    ClientEvent::Event(_) => events += 1,
                    _ => {}
                }
            }
            assert_eq!(ends, 1);
            assert!(events == 0 || ["body", "gzip body"].contains(&what), "{what}, {seed}");
        }
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    for filler in
        [format!("X: {}\r\n", "y".repeat(1 << 20)), "X: y\r\n".repeat(1 << 16), "y".repeat(1 << 20)]
    {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{filler}");
        let server = Server::start([Answer::raw(head).then(Step::Hold)]).await;
        let (_, lost) = one_stream(&mut server.client_with(once())).await;
        assert_eq!(lost.reason, DisconnectReason::Unreachable);
        assert!(matches!(lost.error, Some(StreamError::Http(_))), "{lost:?}");
    }
}

/// Of an answer that is not a stream, no more is read than the client wants.
#[tokio::test]
async fn a_refusal_without_end_is_not_read_to_its_end() {
    let mut answer = Answer::raw("HTTP/1.1 500 \r\n\r\n");
    for _ in 0..100 {
        answer = answer.write(vec![b'x'; 10_000]);
    }
    let server = Server::start([answer.then(Step::Hold)]).await;
    let request = EventSourceRequest::get(server.url()).config(quick()).max_answer_len(5000);
    match EventSource::open(request).unwrap().next().await {
        Some(ClientEvent::Closed { cause, .. }) => {
            let answer = cause.answer.unwrap();
            assert_eq!(answer.body, vec![b'x'; 5000]);
            assert!(!answer.is_complete());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_coding_that_nobody_asked_for_is_read_if_it_is_gzip_and_the_end_if_not() {
    let body = gzip(b"id: 1\ndata: 0\n\ndata: 1\n\ndata: x");
    for coding in ["gzip", "GZip", "x-gzip", "identity, gzip"] {
        for size in [1, 7, 1400] {
            let mut answer = coded(coding);
            for piece in chunked(&body, size) {
                answer = answer.write(piece);
            }
            let server = Server::start([answer]).await;
            let (events, lost) = one_stream(&mut server.client_with(once())).await;
            assert_eq!(datas(&events), ["0", "1"]);
            assert_eq!(
                lost.reason,
                DisconnectReason::Ended(EndOfStream::InsideEvent { dropped_len: 7 })
            );
        }
    }
    for coding in ["br", "deflate", "zstd", "gzip, gzip"] {
        let server = Server::start([coded(coding).write(chunk(b"data: x\n\n"))]).await;
        let mut source = server.client();
        // The server would choose the same one again: no attempt is of use.
        let mut updates = event_scene::updates(&mut source, 10).await;
        match updates.pop() {
            Some(ClientEvent::Closed { cause, reason: GiveUp::Failed }) => {
                assert!(
                    matches!(cause.error, Some(StreamError::Coding(CodingError::Unknown(_)))),
                    "{coding}: {cause:?}"
                );
            }
            other => panic!("{coding}: {other:?}"),
        }
        assert_eq!(server.requests().len(), 1);
        assert!(!updates.iter().any(|update| matches!(update, ClientEvent::Event(_))));
    }
}

/// Events that were whole before the data broke are delivered, wherever in a chunk that is.
#[tokio::test]
async fn a_gzip_stream_that_is_cut_or_changed_is_broken_after_its_last_event() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"data: 0\n\ndata: 1\n\n").unwrap();
    encoder.flush().unwrap();
    let flushed = encoder.get_ref().len();
    encoder.write_all(b"data: 2\n\n").unwrap();
    let all = encoder.finish().unwrap();
    let mut cases: Vec<(String, Vec<u8>)> =
        (flushed..all.len()).map(|len| (format!("cut at {len}"), all[..len].to_vec())).collect();
    // A block of the invalid type.
    cases.push(("changed".into(), [&all[..flushed], b"\x07\xff\xff\xff"].concat()));
    let mut checksum = all.clone();
    checksum[all.len() - 8] ^= 1;
    cases.push(("checksum".into(), checksum));
    let mut length = all.clone();
    length[all.len() - 1] ^= 1;
    cases.push(("length".into(), length));
    cases.push(("more".into(), [&all[..], b"data: 3\n\n"].concat()));
    for (how, body) in cases {
        let server =
            Server::start([coded("gzip").write([&chunk(&body)[..], b"0\r\n\r\n"].concat())]).await;
        let (events, lost) = one_stream(&mut server.client_with(once())).await;
        assert_eq!(datas(&events)[..2], ["0", "1"], "{how}");
        assert!(matches!(lost.reason, DisconnectReason::Broken(_)), "{how}: {lost:?}");
        let corrupt = matches!(lost.error, Some(StreamError::Coding(CodingError::Corrupt(_))));
        assert!(corrupt, "{how}: {lost:?}");
    }
    // It is tried again: the next stream may be whole.
    let server = Server::start([
        coded("gzip").write(chunk(&all[..flushed])).write("0\r\n\r\n"),
        Answer::stream("data: again\n\n"),
    ])
    .await;
    let mut source = server.client();
    for expected in ["0", "1", "again"] {
        assert_eq!(data(&mut source).await, expected);
    }
}

/// A large event that is flushed is there at once, though it unfolds to many pieces.
#[tokio::test]
async fn a_flushed_event_is_not_held_back_whatever_it_unfolds_to() {
    for len in [10, 16_000, 16_384, 20_000, 40_000, 100_000, 1_000_000] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(format!("data: {}\n\n", "x".repeat(len)).as_bytes()).unwrap();
        encoder.flush().unwrap();
        let read = Arc::new(tokio::sync::Notify::new());
        let answer = coded("gzip")
            .write(chunk(encoder.get_ref()))
            .then(Step::Wait(Arc::clone(&read)))
            .write("0\r\n\r\n");
        let server = Server::start([answer]).await;
        let mut config = once();
        config.idle_timeout = std::time::Duration::from_secs(5);
        let mut source = server.client_with(config);
        assert_eq!(data(&mut source).await.len(), len);
        read.notify_one();
        // No end of the member came.
        let (_, lost) = one_stream(&mut source).await;
        assert!(matches!(lost.reason, DisconnectReason::Broken(BETWEEN)), "{lost:?}");
    }
}

/// Of 64 MiB that inflate from 64 KiB no more than a line's limit is ever kept, and other tasks of
/// the thread continue. The memory is bounded by construction: see `ContentDecoder`.
#[tokio::test(flavor = "current_thread")]
async fn a_bomb_that_is_one_line_overflows_and_starves_nobody() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"data: ").unwrap();
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    encoder.write_all(b"\n\ndata: out\n\n").unwrap();
    check_bomb(encoder.finish().unwrap(), async |source| {
        assert_eq!(overflow(source).await, Limit::Line);
        assert_eq!(data(source).await, "out");
    })
    .await;
}

/// As many events as there are.
#[tokio::test(flavor = "current_thread")]
async fn a_bomb_of_tiny_events_is_read_event_by_event_and_starves_nobody() {
    const EVENTS: usize = 200_000;
    check_bomb(gzip(&b"data:\n\n".repeat(EVENTS)), async |source| {
        for _ in 0..EVENTS {
            assert_eq!(data(source).await, "");
        }
    })
    .await;
}

/// Nothing comes of comments, so nothing is returned while they are read.
#[tokio::test(flavor = "current_thread")]
async fn a_bomb_of_comments_starves_nobody() {
    let body = [&b":\n".repeat(4 << 20)[..], b"data: out\n\n"].concat();
    check_bomb(gzip(&body), async |source| {
        assert_eq!(data(source).await, "out");
    })
    .await;
}

async fn check_bomb(body: Vec<u8>, read: impl AsyncFnOnce(&mut EventSource)) {
    let server = Server::start([coded("gzip").write(chunk(&body)).write("0\r\n\r\n")]).await;
    let mut source = server.client_with(once());
    // All of it is there before it is read.
    assert!(matches!(source.next().await, Some(ClientEvent::Open(_))));
    let turns = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let (counted, ended) = (Arc::clone(&turns), Arc::clone(&done));
    let other = tokio::spawn(async move {
        while !ended.load(Ordering::Relaxed) {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    read(&mut source).await;
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= 10, "only {turns} turns");
    done.store(true, Ordering::Relaxed);
    other.await.unwrap();
    assert_eq!(closed(&mut source).await, (DisconnectReason::Ended(BETWEEN), GiveUp::Once));
}

/// A server that answers and hangs up at once does not set back the count of failures.
#[tokio::test]
async fn a_server_that_only_opens_streams_is_not_asked_without_end() {
    let server = Server::start([Answer::stream("")]).await;
    let mut config = quick();
    config.policy.max_attempts = 5;
    let mut source = server.client_with(config);
    while source.next().await.is_some() {}
    assert_eq!(server.requests().len(), 5);
}
