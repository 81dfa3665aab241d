//! The time before a WebSocket is open, and the end of its transport: who speaks when, which values
//! are new each time, and how each side hangs up.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use tidings_tokio::handshake::Key;
use tidings_tokio::{CloseCode, Config, ConnectOptions, Error, accept, client::client_handshake};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Reads one head, which must end where the bytes end.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0, "{head:?}");
    }
    let head = String::from_utf8(head).unwrap();
    assert_eq!(head.matches("\r\n\r\n").count(), 1, "something follows the head: {head}");
    head
}

fn key_of(request: &str) -> Key {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    Key::parse(key.as_bytes()).unwrap()
}

/// W-022: there is nothing to send with before the answer, and nothing is sent by itself, however
/// long the answer takes.
#[tokio::test(start_paused = true)]
async fn a_client_says_nothing_between_its_request_and_the_answer() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let mut config = Config::client();
    config.handshake_timeout = Duration::from_secs(3600);
    let options = ConnectOptions::new().config(config);
    let connecting = tokio::spawn(async move {
        let mut socket = client_handshake(near, "ws://a/", &options).await.unwrap();
        socket.send("hello").await.unwrap();
        socket
    });
    let accept = key_of(&read_head(&mut far).await).accept();
    let mut byte = [0];
    let early = timeout(Duration::from_secs(3000), far.read(&mut byte)).await;
    assert!(early.is_err(), "{early:?}");

    // Neither half of the answer nor an interim one opens anything.
    let answer = format!(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let (head, last) = answer.split_at(answer.len() - 1);
    far.write_all(head.as_bytes()).await.unwrap();
    let early = timeout(Duration::from_secs(100), far.read(&mut byte)).await;
    assert!(early.is_err(), "{early:?}");
    far.write_all(last.as_bytes()).await.unwrap();
    let mut frame = [0; 11];
    far.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[..2], [0x81, 0x85]);
    drop(connecting.await.unwrap());
}

/// W-018: 16 random bytes, and others for each connection.
#[tokio::test(start_paused = true)]
async fn each_connection_has_a_key_of_its_own() {
    const CONNECTIONS: usize = 500;
    let options = ConnectOptions::new();
    let mut keys = HashSet::new();
    for _ in 0..CONNECTIONS {
        let (near, mut far) = tokio::io::duplex(4096);
        let server = async {
            let key = key_of(&read_head(&mut far).await);
            drop(far);
            key
        };
        let (refused, key) = tokio::join!(client_handshake(near, "ws://a/", &options), server);
        assert!(matches!(refused, Err(Error::Io(_))));
        keys.insert(key.as_str().to_owned());
    }
    assert_eq!(keys.len(), CONNECTIONS);
}

/// W-006, W-007: deliberately not held. A connection to the same address that still waits for its
/// answer holds up no other.
#[tokio::test]
async fn connections_to_one_address_do_not_wait_for_each_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let waiting = tokio::spawn({
        let uri = uri.clone();
        async move { tidings_tokio::connect(&uri).await }
    });
    let (mut first, _) = listener.accept().await.unwrap();
    read_head(&mut first).await;
    let (second, served) = tokio::join!(tidings_tokio::connect(&uri), async {
        let (stream, _) = listener.accept().await.unwrap();
        accept(stream, Config::server()).await
    });
    assert!(second.is_ok() && served.is_ok());
    assert!(!waiting.is_finished());
    waiting.abort();
}

/// W-112: a server that gives a handshake up says nothing more and hangs up, whether its time is
/// over or its future was dropped.
#[tokio::test(start_paused = true)]
async fn a_server_that_gives_a_handshake_up_just_hangs_up() {
    for sent in ["", "GET", REQUEST.strip_suffix("\r\n").unwrap()] {
        for dropped in [false, true] {
            let (near, mut far) = tokio::io::duplex(4096);
            far.write_all(sent.as_bytes()).await.unwrap();
            let accepting = accept(near, Config::server());
            if dropped {
                assert!(timeout(Duration::from_secs(1), accepting).await.is_err());
            } else {
                let error = accepting.await.unwrap_err();
                assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
            }
            let mut answer = Vec::new();
            far.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"", "{sent:?}");
        }
    }
}

/// A server after its handshake, and the client's bare end of the TCP connection.
async fn server_and_transport() -> (tidings_tokio::WebSocket<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (near, _) = listener.accept().await.unwrap();
    far.write_all(REQUEST.as_bytes()).await.unwrap();
    let server = accept(near, Config::server()).await.unwrap();
    read_head(&mut far).await;
    (server, far)
}

/// W-103: the peer reads our Close although it was still sending: its bytes are drained, so that no
/// reset destroys data in transit.
#[tokio::test]
async fn a_close_arrives_at_a_peer_that_is_still_sending() {
    // A masked binary frame of 64 KiB, and a frame that is not masked.
    let long = [&b"\x82\xFF\0\0\0\0\0\x01\0\0\0\0\0\0"[..], &[0; 65_536]].concat();
    for violation in [true, false] {
        let (mut server, far) = server_and_transport().await;
        let (mut reading, mut writing) = far.into_split();
        let serving = tokio::spawn(async move {
            if violation {
                let error = server.recv().await.unwrap_err();
                assert!(matches!(error, Error::Violation(_)), "{error}");
            } else {
                // The peer never answers the Close, and says so by hanging up.
                server.start_close(CloseCode::GOING_AWAY, "bye");
                server.flush().await.unwrap();
                while let Ok(Some(_)) = server.recv().await {}
            }
        });
        let long = long.clone();
        let sending = tokio::spawn(async move {
            if violation {
                writing.write_all(b"\x81\x01x").await.unwrap();
            }
            for _ in 0..32 {
                writing.write_all(&long).await?;
            }
            writing.shutdown().await?;
            io::Result::Ok(())
        });
        // By then a server that does not drain has reset the connection.
        sending.await.unwrap().unwrap();
        let mut answer = Vec::new();
        reading.read_to_end(&mut answer).await.unwrap();
        let expected: &[u8] =
            if violation { b"\x88\x12\x03\xEAframe not masked" } else { b"\x88\x05\x03\xE9bye" };
        assert_eq!(answer, expected);
        serving.await.unwrap();
    }
}

/// W-072: the content of a frame is fixed when it was begun. If the future is dropped inside of it
/// and the caller's buffer changes, the rest of the frame is sent unchanged.
#[tokio::test(start_paused = true)]
async fn a_frame_that_was_begun_does_not_change() {
    for len in [100, 1000, 20_000, 100_000] {
        let (near, far) = tokio::io::duplex(64);
        let options = ConnectOptions::new();
        let (server, client) = tokio::join!(
            accept(near, Config::server()),
            client_handshake(far, "ws://a/", &options)
        );
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        let mut buffer = vec![b'a'; len];
        for from_client in [true, false] {
            buffer.fill(b'a');
            let wait = Duration::from_millis(1);
            let sent = if from_client {
                timeout(wait, client.send(&buffer[..])).await
            } else {
                timeout(wait, server.send(&buffer[..])).await
            };
            assert!(sent.is_err(), "64 bytes of room cannot take {len}");
            buffer.fill(b'b');
            let (flushed, received) = if from_client {
                tokio::join!(client.flush(), server.recv())
            } else {
                tokio::join!(server.flush(), client.recv())
            };
            flushed.unwrap();
            let received = received.unwrap().unwrap();
            assert!(received.as_binary() == Some(&*vec![b'a'; len]), "{len}, {from_client}");
        }
    }
}
