//! At a client: servers that lie, and the client's silence before it has its answer.

use std::collections::HashSet;
use std::time::Duration;

use tidings_tokio::{ConnectOptions, Error, client::client_handshake};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::attack_scene::{read_head, switching};

/// Servers that lie. None opens a WebSocket, and none is worth a panic.
#[tokio::test(start_paused = true)]
async fn a_server_that_lies_opens_nothing() {
    let lies: &[(&str, &str)] = &[
        ("101 Switching", "200 OK"),
        ("101 Switching", "102 Switching"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("HTTP/1.1", "HTTP/2"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Upgrade: websocket\r\n", ""),
        ("Connection: Upgrade\r\n", ""),
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"),
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Sec-WebSocket-Accept: ", "X: "),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-unknown\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n"),
        ("\r\nUpgrade", "\r\n folded\r\nUpgrade"),
        ("\r\n\r\n", "\r\n\0\r\n\r\n"),
        ("HTTP/1.1 101", "RTSP/1.0 101"),
        ("HTTP/1.1 101", "\u{feff}HTTP/1.1 101"),
    ];
    for (from, to) in lies {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let options = ConnectOptions::new();
        let (opened, ()) = tokio::join!(client_handshake(near, "ws://a/", &options), async {
            let answer = switching(&read_head(&mut far).await);
            assert!(answer.contains(from), "{from}");
            far.write_all(answer.replacen(from, to, 1).as_bytes()).await.unwrap();
            // Frames right after it, as if it had been accepted.
            far.write_all(b"\x81\x05Hello").await.unwrap();
            far.shutdown().await.unwrap();
        });
        let error = opened.err().unwrap_or_else(|| panic!("opened with {to:?}"));
        assert!(!error.to_string().contains('\0'), "{error}");
    }
}

/// A client sends only its request before it has its 101, however long that takes.
#[tokio::test(start_paused = true)]
async fn a_client_sends_no_frame_before_the_answer() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let options = ConnectOptions::new();
    let (opened, sent) = tokio::join!(client_handshake(near, "ws://a/", &options), async {
        let mut sent = String::new();
        far.read_to_string(&mut sent).await.unwrap();
        sent
    });
    assert!(matches!(opened, Err(Error::HandshakeTimeout(_))), "{opened:?}");
    assert!(sent.starts_with("GET / HTTP/1.1\r\n") && sent.ends_with("\r\n\r\n"), "{sent}");
    assert_eq!(sent.matches("\r\n\r\n").count(), 1);
}

/// The keys of a hundred handshakes are a hundred keys.
#[tokio::test(start_paused = true)]
async fn no_key_is_used_twice() {
    let mut keys = HashSet::new();
    for _ in 0..100 {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        let options = ConnectOptions::new();
        let (_, head) = tokio::join!(
            async {
                tokio::time::timeout(
                    Duration::from_secs(1),
                    client_handshake(near, "ws://a/", &options),
                )
                .await
            },
            read_head(&mut far),
        );
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        assert!(keys.insert(key.to_owned()));
    }
}
