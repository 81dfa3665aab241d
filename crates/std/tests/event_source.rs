//! The client of event streams over loopback: what it asks for, what it tells, when it comes back.
#![cfg(feature = "event-source")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that can't go on has failed"
)]

mod sse_support;

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sse_support::{
    Answer, OPEN, Request, SOON, Server, Vector, read_request, say, say_and_stay, vectors,
    wait_for_end,
};
use tidings_std::sse::{
    Config, EndOfStream, EventError, EventSource, EventSourceRequest, GiveUp, Limits, Lost,
    LostReason, ReadyState, ReconnectionTime, RequestFault, StreamError, Update,
};
use tidings_std::{Connector, Proxy};

/// The standard's, with waits for a test.
fn quick() -> Config {
    let mut config = Config::event_source();
    config.policy.minimum = Duration::from_millis(1);
    config.policy.base = Duration::from_millis(1);
    config
}

/// One stream and no more.
fn once() -> Config {
    let mut config = quick();
    config.reconnect = false;
    config
}

fn open(server: &Server, config: Config) -> EventSource {
    EventSource::open(EventSourceRequest::get(server.url("/")).config(config)).unwrap()
}

/// All that happens up to the end of a source that ends, in short.
fn told(source: EventSource) -> Vec<String> {
    source.map(|update| short(&update)).collect()
}

fn short(update: &Update) -> String {
    match update {
        Update::Open(_) => "open".to_owned(),
        Update::Event(event) => format!("event {}", event.data),
        Update::Comment(comment) => format!("comment {comment}"),
        Update::Retry(time) => format!("retry {}", time.as_ms()),
        Update::Overflow(exceeded) => format!("overflow {}", exceeded.len_max),
        Update::Lost { why, .. } => format!("lost {:?}", why.reason),
        Update::Closed { why, reason } => format!("closed {:?} {reason:?}", why.reason),
        other => panic!("{other:?}"),
    }
}

fn next_lost(source: &mut EventSource) -> Lost {
    match source.next() {
        Some(Update::Lost { why, .. } | Update::Closed { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// How a response can be framed.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Chunked,
    Counted,
    UntilEnd,
}

fn send_stream(mut stream: &TcpStream, vector: &Vector, size: usize, framing: Framing) {
    let head = |field: &str| OPEN.replace("\r\n\r\n", &format!("{field}\r\n\r\n"));
    let (head, end) = match framing {
        Framing::Chunked => (head("\r\ntransfer-encoding: chunked"), "0\r\n\r\n"),
        Framing::Counted => (head(&format!("\r\ncontent-length: {}", vector.input.len())), ""),
        Framing::UntilEnd => (head(""), ""),
    };
    let mut pieces = vec![head.into_bytes()];
    for data in vector.input.chunks(size) {
        pieces.push(match framing {
            Framing::Chunked => {
                [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
            }
            _ => data.to_vec(),
        });
    }
    pieces.push(end.into());
    // The one long vector need not be sent byte by byte.
    if vector.input.len() > 4096 {
        pieces = vec![pieces.concat()];
    }
    for piece in pieces {
        stream.write_all(&piece).unwrap();
    }
}

/// E-001 to E-019, through HTTP.
#[test]
fn every_vector_comes_through_every_framing_at_every_size() {
    let framings = [Framing::Chunked, Framing::Counted, Framing::UntilEnd];
    let vectors = Arc::new(vectors());
    let cases: Vec<(usize, usize, Framing)> = [1, 2, 3, 7, 1400]
        .into_iter()
        .enumerate()
        .flat_map(|(at, size)| {
            (0..vectors.len()).map(move |index| (index, size, framings[(at + index) % 3]))
        })
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn({
        let (vectors, cases) = (Arc::clone(&vectors), cases.clone());
        move || {
            for (index, size, framing) in cases {
                let (stream, _) = listener.accept().unwrap();
                stream.set_nodelay(true).unwrap();
                read_request(&stream);
                send_stream(&stream, &vectors[index], size, framing);
            }
        }
    });
    for (index, size, framing) in cases {
        let vector = &vectors[index];
        let mut source = EventSource::open(EventSourceRequest::get(&url).config(once())).unwrap();
        let (mut events, mut retry_ms, mut end) = (Vec::new(), None, None);
        for update in &mut source {
            match update {
                Update::Event(event) => events.push(event),
                Update::Retry(time) => retry_ms = Some(ReconnectionTime::as_ms(time)),
                Update::Closed { why, .. } => end = Some(why.reason),
                _ => {}
            }
        }
        let name = format!("{}, {framing:?} {size}", vector.name);
        assert_eq!(events, vector.events, "{name}");
        assert_eq!(retry_ms, vector.retry_ms, "{name}");
        assert_eq!(source.last_event_id(), vector.last_event_id, "{name}");
        assert!(matches!(end, Some(LostReason::Ended(_))), "{name}: {end:?}");
    }
    serving.join().unwrap();
}

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

/// E-025, E-026, E-027: an end of any kind leads to another attempt, behind the last event.
#[test]
fn a_client_comes_back_behind_the_last_event() {
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
        if let Update::Lost { wait, .. } = &update {
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
    assert!(matches!(source.next(), Some(Update::Open(_))));
    assert_eq!(source.ready_state(), ReadyState::Open);
    let Some(Update::Lost { wait, .. }) = source.next() else { panic!() };
    assert!(wait >= Duration::from_secs(3) && begun.elapsed() < wait, "{wait:?}");
    assert_eq!((source.ready_state(), source.failures()), (ReadyState::Connecting, 1));
}

#[test]
fn a_first_request_can_go_on_behind_an_earlier_stream() {
    let server = Server::start(vec![say(OPEN)]);
    let request = EventSourceRequest::get(server.url("/")).last_event_id("41").config(once());
    let source = EventSource::open(request).unwrap();
    assert_eq!(source.last_event_id(), "41");
    told(source);
    assert_eq!(server.requests()[0].header("last-event-id"), Some(&b"41"[..]));
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
        assert_eq!(lost.reason, LostReason::Unreachable);
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

/// E-023, E-024: these fail for good.
#[test]
fn an_answer_that_is_no_stream_is_final_and_shown() {
    for (head, reason, shown) in [
        ("404 Not Found", LostReason::Status(404), "the response has status 404"),
        ("500 Oh", LostReason::Status(500), "the response has status 500"),
        ("101 Switching Protocols\r\nupgrade: x", LostReason::Status(101), "status 101"),
        ("200 OK", LostReason::ContentType, "without a media type"),
        ("200 OK\r\ncontent-type: text/html", LostReason::ContentType, "\"text/html\""),
        ("301 Moved", LostReason::Status(301), "the response has status 301"),
    ] {
        let server = Server::start(vec![say(format!("HTTP/1.1 {head}\r\n\r\nno stream here"))]);
        let mut source = open(&server, quick());
        let Err(EventError::Closed { why, reason: GiveUp::Failed }) = source.event() else {
            panic!("{head}");
        };
        assert_eq!(why.reason, reason);
        assert!(why.to_string().contains(shown), "{why}");
        let answer = why.answer.unwrap();
        let expected: &[u8] = if head.starts_with("101") { b"" } else { b"no stream here" };
        assert_eq!(answer.body_start, expected, "{head}");
        assert_eq!(answer.url, server.url("/"));
        assert_eq!(source.event().unwrap(), None);
        assert_eq!(server.requests().len(), 1);
    }
}

/// E-024
#[test]
fn a_media_type_may_have_parameters_and_any_case() {
    for media_type in ["TEXT/Event-Stream", "text/event-stream;charset=windows-1252"] {
        let head = format!("HTTP/1.0 200 OK\r\nContent-Type: {media_type}\r\n\r\n");
        let server = Server::start(vec![say(format!("{head}data: é\n\n"))]);
        assert_eq!(open(&server, once()).event().unwrap().unwrap().data, "é");
    }
}

#[test]
fn a_head_may_come_in_any_pieces() {
    let slow: Answer = Box::new(|mut stream| {
        for byte in format!("\r\nHTTP/1.1 100 Go on\n\n{OPEN}data: x\n\n").bytes() {
            stream.write_all(&[byte]).unwrap();
            thread::yield_now();
        }
    });
    let server = Server::start(vec![slow]);
    assert_eq!(open(&server, once()).event().unwrap().unwrap().data, "x");
}

/// How much of a refusal is read, and for how long.
#[test]
fn the_body_of_a_refusal_is_bounded() {
    let long = "x".repeat(10_000);
    let chunked = format!("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{long}");
    for (behind, expected) in [
        (format!("\r\n{long}"), &long[..4096]),
        ("content-length: 2\r\n\r\nxxxx".to_owned(), "xx"),
        (chunked, "hello"),
    ] {
        let answer = format!("HTTP/1.1 403 Forbidden\r\n{behind}");
        let server = Server::start(vec![say_and_stay(answer)]);
        let answer = next_lost(&mut open(&server, quick())).answer.unwrap();
        assert_eq!(answer.body_start, expected.as_bytes());
    }
    // The server leaves the rest open.
    let server = Server::start(vec![say_and_stay("HTTP/1.1 403 Forbidden\r\n\r\nwait")]);
    let begun = Instant::now();
    let answer = next_lost(&mut open(&server, quick())).answer.unwrap();
    assert_eq!(answer.body_start, b"wait");
    assert!((Duration::from_millis(900)..SOON).contains(&begun.elapsed()));
}

#[test]
fn a_patient_client_tries_busy_servers_again() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 1000\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(vec![say(busy)]);
    let mut config = quick();
    config.retry_statuses = true;
    let Some(Update::Lost { why, wait }) = open(&server, config).next() else { panic!() };
    assert_eq!(why.reason, LostReason::Status(503));
    assert!(wait >= Duration::from_secs(1000));
}

/// E-022, V-45
#[test]
fn redirects_are_followed_and_credentials_are_not_carried_away() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::start(vec![say(format!("{OPEN}data: there\n\n"))]);
        let away = other.url("/c");
        let server = Server::start(vec![
            say(format!("HTTP/1.1 {status} X\r\nlocation: b?x\r\ncontent-length: 5\r\n\r\n")),
            say(format!("HTTP/1.1 {status} X\r\nlocation: {away}#y\r\n\r\n")),
        ]);
        let request = EventSourceRequest::get(server.url("/a/a"))
            .header("authorization", "secret")
            .last_event_id("7")
            .config(once());
        let mut source = EventSource::open(request).unwrap();
        let Some(Update::Open(opened)) = source.next() else { panic!("{status}") };
        assert_eq!(opened.url, away);
        assert_eq!(source.event().unwrap().unwrap().data, "there");
        let here = server.requests();
        assert_eq!([&*here[0].line, &*here[1].line], ["GET /a/a HTTP/1.1", "GET /a/b?x HTTP/1.1"]);
        let there = other.requests();
        let sent = |request: &Request, name| request.header(name).map(<[u8]>::to_vec);
        for (request, secret) in [(&here[0], true), (&here[1], true), (&there[0], false)] {
            assert_eq!(sent(request, "authorization").is_some(), secret, "{request:?}");
            assert_eq!(sent(request, "last-event-id"), Some(b"7".to_vec()));
        }
    }
}

#[test]
fn redirects_end_somewhere() {
    let location = |location: &str| say(format!("HTTP/1.1 302 X\r\nlocation: {location}\r\n\r\n"));
    let server = Server::start((0..=20).map(|_| location("/")).collect());
    let mut source = open(&server, quick());
    assert_eq!(next_lost(&mut source).reason, LostReason::TooManyRedirects);
    assert_eq!(server.requests().len(), 21);
    for nowhere in ["ftp://x/", "http://", "http://u:p@x/"] {
        let server = Server::start(vec![location(nowhere)]);
        let mut source = open(&server, quick());
        let lost = next_lost(&mut source);
        assert!(matches!(lost.error, Some(StreamError::Redirect(_))), "{lost:?}");
        assert!(source.next().is_none());
    }
}

/// E-025: what is cut is not an end.
#[test]
fn a_body_that_is_cut_is_broken() {
    let chunked = OPEN.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    let counted = OPEN.replace("\r\n\r\n", "\r\ncontent-length: 99\r\n\r\n");
    let event = "data: x\n\n";
    for (answer, reason) in [
        (format!("{chunked}9\r\n{event}\r\n"), LostReason::Broken(EndOfStream::BetweenEvents)),
        (format!("{chunked}9\r\n{event}\r\n0\r\n"), LostReason::Broken(EndOfStream::BetweenEvents)),
        (
            format!("{chunked}ff\r\n{event}id"),
            LostReason::Broken(EndOfStream::InsideEvent { dropped_len: 2 }),
        ),
        (format!("{chunked}9\r\n{event}9\r\n"), LostReason::Broken(EndOfStream::BetweenEvents)),
        (format!("{counted}{event}"), LostReason::Broken(EndOfStream::BetweenEvents)),
    ] {
        let server = Server::start(vec![say(answer.clone()), say(format!("{OPEN}{event}"))]);
        let mut source = open(&server, quick());
        assert_eq!(source.event().unwrap().unwrap().data, "x");
        let lost = next_lost(&mut source);
        assert_eq!(lost.reason, reason, "{answer}");
        assert!(matches!(lost.error, Some(StreamError::Http(_))), "{lost:?}");
        // And it came back.
        assert_eq!(source.event().unwrap().unwrap().data, "x");
    }
}

#[test]
fn an_event_before_the_break_is_not_lost() {
    let chunked = OPEN.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    let server = Server::start(vec![say(format!("{chunked}9\r\ndata: x\n\n\r\nnonsense\r\n"))]);
    let updates = told(open(&server, once()));
    assert_eq!(updates, ["open", "event x", "closed Broken(BetweenEvents) Once"]);
}

#[test]
fn a_framing_that_tells_no_end_is_refused() {
    for field in ["content-length: 5\r\ncontent-length: 6", "transfer-encoding: gzip, chunked"] {
        let answer = OPEN.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
        let server = Server::start(vec![say(answer)]);
        assert_eq!(told(open(&server, once())), ["closed Unreachable Once"], "{field}");
    }
}

#[test]
fn interim_responses_are_passed_over_and_a_head_has_an_end() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n";
    let server = Server::start(vec![say(format!("{hints}{hints}{OPEN}data: x\n\n"))]);
    assert_eq!(open(&server, once()).event().unwrap().unwrap().data, "x");

    let answers: [(String, &str); 4] = [
        (hints.repeat(100), "more than 8 interim responses"),
        (format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(1 << 20)), "longer than 16384 bytes"),
        (format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(101)), "more than 100 headers"),
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "HTTP version"),
    ];
    for (answer, expected) in answers {
        let server = Server::start(vec![say_and_stay(answer)]);
        let lost = next_lost(&mut open(&server, quick()));
        assert_eq!(lost.reason, LostReason::Unreachable);
        assert!(lost.to_string().contains(expected), "{lost}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    // Silent, and one that sends a head without end slowly.
    let slow: Answer = Box::new(|mut stream| {
        let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
        send(b"HTTP/1.1 200 OK\r\nx: ");
        while send(b"y") {
            thread::sleep(Duration::from_millis(5));
        }
    });
    for answer in [say_and_stay(""), slow] {
        let server = Server::start(vec![answer]);
        let mut config = once();
        config.response_timeout = Duration::from_millis(100);
        let begun = Instant::now();
        assert_eq!(told(open(&server, config)), ["closed ResponseTimeout Once"]);
        assert!((config.response_timeout..SOON).contains(&begun.elapsed()));
        server.requests();
    }
}

#[test]
fn a_silent_stream_is_idle_and_comments_keep_it_alive() {
    let answer: Answer = Box::new(|mut stream| {
        let mut send = |bytes: &[u8]| stream.write_all(bytes).unwrap();
        send(OPEN.as_bytes());
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(50));
            send(b":\n");
        }
        send(b"data: x\n\nda");
        wait_for_end(stream);
    });
    let server = Server::start(vec![answer]);
    let mut config = once();
    config.idle_timeout = Duration::from_millis(300);
    let begun = Instant::now();
    let updates = told(open(&server, config));
    let idle = EndOfStream::InsideEvent { dropped_len: 2 };
    assert_eq!(updates, ["open", "event x", &format!("closed Idle({idle:?}) Once")]);
    assert!((Duration::from_millis(700)..SOON).contains(&begun.elapsed()));
    server.requests();
}

/// A client that comes late to a stream reads what has come before it calls it idle.
#[test]
fn what_has_come_counts_although_nobody_read_it() {
    let server = Server::start(vec![say_and_stay(format!("{OPEN}data: x\n\n"))]);
    let mut config = once();
    config.idle_timeout = Duration::from_millis(20);
    let mut source = open(&server, config);
    assert!(matches!(source.next(), Some(Update::Open(_))));
    thread::sleep(Duration::from_millis(60));
    assert!(matches!(source.next(), Some(Update::Event(_))));
    assert!(matches!(next_lost(&mut source).reason, LostReason::Idle(_)));
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

    // Not even after a break, and that is told.
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
        let (request, len) = sse_support::read_head(&mut reader);
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
    // Elsewhere what came is lost with the connection.
    let expected =
        if cfg!(target_os = "linux") { LostReason::Status(413) } else { LostReason::Unreachable };
    assert!(matches!(lost.reason, LostReason::Status(413)) || lost.reason == expected, "{lost:?}");
    serving.join().unwrap();
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
    assert_eq!(lost.reason, LostReason::Unusable);
    assert!(source.next().is_none());
}

/// V-81
#[test]
fn an_event_over_a_limit_is_skipped_and_comments_come_if_asked_for() {
    let server = Server::start(vec![say(format!(
        "{OPEN}: hi\n\ndata: one\n\ndata: three\n\ndata: two\n\n"
    ))]);
    let request = EventSourceRequest::get(server.url("/"))
        .limits(Limits::DEFAULT.data_len_max(3))
        .report_comments()
        .config(once());
    assert_eq!(
        told(EventSource::open(request).unwrap()),
        [
            "open",
            "comment hi",
            "event one",
            "overflow 3",
            "event two",
            "closed Ended(BetweenEvents) Once"
        ]
    );
}

#[cfg(feature = "gzip")]
#[test]
fn a_compressed_stream_is_read_as_it_is_flushed() {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    let zipped = OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    let begin = zipped.clone();
    let answer: Answer = Box::new(move |mut stream| {
        stream.write_all(begin.as_bytes()).unwrap();
        let mut encoder = GzEncoder::new(&stream, Compression::default());
        encoder.write_all(b"data: one\n\n").unwrap();
        encoder.flush().unwrap();
        // The client has it before there is more.
        wait_for_end(stream.try_clone().unwrap());
    });
    let whole: Answer = Box::new({
        let zipped = zipped.clone();
        move |mut stream| {
            stream.write_all(zipped.as_bytes()).unwrap();
            let mut encoder = GzEncoder::new(&stream, Compression::default());
            encoder.write_all(b"data: one\n\ndata: two\n\n").unwrap();
            encoder.finish().unwrap();
        }
    });
    let server = Server::start(vec![whole]);
    let updates = told(open(&server, once()));
    assert_eq!(updates, ["open", "event one", "event two", "closed Ended(BetweenEvents) Once"]);

    let server = Server::start(vec![answer]);
    let mut source = open(&server, once());
    assert_eq!(source.event().unwrap().unwrap().data, "one");
    source.close();
    server.requests();

    // What is cut within the coding is broken, even where HTTP sees an end.
    let server = Server::start(vec![say(format!("{zipped}\x1f"))]);
    assert_eq!(told(open(&server, once())), ["open", "closed Broken(BetweenEvents) Once"]);
}

#[test]
fn a_coding_that_nobody_asked_for_is_final() {
    let server =
        Server::start(vec![say(OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: br\r\n\r\n"))]);
    let mut source = open(&server, quick());
    let lost = next_lost(&mut source);
    assert!(matches!(lost.error, Some(StreamError::Coding(_))), "{lost:?}");
    assert!(source.next().is_none());
}

/// E-020, E-028
#[test]
fn nothing_comes_after_close() {
    let server = Server::start(vec![say_and_stay(format!("{OPEN}data: one\n\ndata: two\n\n"))]);
    let mut source = open(&server, quick());
    assert_eq!(source.event().unwrap().unwrap().data, "one");
    source.close();
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert!(source.next().is_none());
    assert_eq!(source.event().unwrap(), None);
    // The server has seen the end.
    server.requests();

    let server = Server::start(vec![say_and_stay(format!("{OPEN}data: one\n\ndata: two\n\n"))]);
    let mut source = open(&server, quick());
    assert_eq!(source.event().unwrap().unwrap().data, "one");
    let closer = source.closer();
    closer.close();
    closer.clone().close();
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert!(source.next().is_none());
    server.requests();
}

/// A closer that outlives its source keeps no connection.
#[test]
fn a_drop_ends_the_connection() {
    let server = Server::start(vec![say_and_stay(OPEN)]);
    let mut source = open(&server, quick());
    assert!(matches!(source.next(), Some(Update::Open(_))));
    let closer = source.closer();
    drop(source);
    server.requests();
    closer.close();
}

/// E-028: whatever a thread waits for, another can end it.
#[test]
fn a_closer_interrupts_every_wait() {
    /// Lets `source` wait until it is interrupted.
    fn interrupt(mut source: EventSource, waits_in: &str) -> EventSource {
        let closer = source.closer();
        let waiting = thread::spawn(move || {
            let update = source.next();
            assert!(update.is_none(), "{update:?}");
            source
        });
        thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished(), "{waits_in}");
        let begun = Instant::now();
        closer.close();
        let source = waiting.join().unwrap();
        assert!(begun.elapsed() < SOON, "{waits_in}");
        source
    }

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", silent.local_addr().unwrap());
    let through = Connector::new().proxy(Proxy::parse(&proxy).unwrap());
    let source = EventSource::get("http://example.com/").unwrap().with_connector(through);
    interrupt(source, "opening the way");

    let url = format!("http://{}/", silent.local_addr().unwrap());
    let mut source = interrupt(EventSource::get(url).unwrap(), "the response");
    assert!(source.next().is_none());

    let server = Server::start(vec![say_and_stay(OPEN)]);
    let mut source = open(&server, quick());
    assert!(matches!(source.next(), Some(Update::Open(_))));
    interrupt(source, "an event");
    server.requests();

    let server = Server::start(vec![say(OPEN)]);
    let mut config = quick();
    config.policy.minimum = Duration::from_secs(1000);
    let mut source = open(&server, config);
    assert!(matches!(source.next(), Some(Update::Open(_))));
    assert!(matches!(source.next(), Some(Update::Lost { .. })));
    interrupt(source, "the next attempt");
}

/// The same in between: at any moment of a source that is lost all the time.
#[test]
fn a_closer_ends_it_at_any_moment() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // It is left behind.
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
            let answer = [
                format!("{OPEN}retry: 0\ndata: x\n\n"),
                "HTTP/1.1 307 X\r\nlocation: /\r\n\r\n".to_owned(),
                format!("{OPEN}: cut"),
            ];
            let _ = stream.write_all(answer[number % 3].as_bytes());
        }
    });
    for moment in 0..100 {
        let request = EventSourceRequest::get(&url).config(quick());
        let source = EventSource::open(request).unwrap();
        let closer = source.closer();
        let (done, wait_for) = std::sync::mpsc::channel();
        thread::spawn(move || done.send(source.count()));
        thread::sleep(Duration::from_micros(moment * 53));
        closer.close();
        wait_for.recv_timeout(SOON).unwrap();
    }
}

/// The way is the connector's: a tunnel through its proxy.
#[test]
fn a_stream_comes_through_a_proxy() {
    let tunnel: Answer = Box::new(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let request = read_request(&stream);
        assert_eq!(request.header("host"), Some(&b"example.com"[..]));
        stream.write_all(format!("{OPEN}data: x\n\n").as_bytes()).unwrap();
    });
    let server = Server::start(vec![tunnel]);
    let proxy = Proxy::parse(&server.url("")).unwrap();
    let request = EventSourceRequest::get("http://example.com/x").config(once());
    let mut source =
        EventSource::open(request).unwrap().with_connector(Connector::new().proxy(proxy));
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    assert_eq!(server.requests()[0].line, "CONNECT example.com:80 HTTP/1.1");
}

#[test]
fn a_source_can_go_to_another_thread() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<EventSource>();
    is_send::<tidings_std::sse::Closer>();
    is_sync::<tidings_std::sse::Closer>();
}
