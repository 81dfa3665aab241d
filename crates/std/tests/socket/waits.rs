//! The time that a call waits for a peer that is slow, silent or gone, or that waits itself. A call
//! that stops waiting loses nothing.

use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::websocket::{Client as ClientOf, Timeout};
use tidings_std::{
    CloseCode, Config, Error, Message, WebSocket, client::RandomMasks, message::MessageKind,
};
use tidings_testkit::loopback;

use crate::loopback::{MASKED_HELLO, pair, pair_with, server_on};

/// Giving up in the middle of frames, again and again, loses nothing.
#[test]
fn a_recv_that_times_out_loses_nothing() {
    let (near, mut far) = loopback();
    let mut server = server_on(near, Config::server());
    let peer = thread::spawn(move || {
        for byte in MASKED_HELLO.iter().chain(MASKED_HELLO) {
            far.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(7));
        }
        far
    });
    let (mut received, mut timed_out) = (0, 0);
    while received < 2 {
        match server.recv_timeout(Duration::from_millis(3)) {
            Ok(message) => {
                assert_eq!(message, Some("Hello".into()));
                received += 1;
            }
            Err(Error::Io(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                timed_out += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(timed_out > 5, "{timed_out}");
    drop(peer.join().unwrap());
    // Not bounded any more, so the end is seen.
    assert!(server.recv().unwrap_err().is_disconnect());
}

#[test]
fn a_recv_timeout_is_kept_and_the_connection_goes_on() {
    let (mut server, mut client) = pair();
    server.set_recv_timeout(Some(Duration::from_millis(60)));
    for _ in 0..2 {
        let begun = Instant::now();
        let error = server.recv().unwrap_err();
        assert!(matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::TimedOut), "{error}");
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(60), "{took:?}");
    }
    server.send("still here").unwrap();
    assert_eq!(client.recv().unwrap(), Some("still here".into()));
    client.send("me too").unwrap();
    assert_eq!(server.recv().unwrap(), Some("me too".into()));
}

/// On a nonblocking socket nothing waits and nothing is lost.
#[test]
fn a_nonblocking_socket_goes_on_where_it_stopped() {
    let (mut server, mut client) = pair();
    server.get_ref().inner.set_nonblocking(true).unwrap();
    let is_not_now =
        |error: &Error| matches!(error, Error::Io(io) if io.kind() == io::ErrorKind::WouldBlock);
    assert!(is_not_now(&server.recv().unwrap_err()));
    client.send("hello").unwrap();
    let mut polls = 0;
    loop {
        match server.recv() {
            Ok(message) => break assert_eq!(message, Some("hello".into())),
            Err(error) => assert!(is_not_now(&error), "{error}"),
        }
        polls += 1;
        assert!(polls < 10_000);
        thread::sleep(Duration::from_millis(1));
    }
    // More than the sockets hold, and nobody reads before that shows.
    let large = vec![7; 16_000_000];
    let (first_block, blocked_once) = std::sync::mpsc::channel();
    let reading = thread::spawn(move || {
        blocked_once.recv().unwrap();
        let mut reader = client.recv_reader().unwrap().unwrap();
        let mut len = 0;
        while let Some(piece) = reader.chunk().unwrap() {
            len += piece.len();
        }
        drop(reader);
        (len, client.recv())
    });
    let mut writer = server.writer(MessageKind::Binary).unwrap();
    let mut rest = &large[..];
    while !rest.is_empty() {
        match writer.write(rest) {
            Ok(len) => rest = &rest[len..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let _ = first_block.send(());
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
    writer.finish().unwrap();
    server.start_close(CloseCode::NORMAL, "");
    while let Err(error) = server.close(CloseCode::NORMAL, "") {
        assert!(is_not_now(&error), "{error}");
        thread::sleep(Duration::from_millis(1));
    }
    let (len, ended) = reading.join().unwrap();
    assert_eq!((len, ended.unwrap()), (16_000_000, None));
}

/// Both ends have more to write than the sockets hold: each `recv` writes while it reads.
#[test]
fn two_ends_that_both_have_much_to_say_do_not_wait_for_each_other() {
    const COUNT: usize = 300;
    let mut config = Config::server();
    config.max_write_queue_len = usize::MAX;
    let (near, far) = loopback();
    let mut server = server_on(near, config);
    let role = ClientOf::new(RandomMasks);
    let mut client = WebSocket::from_handshaken(far, role, config, &[]);
    let payload = vec![7; 100_000];
    for _ in 0..COUNT {
        server.feed(payload.as_slice()).unwrap();
        client.feed(payload.as_slice()).unwrap();
    }
    let serving = thread::spawn(move || {
        for _ in 0..COUNT {
            assert_eq!(server.recv().unwrap().unwrap().as_binary().unwrap().len(), 100_000);
        }
        server.flush().unwrap();
        server
    });
    for _ in 0..COUNT {
        assert_eq!(client.recv().unwrap().unwrap().as_binary().unwrap().len(), 100_000);
    }
    client.flush().unwrap();
    serving.join().unwrap();
}

/// W-111: an end without Close is an error of the transport, and 1006.
#[test]
fn a_peer_that_vanishes_is_a_disconnect() {
    let (mut server, client) = pair();
    drop(client);
    let error = server.recv().unwrap_err();
    assert!(error.is_disconnect(), "{error}");
    assert_eq!(server.close_info().received.code(), 1006);
    assert_eq!(server.recv().unwrap(), None);
}

fn impatient() -> Config {
    let mut config = Config::server();
    config.timeouts.ping_interval = Duration::from_millis(80);
    config.timeouts.pong = Duration::from_millis(500);
    config.timeouts.message = Duration::from_millis(200);
    config.timeouts.closing = Duration::from_millis(100);
    config.write_timeout = Duration::from_millis(300);
    config
}

/// A peer that says nothing at all is pinged, then closed, by a `recv` that waits.
#[test]
fn a_silent_peer_is_given_up() {
    let (near, mut far) = loopback();
    let mut server = server_on(near, impatient());
    let begun = Instant::now();
    let error = server.recv().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Pong)), "{error}");
    let took = begun.elapsed();
    // The interval give or take a tenth, the pong, a second of draining.
    assert!(took >= Duration::from_millis(1150), "{took:?}");
    drop(server);
    let mut written = Vec::new();
    far.read_to_end(&mut written).unwrap_or_default();
    assert!(written.starts_with(b"\x89\x08"), "{written:?}");
    assert!(written.ends_with(b"no pong in time"), "{written:?}");
}

/// A peer that answers pings stays, with no message at all; one that does not end its message goes.
#[test]
fn a_quiet_peer_stays_but_a_message_must_end() {
    let (mut server, mut client) = pair_with(impatient());
    let quiet = thread::spawn(move || {
        let received = client.recv();
        (client, received)
    });
    let error = server.recv_timeout(Duration::from_millis(600)).unwrap_err();
    assert!(matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::TimedOut), "{error}");
    assert!(server.round_trip_time().is_some());
    server.send("wake up").unwrap();
    let (mut client, received) = quiet.join().unwrap();
    assert_eq!(received.unwrap(), Some("wake up".into()));

    let mut writer = client.writer(MessageKind::Text).unwrap();
    writer.write_all(b"never").unwrap();
    writer.flush().unwrap();
    let answering = thread::spawn(move || client.recv());
    let error = server.recv().unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Message)), "{error}");
    answering.join().unwrap().unwrap();
}

/// W-098: a peer that does not answer our Close is left after a while.
#[test]
fn a_close_that_is_not_answered_ends() {
    let (near, _far) = loopback();
    let mut server = server_on(near, impatient());
    let begun = Instant::now();
    let error = server.close(CloseCode::NORMAL, "").unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Closing)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A peer that takes nothing makes `send` wait, and is given up after a while.
#[test]
fn a_peer_that_reads_nothing_is_given_up() {
    let (near, _far) = loopback();
    let mut config = impatient();
    config.timeouts = tidings_std::websocket::Timeouts::server();
    let mut server = server_on(near, config);
    let error = loop {
        let begun = Instant::now();
        if let Err(error) = server.send(Message::binary(vec![0; 100_000])) {
            let took = begun.elapsed();
            assert!(took >= Duration::from_millis(300), "{took:?}");
            break error;
        }
    };
    assert!(matches!(error, Error::WriteTimeout(_)), "{error}");
}
