//! What comes of an answer before its stream begins: a refusal, a redirect, a head in pieces or
//! without end, or none at all.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::sse::{
    ClientEvent, DisconnectReason, EventError, EventSource, EventSourceRequest, GiveUp, StreamError,
};

use crate::source::{next_lost, once, open, quick, told};
use crate::sse_support::{Answer, OPEN, Request, SOON, Server, say, say_and_stay};

/// E-023, E-024: these fail for good.
#[test]
fn an_answer_that_is_no_stream_is_final_and_shown() {
    for (head, reason, shown) in [
        ("404 Not Found", DisconnectReason::Status(404), "the server answered 404"),
        ("500 Oh", DisconnectReason::Status(500), "the server answered 500"),
        ("101 Switching Protocols\r\nupgrade: x", DisconnectReason::Status(101), "answered 101"),
        ("200 OK", DisconnectReason::ContentType, "without a media type"),
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
        let answer = cause.response.unwrap();
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
fn a_coding_that_nobody_asked_for_is_final() {
    let server =
        Server::start(vec![say(OPEN.replace("\r\n\r\n", "\r\ncontent-encoding: br\r\n\r\n"))]);
    let mut source = open(&server, quick());
    let lost = next_lost(&mut source);
    assert!(matches!(lost.error, Some(StreamError::Coding(_))), "{lost:?}");
    assert!(source.next().is_none());
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
        let answer = next_lost(&mut open(&server, quick())).response.unwrap();
        assert_eq!(answer.body_start, expected.as_bytes());
    }
    // The server leaves the rest open.
    let server = Server::start(vec![say_and_stay("HTTP/1.1 403 Forbidden\r\n\r\nwait")]);
    let begun = Instant::now();
    let answer = next_lost(&mut open(&server, quick())).response.unwrap();
    assert_eq!(answer.body_start, b"wait");
    assert!((Duration::from_millis(900)..SOON).contains(&begun.elapsed()));
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
