//! The other forms of a WebSocket: halves that return borrowed messages, owned halves for two
//! tasks, a stream of bytes, messages in chunks, `Stream` and `Sink`.

#![cfg(feature = "futures")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt as _};
use tidings_tokio::websocket::{CloseStatus, SendError};
use tidings_tokio::{
    CloseCode, Config, Error, Message, WebSocket,
    client::{ClientRole, RandomMasks},
    message::{MessageKind, MessageRef},
    websocket::Client as ClientOf,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::timeout;

type Server = WebSocket<DuplexStream>;
type Client = WebSocket<DuplexStream, ClientRole>;

fn pair_with_room(len: usize) -> (Server, Client) {
    let mut config = Config::server();
    config.limits.max_message_len = 1 << 30;
    config.limits.max_frame_len = 1 << 30;
    let (near, far) = tokio::io::duplex(len);
    let client = ClientOf::new(RandomMasks);
    (
        WebSocket::from_handshaken(near, tidings_tokio::server::ServerRole, config, &[]),
        WebSocket::from_handshaken(far, client, config, &[]),
    )
}

fn pair() -> (Server, Client) {
    pair_with_room(1 << 20)
}

/// Texts and binaries around the sizes where the way of writing changes.
fn samples() -> Vec<Message> {
    let mut samples = Vec::new();
    for len in [0, 1, 125, 126, 8191, 8192, 65_535, 65_536, 200_000] {
        samples.push(Message::text("é".repeat(len / 2)));
        samples.push(Message::binary(vec![7; len]));
    }
    samples
}

/// A borrowed message is sent while it is borrowed: the echo loop compiles, and is right for every
/// size.
#[tokio::test(start_paused = true)]
async fn a_borrowed_message_is_echoed() {
    for room in [1 << 20, 3000] {
        let (mut server, mut client) = pair_with_room(room);
        let echo = tokio::spawn(async move {
            let (mut receiver, mut sender) = WebSocket::split(&mut server);
            while let Some(message) = receiver.recv(&mut sender).await? {
                sender.send(message).await?;
            }
            Ok::<_, Error>(())
        });
        for message in samples() {
            client.send(&message).await.unwrap();
            assert_eq!(client.recv().await.unwrap(), Some(message));
        }
        client.close(CloseCode::NORMAL, "").await.unwrap();
        echo.await.unwrap().unwrap();
    }
}

/// A message that came in one piece is borrowed from the read buffer, one in fragments is owned.
#[tokio::test(start_paused = true)]
async fn only_a_message_in_one_piece_is_borrowed() {
    let (mut server, mut client) = pair();
    client.send("whole").await.unwrap();
    let mut writer = client.writer(MessageKind::Text).unwrap();
    writer.write("gr".as_bytes()).await.unwrap();
    writer.write(&[0xC3]).await.unwrap();
    writer.write(&[0xBC, b'n']).await.unwrap();
    writer.finish().await.unwrap();

    let (mut receiver, mut sender) = WebSocket::split(&mut server);
    let first = receiver.recv(&mut sender).await.unwrap().unwrap();
    assert!(
        matches!(&first, MessageRef::Text(text) if matches!(text, std::borrow::Cow::Borrowed("whole")))
    );
    let second = receiver.recv(&mut sender).await.unwrap().unwrap();
    assert_eq!(second, MessageRef::Text("grün".into()));
}

/// The two owned ends work in two tasks at once, each waking the other when it has to.
#[tokio::test(start_paused = true)]
async fn owned_halves_go_on_in_two_tasks() {
    for room in [1 << 16, 100] {
        let (mut server, client) = pair_with_room(room);
        let echo = tokio::spawn(async move {
            while let Some(message) = server.recv().await? {
                server.send(message).await?;
            }
            Ok::<_, Error>(server.close_info())
        });
        let (mut receiver, mut sender) = client.into_split();
        let sending = tokio::spawn(async move {
            for number in 0..200 {
                sender.send(format!("{number} {}", "x".repeat(number))).await.unwrap();
            }
            sender
        });
        for number in 0..200 {
            let message = receiver.recv().await.unwrap().unwrap();
            assert_eq!(message, Message::text(format!("{number} {}", "x".repeat(number))));
        }
        let mut sender = sending.await.unwrap();
        sender.close(CloseCode::NORMAL, "done").await.unwrap();
        assert_eq!(receiver.recv().await.unwrap(), None);
        let sent = sender.send("late").await;
        assert!(matches!(sent, Err(Error::Send(SendError::NotOpen))), "{sent:?}");
        assert!(echo.await.unwrap().unwrap().is_clean());
        assert!(receiver.reunite(sender).unwrap().close_info().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn halves_of_two_sockets_do_not_reunite() {
    let (one, _peer) = pair();
    let (other, _other_peer) = pair();
    let (_receiver, sender) = one.into_split();
    let (receiver, _sender) = other.into_split();
    assert!(receiver.reunite(sender).is_err());
}

/// A receiver that waits keeps answering Pings and keeping deadlines, though the other end sleeps.
#[tokio::test(start_paused = true)]
async fn a_waiting_owned_receiver_keeps_the_connection_alive() {
    let (server, mut client) = pair();
    let (mut receiver, _sender) = server.into_split();
    let waiting = tokio::spawn(async move { receiver.recv().await });
    assert!(timeout(Duration::from_secs(600), client.recv()).await.is_err());
    assert!(client.round_trip_time().is_some(), "its Pings were answered");
    client.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), None);
}

/// `Stream` and `Sink`: `forward` of the one into the other is an echo server.
#[tokio::test(start_paused = true)]
async fn a_stream_is_forwarded_into_its_sink() {
    let (server, mut client) = pair();
    let echo = tokio::spawn(async move {
        let (receiver, sender) = server.into_split();
        receiver.forward(sender).await
    });
    for message in samples() {
        SinkExt::send(&mut client, message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
    }
    SinkExt::close(&mut client).await.unwrap();
    assert!(client.next().await.is_none());
    echo.await.unwrap().unwrap();
}

/// Bytes in, bytes out: message boundaries do not show, the closing handshake is the end.
#[tokio::test(start_paused = true)]
async fn a_byte_stream_carries_bytes() {
    for room in [1 << 20, 777] {
        let (server, client) = pair_with_room(room);
        let (mut server, mut client) = (server.into_byte_stream(), client.into_byte_stream());
        let sent: Vec<u8> = (0..300_000u32).map(|i| (i % 251).try_into().unwrap()).collect();
        let copy = sent.clone();
        let sending = tokio::spawn(async move {
            for chunk in copy.chunks(997) {
                client.write_all(chunk).await.unwrap();
            }
            client.shutdown().await.unwrap();
            client
        });
        let mut received = Vec::new();
        server.read_to_end(&mut received).await.unwrap();
        assert!(received == sent);
        assert_eq!(server.get_ref().close_info().sent, CloseStatus::Missing, "it may send");
        server.shutdown().await.unwrap();
        let mut client = sending.await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        assert!(client.get_ref().close_info().is_clean());
        assert!(server.get_ref().close_info().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_is_not_bytes() {
    let (server, mut client) = pair();
    client.send("text").await.unwrap();
    let error = server.into_byte_stream().read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

/// A message is sent and received in chunks; its type and its boundaries are kept.
#[tokio::test(start_paused = true)]
async fn a_message_goes_in_pieces_both_ways() {
    let (mut server, mut client) = pair_with_room(10_000);
    let sending = tokio::spawn(async move {
        let mut writer = client.writer(MessageKind::Binary).unwrap();
        for piece in 0..100u8 {
            writer.write_all(&vec![piece; 10_000]).await.unwrap();
        }
        writer.shutdown().await.unwrap();
        client.send("after").await.unwrap();
        client
    });
    let mut reader = server.recv_reader().await.unwrap().unwrap();
    assert_eq!(reader.kind(), MessageKind::Binary);
    let mut len = 0;
    while let Some(piece) = reader.chunk().await.unwrap() {
        for byte in piece {
            assert_eq!(usize::from(*byte), len / 10_000);
            len += 1;
        }
    }
    assert_eq!(len, 1_000_000);
    drop(reader);
    assert_eq!(server.recv().await.unwrap(), Some("after".into()));
    drop(sending.await.unwrap());
}

/// A reader is an `AsyncRead`, and the unread part of its message is dropped.
#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_drops_the_rest_of_its_message() {
    let (mut server, mut client) = pair();
    client.send("é".repeat(100_000)).await.unwrap();
    client.send(vec![1; 100_000]).await.unwrap();
    client.send("third").await.unwrap();
    client.send("fourth").await.unwrap();

    let mut reader = server.recv_reader().await.unwrap().unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "é".repeat(100_000));
    drop(reader);
    let mut reader = server.recv_reader().await.unwrap().unwrap();
    assert_eq!(reader.read_u8().await.unwrap(), 1);
    drop(reader);
    let mut reader = server.recv_reader().await.unwrap().unwrap();
    assert_eq!(reader.kind(), MessageKind::Text);
    assert_eq!(reader.read_u8().await.unwrap(), b't');
    drop(reader);
    assert_eq!(server.recv().await.unwrap(), Some("fourth".into()));
}

/// The end inside a message is an error, not the end of the message.
#[tokio::test(start_paused = true)]
async fn a_close_inside_a_message_does_not_end_it() {
    let (mut server, mut client) = pair();
    let mut writer = client.writer(MessageKind::Text).unwrap();
    writer.write(b"never finished").await.unwrap();
    writer.flush().await.unwrap();
    let sent = client.send("inside").await;
    assert!(matches!(sent, Err(Error::MessageUnfinished)), "{sent:?}");
    assert!(matches!(client.writer(MessageKind::Text), Err(Error::MessageUnfinished)));
    client.start_close(CloseCode::NORMAL, "");
    client.flush().await.unwrap();

    let mut reader = server.recv_reader().await.unwrap().unwrap();
    assert_eq!(reader.chunk().await.unwrap(), Some(&b"never finished"[..]));
    let error = reader.chunk().await.unwrap_err();
    assert!(error.is_disconnect(), "{error}");
}

/// The caller's own text is checked before it is sent.
#[tokio::test(start_paused = true)]
async fn a_text_in_pieces_must_be_utf8() {
    let (_server, mut client) = pair();
    let mut writer = client.writer(MessageKind::Text).unwrap();
    writer.write(b"ok\xE2").await.unwrap();
    let error = writer.write(b"(").await.unwrap_err();
    assert!(matches!(error, Error::NotUtf8(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn control_frames_are_delivered_on_request() {
    let mut config = Config::server();
    config.deliver_control_frames = true;
    let (near, far) = tokio::io::duplex(1000);
    let mut server =
        WebSocket::from_handshaken(near, tidings_tokio::server::ServerRole, config, &[]);
    let client = ClientOf::new(RandomMasks);
    let mut client = WebSocket::from_handshaken(far, client, Config::client(), &[]);
    let payload = tidings_tokio::websocket::frame::ControlPayload::new(b"?").unwrap();
    client.send(Message::ping(payload)).await.unwrap();
    client.send(Message::pong(payload)).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::ping(payload)));
    assert_eq!(server.recv().await.unwrap(), Some(Message::pong(payload)));
    client.send(Message::close(None)).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::close(None)));
    assert_eq!(server.recv().await.unwrap(), None);
    assert_eq!(server.close_info().received.code(), 1005);
}
