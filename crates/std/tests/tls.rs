//! Both ends over TLS, with a certificate authority made for the test.
#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod tls_support;

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use tidings_std::websocket::Timeout;
use tidings_std::{
    CloseCode, Config, Error, Message, accept,
    client::{TlsError, TlsFailure, rustls},
    connect_with,
};
use tls_support::{Tls, asking, authority, client_certificate, serve, signed, trusting};

fn echo(stream: Tls) -> Result<usize, Error> {
    let mut socket = accept(stream, Config::server())?;
    let mut messages = 0;
    while let Some(message) = socket.recv()? {
        messages += 1;
        socket.send(message)?;
    }
    Ok(messages)
}

/// W-009, W-011, W-126
#[test]
fn messages_go_through_tls() {
    let authority = authority();
    let (port, serving) = serve(signed(&authority, "localhost"), echo);
    let mut socket =
        connect_with(&format!("wss://localhost:{port}/"), &trusting(&authority)).unwrap();
    assert!(socket.get_ref().tls().unwrap().peer_certificates().is_some());
    // Both whole and in many TLS records.
    for message in [Message::text("grün"), Message::binary(vec![7; 300_000])] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.recv().unwrap(), Some(message));
    }
    socket.close(CloseCode::NORMAL, "").unwrap();
    assert!(socket.close_info().is_clean());
    assert_eq!(serving.join().unwrap().unwrap(), 2);
}

/// Deadlines and timeouts hold under TLS as well: nothing waits for ever, nothing is lost.
#[test]
fn deadlines_are_kept_under_tls() {
    let authority = authority();
    let (port, serving) = serve(signed(&authority, "localhost"), |stream| {
        let mut config = Config::server();
        config.timeouts.ping_interval = Duration::from_millis(100);
        config.timeouts.pong = Duration::from_secs(1);
        let mut socket = accept(stream, config).unwrap();
        assert_eq!(socket.recv().unwrap(), Some("hello".into()));
        socket.send("answer").unwrap();
        (Instant::now(), socket.recv())
    });
    let mut socket =
        connect_with(&format!("wss://localhost:{port}/"), &trusting(&authority)).unwrap();
    let error = socket.recv_timeout(Duration::from_millis(40)).unwrap_err();
    assert!(matches!(&error, Error::Io(io) if io.kind() == io::ErrorKind::TimedOut), "{error}");
    socket.send("hello").unwrap();
    assert_eq!(socket.recv().unwrap(), Some("answer".into()));
    // And now it does not answer any more.
    let (begun, received) = serving.join().unwrap();
    assert!(matches!(received, Err(Error::Timeout(Timeout::Pong))), "{received:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// A write that cannot be done now goes on to read under TLS: that wait is bounded as well, and a peer
/// that pauses does not hold the sender up for longer than its pause. An idle connection lives on.
#[test]
fn a_send_that_waits_under_tls_goes_on_with_the_peer() {
    let authority = authority();
    let (port, serving) = serve(signed(&authority, "localhost"), |stream| {
        let config = Config::server().write_timeout(Duration::from_secs(3));
        let mut socket = accept(stream, config).unwrap();
        let begun = Instant::now();
        for _ in 0..200 {
            socket.send(vec![7; 62_000]).unwrap();
        }
        let took = begun.elapsed();
        (took, socket.recv())
    });
    let mut socket =
        connect_with(&format!("wss://localhost:{port}/"), &trusting(&authority)).unwrap();
    thread::sleep(Duration::from_secs(1));
    for _ in 0..200 {
        assert_eq!(socket.recv().unwrap().unwrap().len(), 62_000);
    }
    thread::sleep(Duration::from_secs(4)); // longer than a write may be stalled
    socket.send("done").unwrap();
    let (took, received) = serving.join().unwrap();
    assert_eq!(received.unwrap(), Some("done".into()));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

const fn is_untrusted(failure: &TlsFailure) -> bool {
    matches!(failure.error, rustls::Error::InvalidCertificate(_))
}

/// W-009: the server's TLS handshake fails, so it has decrypted no byte of a request.
#[test]
fn a_server_that_cannot_be_trusted_sees_no_request() {
    let trusted = authority();
    for config in [signed(&trusted, "example.com"), signed(&authority(), "localhost")] {
        let (port, serving) = serve(config, echo);
        let error =
            connect_with(&format!("wss://localhost:{port}/"), &trusting(&trusted)).unwrap_err();
        let refused =
            matches!(&error, Error::Tls(TlsError::Handshake(failure)) if is_untrusted(failure));
        assert!(refused, "{error:?}");
        assert!(serving.join().unwrap().is_err());
    }
}

#[test]
fn a_server_without_tls_fails_the_handshake_and_one_that_is_silent_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let (silent, _) = listener.accept().unwrap();
        (stream, silent, listener)
    });
    let mut config = Config::client();
    config.handshake_timeout = Duration::from_millis(300);
    let options = trusting(&authority()).config(config);
    let error = connect_with(&uri, &options).unwrap_err();
    assert!(matches!(error, Error::Tls(TlsError::Handshake(_))), "{error:?}");
    let error = connect_with(&uri, &options).unwrap_err();
    let Error::HandshakeTimeout(timeout) = error else { panic!("{error:?}") };
    let phase = uri.replace("wss://", "the TLS handshake with ").replace('/', "");
    assert_eq!(timeout.phase(), Some(&*phase));
    drop(serving.join().unwrap());
}

/// In TLS 1.3 the server says so only after the client has taken the handshake for done.
#[test]
fn a_client_certificate_that_is_missing_is_an_error_of_tls() {
    let authority = authority();
    for shows in [false, true] {
        let (port, serving) = serve(asking(&authority, "localhost"), echo);
        let mut options = trusting(&authority);
        if shows {
            let (chain, key) = client_certificate(&authority);
            options = options.client_certificate(chain, key).unwrap();
        }
        let connected = connect_with(&format!("wss://localhost:{port}/"), &options);
        if shows {
            connected.unwrap().close(CloseCode::NORMAL, "").unwrap();
            serving.join().unwrap().unwrap();
        } else {
            let error = connected.unwrap_err();
            assert!(matches!(error, Error::Tls(TlsError::Handshake(_))), "{error:?}");
            let words = format!(
                "the opening handshake with localhost:{port}: the server asks for a client \
                 certificate, and got none"
            );
            assert_eq!(error.to_string(), words);
            assert!(serving.join().unwrap().is_err());
        }
    }
}
