//! `EventStream` over the bodies of another client, hyper. Its decoding is tested in tidings-sse.
#![cfg(feature = "event-source")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use bytes::Bytes;
use event_scene::{Answer, CHUNKED, Server, chunk, chunked};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tidings_tokio::sse::{BodyChunks, EventStream, OwnedMessageEvent};
use tokio::net::TcpStream;

const THREE: &str =
    "retry: 5\nid: 1\ndata: one\n\nevent: e\ndata: zw\u{f6}lf\n\nid\ndata: three\n\n";

fn event(event_type: &str, data: &str, id: &str) -> OwnedMessageEvent {
    OwnedMessageEvent { event_type: event_type.into(), data: data.into(), last_event_id: id.into() }
}

fn three() -> Vec<OwnedMessageEvent> {
    vec![event("message", "one", "1"), event("e", "zw\u{f6}lf", "1"), event("message", "three", "")]
}

/// All that comes, errors as text.
async fn all(
    events: &mut EventStream<BodyChunks<Incoming>>,
) -> Vec<Result<OwnedMessageEvent, String>> {
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

/// The response of a server, fetched by hyper alone.
async fn fetch(answer: Answer) -> (Server, Incoming) {
    let server = Server::start([answer]).await;
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::new(Empty::<Bytes>::new());
    (server, sender.send_request(request).await.unwrap().into_body())
}

/// E-005, E-010, E-013, E-018
#[tokio::test]
async fn a_body_of_hyper_is_read() {
    for size in [1, 2, 3, 7, 1400] {
        let mut answer = Answer::raw(CHUNKED);
        for piece in chunked(THREE.as_bytes(), size) {
            answer = answer.write(piece);
        }
        let (_server, body) = fetch(answer).await;
        let mut events = EventStream::from_body(body);
        assert_eq!(all(&mut events).await, ok(three()));
        assert_eq!(events.last_event_id(), "");
        assert_eq!(events.reconnection_time().unwrap().as_ms(), 5);
    }
}

#[tokio::test]
async fn a_body_of_hyper_that_is_cut_keeps_what_came_before() {
    let answer = Answer::raw(CHUNKED).write(chunk(THREE.as_bytes())).write(chunk(b"data: f"));
    let (_server, body) = fetch(answer).await;
    let mut events = EventStream::from_body(body);
    let mut seen = all(&mut events).await;
    let error = seen.pop().unwrap().unwrap_err();
    assert!(error.ends_with(", 7 bytes into an event"), "{error}");
    assert_eq!(seen, ok(three()));
}
