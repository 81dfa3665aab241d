//! Data that enters the compressor's context goes to the peer, once and in order: with messages
//! that are switched to plain, compressed for many, refused, or sent by futures that are dropped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "each test needs another part")]
mod compression_peer;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use compression_peer::*;
use tidings_testkit::ForeignDeflate;
use tidings_tokio::compression::deflate::{
    DeflateConfig, Direction, Level, NegotiatedCompression, WindowBits as Bits,
};
use tidings_tokio::websocket::{Client as ClientOf, SendError};
use tidings_tokio::{
    CloseCode, Error, Message, WebSocket,
    client::{ClientRole, RandomMasks},
    compression::CompressedMessage,
    message::MessageKind,
    server::{Negotiated, ServerRole},
};
use tokio::io::{AsyncWriteExt as _, DuplexStream};

const OFFER: &[&str] = &["permessage-deflate; client_max_window_bits"];

/// D-035: the senders of halves and of a split socket can switch as well.
#[tokio::test]
async fn every_sender_can_switch_off() {
    let (mut server, mut peer, _) = server_and_peer(with_takeover(), OFFER).await;
    let message = prose(2000, 0);
    {
        let (_, mut sender) = server.split();
        for is_plain in [true, false] {
            sender.set_compressing(!is_plain);
            sender.send(&message).await.unwrap();
            let first = if is_plain { FIN | TEXT } else { FIN | RSV1 | TEXT };
            assert_eq!(peer.recv().await.0, first);
        }
    }
    let (_receiver, mut sender) = server.into_split();
    for is_plain in [true, false] {
        sender.set_compressing(!is_plain);
        sender.send(&message).await.unwrap();
        let first = if is_plain { FIN | TEXT } else { FIN | RSV1 | TEXT };
        assert_eq!(peer.recv().await.0, first);
    }
}

/// D-032, D-035: a message that is switched to plain is plain, and the context continues after it.
#[tokio::test]
async fn switching_off_sends_plain_and_later_messages_refer_back() {
    let (mut server, mut peer, _) = server_and_peer(with_takeover(), OFFER).await;
    let (mut client, mut client_peer) = client_and_peer(with_takeover()).await;
    let mut foreign = [ForeignDeflate::new(), ForeignDeflate::new()];
    let mut lens = Vec::new();
    for number in 0..12 {
        let is_plain = number % 3 == 1;
        let message = prose(2000, number / 3);
        server.set_compressing(!is_plain);
        client.set_compressing(!is_plain);
        server.send(&message).await.unwrap();
        client.send(&message).await.unwrap();
        assert!(server.may_compress() && client.may_compress(), "that is still agreed on");
        let frames = [peer.recv().await, client_peer.recv().await];
        for ((first, payload), foreign) in frames.into_iter().zip(&mut foreign) {
            if is_plain {
                assert_eq!((first, &payload[..]), (FIN | TEXT, message.as_bytes()));
                continue;
            }
            assert_eq!(first, FIN | RSV1 | TEXT);
            assert!(foreign.decompress(&payload).unwrap() == message.as_bytes());
            lens.push(payload.len());
        }
    }
    // The third is the first again, with a plain one between.
    assert!(lens[2] < lens[0] / 4, "{lens:?}");

    // A message that was compressed for many is plain, too, when that is switched off.
    server.set_compressing(false);
    let shared = CompressedMessage::new(Message::text(prose(2000, 1)));
    server.send(&shared).await.unwrap();
    assert_eq!(peer.recv().await, (FIN | TEXT, prose(2000, 1).into_bytes()));
}

/// D-008, D-029, D-030, D-032: one message for connections with all kinds of negotiated parameters
/// and with none, between other messages.
#[tokio::test]
async fn a_message_for_many_arrives_at_all() {
    let mut off = with_takeover();
    off.compression = None;
    let mut pairs = vec![pair(off).await];
    for (bits, takeover) in [(9, true), (12, true), (12, false), (15, true), (15, false)] {
        let compression = compression((bits, takeover), (15, true));
        pairs.push(pair(compressing(compression)).await);
    }
    let in_fifteen = |message| {
        let config = DeflateConfig { level: Level::SMALLEST, ..DeflateConfig::DEFAULT };
        CompressedMessage::with(message, Bits::MAX, config).unwrap()
    };
    let news = [
        CompressedMessage::new(prose(20_000, 1).into()),
        in_fifteen(Message::binary(prose(60_000, 1).into_bytes())),
        // Not worth it: short, empty, noise.
        CompressedMessage::new("short".into()),
        CompressedMessage::new("".into()),
        CompressedMessage::new(Message::binary(noise(3000, 9))),
        // Short enough for any window.
        CompressedMessage::with(
            "x".repeat(300).into(),
            Bits::MAX,
            DeflateConfig { threshold: 1, ..DeflateConfig::DEFAULT },
        )
        .unwrap(),
    ];
    assert!(news[0].compressed_len().unwrap() < 10_000);
    assert_eq!([2, 3, 4].map(|index: usize| news[index].compressed_len()), [None; 3]);
    for round in 0..3 {
        for (server, client) in &mut pairs {
            let own = prose(3000, round);
            for news in &news {
                server.send(&own).await.unwrap();
                server.send(news).await.unwrap();
                server.send(news.clone()).await.unwrap();
                assert_eq!(client.recv().await.unwrap(), Some(Message::text(own.as_str())));
                for _ in 0..2 {
                    assert!(client.recv().await.unwrap().as_ref() == Some(news.message()));
                }
            }
            // From the client, whose window is another.
            client.send(&news[1]).await.unwrap();
            client.send(&own).await.unwrap();
            assert!(server.recv().await.unwrap().as_ref() == Some(news[1].message()));
            assert_eq!(server.recv().await.unwrap(), Some(Message::text(own)));
        }
    }
}

/// D-008: it goes in compressed form to the connections that can take it, and not to others. A
/// control frame is unchanged.
#[tokio::test]
async fn a_message_for_many_is_sent_as_it_was_compressed() {
    let shared = CompressedMessage::new(Message::text(prose(20_000, 1)));
    let mut payloads = Vec::new();
    for bits in [12, 15] {
        let config = compressing(compression((bits, true), (15, true)));
        let (mut server, mut peer, _) = server_and_peer(config, OFFER).await;
        server.send(prose(5000, 3)).await.unwrap();
        peer.recv().await;
        server.send(&shared).await.unwrap();
        let (first, payload) = peer.recv().await;
        assert_eq!(first, FIN | RSV1 | TEXT);
        assert_eq!(Some(payload.len()), shared.compressed_len());
        assert!(ForeignDeflate::new().decompress(&payload).unwrap() == prose(20_000, 1).as_bytes());
        payloads.push(payload);
        // Later messages refer neither to it nor to those before.
        server.send(prose(20_000, 1)).await.unwrap();
        let (_, payload) = peer.recv().await;
        assert!(ForeignDeflate::new().decompress(&payload).unwrap() == prose(20_000, 1).as_bytes());

        let ping = tidings_tokio::websocket::frame::ControlPayload::new(b"?").unwrap();
        server.send(CompressedMessage::new(Message::ping(ping))).await.unwrap();
        assert_eq!(peer.recv().await, (FIN | PING, b"?".to_vec()));
    }
    assert!(payloads[0] == payloads[1]);
}

/// The next frame holds this message, compressed after all that `foreign` has read.
async fn expect(peer: &mut Peer, foreign: &mut ForeignDeflate, message: &str) -> usize {
    let (first, payload) = peer.recv().await;
    assert_eq!(first, FIN | RSV1 | TEXT);
    assert!(foreign.decompress(&payload).unwrap() == message.as_bytes());
    payload.len()
}

/// D-008, D-032: a message refused above the limit of the queue was not sent, and leaves no trace
/// in the context. The queue counts the bytes to write: compressed bytes.
#[tokio::test]
async fn a_message_that_finds_the_queue_full_does_not_enter_the_context() {
    let mut config = with_takeover();
    config.max_write_queue_len = 10_000;
    let (mut server, mut peer, _) = server_and_peer(config, OFFER).await;
    let mut foreign = ForeignDeflate::new();
    let mut fed = 0;
    let refused = loop {
        match server.feed(prose(3000, fed)) {
            Ok(()) => fed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::QueueFull { max_len: 10_000, .. }), "{refused}");
    assert!(fed > 10, "{fed} messages of 3000 bytes fit");
    let shared = CompressedMessage::new(prose(3000, 7777).into());
    assert!(server.feed(&shared).is_err());
    for number in 5000..5005 {
        assert!(server.feed(prose(3000, number)).is_err());
    }
    server.flush().await.unwrap();
    for number in 0..fed {
        expect(&mut peer, &mut foreign, &prose(3000, number)).await;
    }
    // Those that were refused are new to the peer, and the others are not.
    for number in [5004, 5003, 0, fed - 1] {
        server.send(prose(3000, number)).await.unwrap();
        expect(&mut peer, &mut foreign, &prose(3000, number)).await;
    }
}

/// Inside a message in pieces nothing else is sent; nor is it when closing has begun. The last frame
/// is the Close.
#[tokio::test]
async fn nothing_is_sent_where_nothing_may_be() {
    for inside in [true, false] {
        let (mut server, mut peer, _) = server_and_peer(with_takeover(), OFFER).await;
        server.send(prose(3000, 1)).await.unwrap();
        expect(&mut peer, &mut ForeignDeflate::new(), &prose(3000, 1)).await;
        if inside {
            let mut writer = server.writer(MessageKind::Text).unwrap();
            writer.write(b"begun").await.unwrap();
        } else {
            server.start_close(CloseCode::NORMAL, "");
        }
        let shared = CompressedMessage::new(prose(3000, 3).into());
        for refused in [
            server.send(prose(3000, 2)).await,
            server.feed(&shared),
            server.send("short").await,
            server.send(&noise(3000, 2)[..]).await,
        ] {
            match inside {
                true => assert!(matches!(refused, Err(Error::MessageUnfinished)), "{refused:?}"),
                false => {
                    assert!(matches!(refused, Err(Error::Send(SendError::NotOpen))), "{refused:?}");
                }
            }
        }
        server.start_close(CloseCode::NORMAL, "");
        server.flush().await.unwrap();
        if inside {
            assert_eq!(peer.recv().await, (TEXT, b"begun".to_vec()));
        }
        assert_eq!(peer.recv_close().await, 1000);
        // Later messages of the peer are read, compressed or not.
        peer.send(FIN | RSV1 | TEXT, &ForeignDeflate::new().compress(prose(2000, 1).as_bytes()))
            .await;
        assert_eq!(server.recv().await.unwrap(), Some(prose(2000, 1).into()));
        peer.send(FIN | CLOSE, &[0x03, 0xE8]).await;
        peer.stream.shutdown().await.unwrap();
        assert_eq!(server.recv().await.unwrap(), None);
    }
}

/// The two ends over a transport that takes this many bytes at a time.
fn narrow_pair(room: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream, ClientRole>) {
    let direction = Direction::new(Bits::MAX, true);
    let agreement = NegotiatedCompression { server: direction, client: direction };
    let agreed = || Negotiated { compression: Some(agreement), ..Negotiated::default() };
    let config = with_takeover();
    let (near, far) = tokio::io::duplex(room);
    let role = ClientOf::new(RandomMasks);
    (
        WebSocket::from_negotiated(near, ServerRole, config, &[], agreed()),
        WebSocket::from_negotiated(far, role, config, &[], agreed()),
    )
}

/// Polls a future so often, and drops it.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for poll in 0..polls {
        if poll > 0 {
            tokio::task::yield_now().await;
        }
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
    }
    None
}

/// D-032: every future is dropped after one poll or a few: a compressed message is sent once, in
/// order, and a half-received one is not lost.
#[tokio::test]
async fn futures_that_are_dropped_lose_no_compressed_message() {
    for (room, polls) in [(1, 1), (7, 1), (7, 3), (100, 2), (5000, 1)] {
        let (mut server, mut client) = narrow_pair(room);
        let count = if room == 1 { 8 } else { 40 };
        let message = move |number: usize| match number % 4 {
            3 => Message::binary(noise(1500, 1)),
            2 => Message::text("short"),
            _ => Message::text(prose(2000, number / 4)),
        };
        let echo = tokio::spawn(async move {
            loop {
                let received = loop {
                    if let Some(received) = polled(server.recv(), polls).await {
                        break received.unwrap();
                    }
                    tokio::task::yield_now().await;
                };
                let Some(message) = received else { break };
                // There is room in the queue, so it is queued even if the future is dropped.
                let _ = polled(server.send(message), polls).await.transpose().unwrap();
                while polled(server.flush(), polls).await.transpose().unwrap().is_none() {
                    tokio::task::yield_now().await;
                }
            }
        });
        for number in 0..count {
            let _ = polled(client.send(message(number)), polls).await.transpose().unwrap();
            let mut received = None;
            while received.is_none() {
                received = polled(client.recv(), polls).await.transpose().unwrap();
                tokio::task::yield_now().await;
            }
            assert!(received == Some(Some(message(number))), "{room}, {polls}, {number}");
        }
        while polled(client.close(CloseCode::NORMAL, ""), polls).await.is_none() {
            tokio::task::yield_now().await;
        }
        echo.await.unwrap();
        assert!(client.close_info().is_clean());
    }
}

/// A `send` that waits for room has taken nothing: if it is dropped, its message was never in the
/// context.
#[tokio::test]
async fn a_send_that_waits_for_room_and_is_dropped_was_not_said() {
    let (mut server, mut client) = narrow_pair(100);
    // 64 KiB wait.
    server.feed(Message::binary(noise(70_000, 1))).unwrap();
    for number in 0..5 {
        assert!(polled(server.send(prose(3000, number)), 1).await.is_none());
    }
    let sending = tokio::spawn(async move {
        for number in [3, 4, 100, 3] {
            server.send(prose(3000, number)).await.unwrap();
        }
        server
    });
    assert!(client.recv().await.unwrap() == Some(Message::binary(noise(70_000, 1))));
    for number in [3, 4, 100, 3] {
        assert_eq!(client.recv().await.unwrap(), Some(prose(3000, number).into()));
    }
    drop(sending.await.unwrap());
}
