//! The ends of streams.

use std::thread;
use std::time::Duration;

use tidings_std::sse::ReconnectionTime;
use tidings_std::sse::server::{
    Capacity, EventBodyError, Responder, SendError, ServeError, WhenFull,
};

use crate::feed::{Feed, event, read_all, read_until, seen};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Within two comments.
#[test]
fn a_client_that_has_left_is_noticed() {
    let feed = Feed::start(Responder::new().keep_alive(Duration::from_millis(20)));
    let mut client = feed.connect(GET);
    let sender = feed.sender();
    read_until(&mut client, ": \n\n\r\n");
    drop(client);
    let error = feed.served().unwrap_err();
    assert!(matches!(error, ServeError::Write(_)) && error.is_disconnect(), "{error}");
    assert!(sender.is_closed());
    assert!(matches!(sender.try_send(event(1)), Err(SendError::Closed)));
}

#[test]
fn a_finished_stream_is_written_to_its_end() {
    let feed = Feed::start(Responder::new());
    let client = feed.connect(GET);
    let sender = feed.sender();
    for id in 1..=3 {
        sender.try_send(event(id)).unwrap();
    }
    sender.finish();
    let response = read_all(client);
    assert!(response.ends_with("id: 3\ndata: 3\n\n\r\n0\r\n\r\n"), "{response}");
    feed.served().unwrap();
    assert!(sender.is_closed());
}

/// The threads that write streams end at a shutdown, and clients learn when to reconnect.
#[test]
fn all_streams_end_by_one_call_with_a_last_reconnection_time() {
    let responder = Responder::new();
    let feed = Feed::start(responder.clone());
    let mut client = feed.connect(GET);
    read_until(&mut client, ": \n\n\r\n");
    feed.sender().try_send(event(1)).unwrap();
    responder.close_all(Some(ReconnectionTime::from_ms(5_000)));
    let response = read_all(client);
    assert!(response.ends_with("data: 1\n\n\r\nd\r\nretry: 5000\n\n\r\n0\r\n\r\n"), "{response}");
    feed.served().unwrap();
    assert!(read_all(feed.connect(GET)).ends_with("retry: 5000\n\n\r\n0\r\n\r\n"));
    feed.served().unwrap();
}

/// There is only the thread that writes.
#[test]
fn a_future_feeds_a_stream() {
    let response = Responder::new().feed(|sender| async move {
        for id in 1..=500 {
            sender.send(event(id)).await.unwrap();
        }
    });
    let mut written = Vec::new();
    response.into_body().write_to(&mut written).unwrap();
    assert_eq!(seen(&written), (1..=500).map(|id: u64| id.to_string()).collect::<Vec<_>>());
}

/// E-025: a client does not take it for an end.
#[test]
fn a_cut_stream_has_no_last_chunk() {
    let feed = Feed::start(Responder::new());
    let mut client = feed.connect(GET);
    read_until(&mut client, ": \n\n\r\n");
    feed.sender().abort();
    let rest = read_all(client);
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest}");
    let error = feed.served().unwrap_err();
    assert!(matches!(error, ServeError::Cut(EventBodyError::Aborted)), "{error}");
}

#[test]
fn a_stream_whose_queue_is_full_is_cut_if_that_is_the_policy() {
    let queue = Capacity { max_events: 1, ..Capacity::DEFAULT };
    let responder = Responder::new().queue(queue).when_full(WhenFull::Disconnect);
    let (sender, response) = responder.open();
    sender.try_send(event(1)).unwrap();
    assert!(matches!(sender.try_send(event(2)), Err(SendError::Full(_))));
    let mut written = Vec::new();
    let error = response.into_body().write_to(&mut written).unwrap_err();
    assert!(matches!(error, ServeError::Cut(EventBodyError::QueueFull)), "{error}");
    assert!(!String::from_utf8(written).unwrap().contains("data"));
}

/// A sender in a separate loop ends with its client.
#[test]
fn a_sender_that_waits_for_room_learns_that_the_client_is_gone() {
    let queue = Capacity { max_events: 1, ..Capacity::DEFAULT };
    let (sender, response) = Responder::new().queue(queue).open();
    sender.try_send(event(1)).unwrap();
    let waiting = thread::spawn(move || sender.blocking_send(event(2)));
    thread::sleep(Duration::from_millis(20));
    drop(response);
    assert!(matches!(waiting.join().unwrap(), Err(SendError::Closed)));
}
