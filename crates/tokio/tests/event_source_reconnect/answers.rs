//! Answers that are not a stream, and the final ones among them: statuses, redirects, media types.

use std::time::Duration;

use tidings_sse::RetryClamp;
use tidings_tokio::sse::{
    ClientEvent, Config, DisconnectReason, EventError, EventSource, EventSourceRequest, GiveUp,
    ReadyState, RedirectFault, Reply, StreamError,
};

use crate::event_scene::{Answer, Server, Step, closed, data, quick};
use crate::held;

/// E-023: 204 is how a server says that there is no more.
#[tokio::test]
async fn status_204_is_the_end_and_no_error() {
    let answers = [Answer::stream("data: x\n\n"), Answer::raw("HTTP/1.1 204 No Content\r\n\r\n")];
    for config in [quick(), Config::client()] {
        let mut config = config;
        (config.policy, config.retry_clamp) = (quick().policy, RetryClamp::IGNORE);
        let server = Server::start(answers.clone()).await;
        let mut source = server.client_with(config);
        assert_eq!(data(&mut source).await, "x");
        assert_eq!(source.event().await.unwrap(), None);
        assert_eq!(source.event().await.unwrap(), None);
        assert_eq!(source.ready_state(), ReadyState::Closed);
        assert_eq!(server.requests().len(), 2);
    }
}

/// E-023: by the standard the connection fails permanently, whatever the status.
#[tokio::test]
async fn any_status_but_200_is_the_end_for_a_browser() {
    for status in [201, 202, 205, 206, 300, 304, 400, 401, 403, 404, 408, 410, 429, 500, 502, 503] {
        let server =
            Server::start([Answer::status(status, "Retry-After: 0\r\nX: y\r\n", "why\n")]).await;
        let mut source = server.client();
        match source.event().await {
            Err(EventError::Closed { cause, reason: GiveUp::Failed }) => {
                assert_eq!(cause.reason, DisconnectReason::Status(status));
                assert!(cause.error.is_none());
                let answer = cause.answer.unwrap();
                assert_eq!((answer.status, answer.url), (status, server.url()));
                assert_eq!(answer.headers["x"], "y");
                // RFC 9110, 15.3.6 and 15.4.5: these have no content.
                let body = if [205, 304].contains(&status) && answer.body.is_empty() {
                    ""
                } else {
                    "why\n"
                };
                assert_eq!(answer.body, body.as_bytes());
            }
            other => panic!("{status}: {other:?}"),
        }
        assert!(source.next().await.is_none());
        assert_eq!(server.requests().len(), 1);
    }
}

/// E-023, and the improvement for a program that nobody watches.
#[tokio::test]
async fn a_status_that_says_not_now_is_tried_again_by_the_client_profile() {
    let statuses = [408, 425, 429, 500, 502, 503, 504, 599];
    let mut answers: Vec<_> =
        statuses.iter().map(|status| Answer::status(*status, "", "later")).collect();
    answers.push(held("data: x\n\n"));
    let server = Server::start(answers).await;
    let mut config = Config::client();
    config.policy = quick().policy;
    let mut source = server.client_with(config);
    for (failures, status) in (1..).zip(statuses) {
        match source.next().await {
            Some(ClientEvent::Disconnected { cause, .. }) => {
                assert_eq!(cause.reason, DisconnectReason::Status(status));
                assert_eq!(cause.answer.unwrap().body, b"later");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((source.ready_state(), source.failures()), (ReadyState::Connecting, failures));
    }
    assert!(matches!(source.next().await, Some(ClientEvent::Open(_))));
    // A head alone is not a success; an event is.
    assert_eq!(source.failures(), 8);
    assert_eq!(data(&mut source).await, "x");
    assert_eq!(source.failures(), 0);

    let server = Server::start([Answer::status(404, "", "")]).await;
    let mut source = server.client_with(config);
    assert_eq!(closed(&mut source).await, (DisconnectReason::Status(404), GiveUp::Failed));
}

/// E-022
#[tokio::test]
async fn redirects_are_followed_within_one_attempt() {
    let there = Server::start([held("id: 1\ndata: x\n\n")]).await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("http://127.0.0.1:{}/there#fragment", there.port);
        let here =
            Server::start([Answer::redirect(status, "/on?c"), Answer::redirect(status, &to)]).await;
        let request = EventSourceRequest::get(here.url())
            .header("authorization", "Bearer secret")
            .header("cookie", "secret=1")
            .header("x-api-key", "secret")
            .header("accept-language", "eo")
            .last_event_id("7");
        let mut source = EventSource::open(request).unwrap();
        match source.next().await {
            Some(ClientEvent::Open(opened)) => {
                assert_eq!(opened.url, format!("http://127.0.0.1:{}/there", there.port));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(data(&mut source).await, "x");
        let requests = here.requests();
        assert_eq!(requests[1].first_line(), "GET /on?c HTTP/1.1");
        // The same origin gets all that the first request had.
        for name in ["authorization", "cookie", "x-api-key", "accept-language", "last-event-id"] {
            assert!(requests[1].header(name).is_some(), "{name}");
        }
        // Another port is another origin: no credential goes there.
        let request = there.requests().pop().unwrap();
        assert_eq!(request.first_line(), "GET /there HTTP/1.1");
        let whole = request.lines.concat();
        assert!(!whole.windows(6).any(|bytes| bytes == b"secret"), "{request:?}");
        for (name, value) in [("accept-language", "eo"), ("last-event-id", "7")] {
            assert_eq!(request.header(name), Some(value.as_bytes()));
        }
        let host = format!("127.0.0.1:{}", there.port);
        assert_eq!(request.header("host"), Some(host.as_bytes()));
    }
}

/// E-022
#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_the_end() {
    for (answer, expected) in [
        (Answer::redirect(302, "ftp://127.0.0.1/"), Some(RedirectFault::Scheme("ftp".into()))),
        (Answer::redirect(302, "http://u:p@127.0.0.1/"), Some(RedirectFault::Credentials)),
        (
            Answer::status(302, "Location: /a\r\nLocation: /b\r\n", ""),
            Some(RedirectFault::Location),
        ),
        (Answer::status(302, "", ""), None),
    ] {
        let server = Server::start([answer]).await;
        let mut source = server.client();
        match (source.next().await, expected) {
            (Some(ClientEvent::Closed { cause, reason: GiveUp::Failed }), Some(expected)) => {
                assert_eq!(cause.reason, DisconnectReason::Unusable);
                assert!(
                    matches!(cause.error, Some(StreamError::Redirect(fault)) if fault == expected)
                );
            }
            (Some(ClientEvent::Closed { cause, reason: GiveUp::Failed }), None) => {
                assert_eq!(cause.reason, DisconnectReason::Status(302));
            }
            other => panic!("{other:?}"),
        }
        assert!(source.next().await.is_none());
    }
    // Fetch: at most 20.
    let server = Server::start([Answer::redirect(307, "/again")]).await;
    let mut source = server.client();
    assert_eq!(closed(&mut source).await, (DisconnectReason::TooManyRedirects, GiveUp::Failed));
    assert_eq!(server.requests().len(), 21);
}

/// E-024
#[tokio::test]
async fn only_the_media_type_of_event_streams_will_do() {
    for value in [
        "text/event-stream",
        "TEXT/Event-Stream",
        "text/event-stream;charset=latin1",
        " text/event-stream ; a=\"b,c\" ",
        // Fetch, "extract a MIME type": the last valid one counts, also of several lines.
        "text/event-stream, text/event-stream",
        "text/event-stream\r\nContent-Type: text/event-stream",
        "text/html\r\nContent-Type: text/event-stream;charset=utf-8",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type:{value}\r\n\r\ndata: x\n\n");
        let server = Server::start([Answer::raw(head)]).await;
        assert_eq!(data(&mut server.client()).await, "x", "{value}");
    }
    for lines in [
        "",
        "Content-Type:\r\n",
        "Content-Type: text/html\r\n",
        "Content-Type: text/event-streams\r\n",
        "Content-Type: text/event-stream, text/html\r\n",
        "Content-Type: text/event-stream\r\nContent-Type: text/html\r\n",
    ] {
        let server = Server::start([Answer::status(200, lines, "data: x\n\n")]).await;
        let mut source = server.client();
        match source.next().await {
            Some(ClientEvent::Closed { cause, reason: GiveUp::Failed }) => {
                assert_eq!(cause.reason, DisconnectReason::ContentType, "{lines}");
                let text = cause.to_string();
                assert!(text.ends_with("; an event stream needs text/event-stream"), "{text}");
                assert_eq!(cause.answer.unwrap().body, b"data: x\n\n");
            }
            other => panic!("{lines}: {other:?}"),
        }
        assert!(source.next().await.is_none());
    }
}

/// An error of a service is JSON of any size, and may take its time after the head.
#[tokio::test]
async fn an_answer_that_is_not_a_stream_is_read_whole() {
    let json = format!("{{\"error\":\"{}\"}}", "x".repeat(9_000));
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        json.len()
    );
    let late = Step::Sleep(Duration::from_millis(1500));
    let server = Server::start([Answer::raw(head).then(late).write(&json)]).await;
    match server.client().next().await {
        Some(ClientEvent::Closed { cause, .. }) => {
            let answer = cause.answer.unwrap();
            assert_eq!(answer.body, json.as_bytes());
            assert!(answer.is_complete() && !answer.is_success());
            assert_eq!(answer.headers["content-type"], "application/json");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_says_so() {
    let head = "HTTP/1.1 400 \r\nContent-Length: 100\r\n\r\nhalf";
    let server = Server::start([Answer::raw(head)]).await;
    match server.client().next().await {
        Some(ClientEvent::Closed { cause, .. }) => {
            let answer = cause.answer.unwrap();
            assert_eq!((&*answer.body, answer.is_complete()), (&b"half"[..], false));
        }
        other => panic!("{other:?}"),
    }
}

/// As a server of the Model Context Protocol answers: with JSON, with nothing, or with a stream.
#[tokio::test]
async fn a_stream_and_another_answer_are_both_good_replies() {
    let json = "x".repeat(6_000);
    let server = Server::start([
        Answer::status(200, "Content-Type: application/json\r\n", &json),
        Answer::raw("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"),
        Answer::status(404, "", "no such session"),
        held("data: x\n\n"),
        Answer::raw(""),
    ])
    .await;
    let post = || {
        let request = EventSourceRequest::post(server.url(), "{}")
            .header("accept", "application/json, text/event-stream")
            .config(quick());
        EventSource::open(request).unwrap().reply()
    };
    for (status, body) in [(200, &*json), (202, ""), (404, "no such session")] {
        match post().await.unwrap() {
            Reply::Answer(answer) => {
                assert_eq!((answer.status, &*answer.body), (status, body.as_bytes()));
                assert!(answer.is_complete());
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    match post().await.unwrap() {
        Reply::Stream { mut source, opened } => {
            assert_eq!(opened.url, server.url());
            assert_eq!(data(&mut source).await, "x");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(post().await.unwrap_err().reason, DisconnectReason::Unreachable);
}

#[tokio::test]
async fn the_caller_decides_which_answers_are_tried_again() {
    let server = Server::start([
        Answer::status(404, "", ""),
        Answer::status(200, "Content-Type: text/html\r\n", "back soon"),
        Answer::status(403, "", ""),
    ])
    .await;
    let request =
        EventSourceRequest::get(server.url()).config(quick()).retry_if(|status, headers| {
            status == 404 || headers.get("content-type").is_some_and(|value| value == "text/html")
        });
    let mut source = EventSource::open(request).unwrap();
    for _ in 0..2 {
        assert!(matches!(source.next().await, Some(ClientEvent::Disconnected { .. })));
    }
    assert_eq!(closed(&mut source).await, (DisconnectReason::Status(403), GiveUp::Failed));
}

/// RFC 9112, 9.5: a server may answer before it has read the body, and read it late or never.
#[tokio::test]
async fn an_early_answer_is_read_while_a_large_body_is_not_taken() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut [0; 100]).await.unwrap();
        let answer = Answer::status(413, "", "large").then(Step::Sleep(Duration::from_secs(2)));
        answer.play(&mut stream).await;
    });
    let request = EventSourceRequest::post(url, vec![b'x'; 32 << 20]).config(quick());
    let begun = std::time::Instant::now();
    match EventSource::open(request).unwrap().reply().await.unwrap() {
        Reply::Answer(answer) => assert_eq!((answer.status, &*answer.body), (413, &b"large"[..])),
        other => panic!("{other:?}"),
    }
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    server.abort();
}
