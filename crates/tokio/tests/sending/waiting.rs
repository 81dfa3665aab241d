//! A sender that has to wait: it reads ahead, and decides about the peer only by the bytes it takes.

use std::time::Duration;

use tidings_tokio::websocket::Timeout;
use tidings_tokio::{CloseCode, Config, Error, Message, WebSocket, websocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use crate::{Client, MASKED_HELLO, arrived, pair, pair_with, server_with};

/// A peer that reads 3 MB a second and answers each Ping at once, and a server that only sends: the
/// answers are there, nobody has looked at them, and nobody may say that they are missing.
#[tokio::test(start_paused = true)]
async fn a_sender_does_not_give_up_a_peer_that_it_does_not_read_from() {
    async fn read_slowly(mut client: Client) -> usize {
        let mut len = 0;
        while let Some(message) = client.recv().await.unwrap() {
            len += message.len();
            sleep(Duration::from_millis(20)).await;
        }
        len
    }
    let chunk = vec![7; 64 * 1024];
    let count = 10_000; // 200 seconds

    let (mut server, client) = pair();
    let reading = tokio::spawn(read_slowly(client));
    for _ in 0..count {
        server.send(&chunk[..]).await.unwrap();
    }
    server.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(reading.await.unwrap(), count * chunk.len());

    // The receiving end is not polled, or dropped.
    for is_kept in [true, false] {
        let (server, client) = pair();
        let reading = tokio::spawn(read_slowly(client));
        let (receiver, mut sender) = server.into_split();
        let mut receiver = is_kept.then_some(receiver);
        for _ in 0..count {
            sender.send(&chunk[..]).await.unwrap();
        }
        sender.close(CloseCode::NORMAL, "").await.unwrap();
        if let Some(receiver) = &mut receiver {
            assert_eq!(receiver.recv().await.unwrap(), None);
        }
        assert_eq!(reading.await.unwrap(), count * chunk.len());
    }

    // Borrowed halves, of which one sends.
    let (mut server, client) = pair();
    let reading = tokio::spawn(read_slowly(client));
    let (_, mut sender) = WebSocket::split(&mut server);
    for _ in 0..count {
        sender.send(&chunk[..]).await.unwrap();
    }
    server.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(reading.await.unwrap(), count * chunk.len());
}

/// Pings are answered by the sender where the receiving end was dropped, and a Close is seen.
#[tokio::test(start_paused = true)]
async fn the_sender_receives_for_a_receiver_that_was_dropped() {
    let (server, mut far) = server_with(Config::server(), 1 << 16);
    let (receiver, mut sender) = server.into_split();
    drop(receiver);
    far.write_all(&[MASKED_HELLO, b"\x89\x80\0\0\0\0"].concat()).await.unwrap();
    sender.send("a").await.unwrap();
    assert_eq!(arrived(&mut far).await, b"\x8a\x00\x81\x01a");
    far.write_all(b"\x88\x82\0\0\0\0\x03\xe9").await.unwrap();
    let error = sender.send("b").await.unwrap_err();
    let Error::Closed(info) = error else { panic!("{error}") };
    assert_eq!(info.received.code(), 1001);
}

/// The application is busy for longer than a message may take, with half a message received and the
/// rest of it waiting: that is not the peer's fault. And the frames that the peer sent in that time
/// are not a flood.
#[tokio::test(start_paused = true)]
async fn the_slowness_of_the_application_is_not_charged_to_the_peer() {
    let config = Config::server().max_message_len(1 << 30);
    for is_dropped_before in [false, true] {
        let (mut server, mut client) = pair_with(config, 1 << 16);
        let sending = tokio::spawn(async move {
            client.send("first").await.unwrap();
            for _ in 0..600 {
                sleep(Duration::from_millis(50)).await;
                client.send(Message::ping(websocket::frame::ControlPayload::EMPTY)).await.unwrap();
            }
            client.send(vec![7; 30 << 20]).await.unwrap();
            client.recv().await
        });
        assert_eq!(server.recv().await.unwrap(), Some("first".into()));
        if is_dropped_before {
            // Half of the next message was looked at, in a `select!` that another branch won.
            let _ = timeout(Duration::from_millis(1), server.recv()).await;
        }
        sleep(Duration::from_secs(65)).await;
        let large = server.recv().await.unwrap().unwrap();
        assert_eq!(large.len(), 30 << 20);
        server.close(CloseCode::NORMAL, "").await.unwrap();
        let ended = sending.await.unwrap();
        assert!(matches!(ended, Ok(None)), "{ended:?}");
    }
}

/// 512 bytes a second are fast enough, for hours; a byte now and then is not.
#[tokio::test(start_paused = true)]
async fn a_message_that_makes_progress_is_not_late() {
    let (mut server, mut far) = server_with(Config::server(), 1 << 16);
    let receiving = tokio::spawn(async move { server.recv().await });
    far.write_all(b"\x82\xff\0\0\0\0\0\x0f\xff\x00\0\0\0\0").await.unwrap();
    let reading = tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(far);
        tokio::spawn(async move { while read.read_u8().await.is_ok() {} });
        for _ in 0..0xf_ff00 / 1024 {
            write.write_all(&[0; 1024]).await.unwrap();
            sleep(Duration::from_secs(2)).await;
        }
        write.write_all(&[0; 0xf_ff00 % 1024]).await.unwrap();
        write
    });
    let received = receiving.await.unwrap().unwrap().unwrap();
    assert_eq!(received.len(), 0xf_ff00);
    drop(reading.await.unwrap());

    let (mut server, mut far) = server_with(Config::server(), 1 << 16);
    let start = Instant::now();
    let receiving = tokio::spawn(async move { server.recv().await });
    far.write_all(b"\x82\xff\0\0\0\0\0\x0f\xff\x00\0\0\0\0").await.unwrap();
    while !receiving.is_finished() {
        let _ = far.write_all(&[0]).await;
        sleep(Duration::from_secs(1)).await;
    }
    let received = receiving.await.unwrap();
    assert!(matches!(received, Err(Error::Timeout(Timeout::Message))), "{received:?}");
    assert!(start.elapsed() < Duration::from_secs(65), "{:?}", start.elapsed());
}

/// Two sides that both send before they receive do not wait for each other.
#[tokio::test(start_paused = true)]
async fn two_sides_that_send_first_both_get_through() {
    async fn talk<R: websocket::Role>(mut socket: WebSocket<DuplexStream, R>) {
        let chunk = vec![7; 1 << 20];
        for _ in 0..64 {
            socket.send(&chunk[..]).await.unwrap();
            assert_eq!(socket.recv().await.unwrap().unwrap().len(), chunk.len());
        }
    }
    let (server, client) = pair();
    let serving = tokio::spawn(async move {
        talk(server).await;
    });
    talk(client).await;
    serving.await.unwrap();
}

/// A client that sends 3 MiB before it reads, into the natural echo loop.
#[tokio::test(start_paused = true)]
async fn a_client_that_pipelines_is_echoed() {
    let (mut server, client) = pair();
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await? {
            server.send(message).await?;
        }
        Ok::<_, Error>(())
    });
    // A client that does not read ahead: the bytes of one that does, written by hand.
    let mut far = client.into_inner();
    let message = [&b"\x82\xfe\x40\x00\0\0\0\0"[..], &[7; 0x4000]].concat();
    for _ in 0..3 << 6 {
        far.write_all(&message).await.unwrap();
    }
    let mut echoed = vec![0; (0x4000 + 4) * (3 << 6)];
    far.read_exact(&mut echoed).await.unwrap();
    assert!(echoed.starts_with(b"\x82\x7e\x40\x00\x07"));
    far.write_all(b"\x88\x80\0\0\0\0").await.unwrap();
    echo.await.unwrap().unwrap();
}

/// When the limit of reading ahead is reached, the sender gets an error, and the peer gets a Close
/// frame once it reads.
#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_on_and_never_reads_is_told_so() {
    let (mut server, far) = server_with(Config::server(), 1 << 16);
    let (mut read, mut write) = tokio::io::split(far);
    let flooding = tokio::spawn(async move {
        let message = [&b"\x82\xfe\x40\x00\0\0\0\0"[..], &[7; 0x4000]].concat();
        for _ in 0..16 << 6 {
            write.write_all(&message).await.unwrap(); // it goes on once what it sends is dropped
        }
        let mut all = Vec::new();
        read.read_to_end(&mut all).await.unwrap();
        all
    });
    let error = loop {
        match server.send(vec![7; 1000]).await {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    let Error::BothSend { unread_len } = error else { panic!("{error}") };
    assert_eq!(unread_len, Config::server().max_read_ahead_len);
    assert!(matches!(server.send("more").await, Err(Error::BothSend { .. })));
    assert_eq!(server.close_info().sent.code(), 1008);
    let all = flooding.await.unwrap();
    assert!(all.ends_with(b"\x03\xf0both sides send and neither receives"));
}

/// A Ping that is queued after what a slow peer takes is not unanswered, also while the receiver looks.
#[tokio::test(start_paused = true)]
async fn a_ping_after_a_long_message_is_not_unanswered() {
    let mut config = Config::server();
    config.timeouts.ping_interval = Duration::from_secs(1);
    config.timeouts.pong = Duration::from_secs(1);
    let (server, mut far) = server_with(config, 1 << 16);
    let (mut receiver, mut sender) = server.into_split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    let sending = tokio::spawn(async move {
        sender.send(vec![7; 4 << 20]).await.unwrap();
        sender
    });
    let mut left = 10 + (4 << 20);
    let mut buffer = vec![0; 50_000];
    while left > 0 {
        let len = left.min(buffer.len());
        far.read_exact(&mut buffer[..len]).await.unwrap();
        left -= len;
        sleep(Duration::from_millis(50)).await;
    }
    let _sender = sending.await.unwrap();
    far.write_all(MASKED_HELLO).await.unwrap();
    assert_eq!(receiving.await.unwrap().unwrap(), Some("Hello".into()));
}

/// A sender that waits, with all that may be read ahead, goes on when the receiver is dropped.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_dropped_wakes_the_sender() {
    let config = Config::server().max_read_ahead_len(1000);
    let (server, far) = server_with(config, 1 << 10);
    let (receiver, mut sender) = server.into_split();
    let (mut read, mut write) = tokio::io::split(far);
    let start = Instant::now();
    let sending = tokio::spawn(async move { sender.send(vec![7; 100_000]).await });
    let flooding = tokio::spawn(async move {
        for _ in 0..1000 {
            write.write_all(MASKED_HELLO).await.unwrap();
        }
        write
    });
    sleep(Duration::from_secs(1)).await;
    assert!(!flooding.is_finished(), "nobody receives");
    drop(receiver);
    let _write = flooding.await.unwrap();
    let reading = tokio::spawn(async move { read.read_exact(&mut vec![0; 100_000]).await });
    sending.await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    reading.await.unwrap().unwrap();
}

/// The application was busy while the peer waited for it to read: the time of a stalled write begins
/// anew.
#[tokio::test(start_paused = true)]
async fn a_write_is_not_stalled_while_the_application_is_busy() {
    let (mut server, mut far) = server_with(Config::server().max_read_ahead_len(1000), 1 << 10);
    // The peer sends first, and reads then.
    let talking = tokio::spawn(async move {
        let message = [&b"\x82\xfe\x40\x00\0\0\0\0"[..], &[8; 0x4000]].concat();
        for _ in 0..10 {
            far.write_all(&message).await.unwrap();
        }
        far.read_exact(&mut vec![0; 10 + 100_000]).await.unwrap();
        far
    });
    let sent = timeout(Duration::from_secs(1), server.send(vec![7; 100_000])).await;
    assert!(sent.is_err(), "the peer takes nothing yet");
    sleep(Duration::from_secs(30)).await;
    for _ in 0..10 {
        assert_eq!(server.recv().await.unwrap().unwrap().len(), 0x4000);
    }
    server.flush().await.unwrap();
    let _far = talking.await.unwrap();
}

/// A receiver that is slow, but receives, keeps the sender from taking the peer for one that only
/// sends.
#[tokio::test(start_paused = true)]
async fn a_slow_receiver_receives_all_the_same() {
    let (server, mut far) = server_with(Config::server().max_read_ahead_len(1000), 1 << 10);
    let (mut receiver, mut sender) = server.into_split();
    let receiving = tokio::spawn(async move {
        for _ in 0..20 {
            sleep(Duration::from_secs(3)).await; // a minute in all
            assert_eq!(receiver.recv().await.unwrap().unwrap().len(), 0x4000);
        }
        receiver
    });
    let talking = tokio::spawn(async move {
        let message = [&b"\x82\xfe\x40\x00\0\0\0\0"[..], &[8; 0x4000]].concat();
        for _ in 0..20 {
            far.write_all(&message).await.unwrap();
        }
        far.read_exact(&mut vec![0; 10 + 100_000]).await.unwrap();
        far
    });
    sender.send(vec![7; 100_000]).await.unwrap();
    let _receiver = receiving.await.unwrap();
    let _far = talking.await.unwrap();
}
