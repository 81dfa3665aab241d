//! The vectors of the decoder once more, through the whole client: TCP, HTTP/1.1, reconnection.
#![cfg(feature = "event-source")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use event_scene::{Answer, CHUNKED, OPEN, Server, Step, chunked, once};
use serde_json::Value;
use tidings_sse::{Decoder, GrowableStorage, Item};
use tidings_tokio::sse::{ClientEvent, DisconnectReason, EndOfStream, GiveUp, OwnedMessageEvent};

const SIZES: [usize; 5] = [1, 2, 3, 7, 1400];

struct Vector {
    name: String,
    stream: Vec<u8>,
    events: Vec<OwnedMessageEvent>,
    retry: Option<u64>,
    last_event_id: String,
    end: EndOfStream,
}

fn vectors() -> Vec<Vector> {
    let json = include_str!("../../sse/tests/data/event-stream-vectors.json");
    let json: Value = serde_json::from_str(json).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let vectors: Vec<Vector> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|vector| {
            let hex = text(&vector["input_hex"]);
            let hex = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            let stream: Vec<u8> = hex.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
            let event = |event: &Value| OwnedMessageEvent {
                event_type: text(&event["event"]),
                data: text(&event["data"]),
                last_event_id: text(&event["id"]),
            };
            Vector {
                name: text(&vector["name"]),
                events: vector["expected"].as_array().unwrap().iter().map(event).collect(),
                retry: vector["retry"].as_u64(),
                last_event_id: text(&vector["last_event_id"]),
                end: end(&stream),
                stream,
            }
        })
        .collect();
    assert_eq!(vectors.len(), 96);
    vectors
}

/// The state of the stream at its end: the file does not contain it, the decoder's own tests do.
fn end(mut stream: &[u8]) -> EndOfStream {
    let mut decoder: Decoder<GrowableStorage> = Decoder::new();
    while decoder.decode(&mut stream).is_some_and(|item| !matches!(item, Item::Overflow(_))) {}
    decoder.finish()
}

impl Vector {
    async fn check(&self, answer: Answer, how: &str) {
        let server = Server::start([answer]).await;
        let mut source = server.client_with(once());
        let (mut events, mut retry) = (Vec::new(), None);
        let lost = loop {
            match source.next().await {
                Some(ClientEvent::Open(_)) => {}
                Some(ClientEvent::Event(event)) => events.push(event),
                Some(ClientEvent::Retry(time)) => retry = Some(time.as_ms()),
                Some(ClientEvent::Closed { cause, reason: GiveUp::Once }) => break cause,
                other => panic!("{}, {how}: {other:?}", self.name),
            }
        };
        let name = &self.name;
        assert_eq!(events, self.events, "{name}, {how}");
        assert_eq!(retry, self.retry, "{name}, {how}");
        assert_eq!(source.last_event_id(), self.last_event_id, "{name}, {how}");
        assert_eq!(lost.reason, DisconnectReason::Ended(self.end), "{name}, {how}");
        assert!(source.next().await.is_none(), "{name}, {how}");
    }
}

fn answer(head: &str, writes: impl IntoIterator<Item = Vec<u8>>) -> Answer {
    let mut steps = vec![Step::Write(head.into())];
    steps.extend(writes.into_iter().map(Step::Write));
    Answer(steps)
}

/// E-001 to E-019
#[tokio::test]
async fn every_vector_holds_through_the_client_in_chunked_coding() {
    for vector in vectors() {
        for size in SIZES {
            let writes = chunked(&vector.stream, size);
            vector.check(answer(CHUNKED, writes), &format!("chunks of {size}")).await;
        }
    }
}

/// E-001 to E-019
#[tokio::test]
async fn every_vector_holds_through_the_client_when_the_connection_ends_the_stream() {
    for vector in vectors() {
        for size in SIZES {
            let writes = vector.stream.chunks(size).map(<[u8]>::to_vec);
            vector.check(answer(OPEN, writes), &format!("writes of {size}")).await;
        }
    }
}

/// E-001 to E-019
#[tokio::test]
async fn every_vector_holds_through_the_client_with_a_length() {
    for vector in vectors() {
        let head = format!(
            "HTTP/1.0 200 OK\r\ncontent-type:text/event-stream;charset=utf-8\r\n\
             content-length: {}\r\n\r\n",
            vector.stream.len()
        );
        // All in one segment: head, every event, the end.
        let all = [head.as_bytes(), &vector.stream].concat();
        vector.check(Answer::raw(all), "at once").await;
    }
}
