//! Clients that reconnect: the events they missed, the boundary to new ones, and gaps.

#![cfg(feature = "sse")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

mod sse_server_scene;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sse_server_scene::{event, poll, seen, take, wait};
use tidings_testkit::Random;
use tidings_tokio::sse::server::{
    Capacity, EncodedEvent, EventBody, EventSender, History, LastEventId, Replay, Replayed,
    Responder, SendError, WhenFull,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

fn last(id: u64) -> Option<LastEventId> {
    LastEventId::from_bytes(id.to_string().as_bytes(), LastEventId::MAX_LEN).unwrap()
}

fn history(ids: std::ops::RangeInclusive<u64>) -> Arc<History> {
    let history = History::with_lasting_ids(Capacity { max_events: 10_000, max_bytes: usize::MAX });
    ids.for_each(|id| history.push(event(id)).unwrap());
    Arc::new(history)
}

/// A store that answers on command.
struct Slow(Mutex<Option<oneshot::Receiver<Replayed>>>);

impl Replay for Slow {
    async fn after(&self, _: &LastEventId, _: usize) -> Replayed {
        let answer = self.0.lock().unwrap().take().unwrap();
        answer.await.unwrap()
    }
}

fn slow() -> (oneshot::Sender<Replayed>, Slow) {
    let (answer, store) = oneshot::channel();
    (answer, Slow(Mutex::new(Some(store))))
}

fn numbers(numbers: std::ops::RangeInclusive<u64>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn what_was_missed_comes_first_and_once() {
    let (sender, response) = Responder::new().replay(history(1..=5), last(2));
    for id in 4..=6 {
        sender.try_send(event(id)).unwrap();
    }
    let mut body = response.into_body();
    assert_eq!(seen(&take(&mut body)), numbers(3..=6));
    // An event that a publisher had put into the history before the replay, and sends only now.
    sender.try_send(event(5)).unwrap();
    sender.try_send(event(7)).unwrap();
    assert_eq!(seen(&take(&mut body)), numbers(7..=7));
}

#[tokio::test]
async fn a_client_without_an_id_gets_what_comes() {
    let (sender, response) = Responder::new().replay(history(1..=5), None);
    sender.try_send(event(5)).unwrap();
    assert_eq!(seen(&take(&mut response.into_body())), numbers(5..=5));
}

#[tokio::test]
async fn a_client_that_has_all_does_not_get_its_last_event_again() {
    let (sender, response) = Responder::new().replay(history(1..=5), last(5));
    sender.try_send(event(5)).unwrap();
    sender.try_send(event(6)).unwrap();
    assert_eq!(seen(&take(&mut response.into_body())), numbers(6..=6));
}

#[tokio::test]
async fn an_id_that_is_not_known_is_a_gap_before_what_is_there() {
    let (_sender, response) = Responder::new().replay(history(4..=6), last(1));
    let expected = [vec!["gap {\"dropped\":null}".to_owned()], numbers(4..=6)].concat();
    assert_eq!(seen(&take(&mut response.into_body())), expected);
}

/// A server that has restarted counts from the start: the event with the number that the client has
/// from the previous run is a new one.
#[tokio::test]
async fn a_live_event_is_not_lost_because_it_has_the_id_of_a_client_that_is_not_known() {
    let (sender, response) = Responder::new().replay(history(0..=7), last(8));
    let mut body = response.into_body();
    let expected = [vec!["gap {\"dropped\":null}".to_owned()], numbers(0..=7)].concat();
    assert_eq!(seen(&take(&mut body)), expected);
    for id in 7..=9 {
        sender.try_send(event(id)).unwrap();
    }
    assert_eq!(seen(&take(&mut body)), numbers(8..=9));
}

#[tokio::test]
async fn a_replay_is_bounded_and_the_rest_is_a_gap() {
    let (_sender, response) = Responder::new().replay(history(1..=3_000), last(1));
    let expected = [vec!["gap {\"dropped\":1999}".to_owned()], numbers(2_001..=3_000)].concat();
    assert_eq!(seen(&take(&mut response.into_body())), expected);

    // A store that gives more than it is asked for is cut.
    let (answer, store) = slow();
    let (sender, response) = Responder::new().max_replay_events(2).replay(store, last(0));
    let _ = answer.send(Replayed::complete((1..=5).map(event).collect()));
    for id in 1..=6 {
        sender.try_send(event(id)).unwrap();
    }
    let expected = ["gap {\"dropped\":3}", "4", "5", "6"];
    assert_eq!(seen(&take(&mut response.into_body())), expected);
}

#[tokio::test(start_paused = true)]
async fn what_comes_waits_until_the_store_has_answered() {
    let (answer, store) = slow();
    let queue = Capacity { max_events: 2, ..Capacity::DEFAULT };
    let (sender, response) = Responder::new().queue(queue).replay(store, last(1));
    let mut body = response.into_body();
    sender.try_send(event(3)).unwrap();
    sender.try_send(event(4)).unwrap();
    assert!(matches!(sender.try_send(event(5)), Err(SendError::Full(_))));
    let waiting = {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(event(5)).await })
    };
    assert_eq!(take(&mut body), b": \n\n");
    // The connection is kept alive in that time, and does not count as stalled.
    let start = Instant::now();
    assert_eq!(wait(&mut body).await.unwrap().unwrap(), ":\n\n");
    assert!(start.elapsed() >= Duration::from_secs(15));
    assert!(poll(&mut body).is_pending());
    let _ = answer.send(Replayed::complete(vec![event(2), event(3)]));
    sender.finish();
    assert!(matches!(waiting.await.unwrap(), Err(SendError::Closed)));
    let mut all = Vec::new();
    while let Some(bytes) = wait(&mut body).await {
        all.extend(bytes.unwrap());
    }
    assert_eq!(seen(&all), numbers(2..=4));
}

#[tokio::test(start_paused = true)]
async fn replayed_ids_are_remembered_for_a_while() {
    let (sender, response) = Responder::new().replay(history(1..=3), last(1));
    let mut body = response.into_body();
    assert_eq!(seen(&take(&mut body)), numbers(2..=3));
    let reader = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(bytes) = wait(&mut body).await {
            all.extend(bytes.unwrap());
        }
        all
    });
    sleep(Duration::from_secs(29)).await;
    sender.try_send(event(3)).unwrap();
    sleep(Duration::from_secs(2)).await;
    // A publisher that uses an ID again much later means a new event.
    sender.try_send(event(3)).unwrap();
    drop(sender);
    assert_eq!(seen(&reader.await.unwrap()), numbers(3..=3));
}

#[tokio::test]
async fn an_overflow_during_a_replay_is_not_a_gap_if_it_was_replayed() {
    let open = || {
        let (answer, store) = slow();
        let queue = Capacity { max_events: 3, ..Capacity::DEFAULT };
        let responder = Responder::new().queue(queue).when_full(WhenFull::DropOldest);
        let (sender, response) = responder.replay(store, last(0));
        for id in 1..=9 {
            sender.try_send(event(id)).unwrap();
        }
        (answer, response.into_body(), sender)
    };
    let (answer, mut body, _sender) = open();
    let _ = answer.send(Replayed::complete((1..=7).map(event).collect()));
    assert_eq!(seen(&take(&mut body)), numbers(1..=9));

    let (answer, mut body, _sender) = open();
    let _ = answer.send(Replayed::complete((1..=2).map(event).collect()));
    assert_eq!(seen(&take(&mut body)), ["1", "2", "gap {\"dropped\":6}", "7", "8", "9"]);
}

#[tokio::test]
async fn a_failed_stream_replays_nothing() {
    let (sender, response) = Responder::new().replay(history(1..=3), last(1));
    sender.abort();
    let mut body = response.into_body();
    assert!(take(&mut body).is_empty());
}

/// Publishes in one order, and lets other tasks run where races are possible.
struct Feed {
    responder: Responder,
    history: Arc<History>,
    senders: Mutex<Vec<EventSender>>,
    newest: tokio::sync::Mutex<u64>,
}

impl Feed {
    async fn publish(&self) {
        let mut newest = self.newest.lock().await;
        *newest += 1;
        let event: EncodedEvent = event(*newest);
        self.history.push(event.clone()).unwrap();
        tokio::task::yield_now().await;
        let mut senders = self.senders.lock().unwrap();
        senders.retain(|sender| sender.try_send(&event).is_ok());
    }

    fn subscribe(&self, id: u64) -> EventBody {
        let (sender, response) = self.responder.replay(Arc::clone(&self.history), last(id));
        self.senders.lock().unwrap().push(sender);
        response.into_body()
    }
}

/// Many publish while many come and go: each client sees each event once, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn between_replay_and_what_comes_nothing_is_lost_or_doubled() {
    const PUBLISHERS: u64 = 4;
    const EACH: u64 = 300;
    let queue = Capacity { max_events: 16, ..Capacity::DEFAULT };
    let feed = Arc::new(Feed {
        responder: Responder::new().queue(queue).max_replay_events(10_000),
        history: history(0..=0),
        senders: Mutex::default(),
        newest: tokio::sync::Mutex::new(0),
    });
    let clients: Vec<_> = (0..12)
        .map(|seed| {
            let feed = Arc::clone(&feed);
            tokio::spawn(async move {
                let mut random = Random::new(seed);
                let (mut id, mut connections) = (0, 0);
                while id < PUBLISHERS * EACH {
                    let mut body = feed.subscribe(id);
                    connections += 1;
                    for _ in 0..random.below(30) + 2 {
                        // A stream that was too slow has ended: come back.
                        let Some(bytes) = wait(&mut body).await else { break };
                        for data in seen(&bytes.unwrap()) {
                            assert_eq!(data, (id + 1).to_string(), "after {id}");
                            id += 1;
                        }
                        if id == PUBLISHERS * EACH {
                            break;
                        }
                        if random.below(4) == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                }
                connections
            })
        })
        .collect();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| {
            let feed = Arc::clone(&feed);
            tokio::spawn(async move {
                for _ in 0..EACH {
                    feed.publish().await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    for client in clients {
        let connections = tokio::time::timeout(Duration::from_secs(60), client).await;
        assert!(connections.unwrap().unwrap() > 10);
    }
}
