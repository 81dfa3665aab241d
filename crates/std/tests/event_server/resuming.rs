//! Clients that reconnect: they get the missed events, once.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::sse::server::{
    Capacity, EncodedEvent, History, LastEventId, Replay, Replayed, Responder, WhenFull,
};
use tidings_std::sse::{ClientEvent, Config, EventSource, EventSourceRequest};

use crate::feed::{Feed, event, read_until, seen};

fn client(feed: &Feed, last_event_id: &str) -> EventSource {
    let mut config = Config::event_source();
    config.policy.minimum = Duration::from_millis(1);
    config.policy.base = Duration::from_millis(1);
    let request = EventSourceRequest::get(feed.url()).config(config);
    EventSource::open(request.last_event_id(last_event_id)).unwrap()
}

fn data(source: &mut EventSource, count: usize) -> Vec<String> {
    (0..count).map(|_| source.event().unwrap().unwrap().data).collect()
}

/// E-027
#[test]
fn a_client_that_reconnects_gets_what_it_missed_and_once() {
    let feed = Feed::start(Responder::new());
    let mut source = client(&feed, "");
    let Some(ClientEvent::Open(_)) = source.next() else { panic!("there is a server") };
    let first = feed.sender();
    for id in 1..=3 {
        feed.publish(&event(id));
    }
    assert_eq!(data(&mut source, 3), ["1", "2", "3"]);
    // A clean end, and a cut.
    for (end, ids) in [(true, [4, 5]), (false, [6, 7])] {
        for sender in feed.forget() {
            if end { sender.finish() } else { sender.abort() }
        }
        first.finish();
        feed.publish(&event(ids[0]));
        let Some(ClientEvent::Disconnected { cause, .. }) = source.next() else { panic!() };
        assert_eq!(cause.is_clean_end(), end, "{cause}");
        let Some(ClientEvent::Open(_)) = source.next() else { panic!("it comes again") };
        feed.publish(&event(ids[1]));
        assert_eq!(data(&mut source, 2), ids.map(|id| id.to_string()));
    }
}

/// Many publish while many come and go: each client sees each event once, in order.
#[test]
fn between_replay_and_what_comes_nothing_is_lost_or_doubled() {
    const EVENTS: u64 = 200;
    let feed = Feed::start(Responder::new().when_full(WhenFull::Disconnect));
    feed.publish(&event(0));
    thread::scope(|scope| {
        for seed in 0..6 {
            let feed = &feed;
            scope.spawn(move || {
                let mut id = 0;
                while id < EVENTS {
                    let mut source = client(feed, &id.to_string());
                    for _ in 0..=(id + seed) % 23 {
                        let event = source.event().unwrap().unwrap();
                        assert_eq!(event.data, (id + 1).to_string(), "after {id}");
                        id += 1;
                        if id == EVENTS {
                            break;
                        }
                    }
                }
            });
        }
        for id in 1..=EVENTS {
            feed.publish(&event(id));
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// A server that has restarted counts from the start: the event with the number that the client has
/// from the previous run is a new one.
#[test]
fn a_live_event_is_not_lost_because_it_has_the_id_of_a_client_that_is_not_known() {
    let feed = Feed::start(Responder::new());
    for id in 0..8 {
        feed.publish(&event(id));
    }
    let mut source = client(&feed, "8");
    let gap = source.event().unwrap().unwrap();
    assert_eq!((&*gap.event_type, &*gap.data), ("gap", "{\"dropped\":null}"));
    assert_eq!(data(&mut source, 8), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    for id in 8..10 {
        feed.publish(&event(id));
    }
    assert_eq!(data(&mut source, 2), ["8", "9"]);
}

/// The ID may come by another way, and the body may go another way.
#[test]
fn a_stream_is_written_to_anything() {
    let history = Arc::new(History::with_lasting_ids(Capacity::DEFAULT));
    for id in 1..=3 {
        history.push(event(id)).unwrap();
    }
    let last = LastEventId::from_bytes(b"1", LastEventId::MAX_LEN).unwrap();
    let (sender, response) = Responder::new().replay(history, last);
    let writing = thread::spawn(move || {
        let mut written = Vec::new();
        response.into_body().write_to(&mut written).map(|()| written)
    });
    sender.blocking_send(EncodedEvent::text("live")).unwrap();
    drop(sender);
    let written = writing.join().unwrap().unwrap();
    assert!(written.starts_with(b": \n\n"));
    assert_eq!(seen(&written), ["2", "3", "live"]);
}

/// A store that is slow holds up its own client alone, and that is kept alive.
#[test]
fn a_slow_store_is_waited_for() {
    struct Slow;
    impl Replay for Slow {
        async fn after(&self, _: &LastEventId, _: usize) -> Replayed {
            thread::sleep(Duration::from_millis(50)); // as a database does that blocks
            Replayed::complete(vec![event(2)])
        }
    }
    let last = LastEventId::from_bytes(b"1", LastEventId::MAX_LEN).unwrap();
    let (sender, response) = Responder::new().replay(Slow, last);
    sender.try_send(event(3)).unwrap();
    drop(sender);
    let mut written = Vec::new();
    response.into_body().write_to(&mut written).unwrap();
    assert_eq!(seen(&written), ["2", "3"]);
}

/// E-033
#[test]
fn a_silent_stream_is_kept_alive() {
    let feed = Feed::start(Responder::new().keep_alive(Duration::from_millis(20)));
    let mut client = feed.connect("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    let start = Instant::now();
    let _opening = read_until(&mut client, "4\r\n: \n\n\r\n");
    for _ in 0..3 {
        assert_eq!(read_until(&mut client, "\n\n\r\n"), "3\r\n:\n\n\r\n");
    }
    assert!(start.elapsed() >= Duration::from_millis(60));
}
