//! The opening of a WebSocket: over any transport, with another adapter, within its time; and the
//! refusals.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::{
    CloseCode, Config, ConnectOptions, Error, Untimed, accept, accept_with,
    client::client_handshake,
};
use tidings_testkit::loopback;

use crate::loopback::{MASKED_HELLO, echo};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// W-042, W-043: the hook decides by path and chooses among the offered subprotocols.
#[test]
fn the_hook_accepts_or_rejects() {
    use tidings_std::handshake::{Acceptance, Rejection, ServerRequest};
    fn decide<'r>(request: &ServerRequest<'r>) -> Result<Acceptance<'r>, Rejection<'r>> {
        match request.path() {
            "/chat" => request
                .accept()
                .subprotocol(request.choose_subprotocol(&["chat.v2", "chat.v1"]))
                .map_err(|_| Rejection::forbidden("")),
            _ => Err(Rejection::not_found("no WebSocket here\n")),
        }
    }
    let options = ConnectOptions::new().subprotocols(["other", "chat.v1", "chat.v2"]);
    let (near, far) = loopback();
    let serving = thread::spawn(|| accept_with(near, Config::server(), decide));
    let client = client_handshake(far, "ws://a/chat?room=1", &options).unwrap();
    assert_eq!(client.subprotocol(), Some("chat.v2"));
    assert_eq!(serving.join().unwrap().unwrap().subprotocol(), Some("chat.v2"));

    let (near, far) = loopback();
    let serving = thread::spawn(|| accept_with(near, Config::server(), decide));
    match client_handshake(far, "ws://a/elsewhere", &options) {
        Err(Error::Declined(declined)) => {
            assert_eq!(declined.status, 404);
            assert_eq!(declined.body_start, b"no WebSocket here\n");
        }
        other => panic!("{other:?}"),
    }
    let refused = serving.join().unwrap();
    assert!(matches!(refused, Err(Error::Refused { status: 404 })), "{refused:?}");
}

/// W-031, W-124: a request that is not a handshake is answered as such, and distinguished from a
/// rejection by the application.
#[test]
fn a_request_that_is_not_a_handshake_gets_its_status() {
    let evil = REQUEST.replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n");
    for (request, status) in [
        ("nonsense\r\n\r\n", "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 "),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 "),
        (&evil, "HTTP/1.1 403 "),
    ] {
        let (near, mut far) = loopback();
        let serving = thread::spawn(|| accept(near, Config::server()));
        far.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        far.read_to_string(&mut answer).unwrap();
        drop(far);
        assert!(answer.starts_with(status), "{request:?}: {answer}");
        let refused = serving.join().unwrap();
        assert!(matches!(refused, Err(Error::Request(_) | Error::Refused { status: 403 })));
    }
}

/// W-049: frames that come with the handshake, and one byte at a time, are not lost.
#[test]
fn frames_after_the_handshake_are_received() {
    let bytes = [REQUEST.as_bytes(), MASKED_HELLO].concat();
    for piece_len in [bytes.len(), 1] {
        let (near, mut far) = loopback();
        let serving = thread::spawn(|| accept(near, Config::server())?.recv());
        for piece in bytes.chunks(piece_len) {
            far.write_all(piece).unwrap();
        }
        assert_eq!(serving.join().unwrap().unwrap(), Some("Hello".into()));
    }
}

/// One deadline for the whole handshake, however slowly it trickles.
#[test]
fn a_slow_handshake_is_given_up_as_a_whole() {
    let mut config = Config::server();
    config.handshake_timeout = Duration::from_millis(200);
    let (near, mut far) = loopback();
    let begun = Instant::now();
    let serving = thread::spawn(move || accept(near, config));
    for byte in REQUEST.as_bytes() {
        if far.write_all(&[*byte]).is_err() || begun.elapsed() > Duration::from_secs(2) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let error = serving.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");

    // A server that says nothing.
    let (_near, far) = loopback();
    let begun = Instant::now();
    let error =
        client_handshake(far, "ws://a/", &ConnectOptions::new().config(config)).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

/// W-005: a bad URI fails before anything is sent.
#[test]
fn a_bad_uri_fails_before_any_byte() {
    for uri in ["http://a/", "ws://", "ws://a/#x", "ws://a b/", "ws://user@a/", "ws://a:99999/"] {
        let (mut near, far) = loopback();
        let error = client_handshake(far, uri, &ConnectOptions::new()).unwrap_err();
        assert!(matches!(error, Error::Uri(_)), "{uri}: {error}");
        let mut sent = Vec::new();
        near.read_to_end(&mut sent).unwrap();
        assert_eq!(sent, b"");
    }
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_as_good() {
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    let serving = thread::spawn(move || echo(accept(near, Config::server())?));
    let mut client = client_handshake(far, "ws://localhost/", &ConnectOptions::new()).unwrap();
    client.send("over unix").unwrap();
    assert_eq!(client.recv().unwrap(), Some("over unix".into()));
    client.close(CloseCode::NORMAL, "").unwrap();
    serving.join().unwrap().unwrap();
}

#[test]
fn a_stream_without_timeouts_works_too() {
    let (near, far) = loopback();
    let serving = thread::spawn(move || echo(accept(Untimed(near), Config::server())?).map(drop));
    let mut client =
        client_handshake(Untimed(far), "ws://localhost/", &ConnectOptions::new()).unwrap();
    client.send("untimed").unwrap();
    assert_eq!(client.recv().unwrap(), Some("untimed".into()));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(client.close_info().is_clean());
    serving.join().unwrap().unwrap();
}

/// A client of this crate and a server of the other: they speak the same.
#[test]
fn a_thread_talks_to_a_task() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let config = Config::server(); // the same type
            let mut socket = tidings_tokio::accept(stream, config).await.unwrap();
            while let Some(message) = socket.recv().await.unwrap() {
                socket.send(message).await.unwrap();
            }
            socket.close_info()
        })
    });
    let mut client = tidings_std::connect(&uri).unwrap();
    for number in 0..100 {
        client.feed(format!("message {number}")).unwrap();
    }
    for number in 0..100 {
        assert_eq!(client.recv().unwrap(), Some(format!("message {number}").into()));
    }
    client.close(CloseCode::NORMAL, "done").unwrap();
    assert_eq!(serving.join().unwrap().received.reason(), "done");
}
