//! The waits of an event source: for a server, for a sign of life, and until its next attempt.

use std::time::Duration;

use tidings_sse::RetryClamp;
use tidings_tokio::sse::{
    ClientEvent, DisconnectReason, EndOfStream, EventError, EventSource, EventSourceRequest,
    GiveUp, ReadyState, ReconnectionTime, StreamError,
};
use tokio::net::TcpListener;

use crate::event_scene::{Answer, CHUNKED, MS, Request, Server, Step, chunk, data, once, quick};
use crate::held;

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
            Some(ClientEvent::Disconnected { cause, .. }) => {
                assert_eq!(cause.reason, DisconnectReason::ResponseTimeout);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(data(&mut source).await, "x");
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
            Some(ClientEvent::Disconnected { cause, .. }) => {
                assert_eq!(cause.reason, DisconnectReason::Unreachable);
                assert!(matches!(cause.error, Some(StreamError::Connect(_))));
            }
            other => panic!("{other:?}"),
        }
    }
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        Request::read(&mut stream).await;
        held("data: up\n\n").play(&mut stream).await;
    });
    assert_eq!(data(&mut source).await, "up");
}

/// The answer of a refusal is read while the next attempt may already be due. The source must not
/// spin.
#[tokio::test]
async fn a_refusal_whose_body_does_not_end_is_waited_for_in_peace() {
    let head = "HTTP/1.1 503 \r\nContent-Length: 100\r\n\r\nso far";
    let server = Server::start([Answer::raw(head).then(Step::Hold)]).await;
    let mut config = quick();
    config.retry_statuses = true;
    let request = EventSourceRequest::get(server.url())
        .config(config)
        .answer_timeout(Duration::from_millis(500));
    let mut source = EventSource::open(request).unwrap();
    let mut polls = 0;
    let update = std::future::poll_fn(|cx| {
        polls += 1;
        source.poll_event(cx)
    })
    .await;
    match update {
        Some(ClientEvent::Disconnected { cause, .. }) => {
            let answer = cause.answer.unwrap();
            assert_eq!((&*answer.body, answer.is_complete()), (&b"so far"[..], false));
        }
        other => panic!("{other:?}"),
    }
    assert!(polls < 50, "{polls} polls");
}

#[tokio::test]
async fn a_stream_that_is_silent_for_too_long_is_given_up() {
    let server = Server::start([held("data: 0\n\ndata: half"), held("data: 1\n\n")]).await;
    let mut config = quick();
    config.idle_timeout = Duration::from_millis(50);
    let mut source = server.client_with(config);
    assert_eq!(data(&mut source).await, "0");
    match source.next().await {
        Some(ClientEvent::Disconnected { cause, .. }) => {
            let end = EndOfStream::InsideEvent { dropped_len: 10 };
            assert_eq!(cause.reason, DisconnectReason::Idle(end));
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

/// A reader that is late finds the bytes that arrived in time.
#[tokio::test]
async fn a_slow_reader_is_not_a_silent_server() {
    let server = Server::start([held("data: 0\n\ndata: 1\n\n")]).await;
    let mut config = once();
    config.idle_timeout = Duration::from_millis(50);
    let mut source = server.client_with(config);
    for expected in ["0", "1"] {
        assert_eq!(data(&mut source).await, expected);
        tokio::time::sleep(Duration::from_millis(120)).await;
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
        // Nothing failed, so nothing is random.
        assert_eq!(wait, least, "{retry}");
        assert_eq!(source.reconnection_time().as_millis(), least, "{retry}");
    }
    for retry in ["", "1e3", "-1", "+1", "1 ", "\u{ff11}"] {
        let server = Server::start([Answer::stream(format!("retry:{retry}\n"))]).await;
        let mut config = quick();
        config.retry_clamp = RetryClamp::DEFAULT;
        let wait = wait(&mut server.client_with(config)).await;
        assert!(wait <= 2 * MS, "{retry}: {wait:?}");
    }
}

#[tokio::test]
async fn retry_after_is_kept_to_within_the_bounds_of_the_client() {
    for (value, least, most) in [
        ("1", 1_000, 1_125),
        ("7", 7_000, 7_875),
        ("99999999999999999999", 52_500, 60_000),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 52_500, 60_000),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1_000, 1_125),
        ("-1", 0, 5),
        ("soon", 0, 5),
    ] {
        let header = format!("Retry-After: {value}\r\n");
        let server = Server::start([Answer::status(503, &header, "")]).await;
        let mut config = quick();
        config.retry_statuses = true;
        config.policy.max_server_wait = Duration::from_secs(60);
        let mut source = server.client_with(config);
        let wait = wait(&mut source).await.as_millis();
        assert!((least..=most).contains(&wait), "{value}: {wait} ms");
    }
}

/// E-029
#[tokio::test]
async fn without_a_word_of_the_server_the_wait_is_that_of_browsers() {
    let server = Server::start([Answer::stream("data: x\n\n")]).await;
    let mut source = EventSource::get(server.url()).unwrap();
    let wait = wait(&mut source).await;
    assert_eq!(wait, Duration::from_secs(3), "nothing failed, so nothing is random");
    assert_eq!(source.ready_state(), ReadyState::Connecting);
}

/// The wait that the next update reports.
async fn wait(source: &mut EventSource) -> Duration {
    loop {
        match source.next().await.unwrap() {
            ClientEvent::Disconnected { wait, .. } => return wait,
            ClientEvent::Closed { cause, .. } => panic!("{cause}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn attempts_that_fail_in_a_row_are_counted_and_events_set_them_back() {
    let empty = || Answer::stream("");
    let server = Server::start([empty(), empty(), Answer::stream("data: x\n\n"), empty()]).await;
    let mut config = quick();
    config.policy.max_attempts = 3;
    let mut source = server.client_with(config);
    assert_eq!(data(&mut source).await, "x");
    match source.event().await {
        Err(EventError::Closed { cause, reason: GiveUp::AttemptsExhausted }) => {
            assert_eq!(cause.reason, DisconnectReason::Ended(EndOfStream::BetweenEvents));
        }
        other => panic!("{other:?}"),
    }
    // 2 + 1, and 3 more after the end of the stream that brought an event.
    assert_eq!(server.requests().len(), 6);
}
