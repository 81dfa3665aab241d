//! Responses of other servers passed on, over loopback: event streams with comments, all else
//! unchanged.

#![cfg(all(feature = "sse", feature = "hyper"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidings_tokio::sse::server::{Relay, RelayError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// The time between two comments, and a pause that is longer.
const KEEP_ALIVE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(150);

/// A server that answers its one client with these parts, and pauses before each but the first.
async fn upstream(parts: &[&'static [u8]]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let parts = parts.to_vec();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                sleep(PAUSE).await;
            }
            stream.write_all(part).await.unwrap();
        }
    });
    address
}

async fn ask(server: SocketAddr, http2: bool) -> hyper::Result<Response<Incoming>> {
    let io = TokioIo::new(TcpStream::connect(server).await.unwrap());
    let request = Request::get(format!("http://{server}/")).header("host", "x");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    if http2 {
        let executor = TokioExecutor::new();
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(connection);
        client.send_request(request).await
    } else {
        let (mut client, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        client.send_request(request).await
    }
}

/// Returns what the client of a gateway gets if it answers with the result of `relay`.
async fn through<F, B>(
    http2: bool,
    relay: impl Fn() -> F + Clone + Send + 'static,
) -> (http::response::Parts, Result<Bytes, hyper::Error>)
where
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let (head, body) = response_through(http2, relay).await.into_parts();
    let body = timeout(PATIENCE, body.collect()).await.unwrap();
    (head, body.map(http_body_util::Collected::to_bytes))
}

/// The part of a body that came before its end, and whether that was an error.
async fn until_end(mut body: Incoming) -> (String, bool) {
    let mut all = Vec::new();
    let is_cut = loop {
        match timeout(PATIENCE, body.frame()).await.unwrap() {
            Some(Ok(frame)) => all.extend(frame.into_data().unwrap()),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    (String::from_utf8(all).unwrap(), is_cut)
}

/// The response that the client of such a gateway gets.
async fn response_through<F, B>(
    http2: bool,
    relay: impl Fn() -> F + Clone + Send + 'static,
) -> Response<Incoming>
where
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |_| {
            let response = relay();
            async { Ok::<_, Infallible>(response.await) }
        });
        let io = TokioIo::new(stream);
        if http2 {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.serve_connection(io, service).await
        } else {
            hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
        }
    });
    timeout(PATIENCE, ask(address, http2)).await.unwrap().unwrap()
}

/// The same for a response that is passed on.
async fn passed_on(
    http2: bool,
    parts: &[&'static [u8]],
) -> (http::response::Parts, Result<Bytes, hyper::Error>) {
    let server = upstream(parts).await;
    through(http2, move || async move {
        let response = Relay::response(ask(server, false).await.unwrap());
        response.map(|relay| relay.keep_alive(KEEP_ALIVE))
    })
    .await
}

/// The events, without the comments between them.
fn without_comments(stream: &Bytes) -> (String, bool) {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let events = text.replace(":\n\n", "");
    let had_comments = events != text;
    (events, had_comments)
}

/// RFC 9110, 8.6: the length is that of the upstream's bytes, and there are more with the comments.
#[tokio::test]
async fn a_stream_with_a_length_and_a_pause_is_passed_on_whole() {
    for http2 in [false, true] {
        let (head, body) = passed_on(
            http2,
            &[
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 26\r\n\
                  connection: keep-alive, x-hop\r\nx-hop: 1\r\nx-kept: 2\r\n\r\ndata: one\n\n",
                b"data: two and\n\n",
            ],
        )
        .await;
        let body = body.unwrap();
        assert_eq!(without_comments(&body), ("data: one\n\ndata: two and\n\n".to_owned(), true));
        for dropped in ["content-length", "x-hop", "connection", "keep-alive"] {
            assert!(!head.headers.contains_key(dropped), "{dropped} over HTTP/2 {http2}");
        }
        assert_eq!(head.headers["x-kept"], "2");
        assert_eq!(head.headers["x-accel-buffering"], "no");
        assert_eq!(head.headers["cache-control"], "no-cache, no-transform");
    }
}

/// Nothing is inserted into it, and its end is not checked.
#[tokio::test]
async fn a_refusal_is_passed_on_whole_and_unchanged() {
    let chunked: [&[u8]; 2] = [
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 7\r\n\
          transfer-encoding: chunked\r\n\r\n9\r\n{\"error\":\r\n",
        b"8\r\n\"slow\"}\n\r\n0\r\n\r\n",
    ];
    let counted: [&[u8]; 2] = [
        b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: text/event-stream\r\nretry-after: 7\r\n\
          content-length: 17\r\n\r\n{\"error\":",
        b"\"slow\"}\n",
    ];
    for http2 in [false, true] {
        for parts in [chunked, counted] {
            let (head, body) = passed_on(http2, &parts).await;
            assert_eq!(head.status, 429);
            assert_eq!(head.headers["retry-after"], "7");
            assert_eq!(body.unwrap(), "{\"error\":\"slow\"}\n");
        }
        let (head, body) = passed_on(http2, &counted).await;
        assert_eq!(head.headers["content-length"], "17");
        assert_eq!(body.unwrap().len(), 17);
    }
}

/// On an error hyper drops what it has not written, and resets an HTTP/2 stream at once.
#[tokio::test]
async fn what_came_before_the_upstream_broke_goes_out_before_the_cut() {
    let stream = |len: &str, media_type: &str| {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {len}");
        &*(head + "\r\n\r\n").leak()
    };
    let (short, long) = (stream("30", "text/event-stream"), stream("99", "text/event-stream"));
    let at_once = format!("{short}data: one\n\ndata: tw").leak();
    let other = format!("{}abc", stream("30", "text/plain")).leak();
    let (first, json) = (format!("{short}data: one\n\n").leak(), stream("9", "application/json"));
    let cases: [(&[&str], &str); 6] = [
        (&[first, "data: two\n\ndata: th"], "data: one\n\ndata: two\n\ndata: th"),
        (&[at_once], "data: one\n\ndata: tw"),
        (&[long, "data: one\n\n"], "data: one\n\n"),
        (&[long], ""),
        (&[other], "abc"),
        (&[json], ""),
    ];
    for http2 in [false, true] {
        for (parts, expected) in &cases {
            let parts: Vec<&'static [u8]> =
                parts.iter().map(|part| &*part.to_string().leak()).map(str::as_bytes).collect();
            let server = upstream(&parts).await;
            let relay = move || async move { Relay::response(ask(server, false).await.unwrap()) };
            let response = response_through(http2, relay).await;
            assert_eq!(response.status(), 200);
            let body = until_end(response.into_body()).await;
            assert_eq!(body, ((*expected).to_owned(), true), "{parts:?}, HTTP/2: {http2}");
        }
    }
}

/// A comment would break what a decompressor reads.
#[tokio::test]
async fn a_compressed_stream_is_passed_on_unchanged() {
    for http2 in [false, true] {
        let (head, body) = passed_on(
            http2,
            &[
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: br\r\n\
                  content-length: 8\r\n\r\nab\n\n",
                b"cd\n\n",
            ],
        )
        .await;
        assert_eq!(head.headers["content-encoding"], "br");
        assert_eq!(body.unwrap(), "ab\n\ncd\n\n");
    }
}

/// hyper would write `HTTP/1.0` in front of a body in chunks.
#[tokio::test]
async fn the_version_is_that_of_the_gateway() {
    let (head, body) = passed_on(
        false,
        &[b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", b"data: x\n\n"],
    )
    .await;
    assert_eq!(head.version, http::Version::HTTP_11);
    assert_eq!(head.headers["transfer-encoding"], "chunked");
    assert_eq!(without_comments(&body.unwrap()), ("data: x\n\n".to_owned(), true));
}

type Whole = UnsyncBoxBody<Bytes, Infallible>;

fn response(status: u16, media_type: &str, body: &'static str) -> Response<Whole> {
    let response = Response::builder().status(status).header("content-type", media_type);
    response.header("retry-after", "7").body(Full::from(body).boxed_unsync()).unwrap()
}

/// Returns what the client gets from an upstream that takes this long.
async fn late(
    time: Duration,
    upstream: impl Fn() -> io::Result<Response<Whole>> + Clone + Send + Sync + 'static,
) -> (http::response::Parts, Result<Bytes, hyper::Error>) {
    through(false, move || {
        let upstream = upstream.clone();
        async move {
            let upstream = async move {
                sleep(time).await;
                upstream()
            };
            let relayed = Relay::response_within(4 * KEEP_ALIVE, upstream).await;
            relayed.unwrap().map(|relay| relay.keep_alive(KEEP_ALIVE))
        }
    })
    .await
}

#[tokio::test]
async fn an_upstream_in_time_gives_its_own_status() {
    let (head, body) =
        late(KEEP_ALIVE, || Ok(response(429, "application/json", "{\"error\":1}"))).await;
    assert_eq!(head.status, 429);
    assert_eq!(head.headers["retry-after"], "7");
    assert_eq!(body.unwrap(), "{\"error\":1}");

    let refused = async { Err::<Response<Whole>, _>(io::Error::from(io::ErrorKind::NotFound)) };
    let error = Relay::response_within(PATIENCE, refused).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_client_is_kept_alive_until_the_upstream_answers() {
    let (head, body) =
        late(3 * PAUSE, || Ok(response(200, "text/event-stream", "\u{FEFF}data: x\n\n"))).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.headers["content-type"], "text/event-stream");
    assert_eq!(without_comments(&body.unwrap()), ("data: x\n\n".to_owned(), true));
}

#[tokio::test]
async fn a_late_refusal_is_told_as_an_event_with_its_body() {
    let (head, body) =
        late(3 * PAUSE, || Ok(response(429, "application/json", "{\"error\":1}"))).await;
    assert_eq!(head.status, 200);
    let data = r#"{"status":429,"content_type":"application/json","body":"{\"error\":1}","truncated":false}"#;
    let expected = format!("event: upstream-error\ndata: {data}\n\n");
    assert_eq!(without_comments(&body.unwrap()), (expected, true));
}

#[tokio::test]
async fn a_late_failure_is_told_and_cuts_the_stream() {
    let (head, body) = late(3 * PAUSE, || Err(io::Error::other("unreachable"))).await;
    assert_eq!(head.status, 200);
    assert!(body.is_err());

    let failing = async {
        sleep(KEEP_ALIVE).await;
        Err::<Response<Whole>, _>(io::Error::other("unreachable"))
    };
    let relay = Relay::response_within(Duration::ZERO, failing).await.unwrap();
    let mut relay = relay.into_body();
    let mut all = Vec::new();
    let end = loop {
        match relay.frame().await.unwrap() {
            Ok(frame) => all.extend(frame.into_data().unwrap()),
            Err(error) => break error,
        }
    };
    assert!(matches!(end, RelayError::Request(_)), "{end:?}");
    let all = String::from_utf8(all).unwrap();
    assert!(all.ends_with("event: upstream-error\ndata: {\"status\":null,\"content_type\":null,\"body\":null,\"truncated\":false}\n\n"), "{all}");
    assert!(relay.frame().await.is_none());
}

#[tokio::test]
async fn the_event_of_a_late_failure_arrives_before_the_cut() {
    for http2 in [false, true] {
        let response = response_through(http2, || async {
            let upstream = async {
                sleep(2 * KEEP_ALIVE).await;
                Err::<Response<Whole>, _>(io::Error::other("unreachable"))
            };
            Relay::response_within(KEEP_ALIVE, upstream).await.unwrap()
        });
        let (all, is_cut) = until_end(response.await.into_body()).await;
        assert!(all.contains("event: upstream-error\n"), "{all:?}, HTTP/2: {http2}");
        assert!(is_cut);
    }
}

/// The body of a refusal that never ends, and of one that is too long.
#[tokio::test(start_paused = true)]
async fn the_body_of_a_late_refusal_is_bounded() {
    let endless = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<http_body::Frame<Bytes>, Infallible>,
    >());
    let long = Full::from(vec![b'x'; 1024 * 1024]).boxed_unsync();
    for body in [endless.boxed_unsync(), long] {
        let refused = Response::builder().status(503).body(body).unwrap();
        let upstream = async {
            sleep(PAUSE).await;
            Ok::<_, Infallible>(refused)
        };
        let relay = Relay::response_within(Duration::ZERO, upstream).await.unwrap();
        let body = timeout(PATIENCE, relay.into_body().collect()).await.unwrap().unwrap();
        let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        assert!(body.ends_with("\"truncated\":true}\n\n") && body.contains("\"status\":503"));
        assert!(body.len() < 20_000);
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request_to_the_upstream() {
    let (alive, mut dropped) = tokio::sync::mpsc::channel::<()>(1);
    let never = async move {
        let _alive = alive;
        pending::<Result<Response<Whole>, Infallible>>().await
    };
    let relay = Relay::response_within(Duration::ZERO, never).await.unwrap();
    assert!(dropped.try_recv().is_err_and(|e| e == tokio::sync::mpsc::error::TryRecvError::Empty));
    drop(relay);
    assert_eq!(dropped.recv().await, None);
}
