//! The reports of the feature `tracing` about event streams, and the values it never reports.

#![cfg(all(feature = "sse", feature = "tracing"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod sse_server_scene;

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Response;
use http_body_util::Empty;
use sse_server_scene::take;
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventIds, History, LastEventId, Relay, Responder, WhenFull,
};
use tidings_tokio::sse::{Event, ReconnectionTime};
use tracing_subscriber::fmt::MakeWriter;

/// All that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Returns the log of these steps.
fn logged(steps: impl FnOnce()) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, steps);
    let log = log.0.lock().unwrap().clone();
    String::from_utf8(log).unwrap()
}

#[tokio::test]
async fn the_life_of_an_event_stream_is_told_without_its_events() {
    let log = logged(|| {
        let (ids, history) = (EventIds::new(), History::new(Capacity::DEFAULT));
        for _ in 0..3 {
            let id = ids.next_id();
            history.push(Event::new().id(id.as_event_id()).data("do not tell").into()).unwrap();
        }
        let last = LastEventId::from_bytes(b"do-not-tell", LastEventId::MAX_LEN).unwrap();
        let queue = Capacity { max_events: 2, ..Capacity::DEFAULT };
        let responder = Responder::new().queue(queue).when_full(WhenFull::DropOldest);
        let (sender, response) = responder.replay(history, last);
        let mut body = response.into_body();
        take(&mut body);
        for _ in 0..5 {
            sender.try_send(EncodedEvent::text("do not tell")).unwrap();
        }
        responder.close_all(Some(ReconnectionTime::from_ms(1)));
        take(&mut body);
        let (sender, response) = Responder::new().open();
        drop(response);
        assert!(sender.is_closed());
        Responder::new().open().0.abort();
    });
    for told in [
        "DEBUG tidings: event stream opened resumed=true",
        "DEBUG tidings: events replayed events=3 gap=true",
        "TRACE tidings: event sent len=19",
        "DEBUG tidings: closing all event streams open=1",
        "DEBUG tidings: events dropped: the client is too slow dropped=3",
        "DEBUG tidings: event stream ended reason=\"finished\"",
        "DEBUG tidings: event stream opened resumed=false",
        "DEBUG tidings: event stream ended reason=\"the client is gone\"",
        "DEBUG tidings: event stream ended reason=\"aborted\"",
    ] {
        assert!(log.contains(told), "{told}\n{log}");
    }
    assert!(!log.contains("do not tell") && !log.contains("do-not-tell"), "{log}");
}

#[test]
fn a_gateway_tells_of_its_upstream_without_the_headers() {
    let log = logged(|| {
        let response = Response::builder().status(429).header("set-cookie", "do-not-tell");
        let _ = Relay::response(response.body(Empty::<Bytes>::new()).unwrap());
        let stream = Response::builder().header("content-type", "text/event-stream");
        let _ = Relay::response(stream.body(Empty::<Bytes>::new()).unwrap());
    });
    assert!(
        log.contains("DEBUG tidings: upstream answered status=429 is_event_stream=false"),
        "{log}"
    );
    assert!(
        log.contains("DEBUG tidings: upstream answered status=200 is_event_stream=true"),
        "{log}"
    );
    assert!(!log.contains("do-not-tell"), "{log}");
}

#[cfg(feature = "event-source")]
#[test]
fn a_client_tells_of_its_streams_without_events_and_addresses() {
    use tidings_endpoint::Error;
    use tidings_endpoint::event_source::{Client, Decision, EventSourceRequest, StreamError};
    use tidings_websocket::Timestamp;

    let log = logged(|| {
        let now = Timestamp::default();
        let mut client =
            Client::new(EventSourceRequest::get("http://do-not-tell/?x=do-not-tell")).unwrap();
        let attempt = client.poll_attempt(now).unwrap();
        let mut request = client.make_request(now, &attempt, None).unwrap();
        let head = Response::builder()
            .header("content-type", "text/event-stream")
            .header("set-cookie", "do-not-tell")
            .body(())
            .unwrap();
        let decision = client.check_response(now, &mut request, head.into_parts().0);
        let Decision::Open { mut content, .. } = decision else { panic!("it is a stream") };
        content.feed("data: do not tell\n\n".into());
        client.receive(now, &mut content).unwrap();
        client.ended(now);
        client.try_now(now);
        client.poll_attempt(now).unwrap();
        client.not_fetched(now, StreamError::Connect(Error::TlsUnsupported));
    });
    for told in [
        "DEBUG tidings: the event source is open version=HTTP/1.1",
        "TRACE tidings: event received data_len=11",
        "DEBUG tidings: no event stream, trying again reason=the event stream ended wait=",
        "DEBUG tidings: no event stream, giving up reason=the request cannot lead to an event stream",
    ] {
        assert!(log.contains(told), "{told}\n{log}");
    }
    assert!(!log.contains("do not tell") && !log.contains("do-not-tell"), "{log}");
}
