//! The ends: of each half, of each direction of a stream of bytes, and the reason that each half gets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt as _};
use tidings_tokio::websocket::{CloseStatus, Violation};
use tidings_tokio::{CloseCode, Config, Error, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use crate::{MASKED_HELLO, pair, server_with};

/// In halves of the futures crates: the sink's close is our Close frame, and the answers that are
/// still to come are the stream's.
#[tokio::test(start_paused = true)]
async fn closing_the_sink_leaves_the_answers_to_the_stream() {
    let (mut server, client) = pair();
    let (mut sink, mut stream) = client.split();
    let reading = tokio::spawn(async move {
        let mut answers = Vec::new();
        while let Some(answer) = stream.next().await {
            answers.push(answer.unwrap());
        }
        answers
    });
    let asks = tokio::spawn(async move {
        for number in 0..3 {
            sink.send(Message::text(number.to_string())).await.unwrap();
        }
        sink.close().await.unwrap();
    });
    sleep(Duration::from_secs(1)).await;
    asks.await.unwrap();
    while let Ok(Some(message)) = server.recv().await {
        server.send(message).await.unwrap();
    }
    let answers = timeout(Duration::from_secs(60), reading).await.unwrap().unwrap();
    assert_eq!(answers, ["0".into(), "1".into(), "2".into()]);
}

/// A send that had to wait takes neither the waker nor the timer of the task that receives.
#[tokio::test(start_paused = true)]
async fn keep_alive_goes_on_after_a_send_that_had_to_wait() {
    for is_owned in [false, true] {
        let (server, mut far) = server_with(Config::server(), 1 << 10);
        let (reading, sending) = if is_owned {
            let (mut receiver, mut sender) = server.into_split();
            let reading = tokio::spawn(async move { receiver.recv().await });
            let sending = tokio::spawn(async move { sender.send(vec![7; 100_000]).await });
            (reading, sending)
        } else {
            let (mut sink, mut stream) = server.split();
            let reading = tokio::spawn(async move { stream.next().await.transpose() });
            let large = Message::binary(vec![7; 100_000]);
            let sending = tokio::spawn(async move {
                sleep(Duration::from_secs(1)).await;
                let sent = SinkExt::send(&mut sink, large).await;
                // The sink stays, but does nothing any more.
                tokio::spawn(async move {
                    sleep(Duration::from_secs(3600)).await;
                    drop(sink);
                });
                sent
            });
            (reading, sending)
        };
        sleep(Duration::from_secs(5)).await;
        let mut frame = vec![0; 10 + 100_000];
        far.read_exact(&mut frame).await.unwrap();
        sending.await.unwrap().unwrap();
        let mut ping = [0; 10];
        timeout(Duration::from_secs(30), far.read_exact(&mut ping)).await.unwrap().unwrap();
        assert_eq!(ping[..2], [0x89, 8], "owned: {is_owned}");
        far.write_all(MASKED_HELLO).await.unwrap();
        let received = timeout(Duration::from_secs(1), reading).await.unwrap().unwrap();
        assert_eq!(received.unwrap(), Some("Hello".into()));
    }
}

/// RFC 6455, 5.5.1: after our Close frame the peer's data still comes, until its own.
#[tokio::test(start_paused = true)]
async fn a_byte_stream_that_is_shut_down_still_reads() {
    let (mut server, client) = pair();
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await.unwrap() {
            server.send(message).await.unwrap();
        }
    });
    let mut bytes = client.into_byte_stream();
    bytes.write_all(b"to be echoed").await.unwrap();
    bytes.shutdown().await.unwrap();
    let mut echoed = Vec::new();
    bytes.read_to_end(&mut echoed).await.unwrap();
    assert_eq!(echoed, b"to be echoed");
    assert!(bytes.get_ref().close_info().is_clean());
    echo.await.unwrap();
}

/// A tunnel: each direction ends for itself, and all bytes arrive, however long the other takes.
#[tokio::test(start_paused = true)]
async fn both_directions_of_a_tunnel_are_carried_to_their_ends() {
    let data: Vec<u8> = (0..=250).cycle().take(500_000).collect();
    let (server, client) = pair();
    let (inner, mut service) = tokio::io::duplex(1000);
    let (outer, mut user) = tokio::io::duplex(1000);
    let tunnel = |mut stream: DuplexStream, bytes| async move {
        let mut bytes = bytes;
        tokio::io::copy_bidirectional(&mut stream, &mut bytes).await.unwrap()
    };
    let near = tokio::spawn(tunnel(inner, server.into_byte_stream()));
    let mut client = client.into_byte_stream();
    let far = tokio::spawn(async move {
        let mut outer = outer;
        tokio::io::copy_bidirectional(&mut outer, &mut client).await.unwrap()
    });
    let answer = data.clone();
    let serving = tokio::spawn(async move {
        let mut asked = Vec::new();
        service.read_to_end(&mut asked).await.unwrap();
        for part in answer.chunks(50_000) {
            sleep(Duration::from_secs(20)).await; // longer than a closing handshake may take
            service.write_all(part).await.unwrap();
        }
        asked
    });
    user.write_all(b"a question").await.unwrap();
    user.shutdown().await.unwrap();
    let mut answered = Vec::new();
    user.read_to_end(&mut answered).await.unwrap();
    assert!(answered == data, "{} bytes came", answered.len());
    assert_eq!(serving.await.unwrap(), b"a question");
    assert_eq!(near.await.unwrap(), (500_000, 10));
    assert_eq!(far.await.unwrap(), (10, 500_000));
}

/// Each half learns why the connection failed, also the one that did not find it out.
#[tokio::test(start_paused = true)]
async fn every_half_learns_why_the_connection_ended() {
    // A violation, found by the receiver.
    let (server, mut far) = server_with(Config::server(), 1 << 16);
    let (mut receiver, mut sender) = server.into_split();
    far.write_all(b"\x81\x00").await.unwrap();
    far.shutdown().await.unwrap();
    assert!(matches!(receiver.recv().await, Err(Error::Violation(Violation::UnmaskedFrame))));
    assert_eq!(receiver.recv().await.unwrap(), None);
    for _ in 0..2 {
        let sent = sender.send("late").await;
        assert!(matches!(sent, Err(Error::Violation(Violation::UnmaskedFrame))), "{sent:?}");
        let fed = sender.feed("late");
        assert!(matches!(fed, Err(Error::Violation(Violation::UnmaskedFrame))), "{fed:?}");
    }

    // A Close of the peer's.
    let (server, mut client) = pair();
    let (mut receiver, mut sender) = server.into_split();
    client.start_close(CloseCode::GOING_AWAY, "bye");
    let (closed, received) = tokio::join!(client.close(CloseCode::NORMAL, ""), receiver.recv());
    assert!(matches!((closed, received), (Ok(()), Ok(None))));
    let error = sender.send("late").await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.to_string(), "the peer has closed: 1001 (going away): bye");

    // Our own.
    let error = client.send("late").await.unwrap_err();
    assert!(matches!(error, Error::Send(_)) && error.is_closed(), "{error}");

    // A transport that fails, found by the sender.
    let (server, far) = server_with(Config::server(), 1 << 16);
    let (mut receiver, mut sender) = server.into_split();
    drop(far);
    assert!(sender.send("lost").await.unwrap_err().is_disconnect());
    assert!(receiver.recv().await.unwrap_err().is_disconnect());
    assert_eq!(receiver.recv().await.unwrap(), None);
}

/// The peer's time to answer a Close frame begins when that has left: 8 MB before it are read by a
/// slow peer to the end.
#[tokio::test(start_paused = true)]
async fn a_close_after_much_that_a_slow_peer_reads_loses_nothing() {
    for is_fed in [false, true] {
        let config = Config::server().max_write_queue_len(16 << 20);
        let (mut server, mut far) = server_with(config, 1 << 20);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            let mut buffer = [0; 16 * 1024];
            loop {
                sleep(Duration::from_millis(50)).await;
                match far.read(&mut buffer).await.unwrap() {
                    0 => return all,
                    len => all.extend_from_slice(&buffer[..len]),
                }
                if all.ends_with(b"\x88\x05\x03\xe8end") {
                    far.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
                }
            }
        });
        let message = vec![7; 8_000_000];
        match is_fed {
            true => server.feed(message).unwrap(),
            false => server.send(message).await.unwrap(),
        }
        server.close(CloseCode::NORMAL, "end").await.unwrap();
        assert!(server.close_info().is_clean());
        assert_eq!(server.close_info().received.code(), 1000);
        assert_ne!(server.close_info().sent, CloseStatus::Missing);
        assert_eq!(reading.await.unwrap().len(), 10 + 8_000_000 + 7);
    }
}

/// A peer that says why it closes, and hangs up while we send: what it said is received.
#[tokio::test(start_paused = true)]
async fn a_close_frame_is_received_though_writing_has_failed() {
    let (mut server, mut far) = server_with(Config::server(), 1 << 10);
    let sending = tokio::spawn(async move {
        let sent = server.send(vec![7; 100_000]).await;
        (server, sent)
    });
    sleep(Duration::from_secs(1)).await;
    far.write_all(&[MASKED_HELLO, b"\x88\x85\0\0\0\0\x03\xf0why"].concat()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    drop(far);
    let (mut server, sent) = sending.await.unwrap();
    assert!(sent.unwrap_err().is_disconnect());
    assert_eq!(server.recv().await.unwrap(), Some("Hello".into()));
    assert_eq!(server.recv().await.unwrap(), None);
    assert_eq!(server.close_info().received.to_string(), "1008 (policy violation): why");
    let error = server.send("more").await.unwrap_err();
    assert!(matches!(error, Error::Closed(_)), "{error}");
}

/// A sender whose receiver was dropped waits for the end itself, as one that has both halves does.
#[tokio::test(start_paused = true)]
async fn a_sender_alone_closes_to_the_end() {
    let (server, mut client) = pair();
    let (receiver, mut sender) = server.into_split();
    drop(receiver);
    let reading = tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        while client.recv().await.unwrap().is_some() {}
        client.close_info()
    });
    let start = Instant::now();
    sender.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2), "it has waited for the peer's Close");
    assert!(sender.close_info().is_clean());
    assert!(reading.await.unwrap().is_clean());
}

/// Each half is told that both sides send.
#[tokio::test(start_paused = true)]
async fn both_halves_are_told_that_both_sides_send() {
    let config = Config::server().max_read_ahead_len(1000);
    let (server, far) = server_with(config, 1 << 10);
    let (mut receiver, mut sender) = server.into_split();
    let (read, mut write) = tokio::io::split(far);
    let flooding = tokio::spawn(async move {
        while write.write_all(MASKED_HELLO).await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    let error = sender.send(vec![7; 100_000]).await.unwrap_err();
    assert!(matches!(error, Error::BothSend { .. }), "{error}");
    let error = receiver.recv().await.unwrap_err();
    assert!(matches!(error, Error::BothSend { .. }), "{error}");
    assert_eq!(receiver.recv().await.unwrap(), None);
    drop((sender, receiver, read));
    flooding.await.unwrap();
}
