//! The time at which sent messages leave, and the work of a waiting sender: it checks only whether
//! the peer takes bytes, reads ahead, and learns why nothing can be sent any more.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::websocket::{Role, Violation};
use tidings_std::{CloseCode, Config, Error, Transport, WebSocket};
use tidings_testkit::loopback;

use crate::loopback::{MASKED_HELLO, pair, pair_with, server_on};

/// Timeouts that pass within a test.
fn hasty() -> Config {
    let mut config = Config::server();
    config.timeouts.ping_interval = Duration::from_millis(100);
    config.timeouts.pong = Duration::from_millis(150);
    config
}

/// The one message that may wait for the next leaves when the socket goes.
#[test]
fn a_reply_that_waits_leaves_when_the_socket_is_dropped() {
    let (near, mut far) = loopback();
    let mut server = server_on(near, Config::server());
    far.write_all(&[MASKED_HELLO, MASKED_HELLO].concat()).unwrap();
    assert!(server.recv().unwrap().is_some());
    server.send("reply").unwrap();
    drop(server);
    let mut all = [0; 7];
    far.read_exact(&mut all).unwrap();
    assert_eq!(&all, b"\x81\x05reply");
}

#[test]
fn without_batching_each_reply_leaves_by_itself() {
    let (near, mut far) = loopback();
    let mut server = server_on(near, Config::server().batch_replies(false));
    far.write_all(&[MASKED_HELLO, MASKED_HELLO].concat()).unwrap();
    assert!(server.recv().unwrap().is_some());
    server.send("reply").unwrap();
    let mut all = [0; 7];
    far.read_exact(&mut all).unwrap();
    assert_eq!(&all, b"\x81\x05reply");
}

/// The answers to our Pings are there, nobody has looked at them, and nobody may say that they are
/// missing.
#[test]
fn a_sender_does_not_give_up_a_peer_that_it_does_not_read_from() {
    let (mut server, mut client) = pair_with(hasty());
    let reading = thread::spawn(move || {
        let mut len = 0;
        while let Some(message) = client.recv().unwrap() {
            len += message.len();
            thread::sleep(Duration::from_millis(5));
        }
        len
    });
    // A Ping is on its way, and its answer is not looked at.
    assert!(server.recv_timeout(Duration::from_millis(120)).is_err());
    let chunk = vec![7; 64 * 1024];
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(1) {
        server.send(&chunk[..]).unwrap();
        count += 1;
    }
    server.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(reading.join().unwrap(), count * chunk.len());
}

/// Half a message, then an application that is busy for longer than a message may take.
#[test]
fn the_slowness_of_the_application_is_not_charged_to_the_peer() {
    let (near, mut far) = loopback();
    let mut config = Config::server();
    config.timeouts.message = Duration::from_secs(2);
    let mut server = server_on(near, config);
    far.write_all(&[MASKED_HELLO, &MASKED_HELLO[..5]].concat()).unwrap();
    assert!(server.recv().unwrap().is_some());
    thread::sleep(Duration::from_millis(2300));
    let sending = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        far.write_all(&MASKED_HELLO[5..]).unwrap();
        far
    });
    assert_eq!(server.recv().unwrap(), Some("Hello".into()));
    drop(sending.join().unwrap());
}

/// Two sides that both send before they receive do not wait for each other.
#[test]
fn two_sides_that_send_first_both_get_through() {
    fn talk<S: Transport, R: Role>(mut socket: WebSocket<S, R>) {
        let chunk = vec![7; 1 << 20];
        for _ in 0..3 {
            for _ in 0..3 {
                socket.send(&chunk[..]).unwrap();
            }
            for _ in 0..3 {
                assert_eq!(socket.recv().unwrap().unwrap().len(), chunk.len());
            }
        }
    }
    let (server, client) = pair();
    let serving = thread::spawn(move || talk(server));
    talk(client);
    serving.join().unwrap();
}

/// When the limit of reading ahead is reached, the sender gets an error, and the peer gets a Close
/// frame once it reads.
#[test]
fn a_peer_that_sends_on_and_never_reads_is_told_so() {
    let (near, far) = loopback();
    let config = Config::server().write_timeout(Duration::from_secs(3));
    let mut server = server_on(near, config);
    let mut write = far.try_clone().unwrap();
    let flooding = thread::spawn(move || {
        let message = [&b"\x82\xfe\x40\x00\0\0\0\0"[..], &[7; 0x4000]].concat();
        for _ in 0..64 << 6 {
            if write.write_all(&message).is_err() {
                break; // all was said
            }
        }
    });
    let error = loop {
        match server.send(vec![7; 100_000]) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    let Error::BothSend { unread_len } = error else { panic!("{error}") };
    assert_eq!(unread_len, config.max_read_ahead_len);
    assert_eq!(server.close_info().sent.code(), 1008);
    assert!(matches!(server.send("more"), Err(Error::BothSend { .. })));
    drop((server, far));
    flooding.join().unwrap();
}

/// A sender learns why the connection ended, each time; the receiver learns it once.
#[test]
fn who_sends_learns_why_the_connection_ended() {
    let (near, mut far) = loopback();
    let mut server = server_on(near, Config::server());
    far.write_all(b"\x81\x00").unwrap();
    far.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(matches!(server.recv(), Err(Error::Violation(Violation::UnmaskedFrame))));
    assert!(matches!(server.recv(), Ok(None)));
    for _ in 0..2 {
        let sent = server.send("late");
        assert!(matches!(sent, Err(Error::Violation(Violation::UnmaskedFrame))), "{sent:?}");
    }
    let (mut server, mut client) = pair();
    let closing = thread::spawn(move || {
        client.close(CloseCode::GOING_AWAY, "bye").unwrap();
    });
    assert!(matches!(server.recv(), Ok(None)));
    closing.join().unwrap();
    let error = server.send("late").unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.to_string(), "the peer has closed: 1001 (going away): bye");
}

/// RFC 6455, 5.5.1: after our Close frame the peer's data still comes, until its own; and a stream of
/// bytes that has read to its end may still write.
#[test]
fn each_direction_of_a_byte_stream_ends_for_itself() {
    let (server, client) = pair();
    let serving = thread::spawn(move || {
        let mut bytes = server.into_byte_stream();
        let mut asked = String::new();
        bytes.read_to_string(&mut asked).unwrap();
        bytes.write_all(&[7; 500_000]).unwrap();
        bytes.shut_down().unwrap();
        asked
    });
    let mut bytes = client.into_byte_stream();
    bytes.write_all(b"a question").unwrap();
    bytes.shut_down().unwrap();
    let mut answered = Vec::new();
    bytes.read_to_end(&mut answered).unwrap();
    assert!(answered == [7; 500_000], "{} bytes came", answered.len());
    assert_eq!(serving.join().unwrap(), "a question");
    assert!(bytes.get_ref().close_info().is_clean());
}
