//! Which request an event source makes: the first, and the next one behind the last event.

use tidings_tokio::sse::{
    ClientEvent, DisconnectReason, EndOfStream, EventSource, EventSourceRequest, GiveUp,
    ReadyState, RequestFault,
};
use tokio::net::TcpListener;

use crate::event_scene::{Answer, Request, Server, closed, data, quick};
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
    assert_eq!(closed(&mut source).await, (DisconnectReason::Unreachable, GiveUp::NotRepeatable));
}

#[tokio::test]
async fn what_can_not_be_asked_for_is_told_at_once() {
    assert!(matches!(EventSource::get("ws://x/"), Err(RequestFault::Scheme(_))));
    assert!(matches!(EventSource::get("no url"), Err(RequestFault::Url(_))));
    let request = EventSourceRequest::get("http://x/").header("Last-Event-ID", "x");
    assert!(matches!(EventSource::open(request), Err(RequestFault::OwnHeader(_))));
}
