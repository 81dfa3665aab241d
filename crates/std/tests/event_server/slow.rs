//! Clients that do not read.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::sse::server::{
    Capacity, EncodedEvent, EventBodyError, EventRequest, EventSender, Responder, SendError,
    ServeError, WhenFull,
};
use tidings_std::sse::{Event, EventId};

use crate::feed::{SOON, read_until, seen};

/// A client that has read the head and the opening comment, the sender of its stream, and the thread
/// that serves it.
fn slow(
    responder: &Responder,
) -> (TcpStream, EventSender, thread::JoinHandle<Result<(), ServeError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(SOON)).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let (stream, _) = listener.accept().unwrap();
    let (sender, response) = responder.open();
    let serving = thread::spawn(move || EventRequest::read(stream)?.respond(response));
    read_until(&mut client, "\r\n\r\n: \n\n");
    (client, sender, serving)
}

/// More than the buffers of a connection take, in a few thousand of these.
fn large(id: u64) -> EncodedEvent {
    let id = id.to_string();
    Event::new().id(EventId::new(&id).unwrap()).data(&"x".repeat(16 * 1024)).into()
}

#[test]
fn a_slow_client_loses_the_oldest_and_is_told_how_many() {
    const EVENTS: u64 = 3_000;
    let queue = Capacity { max_events: 8, max_bytes: usize::MAX };
    let responder = Responder::new().queue(queue).when_full(WhenFull::DropOldest);
    let (mut client, sender, serving) = slow(&responder);
    for id in 1..=EVENTS {
        sender.try_send(large(id)).unwrap();
        assert!(sender.queued().events <= 8);
    }
    drop(sender);
    let mut stream = Vec::new();
    client.read_to_end(&mut stream).unwrap();
    serving.join().unwrap().unwrap();

    let seen = seen(&stream);
    let (gaps, events): (Vec<_>, Vec<_>) = seen.iter().partition(|data| data.starts_with("gap"));
    let dropped = |gap: &&String| {
        let digits: String = gap.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap()
    };
    let dropped: u64 = gaps.iter().map(dropped).sum();
    assert!(dropped > 0, "the client was not slow enough");
    assert_eq!(dropped + u64::try_from(events.len()).unwrap(), EVENTS);
    assert!(stream.ends_with(&large(EVENTS).as_bytes()[..]), "the newest is there");
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let timeout = Duration::from_millis(200);
    let (_client, sender, serving) = slow(&Responder::new().stall_timeout(timeout));
    let start = Instant::now();
    let refused = (1..=3_000).find_map(|id| sender.blocking_send(large(id)).err());
    assert!(matches!(refused, Some(SendError::Stalled)), "{refused:?}");
    assert!(start.elapsed() >= timeout);
    let served = serving.join().unwrap();
    assert!(matches!(served, Err(ServeError::Cut(EventBodyError::Stalled))), "{served:?}");
    assert_eq!(sender.queued().events, 0);
}

/// One that takes a little now and then is slow, and not stuck.
#[test]
fn a_client_that_takes_something_now_and_then_is_not_given_up() {
    let timeout = Duration::from_millis(300);
    let (mut client, sender, serving) = slow(&Responder::new().stall_timeout(timeout));
    let publishing = thread::spawn(move || {
        (1..=600).for_each(|id| sender.blocking_send(large(id)).unwrap());
    });
    let mut buffer = vec![0; 1 << 20];
    let mut len = 0;
    loop {
        match client.read(&mut buffer).unwrap() {
            0 => break,
            read => len += read,
        }
        thread::sleep(Duration::from_millis(20));
    }
    publishing.join().unwrap();
    serving.join().unwrap().unwrap();
    assert_eq!(len, (1..=600).map(|id| large(id).as_bytes().len()).sum::<usize>());
}
