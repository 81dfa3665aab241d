//! What an event source does when there is no stream: which request it makes next, when, and when
//! none.
#![cfg(feature = "event-source")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

#[allow(dead_code, reason = "shared with other tests, which need other parts")]
mod event_scene;

use std::sync::Arc;
use std::time::Duration;

use event_scene::{
    Answer, CHUNKED, MS, OPEN, Server, Step, chunk, closed, data, once, quick, updates,
};
use tidings_sse::RetryClamp;
use tidings_tokio::sse::{
    Config, EndOfStream, EventError, EventSource, EventSourceRequest, GiveUp, LostReason,
    ReadyState, ReconnectionTime, RedirectFault, RequestFault, StreamError, Update,
};
use tokio::net::TcpListener;
use tokio::sync::Notify;

fn held(body: &str) -> Answer {
    Answer::stream(body).then(Step::Hold)
}

/// The wait that the next update tells of.
async fn wait(source: &mut EventSource) -> Duration {
    loop {
        match source.next().await.unwrap() {
            Update::Lost { wait, .. } => return wait,
            Update::Closed { why, .. } => panic!("{why}"),
            _ => {}
        }
    }
}

/// E-021
#[tokio::test]
async fn the_request_asks_for_a_stream_that_is_fresh_and_not_compressed() {
    let server = Server::start([held("data: x\n\n")]).await;
    let request = EventSourceRequest::get(server.url()).header("X-Key", "s\u{e9}same");
    let mut source = EventSource::open(request).unwrap();
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert!(matches!(source.next().await, Some(Update::Open(_))));
    assert_eq!(source.ready_state(), ReadyState::Open);
    assert_eq!(data(&mut source).await, "x");
    let request = &server.requests()[0];
    assert_eq!(request.first_line(), "GET /events?a=b HTTP/1.1");
    for (name, value) in [
        ("host", format!("127.0.0.1:{}", server.port)),
        ("accept", "text/event-stream".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("accept-encoding", "identity".to_owned()),
        ("x-key", "s\u{e9}same".to_owned()),
    ] {
        assert_eq!(request.header(name), Some(value.as_bytes()), "{name}");
    }
    // E-027: none is sent where there is none.
    assert_eq!(request.header("last-event-id"), None);
    assert!(request.body.is_empty());
}

/// E-014, E-018, E-025, E-027
#[tokio::test]
async fn the_last_event_id_is_sent_as_utf8_and_outlives_streams_without_any() {
    let server = Server::start([
        Answer::stream("id: \u{3042}\u{e9}\u{1f600} z\ndata: 0\n\n"),
        Answer::stream("data: 1\n\n"),
        Answer::stream("data: 2\n\nid: cut off"),
        Answer::stream(":nothing\n\n"),
        Answer::stream("id: without data\n\n"),
        Answer::stream("data: 3\n\nid\n\n"),
        held("data: 4\n\n"),
    ])
    .await;
    let mut source = server.client();
    for expected in ["0", "1", "2", "3", "4"] {
        assert_eq!(data(&mut source).await, expected);
    }
    let requests = server.requests();
    let ids: Vec<_> =
        requests.iter().map(|request| request.header("last-event-id").unwrap_or(b"-")).collect();
    let id = "\u{3042}\u{e9}\u{1f600} z".as_bytes();
    assert_eq!(ids, [b"-", id, id, id, id, b"without data", b"-"]);
    assert_eq!(source.last_event_id(), "");
}

/// E-027
#[tokio::test]
async fn a_client_that_resumes_says_so_in_its_first_request() {
    let server = Server::start([held("data: x\n\n")]).await;
    let request = EventSourceRequest::get(server.url()).last_event_id("\u{fc}7");
    let mut source = EventSource::open(request).unwrap();
    assert_eq!(source.last_event_id(), "\u{fc}7");
    assert_eq!(source.event().await.unwrap().unwrap().last_event_id, "\u{fc}7");
    assert_eq!(server.requests()[0].header("last-event-id"), Some("\u{fc}7".as_bytes()));

    for (id, fault) in
        [("a\nb", "LastEventId("), ("a\0", "LastEventId("), (&*"x".repeat(2000), "TooLong")]
    {
        let request = EventSourceRequest::get(server.url()).last_event_id(id);
        let error = format!("{:?}", EventSource::open(request).unwrap_err());
        assert!(error.contains(fault), "{error}");
    }
}

/// E-027: no header can have it, so none is sent; the standard has no word for it.
#[tokio::test]
async fn an_id_that_no_header_can_carry_is_not_sent() {
    let ids = ["\u{1}", "a\u{7f}b", "\u{1b}[2J", " in space ", "\u{b}"];
    let mut answers: Vec<_> =
        ids.iter().map(|id| Answer::stream(format!("id:{id}\ndata: x\n\n"))).collect();
    // One space behind the colon is not of the value: this one has none at its ends.
    answers.push(Answer::stream("id: a\tb\ndata: x\n\n"));
    answers.push(held("data: x\n\n"));
    let server = Server::start(answers).await;
    let mut source = server.client();
    for id in ids.iter().map(|id| id.strip_prefix(' ').unwrap_or(id)).chain(["a\tb"; 2]) {
        assert_eq!(source.event().await.unwrap().unwrap().last_event_id, id);
    }
    let requests = server.requests();
    let sent: Vec<_> = requests.iter().map(|request| request.header("last-event-id")).collect();
    assert_eq!(sent, [None, None, None, None, None, None, Some(&b"a\tb"[..])]);
}

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

/// E-023: the standard fails the connection for good, whatever the status.
#[tokio::test]
async fn any_status_but_200_is_the_end_for_a_browser() {
    for status in [201, 202, 205, 206, 300, 304, 400, 401, 403, 404, 408, 410, 429, 500, 502, 503] {
        let server =
            Server::start([Answer::status(status, "Retry-After: 0\r\nX: y\r\n", "why\n")]).await;
        let mut source = server.client();
        match source.event().await {
            Err(EventError::Closed { why, reason: GiveUp::Failed }) => {
                assert_eq!(why.reason, LostReason::Status(status));
                assert!(why.error.is_none());
                let answer = why.answer.unwrap();
                assert_eq!((answer.status, answer.url), (status, server.url()));
                assert_eq!(answer.headers["x"], "y");
                // RFC 9110, 15.3.6 and 15.4.5: these have no content.
                let body = if [205, 304].contains(&status) && answer.body_start.is_empty() {
                    ""
                } else {
                    "why\n"
                };
                assert_eq!(answer.body_start, body.as_bytes());
            }
            other => panic!("{status}: {other:?}"),
        }
        assert!(source.next().await.is_none());
        assert_eq!(server.requests().len(), 1);
    }
}

/// E-023, and what a program that nobody watches does better.
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
            Some(Update::Lost { why, .. }) => {
                assert_eq!(why.reason, LostReason::Status(status));
                assert_eq!(why.answer.unwrap().body_start, b"later");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((source.ready_state(), source.failures()), (ReadyState::Connecting, failures));
    }
    assert!(matches!(source.next().await, Some(Update::Open(_))));
    // A head alone is no success; an event is.
    assert_eq!(source.failures(), 8);
    assert_eq!(data(&mut source).await, "x");
    assert_eq!(source.failures(), 0);

    let server = Server::start([Answer::status(404, "", "")]).await;
    let mut source = server.client_with(config);
    assert_eq!(closed(&mut source).await, (LostReason::Status(404), GiveUp::Failed));
}

#[tokio::test]
async fn retry_after_is_the_least_wait_within_the_bounds_of_the_client() {
    for (value, least, most) in [
        ("7", 7_000, 7_003),
        ("99999999999999999999", 60_000, 60_003),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60_000, 60_003),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 5),
        ("-1", 0, 5),
        ("soon", 0, 5),
    ] {
        let header = format!("Retry-After: {value}\r\n");
        let server = Server::start([Answer::status(503, &header, "")]).await;
        let mut config = quick();
        config.retry_statuses = true;
        config.policy.server_wait_max = Duration::from_secs(60);
        let mut source = server.client_with(config);
        let wait = wait(&mut source).await.as_millis();
        assert!((least..=most).contains(&wait), "{value}: {wait} ms");
    }
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
            Some(Update::Open(opened)) => {
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

/// E-022, E-025: WHATWG HTML, 9.2.3, fetches the original request again.
#[tokio::test]
async fn the_next_attempt_begins_where_the_first_began() {
    let server = Server::start([
        Answer::redirect(301, "/moved"),
        Answer::stream("data: 0\n\n"),
        held("data: 1\n\n"),
    ])
    .await;
    let mut source = server.client();
    assert_eq!((data(&mut source).await, data(&mut source).await), ("0".into(), "1".into()));
    let requests = server.requests();
    let lines: Vec<_> = requests.iter().map(event_scene::Request::first_line).collect();
    assert_eq!(
        lines,
        ["GET /events?a=b HTTP/1.1", "GET /moved HTTP/1.1", "GET /events?a=b HTTP/1.1"]
    );
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
            (Some(Update::Closed { why, reason: GiveUp::Failed }), Some(expected)) => {
                assert_eq!(why.reason, LostReason::Unusable);
                assert!(
                    matches!(why.error, Some(StreamError::Redirect(fault)) if fault == expected)
                );
            }
            (Some(Update::Closed { why, reason: GiveUp::Failed }), None) => {
                assert_eq!(why.reason, LostReason::Status(302));
            }
            other => panic!("{other:?}"),
        }
        assert!(source.next().await.is_none());
    }
    // Fetch: at most 20.
    let server = Server::start([Answer::redirect(307, "/again")]).await;
    let mut source = server.client();
    assert_eq!(closed(&mut source).await, (LostReason::TooManyRedirects, GiveUp::Failed));
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
            Some(Update::Closed { why, reason: GiveUp::Failed }) => {
                assert_eq!(why.reason, LostReason::ContentType, "{lines}");
                assert_eq!(why.answer.unwrap().body_start, b"data: x\n\n");
            }
            other => panic!("{lines}: {other:?}"),
        }
        assert!(source.next().await.is_none());
    }
}

#[tokio::test]
async fn a_post_is_sent_once_and_again_only_if_asked() {
    let server = Server::start([Answer::stream("data: x\n\n")]).await;
    let request = EventSourceRequest::post(server.url(), "the body").config(quick());
    let mut source = EventSource::open(request.clone()).unwrap();
    assert_eq!(data(&mut source).await, "x");
    let ended = LostReason::Ended(EndOfStream::BetweenEvents);
    assert_eq!(closed(&mut source).await, (ended, GiveUp::NotRepeatable));
    assert_eq!(server.requests().len(), 1);

    let mut source = EventSource::open(request.repeats(true)).unwrap();
    for _ in 0..3 {
        assert_eq!(data(&mut source).await, "x");
    }
    for request in server.requests() {
        assert_eq!(request.first_line(), "POST /events?a=b HTTP/1.1");
        assert_eq!(
            (request.header("content-length"), &*request.body),
            (Some(&b"8"[..]), &b"the body"[..])
        );
    }
    assert_eq!(server.requests().len(), 4);

    // Nobody is there, so nothing was done twice; even so it is not for us to say.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut source = EventSource::open(EventSourceRequest::post(url, "").config(quick())).unwrap();
    assert_eq!(closed(&mut source).await, (LostReason::Unreachable, GiveUp::NotRepeatable));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_asked_again() {
    let server = Server::start([
        Answer(vec![Step::Hold]),
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Ty").then(Step::Hold),
        held("data: x\n\n"),
    ])
    .await;
    let mut config = quick();
    config.response_timeout = Duration::from_millis(50);
    let mut source = server.client_with(config);
    for _ in 0..2 {
        match source.next().await {
            Some(Update::Lost { why, .. }) => assert_eq!(why.reason, LostReason::ResponseTimeout),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(data(&mut source).await, "x");
}

#[tokio::test]
async fn a_stream_that_is_silent_for_too_long_is_given_up() {
    let server = Server::start([held("data: 0\n\ndata: half"), held("data: 1\n\n")]).await;
    let mut config = quick();
    config.idle_timeout = Duration::from_millis(50);
    let mut source = server.client_with(config);
    assert_eq!(data(&mut source).await, "0");
    match source.next().await {
        Some(Update::Lost { why, .. }) => {
            let end = EndOfStream::InsideEvent { dropped_len: 10 };
            assert_eq!(why.reason, LostReason::Idle(end));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(data(&mut source).await, "1");
}

/// A comment is a sign of life; so is half of one.
#[tokio::test]
async fn comments_keep_a_stream_alive() {
    let mut answer = Answer::raw(CHUNKED);
    for byte in b":\n: alive\n\n:\r\n:\r\n" {
        answer = answer.write(chunk(&[*byte])).then(Step::Sleep(Duration::from_millis(50)));
    }
    let server = Server::start([answer.write(chunk(b"data: x\n\n")).then(Step::Hold)]).await;
    let mut config = once();
    // Far less than all of them take, far more than one takes.
    config.idle_timeout = Duration::from_millis(600);
    let mut source = server.client_with(config);
    assert_eq!(data(&mut source).await, "x");
}

/// A reader that comes late finds what has come in time.
#[tokio::test]
async fn a_slow_reader_is_no_silent_server() {
    let server = Server::start([held("data: 0\n\ndata: 1\n\n")]).await;
    let mut config = once();
    config.idle_timeout = Duration::from_millis(50);
    let mut source = server.client_with(config);
    for expected in ["0", "1"] {
        assert_eq!(data(&mut source).await, expected);
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
}

/// E-020, E-028
#[tokio::test]
async fn after_close_nothing_comes_even_if_it_was_there() {
    let server = Server::start([held("id: 0\ndata: 0\n\nid: 1\ndata: 1\n\n")]).await;
    let mut source = server.client();
    assert_eq!(data(&mut source).await, "0");
    source.close();
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert!(source.next().await.is_none());
    assert_eq!(source.event().await.unwrap(), None);
    assert_eq!(source.last_event_id(), "0");
    source.close();
    assert!(source.next().await.is_none());

    // Before anything has happened, and within a wait.
    let mut source = server.client();
    source.close();
    assert!(source.next().await.is_none());
    let server = Server::start([Answer::stream("")]).await;
    let mut config = quick();
    config.policy.minimum = Duration::from_secs(3600);
    let mut source = server.client_with(config);
    assert_eq!(updates(&mut source, 2).await.len(), 2);
    source.close();
    assert!(source.next().await.is_none());
    assert_eq!(server.requests().len(), 1);
}

/// E-028: the server sees it.
#[tokio::test]
async fn a_close_or_a_drop_ends_the_connection() {
    for close in [true, false] {
        let gone = Arc::new(Notify::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::clone(&gone);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            event_scene::Request::read(&mut stream).await;
            held("data: x\n\n").play(&mut stream).await;
            told.notify_one();
        });
        let mut source = EventSource::get(url).unwrap();
        assert_eq!(data(&mut source).await, "x");
        let kept = if close {
            source.close();
            Some(source)
        } else {
            drop(source);
            None
        };
        gone.notified().await;
        drop(kept);
    }
}

/// E-013, E-026
#[tokio::test]
async fn retry_sets_the_wait_and_is_clamped() {
    for (retry, least) in [("5000", 5_000), ("0", 100), ("99999999999999999999999", 20_000)] {
        let server = Server::start([Answer::stream(format!("retry: {retry}\n"))]).await;
        let mut config = quick();
        config.retry_clamp =
            RetryClamp::new(ReconnectionTime::from_ms(100), ReconnectionTime::from_ms(20_000));
        let mut source = server.client_with(config);
        let wait = wait(&mut source).await.as_millis();
        // The rest is random, bounded by the client's own cap of 1 ms.
        assert!((least..=least + 1).contains(&wait), "{retry}: {wait} ms");
    }
    for retry in ["", "1e3", "-1", "+1", "1 ", "\u{ff11}"] {
        let server = Server::start([Answer::stream(format!("retry:{retry}\n"))]).await;
        let mut config = quick();
        config.retry_clamp = RetryClamp::DEFAULT;
        let wait = wait(&mut server.client_with(config)).await;
        assert!(wait <= 2 * MS, "{retry}: {wait:?}");
    }
}

/// E-029
#[tokio::test]
async fn without_a_word_of_the_server_the_wait_is_that_of_browsers() {
    let server = Server::start([Answer::stream("data: x\n\n")]).await;
    let mut source = EventSource::get(server.url()).unwrap();
    let wait = wait(&mut source).await;
    assert!((3..=6).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(source.ready_state(), ReadyState::Connecting);
}

#[tokio::test]
async fn attempts_that_fail_in_a_row_are_counted_and_events_set_them_back() {
    let empty = || Answer::stream("");
    let server = Server::start([empty(), empty(), Answer::stream("data: x\n\n"), empty()]).await;
    let mut config = quick();
    config.policy.attempts_max = 3;
    let mut source = server.client_with(config);
    assert_eq!(data(&mut source).await, "x");
    match source.event().await {
        Err(EventError::Closed { why, reason: GiveUp::AttemptsExhausted }) => {
            assert_eq!(why.reason, LostReason::Ended(EndOfStream::BetweenEvents));
        }
        other => panic!("{other:?}"),
    }
    // 2 + 1, and 3 more behind the end of the stream that brought an event.
    assert_eq!(server.requests().len(), 6);
}

/// E-025
#[tokio::test]
async fn a_server_that_is_down_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let request = EventSourceRequest::get(format!("http://{address}/")).config(quick());
    let mut source = EventSource::open(request).unwrap();
    for _ in 0..3 {
        match source.next().await {
            Some(Update::Lost { why, .. }) => {
                assert_eq!(why.reason, LostReason::Unreachable);
                assert!(matches!(why.error, Some(StreamError::Connect(_))));
            }
            other => panic!("{other:?}"),
        }
    }
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        event_scene::Request::read(&mut stream).await;
        held("data: up\n\n").play(&mut stream).await;
    });
    assert_eq!(data(&mut source).await, "up");
}

/// The answer of a refusal is read while the next attempt may be due already. That is no reason to
/// spin.
#[tokio::test]
async fn a_refusal_whose_body_does_not_end_is_waited_for_in_peace() {
    let head = "HTTP/1.1 503 \r\nContent-Length: 100\r\n\r\nso far";
    let server = Server::start([Answer::raw(head).then(Step::Hold)]).await;
    let mut config = quick();
    config.retry_statuses = true;
    let mut source = server.client_with(config);
    let mut polls = 0;
    let update = std::future::poll_fn(|cx| {
        polls += 1;
        source.poll_update(cx)
    })
    .await;
    match update {
        Some(Update::Lost { why, .. }) => assert_eq!(why.answer.unwrap().body_start, b"so far"),
        other => panic!("{other:?}"),
    }
    assert!(polls < 50, "{polls} polls");
}

#[tokio::test]
async fn what_can_not_be_asked_for_is_told_at_once() {
    assert!(matches!(EventSource::get("ws://x/"), Err(RequestFault::Scheme(_))));
    assert!(matches!(EventSource::get("no url"), Err(RequestFault::Url(_))));
    let request = EventSourceRequest::get("http://x/").header("Last-Event-ID", "x");
    assert!(matches!(EventSource::open(request), Err(RequestFault::OwnHeader(_))));
}

/// It can be moved to where there is time.
#[tokio::test]
async fn a_source_runs_in_any_task() {
    let server = Server::start([Answer::raw(OPEN).write("data: x\n\n")]).await;
    let mut source = server.client_with(once());
    let event = tokio::spawn(async move { data(&mut source).await }).await.unwrap();
    assert_eq!(event, "x");
}
