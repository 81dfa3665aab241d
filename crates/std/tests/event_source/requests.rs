//! The requests and their targets: the first, and the next after a stream has ended or none was
//! there.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::sse::{
    ClientEvent, DisconnectReason, EndOfStream, EventError, EventSource, EventSourceRequest,
    GiveUp, ReadyState, Repeat, RequestFault, StreamError,
};
use tidings_std::{ConnectOptions, client::Proxy};

use crate::source::{next_lost, once, open, quick, short, told};
use crate::sse_support::{OPEN, Server, read_head, read_request, say, wait_for_end};

/// E-021
#[test]
fn a_request_is_that_of_the_standard() {
    let server = Server::start(vec![say(OPEN)]);
    let port = server.port;
    let request =
        EventSourceRequest::get(server.url("/a b?c=|")).header("X-Key", "é").config(once());
    told(EventSource::open(request).unwrap());
    let [request] = &server.requests()[..] else { panic!() };
    assert_eq!(request.line, "GET /a%20b?c=| HTTP/1.1");
    let expected: [(&str, &[u8]); 5] = [
        ("host", format!("127.0.0.1:{port}").leak().as_bytes()),
        ("accept", b"text/event-stream"),
        ("cache-control", b"no-cache"),
        ("accept-encoding", b"identity"),
        ("x-key", "é".as_bytes()),
    ];
    let sent = request.headers.iter().map(|(name, value)| (&**name, &**value));
    assert_eq!(sent.collect::<Vec<_>>(), expected);
    assert!(request.body.is_empty());
}

#[test]
fn a_first_request_can_go_on_after_an_earlier_stream() {
    let server = Server::start(vec![say(OPEN)]);
    let request = EventSourceRequest::get(server.url("/")).last_event_id("41").config(once());
    let source = EventSource::open(request).unwrap();
    assert_eq!(source.last_event_id(), "41");
    told(source);
    assert_eq!(server.requests()[0].header("last-event-id"), Some(&b"41"[..]));
}

#[test]
fn what_cannot_be_asked_for_is_told_at_once() {
    assert!(matches!(EventSource::get("ftp://x/"), Err(RequestFault::Scheme(_))));
    assert!(matches!(EventSource::get("x"), Err(RequestFault::Url(_))));
    let request = EventSourceRequest::get("http://x/").last_event_id("a\0b");
    assert!(matches!(EventSource::open(request), Err(RequestFault::LastEventId(_))));
}

#[cfg(not(feature = "rustls"))]
#[test]
fn without_tls_a_secure_url_fails_for_good() {
    let mut source = EventSource::get("https://127.0.0.1:1/").unwrap();
    let lost = next_lost(&mut source);
    assert_eq!(lost.reason, DisconnectReason::Unusable);
    assert!(source.next().is_none());
}

/// The way is the options's: to the proxy, which gets a request to an `http` URL itself (RFC 9112,
/// 3.2.2).
#[test]
fn a_stream_comes_through_a_proxy() {
    let server = Server::start(vec![say(format!("{OPEN}data: x\n\n"))]);
    let proxy = Proxy::parse(&server.url("")).unwrap();
    let request = EventSourceRequest::get("http://example.com/x").config(once());
    let mut source = EventSource::open(request)
        .unwrap()
        .with_connect_options(ConnectOptions::new().proxy(proxy));
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET http://example.com/x HTTP/1.1");
    assert_eq!(request.header("host"), Some(&b"example.com"[..]));
}

/// E-025, E-026, E-027: an end of any kind leads to another attempt, after the last event.
#[test]
fn a_client_comes_back_after_the_last_event() {
    let server = Server::start(vec![
        say(format!("{OPEN}retry: 100\nid: é1\ndata: one\n\n")),
        // An event without ID keeps the last one seen.
        say(format!("{OPEN}data: two\n\nid: 9\ndata: cut")),
        say("HTTP/1.1 200 O"),
        say(""),
        say(format!("{OPEN}id\ndata: three\n\n")),
        say("HTTP/1.1 204 No Content\r\n\r\n"),
    ]);
    let mut source = open(&server, quick());
    let mut updates = Vec::new();
    for update in &mut source {
        if let ClientEvent::Disconnected { wait, .. } = &update {
            assert!(*wait >= Duration::from_millis(100), "{wait:?}");
        }
        updates.push(short(&update));
    }
    let inside = EndOfStream::InsideEvent { dropped_len: 15 };
    assert_eq!(
        updates,
        [
            "open",
            "retry 100",
            "event one",
            "lost Ended(BetweenEvents)",
            "open",
            "event two",
            &format!("lost Ended({inside:?})"),
            "lost Unreachable",
            "lost Unreachable",
            "open",
            "event three",
            "lost Ended(BetweenEvents)",
            "closed Status(204) Failed",
        ]
    );
    assert!(source.next().is_none());
    assert_eq!(source.ready_state(), ReadyState::Closed);
    let sent: Vec<Option<Vec<u8>>> = server
        .requests()
        .iter()
        .map(|request| Some(request.header("last-event-id")?.to_vec()))
        .collect();
    let id = Some("é1".as_bytes().to_vec());
    assert_eq!(sent, [None, id.clone(), id.clone(), id.clone(), id, None]);
}

/// E-026, E-029
#[test]
fn a_loss_is_told_before_the_wait_of_a_few_seconds() {
    let server = Server::start(vec![say(OPEN)]);
    let mut source = EventSource::get(server.url("/")).unwrap();
    let begun = Instant::now();
    assert!(matches!(source.next(), Some(ClientEvent::Open(_))));
    assert_eq!(source.ready_state(), ReadyState::Open);
    let Some(ClientEvent::Disconnected { wait, .. }) = source.next() else { panic!() };
    assert!(wait >= Duration::from_secs(3) && begun.elapsed() < wait, "{wait:?}");
    assert_eq!((source.ready_state(), source.failures()), (ReadyState::Connecting, 1));
}

#[test]
fn a_server_that_is_not_there_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let request = EventSourceRequest::get(format!("http://{address}/")).config(quick());
    let mut source = EventSource::open(request).unwrap();
    for failures in 1..4 {
        let lost = next_lost(&mut source);
        assert_eq!(lost.reason, DisconnectReason::Unreachable);
        assert!(matches!(lost.error, Some(StreamError::Connect(_))), "{lost:?}");
        assert_eq!(source.failures(), failures);
    }
    let listener = TcpListener::bind(address).unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&stream);
        stream.write_all(format!("{OPEN}data: at last\n\n").as_bytes()).unwrap();
        wait_for_end(stream);
    });
    assert_eq!(source.event().unwrap().unwrap().data, "at last");
    assert_eq!(source.failures(), 0);
    source.close();
    serving.join().unwrap();
}

#[test]
fn a_patient_client_tries_busy_servers_again() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 1000\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(vec![say(busy)]);
    let mut config = quick();
    config.retry_statuses = true;
    let Some(ClientEvent::Disconnected { cause, wait }) = open(&server, config).next() else {
        panic!()
    };
    assert_eq!(cause.reason, DisconnectReason::Status(503));
    assert!(wait >= Duration::from_secs(1000));
}

#[test]
fn a_post_is_made_once_unless_more_is_asked_for() {
    let post = |server: &Server| {
        EventSourceRequest::post(server.url("/"), "the body")
            .header("content-type", "text/plain")
            .config(quick())
    };
    let server = Server::start(vec![say(format!("{OPEN}data: x\n\n"))]);
    let mut source = EventSource::open(post(&server)).unwrap();
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    assert_eq!(source.event().unwrap(), None);
    let requests = server.requests();
    assert_eq!(requests[0].line, "POST / HTTP/1.1");
    assert_eq!(requests[0].header("content-length"), Some(&b"8"[..]));
    assert_eq!(requests[0].body, b"the body");

    // Not even after a break, and that is reported.
    let cut = OPEN.replace("\r\n\r\n", "\r\ncontent-length: 9\r\n\r\n");
    let server = Server::start(vec![say(&*cut)]);
    let mut source = EventSource::open(post(&server)).unwrap();
    let closed = source.event().unwrap_err();
    assert!(matches!(closed, EventError::Closed { reason: GiveUp::NotRepeatable, .. }), "{closed}");

    let server = Server::start(vec![say(&*cut), say(format!("{OPEN}data: x\n\n"))]);
    let mut source = EventSource::open(post(&server).repeats(true)).unwrap();
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.body == b"the body"));
}

/// RFC 9112, 9.5: the server answers before it has read a large body, and closes.
#[test]
fn an_early_answer_to_a_large_body_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = std::io::BufReader::new(&stream);
        let (request, len) = read_head(&mut reader);
        assert!(request.header("content-length").is_some());
        assert_eq!(len, 32 << 20);
        drop(reader);
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno!").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // It takes some more, or the answer could be lost, and then ends.
        let mut taken = std::io::Read::take(&stream, 1 << 20);
        std::io::copy(&mut taken, &mut std::io::sink()).unwrap();
        thread::sleep(Duration::from_millis(100));
    });
    let request = EventSourceRequest::post(url, vec![0; 32 << 20]).config(quick());
    let lost = next_lost(&mut EventSource::open(request).unwrap());
    // On other systems the received bytes are lost with the connection.
    let expected = if cfg!(target_os = "linux") {
        DisconnectReason::Status(413)
    } else {
        DisconnectReason::Unreachable
    };
    assert!(
        matches!(lost.reason, DisconnectReason::Status(413)) || lost.reason == expected,
        "{lost:?}"
    );
    serving.join().unwrap();
}

#[test]
fn each_attempt_gets_a_request_of_its_own() {
    let server = Server::start(vec![
        say(format!("{OPEN}id: 7\ndata: 0\n\n")),
        say(format!("{OPEN}data: 1\n\n")),
    ]);
    let request = EventSourceRequest::get(server.url("/")).config(quick());
    let (made, mut tokens) = (request.clone(), 0);
    let mut source = EventSource::open(request).unwrap().with_request(move |attempt| {
        tokens += 1;
        if tokens == 2 {
            return Err("there is no token".into());
        }
        let id = attempt.last_event_id.unwrap_or_default();
        Ok(made.clone().header("x-token", format!("{tokens} after {id:?}")))
    });
    assert_eq!(source.event().unwrap().unwrap().data, "0");
    assert_eq!(next_lost(&mut source).reason, DisconnectReason::Ended(EndOfStream::BetweenEvents));
    let lost = next_lost(&mut source);
    assert!(matches!(lost.error, Some(StreamError::NotMade(_))), "{lost:?}");
    assert_eq!(source.event().unwrap().unwrap().data, "1");
    drop(source);
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|request| String::from_utf8_lossy(request.header("x-token").unwrap()).into_owned())
        .collect();
    assert_eq!(sent, ["1 after \"\"", "3 after \"7\""]);
}

/// Nobody is there, or has time: so nothing was done, and may be asked for again.
#[test]
fn a_post_is_repeated_until_its_stream_is_open_and_resumed_by_get_after_that() {
    let server = Server::start(vec![
        say("HTTP/1.1 503 X\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"),
        say(format!("{OPEN}id: 7\ndata: 0\n\n")),
        say(format!("{OPEN}data: 1\n\n")),
    ]);
    let mut config = quick();
    config.retry_statuses = true;
    let request = EventSourceRequest::post(server.url("/"), "{}")
        .config(config)
        .repeat(Repeat::Unprocessed)
        .resume_by_get();
    let mut source = EventSource::open(request).unwrap();
    let begun = Instant::now();
    assert_eq!(source.event().unwrap().unwrap().data, "0");
    assert!((1000..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(source.event().unwrap().unwrap().data, "1");
    drop(source);
    let lines: Vec<_> = server.requests().iter().map(|request| request.line.clone()).collect();
    assert_eq!(lines, ["POST / HTTP/1.1", "POST / HTTP/1.1", "GET / HTTP/1.1"]);
}

#[test]
fn the_unfinished_last_event_is_told_if_asked_for() {
    let server = Server::start(vec![say(format!("{OPEN}event: last\ndata: 1"))]);
    let request = EventSourceRequest::get(server.url("/")).config(once()).report_unfinished();
    let mut source = EventSource::open(request).unwrap();
    assert!(matches!(source.next(), Some(ClientEvent::Open(_))));
    let Some(ClientEvent::Unfinished(event)) = source.next() else { panic!("it is asked for") };
    assert_eq!((&*event.event_type, &*event.data), ("last", "1"));
    let lost = next_lost(&mut source);
    assert!(matches!(lost.reason, DisconnectReason::Ended(EndOfStream::InsideEvent { .. })));
    assert!(source.next().is_none());
}
