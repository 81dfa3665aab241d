//! Streams as language models send them, token by token: no letter is lost or doubled, wherever the
//! network cuts.
#![cfg(feature = "event-source")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use std::convert::Infallible;

use bytes::Bytes;
use event_scene::{Answer, CHUNKED, Server, Step, chunk, chunked, once, one_stream};
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::{Value, json};
use tidings_tokio::sse::{
    DisconnectReason, EndOfStream, EventSource, EventSourceRequest, EventStream, EventStreamError,
    GiveUp, OwnedMessageEvent,
};

const TOKENS: [&str; 9] = [
    "Gr\u{fc}\u{df}e",
    ", ",
    "\u{4f60}\u{597d}",
    "\n\n",
    "\u{1f600}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    " \u{3053}\u{3093}",
    "\"\\",
    "\r\n.",
];

/// Chunks without a name, and a last one that is not JSON.
fn openai() -> String {
    let chunk = |delta: Value, finish: Value| {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        let body =
            json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices });
        format!("data: {body}\n\n")
    };
    let mut text = chunk(json!({ "role": "assistant", "content": "" }), Value::Null);
    for token in TOKENS {
        text += &chunk(json!({ "content": token }), Value::Null);
    }
    text + &chunk(json!({}), json!("stop")) + "data: [DONE]\n\n"
}

/// Named events, with pings between them.
fn anthropic() -> String {
    let event = |name: &str, mut body: Value| {
        body["type"] = name.into();
        format!("event: {name}\ndata: {body}\n\n")
    };
    let mut text = event("message_start", json!({ "message": { "id": "msg_1", "content": [] } }));
    text += &event("content_block_start", json!({ "index": 0 }));
    for token in TOKENS {
        text += &event("ping", json!({}));
        let delta = json!({ "type": "text_delta", "text": token });
        text += &event("content_block_delta", json!({ "index": 0, "delta": delta }));
    }
    text += &event("content_block_stop", json!({ "index": 0 }));
    text + &event("message_stop", json!({}))
}

/// The text that a program extracts from the first kind.
fn openai_text(events: &[OwnedMessageEvent]) -> String {
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last.data, "[DONE]");
    let chunks = chunks.iter().map(|event| {
        assert_eq!((&*event.event_type, &*event.last_event_id), ("message", ""));
        let chunk: Value = serde_json::from_str(&event.data).unwrap();
        chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
    });
    chunks.collect()
}

/// The text that a program extracts from the second kind.
fn anthropic_text(events: &[OwnedMessageEvent]) -> String {
    let mut text = String::new();
    for event in events {
        let body: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(body["type"], event.event_type);
        if event.event_type == "content_block_delta" {
            text += body["delta"]["text"].as_str().unwrap();
        }
    }
    assert_eq!(events.first().unwrap().event_type, "message_start");
    assert_eq!(events.last().unwrap().event_type, "message_stop");
    assert_eq!(events.iter().filter(|event| event.event_type == "ping").count(), TOKENS.len());
    text
}

type Text = fn(&[OwnedMessageEvent]) -> String;

fn streams() -> [(String, Text); 2] {
    [(openai(), openai_text), (anthropic(), anthropic_text)]
}

async fn all<S>(mut events: EventStream<S>) -> Vec<OwnedMessageEvent>
where
    S: futures_util::TryStream<Ok: AsRef<[u8]>, Error = Infallible>,
{
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event.unwrap());
    }
    all
}

/// E-001, E-005, E-011
#[tokio::test]
async fn text_is_exact_at_every_cut_of_a_body_or_stream() {
    for (stream, text) in streams() {
        for cut in 0..=stream.len() {
            let (head, tail) = stream.as_bytes().split_at(cut);
            let frames = [head, tail].map(|part| Ok(Frame::data(Bytes::copy_from_slice(part))));
            let body = StreamBody::new(stream::iter(frames));
            assert_eq!(text(&all(EventStream::from_body(body)).await), TOKENS.concat(), "{cut}");
            let parts = stream::iter([head, tail].map(Ok));
            assert_eq!(text(&all(EventStream::new(parts)).await), TOKENS.concat(), "{cut}");
        }
    }
}

#[tokio::test]
async fn text_is_exact_byte_by_byte_through_the_client_and_the_request_arrives_as_it_was_made() {
    let prompt =
        json!({ "model": "m", "stream": true, "messages": [{ "content": TOKENS.concat() }] });
    let prompt = serde_json::to_vec(&prompt).unwrap();
    for (stream, text) in streams() {
        for size in [1, 3, 1400] {
            let mut answer = Answer::raw(CHUNKED);
            for piece in chunked(stream.as_bytes(), size) {
                answer = answer.write(piece);
            }
            let server = Server::start([answer]).await;
            let request = EventSourceRequest::post(server.url(), prompt.clone())
                .header("content-type", "application/json")
                .header("authorization", "Bearer 12345")
                .header("anthropic-version", "2023-06-01")
                .header("accept", "text/event-stream, application/json");
            let mut source = EventSource::open(request).unwrap();
            let mut events = Vec::new();
            while let Some(event) = source.event().await.unwrap() {
                events.push(event);
            }
            assert_eq!(text(&events), TOKENS.concat());
            let requests = server.requests();
            assert_eq!(requests.len(), 1);
            let request = &requests[0];
            assert_eq!(request.first_line(), "POST /events?a=b HTTP/1.1");
            assert_eq!(request.body, prompt);
            let length = prompt.len().to_string();
            for (name, value) in [
                ("content-type", "application/json"),
                ("authorization", "Bearer 12345"),
                ("anthropic-version", "2023-06-01"),
                ("accept", "text/event-stream, application/json"),
                ("content-length", &length),
            ] {
                assert_eq!(request.header(name), Some(value.as_bytes()), "{name}");
            }
        }
    }
}

/// A body that does not fit into any buffer on the way.
#[tokio::test]
async fn a_long_prompt_arrives_whole() {
    let prompt: Vec<u8> = (0u32..500_000).flat_map(u32::to_le_bytes).collect();
    let server = Server::start([Answer::stream("data: x\n\n")]).await;
    let request = EventSourceRequest::post(server.url(), prompt.clone()).config(once());
    let (events, _) = one_stream(&mut EventSource::open(request).unwrap()).await;
    assert_eq!(events.len(), 1);
    assert!(server.requests()[0].body == prompt);
}

/// A server that answers before it has read all: its stream is read, the rest is not waited for.
#[tokio::test]
async fn an_answer_that_comes_before_the_whole_prompt_is_read_is_read() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut start = [0; 100];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut start).await.unwrap();
        Answer::stream("data: early\n\n")
            .then(Step::Sleep(std::time::Duration::from_secs(600)))
            .play(&mut stream)
            .await;
    });
    let request = EventSourceRequest::post(url, vec![0; 32 << 20]).config(once());
    let mut source = EventSource::open(request).unwrap();
    assert_eq!(event_scene::data(&mut source).await, "early");
}

/// A program must be able to distinguish an answer from half of one.
#[tokio::test]
async fn a_stream_that_is_cut_is_told_from_one_that_is_complete() {
    for (stream, _) in streams() {
        let whole = stream.trim_end();
        let cut = &stream.as_bytes()[..whole.len() - 3];
        let dropped_len = u64::try_from(cut.len() - whole.rfind("\n\n").unwrap() - 2).unwrap();
        let inside = EndOfStream::InsideEvent { dropped_len };
        for (end, reason) in
            [("", DisconnectReason::Broken(inside)), ("0\r\n\r\n", DisconnectReason::Ended(inside))]
        {
            let answer = Answer::raw(CHUNKED).write(chunk(cut)).write(end);
            let server = Server::start([answer]).await;
            let request = EventSourceRequest::post(server.url(), "");
            let mut source = EventSource::open(request).unwrap();
            let closed = loop {
                match source.event().await {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            match closed {
                Err(tidings_tokio::sse::EventError::Closed {
                    cause,
                    reason: GiveUp::NotRepeatable,
                }) => {
                    assert_eq!(cause.reason, reason);
                }
                other => panic!("{other:?}"),
            }
        }
        let mut events = EventStream::new(stream::iter([Ok::<_, Infallible>(cut)]));
        let last = loop {
            match events.next().await {
                Some(Ok(_)) => {}
                other => break other,
            }
        };
        match last {
            Some(Err(EventStreamError::InsideEvent { dropped_len: len })) => {
                assert_eq!(len, dropped_len);
            }
            other => panic!("{other:?}"),
        }
    }
}
