//! Event streams over TLS.
#![cfg(all(feature = "event-source", feature = "rustls"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a failed step fails the test"
)]

mod sse_support;
mod tls_support;

use std::io::{BufReader, Write as _};
use std::thread::JoinHandle;
use std::time::Duration;

use sse_support::{OPEN, Request, read_head};
use tidings_std::client::rustls::ServerConfig;
use tidings_std::sse::{
    ClientEvent, Config, DisconnectReason, EndOfStream, EventSource, EventSourceRequest,
    StreamError,
};
use tidings_std::{Error, Transport as _, client::TlsError};
use tls_support::{Tls, authority, serve, signed, trusting};

fn once() -> Config {
    let mut config = Config::event_source();
    config.reconnect = false;
    config
}

fn open(port: u16, authority: &tls_support::Authority, config: Config) -> EventSource {
    let request = EventSourceRequest::get(format!("https://localhost:{port}/x")).config(config);
    EventSource::open(request).unwrap().with_connect_options(trusting(authority))
}

/// Sends this and continues with the connection as `end` says.
fn answer(
    config: ServerConfig,
    answer: String,
    end: impl FnOnce(Tls) + Send + 'static,
) -> (u16, JoinHandle<Request>) {
    serve(config, move |mut stream| {
        let (request, _) = read_head(&mut BufReader::new(&mut stream));
        stream.write_all(answer.as_bytes()).unwrap();
        end(stream);
        request
    })
}

/// E-025, and RFC 8446, 6.1: an end that TLS does not say could be an attacker's.
#[test]
fn a_stream_comes_over_tls_and_its_end_must_be_said() {
    let authority = authority();
    let between = EndOfStream::BetweenEvents;
    for (says_end, reason) in
        [(true, DisconnectReason::Ended(between)), (false, DisconnectReason::Broken(between))]
    {
        let end = move |mut stream: Tls| {
            if says_end {
                stream.shutdown_write().unwrap();
            }
        };
        let stream = format!("{OPEN}data: {}\n\n", "x".repeat(100_000));
        let (port, serving) = answer(signed(&authority, "localhost"), stream, end);
        let mut source = open(port, &authority, once());
        assert_eq!(source.event().unwrap().unwrap().data.len(), 100_000);
        let Some(ClientEvent::Closed { cause, .. }) = source.next() else { panic!() };
        assert_eq!(cause.reason, reason);
        assert_eq!(matches!(cause.error, Some(StreamError::Http(_))), !says_end, "{cause}");
        let request = serving.join().unwrap();
        assert_eq!(request.line, "GET /x HTTP/1.1");
        assert_eq!(request.header("host"), Some(format!("localhost:{port}").as_bytes()));
    }
}

/// A body with a declared length needs no end of TLS.
#[test]
fn a_counted_body_over_tls_ends_by_its_count() {
    let authority = authority();
    let counted = OPEN.replace("\r\n\r\n", "\r\ncontent-length: 9\r\n\r\n");
    let (port, serving) =
        answer(signed(&authority, "localhost"), format!("{counted}data: x\n\n"), |_| {});
    let mut source = open(port, &authority, once());
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    assert_eq!(source.event().unwrap(), None);
    serving.join().unwrap();
}

#[test]
fn deadlines_and_closers_work_under_tls() {
    let authority = authority();
    let wait = |mut stream: Tls| drop(std::io::copy(&mut stream, &mut std::io::sink()));
    let stream = || format!("{OPEN}data: x\n\nda");
    let (port, serving) = answer(signed(&authority, "localhost"), stream(), wait);
    let mut config = once();
    config.idle_timeout = Duration::from_millis(50);
    let mut source = open(port, &authority, config);
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    let Some(ClientEvent::Closed { cause, .. }) = source.next() else { panic!() };
    assert_eq!(cause.reason, DisconnectReason::Idle(EndOfStream::InsideEvent { dropped_len: 2 }));
    serving.join().unwrap();

    let (port, serving) = answer(signed(&authority, "localhost"), stream(), wait);
    let mut source = open(port, &authority, Config::event_source());
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    let handle = source.handle();
    let waiting = std::thread::spawn(move || source.next().is_none());
    std::thread::sleep(Duration::from_millis(30));
    handle.close();
    assert!(waiting.join().unwrap());
    serving.join().unwrap();
}

/// The request is for the server that was meant.
#[test]
fn a_server_that_cannot_be_trusted_sees_no_request() {
    let trusted = authority();
    let (port, serving) =
        serve(signed(&authority(), "localhost"), |mut stream| stream.write_all(b"x").is_err());
    let mut source = open(port, &trusted, once());
    let Some(ClientEvent::Closed { cause, .. }) = source.next() else { panic!() };
    assert_eq!(cause.reason, DisconnectReason::Unreachable);
    let tls =
        matches!(&cause.error, Some(StreamError::Connect(Error::Tls(TlsError::Handshake(_)))));
    assert!(tls, "{cause:?}");
    assert!(serving.join().unwrap());
}

/// RFC 9112, 9.5, under TLS: an answer, and a stream, come while a large body is sent.
#[test]
fn what_comes_while_a_large_body_is_sent_over_tls_is_read() {
    const LEN: usize = 16 << 20;
    let authority = authority();
    let post = |port: u16| {
        let request =
            EventSourceRequest::post(format!("https://localhost:{port}/x"), vec![b'x'; LEN])
                .config(once());
        EventSource::open(request).unwrap().with_connect_options(trusting(&authority))
    };
    let (port, serving) = serve(signed(&authority, "localhost"), |mut stream| {
        let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\n\r\nlarge";
        stream.write_all(answer).unwrap();
        std::thread::sleep(Duration::from_secs(3));
    });
    let begun = std::time::Instant::now();
    let Some(ClientEvent::Closed { cause, .. }) = post(port).next() else { panic!() };
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
    assert_eq!(cause.answer.unwrap().body, b"large");
    serving.join().unwrap();

    let (port, serving) = serve(signed(&authority, "localhost"), |mut stream| {
        // Many records at once: one read of the connection brings more than one read takes.
        let large = format!("data: {}\n\n", "y".repeat(100_000));
        stream.write_all(format!("{OPEN}{large}").as_bytes()).unwrap();
        let (mut len, mut buffer) = (0, vec![0; 1 << 16]);
        while len < LEN {
            len += std::io::Read::read(&mut stream, &mut buffer).unwrap();
        }
        stream.write_all(b"data: last\n\n").unwrap();
        stream.shutdown_write().unwrap();
    });
    let mut source = post(port);
    assert_eq!(source.event().unwrap().unwrap().data.len(), 100_000);
    assert_eq!(source.event().unwrap().unwrap().data, "last");
    assert_eq!(source.event().unwrap(), None);
    serving.join().unwrap();
}
