//! The time before a WebSocket is open, and the end of its transport: who speaks when, and how each
//! side hangs up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use tidings_std::handshake::Key;
use tidings_std::{CloseCode, Config, ConnectOptions, Error, accept, client::client_handshake};
use tidings_testkit::{loopback, read_head};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// W-022: there is nothing to send with before the answer, and nothing is sent by itself.
#[test]
fn a_client_says_nothing_between_its_request_and_the_answer() {
    let (near, mut far) = loopback();
    let connecting = thread::spawn(move || {
        let mut socket = client_handshake(near, "ws://a/", &ConnectOptions::new()).unwrap();
        socket.send("hello").unwrap();
        socket
    });
    let request = read_head(&mut far);
    far.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let early = far.read(&mut [0]).unwrap_err();
    assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
    far.set_read_timeout(None).unwrap();

    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = Key::parse(key.as_bytes()).unwrap().accept();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    far.write_all(answer.as_bytes()).unwrap();
    let mut frame = [0; 11];
    far.read_exact(&mut frame).unwrap();
    assert!(frame.starts_with(&[0x81, 0x85]), "{frame:x?}");
    drop(connecting.join().unwrap());
}

/// W-112: a server that gives a handshake up says nothing more and hangs up.
#[test]
fn a_server_that_gives_a_handshake_up_just_hangs_up() {
    for sent in ["", "GET", REQUEST.strip_suffix("\r\n").unwrap()] {
        let mut config = Config::server();
        config.handshake_timeout = Duration::from_millis(50);
        let (near, mut far) = loopback();
        far.write_all(sent.as_bytes()).unwrap();
        let error = accept(near, config).unwrap_err();
        assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"", "{sent:?}");
    }
}

/// W-103: the peer reads our Close although it was still sending: its bytes are drained, so that no
/// reset destroys data in transit.
#[test]
fn a_close_arrives_at_a_peer_that_is_still_sending() {
    // A masked binary frame of 64 KiB.
    let long = [&b"\x82\xFF\0\0\0\0\0\x01\0\0\0\0\0\0"[..], &[0; 65_536]].concat();
    for violation in [true, false] {
        let (near, mut far) = loopback();
        far.write_all(REQUEST.as_bytes()).unwrap();
        let serving = thread::spawn(move || {
            let mut server = accept(near, Config::server()).unwrap();
            if violation {
                let error = server.recv().unwrap_err();
                assert!(matches!(error, Error::Violation(_)), "{error}");
            } else {
                // The peer never answers the Close, and says so by hanging up.
                server.start_close(CloseCode::GOING_AWAY, "bye");
                server.flush().unwrap();
                while let Ok(Some(_)) = server.recv() {}
            }
        });
        read_head(&mut far);
        if violation {
            far.write_all(b"\x81\x01x").unwrap();
        }
        for _ in 0..32 {
            far.write_all(&long).unwrap();
        }
        far.shutdown(Shutdown::Write).unwrap();
        // By then a server that does not drain has reset the connection.
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).unwrap();
        let expected: &[u8] =
            if violation { b"\x88\x12\x03\xEAframe not masked" } else { b"\x88\x05\x03\xE9bye" };
        assert_eq!(answer, expected);
        serving.join().unwrap();
    }
}
