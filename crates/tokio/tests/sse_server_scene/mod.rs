//! Shared code of the tests of the event stream server: a client that reads bodies by hand, and
//! events.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file needs some of it; a failed step fails the test"
)]

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body;
use tidings_sse::{Decoder, Item, OwnedMessageEvent};
use tidings_tokio::sse::server::{EncodedEvent, EventBody, EventBodyError};
use tidings_tokio::sse::{Event, EventId};

/// An event whose ID and data are `id`.
pub(crate) fn event(id: u64) -> EncodedEvent {
    let id = id.to_string();
    Event::new().id(EventId::new(&id).unwrap()).data(&id).into()
}

/// Asks the body once.
pub(crate) fn poll(body: &mut EventBody) -> Poll<Option<Result<Bytes, EventBodyError>>> {
    let frame = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
    frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap())))
}

/// The next frame, which has to be there.
pub(crate) fn next(body: &mut EventBody) -> Bytes {
    match poll(body) {
        Poll::Ready(Some(Ok(bytes))) => bytes,
        other => panic!("{other:?}"),
    }
}

/// All frames that are there, as a connection takes them that has room.
pub(crate) fn take(body: &mut EventBody) -> Vec<u8> {
    let mut all = Vec::new();
    while let Poll::Ready(Some(Ok(bytes))) = poll(body) {
        all.extend(bytes);
    }
    all
}

/// The next frame, whenever it comes; `None` at the end.
pub(crate) async fn wait(body: &mut EventBody) -> Option<Result<Bytes, EventBodyError>> {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

pub(crate) fn decode(mut bytes: &[u8]) -> Vec<OwnedMessageEvent> {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    while let Some(item) = decoder.decode(&mut bytes) {
        if let Item::Event(event) = item {
            events.push(event.into_owned());
        }
    }
    events
}

/// Returns a client's view: data, with the type before it if that is not `message`.
pub(crate) fn seen(bytes: &[u8]) -> Vec<String> {
    let line = |event: OwnedMessageEvent| match event.event_type.as_str() {
        "message" => event.data,
        other => format!("{other} {}", event.data),
    };
    decode(bytes).into_iter().map(line).collect()
}
