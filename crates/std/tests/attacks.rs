//! Attacks on the adapter for blocking streams, over loopback TCP. The machines below it are those
//! of `tidings-tokio`, which has the long lists; this file tests the possible mistakes of an
//! adapter.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed step fails the test"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::websocket::Timeout;
use tidings_std::{
    CloseCode, Config, ConnectOptions, Error, Message, WebSocket, accept, client::Proxy,
    client::client_handshake, compression::Compression, server::ServerRole,
};
use tidings_testkit::{Unit, Wire, deflate_bomb, loopback, raw_frame, raw_header};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The masking key of all frames, which is as legal as any.
const KEY: Option<[u8; 4]> = Some([0; 4]);

fn header(first: u8, len: u64) -> Vec<u8> {
    raw_header(first, len, KEY)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(first, payload, KEY)
}

/// Receives until the end.
fn receive(socket: &mut WebSocket<TcpStream>) -> (Vec<Message>, Option<Error>) {
    let mut messages = Vec::new();
    loop {
        match socket.recv() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => {
                assert!(matches!(socket.recv(), Ok(None)), "something came after {error}");
                return (messages, Some(error));
            }
        }
    }
}

fn config() -> Config {
    let mut config = Config::server();
    config.compression = Some(Compression::default());
    config
}

/// Sends these bytes to a server, after a handshake that negotiated compression: returns the
/// delivered messages, and the close code that the attacker got.
fn attack(bytes: Vec<u8>) -> (Vec<Message>, Option<Error>, Option<u16>) {
    let (near, mut far) = loopback();
    let serving = thread::spawn(move || receive(&mut accept(near, config()).unwrap()));
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    far.write_all(format!("{REQUEST}{offer}").as_bytes()).unwrap();
    let mut writer = far.try_clone().unwrap();
    // It may have enough before all of it is written.
    let writing = thread::spawn(move || drop(writer.write_all(&bytes)));
    let mut received = Vec::new();
    far.read_to_end(&mut received).unwrap();
    drop(far);
    writing.join().unwrap();
    let (messages, error) = serving.join().unwrap();
    let head_len = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let code = match Wire::read(false, &received[head_len..]).unwrap().units().last() {
        Some(Unit::Close(Some((code, _)))) => Some(*code),
        _ => None,
    };
    (messages, error, code)
}

/// The code of each.
#[test]
fn every_attack_on_an_open_connection_ends_with_its_code() {
    let tiny = [frame(0x01, b""), frame(0, b"").repeat(20_000)].concat();
    for (name, bytes, code) in [
        ("a huge length", header(0x82, (1 << 63) - 1), 1009),
        ("a length with the sign bit", [&[0x82, 0xFF, 0x80][..], &[0; 11]].concat(), 1002),
        ("a reserved opcode with a length", header(0x83, 1 << 62), 1002),
        ("tiny fragments", tiny, 1008),
        ("a flood of Pings", frame(0x89, &[7; 100]).repeat(5000), 1008),
        ("a bomb", frame(0xC2, &deflate_bomb(64)), 1009),
        ("corrupt compression", frame(0xC1, b"\xFF\xFF"), 1007),
        ("RSV1 on a Ping", frame(0xC9, b""), 1002),
        ("invalid text", frame(0x81, b"\xED\xA0\x80"), 1007),
        ("no mask", vec![0x81, 1, b'x'], 1002),
    ] {
        let before = frame(0x81, b"before");
        let after = frame(0x81, b"after");
        let (messages, error, told) = attack([before, bytes, after].concat());
        assert_eq!(messages, ["before".into()], "{name}");
        assert!(matches!(error, Some(Error::Violation(_))), "{name}: {error:?}");
        assert_eq!(told, Some(code), "{name}");
    }
}

/// No page of another site, no request with a body, no wrong version opens
/// a WebSocket, and bytes pipelined after it are not answered.
#[test]
fn an_invalid_request_opens_no_tunnel() {
    for lines in [
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://example.com.evil.example\r\n",
        "Origin: http://example.com\r\nOrigin: http://evil.example\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Sec-WebSocket-Version: 8\r\n",
        "X: a\r\n folded\r\n",
        "X : a\r\n",
        "X: a\0\r\n",
    ] {
        let (near, mut far) = loopback();
        let serving = thread::spawn(move || accept(near, Config::server()).map(drop));
        let second = format!("{REQUEST}\r\n");
        far.write_all(format!("{REQUEST}{lines}\r\n{second}").as_bytes()).unwrap();
        let mut answer = String::new();
        far.read_to_string(&mut answer).unwrap();
        drop(far);
        assert!(answer.starts_with("HTTP/1.1 4"), "{lines}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lines}: {answer}");
        assert!(serving.join().unwrap().is_err(), "{lines}");
    }
}

/// A head without end is refused at its limit, however much is sent.
#[test]
fn a_head_without_end_is_refused() {
    for again in ["A: b\r\n", "a"] {
        let (near, mut far) = loopback();
        let serving = thread::spawn(move || accept(near, Config::server()).map(drop));
        let mut reader = far.try_clone().unwrap();
        let reading = thread::spawn(move || {
            let mut answer = Vec::new();
            // A reset may overtake the end of the answer if more was sent than is drained.
            let _ = reader.read_to_end(&mut answer);
            answer
        });
        let _ = far.write_all(REQUEST.as_bytes());
        for _ in 0..50 {
            if far.write_all(again.repeat(4 << 10).as_bytes()).is_err() {
                break;
            }
        }
        drop(far);
        assert!(matches!(serving.join().unwrap(), Err(Error::Request(_))));
        let answer = reading.join().unwrap();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "), "{answer:?}");
    }
}

/// No text from a stranger becomes a line of a request.
#[test]
fn no_line_can_be_injected_into_a_request() {
    for (options, uri) in [
        (ConnectOptions::new().header("X", "a\r\nX-Evil: 1"), "ws://a/"),
        (ConnectOptions::new().header("X\r\nX-Evil", "1"), "ws://a/"),
        (ConnectOptions::new().subprotocols(["a\r\nX: y"]), "ws://a/"),
        (ConnectOptions::new().origin("http://a\r\nX: y"), "ws://a/"),
        (ConnectOptions::new().header("Host", "evil.example"), "ws://a/"),
        (ConnectOptions::new(), "ws://a/\r\nX: y"),
    ] {
        let (near, mut far) = loopback();
        let failed = client_handshake(near, uri, &options);
        assert!(matches!(failed, Err(Error::RequestBuild(_) | Error::Uri(_))), "{failed:?}");
        let mut sent = Vec::new();
        far.read_to_end(&mut sent).unwrap();
        assert!(sent.is_empty(), "{sent:?}");
    }
}

/// A frame that trickles, and a peer that does not answer our Close, end the
/// connection. Lower bounds only: a busy machine is not a failure.
#[test]
fn a_slow_writer_is_given_up() {
    let mut config = Config::server();
    config.timeouts.message = Duration::from_millis(200);
    config.timeouts.closing = Duration::from_millis(200);
    let trickles = [
        ("in a header", vec![], header(0x82, 1 << 16)),
        ("in a payload", header(0x82, 1 << 16), vec![7]),
        ("between fragments", frame(0x01, b"x"), frame(0x89, b"")),
    ];
    thread::scope(|scope| {
        for (state, first, slow) in trickles {
            scope.spawn(move || check_trickle(config, state, &first, slow));
        }
    });
    let (near, _far) = loopback();
    let mut server = WebSocket::from_handshaken(near, ServerRole, config, &[]);
    let closed = server.close(CloseCode::NORMAL, "");
    assert!(matches!(closed, Err(Error::Timeout(Timeout::Closing))), "{closed:?}");
}

fn check_trickle(config: Config, state: &str, first: &[u8], slow: Vec<u8>) {
    let (near, mut far) = loopback();
    let mut server = WebSocket::from_handshaken(near, ServerRole, config, &[]);
    far.write_all(first).unwrap();
    let mut writer = far.try_clone().unwrap();
    let writing = thread::spawn(move || {
        for byte in slow.into_iter().cycle() {
            thread::sleep(Duration::from_millis(20));
            if writer.write_all(&[byte]).is_err() {
                break; // The server has hung up.
            }
        }
    });
    let begun = Instant::now();
    let (messages, error) = receive(&mut server);
    let is_timeout = matches!(error, Some(Error::Timeout(Timeout::Message)));
    assert!(messages.is_empty() && is_timeout, "{state}: {error:?}");
    assert!(begun.elapsed() >= config.timeouts.message, "{state}");
    drop(server);
    drop(far);
    writing.join().unwrap();
}

/// A peer that takes a few bytes now and then does not hold a connection that closes.
#[test]
fn a_slow_reader_does_not_hold_up_the_end() {
    // More than the system's buffers hold: what stays takes longer than a second for each 16 KiB.
    const LEN: usize = 1 << 23;
    let mut config = Config::server();
    config.timeouts.closing = Duration::from_millis(200);
    config.write_timeout = Duration::from_millis(300);
    config.max_write_queue_len = 1 << 26;
    let (near, mut far) = loopback();
    let mut server = WebSocket::from_handshaken(near, ServerRole, config, &[]);
    server.feed(vec![7; LEN]).unwrap();
    let (done, until) = std::sync::mpsc::channel::<()>();
    let reading = thread::spawn(move || {
        let (mut buffer, mut taken) = ([0; 1 << 9], 0);
        let pause = Duration::from_millis(50);
        while until.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            taken += far.read(&mut buffer).unwrap_or(0);
        }
        taken
    });
    let closed = server.close(CloseCode::NORMAL, "");
    drop(done);
    // At this pace all of it takes minutes.
    assert!(reading.join().unwrap() < LEN, "the server has waited for a slow reader: {closed:?}");
    assert!(closed.is_err());
}

/// No secret is shown.
#[test]
fn debug_output_shows_no_secret() {
    let proxy = Proxy::parse("http://user:hunter2@127.0.0.1:1").unwrap();
    let options = ConnectOptions::new().header("Authorization", "hunter2").proxy(proxy);
    let shown = format!("{options:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("dXNlcjpodW50ZXIy"), "{shown}");
}

/// A peer that vanishes in the middle of anything ends its own connection only.
#[test]
fn a_peer_that_vanishes_anywhere_is_a_disconnect() {
    let bytes = [frame(0x81, b"a"), frame(0x02, &[1; 20]), frame(0x80, b"b")].concat();
    for cut in 0..=bytes.len() {
        let (near, mut far) = loopback();
        let mut server = WebSocket::from_handshaken(near, ServerRole, Config::server(), &[]);
        far.write_all(&bytes[..cut]).unwrap();
        drop(far);
        let (messages, error) = receive(&mut server);
        assert!(error.as_ref().is_some_and(Error::is_disconnect), "{cut}: {error:?}");
        assert_eq!(messages.len(), usize::from(cut >= 7) + usize::from(cut == bytes.len()));
    }
}
