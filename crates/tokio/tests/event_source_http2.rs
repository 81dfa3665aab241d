//! The client over HTTP/2: chosen by TLS, or known before. Frames of the raw server are written by
//! hand (RFC 9113, 4.1), as a server library would not misbehave.
#![cfg(all(feature = "event-source", feature = "rustls"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use event_scene::tls::{Tls, trusting};
use event_scene::{closed, data, datas, once, one_stream, quick};
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tidings_tokio::sse::{
    ClientEvent, DisconnectReason, EndOfStream, EventSource, EventSourceRequest, GiveUp, Repeat,
    Reply, StreamError,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BETWEEN: EndOfStream = EndOfStream::BetweenEvents;

type Seen = Arc<Mutex<Vec<Request<Bytes>>>>;

/// Answers every request with a stream of this body, by hyper.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, seen: Seen) {
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = Arc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push(Request::from_parts(parts, body));
                seen.len()
            };
            let body = format!("id: \u{e9}{number}\ndata: {number}\n\ndata: b\n\n");
            let response = Response::builder().header("content-type", "text/event-stream");
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    // The client may be gone by then.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// RFC 9113, 3.2
#[tokio::test]
async fn a_server_that_offers_http2_by_tls_gets_it() {
    for (protocols, version) in [
        (&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2),
        (&[b"h2"], Version::HTTP_2),
        (&[b"http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let tls = Tls::new(protocols).await;
        let (url, options) = (tls.url(), trusting(&tls.authority));
        let seen = Seen::default();
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let stream = tls.accept().await;
                tokio::spawn(serve(stream, Arc::clone(&told)));
            }
        });
        let request = EventSourceRequest::post(&url, "the body")
            .header("x-key", "\u{fc}")
            .repeat(Repeat::Always)
            .config(quick());
        let mut source = EventSource::open(request).unwrap().with_connect_options(options);
        match source.next().await {
            Some(ClientEvent::Open(opened)) => {
                assert_eq!((opened.version, &opened.url), (version, &url));
            }
            other => panic!("{other:?}"),
        }
        // E-025, E-027: and again.
        for expected in ["1", "b", "2", "b", "3"] {
            assert_eq!(data(&mut source).await, expected);
        }
        let seen = seen.lock().unwrap();
        for (request, id) in seen.iter().zip([None, Some("\u{e9}1"), Some("\u{e9}2")]) {
            assert_eq!((request.method(), &request.body()[..]), (&Method::POST, &b"the body"[..]));
            assert_eq!(request.version(), version);
            let path = if version == Version::HTTP_2 { &*url } else { "/events?a=b" };
            assert_eq!(request.uri(), path);
            let header = |name| request.headers().get(name).map(http::HeaderValue::as_bytes);
            assert_eq!(header("accept"), Some(&b"text/event-stream"[..]));
            assert_eq!(header("x-key"), Some("\u{fc}".as_bytes()));
            assert_eq!(header("last-event-id"), id.map(str::as_bytes));
            // RFC 9113, 8.2.2 and 8.3.1
            assert_eq!(header("host").is_some(), version == Version::HTTP_11);
            assert_eq!(header("connection"), None);
        }
        assert_eq!(seen.len(), 3);
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}

/// RFC 9113, 3.3
#[tokio::test]
async fn http2_is_spoken_without_tls_to_those_who_are_known_to_speak_it() {
    let (listener, url) = listen().await;
    let seen = Seen::default();
    let told = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, Arc::clone(&told)));
        }
    });
    let request = EventSourceRequest::get(&url).config(quick());
    let mut source = EventSource::open(request).unwrap().with_http2_prior_knowledge();
    for expected in ["1", "b", "2"] {
        assert_eq!(data(&mut source).await, expected);
    }
    assert!(seen.lock().unwrap().iter().all(|request| request.version() == Version::HTTP_2));
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 9113, 4.1
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

fn data_frame(flags: u8, text: &str) -> Vec<u8> {
    frame(0, flags, 1, text.as_bytes())
}

/// Of stream 1: `:status: 200` (RFC 7541, A: 8), `content-type` (31), and a length if there is one.
fn head(length: Option<&str>) -> Vec<u8> {
    let mut block = b"\x88\x0f\x10\x11text/event-stream".to_vec();
    if let Some(length) = length {
        block.extend(b"\x0f\x0d"); // `content-length` (28)
        block.push(u8::try_from(length.len()).unwrap());
        block.extend(length.as_bytes());
    }
    [frame(SETTINGS, 0, 0, &[]), frame(HEADERS, END_HEADERS, 1, &block)].concat()
}

/// Reads the first bytes of a client, up to the head of its request.
async fn read_request(stream: &mut TcpStream) {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            return;
        }
    }
}

/// E-025: only `END_STREAM` ends a stream (RFC 9113, 8.1). All else cuts it.
#[tokio::test]
async fn an_end_of_http2_is_told_from_a_cut() {
    const TWO: &str = "id: 1\ndata: 0\n\ndata: 1\n\n";
    let reset = |code: u8| frame(RST_STREAM, 0, 1, &[0, 0, 0, code]);
    let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01x\x01y");
    let clean = [
        ("END_STREAM", [head(None), data_frame(END_STREAM, TWO)].concat()),
        ("empty DATA", [head(None), data_frame(0, TWO), data_frame(END_STREAM, "")].concat()),
        ("trailers", [head(None), data_frame(0, TWO), trailers].concat()),
        ("length", [head(Some("24")), data_frame(END_STREAM, TWO)].concat()),
        // RFC 9113, 8.1: the request need not be read, as the response is complete.
        ("reset after the end", [head(None), data_frame(END_STREAM, TWO), reset(0)].concat()),
    ];
    let cut = [
        ("NO_ERROR", [head(None), data_frame(0, TWO), reset(0)].concat()),
        ("INTERNAL_ERROR", [head(None), data_frame(0, TWO), reset(2)].concat()),
        ("CANCEL", [head(None), data_frame(0, TWO), reset(8)].concat()),
        ("FIN", [head(None), data_frame(0, TWO)].concat()),
        (
            "inside a frame",
            [head(None), data_frame(0, TWO), data_frame(0, TWO)[..20].to_vec()].concat(),
        ),
        ("GOAWAY", [head(None), data_frame(0, TWO), frame(GOAWAY, 0, 0, &[0; 8])].concat()),
        ("short", [head(Some("100")), data_frame(0, TWO), data_frame(END_STREAM, "")].concat()),
    ];
    let all = clean.map(|(how, bytes)| (how, bytes, true)).into_iter();
    for (how, bytes, is_clean) in all.chain(cut.map(|(how, bytes)| (how, bytes, false))) {
        let (listener, url) = listen().await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(&bytes).await.unwrap();
            if !how.starts_with(char::is_uppercase) || how == "FIN" || how == "GOAWAY" {
                stream.shutdown().await.unwrap();
            }
            // The result of the client does not matter, but it must be read: otherwise FIN becomes
            // RST.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let request = EventSourceRequest::get(&url).config(once());
        let mut source = EventSource::open(request).unwrap().with_http2_prior_knowledge();
        let (events, lost) = one_stream(&mut source).await;
        assert_eq!(datas(&events), ["0", "1"], "{how}: {lost:?}");
        if is_clean {
            assert_eq!(lost.reason, DisconnectReason::Ended(BETWEEN), "{how}: {lost:?}");
            assert!(lost.error.is_none());
        } else {
            assert_eq!(lost.reason, DisconnectReason::Broken(BETWEEN), "{how}");
            assert!(matches!(lost.error, Some(StreamError::Http(_))), "{how}: {lost:?}");
        }
        // E-028: a source that is closed keeps neither a connection nor a task of one.
        server.await.unwrap();
    }
}

/// E-025
#[tokio::test]
async fn after_a_reset_the_client_comes_back_where_it_was() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        for number in 0u8.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let text = format!("id: {number}\ndata: {number}\n\ndata: cut");
            let code = [0, 1, 2, 7, 8][usize::from(number) % 5];
            let reset = frame(RST_STREAM, 0, 1, &[0, 0, 0, code]);
            stream.write_all(&[head(None), data_frame(0, &text), reset].concat()).await.unwrap();
            tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
        }
    });
    let request = EventSourceRequest::get(&url).config(quick());
    let mut source = EventSource::open(request).unwrap().with_http2_prior_knowledge();
    for number in 0..10 {
        assert_eq!(data(&mut source).await, number.to_string());
        match source.next().await {
            Some(ClientEvent::Disconnected { cause, .. }) => {
                let end = EndOfStream::InsideEvent { dropped_len: 9 };
                assert_eq!(cause.reason, DisconnectReason::Broken(end), "{cause:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(source.last_event_id(), "9");
}

/// RFC 9113, 8.1: an answer is whole once `END_STREAM` has come, which its head may have.
#[tokio::test]
async fn an_answer_over_http2_is_whole_or_says_that_it_is_not() {
    // `:status` (RFC 7541, A: 8) 202, and 400 (12).
    let accepted = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x08\x03202");
    let refused = frame(HEADERS, END_HEADERS, 1, b"\x8c");
    let reset = frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    for (bytes, status, body, is_complete) in [
        (accepted, 202, "", true),
        (
            [&refused[..], &data_frame(0, "wh"), &data_frame(END_STREAM, "y")].concat(),
            400,
            "why",
            true,
        ),
        ([&refused[..], &data_frame(0, "wh"), &reset].concat(), 400, "wh", false),
    ] {
        let (listener, url) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(&[frame(SETTINGS, 0, 0, &[]), bytes].concat()).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let request = EventSourceRequest::post(&url, "{}").config(once());
        let source = EventSource::open(request).unwrap().with_http2_prior_knowledge();
        match source.reply().await.unwrap() {
            Reply::Answer(answer) => {
                let got = (answer.status, &*answer.body, answer.is_complete());
                assert_eq!(got, (status, body.as_bytes(), is_complete));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 9113, 8.7: which requests have surely not been processed.
#[tokio::test]
async fn a_post_that_http2_refuses_unseen_is_repeated_if_asked() {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let reset = |code| [&settings[..], &frame(RST_STREAM, 0, 1, &[0, 0, 0, code])].concat();
    let goaway = |last: u8, debug: &[u8]| {
        let payload = [&[0, 0, 0, last, 0, 0, 0, 0][..], debug].concat();
        [&settings[..], &frame(GOAWAY, 0, 0, &payload)].concat()
    };
    for (how, bytes, repeats) in [
        ("REFUSED_STREAM", reset(7), true),
        ("GOAWAY before the stream", goaway(0, b""), true),
        ("GOAWAY with a reason in words", goaway(0, b"drain"), true),
        ("GOAWAY after the stream", goaway(1, b""), false),
        ("INTERNAL_ERROR", reset(2), false),
        ("nothing", settings.clone(), false),
    ] {
        let (listener, url) = listen().await;
        tokio::spawn(async move {
            for answer in [bytes, [head(None), data_frame(END_STREAM, "data: x\n\n")].concat()] {
                let (mut stream, _) = listener.accept().await.unwrap();
                read_request(&mut stream).await;
                stream.write_all(&answer).await.unwrap();
                stream.shutdown().await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        let request =
            EventSourceRequest::post(&url, "once").config(quick()).repeat(Repeat::Unprocessed);
        let mut source = EventSource::open(request).unwrap().with_http2_prior_knowledge();
        if repeats {
            match source.next().await {
                Some(ClientEvent::Disconnected { cause, .. }) => {
                    assert!(matches!(cause.error, Some(StreamError::Unprocessed(_))), "{how}");
                }
                other => panic!("{how}: {other:?}"),
            }
            assert_eq!(data(&mut source).await, "x", "{how}");
        } else {
            let expected = (DisconnectReason::Unreachable, GiveUp::NotRepeatable);
            assert_eq!(closed(&mut source).await, expected, "{how}");
        }
    }
}

/// E-028
#[tokio::test]
async fn a_source_that_is_dropped_ends_its_http2_connection() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(&[head(None), data_frame(0, "data: x\n\n")].concat()).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let request = EventSourceRequest::get(&url).config(once());
    let mut source = EventSource::open(request).unwrap().with_http2_prior_knowledge();
    assert_eq!(data(&mut source).await, "x");
    drop(source);
    server.await.unwrap();
}

/// A server of HTTP/1.1 that is believed to speak HTTP/2.
#[tokio::test]
async fn a_server_that_does_not_speak_http2_is_not_a_response() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let request = EventSourceRequest::get(&url).config(once());
    let mut source = EventSource::open(request).unwrap().with_http2_prior_knowledge();
    assert_eq!(closed(&mut source).await, (DisconnectReason::Unreachable, GiveUp::Once));
}
