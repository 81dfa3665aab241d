//! The ends of responses: with the stream of events that feeds them, and at a shutdown of the
//! server.

#![cfg(feature = "sse")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod sse_server_scene;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sse_server_scene::{event, seen, wait};
use tidings_tokio::sse::ReconnectionTime;
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventBody, EventBodyError, Responder, respond_with_stream,
    respond_with_try_stream,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that comes, and the error at the end.
async fn read(mut body: EventBody) -> (Vec<String>, Option<EventBodyError>) {
    let mut all = Vec::new();
    while let Some(bytes) = timeout(PATIENCE, wait(&mut body)).await.unwrap() {
        match bytes {
            Ok(bytes) => all.extend(bytes),
            Err(error) => return (seen(&all), Some(error)),
        }
    }
    (seen(&all), None)
}

fn small_queue() -> Responder {
    Responder::new().queue(Capacity { max_events: 2, max_bytes: 100 })
}

#[tokio::test]
async fn the_events_of_a_stream_are_a_response() {
    let events = stream::iter(1..=100).then(|id| async move {
        tokio::task::yield_now().await;
        event(id)
    });
    let (seen, end) = read(respond_with_stream(&small_queue(), events).into_body()).await;
    assert_eq!(seen, (1..=100).map(|id: u64| id.to_string()).collect::<Vec<_>>());
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_stream_that_fails_cuts_the_response_after_what_came_before() {
    let events = stream::iter([Ok(event(1)), Ok(event(2)), Err("broken"), Ok(event(3))]);
    let (seen, end) = read(respond_with_try_stream(&small_queue(), events).into_body()).await;
    assert_eq!(seen, ["1", "2"]);
    assert_eq!(end, Some(EventBodyError::Aborted));

    let whole = stream::iter([Ok::<_, Infallible>(event(1))]);
    let (seen, end) = read(respond_with_try_stream(&small_queue(), whole).into_body()).await;
    assert_eq!((&seen[..], end), (&["1".to_owned()][..], None));
}

#[tokio::test]
async fn an_event_of_a_stream_that_never_fits_is_not_left_out_in_silence() {
    let huge = EncodedEvent::text(&"x".repeat(200));
    let events = stream::iter([event(1), huge, event(2)]);
    let (seen, end) = read(respond_with_stream(&small_queue(), events).into_body()).await;
    assert_eq!(seen, ["1"]);
    assert_eq!(end, Some(EventBodyError::Aborted));
}

#[tokio::test]
async fn a_client_that_leaves_drops_the_stream() {
    let alive = Arc::new(());
    let lives = Arc::clone(&alive);
    let events = stream::pending::<EncodedEvent>().map(move |event| {
        let _ = &lives;
        event
    });
    let mut body = respond_with_stream(&Responder::new(), events).into_body();
    wait(&mut body).await.unwrap().unwrap();
    assert_eq!(Arc::strong_count(&alive), 2);
    drop(body);
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// hyper waits for each response, and an event stream does not end by itself.
#[tokio::test]
async fn a_graceful_shutdown_of_hyper_ends_and_tells_clients_when_to_come_back() {
    for http2 in [false, true] {
        let responder = Responder::new();
        let (client, server) = duplex(64 * 1024);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = responder.clone();
        let served = tokio::spawn(async move {
            let senders = Arc::new(std::sync::Mutex::new(Vec::new()));
            let service = service_fn(move |_| {
                let (sender, response) = serving.open();
                sender.try_send(event(1)).unwrap();
                senders.lock().unwrap().push(sender); // which keeps the stream open
                async { Ok::<_, Infallible>(response) }
            });
            let io = TokioIo::new(server);
            if http2 {
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let mut connection = std::pin::pin!(builder.serve_connection(io, service));
                tokio::select! {
                    _ = &mut connection => panic!("it was not stopped"),
                    _ = stopped => connection.as_mut().graceful_shutdown(),
                }
                connection.await
            } else {
                let builder = hyper::server::conn::http1::Builder::new();
                let mut connection = std::pin::pin!(builder.serve_connection(io, service));
                tokio::select! {
                    _ = &mut connection => panic!("it was not stopped"),
                    _ = stopped => connection.as_mut().graceful_shutdown(),
                }
                connection.await
            }
        });
        let request = Request::get("http://x/").header("host", "x").body(Empty::<Bytes>::new());
        let (request, io) = (request.unwrap(), TokioIo::new(client));
        let response = if http2 {
            let executor = TokioExecutor::new();
            let (mut client, connection) =
                hyper::client::conn::http2::handshake(executor, io).await.unwrap();
            tokio::spawn(connection);
            client.send_request(request).await
        } else {
            let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            client.send_request(request).await
        };
        let body = response.unwrap().into_body();
        stop.send(()).unwrap();
        sleep(Duration::from_millis(50)).await;
        assert!(!served.is_finished(), "hyper waits for the stream");
        responder.close_all(Some(ReconnectionTime::from_ms(5_000)));
        let all = timeout(PATIENCE, body.collect()).await.unwrap().unwrap().to_bytes();
        assert_eq!(all, ": \n\nid: 1\ndata: 1\n\nretry: 5000\n\n", "over HTTP/2: {http2}");
        timeout(PATIENCE, served).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_graceful_shutdown_of_axum_does_not_hang() {
    let responder = Responder::new();
    let serving = responder.clone();
    let app = Router::new().route(
        "/",
        get(move || async move { serving.feed(|sender| async move { sender.closed().await }) }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopping = responder.clone();
    let served = tokio::spawn(async move {
        let shutdown = async move {
            let _ = stopped.await;
            stopping.close_all(Some(ReconnectionTime::from_ms(7)));
        };
        axum::serve(listener, app).with_graceful_shutdown(shutdown).await
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    while responder.open_streams() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    stop.send(()).unwrap();
    timeout(PATIENCE, served).await.unwrap().unwrap().unwrap();
    let mut all = String::new();
    timeout(PATIENCE, client.read_to_string(&mut all)).await.unwrap().unwrap();
    assert!(all.ends_with("retry: 7\n\n\r\n0\r\n\r\n"), "{all}");
}
