//! The requests of an event source: the first, and the next one after the last event.

use tidings_tokio::sse::{
    ClientEvent, DisconnectReason, EndOfStream, EventSource, EventSourceRequest, GiveUp,
    ReadyState, Repeat, RequestFault,
};
use tokio::net::TcpListener;

use crate::event_scene::{Answer, MS, Request, Server, closed, data, once, quick};
use crate::held;

/// E-021
#[tokio::test]
async fn the_request_asks_for_a_stream_that_is_fresh_and_not_compressed() {
    let server = Server::start([held("data: x\n\n")]).await;
    let request = EventSourceRequest::get(server.url()).header("X-Key", "s\u{e9}same");
    let mut source = EventSource::open(request).unwrap();
    assert_eq!(source.ready_state(), ReadyState::Connecting);
    assert!(matches!(source.next().await, Some(ClientEvent::Open(_))));
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
    // E-027: no ID is sent where there is none.
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
    // One space after the colon is not part of the value: this one has none at its ends.
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
    let lines: Vec<_> = requests.iter().map(Request::first_line).collect();
    assert_eq!(
        lines,
        ["GET /events?a=b HTTP/1.1", "GET /moved HTTP/1.1", "GET /events?a=b HTTP/1.1"]
    );
}

#[tokio::test]
async fn a_post_is_sent_once_and_again_only_if_asked() {
    let server = Server::start([Answer::stream("data: x\n\n")]).await;
    let request = EventSourceRequest::post(server.url(), "the body").config(quick());
    let mut source = EventSource::open(request.clone()).unwrap();
    assert_eq!(data(&mut source).await, "x");
    let ended = DisconnectReason::Ended(EndOfStream::BetweenEvents);
    assert_eq!(closed(&mut source).await, (ended, GiveUp::NotRepeatable));
    assert_eq!(server.requests().len(), 1);

    // After a clean end nothing is left to ask for; after a failure it is asked again.
    let server = Server::start([
        Answer::stream("data: x\n\ndata: cut"),
        Answer::raw(""),
        Answer::stream("data: x\n\n"),
    ])
    .await;
    let request = EventSourceRequest::post(server.url(), "the body").config(quick());
    let mut source = EventSource::open(request.repeats(true)).unwrap();
    for _ in 0..2 {
        assert_eq!(data(&mut source).await, "x");
    }
    assert_eq!(source.event().await.unwrap(), None);
    for request in server.requests() {
        assert_eq!(request.first_line(), "POST /events?a=b HTTP/1.1");
        assert_eq!(
            (request.header("content-length"), &*request.body),
            (Some(&b"8"[..]), &b"the body"[..])
        );
    }
    assert_eq!(server.requests().len(), 3);

    // Nobody is there, so nothing was done twice; even so it is not for us to say.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut source = EventSource::open(EventSourceRequest::post(url, "").config(quick())).unwrap();
    assert_eq!(closed(&mut source).await, (DisconnectReason::Unreachable, GiveUp::NotRepeatable));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_told_at_once() {
    assert!(matches!(EventSource::get("ws://x/"), Err(RequestFault::Scheme(_))));
    assert!(matches!(EventSource::get("no url"), Err(RequestFault::Url(_))));
    let request = EventSourceRequest::get("http://x/").header("Last-Event-ID", "x");
    assert!(matches!(EventSource::open(request), Err(RequestFault::OwnHeader(_))));
}

/// Nobody is there, or has time: so nothing was done, and may be asked for again.
#[tokio::test]
async fn a_post_that_was_not_processed_is_repeated_if_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut config = quick();
    config.policy.max_server_wait = MS;
    let request = EventSourceRequest::post(format!("http://{address}/"), "once")
        .config(config)
        .repeat(Repeat::Unprocessed);
    let mut source = EventSource::open(request).unwrap();
    for _ in 0..2 {
        assert!(matches!(source.next().await, Some(ClientEvent::Disconnected { .. })));
    }
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        for answer in [
            Answer::status(503, "Retry-After: 1\r\n", ""),
            Answer::status(429, "Retry-After: 1\r\n", ""),
            Answer::stream("data: x\n\ndata: cut"),
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_eq!(Request::read(&mut stream).await.body, b"once");
            answer.play(&mut stream).await;
        }
    });
    assert_eq!(data(&mut source).await, "x");
    let end = DisconnectReason::Ended(EndOfStream::InsideEvent { dropped_len: 9 });
    assert_eq!(closed(&mut source).await, (end, GiveUp::NotRepeatable));

    // It may have been processed.
    for (answer, why) in
        [(Answer::raw(""), GiveUp::NotRepeatable), (Answer::status(503, "", ""), GiveUp::Failed)]
    {
        let server = Server::start([answer]).await;
        let request = EventSourceRequest::post(server.url(), "once")
            .config(config)
            .repeat(Repeat::Unprocessed);
        let mut source = EventSource::open(request).unwrap();
        assert_eq!(closed(&mut source).await.1, why);
        assert_eq!(server.requests().len(), 1);
    }
}

/// As the Model Context Protocol has it.
#[tokio::test]
async fn a_post_is_resumed_by_get() {
    let server = Server::start([
        Answer::redirect(307, "/there"),
        Answer::stream("id: 7\ndata: 0\n\n"),
        held("data: 1\n\n"),
    ])
    .await;
    let request = EventSourceRequest::post(server.url(), "{}")
        .header("content-type", "application/json")
        .header("authorization", "Bearer x")
        .config(quick())
        .resume_by_get();
    let mut source = EventSource::open(request).unwrap();
    assert_eq!((data(&mut source).await, data(&mut source).await), ("0".into(), "1".into()));
    let requests = server.requests();
    let lines: Vec<_> = requests.iter().map(Request::first_line).collect();
    assert_eq!(
        lines,
        ["POST /events?a=b HTTP/1.1", "POST /there HTTP/1.1", "GET /events?a=b HTTP/1.1"]
    );
    let resumed = &requests[2];
    assert_eq!(resumed.header("last-event-id"), Some(&b"7"[..]));
    assert_eq!(resumed.header("authorization"), Some(&b"Bearer x"[..]));
    assert_eq!(resumed.header("content-type"), None);
    assert!(resumed.body.is_empty());
}

#[tokio::test]
async fn each_attempt_gets_a_request_of_its_own() {
    let server = Server::start([
        Answer::stream("id: 7\ndata: 0\n\n"),
        Answer::stream(""),
        held("data: 1\n\n"),
    ])
    .await;
    let request = EventSourceRequest::get(server.url()).config(quick());
    let mut tokens = 0;
    let made = request.clone();
    let mut source = EventSource::open(request).unwrap().with_request(move |attempt| {
        tokens += 1;
        let (request, token) = (made.clone(), tokens);
        async move {
            tokio::task::yield_now().await;
            if token == 2 {
                return Err("there is no token".into());
            }
            let id = attempt.last_event_id.unwrap_or_default();
            Ok(request.header("x-token", format!("{token} after {id:?}, {}", attempt.number)))
        }
    });
    assert_eq!(data(&mut source).await, "0");
    assert!(matches!(source.next().await, Some(ClientEvent::Disconnected { .. })));
    match source.next().await {
        Some(ClientEvent::Disconnected { cause, .. }) => {
            let text = "there was no response: the request of this attempt could not be made: \
                        there is no token";
            assert_eq!(cause.to_string(), text);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(data(&mut source).await, "1");
    let requests = server.requests();
    let tokens: Vec<_> = requests
        .iter()
        .map(|request| String::from_utf8_lossy(request.header("x-token").unwrap()).into_owned())
        .collect();
    assert_eq!(tokens, ["1 after \"\", 0", "3 after \"7\", 1", "4 after \"7\", 2"]);

    // An invalid request is final.
    let mut source = EventSource::get(server.url())
        .unwrap()
        .with_request(|_| async { Ok(EventSourceRequest::get("ftp://127.0.0.1/")) });
    assert_eq!(closed(&mut source).await, (DisconnectReason::Unusable, GiveUp::Failed));
}

/// Some servers do not end their last event with a blank line.
#[tokio::test]
async fn the_unfinished_last_event_is_told_if_asked_for() {
    for (body, expected) in [
        ("data: 0\n\nevent: last\ndata: 1", Some(("last", "1"))),
        ("data: 0\n\ndata: 1\ndata: 2\n", Some(("message", "1\n2"))),
        ("data: 0\n\nevent: last\n", None),
        ("data: 0\n\n", None),
    ] {
        for asked in [true, false] {
            let server = Server::start([Answer::stream(body)]).await;
            let mut request = EventSourceRequest::get(server.url()).config(once());
            if asked {
                request = request.report_unfinished();
            }
            let mut source = EventSource::open(request).unwrap();
            assert_eq!(data(&mut source).await, "0");
            if let (true, Some(expected)) = (asked, expected) {
                match source.next().await {
                    Some(ClientEvent::Unfinished(event)) => {
                        assert_eq!((&*event.event_type, &*event.data), expected);
                    }
                    other => panic!("{body:?}: {other:?}"),
                }
            }
            let (reason, _) = closed(&mut source).await;
            assert_eq!(reason.is_clean_end(), body.ends_with("\n\n"), "{body:?}");
        }
    }

    let server = Server::start([Answer::stream("data: 0\n\ndata: 1")]).await;
    let request = EventSourceRequest::get(server.url()).config(once()).report_unfinished();
    let mut source = EventSource::open(request).unwrap();
    assert_eq!((data(&mut source).await, data(&mut source).await), ("0".into(), "1".into()));
    assert!(source.event().await.is_err(), "the end is not a clean one");
    assert_eq!(source.event().await.unwrap(), None);
}
