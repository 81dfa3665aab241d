//! Event streams on the server without any adapter: the output of the sink, and its times, in
//! virtual time.

#![cfg(feature = "event-sink")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use tidings_endpoint::event_sink::sse::{
    Decoder, Event, EventId, Item, ReconnectionTime, Timestamp,
};
use tidings_endpoint::event_sink::{
    Capacity, EncodedEvent, EventBodyError, EventSender, EventSink, History, LastEventId, Replay,
    Replayed, Responder, SendError, WhenFull, stop_reconnecting,
};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_epoch(Duration::from_secs(seconds))
}

/// An event whose ID and data are `id`.
fn event(id: u64) -> EncodedEvent {
    let id = id.to_string();
    Event::new().id(EventId::new(&id).unwrap()).data(&id).into()
}

fn history(ids: Range<u64>) -> Arc<History> {
    let history = History::with_lasting_ids(Capacity::DEFAULT);
    ids.for_each(|id| history.push(event(id)).unwrap());
    Arc::new(history)
}

fn last(id: u64) -> Option<LastEventId> {
    LastEventId::from_bytes(id.to_string().as_bytes(), LastEventId::MAX_LEN).unwrap()
}

fn opened(responder: &Responder<EventSink>) -> (EventSender, EventSink) {
    let (sender, response) = responder.open();
    let mut sink = response.into_body();
    assert_eq!(poll(&mut sink, at(0)), Poll::Ready(Some(Ok(": \n\n".to_owned()))));
    (sender, sink)
}

fn poll(sink: &mut EventSink, now: Timestamp) -> Poll<Option<Result<String, EventBodyError>>> {
    let polled = sink.poll_next(&mut Context::from_waker(Waker::noop()), now);
    polled.map(|next| next.map(|bytes| bytes.map(|b| String::from_utf8(b.to_vec()).unwrap())))
}

/// Returns a client's view of all the output: data, with the type before it if that is not
/// `message`.
fn seen(sink: &mut EventSink, now: Timestamp) -> Vec<String> {
    let (mut decoder, mut seen) = (Decoder::new(), Vec::new());
    while let Poll::Ready(Some(Ok(text))) = poll(sink, now) {
        let mut input = text.as_bytes();
        while let Some(item) = decoder.decode(&mut input) {
            match item {
                Item::Event(event) if event.event_type == "message" => {
                    seen.push(event.data.to_owned());
                }
                Item::Event(event) => seen.push(format!("{} {}", event.event_type, event.data)),
                _ => {}
            }
        }
    }
    seen
}

const GAP: &str = "gap {\"dropped\":null}";

/// A server that has restarted counts from 0 again, and a client comes with an ID of the run before:
/// the event of that number is a new one.
#[test]
fn a_live_event_is_not_lost_because_it_has_the_id_of_a_client_that_is_not_known() {
    let (sender, response) = Responder::new().replay(history(0..8), last(8));
    let mut sink: EventSink = response.into_body();
    assert_eq!(seen(&mut sink, at(0)), [GAP, "0", "1", "2", "3", "4", "5", "6", "7"]);
    for id in [7, 8, 9] {
        sender.try_send(event(id)).unwrap();
    }
    assert_eq!(seen(&mut sink, at(0)), ["8", "9"], "7 was replayed");
}

/// The same for an event that waits for the replay, whatever the store has.
#[test]
fn a_queued_event_is_not_lost_because_it_has_the_id_of_a_client_that_is_not_known() {
    for (stored, own, expected) in [
        (0..0, 8, &[GAP, "8", "9"][..]),
        (6..8, 8, &[GAP, "6", "7", "8", "9"]),
        (6..9, 5, &[GAP, "6", "7", "8", "9"]),
        (6..9, 6, &["7", "8", "9"]),
        (6..9, 8, &["9"]),
    ] {
        let (sender, response) = Responder::new().replay(history(stored.clone()), last(own));
        for id in [8, 9] {
            sender.try_send(event(id)).unwrap();
        }
        let mut sink: EventSink = response.into_body();
        assert_eq!(seen(&mut sink, at(0)), expected, "{own} of {stored:?}");
    }
}

/// A store that gives the number of the missing events does not confirm the client's own event
/// either.
#[test]
fn after_a_gap_only_what_was_replayed_is_left_out() {
    struct Cut;
    impl Replay for Cut {
        async fn after(&self, _: &LastEventId, _: usize) -> Replayed {
            Replayed::with_gap(Some(3), vec![event(5)])
        }
    }
    let (sender, response) = Responder::new().replay(Cut, last(6));
    let mut sink: EventSink = response.into_body();
    assert_eq!(seen(&mut sink, at(0)), ["gap {\"dropped\":3}", "5"]);
    for id in [5, 6] {
        sender.try_send(event(id)).unwrap();
    }
    assert_eq!(seen(&mut sink, at(0)), ["6"]);
}

/// E-033
#[test]
fn a_silent_stream_is_due_for_a_comment() {
    let (sender, mut sink) = opened(&Responder::new().stall_timeout(Duration::from_secs(3)));
    assert_eq!(sink.poll_timeout(), Some(at(3)), "it may be stuck");
    assert!(poll(&mut sink, at(0)).is_pending());
    assert_eq!(sink.poll_timeout(), Some(at(15)));
    assert!(poll(&mut sink, at(14)).is_pending());
    assert_eq!(poll(&mut sink, at(15)), Poll::Ready(Some(Ok(":\n\n".to_owned()))));
    assert!(poll(&mut sink, at(15)).is_pending());
    sender.try_send(event(1)).unwrap();
    assert_eq!(seen(&mut sink, at(20)), ["1"]);
    assert_eq!(sink.poll_timeout(), Some(at(35)), "an event puts the next comment off");
}

#[test]
fn without_keep_alive_an_idle_stream_has_no_timeout() {
    for responder in
        [Responder::new().without_keep_alive(), Responder::new().keep_alive(Duration::MAX)]
    {
        let (_sender, mut sink) = opened(&responder);
        assert!(poll(&mut sink, at(0)).is_pending());
        assert_eq!(sink.poll_timeout(), None);
    }
}

#[test]
fn a_connection_that_does_not_come_back_is_stalled() {
    let (sender, mut sink) = opened(&Responder::new());
    let watchdog = sink.watchdog();
    sender.try_send(event(1)).unwrap();
    assert!(!watchdog.handle_timeout(at(9)));
    assert!(!sender.is_closed());
    assert!(watchdog.handle_timeout(at(10)));
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send(event(2)), Err(SendError::Stalled)));
    assert_eq!(poll(&mut sink, at(10)), Poll::Ready(Some(Err(EventBodyError::Stalled))));
    assert_eq!(poll(&mut sink, at(10)), Poll::Ready(None));
    assert!(sink.has_ended());
}

/// A client that reads slowly takes longer for a large event than the stall timeout.
#[test]
fn each_piece_of_a_large_event_is_progress() {
    let (sender, mut sink) = opened(&Responder::new());
    let watchdog = sink.watchdog();
    let large = EncodedEvent::text(&"x".repeat(100_000));
    sender.try_send(&large).unwrap();
    sender.try_send(event(1)).unwrap();
    sender.finish();
    let (mut all, mut now) = (String::new(), 0);
    while let Poll::Ready(Some(piece)) = poll(&mut sink, at(now)) {
        let piece = piece.unwrap();
        assert!(piece.len() <= 16 * 1024, "{}", piece.len());
        all.push_str(&piece);
        assert_eq!(sink.poll_timeout(), Some(at(now + 10)));
        now += 9;
        assert!(!watchdog.handle_timeout(at(now)));
    }
    assert!(sink.has_ended() && now > 60);
    let expected = [large.as_bytes().as_ref(), event(1).as_bytes()].concat();
    assert!(all.as_bytes() == expected, "{} bytes", all.len());
}

#[test]
fn a_large_event_is_cut_where_the_stream_is_and_ends_before_all_are_drained() {
    let (sender, mut sink) = opened(&Responder::new());
    sender.try_send(EncodedEvent::text(&"x".repeat(10_000))).unwrap();
    assert!(matches!(poll(&mut sink, at(0)), Poll::Ready(Some(Ok(_)))));
    assert!(ready(sender.drained()).is_none(), "a piece is left");
    assert!(matches!(poll(&mut sink, at(0)), Poll::Ready(Some(Ok(_)))));
    assert!(poll(&mut sink, at(0)).is_pending());
    assert!(matches!(ready(sender.drained()), Some(Ok(()))));

    sender.try_send(EncodedEvent::text(&"x".repeat(10_000))).unwrap();
    assert!(matches!(poll(&mut sink, at(0)), Poll::Ready(Some(Ok(_)))));
    sender.abort();
    assert_eq!(poll(&mut sink, at(0)), Poll::Ready(Some(Err(EventBodyError::Aborted))));
}

/// Its body is not asked, so that it cannot tell of the end.
#[test]
fn a_connection_that_does_not_come_back_is_stuck_also_after_an_abort() {
    let (sender, sink) = opened(&Responder::new());
    let watchdog = sink.watchdog();
    sender.abort();
    assert!(!watchdog.handle_timeout(at(9)));
    assert!(watchdog.handle_timeout(at(10)));
    assert!(matches!(sender.try_send(event(2)), Err(SendError::Closed)));
}

#[test]
fn a_sink_whose_driver_knows_that_it_is_stuck_tells_the_senders() {
    let (sender, mut sink) = opened(&Responder::new());
    sink.stall();
    assert!(matches!(sender.try_send(event(1)), Err(SendError::Stalled)));
    assert_eq!(poll(&mut sink, at(0)), Poll::Ready(None));
}

#[test]
fn replayed_ids_are_forgotten_in_time_though_nobody_asks_for_more() {
    let responder = Responder::new().without_keep_alive();
    let (sender, response) = responder.replay(history(1..4), last(1));
    let mut sink: EventSink = response.into_body();
    assert_eq!(seen(&mut sink, at(0)), ["2", "3"]);
    assert_eq!(sink.poll_timeout(), Some(at(30)));
    sink.handle_timeout(at(29));
    sender.try_send(event(3)).unwrap();
    assert!(poll(&mut sink, at(29)).is_pending());
    sink.handle_timeout(at(30));
    sender.try_send(event(3)).unwrap();
    assert_eq!(seen(&mut sink, at(30)), ["3"]);
    assert_eq!(sink.poll_timeout(), None);
}

#[test]
fn a_thread_waits_for_room() {
    let queue = Capacity { max_events: 1, ..Capacity::DEFAULT };
    let (sender, mut sink) = opened(&Responder::new().queue(queue));
    sender.try_send(event(1)).unwrap();
    let waiting = thread::spawn(move || {
        let sent = sender.blocking_send(event(2));
        (sent, sender)
    });
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(seen(&mut sink, at(0)));
        thread::yield_now();
    }
    assert_eq!(all, ["1", "2"]);
    let (sent, sender) = waiting.join().unwrap();
    sent.unwrap();
    drop(sink);
    assert!(matches!(sender.blocking_send(event(3)), Err(SendError::Closed)));
}

/// A client would come back with it and be refused, each time.
#[test]
fn an_event_whose_id_no_client_could_send_back_is_not_sent() {
    let event = |len| {
        let id = "x".repeat(len);
        EncodedEvent::from(Event::new().id(EventId::new(&id).unwrap()).data("x"))
    };
    let (sender, _sink) = opened(&Responder::new());
    sender.try_send(event(LastEventId::MAX_LEN)).unwrap();
    let longer = event(LastEventId::MAX_LEN + 1);
    let sent = [sender.try_send(&longer), sender.blocking_send(&longer)];
    let reserved = ready(sender.reserve(longer.as_bytes().len())).unwrap().unwrap();
    for refused in sent.into_iter().chain([reserved.send(&longer)]) {
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, SendError::IdTooLong(event) if event.id() == longer.id()));
        assert!(refused.to_string().contains("is 1025 bytes long"), "{refused}");
    }
    assert!(!sender.is_closed());
    assert_eq!(sender.queued().events, 1);

    let (sender, _sink) = opened(&Responder::new().max_id_len(2000));
    sender.try_send(longer).unwrap();
}

#[test]
fn a_full_queue_is_told_in_place() {
    let queue = Capacity { max_events: 2, ..Capacity::DEFAULT };
    let responder = Responder::new().queue(queue).when_full(WhenFull::DropOldest);
    let (sender, mut sink) = opened(&responder);
    for id in 1..=5 {
        sender.try_send(event(id)).unwrap();
    }
    sender.finish();
    assert_eq!(seen(&mut sink, at(0)), ["gap {\"dropped\":3}", "4", "5"]);
    assert!(sink.has_ended() && sender.is_closed());
}

#[test]
fn a_response_that_stops_clients_is_empty() {
    let response = stop_reconnecting::<EventSink>();
    assert_eq!(response.status(), 204);
    assert!(response.into_body().has_ended());
}

fn ready<F: Future>(future: F) -> Option<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn all_streams_of_a_responder_end_by_one_call_with_a_last_reconnection_time() {
    let responder = Responder::new();
    let (sender, mut sink) = opened(&responder);
    let (other, mut other_sink) = opened(&responder.clone().without_keep_alive());
    assert_eq!(responder.open_streams(), 2);
    sender.try_send(event(1)).unwrap();
    responder.close_all(Some(ReconnectionTime::from_ms(5_000)));
    assert!(matches!(sender.try_send(event(2)), Err(SendError::Closed)));
    let text = |text: &str| Poll::Ready(Some(Ok(text.to_owned())));
    assert_eq!(poll(&mut sink, at(0)), text("id: 1\ndata: 1\n\n"), "what is queued comes first");
    for (sink, sender) in [(&mut sink, &sender), (&mut other_sink, &other)] {
        assert_eq!(poll(sink, at(0)), text("retry: 5000\n\n"));
        assert_eq!(poll(sink, at(0)), Poll::Ready(None));
        assert!(sender.is_closed());
    }
    // Streams that are opened too late.
    let (late, mut sink) = opened(&responder);
    assert!(matches!(late.try_send(event(1)), Err(SendError::Closed)));
    assert_eq!(poll(&mut sink, at(0)), text("retry: 5000\n\n"));
    assert_eq!(poll(&mut sink, at(0)), Poll::Ready(None));
    drop((sender, other, late));
    assert_eq!(responder.open_streams(), 0);
}

#[test]
fn without_a_reconnection_time_streams_just_end() {
    let responder = Responder::new();
    let (_sender, mut sink) = opened(&responder);
    responder.close_all(None);
    assert_eq!(poll(&mut sink, at(0)), Poll::Ready(None));
}

/// A store that hangs does not delay the shutdown, and nothing is sent that would move the client's
/// last event ID past the missed events.
#[test]
fn a_replay_without_an_answer_is_given_up_when_all_streams_end() {
    struct Hangs;
    impl Replay for Hangs {
        async fn after(&self, _: &LastEventId, _: usize) -> Replayed {
            std::future::pending().await
        }
    }
    let responder = Responder::new();
    let (sender, response) = responder.replay(Hangs, last(1));
    let mut sink: EventSink = response.into_body();
    sender.try_send(event(7)).unwrap();
    assert_eq!(poll(&mut sink, at(0)), Poll::Ready(Some(Ok(": \n\n".to_owned()))));
    assert!(poll(&mut sink, at(0)).is_pending());
    sender.finish();
    responder.close_all(None);
    assert_eq!(poll(&mut sink, at(0)), Poll::Ready(None));

    // Nor is a store asked that could answer: the client asks again.
    let responder = Responder::new();
    let (_sender, response) = responder.replay(history(1..4), last(1));
    let mut sink: EventSink = response.into_body();
    responder.close_all(None);
    assert_eq!(seen(&mut sink, at(0)), [""; 0]);
    assert!(sink.has_ended());

    // An event that has begun is completed.
    let responder = Responder::new();
    let (_sender, response) = responder.replay(history(1..4), last(1));
    let mut sink: EventSink = response.into_body();
    let _opening = poll(&mut sink, at(0));
    let _first = poll(&mut sink, at(0));
    responder.close_all(None);
    assert_eq!(seen(&mut sink, at(0)), ["3"]);
    assert!(sink.has_ended());
}

/// A client that takes nothing does not hold up a shutdown for longer than the stall timeout.
#[test]
fn a_stuck_client_is_cut_when_all_streams_end() {
    let responder = Responder::new();
    let (sender, sink) = opened(&responder);
    let watchdog = sink.watchdog();
    sender.try_send(event(1)).unwrap();
    responder.close_all(Some(ReconnectionTime::from_ms(1)));
    assert!(!sender.is_closed());
    assert!(watchdog.handle_timeout(at(10)));
    assert!(sender.is_closed());
}

#[test]
fn a_future_feeds_a_stream_without_a_task_and_ends_with_it() {
    let queue = Capacity { max_events: 2, ..Capacity::DEFAULT };
    let alive = Arc::new(());
    let feeder_lives = Arc::clone(&alive);
    let response = Responder::new().queue(queue).feed(|sender| async move {
        let _lives = feeder_lives;
        for id in 1..=5 {
            sender.send(event(id)).await.unwrap();
            assert!(sender.queued().events <= 2);
        }
    });
    let mut sink: EventSink = response.into_body();
    assert_eq!(seen(&mut sink, at(0)), ["1", "2", "3", "4", "5"]);
    assert!(sink.has_ended(), "the last sender is dropped");
    assert_eq!(Arc::strong_count(&alive), 1);

    let (feeder_lives, responder) = (Arc::clone(&alive), Responder::new());
    let response: http::Response<EventSink> = responder.feed(|sender| async move {
        let _lives = (feeder_lives, sender);
        std::future::pending::<()>().await;
    });
    assert_eq!((Arc::strong_count(&alive), responder.open_streams()), (2, 1));
    drop(response);
    assert_eq!((Arc::strong_count(&alive), responder.open_streams()), (1, 0));
}

#[test]
fn reserved_room_is_kept_until_it_is_used_or_given_back() {
    let queue = Capacity { max_events: 2, max_bytes: 64 };
    let (sender, mut sink) = opened(&Responder::new().queue(queue));
    let permit = ready(sender.reserve(20)).unwrap().unwrap();
    sender.try_send(event(1)).unwrap();
    assert!(matches!(sender.try_send(event(2)), Err(SendError::Full(_))));
    assert!(ready(sender.reserve(0)).is_none(), "it waits for room");
    permit.send(event(3)).unwrap();
    assert_eq!(seen(&mut sink, at(0)), ["1", "3"]);

    let (a, b) = (ready(sender.reserve(20)), ready(sender.reserve(44)));
    let (a, b) = (a.unwrap().unwrap(), b.unwrap().unwrap());
    assert!(matches!(sender.try_send(event(2)), Err(SendError::Full(_))));
    drop(a);
    sender.try_send(event(4)).unwrap();
    let long = EncodedEvent::text(&"x".repeat(50));
    assert!(matches!(b.send(&long), Err(SendError::TooLarge(_))));
    assert_eq!(seen(&mut sink, at(0)), ["4"]);
    // More than there ever is: all of it.
    let permit = ready(sender.reserve(usize::MAX)).unwrap().unwrap();
    sender.finish();
    assert!(matches!(permit.send(event(5)), Err(SendError::Closed)));
    assert!(matches!(ready(sender.reserve(1)), Some(Err(SendError::Closed))));
}

/// The place in line of a reservation is kept, and given up with its future.
#[test]
fn a_sender_that_waits_after_a_permit_goes_on_when_it_is_dropped() {
    let queue = Capacity { max_events: 1, ..Capacity::DEFAULT };
    let (sender, mut sink) = opened(&Responder::new().queue(queue));
    let permit = ready(sender.reserve(20)).unwrap().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| sender.blocking_send(event(1)));
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(permit);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(seen(&mut sink, at(0)), ["1"]);
}

#[test]
fn where_events_are_dropped_a_reservation_drops_them_and_cannot_be_dropped() {
    let queue = Capacity { max_events: 2, ..Capacity::DEFAULT };
    let responder = Responder::new().queue(queue).when_full(WhenFull::DropOldest);
    let (sender, mut sink) = opened(&responder);
    for id in 1..=2 {
        sender.try_send(event(id)).unwrap();
    }
    let permits = [(), ()].map(|()| ready(sender.reserve(20)).unwrap().unwrap());
    assert!(matches!(sender.try_send(event(3)), Err(SendError::Full(_))));
    for (id, permit) in (4..).zip(permits) {
        permit.send(event(id)).unwrap();
    }
    assert_eq!(seen(&mut sink, at(0)), ["gap {\"dropped\":2}", "4", "5"]);

    let (sender, _sink) = opened(&Responder::new().queue(queue).when_full(WhenFull::Disconnect));
    let _permits = [(), ()].map(|()| ready(sender.reserve(20)).unwrap().unwrap());
    assert!(matches!(ready(sender.reserve(20)), Some(Err(SendError::Closed))));
    assert!(sender.is_closed());
}

#[test]
fn what_is_queued_is_told_apart_from_what_the_connection_has_taken() {
    let (sender, response) = Responder::new().open();
    let mut sink: EventSink = response.into_body();
    assert!(ready(sender.drained()).is_none(), "not even the opening comment was taken");
    sender.try_send(event(1)).unwrap();
    let _opening = poll(&mut sink, at(0));
    let _event = poll(&mut sink, at(0));
    assert_eq!(sender.queued().events, 0);
    assert!(
        ready(sender.drained()).is_none(),
        "it was given, and the connection has not come back"
    );
    assert!(poll(&mut sink, at(0)).is_pending());
    assert!(ready(sender.drained()).unwrap().is_ok());
    sender.try_send(event(2)).unwrap();
    assert!(ready(sender.drained()).is_none());
    sender.finish();
    assert_eq!(seen(&mut sink, at(0)), ["2"]);
    assert!(ready(sender.drained()).unwrap().is_ok(), "all was taken before the end");

    let (sender, sink) = opened(&Responder::new());
    sender.try_send(event(1)).unwrap();
    drop(sink);
    assert!(matches!(ready(sender.drained()), Some(Err(SendError::Closed))));
}

#[test]
fn who_waits_for_the_connection_is_woken_when_it_has_taken_all_and_when_it_ends() {
    for taken in [true, false] {
        let (sender, mut sink) = opened(&Responder::new());
        sender.try_send(event(1)).unwrap();
        let waiting = thread::spawn(move || sender.blocking_drained().is_ok());
        thread::sleep(Duration::from_millis(20));
        if taken {
            assert_eq!(seen(&mut sink, at(0)), ["1"]);
        } else {
            drop(sink);
        }
        assert_eq!(waiting.join().unwrap(), taken);
    }
}
