//! Event streams passed on: unchanged, kept alive between events, and cut where they were cut.

#![cfg(feature = "sse")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod sse_server_scene;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ETAG, HeaderValue};
use http_body::{Body, Frame};
use sse_server_scene::{decode, event};
use tidings_tokio::sse::ReconnectionTime;
use tidings_tokio::sse::server::{EventBodyError, Relay, RelayError, Responder};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

#[derive(Debug, PartialEq)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

/// The input of the test, as a body.
struct Upstream(mpsc::UnboundedReceiver<Result<Bytes, Broken>>);

impl Body for Upstream {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

fn relay() -> (mpsc::UnboundedSender<Result<Bytes, Broken>>, Relay<Upstream>) {
    let (upstream, chunks) = mpsc::unbounded_channel();
    (upstream, Relay::from_stream_body(Upstream(chunks)))
}

async fn next<B: Body<Data = Bytes> + Unpin>(
    relay: &mut Relay<B>,
) -> Option<Result<Bytes, RelayError<B::Error>>> {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *relay).poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

/// The next bytes, which have to come.
async fn passed(relay: &mut Relay<Upstream>) -> Bytes {
    next(relay).await.unwrap().unwrap()
}

#[tokio::test]
async fn bytes_are_passed_on_as_they_come_and_not_copied() {
    let stream: &[u8] = b"\xEF\xBB\xBF: hi\r\n\rdata: \xF0\x9F\x8E\x88\r\n\r\nid:1\ndata\n\n";
    for cut in 0..=stream.len() {
        let (upstream, mut relay) = relay();
        let chunks = [&stream[..cut], &stream[cut..]].map(Bytes::copy_from_slice);
        for chunk in &chunks {
            upstream.send(Ok(chunk.clone())).unwrap();
        }
        drop(upstream);
        for chunk in chunks {
            let passed = next(&mut relay).await.unwrap().unwrap();
            assert_eq!(passed, chunk);
            assert!(chunk.is_empty() || passed.as_ptr() == chunk.as_ptr());
        }
        assert!(relay.at_boundary());
        assert!(next(&mut relay).await.is_none());
        assert!(relay.is_end_stream());
    }
}

/// E-033
#[tokio::test(start_paused = true)]
async fn comments_come_only_between_events() {
    let second = Duration::from_secs(1);
    let (upstream, relay) = relay();
    let mut relay = relay.keep_alive(5 * second);
    // Not inside an event.
    upstream.send(Ok("data: a\n".into())).unwrap();
    assert_eq!(passed(&mut relay).await, "data: a\n");
    assert!(timeout(60 * second, next(&mut relay)).await.is_err());
    assert_eq!((relay.at_boundary(), relay.bytes_since_boundary()), (false, 8));
    upstream.send(Ok("\n".into())).unwrap();
    assert_eq!(passed(&mut relay).await, "\n");
    assert_eq!((relay.at_boundary(), relay.bytes_since_boundary()), (true, 0));

    let start = Instant::now();
    for count in 1..=3 {
        assert_eq!(passed(&mut relay).await, ":\n\n");
        assert!(start.elapsed() >= 5 * second * count);
        assert!(start.elapsed() < 5 * second * count + second);
    }
    // Bytes of the upstream delay the next comment.
    sleep(4 * second).await;
    upstream.send(Ok("data: b\n\nid".into())).unwrap();
    assert_eq!(passed(&mut relay).await, "data: b\n\nid");
    assert_eq!(relay.bytes_since_boundary(), 2);
    upstream.send(Ok(": 1\r\n\r".into())).unwrap();
    assert_eq!(passed(&mut relay).await, ": 1\r\n\r");
    let start = Instant::now();
    assert_eq!(passed(&mut relay).await, ":\n\n");
    assert!(start.elapsed() >= 5 * second);
}

/// E-033: an upstream that thinks before its first event. Its byte order mark, which counts at the
/// very start only, is then left out, however it is cut.
#[tokio::test(start_paused = true)]
async fn comments_keep_a_client_before_the_first_byte() {
    let stream: &[u8] = b"\xEF\xBB\xBFdata: a\n\n";
    for cut in 0..stream.len() {
        let (upstream, mut relay) = relay();
        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(passed(&mut relay).await, ":\n\n");
            assert!(start.elapsed() >= Duration::from_secs(15));
        }
        upstream.send(Ok(Bytes::copy_from_slice(&stream[..cut]))).unwrap();
        upstream.send(Ok(Bytes::copy_from_slice(&stream[cut..]))).unwrap();
        drop(upstream);
        let mut all = Vec::new();
        while let Some(bytes) = next(&mut relay).await {
            all.extend(bytes.unwrap());
        }
        assert_eq!(all, b"data: a\n\n", "cut at {cut}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_begins_like_a_byte_order_mark_is_passed_on() {
    let (upstream, mut relay) = relay();
    assert_eq!(passed(&mut relay).await, ":\n\n");
    for part in [&b"\xEF"[..], b"\xBB", b"x: 1\n\n"] {
        upstream.send(Ok(part.into())).unwrap();
    }
    assert_eq!(&passed(&mut relay).await[..], b"\xEF\xBBx: 1\n\n");

    let (upstream, mut relay) = self::relay();
    assert_eq!(passed(&mut relay).await, ":\n\n");
    upstream.send(Ok(b"\xEF\xBB"[..].into())).unwrap();
    drop(upstream);
    let end = next(&mut relay).await.unwrap();
    assert!(matches!(end, Err(RelayError::CutEvent { len: 2 })), "{end:?}");
}

#[tokio::test]
async fn an_end_inside_an_event_is_an_error() {
    let (upstream, mut relay) = relay();
    upstream.send(Ok("data: a\n\ndata: b\n".into())).unwrap();
    drop(upstream);
    next(&mut relay).await.unwrap().unwrap();
    let cut = next(&mut relay).await.unwrap().unwrap_err();
    assert!(matches!(cut, RelayError::CutEvent { len: 8 }));
    assert!(cut.to_string().contains("8 bytes in"), "{cut}");
    assert!(next(&mut relay).await.is_none());
}

/// A comment and a reconnection time need no blank line.
#[tokio::test]
async fn an_end_that_cuts_no_event_is_a_clean_one() {
    for end in [": bye\n", ":", "retry: 5\n", "retry: 5\n: bye\n", "unknown\n"] {
        for before in ["", "\u{FEFF}", "data: a\n\n", "data: a\r\n\r"] {
            let (upstream, mut relay) = relay();
            upstream.send(Ok([before, end].concat().into())).unwrap();
            drop(upstream);
            next(&mut relay).await.unwrap().unwrap();
            assert!(next(&mut relay).await.is_none(), "{before:?} {end:?}");
        }
    }
}

/// After trailers a connection asks for nothing more, so the end is checked before them.
#[tokio::test]
async fn trailers_of_a_stream_that_was_cut_are_an_error() {
    let with_trailers = |events: &'static str| {
        let trailers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("x"))]);
        let frames = [Frame::data(Bytes::from(events)), Frame::trailers(trailers)];
        let frames = futures_util::stream::iter(frames.map(Ok::<_, Broken>));
        Relay::from_stream_body(http_body_util::StreamBody::new(frames))
    };
    let mut cut = with_trailers("data: a\n\ndata: b\n");
    assert_eq!(next(&mut cut).await.unwrap().unwrap(), "data: a\n\ndata: b\n");
    assert!(!cut.is_end_stream());
    let end = next(&mut cut).await.unwrap();
    assert!(matches!(end, Err(RelayError::CutEvent { len: 8 })), "{end:?}");

    let mut whole = with_trailers("data: a\n\n");
    next(&mut whole).await.unwrap().unwrap();
    let frame = std::future::poll_fn(|cx| Pin::new(&mut whole).poll_frame(cx)).await;
    assert_eq!(frame.unwrap().unwrap().into_trailers().unwrap()[ETAG], "x");
    assert!(whole.is_end_stream());
}

/// The error waits, as hyper would drop what it has not written yet.
#[tokio::test(start_paused = true)]
async fn an_error_waits_until_the_connection_has_written_what_came_before() {
    let (upstream, mut relay) = relay();
    sleep(Duration::from_secs(5)).await;
    for part in ["data: a\n\n", "data: b\n\n"] {
        upstream.send(Ok(part.into())).unwrap();
        passed(&mut relay).await;
        sleep(Duration::from_millis(200)).await;
    }
    upstream.send(Err(Broken)).unwrap();
    assert!(timeout(Duration::from_millis(10), next(&mut relay)).await.is_err());
    assert!(upstream.is_closed(), "the upstream is let go");
    assert!(!relay.is_end_stream());
    assert!(next(&mut relay).await.unwrap().is_err());
    assert!(relay.is_end_stream());

    // Nothing is left to write.
    let (upstream, mut relay) = self::relay();
    upstream.send(Ok("data: a\n\n".into())).unwrap();
    passed(&mut relay).await;
    sleep(Duration::from_secs(5)).await;
    upstream.send(Err(Broken)).unwrap();
    let start = Instant::now();
    assert!(next(&mut relay).await.unwrap().is_err());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn an_upstream_that_breaks_is_an_error_also_between_events() {
    let (upstream, mut relay) = relay();
    upstream.send(Ok("data: a\n\n".into())).unwrap();
    upstream.send(Err(Broken)).unwrap();
    next(&mut relay).await.unwrap().unwrap();
    let error = next(&mut relay).await.unwrap().unwrap_err();
    assert!(matches!(error, RelayError::Upstream(Broken)));
    // A printer of the whole chain shows the cause once.
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "broken");
    assert!(!error.to_string().contains("broken"), "{error}");
    assert!(next(&mut relay).await.is_none());
}

#[tokio::test]
async fn an_empty_stream_is_a_clean_one() {
    let (upstream, mut relay) = relay();
    drop(upstream);
    assert!(next(&mut relay).await.is_none());
}

#[tokio::test]
async fn a_stream_of_ours_can_be_relayed() {
    let (sender, response) = Responder::new().open();
    let mut relay = Relay::from_stream_body(response.into_body());
    for id in 1..=3 {
        sender.send(event(id)).await.unwrap();
    }
    let mut all = Vec::new();
    for _ in 0..4 {
        all.extend(next(&mut relay).await.unwrap().unwrap());
    }
    assert_eq!(decode(&all).len(), 3);
    sender.abort();
    let end = next(&mut relay).await.unwrap();
    assert!(matches!(end, Err(RelayError::Upstream(EventBodyError::Aborted))), "{end:?}");
}

/// A relay that ends on command.
fn stoppable()
-> (mpsc::UnboundedSender<Result<Bytes, Broken>>, oneshot::Sender<()>, Relay<Upstream>) {
    let (upstream, relay) = relay();
    let (stop, stopped) = oneshot::channel();
    let signal = async move { drop(stopped.await) };
    (upstream, stop, relay.end_when(signal, Some(ReconnectionTime::from_ms(5_000))))
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_is_to_end_does_so_between_events_with_a_reconnection_time() {
    // Before the first byte, and after an event.
    for event in ["", "data: a\n\n"] {
        let (upstream, stop, mut relay) = stoppable();
        if !event.is_empty() {
            upstream.send(Ok(event.into())).unwrap();
            assert_eq!(passed(&mut relay).await, event);
        }
        stop.send(()).unwrap();
        assert_eq!(passed(&mut relay).await, "retry: 5000\n\n");
        assert!(next(&mut relay).await.is_none());
        assert!(upstream.is_closed(), "the upstream is let go");
    }
    // Inside an event: it is completed, and no other is begun.
    let (upstream, stop, mut relay) = stoppable();
    upstream.send(Ok("data: a\n".into())).unwrap();
    assert_eq!(passed(&mut relay).await, "data: a\n");
    stop.send(()).unwrap();
    assert!(timeout(Duration::from_secs(5), next(&mut relay)).await.is_err());
    upstream.send(Ok("\ndata: b\n\ndata: c".into())).unwrap();
    assert_eq!(passed(&mut relay).await, "\ndata: b\n\n");
    assert_eq!(passed(&mut relay).await, "retry: 5000\n\n");
    assert!(next(&mut relay).await.is_none());
}

/// An upstream that knows its length says that it is at its end; a connection then asks no more.
#[tokio::test]
async fn the_reconnection_time_also_follows_the_last_bytes_of_an_upstream() {
    struct Chunks(VecDeque<&'static str>);
    impl Body for Chunks {
        type Data = Bytes;
        type Error = Broken;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
            Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk.into()))))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let relay = Relay::from_stream_body(Chunks(["data: a\n", "\n"].into()));
    let retry = Some(ReconnectionTime::from_ms(5_000));
    let mut relay = relay.end_when(async move { drop(stopped.await) }, retry);
    assert_eq!(next(&mut relay).await.unwrap().unwrap(), "data: a\n");
    stop.send(()).unwrap();
    assert_eq!(next(&mut relay).await.unwrap().unwrap(), "\n");
    assert!(!relay.is_end_stream());
    assert_eq!(next(&mut relay).await.unwrap().unwrap(), "retry: 5000\n\n");
    assert!(relay.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_does_not_complete_its_event_does_not_hold_up_the_end() {
    let (upstream, stop, mut relay) = stoppable();
    upstream.send(Ok("data: a\n".into())).unwrap();
    assert_eq!(passed(&mut relay).await, "data: a\n");
    stop.send(()).unwrap();
    let start = Instant::now();
    let end = timeout(Duration::from_secs(60), next(&mut relay)).await.unwrap().unwrap();
    assert!(matches!(end, Err(RelayError::CutEvent { len: 8 })), "{end:?}");
    assert!(start.elapsed() < Duration::from_secs(11));
    assert!(next(&mut relay).await.is_none());
}

#[test]
fn no_error_of_a_chain_is_shown_twice() {
    for (error, len) in [
        (RelayError::Upstream(Broken), 2),
        (RelayError::CutEvent { len: 7 }, 1),
        (RelayError::Request(std::sync::Arc::new(Broken)), 2),
    ] {
        assert_eq!(chain(&error).len(), len, "{error}");
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
