//! The time at which sent messages leave, and the work of a waiting sender: it checks only whether
//! the peer takes bytes, reads ahead, and learns why nothing can be sent any more.

#![cfg(feature = "futures")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt as _};
use tidings_tokio::websocket::{CloseStatus, Timeout, Violation};
use tidings_tokio::{CloseCode, Config, Error, Message, WebSocket, client, server, websocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

type Server = WebSocket<DuplexStream>;
type Client = WebSocket<DuplexStream, client::ClientRole>;

const MASKED_HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

fn server_with(config: Config, room: usize) -> (Server, DuplexStream) {
    let (near, far) = tokio::io::duplex(room);
    (WebSocket::from_handshaken(near, server::ServerRole, config, &[]), far)
}

fn pair_with(config: Config, room: usize) -> (Server, Client) {
    let (server, far) = server_with(config, room);
    let role = websocket::Client::new(client::RandomMasks);
    let patient = Config::client().write_timeout(Duration::from_secs(120));
    (server, WebSocket::from_handshaken(far, role, patient, &[]))
}

fn pair() -> (Server, Client) {
    pair_with(Config::server(), 1 << 16)
}

/// Returns the bytes that have arrived by now, without waiting for the end.
async fn arrived(far: &mut DuplexStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 1000];
    while let Ok(read) = timeout(Duration::from_millis(1), far.read(&mut buffer)).await {
        match read.unwrap() {
            0 => break,
            len => all.extend_from_slice(&buffer[..len]),
        }
    }
    all
}

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

/// A peer that reads 3 MB a second and answers each Ping at once, and a server that only sends: the
/// answers are there, nobody has looked at them, and nobody may say that they are missing.
#[tokio::test(start_paused = true)]
async fn a_sender_does_not_judge_a_peer_that_it_does_not_read_from() {
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

/// A Ping that waits behind what a slow peer takes is not unanswered, also while the receiver looks.
#[tokio::test(start_paused = true)]
async fn a_ping_behind_a_long_message_is_not_unanswered() {
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

/// What is written of a message in chunks leaves at once.
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
