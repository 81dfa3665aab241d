//! HTTP/2 streams that nobody reads, from hyper: reset within the timeout, and alone.

#![cfg(all(feature = "sse", feature = "hyper"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod sse_server_scene;

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_server_scene::event;
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventBody, EventSender, Relay, ResetStalled, Responder, SendError,
    WhenFull,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(30);
const STALL: Duration = Duration::from_millis(300);

type Opened = mpsc::UnboundedReceiver<EventSender>;

/// A connection to a server whose streams are fed by the senders that come out.
fn serve(responder: Responder) -> (DuplexStream, Opened) {
    serve_as(responder, |response| response)
}

/// The same for responses that are passed on as something else.
fn serve_as<B>(
    responder: Responder,
    pass_on: impl Fn(Response<EventBody>) -> Response<B> + Send + 'static,
) -> (DuplexStream, Opened)
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let (client, server) = duplex(1024 * 1024);
    let (senders, opened) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let service = service_fn(move |_| {
            let (sender, response) = responder.open();
            senders.send(sender).unwrap();
            let response = pass_on(response);
            async { Ok::<_, Infallible>(response) }
        });
        let executor = ResetStalled::new(TokioExecutor::new());
        let builder = hyper::server::conn::http2::Builder::new(executor);
        builder.serve_connection(TokioIo::new(server), service).await
    });
    (client, opened)
}

async fn client(io: DuplexStream) -> SendRequest<Empty<Bytes>> {
    let executor = TokioExecutor::new();
    let io = TokioIo::new(io);
    let (client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn get(client: &mut SendRequest<Empty<Bytes>>) -> Response<Incoming> {
    let request = Request::get("http://x/").body(Empty::new()).unwrap();
    client.send_request(request).await.unwrap()
}

/// Sends until it fails.
async fn flood(sender: &EventSender) -> SendError {
    let event = EncodedEvent::text(&"x".repeat(64 * 1024));
    loop {
        if let Err(error) = sender.send(&event).await {
            return error;
        }
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame (RFC 9113, 4.1) on this stream.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    [&[0, 0, len, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// Reads until `RST_STREAM` (RFC 9113, 6.4): its stream and its code.
async fn read_reset(io: &mut DuplexStream) -> (u32, u32) {
    loop {
        let mut head = [0; 9];
        io.read_exact(&mut head).await.unwrap();
        let [a, b, c, kind, _, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]).try_into().unwrap()];
        io.read_exact(&mut payload).await.unwrap();
        match kind {
            3 => {
                return (
                    u32::from_be_bytes(stream),
                    u32::from_be_bytes(payload.try_into().unwrap()),
                );
            }
            7 => panic!("GOAWAY {payload:?}"),
            _ => {}
        }
    }
}

/// The client reads the connection, and opens no window: the reset has to come by itself.
#[tokio::test]
async fn a_stream_that_nobody_reads_is_reset_within_the_stall_timeout() {
    let (mut io, mut opened) = serve(Responder::new().stall_timeout(STALL));
    io.write_all(PREFACE).await.unwrap();
    io.write_all(&frame(4, 0, 0, &[])).await.unwrap(); // SETTINGS
    // `:method GET`, `:scheme http`, `:path /`, `:authority x`
    let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'x'];
    io.write_all(&frame(1, 0x5, 1, &head)).await.unwrap(); // END_STREAM, END_HEADERS
    let sender = opened.recv().await.unwrap();
    let start = Instant::now();
    let (error, reset) =
        timeout(PATIENCE, async { tokio::join!(flood(&sender), read_reset(&mut io)) })
            .await
            .unwrap();
    assert!(matches!(error, SendError::Stalled), "{error}");
    assert_eq!(reset, (1, 8), "stream 1, CANCEL");
    assert!(start.elapsed() < 2 * STALL, "{:?}", start.elapsed());
}

/// hyper-util's builder for either version, as one serves axum's router with it.
#[tokio::test]
async fn a_server_of_either_version_of_http_resets_too() {
    let (io, server) = duplex(1024 * 1024);
    let (senders, mut opened) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let responder = Responder::new().stall_timeout(STALL);
        let service = service_fn(move |_| {
            let (sender, response) = responder.open();
            senders.send(sender).unwrap();
            async { Ok::<_, Infallible>(response) }
        });
        let executor = ResetStalled::new(TokioExecutor::new());
        let builder = hyper_util::server::conn::auto::Builder::new(executor);
        builder.serve_connection_with_upgrades(TokioIo::new(server), service).await
    });
    let mut client = client(io).await;
    let response = get(&mut client).await;
    let sender = opened.recv().await.unwrap();
    let error = timeout(PATIENCE, flood(&sender)).await.unwrap();
    assert!(matches!(error, SendError::Stalled), "{error}");
    // The reset waits for no reader, and discards bytes that were not sent yet.
    tokio::time::sleep(STALL).await;
    let read = timeout(PATIENCE, response.into_body().collect()).await.unwrap();
    let reason = std::error::Error::source(&read.unwrap_err()).unwrap().to_string();
    assert!(reason.contains("stream no longer needed"), "CANCEL: {reason}");
}

/// The upstream of a gateway knows nothing of its client.
#[tokio::test]
async fn a_relayed_stream_that_nobody_reads_is_reset_and_lets_its_upstream_go() {
    let upstream = Responder::new().stall_timeout(PATIENCE).without_keep_alive();
    // Polled outside of the task of the stream, as by an HTTP client.
    let (io, mut opened) = serve_as(upstream, |response| {
        let (head, mut body) = response.into_parts();
        let (chunks, received) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(frame) = body.frame().await {
                if chunks.send(frame).await.is_err() {
                    return;
                }
            }
        });
        let received = futures_util::stream::unfold(received, async |mut received| {
            received.recv().await.map(|frame| (frame, received))
        });
        let body = http_body_util::StreamBody::new(Box::pin(received));
        Relay::response(Response::from_parts(head, body)).map(|relay| relay.stall_timeout(STALL))
    });
    let mut client = client(io).await;
    let response = get(&mut client).await;
    let sender = opened.recv().await.unwrap();
    let start = Instant::now();
    let error = timeout(PATIENCE, flood(&sender)).await.unwrap();
    assert!(matches!(error, SendError::Closed), "{error}");
    assert!(start.elapsed() < 3 * STALL, "{:?}", start.elapsed());
    let read = timeout(PATIENCE, response.into_body().collect()).await.unwrap();
    assert!(read.is_err());
}

#[tokio::test]
async fn the_other_streams_of_the_connection_go_on() {
    let (io, mut opened) = serve(Responder::new().stall_timeout(STALL));
    let mut client = client(io).await;
    let stuck = get(&mut client).await;
    let stuck_sender = opened.recv().await.unwrap();
    let mut good = get(&mut client).await.into_body();
    let good_sender = opened.recv().await.unwrap();
    assert_eq!(good.frame().await.unwrap().unwrap().into_data().unwrap(), ": \n\n");

    let error = timeout(PATIENCE, flood(&stuck_sender)).await.unwrap();
    assert!(matches!(error, SendError::Stalled), "{error}");
    timeout(PATIENCE, stuck_sender.closed()).await.unwrap();
    for id in 1..=3 {
        good_sender.send(event(id)).await.unwrap();
        let frame = timeout(PATIENCE, good.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(&frame.into_data().unwrap(), event(id).as_bytes());
    }
    let read = timeout(PATIENCE, stuck.into_body().collect()).await.unwrap();
    assert!(read.is_err());
    good_sender.finish();
    assert!(timeout(PATIENCE, good.collect()).await.unwrap().is_ok());
}

/// Also a stream that was cut for another reason, while its window is shut.
#[tokio::test]
async fn a_stream_that_was_cut_while_its_window_is_shut_is_reset() {
    let queue = Capacity { max_events: 4, ..Capacity::DEFAULT };
    let responder = Responder::new().stall_timeout(STALL).queue(queue);
    let (io, mut opened) = serve(responder.when_full(WhenFull::Disconnect));
    let mut client = client(io).await;
    let response = get(&mut client).await;
    let sender = opened.recv().await.unwrap();
    let event = EncodedEvent::text(&"x".repeat(64 * 1024));
    while sender.try_send(&event).is_ok() {
        tokio::task::yield_now().await;
    }
    // The body is gone with hyper's task, and the client may read as late as it likes.
    tokio::time::sleep(2 * STALL).await;
    let read = timeout(PATIENCE, response.into_body().collect()).await.unwrap();
    let reason = std::error::Error::source(&read.unwrap_err()).unwrap().to_string();
    assert!(reason.contains("stream no longer needed"), "CANCEL: {reason}");
}

/// A stream that is read slowly, or has nothing to say, is let alone, and so is one that is relayed.
#[tokio::test]
async fn a_stream_that_is_read_is_not_reset() {
    let responder = Responder::new().stall_timeout(STALL).keep_alive(STALL / 10);
    read_all(serve(responder)).await;
    let silent = Responder::new().without_keep_alive();
    read_all(serve_as(silent, |response| {
        let relayed = Relay::response(response);
        relayed.map(|relay| relay.stall_timeout(STALL).keep_alive(2 * STALL))
    }))
    .await;
}

/// One event of 1 MB at 50 kB/s takes twice the default stall timeout.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_large_event_slowly_and_steadily_is_not_stalled() {
    // Over HTTP/2, of the server itself and of one that passes it on.
    read_slowly(serve(Responder::new())).await;
    let upstream = Responder::new().stall_timeout(100 * PATIENCE);
    read_slowly(serve_as(upstream, |response| {
        // Its chunks are as large as an upstream's can be.
        let chunks = response.into_body().into_data_stream().ready_chunks(1000);
        let chunks = chunks.map(|pieces| {
            let pieces = pieces.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat();
            Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(pieces)))
        });
        let response = Response::builder().header("content-type", "text/event-stream");
        let body = http_body_util::StreamBody::new(Box::pin(chunks));
        Relay::response(response.body(body).unwrap())
    }))
    .await;

    // Over HTTP/1.1.
    let (mut client, server) = duplex(4096);
    let (senders, mut opened) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let service = service_fn(move |_| {
            let (sender, response) = Responder::new().open();
            senders.send(sender).unwrap();
            async { Ok::<_, Infallible>(response) }
        });
        let builder = hyper::server::conn::http1::Builder::new();
        builder.serve_connection(TokioIo::new(server), service).await
    });
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let sender = opened.recv().await.unwrap();
    sender.send(large_event()).await.unwrap();
    sender.finish();
    let (mut len, mut end, mut buffer) = (0, Vec::new(), vec![0; 5_000]);
    while !end.ends_with(b"\r\n0\r\n\r\n") {
        let read = client.read(&mut buffer).await.unwrap();
        assert!(read > 0, "cut after {len} bytes");
        len += read;
        end.extend(buffer.iter().take(read));
        pause_for(read).await;
    }
    assert!(len > large_event().as_bytes().len());
}

fn large_event() -> EncodedEvent {
    EncodedEvent::text(&"x".repeat(1_000_000))
}

/// As long as this many bytes take at 50 kB/s.
async fn pause_for(len: usize) {
    tokio::time::sleep(Duration::from_micros(20 * u64::try_from(len).unwrap())).await;
}

/// Over HTTP/2, through small windows.
async fn read_slowly((io, mut opened): (DuplexStream, Opened)) {
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(32 * 1024).initial_connection_window_size(64 * 1024);
    let (mut client, connection) = builder.handshake(TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    let mut body = get(&mut client).await.into_body();
    let sender = opened.recv().await.unwrap();
    sender.send(large_event()).await.unwrap();
    // The next one waits for the window that the rest of the first needs.
    tokio::time::sleep(Duration::from_secs(1)).await;
    sender.send(event(1)).await.unwrap();
    sender.finish();
    let mut len = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.unwrap_or_else(|error| panic!("after {len} bytes: {error:?}"));
        let read = frame.into_data().unwrap().len();
        len += read;
        pause_for(read).await;
    }
    assert!(len > large_event().as_bytes().len());
}

async fn read_all((io, mut opened): (DuplexStream, Opened)) {
    let mut client = client(io).await;
    let mut body = get(&mut client).await.into_body();
    let sender = opened.recv().await.unwrap();
    let end = Instant::now() + 4 * STALL;
    while Instant::now() < end {
        timeout(PATIENCE, body.frame()).await.unwrap().unwrap().unwrap();
    }
    assert!(!sender.is_closed());
    sender.finish();
    while let Some(frame) = timeout(PATIENCE, body.frame()).await.unwrap() {
        frame.unwrap();
    }
}
