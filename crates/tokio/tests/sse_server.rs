//! Event streams on the server, without a connection: the output of the body, and its times.

#![cfg(feature = "sse")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod sse_server_scene;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use sse_server_scene::{decode, event, next, poll, seen, take, wait};
use tidings_testkit::poll_then_drop;
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventBody, EventBodyError, EventSender, Queued, Responder, SendError,
    WhenFull, stop_reconnecting,
};
use tidings_tokio::sse::{Comment, Event, EventId, EventType, InvalidField, ReconnectionTime};
use tokio::time::{Instant, sleep};

/// A stream whose first frame is read, and whose queue holds this many events.
fn opened(responder: &Responder, max_events: usize) -> (EventSender, EventBody) {
    let queue = Capacity { max_events, ..Capacity::DEFAULT };
    let (sender, response) = responder.clone().queue(queue).open();
    let mut body = response.into_body();
    assert_eq!(take(&mut body), b": \n\n");
    (sender, body)
}

fn keyed(key: &str, id: u64) -> EncodedEvent {
    event(id).with_key(key)
}

/// E-030
#[tokio::test]
async fn the_headers_are_golden() {
    let (_sender, response) = Responder::new().open();
    assert_eq!(response.status(), 200);
    let headers: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(
        headers,
        [
            ("content-type", &b"text/event-stream"[..]),
            ("cache-control", b"no-cache, no-transform"),
            ("x-accel-buffering", b"no"),
        ]
    );
}

/// E-034
#[tokio::test]
async fn something_is_sent_at_once() {
    let responder = Responder::new().retry(ReconnectionTime::from_ms(2_500));
    let (_sender, response) = responder.open();
    assert_eq!(next(&mut response.into_body()), ": \nretry: 2500\n\n");
    let (_sender, response) = Responder::new().open();
    assert_eq!(next(&mut response.into_body()), ": \n\n");
}

#[test]
fn a_response_that_stops_clients_has_no_body() {
    let response = stop_reconnecting();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(http_body::Body::is_end_stream(response.body()));
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(0));
    assert!(matches!(poll(&mut response.into_body()), Poll::Ready(None)));
}

/// E-033
#[tokio::test(start_paused = true)]
async fn a_silent_stream_gets_a_comment_every_15_seconds() {
    let (sender, mut body) = opened(&Responder::new(), 9);
    let start = Instant::now();
    for number in 1..=4 {
        assert_eq!(wait(&mut body).await.unwrap().unwrap(), ":\n\n");
        let elapsed = start.elapsed();
        let due = Duration::from_secs(15) * number;
        assert!(elapsed >= due && elapsed < due + Duration::from_millis(100), "{elapsed:?}");
    }
    assert!(!sender.is_closed());
}

/// E-033
#[tokio::test(start_paused = true)]
async fn an_event_puts_the_next_comment_off() {
    let (sender, mut body) = opened(&Responder::new().keep_alive(Duration::from_secs(5)), 9);
    let reader = tokio::spawn(async move {
        let mut frames = Vec::new();
        let start = Instant::now();
        while let Some(frame) = wait(&mut body).await {
            frames.push((start.elapsed().as_secs(), frame.unwrap().len()));
        }
        frames
    });
    for id in 1..=4 {
        sleep(Duration::from_secs(3)).await;
        sender.send(event(id)).await.unwrap();
    }
    sleep(Duration::from_secs(12)).await;
    drop(sender);
    let len = event(1).as_bytes().len();
    let events = [(3, len), (6, len), (9, len), (12, len)];
    assert_eq!(reader.await.unwrap(), [&events[..], &[(17, 3), (22, 3)]].concat());
}

#[tokio::test(start_paused = true)]
async fn without_keep_alive_there_are_only_events() {
    for responder in
        [Responder::new().without_keep_alive(), Responder::new().keep_alive(Duration::MAX)]
    {
        let (_sender, mut body) = opened(&responder, 9);
        let comment = tokio::time::timeout(Duration::from_secs(100_000), wait(&mut body)).await;
        assert!(comment.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn the_shortest_interval_is_not_a_flood() {
    let (_sender, mut body) = opened(&Responder::new().keep_alive(Duration::ZERO), 9);
    assert!(take(&mut body).is_empty());
    let start = Instant::now();
    for _ in 0..100 {
        wait(&mut body).await.unwrap().unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn sending_waits_for_room_and_in_line() {
    let (sender, mut body) = opened(&Responder::new(), 2);
    sender.send(event(1)).await.unwrap();
    sender.send(event(2)).await.unwrap();
    assert!(matches!(sender.try_send(event(9)), Err(SendError::Full(e)) if e.id() == Some("9")));

    let cx = &mut Context::from_waker(Waker::noop());
    let (mut third, mut fourth) = (pin!(sender.send(event(3))), pin!(sender.send(event(4))));
    assert!(third.as_mut().poll(cx).is_pending() && fourth.as_mut().poll(cx).is_pending());
    assert_eq!(seen(&next(&mut body)), ["1"]);
    // There is room for one, and that is the third's.
    assert!(fourth.as_mut().poll(cx).is_pending());
    assert!(matches!(sender.try_send(event(9)), Err(SendError::Full(_))));
    assert!(third.as_mut().poll(cx).is_ready());
    assert!(fourth.as_mut().poll(cx).is_pending());
    assert_eq!(seen(&take(&mut body)), ["2", "3"]);
    assert!(fourth.as_mut().poll(cx).is_ready());
    assert_eq!(seen(&take(&mut body)), ["4"]);
    assert_eq!(sender.queued(), Queued::default());
}

#[tokio::test]
async fn who_waits_no_longer_holds_nobody_up() {
    let (sender, mut body) = opened(&Responder::new(), 1);
    sender.send(event(1)).await.unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    let mut first = Box::pin(sender.send(event(2)));
    assert!(first.as_mut().poll(cx).is_pending());
    let second = {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(event(3)).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(seen(&take(&mut body)), ["1"]);
    // It has been woken, and is cancelled before it runs.
    drop(first);
    second.await.unwrap().unwrap();
    assert_eq!(seen(&take(&mut body)), ["3"]);
}

#[tokio::test]
async fn a_cancelled_send_queues_nothing_and_a_finished_one_queues_once() {
    let sent = |cancel_after: usize| {
        let (sender, mut body) = opened(&Responder::new(), 1);
        sender.try_send(event(1)).unwrap();
        let mut queued = 0;
        let mut all = Vec::new();
        for id in 2..5 {
            let cx = &mut Context::from_waker(Waker::noop());
            let mut send = Box::pin(sender.send(event(id)));
            for _ in 0..cancel_after {
                if send.as_mut().poll(cx).is_ready() {
                    queued += 1;
                    break;
                }
                if let Poll::Ready(Some(Ok(bytes))) = poll(&mut body) {
                    all.extend(bytes);
                }
            }
        }
        all.extend(take(&mut body));
        (queued, seen(&all))
    };
    assert_eq!(sent(0), (0, vec!["1".to_owned()]));
    // The second and the fourth are cancelled while they wait.
    assert_eq!(sent(1), (1, ["1", "3"].map(str::to_owned).to_vec()));
    assert_eq!(sent(2), (3, ["1", "2", "3", "4"].map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn the_oldest_give_way_and_the_client_is_told_how_many() {
    let (sender, mut body) = opened(&Responder::new().when_full(WhenFull::DropOldest), 3);
    for id in 1..=10 {
        sender.try_send(event(id)).unwrap();
        assert!(sender.queued().events <= 3);
    }
    assert_eq!(seen(&take(&mut body)), ["gap {\"dropped\":7}", "8", "9", "10"]);
    for id in 11..=15 {
        sender.send(event(id)).await.unwrap();
    }
    assert_eq!(seen(&take(&mut body)), ["gap {\"dropped\":2}", "13", "14", "15"]);
}

#[tokio::test]
async fn a_gap_has_the_type_that_is_asked_for_and_no_id() {
    let responder = Responder::new()
        .when_full(WhenFull::DropOldest)
        .gap_event_type(EventType::new("lost").unwrap());
    let (sender, mut body) = opened(&responder, 1);
    sender.try_send(event(1)).unwrap();
    assert_eq!(seen(&take(&mut body)), ["1"]);
    for id in 2..=3 {
        sender.try_send(event(id)).unwrap();
    }
    let gap = next(&mut body);
    assert_eq!(gap, "event: lost\ndata: {\"dropped\":1}\n\n");
}

#[tokio::test]
async fn the_latest_of_each_key_is_enough() {
    let (sender, mut body) = opened(&Responder::new().when_full(WhenFull::LatestByKey), 3);
    for (key, id) in [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5), ("b", 6)] {
        sender.try_send(keyed(key, id)).unwrap();
    }
    assert_eq!(sender.queued().events, 3);
    // Superseded is not lost: no gap. IDs stay in order.
    assert_eq!(seen(&take(&mut body)), ["3", "4", "6"]);

    for (key, id) in [("a", 7), ("b", 8), ("c", 9), ("d", 10), ("c", 11)] {
        sender.try_send(keyed(key, id)).unwrap();
    }
    sender.try_send(event(12)).unwrap();
    assert_eq!(seen(&take(&mut body)), ["gap {\"dropped\":2}", "10", "11", "12"]);
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_disconnected() {
    let (sender, mut body) = opened(&Responder::new().when_full(WhenFull::Disconnect), 2);
    sender.try_send(event(1)).unwrap();
    sender.try_send(event(2)).unwrap();
    assert!(matches!(sender.send(event(3)).await, Err(SendError::Full(e)) if e.id() == Some("3")));
    assert!(sender.is_closed());
    assert_eq!(sender.queued(), Queued::default());
    assert!(matches!(sender.try_send(event(4)), Err(SendError::Closed)));
    assert!(matches!(wait(&mut body).await, Some(Err(EventBodyError::QueueFull))));
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
}

#[tokio::test]
async fn bytes_are_bounded_too() {
    let len = event(1).as_bytes().len();
    for when_full in [WhenFull::Wait, WhenFull::DropOldest, WhenFull::LatestByKey] {
        let queue = Capacity { max_events: 1_000, max_bytes: 4 * len };
        let (sender, _response) = Responder::new().when_full(when_full).queue(queue).open();
        for id in 1..=9 {
            let _ = sender.try_send(keyed(&id.to_string(), id));
            assert!(sender.queued().bytes <= 4 * len, "{when_full:?}");
        }
        assert_eq!(sender.queued(), Queued { events: 4, bytes: 4 * len });
        let huge = EncodedEvent::text(&"x".repeat(4 * len));
        assert!(matches!(sender.try_send(&huge), Err(SendError::TooLarge(_))));
        assert!(matches!(sender.send(&huge).await, Err(SendError::TooLarge(_))));
        assert!(!sender.is_closed());
    }
}

#[tokio::test]
async fn a_comment_displaces_nothing() {
    let wake_up = Comment::new("wake up").unwrap();
    for when_full in [WhenFull::Wait, WhenFull::DropOldest, WhenFull::Disconnect] {
        let (sender, mut body) = opened(&Responder::new().when_full(when_full), 1);
        sender.comment(wake_up).unwrap();
        assert_eq!(next(&mut body), ": wake up\n\n");
        sender.try_send(event(1)).unwrap();
        assert!(matches!(sender.comment(wake_up), Err(SendError::Full(_))));
        assert_eq!(seen(&take(&mut body)), ["1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let (sender, mut body) = opened(&Responder::new(), 2);
    let payload = event(1);
    sender.try_send(&payload).unwrap();
    // The connection takes an event, cannot write it, and does not come back.
    next(&mut body);
    sender.try_send(&payload).unwrap();
    sender.try_send(event(2)).unwrap();
    let start = Instant::now();
    let waiting = {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(event(3)).await })
    };
    sender.closed().await;
    let elapsed = start.elapsed();
    let limit = Duration::from_secs(10);
    assert!(elapsed >= limit && elapsed < limit + Duration::from_millis(100), "{elapsed:?}");
    assert_eq!(sender.queued(), Queued::default());
    assert!(matches!(waiting.await.unwrap(), Err(SendError::Stalled)));
    assert!(matches!(sender.try_send(event(4)), Err(SendError::Stalled)));
    assert!(matches!(sender.comment(Comment::EMPTY), Err(SendError::Stalled)));
    assert!(matches!(wait(&mut body).await, Some(Err(EventBodyError::Stalled))));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_queue_is_freed_though_nobody_sends_or_waits() {
    let (sender, mut body) = opened(&Responder::new(), 9);
    sender.try_send(event(1)).unwrap();
    next(&mut body);
    sender.try_send(event(2)).unwrap();
    sleep(Duration::from_secs(9)).await;
    assert_eq!(sender.queued().events, 1);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(sender.queued().events, 0);
    drop(body);
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_that_takes_something_now_and_then_is_not_given_up() {
    let responder = Responder::new().stall_timeout(Duration::from_secs(3));
    let (sender, mut body) = opened(&responder, 100);
    for id in 0..100 {
        sender.try_send(event(id)).unwrap();
    }
    for _ in 0..100 {
        sleep(Duration::from_millis(2_900)).await;
        next(&mut body);
    }
    assert!(take(&mut body).is_empty());
    // And one that has taken all is idle, not stalled.
    sleep(Duration::from_secs(10)).await;
    sender.try_send(event(100)).unwrap();
    assert_eq!(seen(&take(&mut body)), ["100"]);
}

#[tokio::test]
async fn a_finished_stream_is_drained_and_ends_cleanly() {
    let (sender, mut body) = opened(&Responder::new(), 9);
    for id in 1..=3 {
        sender.try_send(event(id)).unwrap();
    }
    sender.finish();
    assert!(matches!(sender.try_send(event(4)), Err(SendError::Closed)));
    assert!(!sender.is_closed(), "the rest is still to be sent");
    assert_eq!(seen(&take(&mut body)), ["1", "2", "3"]);
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    assert!(sender.is_closed());
}

#[tokio::test]
async fn the_last_sender_that_goes_finishes_the_stream() {
    let (sender, mut body) = opened(&Responder::new(), 9);
    let other = sender.clone();
    sender.try_send(event(1)).unwrap();
    drop(sender);
    assert_eq!(seen(&take(&mut body)), ["1"]);
    assert!(poll(&mut body).is_pending());
    other.try_send(event(2)).unwrap();
    let reader = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(bytes) = wait(&mut body).await {
            all.extend(bytes.unwrap());
        }
        all
    });
    tokio::task::yield_now().await;
    drop(other);
    assert_eq!(seen(&reader.await.unwrap()), ["2"]);
}

#[tokio::test]
async fn who_waits_for_room_learns_that_the_stream_is_finished() {
    let (sender, _body) = opened(&Responder::new(), 1);
    sender.try_send(event(1)).unwrap();
    let waiting = {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(event(2)).await })
    };
    tokio::task::yield_now().await;
    sender.finish();
    assert!(matches!(waiting.await.unwrap(), Err(SendError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn an_aborted_stream_lets_the_connection_write_what_it_has() {
    let (sender, mut body) = opened(&Responder::new(), 9);
    sender.try_send(event(1)).unwrap();
    sender.try_send(event(2)).unwrap();
    assert_eq!(seen(&next(&mut body)), ["1"]);
    sender.abort();
    assert!(poll(&mut body).is_pending(), "so that it flushes");
    assert!(!http_body::Body::is_end_stream(&body));
    assert!(poll(&mut body).is_pending(), "which takes time");
    assert!(matches!(wait(&mut body).await, Some(Err(EventBodyError::Aborted))));
    assert!(http_body::Body::is_end_stream(&body));
    assert!(sender.is_closed());
}

#[tokio::test]
async fn the_senders_learn_that_the_client_is_gone() {
    let (sender, body) = opened(&Responder::new(), 1);
    sender.try_send(event(1)).unwrap();
    let (closed, waiting) = (sender.clone(), sender.clone());
    let closed = tokio::spawn(async move { closed.closed().await });
    let waiting = tokio::spawn(async move { waiting.send(event(2)).await });
    tokio::task::yield_now().await;
    drop(body);
    closed.await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(SendError::Closed)));
    assert!(sender.is_closed());
    assert_eq!(sender.queued(), Queued::default());
}

#[tokio::test]
async fn to_wait_for_the_end_can_be_cancelled() {
    let (sender, body) = opened(&Responder::new(), 1);
    for _ in 0..3 {
        assert_eq!(poll_then_drop(1, sender.closed()).await, None);
    }
    drop(body);
    assert_eq!(poll_then_drop(1, sender.closed()).await, Some(()));
}

#[tokio::test]
async fn a_hundred_receivers_share_one_event() {
    let streams: Vec<_> = (0..100).map(|_| opened(&Responder::new(), 9)).collect();
    let event = EncodedEvent::text(&"x".repeat(5_000));
    for (sender, _) in &streams {
        sender.try_send(&event).unwrap();
    }
    for (_, mut body) in streams {
        let frame = next(&mut body);
        assert_eq!((frame.as_ptr(), frame.len()), (event.as_bytes().as_ptr(), 5_008));
    }
}

#[test]
fn a_body_is_small_and_goes_anywhere() {
    fn goes_anywhere<T: Send + Sync + Unpin + 'static>() {}
    goes_anywhere::<EventBody>();
    goes_anywhere::<EventSender>();
    assert!(size_of::<EventBody>() <= 56, "{}", size_of::<EventBody>());
    assert_eq!(size_of::<EventSender>(), size_of::<usize>());
}

#[test]
fn events_are_sent_from_any_thread_also_outside_of_a_runtime() {
    let (sender, response) = Responder::new().open();
    std::thread::spawn(move || {
        sender.try_send(event(1)).unwrap();
        assert!(!sender.is_closed());
    })
    .join()
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let all = runtime.block_on(async { take(&mut response.into_body()) });
    assert_eq!(seen(&all), ["1"]);
}

/// Returns what arrives if `data` is sent.
fn arrives(event: Event<'_>) -> Vec<tidings_sse::OwnedMessageEvent> {
    let (sender, mut body) = opened(&Responder::new(), 1);
    sender.try_send(event).unwrap();
    decode(&take(&mut body))
}

/// WHATWG HTML 9.2.5: a line break is a line break, however it is written.
fn normalized(data: &str) -> String {
    data.replace("\r\n", "\n").replace('\r', "\n")
}

/// E-031, E-035
#[tokio::test]
async fn all_short_data_arrives_as_one_event() {
    let alphabet = ["\r", "\n", "\0", ":", " ", "\u{FEFF}", "x"];
    let mut all = vec![String::new()];
    let mut longest = all.clone();
    for _ in 0..4 {
        longest =
            longest.iter().flat_map(|text| alphabet.map(|next| format!("{text}{next}"))).collect();
        all.extend(longest.iter().cloned());
    }
    assert_eq!(all.len(), 1 + 7 + 49 + 343 + 2401);
    for data in all {
        let events = arrives(Event::new().data(&data));
        let [event] = &events[..] else { panic!("{data:?} gave {events:?}") };
        assert_eq!((&*event.event_type, event.data.clone()), ("message", normalized(&data)));
    }
}

proptest! {
    /// E-031, E-035
    #[test]
    fn any_event_arrives_with_all_its_parts(
        data in "([ :\r\nidatevnx\u{2026}🎈]|event: |id: ){0,40}",
        event_type in "[^\r\n]{1,20}",
        id in "[^\r\n\0]{0,20}",
    ) {
        let event = Event::new()
            .event_type(EventType::new(&event_type).unwrap())
            .id(EventId::new(&id).unwrap())
            .data(&data);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let events = runtime.block_on(async { arrives(event) });
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(&events[0].event_type, &event_type);
        prop_assert_eq!(&events[0].last_event_id, &id);
        prop_assert_eq!(&events[0].data, &normalized(&data));
    }
}

/// E-032: text that could inject lines is an error value before there is an event.
#[test]
fn nothing_can_be_injected() {
    let line_break = |at| InvalidField::LineBreak { at };
    assert_eq!(EventType::new("a\nid: 9\n\ndata: evil"), Err(line_break(1)));
    assert_eq!(EventId::new("a\rdata: evil"), Err(line_break(1)));
    assert_eq!(EventId::new("a\0b"), Err(InvalidField::Nul { at: 1 }));
    assert_eq!(Comment::new("x\r\ndata: evil"), Err(line_break(1)));
    // A key is never sent.
    let event = EncodedEvent::text("x").with_key("k\n\ndata: evil\n\n");
    assert_eq!(event.as_bytes(), "data: x\n\n");
}

#[cfg(feature = "json")]
#[test]
fn a_value_that_is_not_json_is_an_error() {
    use std::collections::HashMap;
    let event = EncodedEvent::json(Event::new().data("replaced"), &["a\nb"]).unwrap();
    assert_eq!(event.as_bytes(), "data: [\"a\\nb\"]\n\n");
    assert!(EncodedEvent::json(Event::new(), &HashMap::from([((1, 2), 3)])).is_err());
}
