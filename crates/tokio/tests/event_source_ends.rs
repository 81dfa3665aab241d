//! The ends of a stream, distinguished. In any case, the events before the end are delivered.
#![cfg(all(feature = "event-source", feature = "rustls"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use std::sync::Arc;

use event_scene::tls::{Tls, trusting};
use event_scene::{
    Answer, CHUNKED, OPEN, Request, Server, Step, chunk, data, datas, once, one_stream,
};
use tidings_tokio::sse::{
    ClientEvent, DisconnectReason, EndOfStream, EventSource, EventSourceRequest, GiveUp,
    StreamError,
};
use tokio::sync::Notify;

const BETWEEN: EndOfStream = EndOfStream::BetweenEvents;
const TWO: &str = "id: 1\ndata: 0\n\ndata: 1\n\n";

const fn inside(dropped_len: u64) -> EndOfStream {
    EndOfStream::InsideEvent { dropped_len }
}

fn sized(len: usize, body: &str) -> Answer {
    Answer::raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        .write(format!("Content-Length: {len}\r\n\r\n{body}"))
}

fn chunks(body: &str, then: &str) -> Answer {
    Answer::raw(CHUNKED).write(chunk(body.as_bytes())).write(then)
}

/// E-019, E-025
#[tokio::test]
async fn a_body_that_ends_as_http_says_is_a_clean_end() {
    for (rest, end) in
        [("", BETWEEN), (":c", inside(2)), ("data: x", inside(7)), ("data: x\n", inside(8))]
    {
        let body = format!("{TWO}{rest}");
        for answer in [
            Answer::stream(&body),
            sized(body.len(), &body),
            chunks(&body, "0\r\n\r\n"),
            chunks(&body, "0;extension=1\r\nTrailer: x\r\n\r\n"),
        ] {
            let server = Server::start([answer]).await;
            let mut source = server.client_with(once());
            let (events, lost) = one_stream(&mut source).await;
            assert_eq!(datas(&events), ["0", "1"], "{rest}");
            assert_eq!(lost.reason, DisconnectReason::Ended(end), "{rest}");
            assert!(lost.error.is_none());
            assert_eq!(lost.is_clean_end(), end == BETWEEN);
            assert_eq!(source.last_event_id(), "1");
        }
    }
}

/// E-025: RFC 9112, 8: a message is incomplete if it is cut.
#[tokio::test]
async fn a_body_that_is_cut_is_broken() {
    for (rest, end) in [("", BETWEEN), ("data: x", inside(7)), ("data: x\n", inside(8))] {
        let body = format!("{TWO}{rest}");
        let len = body.len();
        for (how, answer) in [
            ("no last chunk", chunks(&body, "")),
            ("cut after the size", chunks(&body, "5")),
            ("cut after the last chunk", chunks(&body, "0\r\n")),
            ("no size", chunks(&body, "what\r\n")),
            ("cut inside a chunk", Answer::raw(CHUNKED).write(format!("{:x}\r\n{body}", len + 1))),
            (
                "a chunk that is too long",
                Answer::raw(CHUNKED).write(format!("{len:x}\r\n{body}more")),
            ),
            ("short of its length", sized(len + 1, &body)),
        ] {
            let server = Server::start([answer]).await;
            let mut source = server.client_with(once());
            let (events, lost) = one_stream(&mut source).await;
            assert_eq!(datas(&events), ["0", "1"], "{how}");
            assert_eq!(lost.reason, DisconnectReason::Broken(end), "{how}, {rest}");
            assert!(matches!(lost.error, Some(StreamError::Http(_))), "{how}");
            assert!(!lost.is_clean_end());
            assert_eq!(source.last_event_id(), "1");
        }
    }
}

/// E-025: a reset is not an end of a body, not even of one that ends with its connection.
#[tokio::test]
async fn a_reset_is_broken() {
    for (rest, end) in [("", BETWEEN), ("data: x", inside(7))] {
        let body = format!("{TWO}{rest}");
        for answer in [Answer::stream(&body), chunks(&body, ""), sized(1000, &body)] {
            let read = Arc::new(Notify::new());
            let answer = answer.then(Step::Wait(Arc::clone(&read))).then(Step::Reset);
            let server = Server::start([answer]).await;
            let mut source = server.client_with(once());
            // RST may overtake bytes sent before it, so it is sent after them.
            assert_eq!(
                (data(&mut source).await, data(&mut source).await),
                ("0".into(), "1".into())
            );
            read.notify_one();
            let (events, lost) = one_stream(&mut source).await;
            assert!(events.is_empty());
            assert_eq!(lost.reason, DisconnectReason::Broken(end));
            assert!(matches!(lost.error, Some(StreamError::Http(_))), "{lost:?}");
        }
    }
}

/// E-025: nothing came that could be lost.
#[tokio::test]
async fn a_connection_that_ends_before_the_head_does_is_not_a_response() {
    for answer in [
        Answer::raw(""),
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"),
        Answer::raw("HTTP/1.1 200 OK\r\n").then(Step::Reset),
        Answer::raw("SSH-2.0-OpenSSH_9.9\r\n"),
        Answer::raw("HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let server = Server::start([answer]).await;
        let (events, lost) = one_stream(&mut server.client_with(once())).await;
        assert!(events.is_empty());
        assert_eq!(lost.reason, DisconnectReason::Unreachable);
        assert!(matches!(lost.error, Some(StreamError::Http(_))), "{lost:?}");
    }
}

#[tokio::test]
async fn interim_responses_are_skipped() {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let server = Server::start([Answer::raw(format!("{early}{OPEN}{TWO}"))]).await;
    let (events, _) = one_stream(&mut server.client_with(once())).await;
    assert_eq!(datas(&events), ["0", "1"]);
}

/// RFC 9112, 9.8: without TLS's own end, anyone on the way may have cut the stream.
#[tokio::test]
async fn a_cut_of_tls_is_told_from_its_end() {
    for (rest, end) in [("", BETWEEN), ("data: x", inside(7))] {
        for (says_goodbye, body) in [(true, OPEN), (false, OPEN), (true, CHUNKED), (false, CHUNKED)]
        {
            let tls = Tls::new(&[b"http/1.1"]).await;
            let text = format!("{TWO}{rest}");
            let answer =
                if body == OPEN { Answer::stream(&text) } else { chunks(&text, "0\r\n\r\n") };
            let request = EventSourceRequest::get(tls.url()).config(once());
            let options = trusting(&tls.authority);
            let mut source = EventSource::open(request).unwrap().with_connect_options(options);
            let server = tokio::spawn(async move {
                let mut stream = tls.accept().await;
                Request::read(&mut stream).await;
                answer.play(&mut stream).await;
                if says_goodbye {
                    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
                }
            });
            let (events, lost) = one_stream(&mut source).await;
            server.await.unwrap();
            assert_eq!(datas(&events), ["0", "1"]);
            // Chunked coding has a separate end.
            let clean = says_goodbye || body == CHUNKED;
            let expected =
                if clean { DisconnectReason::Ended(end) } else { DisconnectReason::Broken(end) };
            assert_eq!(lost.reason, expected, "{says_goodbye} {lost:?}");
            assert_eq!(lost.error.is_none(), clean);
        }
    }
}

/// E-025: after each of these the client comes back.
#[tokio::test]
async fn after_a_broken_stream_comes_the_next() {
    let server = Server::start([
        chunks(TWO, "5"),
        sized(1000, TWO),
        Answer::stream(TWO).then(Step::Reset),
        Answer::raw("nonsense\r\n\r\n"),
        Answer::stream("data: at last\n\n"),
    ])
    .await;
    let mut source = server.client();
    loop {
        match source.next().await.unwrap() {
            ClientEvent::Event(event) if event.data == "at last" => break,
            ClientEvent::Closed { cause, .. } => panic!("{cause}"),
            _ => {}
        }
    }
    assert!(server.requests()[1..].iter().all(|request| request.header("last-event-id").is_some()));
    // And with `reconnect` off it does not.
    let server = Server::start([chunks(TWO, "5")]).await;
    let mut source = server.client_with(once());
    loop {
        match source.next().await.unwrap() {
            ClientEvent::Closed { reason, .. } => break assert_eq!(reason, GiveUp::Once),
            ClientEvent::Disconnected { cause, .. } => panic!("{cause}"),
            _ => {}
        }
    }
}
