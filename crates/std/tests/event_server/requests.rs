//! The answers, byte for byte.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use http::Response;
use tidings_std::handshake::{HeadError, Limits};
use tidings_std::sse::server::{EventRequest, Responder, ServeError, stop_reconnecting};
use tidings_std::sse::{EventSource, ReconnectionTime};

use crate::feed::{Feed, event, read_all, read_until};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// The head without its date.
fn without_date(response: &str) -> String {
    let lines = response.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("date: ")).collect()
}

/// E-030, E-034
#[test]
fn a_stream_goes_out_in_chunks_and_at_once() {
    let feed = Feed::start(Responder::new().retry(ReconnectionTime::from_ms(9)));
    let mut client = feed.connect(GET);
    let head = read_until(&mut client, "\r\n\r\n");
    assert!(head.contains("\r\ndate: ") && head.contains(" GMT\r\n"), "{head}");
    assert_eq!(
        without_date(&head),
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
         cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(read_until(&mut client, "\n\n\r\n"), "d\r\n: \nretry: 9\n\n\r\n");
    feed.publish(&event(1));
    assert_eq!(read_until(&mut client, "\n\n\r\n"), "f\r\nid: 1\ndata: 1\n\n\r\n");
    feed.forget();
    assert_eq!(read_all(client), "0\r\n\r\n");
    feed.served().unwrap();
}

#[test]
fn a_stream_of_http_1_0_ends_with_its_connection() {
    let feed = Feed::start(Responder::new());
    let mut client = feed.connect("GET / HTTP/1.0\r\n\r\n");
    let head = read_until(&mut client, "\r\n\r\n");
    assert!(!head.contains("transfer-encoding"), "{head}");
    feed.sender().try_send(event(1)).unwrap();
    feed.forget();
    assert_eq!(read_all(client), ": \n\nid: 1\ndata: 1\n\n");
}

#[test]
fn a_head_that_is_asked_for_has_no_body() {
    let feed = Feed::start(Responder::new());
    let response = read_all(feed.connect("HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert!(response.contains("content-type: text/event-stream\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
    feed.served().unwrap();
    assert!(feed.forget()[0].is_closed());
}

/// E-031
#[test]
fn an_invalid_last_event_id_is_refused() {
    let feed = Feed::start(Responder::new());
    let twice = "GET / HTTP/1.1\r\nhost: x\r\nlast-event-id: 1\r\nlast-event-id: 2\r\n\r\n";
    let response = read_all(feed.connect(twice));
    assert_eq!(
        without_date(&response),
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 50\r\nconnection: close\r\n\r\n\
         the request has more than one Last-Event-ID header"
    );
    feed.served().unwrap();
}

/// Some clients send an empty one while they have no ID, and give up permanently after a 400.
#[test]
fn an_empty_last_event_id_counts_as_absent() {
    let feed = Feed::start(Responder::new());
    let mut client = feed.connect("GET / HTTP/1.1\r\nhost: x\r\nlast-event-id: \r\n\r\n");
    let head = read_until(&mut client, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    feed.forget();
    assert!(read_all(client).ends_with("0\r\n\r\n"));
    feed.served().unwrap();
}

/// A request that is not HTTP, or is too long, is answered.
#[test]
fn a_request_that_breaks_the_rules_of_http_is_answered() {
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(9_000));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\nhost: x\r\nhost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nhost: x\r\na b: c\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\n\r\n", "505"),
        ("\u{16}\u{3}\u{1}", "400"),
        (&long, "414"),
    ] {
        let feed = Feed::start(Responder::new());
        let response = read_all(feed.connect(request));
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {response}");
        let error = feed.served().unwrap_err();
        assert!(matches!(error, ServeError::Head(_) | ServeError::Host), "{error}");
        assert!(!error.is_disconnect() && response.ends_with(&error.to_string()), "{response}");
    }
}

/// Sends one request, and returns the result of reading it.
fn read_one(
    limits: Limits,
    timeout: Duration,
) -> (TcpStream, thread::JoinHandle<Result<EventRequest<TcpStream>, ServeError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, thread::spawn(move || EventRequest::read_within(server, limits, timeout)))
}

#[test]
fn a_request_has_its_limits_and_its_time() {
    let mut limits = Limits::server();
    limits.max_headers = 1;
    let (mut client, reading) = read_one(limits, Duration::from_secs(9));
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx: y\r\n\r\n").unwrap();
    let too_many = reading.join().unwrap().unwrap_err();
    assert!(matches!(too_many, ServeError::Head(HeadError::TooManyHeaders { limit: 1 })));

    limits.max_headers = 300;
    let (mut client, reading) = read_one(limits, Duration::from_secs(9));
    let lines = "x: y\r\n".repeat(299);
    client.write_all(format!("GET /a?b HTTP/1.1\r\nhost: x\r\n{lines}\r\n").as_bytes()).unwrap();
    let request = reading.join().unwrap().unwrap();
    assert_eq!((request.head().uri().path(), request.head().headers().len()), ("/a", 300));

    let (_client, reading) = read_one(Limits::server(), Duration::from_millis(30));
    let late = reading.join().unwrap().unwrap_err();
    assert!(matches!(late, ServeError::Read(_)), "{late}");

    let (client, reading) = read_one(Limits::server(), Duration::from_secs(9));
    drop(client);
    assert!(reading.join().unwrap().unwrap_err().is_disconnect());
}

/// E-023: a 204 ends a client that would reconnect.
#[test]
fn a_client_can_be_told_to_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        EventRequest::read(stream).unwrap().respond(stop_reconnecting())
    });
    assert!(EventSource::get(url).unwrap().event().unwrap().is_none());
    serving.join().unwrap().unwrap();
}

#[test]
fn any_other_response_is_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let request = EventRequest::read(stream).unwrap();
        request.respond_with(Response::new("x".repeat(300_000)))
    });
    (&client).write_all(GET.as_bytes()).unwrap();
    let response = read_all(client);
    assert!(response.contains("content-length: 300000\r\n"));
    assert!(response.ends_with(&"x".repeat(300_000)));
    serving.join().unwrap().unwrap();
}
