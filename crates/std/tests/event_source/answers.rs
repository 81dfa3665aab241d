//! The result of an answer before its stream begins: a refusal, a redirect, a head in pieces or
//! without end, or no answer at all.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::ConnectOptions;
use tidings_std::client::Proxy;
use tidings_std::sse::{
    AnswerCut, ClientEvent, DisconnectReason, EventError, EventSource, EventSourceRequest, GiveUp,
    Reply, StreamError,
};

use crate::source::{next_lost, once, open, quick, told};
use crate::sse_support::{Answer, OPEN, Request, SOON, Server, say, say_and_stay};

/// E-023, E-024: these fail permanently.
#[test]
fn an_answer_that_is_not_a_stream_is_final_and_shown() {
    for (head, reason, shown) in [
        ("404 Not Found", DisconnectReason::Status(404), "the server answered 404"),
        ("500 Oh", DisconnectReason::Status(500), "the server answered 500"),
        ("101 Switching Protocols\r\nupgrade: x", DisconnectReason::Status(101), "answered 101"),
        ("200 OK", DisconnectReason::ContentType, "without a Content-Type; an event stream needs"),
        ("200 OK\r\ncontent-type: text/html", DisconnectReason::ContentType, "\"text/html\""),
        ("301 Moved", DisconnectReason::Status(301), "the server answered 301"),
    ] {
        let server = Server::start(vec![say(format!("HTTP/1.1 {head}\r\n\r\nno stream here"))]);
        let mut source = open(&server, quick());
        let Err(EventError::Closed { cause, reason: GiveUp::Failed }) = source.event() else {
            panic!("{head}");
        };
        assert_eq!(cause.reason, reason);
        assert!(cause.to_string().contains(shown), "{cause}");
        let answer = cause.answer.unwrap();
        let expected: &[u8] = if head.starts_with("101") { b"" } else { b"no stream here" };
        assert_eq!(answer.body, expected, "{head}");
        assert_eq!(answer.url, server.url("/"));
        assert_eq!(source.event().unwrap(), None);
        assert_eq!(server.requests().len(), 1);
    }
}

/// E-024
#[test]
fn a_media_type_may_have_parameters_and_any_case() {
    for media_type in [
        "TEXT/Event-Stream",
        "text/event-stream;charset=windows-1252",
        "text/event-stream, text/event-stream",
        "text/html\r\nContent-Type: text/event-stream",
    ] {
        let head = format!("HTTP/1.0 200 OK\r\nContent-Type: {media_type}\r\n\r\n");
        let server = Server::start(vec![say(format!("{head}data: é\n\n"))]);
        assert_eq!(open(&server, once()).event().unwrap().unwrap().data, "é");
    }
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

/// The amount of an answer that is read, and the time for it.
#[test]
fn the_body_of_an_answer_is_bounded() {
    let long = "x".repeat(10_000);
    let bounded = |server: &Server| {
        let request = EventSourceRequest::get(server.url("/"))
            .config(quick())
            .max_answer_len(4096)
            .answer_timeout(Duration::from_secs(1));
        EventSource::open(request).unwrap()
    };
    let chunked = format!("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{long}");
    for (after, expected) in [
        (format!("\r\n{long}"), &long[..4096]),
        ("content-length: 2\r\n\r\nxxxx".to_owned(), "xx"),
        (chunked, "hello"),
    ] {
        let answer = format!("HTTP/1.1 403 Forbidden\r\n{after}");
        let server = Server::start(vec![say_and_stay(answer)]);
        let answer = next_lost(&mut bounded(&server)).answer.unwrap();
        assert_eq!(answer.body, expected.as_bytes());
        assert_eq!(answer.is_complete(), expected.len() < 4096);
    }
    // The server leaves the rest open.
    let server = Server::start(vec![say_and_stay("HTTP/1.1 403 Forbidden\r\n\r\nwait")]);
    let begun = Instant::now();
    let answer = next_lost(&mut bounded(&server)).answer.unwrap();
    assert_eq!((&*answer.body, answer.is_complete()), (&b"wait"[..], false));
    assert!((Duration::from_millis(900)..SOON).contains(&begun.elapsed()));
}

/// RFC 9112, 3.2.2: what goes to an `http` URL goes through the proxy, and 407 is its own word.
#[test]
fn a_proxy_that_wants_credentials_is_named_and_not_asked_again() {
    let server = Server::start(vec![say(
        "HTTP/1.1 407 Who?\r\nproxy-authenticate: Basic realm=\"the office\"\r\n\r\n",
    )]);
    let proxy = Proxy::parse(&format!("127.0.0.1:{}", server.port)).unwrap();
    let mut source = EventSource::open(EventSourceRequest::get("http://192.0.2.1/"))
        .unwrap()
        .with_connect_options(ConnectOptions::new().proxy(proxy));
    let lost = next_lost(&mut source);
    let said = format!(
        "the proxy 127.0.0.1:{} answered with status 407 and asks for \
         credentials: Basic realm=\"the office\"",
        server.port
    );
    assert!(lost.to_string().ends_with(&said), "{lost}");
    assert!(source.next().is_none());
}

/// A server that drips a byte now and then gets no more time than one that is silent.
#[test]
fn an_answer_that_drips_has_the_same_time() {
    let drip: Answer = Box::new(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
        while stream.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let server = Server::start(vec![drip]);
    let request = EventSourceRequest::get(server.url("/"))
        .config(quick())
        .answer_timeout(Duration::from_millis(500));
    let begun = Instant::now();
    let answer = next_lost(&mut EventSource::open(request).unwrap()).answer.unwrap();
    assert_eq!(answer.cut, Some(AnswerCut::TimedOut));
    assert!(answer.body.starts_with(b"."), "{answer:?}");
    assert!(begun.elapsed() < SOON);
}

/// E-022
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
        let Some(ClientEvent::Open(opened)) = source.next() else { panic!("{status}") };
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
    assert_eq!(next_lost(&mut source).reason, DisconnectReason::TooManyRedirects);
    assert_eq!(server.requests().len(), 21);
    for nowhere in ["ftp://x/", "http://", "http://u:p@x/"] {
        let server = Server::start(vec![location(nowhere)]);
        let mut source = open(&server, quick());
        let lost = next_lost(&mut source);
        assert!(matches!(lost.error, Some(StreamError::Redirect(_))), "{lost:?}");
        assert!(source.next().is_none());
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
        assert_eq!(lost.reason, DisconnectReason::Unreachable);
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

/// An error of a service is JSON of any size, and may take its time after the head.
#[test]
fn an_answer_that_is_not_a_stream_is_read_whole() {
    let json = "x".repeat(9_000);
    let late: Answer = Box::new(move |mut stream| {
        let head = "HTTP/1.1 400 Bad Request\r\ncontent-length: 9000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(1500));
        stream.write_all("x".repeat(9_000).as_bytes()).unwrap();
    });
    let server = Server::start(vec![late]);
    let answer = next_lost(&mut open(&server, quick())).answer.unwrap();
    assert_eq!(answer.body, json.as_bytes());
    assert!(answer.is_complete());
}

/// As a server of the Model Context Protocol answers: with JSON, with nothing, or with a stream.
#[test]
fn a_stream_and_another_answer_are_both_good_replies() {
    let json = "x".repeat(6_000);
    let server = Server::start(vec![
        say(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{json}")),
        say("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"),
        say(format!("{OPEN}data: x\n\n")),
        say(""),
    ]);
    let post = || {
        let request = EventSourceRequest::post(server.url("/"), "{}").config(quick());
        EventSource::open(request).unwrap().reply()
    };
    for (status, body) in [(200, &*json), (202, "")] {
        let Reply::Answer(answer) = post().unwrap() else { panic!("{status}") };
        assert_eq!((answer.status, &*answer.body), (status, body.as_bytes()));
        assert!(answer.is_complete() && answer.is_success());
    }
    let Reply::Stream { mut source, .. } = post().unwrap() else { panic!("it is a stream") };
    assert_eq!(source.event().unwrap().unwrap().data, "x");
    assert_eq!(post().unwrap_err().reason, DisconnectReason::Unreachable);
}

/// RFC 9112, 9.5: a server may answer before it has read the body, and read it late or never.
#[test]
fn an_early_answer_is_read_while_a_large_body_is_not_taken() {
    let early: Answer = Box::new(|mut stream| {
        let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 5\r\n\r\nlarge";
        stream.write_all(answer).unwrap();
        thread::sleep(Duration::from_secs(3));
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 100];
        std::io::Read::read_exact(&mut stream, &mut head).unwrap();
        early(stream);
    });
    let request = EventSourceRequest::post(url, vec![b'x'; 32 << 20]).config(quick());
    let begun = Instant::now();
    let answer = next_lost(&mut EventSource::open(request).unwrap()).answer.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
    assert_eq!((answer.status, &*answer.body), (413, &b"large"[..]));
}

/// A stream may begin before the request is sent, which is sent all the same.
#[test]
fn a_body_is_sent_to_its_end_while_its_stream_is_read() {
    const LEN: usize = 8 << 20;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(format!("{OPEN}data: first\n\n").as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(100));
        let (mut len, mut buffer) = (0, vec![0; 1 << 16]);
        while len < LEN {
            len += std::io::Read::read(&mut stream, &mut buffer).unwrap();
        }
        stream.write_all(b"data: last\n\n").unwrap();
    });
    let request = EventSourceRequest::post(url, vec![b'x'; LEN]).config(once());
    let mut source = EventSource::open(request).unwrap();
    assert_eq!(source.event().unwrap().unwrap().data, "first");
    assert_eq!(source.event().unwrap().unwrap().data, "last");
    assert_eq!(source.event().unwrap(), None);
    server.join().unwrap();
}
