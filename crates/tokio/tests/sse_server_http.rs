//! Event streams over loopback, from hyper (HTTP/1.1 and HTTP/2) and from axum.

#![cfg(feature = "sse")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod sse_server_scene;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Response as AxumResponse};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_server_scene::{decode, event, seen};
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventBody, EventSender, History, LastEventId, Relay, Responder,
    SendError, WhenFull, WriteDeadline, respond_with_try_stream, stop_reconnecting,
};
use tidings_tokio::sse::{Event, EventId, OwnedMessageEvent};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Version {
    Http1,
    Http2,
}

const VERSIONS: [Version; 2] = [Version::Http1, Version::Http2];

/// A server of hyper's that answers each request with this. Reports how each connection ended.
async fn hyper<B>(
    version: Version,
    write_limit: Duration,
    answer: impl Fn(Request<Incoming>) -> Response<B> + Clone + Send + 'static,
) -> (SocketAddr, mpsc::UnboundedReceiver<hyper::Result<()>>)
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ends, ended) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = WriteDeadline::new(stream, write_limit);
            let (answer, ends) = (answer.clone(), ends.clone());
            tokio::spawn(async move {
                let _ = ends.send(serve(version, stream, answer).await);
            });
        }
    });
    (address, ended)
}

/// Serves one connection.
async fn serve<S, B>(
    version: Version,
    stream: S,
    answer: impl Fn(Request<Incoming>) -> Response<B> + Send + 'static,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let io = TokioIo::new(stream);
    let service = service_fn(move |request| {
        let response = answer(request);
        async { Ok::<_, Infallible>(response) }
    });
    match version {
        Version::Http1 => {
            hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
        }
        Version::Http2 => {
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(io, service)
                .await
        }
    }
}

async fn request(version: Version, server: SocketAddr, headers: HeaderMap) -> Response<Incoming> {
    request_over(version, TcpStream::connect(server).await.unwrap(), headers).await
}

async fn request_over<S>(version: Version, stream: S, headers: HeaderMap) -> Response<Incoming>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let mut request = Request::get("http://server/").body(Empty::<Bytes>::new());
    *request.as_mut().unwrap().headers_mut() = headers;
    let response = match version {
        Version::Http1 => {
            let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            client.send_request(request.unwrap()).await
        }
        Version::Http2 => {
            let executor = TokioExecutor::new();
            let (mut client, connection) =
                hyper::client::conn::http2::handshake(executor, io).await.unwrap();
            tokio::spawn(connection);
            client.send_request(request.unwrap()).await
        }
    };
    response.unwrap()
}

/// A stream, and its feeder.
async fn open(version: Version, responder: Responder) -> (EventSender, Response<Incoming>) {
    let (senders, mut opened) = mpsc::unbounded_channel();
    let (server, _) = hyper(version, PATIENCE, move |_| {
        let (sender, response) = responder.open();
        senders.send(sender).unwrap();
        response
    })
    .await;
    let response = request(version, server, HeaderMap::new()).await;
    (opened.recv().await.unwrap(), response)
}

/// Returns the next bytes.
async fn next(body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
    let frame = timeout(PATIENCE, body.frame()).await.unwrap()?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

async fn all_events(body: Incoming) -> Vec<OwnedMessageEvent> {
    decode(&timeout(PATIENCE, body.collect()).await.unwrap().unwrap().to_bytes())
}

/// E-034: an event arrives while the stream stays open, each in a separate frame.
#[tokio::test]
async fn each_event_arrives_as_it_is_sent() {
    for version in VERSIONS {
        let (sender, response) = open(version, Responder::new()).await;
        // E-030
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache, no-transform");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut body = response.into_body();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), ": \n\n");
        for id in 1..=10 {
            sender.send(event(id)).await.unwrap();
            assert_eq!(&next(&mut body).await.unwrap().unwrap(), event(id).as_bytes());
        }
    }
}

#[tokio::test]
async fn a_finished_stream_ends_cleanly_and_an_aborted_one_does_not() {
    for version in VERSIONS {
        let (sender, response) = open(version, Responder::new()).await;
        sender.send(event(1)).await.unwrap();
        sender.finish();
        let events = all_events(response.into_body()).await;
        assert_eq!(events.len(), 1, "{version:?}");
        timeout(PATIENCE, sender.closed()).await.unwrap();

        let (sender, response) = open(version, Responder::new()).await;
        let mut body = response.into_body();
        sender.send(event(1)).await.unwrap();
        next(&mut body).await.unwrap().unwrap();
        sender.abort();
        let end = loop {
            match next(&mut body).await {
                Some(Ok(_)) => {}
                end => break end,
            }
        };
        assert!(matches!(end, Some(Err(_))), "{version:?} ended cleanly");
    }
}

/// The bytes that the connection holds when the error comes take time to write.
#[tokio::test]
async fn the_events_before_an_error_arrive_over_a_slow_connection() {
    for version in VERSIONS {
        let (client, server) = slow_connection();
        tokio::spawn(serve(version, server, |_| {
            let events = [Ok(event(1)), Ok(event(2)), Err(())];
            respond_with_try_stream(&Responder::new(), futures_util::stream::iter(events))
        }));
        let mut body = request_over(version, client, HeaderMap::new()).await.into_body();
        let mut all = Vec::new();
        while let Ok(bytes) = next(&mut body).await.unwrap() {
            all.extend(bytes);
        }
        assert_eq!(seen(&all), ["1", "2"], "{version:?}");
    }
}

/// Two ends of a connection. What the second writes takes 5 ms for each 64 bytes.
fn slow_connection() -> (DuplexStream, DuplexStream) {
    let (client, client_side) = duplex(64 * 1024);
    let (server, server_side) = duplex(64);
    let (mut from_client, mut to_client) = tokio::io::split(client_side);
    let (mut from_server, mut to_server) = tokio::io::split(server_side);
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    tokio::spawn(async move {
        let mut buffer = [0; 64];
        while let Ok(len @ 1..) = from_server.read(&mut buffer).await {
            sleep(Duration::from_millis(5)).await;
            to_client.write_all(&buffer[..len]).await.unwrap();
        }
        to_client.shutdown().await.unwrap();
    });
    (client, server)
}

#[tokio::test]
async fn the_sender_learns_that_the_client_has_hung_up() {
    for version in VERSIONS {
        let (sender, response) = open(version, Responder::new()).await;
        assert!(!sender.is_closed());
        drop(response);
        timeout(PATIENCE, sender.closed()).await.unwrap();
        assert!(matches!(sender.try_send(event(1)), Err(SendError::Closed)));
    }
}

/// E-031, E-035: data that other servers lose, split or let through.
#[tokio::test]
async fn data_arrives_as_it_was_but_for_its_line_breaks() {
    let data = [
        ("", ""),
        (" x", " x"),
        ("a\n", "a\n"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\nb"),
        ("a\revent: evil", "a\nevent: evil"),
        ("\u{FEFF}\n\n\ndata: 🎈", "\u{FEFF}\n\n\ndata: 🎈"),
    ];
    for version in VERSIONS {
        let (sender, response) = open(version, Responder::new()).await;
        for (sent, _) in data {
            sender.send(EncodedEvent::text(sent)).await.unwrap();
        }
        drop(sender);
        let events = all_events(response.into_body()).await;
        let arrived: Vec<_> =
            events.iter().map(|event| (&*event.event_type, &*event.data)).collect();
        assert_eq!(arrived, data.map(|(_, expected)| ("message", expected)));
    }
}

#[tokio::test]
async fn a_client_comes_back_with_an_id_that_is_not_ascii() {
    let history = Arc::new(History::with_lasting_ids(Capacity::DEFAULT));
    for id in ["\u{2026}1", "\u{2026}2", "\u{2026}3"] {
        history.push(Event::new().id(EventId::new(id).unwrap()).data(id).into()).unwrap();
    }
    let answer =
        move |request: Request<Incoming>| match LastEventId::from_headers(request.headers()) {
            Ok(Some(last)) if last.as_str() == "\u{2026}3" => stop_reconnecting(),
            Ok(last) => Responder::new().replay(Arc::clone(&history), last).1,
            Err(error) => error.response().map(|_| Responder::new().open().1.into_body()),
        };
    for version in VERSIONS {
        let (server, _) = hyper(version, PATIENCE, answer.clone()).await;
        let last = |id: &[u8]| {
            let id = HeaderValue::from_bytes(id).unwrap();
            HeaderMap::from_iter([(http::HeaderName::from_static("last-event-id"), id)])
        };
        let response = request(version, server, last("\u{2026}1".as_bytes())).await;
        let events = all_events(response.into_body()).await;
        let ids: Vec<_> = events.iter().map(|event| &*event.last_event_id).collect();
        assert_eq!(ids, ["\u{2026}2", "\u{2026}3"]);

        let response = request(version, server, last("\u{2026}3".as_bytes())).await;
        assert_eq!(response.status(), 204);
        assert!(all_events(response.into_body()).await.is_empty());
        assert_eq!(request(version, server, last(b"\xFF")).await.status(), 400);
        assert_eq!(request(version, server, last(&[b'x'; 2000])).await.status(), 400);
    }
}

/// axum takes our response unchanged.
#[tokio::test]
async fn axum_takes_the_response_as_it_is() {
    async fn stream(headers: HeaderMap) -> AxumResponse {
        let last_event_id = match LastEventId::from_headers(&headers) {
            Ok(last_event_id) => last_event_id,
            Err(error) => return error.response().into_response(),
        };
        let history = History::with_lasting_ids(Capacity::DEFAULT);
        (1..=3).for_each(|id| history.push(event(id)).unwrap());
        let (sender, response) = Responder::new().replay(history, last_event_id);
        tokio::spawn(async move { sender.send(event(4)).await });
        response.into_response()
    }
    async fn stop() -> Response<EventBody> {
        stop_reconnecting()
    }
    let app = Router::new().route("/", get(stream)).route("/stop", get(stop));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let last = |id| {
        let name = http::HeaderName::from_static("last-event-id");
        HeaderMap::from_iter([(name, HeaderValue::from_static(id))])
    };
    let response = request(Version::Http1, server, last("1")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = timeout(PATIENCE, response.into_body().collect()).await.unwrap().unwrap();
    assert_eq!(seen(&body.to_bytes()), ["2", "3", "4"]);
    // reqwest-eventsource sends an empty header while it has no ID.
    assert_eq!(request(Version::Http1, server, last("")).await.status(), 200);
}

/// A client that asks and then reads nothing. The senders' side, and the client's.
async fn slow_reader(
    responder: Responder,
    write_limit: Duration,
) -> (EventSender, TcpStream, mpsc::UnboundedReceiver<hyper::Result<()>>) {
    let (senders, mut opened) = mpsc::unbounded_channel();
    let (server, ended) = hyper(Version::Http1, write_limit, move |_| {
        let (sender, response) = responder.open();
        senders.send(sender).unwrap();
        response
    })
    .await;
    let mut client = TcpStream::connect(server).await.unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    (opened.recv().await.unwrap(), client, ended)
}

/// More than all buffers on the way can hold.
const FLOOD_LEN: u64 = 600;

fn large(id: u64) -> EncodedEvent {
    let text = id.to_string();
    let id = EventId::new(&text).unwrap();
    Event::new().id(id).data(&"x".repeat(64 * 1024)).into()
}

#[tokio::test]
async fn a_slow_reader_gets_the_newest_and_is_told_of_the_rest() {
    for when_full in [WhenFull::DropOldest, WhenFull::LatestByKey] {
        let queue = Capacity { max_events: 8, ..Capacity::DEFAULT };
        let responder = Responder::new().queue(queue).when_full(when_full);
        let (sender, mut client, _) =
            slow_reader(responder.stall_timeout(PATIENCE), PATIENCE).await;
        for id in 1..=FLOOD_LEN {
            sender.try_send(large(id)).unwrap();
            let queued = sender.queued();
            assert!(queued.events <= 8 && queued.bytes <= Capacity::DEFAULT.max_bytes);
            tokio::task::yield_now().await;
        }
        drop(sender);
        let mut all = Vec::new();
        timeout(PATIENCE, client.read_to_end(&mut all)).await.unwrap().unwrap();
        // After the head of the response: without chunks, as HTTP/1.0 has none.
        let head_len = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        let (mut received, mut dropped, mut newest) = (0, 0, 0);
        for event in decode(&all[head_len..]) {
            if event.event_type == "gap" {
                let digits = event.data.trim_matches(|c: char| !c.is_ascii_digit());
                dropped += digits.parse::<u64>().unwrap();
            } else {
                received += 1;
                let id: u64 = event.last_event_id.parse().unwrap();
                assert_eq!(id, received + dropped, "each loss is told where it is");
                newest = id;
            }
        }
        assert!(dropped > 0);
        assert_eq!(newest, FLOOD_LEN);
    }
}

#[tokio::test]
async fn a_slow_reader_is_disconnected_if_that_is_asked_for() {
    let queue = Capacity { max_events: 8, ..Capacity::DEFAULT };
    let responder = Responder::new().queue(queue).when_full(WhenFull::Disconnect);
    let (sender, mut client, mut ended) = slow_reader(responder, PATIENCE).await;
    let mut refused = None;
    for id in 1..=FLOOD_LEN {
        if let Err(error) = sender.try_send(large(id)) {
            refused = Some(error);
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(matches!(refused, Some(SendError::Full(_))));
    assert!(sender.is_closed());
    // When it reads at last, it finds the connection cut.
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, client.read_to_end(&mut all)).await.unwrap();
    assert!(timeout(PATIENCE, ended.recv()).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn a_reader_that_takes_nothing_stalls_the_stream() {
    let queue = Capacity { max_events: 8, ..Capacity::DEFAULT };
    let responder = Responder::new().queue(queue).stall_timeout(Duration::from_millis(200));
    let (sender, _client, _) = slow_reader(responder, PATIENCE).await;
    let flood = async {
        let mut id = 0;
        loop {
            id += 1;
            if let Err(error) = sender.send(large(id)).await {
                return error;
            }
            assert!(sender.queued().events <= 8);
        }
    };
    assert!(matches!(timeout(PATIENCE, flood).await.unwrap(), SendError::Stalled));
    assert_eq!(sender.queued().events, 0);
    timeout(PATIENCE, sender.closed()).await.unwrap();
}

/// Over HTTP/2 it is the stream's window that stays shut.
#[tokio::test]
async fn a_stream_whose_window_stays_shut_stalls_alone() {
    let queue = Capacity { max_events: 8, ..Capacity::DEFAULT };
    let responder = Responder::new().queue(queue).stall_timeout(Duration::from_millis(200));
    let (sender, response) = open(Version::Http2, responder).await;
    let flood = async {
        let mut id = 0;
        loop {
            id += 1;
            if let Err(error) = sender.send(large(id)).await {
                return error;
            }
        }
    };
    assert!(matches!(timeout(PATIENCE, flood).await.unwrap(), SendError::Stalled));
    assert_eq!(sender.queued().events, 0);
    // The client's last read is cut.
    let read = timeout(PATIENCE, response.into_body().collect()).await.unwrap();
    assert!(read.is_err());
}

#[tokio::test]
async fn a_write_deadline_ends_the_connection_of_a_reader_that_takes_nothing() {
    let responder = Responder::new().stall_timeout(PATIENCE);
    let (sender, _client, mut ended) = slow_reader(responder, Duration::from_millis(200)).await;
    let flood = async {
        let mut id = 0;
        loop {
            id += 1;
            if let Err(error) = sender.send(large(id)).await {
                return error;
            }
        }
    };
    assert!(matches!(timeout(PATIENCE, flood).await.unwrap(), SendError::Closed));
    let error = timeout(PATIENCE, ended.recv()).await.unwrap().unwrap().unwrap_err();
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>();
    assert_eq!(source.unwrap().kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_write_deadline_counts_only_while_nothing_goes_out() {
    let second = Duration::from_secs(1);
    let (near, mut far) = duplex(10);
    let mut near = WriteDeadline::new(near, 5 * second);
    let reader = tokio::spawn(async move {
        let mut byte = [0];
        for _ in 0..10 {
            sleep(4 * second).await;
            far.read_exact(&mut byte).await.unwrap();
        }
        // The other side waits as long as it likes while nothing is written.
        sleep(60 * second).await;
        far
    });
    near.write_all(&[7; 20]).await.unwrap();
    let far = reader.await.unwrap();
    let start = tokio::time::Instant::now();
    let error = near.write_all(&[7; 20]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(start.elapsed() >= 5 * second && start.elapsed() < 6 * second);
    drop(far);
}

#[tokio::test]
async fn a_gateway_passes_on_events_and_cuts() {
    for version in VERSIONS {
        let (senders, mut opened) = mpsc::unbounded_channel();
        let (origin, _) = hyper(Version::Http1, PATIENCE, move |_| {
            let (sender, response) = Responder::new().open();
            senders.send(sender).unwrap();
            response
        })
        .await;
        let upstream = request(Version::Http1, origin, HeaderMap::new()).await;
        let sender = opened.recv().await.unwrap();
        let upstream = std::sync::Mutex::new(Some(upstream));
        let upstream = Arc::new(upstream);
        let (gateway, _) = hyper(version, PATIENCE, move |_| {
            Relay::response(upstream.lock().unwrap().take().unwrap())
        })
        .await;
        let mut body = request(version, gateway, HeaderMap::new()).await.into_body();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), ": \n\n");
        sender.send(event(1)).await.unwrap();
        assert_eq!(&next(&mut body).await.unwrap().unwrap(), event(1).as_bytes());
        sender.abort();
        assert!(next(&mut body).await.unwrap().is_err(), "{version:?}");
    }
}
