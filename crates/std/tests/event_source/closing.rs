//! The end of a source: by its own close, by a drop, and by a handle in another thread, whatever it
//! waits for.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::sse::{ClientEvent, EventSource, EventSourceRequest, ReadyState, TimedOut};
use tidings_std::{ConnectOptions, client::Proxy};

use crate::source::{open, quick};
use crate::sse_support::{OPEN, SOON, Server, say, say_and_stay};

/// E-020, E-028
#[test]
fn nothing_comes_after_close() {
    let server = Server::start(vec![say_and_stay(format!("{OPEN}data: one\n\ndata: two\n\n"))]);
    let mut source = open(&server, quick());
    assert_eq!(source.event().unwrap().unwrap().data, "one");
    source.close();
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert!(source.next().is_none());
    assert_eq!(source.event().unwrap(), None);
    // The server has seen the end.
    server.requests();

    let server = Server::start(vec![say_and_stay(format!("{OPEN}data: one\n\ndata: two\n\n"))]);
    let mut source = open(&server, quick());
    assert_eq!(source.event().unwrap().unwrap().data, "one");
    let handle = source.handle();
    handle.close();
    handle.clone().close();
    assert_eq!(source.ready_state(), ReadyState::Closed);
    assert!(source.next().is_none());
    server.requests();
}

/// A handle that outlives its source keeps no connection.
#[test]
fn a_drop_ends_the_connection() {
    let server = Server::start(vec![say_and_stay(OPEN)]);
    let mut source = open(&server, quick());
    assert!(matches!(source.next(), Some(ClientEvent::Open(_))));
    let handle = source.handle();
    drop(source);
    server.requests();
    handle.close();
}

/// E-028: whatever a thread waits for, another can end it.
#[test]
fn a_handle_interrupts_every_wait() {
    /// Lets `source` wait until it is interrupted.
    fn interrupt(mut source: EventSource, waits_in: &str) -> EventSource {
        let handle = source.handle();
        let waiting = thread::spawn(move || {
            let update = source.next();
            assert!(update.is_none(), "{update:?}");
            source
        });
        thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished(), "{waits_in}");
        let begun = Instant::now();
        handle.close();
        let source = waiting.join().unwrap();
        assert!(begun.elapsed() < SOON, "{waits_in}");
        source
    }

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", silent.local_addr().unwrap());
    let through = ConnectOptions::new().proxy(Proxy::parse(&proxy).unwrap());
    let source = EventSource::get("http://example.com/").unwrap().with_connect_options(through);
    interrupt(source, "opening the way");

    let url = format!("http://{}/", silent.local_addr().unwrap());
    let mut source = interrupt(EventSource::get(url).unwrap(), "the response");
    assert!(source.next().is_none());

    let server = Server::start(vec![say_and_stay(OPEN)]);
    let mut source = open(&server, quick());
    assert!(matches!(source.next(), Some(ClientEvent::Open(_))));
    interrupt(source, "an event");
    server.requests();

    let server = Server::start(vec![say(OPEN)]);
    let mut config = quick();
    config.policy.minimum = Duration::from_secs(1000);
    let mut source = open(&server, config);
    assert!(matches!(source.next(), Some(ClientEvent::Open(_))));
    assert!(matches!(source.next(), Some(ClientEvent::Disconnected { .. })));
    interrupt(source, "the next attempt");
}

/// The same in between: at any moment of a source that is lost all the time.
#[test]
fn a_handle_ends_it_at_any_moment() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // That thread outlives the call.
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
            let answer = [
                format!("{OPEN}retry: 0\ndata: x\n\n"),
                "HTTP/1.1 307 X\r\nlocation: /\r\n\r\n".to_owned(),
                format!("{OPEN}: cut"),
            ];
            let _ = stream.write_all(answer[number % 3].as_bytes());
        }
    });
    for moment in 0..100 {
        let request = EventSourceRequest::get(&url).config(quick());
        let source = EventSource::open(request).unwrap();
        let handle = source.handle();
        let (done, wait_for) = std::sync::mpsc::channel();
        thread::spawn(move || done.send(source.count()));
        thread::sleep(Duration::from_micros(moment * 53));
        handle.close();
        wait_for.recv_timeout(SOON).unwrap();
    }
}

#[test]
fn a_source_can_go_to_another_thread() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<EventSource>();
    is_send::<tidings_std::sse::ClientHandle>();
    is_sync::<tidings_std::sse::ClientHandle>();
}

#[test]
fn a_handle_makes_a_source_try_again_at_once() {
    let server = Server::start(vec![say(OPEN), say_and_stay(format!("{OPEN}data: x\n\n"))]);
    let mut config = quick();
    config.policy.minimum = Duration::from_secs(1000);
    let mut source = open(&server, config);
    let handle = source.handle();
    assert!(matches!(source.next(), Some(ClientEvent::Open(_))));
    handle.try_now(); // the stream is open, so this is void
    assert!(matches!(source.next(), Some(ClientEvent::Disconnected { .. })));
    let waiting = thread::spawn(move || source.event().unwrap().unwrap().data);
    thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    let begun = Instant::now();
    handle.try_now();
    assert_eq!(waiting.join().unwrap(), "x");
    assert!(begun.elapsed() < SOON);
}

/// Whatever the source waits for, a call returns in time, and a later one continues.
#[test]
fn a_call_can_be_bounded() {
    let answer: crate::sse_support::Answer = Box::new(|mut stream| {
        for piece in [OPEN, "data: on", "e\n\n"] {
            thread::sleep(Duration::from_millis(200));
            stream.write_all(piece.as_bytes()).unwrap();
        }
    });
    let refused: crate::sse_support::Answer = Box::new(|mut stream| {
        stream.write_all(b"HTTP/1.1 404 X\r\ncontent-length: 4\r\n\r\n").unwrap();
        thread::sleep(Duration::from_millis(200));
        stream.write_all(b"late").unwrap();
    });
    let server = Server::start(vec![answer, refused]);
    let mut config = quick();
    config.policy.minimum = Duration::from_millis(200);
    let mut source = open(&server, config);
    let (mut happened, mut timeouts) = (Vec::new(), [0; 4]);
    loop {
        let begun = Instant::now();
        let result = source.next_timeout(Duration::from_millis(20));
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        match result {
            Ok(Some(event)) => happened.push(crate::source::short(&event)),
            Ok(None) => break,
            Err(TimedOut) => timeouts[happened.len()] += 1,
        }
    }
    let expected = ["open", "event one", "lost Ended(BetweenEvents)", "closed Status(404) Failed"];
    assert_eq!(happened, expected);
    // For the head, for the event, and for the next attempt with the body of its answer.
    assert!(timeouts[0] > 2 && timeouts[1] > 2 && timeouts[3] > 4, "{timeouts:?}");
}
