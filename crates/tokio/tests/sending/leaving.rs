//! When the bytes that were sent leave.

use std::time::Duration;

use tidings_tokio::{Config, WebSocket, server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use crate::{MASKED_HELLO, arrived, server_with};

/// However the peer's bytes were cut, tokens leave as they are sent.
#[tokio::test(start_paused = true)]
async fn what_is_sent_leaves_when_it_is_sent() {
    let ping = b"\x89\x80\0\0\0\0";
    for rest in [&b""[..], ping, &ping[..1], &MASKED_HELLO[..5], MASKED_HELLO] {
        let (mut server, mut far) = server_with(Config::server(), 1 << 16);
        far.write_all(&[MASKED_HELLO, rest].concat()).await.unwrap();
        assert!(server.recv().await.unwrap().is_some());
        server.send("0").await.unwrap();
        for token in 1..20 {
            server.send(token.to_string()).await.unwrap();
            let came = arrived(&mut far).await;
            assert!(
                came.ends_with(token.to_string().as_bytes()),
                "{token} after {rest:?}: {came:?}"
            );
        }
    }
}

/// The one message that may wait for the next leaves when the socket goes.
#[tokio::test(start_paused = true)]
async fn a_reply_that_waits_leaves_when_the_socket_is_dropped() {
    let (mut server, mut far) = server_with(Config::server(), 1 << 16);
    far.write_all(&[MASKED_HELLO, MASKED_HELLO].concat()).await.unwrap();
    assert!(server.recv().await.unwrap().is_some());
    server.send("reply").await.unwrap();
    assert_eq!(arrived(&mut far).await, b"", "it may wait for the reply to the second");
    drop(server);
    assert_eq!(arrived(&mut far).await, b"\x81\x05reply");
}

#[tokio::test(start_paused = true)]
async fn without_batching_each_reply_leaves_by_itself() {
    let (mut server, mut far) = server_with(Config::server().batch_replies(false), 1 << 16);
    far.write_all(&[MASKED_HELLO, MASKED_HELLO].concat()).await.unwrap();
    assert!(server.recv().await.unwrap().is_some());
    server.send("reply").await.unwrap();
    assert_eq!(arrived(&mut far).await, b"\x81\x05reply");
}

/// A transport that holds bytes back, and whose flush has to wait once: nothing is stalled after that.
#[tokio::test(start_paused = true)]
async fn a_flush_that_had_to_wait_ends_nothing_later() {
    let (near, mut far) = tokio::io::duplex(1 << 10);
    let near = tokio::io::BufStream::new(near);
    let mut server = WebSocket::from_handshaken(near, server::ServerRole, Config::server(), &[]);
    let sending = tokio::spawn(async move {
        server.send(vec![7; 5000]).await.unwrap();
        server.recv().await
    });
    sleep(Duration::from_secs(1)).await;
    far.read_exact(&mut [0; 4 + 5000]).await.unwrap();
    sleep(Duration::from_secs(20)).await; // longer than a write may be stalled
    far.write_all(MASKED_HELLO).await.unwrap();
    assert_eq!(sending.await.unwrap().unwrap(), Some("Hello".into()));
}

/// The written part of a message in chunks leaves at once.
#[tokio::test(start_paused = true)]
async fn a_chunk_of_a_message_leaves_when_it_is_written() {
    let (mut server, mut far) = server_with(Config::server(), 1 << 16);
    let mut writer = server.writer(tidings_tokio::message::MessageKind::Text).unwrap();
    for token in ["one", "two", "three"] {
        writer.write(token.as_bytes()).await.unwrap();
        assert!(arrived(&mut far).await.ends_with(token.as_bytes()), "{token}");
    }
    writer.finish().await.unwrap();
}
