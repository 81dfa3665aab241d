//! permessage-deflate over loopback: the negotiation, and messages through every form of a
//! WebSocket.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "each test needs another part")]
mod compression_peer;

use compression_peer::*;
use tidings_testkit::ForeignDeflate;
use tidings_tokio::compression::deflate::{Offer, WindowBits};
use tidings_tokio::websocket::Role;
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, Error, Message, WebSocket,
    client::client_handshake,
    compression::{ClientOffer, Compression},
    message::{MessageKind, MessageRef},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// D-006, D-035: without a configuration the client offers nothing, and the server declines the
/// offers of others.
#[tokio::test]
async fn compression_is_off_by_default() {
    let (mut near, far) = streams().await;
    let options = ConnectOptions::new();
    let request = async {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(near.read_u8().await.unwrap());
        }
        drop(near);
        String::from_utf8(request).unwrap().to_ascii_lowercase()
    };
    let (request, client) = tokio::join!(request, client_handshake(far, URI, &options));
    assert!(request.contains("upgrade: websocket") && !request.contains("extensions"), "{request}");
    assert!(client.is_err());

    let offers = ["permessage-deflate; client_max_window_bits"];
    let (server, _peer, head) = server_and_peer(Config::server(), &offers).await;
    assert_eq!(extensions_of(&head), None);
    assert!(!server.may_compress());

    // Either end alone is not enough.
    let on = compressing(Compression::default());
    for (server, client) in [(Config::server(), on), (on, Config::client())] {
        let (mut server, mut client) = pair_of(server, client).await;
        assert!(!server.may_compress() && !client.may_compress());
        let message = Message::text(prose(5000, 1));
        client.send(&message).await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(message.clone()));
        server.send(&message).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(message));
    }
}

/// D-001, D-002: the configured offers of the client, in order of its preference.
#[tokio::test]
async fn the_client_offers_what_it_was_told_to() {
    let mut own = Compression::default();
    own.offer = ClientOffer {
        first: Offer::new().server_max_window_bits(WindowBits::TWELVE),
        fallback: None,
    };
    for (compression, expected) in [
        (
            Compression::default(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             client_max_window_bits, permessage-deflate; client_no_context_takeover; \
             client_max_window_bits",
        ),
        (own, "permessage-deflate; server_max_window_bits=12"),
    ] {
        let (near, far) = streams().await;
        let options = ConnectOptions::new().config(compressing(compression));
        let accepting = tidings_tokio::accept_with(near, Config::server(), |request| {
            let offers: Vec<String> = request
                .extensions()
                .map(|offer| {
                    let params = offer.params().map(|(name, value)| match value {
                        Some(value) => format!("; {name}={value}"),
                        None => format!("; {name}"),
                    });
                    format!("{}{}", offer.name(), params.collect::<String>())
                })
                .collect();
            assert_eq!(offers.join(", "), expected);
            Ok(request.accept())
        });
        let (server, client) = tokio::join!(accepting, client_handshake(far, URI, &options));
        assert!(!server.unwrap().may_compress() && !client.unwrap().may_compress());
    }
}

/// D-003, D-006, D-013, D-014, D-015, D-016, D-021, D-023, D-025: the server takes the first offer
/// that it can keep; a client that offers nonsense continues uncompressed.
#[tokio::test]
async fn the_server_answers_as_configured() {
    let default = Compression::default();
    let generous = compression((15, true), (15, true));
    let none: Option<&str> = None;
    let all = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
               server_max_window_bits=12; client_max_window_bits=12";
    let first = "permessage-deflate; client_max_window_bits, permessage-deflate";
    for (compression, offers, expected) in [
        (default, &[first][..], Some(all)),
        (
            default,
            &["permessage-deflate; server_max_window_bits=10"],
            Some(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=10",
            ),
        ),
        (generous, &["permessage-deflate"], Some("permessage-deflate")),
        (
            generous,
            &["permessage-deflate; server_no_context_takeover"],
            Some("permessage-deflate; server_no_context_takeover"),
        ),
        // The second header line is as good as the first.
        (generous, &["permessage-deflate; x", "permessage-deflate"], Some("permessage-deflate")),
        (generous, &["permessage-deflate; server_max_window_bits=8"], none),
        (generous, &["permessage-deflate; server_max_window_bits"], none),
        (generous, &["permessage-deflate; server_max_window_bits=16"], none),
        (generous, &["permessage-deflate; client_max_window_bits=08"], none),
        (generous, &["permessage-deflate; client_max_window_bits=\"+9\""], none),
        (generous, &["permessage-deflate; client_no_context_takeover=1"], none),
        (
            generous,
            &["permessage-deflate; client_no_context_takeover; client_no_context_takeover"],
            none,
        ),
        (generous, &["permessage-deflate; mode=nonsense", "permessage-brotli"], none),
        (generous, &["permessage-bzip2", "x-webkit-deflate-frame"], none),
    ] {
        let config = compressing(compression);
        let (mut server, mut peer, head) = server_and_peer(config, offers).await;
        assert_eq!(extensions_of(&head), expected, "{offers:?}");
        assert_eq!(server.may_compress(), expected.is_some());
        // It continues, compressed or not.
        peer.send(FIN | TEXT, b"plain").await;
        assert_eq!(server.recv().await.unwrap(), Some("plain".into()));
        server.send(prose(4000, 1)).await.unwrap();
        let (first, payload) = peer.recv().await;
        match expected {
            Some(_) => {
                assert_eq!(first, FIN | RSV1 | TEXT);
                assert_eq!(
                    ForeignDeflate::new().decompress(&payload).unwrap(),
                    prose(4000, 1).as_bytes()
                );
            }
            None => assert_eq!((first, &payload[..]), (FIN | TEXT, prose(4000, 1).as_bytes())),
        }
    }
}

/// Messages around the threshold and above, that get shorter and that do not, of both types.
fn samples() -> Vec<Message> {
    samples_to(70_000)
}

fn samples_to(max_len: usize) -> Vec<Message> {
    let mut samples: Vec<Message> = vec!["".into(), Message::binary(Vec::new())];
    for (number, len) in [1, 1023, 1024, 1025, max_len].into_iter().enumerate() {
        samples.push(prose(len, number).into());
        samples.push(Message::binary(noise(len.min(5000), 5)));
        samples.push(Message::binary(prose(len, number + 1).into_bytes()));
    }
    samples
}

/// Echoes until the end.
async fn echo<S, R>(mut socket: WebSocket<S, R>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

/// All samples, there and back.
async fn call<S, R>(socket: &mut WebSocket<S, R>, samples: &[Message])
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    for message in samples {
        socket.send(message).await.unwrap();
        assert!(socket.recv().await.unwrap().as_ref() == Some(message));
    }
    socket.close(CloseCode::NORMAL, "").await.unwrap();
}

async fn talk(server: (u8, bool), client: (u8, bool), samples: &[Message]) {
    let (server, mut client) = pair(compressing(compression(server, client))).await;
    assert!(server.may_compress() && client.may_compress());
    let echo = tokio::spawn(echo(server));
    call(&mut client, samples).await;
    echo.await.unwrap().unwrap();
}

const TAKEOVERS: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

/// D-008, D-011, D-012, D-029, D-030, D-032: every window and both kinds of context, each way.
#[tokio::test]
async fn messages_come_through_whatever_was_agreed() {
    let (short, long) = (samples_to(3000), samples());
    for (ours, theirs) in TAKEOVERS {
        for bits in 9..=15 {
            talk((bits, ours), (24 - bits, theirs), &short).await;
        }
        talk((15, ours), (9, theirs), &long).await;
    }
}

#[tokio::test]
#[ignore = "exhaustive: run in release by CI"]
async fn exhaustive_messages_come_through_in_all_windows() {
    let mut samples = samples();
    samples.extend((0..60).map(|number| Message::text(prose(500 * number, number))));
    for (ours, theirs) in TAKEOVERS {
        for server_bits in 9..=15 {
            for client_bits in 9..=15 {
                talk((server_bits, ours), (client_bits, theirs), &samples).await;
            }
        }
    }
}

/// D-024: a client that was given the window of 8 bits, in which it cannot compress, sends in plain
/// and reads compressed messages.
#[tokio::test]
async fn a_window_too_small_to_compress_in_leaves_messages_plain() {
    let config = compressing(compression((15, true), (8, true)));
    let (mut client, mut peer) = client_and_peer(config).await;
    client.send(prose(3000, 1)).await.unwrap();
    assert_eq!(peer.recv().await, (FIN | TEXT, prose(3000, 1).into_bytes()));
    let compressed = ForeignDeflate::new().compress(prose(3000, 2).as_bytes());
    peer.send(FIN | RSV1 | TEXT, &compressed).await;
    assert_eq!(client.recv().await.unwrap(), Some(prose(3000, 2).into()));

    let (server, mut client) = pair(config).await;
    assert!(server.may_compress() && client.may_compress());
    let echo = tokio::spawn(echo(server));
    call(&mut client, &samples()).await;
    echo.await.unwrap().unwrap();
}

/// D-010, D-026, D-029, D-032: on the wire, with a peer whose DEFLATE is another. Plain messages go
/// between, and do not enter the window.
#[tokio::test]
async fn a_foreign_peer_reads_what_we_send() {
    let (mut server, mut peer, _) =
        server_and_peer(with_takeover(), &["permessage-deflate; client_max_window_bits"]).await;
    let (mut client, mut client_peer) = client_and_peer(with_takeover()).await;
    let (mut from_server, mut from_client) = (ForeignDeflate::new(), ForeignDeflate::new());
    let mut lens = Vec::new();
    for number in 0..8 {
        for message in [
            Message::text(prose(2000, number / 2)),
            Message::text("below the threshold"),
            Message::binary(prose(1024, number).into_bytes()),
        ] {
            server.send(&message).await.unwrap();
            client.send(&message).await.unwrap();
            let on_wire = [
                (peer.recv().await, &mut from_server),
                (client_peer.recv().await, &mut from_client),
            ];
            for ((first, payload), foreign) in on_wire {
                let (opcode, bytes) = match &message {
                    Message::Text(text) => (TEXT, text.as_bytes()),
                    Message::Binary(bytes) => (BINARY, &bytes[..]),
                    _ => panic!("no other is sent"),
                };
                if bytes.len() < 1024 {
                    assert_eq!((first, &payload[..]), (FIN | opcode, bytes));
                    continue;
                }
                assert_eq!(first, FIN | RSV1 | opcode);
                assert!(payload.len() < bytes.len());
                assert!(foreign.decompress(&payload).unwrap() == bytes);
                lens.push(payload.len());
            }
        }
    }
    // Earlier messages are referred to.
    assert!(lens[4] < lens[0] / 4, "{lens:?}");
}

/// D-009, D-010, D-011, D-012, D-032, D-034: compressed, then cut into frames anywhere, with a Ping
/// after each; between plain messages.
#[tokio::test]
async fn a_foreign_peer_sends_fragments_with_pings_between() {
    for fragment_len in [1, 2, 7, 100, usize::MAX] {
        let (server, peer, _) = server_and_peer(with_takeover(), &["permessage-deflate"]).await;
        fragments(server, peer, fragment_len).await;
        let (client, peer) = client_and_peer(with_takeover()).await;
        fragments(client, peer, fragment_len).await;
    }
}

async fn fragments<R: Role>(
    mut socket: WebSocket<tokio::net::TcpStream, R>,
    mut peer: Peer,
    fragment_len: usize,
) {
    let mut foreign = ForeignDeflate::new();
    for number in 0..3 {
        let message = prose(3000, 7);
        let payload = foreign.compress(message.as_bytes());
        let count = payload.len().div_ceil(fragment_len);
        let mut bytes = peer.frame(FIN | TEXT, b"plain");
        for (index, fragment) in payload.chunks(fragment_len).enumerate() {
            let fin = if index + 1 == count { FIN } else { 0 };
            let rest = if index == 0 { RSV1 | TEXT } else { CONTINUATION };
            bytes.extend(peer.frame(fin | rest, fragment));
            if index < 20 {
                bytes.extend(peer.frame(FIN | PING, &[number]));
            }
        }
        // An empty fragment at the end is one too.
        bytes.extend(peer.frame(RSV1 | BINARY, &[0x00]));
        bytes.extend(peer.frame(FIN | CONTINUATION, &[]));
        peer.stream.write_all(&bytes).await.unwrap();
        assert_eq!(socket.recv().await.unwrap(), Some("plain".into()));
        assert_eq!(socket.recv().await.unwrap(), Some(message.into()));
        assert_eq!(socket.recv().await.unwrap(), Some(Message::binary(Vec::new())));
        socket.flush().await.unwrap();
        // Of the Pings that came together, the last at least is answered.
        assert_eq!(peer.recv().await, (FIN | PONG, vec![number]));
        socket.send("done").await.unwrap();
        let mut next = peer.recv().await;
        while next.0 == FIN | PONG {
            assert_eq!(next.1, [number]);
            next = peer.recv().await;
        }
        assert_eq!(next, (FIN | TEXT, b"done".to_vec()));
    }
}

/// Borrowed halves: a compressed message is returned as an owned one, and can be sent on; a plain
/// one is borrowed from the buffer as usual.
#[tokio::test]
async fn halves_return_borrowed_compressed_messages() {
    let (mut server, mut client) = pair(with_takeover()).await;
    let echo = tokio::spawn(async move {
        let (mut receiver, mut sender) = server.split();
        let mut borrowed = 0;
        while let Some(message) = receiver.recv(&mut sender).await? {
            if let MessageRef::Text(std::borrow::Cow::Borrowed(_)) = message {
                borrowed += 1;
            }
            sender.send(message).await?;
        }
        Ok::<_, Error>(borrowed)
    });
    client.send(prose(100, 1)).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(prose(100, 1).into()));
    call(&mut client, &samples()).await;
    assert!(echo.await.unwrap().unwrap() >= 1);
}

/// Owned halves in two tasks.
#[tokio::test]
async fn owned_halves_send_and_receive_compressed_messages() {
    let (server, client) = pair(with_takeover()).await;
    let echo = tokio::spawn(echo(server));
    let (mut receiver, mut sender) = client.into_split();
    let sending = tokio::spawn(async move {
        for number in 0..100 {
            sender.send(prose(number * 50, number)).await.unwrap();
        }
        sender.close(CloseCode::NORMAL, "").await.unwrap();
    });
    for number in 0..100 {
        assert_eq!(receiver.recv().await.unwrap(), Some(prose(number * 50, number).into()));
    }
    assert_eq!(receiver.recv().await.unwrap(), None);
    sending.await.unwrap();
    echo.await.unwrap().unwrap();
}

/// A reader returns a compressed message whole, however it was split; one that is dropped early
/// drops its message and no other.
#[tokio::test]
async fn a_reader_reads_compressed_messages() {
    let (mut server, mut peer, _) = server_and_peer(with_takeover(), &["permessage-deflate"]).await;
    let mut foreign = ForeignDeflate::new();
    for number in 0..4 {
        let payload = foreign.compress(prose(50_000, number).as_bytes());
        let (one, two) = payload.split_at(payload.len() / 2);
        peer.send(RSV1 | TEXT, one).await;
        peer.send(FIN | CONTINUATION, two).await;
        peer.send(TEXT, b"pla").await;
        peer.send(FIN | CONTINUATION, b"in").await;
    }
    peer.send(FIN | RSV1 | TEXT, &[0x00]).await;
    peer.send(FIN | TEXT, b"end").await;

    let mut reader = server.recv_reader().await.unwrap().unwrap();
    assert_eq!(reader.kind(), MessageKind::Text);
    assert_eq!(reader.chunk().await.unwrap(), Some(prose(50_000, 0).as_bytes()));
    assert_eq!(reader.chunk().await.unwrap(), None);
    drop(reader);
    let mut text = String::new();
    let mut reader = server.recv_reader().await.unwrap().unwrap();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "plain");
    drop(reader);
    // Not read to the end.
    let mut reader = server.recv_reader().await.unwrap().unwrap();
    assert_eq!(reader.read_u8().await.unwrap(), b'1');
    drop(reader);
    assert_eq!(server.recv_reader().await.unwrap().unwrap().read_u8().await.unwrap(), b'p');
    let mut text = String::new();
    let mut reader = server.recv_reader().await.unwrap().unwrap();
    reader.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, prose(50_000, 2));
    drop(reader);
    assert_eq!(server.recv().await.unwrap(), Some("plain".into()));
    assert_eq!(server.recv().await.unwrap(), Some(prose(50_000, 3).into()));
    assert_eq!(server.recv().await.unwrap(), Some("plain".into()));
    let mut reader = server.recv_reader().await.unwrap().unwrap();
    assert_eq!(reader.chunk().await.unwrap(), None);
    drop(reader);
    assert_eq!(server.recv().await.unwrap(), Some("end".into()));
}

/// D-011, D-032: chunks of a writer are sent plain, between compressed messages.
#[tokio::test]
async fn a_writer_sends_plain_pieces_between_compressed_messages() {
    let (mut server, mut client) = pair(with_takeover()).await;
    let expected: Vec<Message> = (0..3)
        .flat_map(|number| [prose(3000, number).into(), prose(9000, number + 10).into()])
        .collect();
    let sent = expected.clone();
    let sending = tokio::spawn(async move {
        for pair in sent.chunks(2) {
            client.send(&pair[0]).await.unwrap();
            let mut writer = client.writer(MessageKind::Text).unwrap();
            for piece in pair[1].as_text().unwrap().as_bytes().chunks(1000) {
                writer.write(piece).await.unwrap();
            }
            writer.finish().await.unwrap();
        }
        client.close(CloseCode::NORMAL, "").await.unwrap();
    });
    for message in expected {
        assert_eq!(server.recv().await.unwrap(), Some(message));
    }
    assert_eq!(server.recv().await.unwrap(), None);
    sending.await.unwrap();
}

/// A stream of bytes, whose boundaries mean nothing.
#[tokio::test]
async fn a_byte_stream_is_compressed() {
    let (server, client) = pair(with_takeover()).await;
    let (mut server, mut client) = (server.into_byte_stream(), client.into_byte_stream());
    let sent: Vec<u8> = [prose(200_000, 1).into_bytes(), noise(50_000, 3)].concat();
    let copy = sent.clone();
    let sending = tokio::spawn(async move {
        for chunk in copy.chunks(9_973) {
            client.write_all(chunk).await.unwrap();
        }
        client.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    server.read_to_end(&mut received).await.unwrap();
    assert!(received == sent);
    sending.await.unwrap();
}

/// `Stream` and `Sink`.
#[cfg(feature = "futures")]
#[tokio::test]
async fn a_stream_of_compressed_messages_is_forwarded_into_its_sink() {
    use futures_util::{SinkExt, StreamExt as _};

    let (server, mut client) = pair(with_takeover()).await;
    let echo = tokio::spawn(async move {
        let (receiver, sender) = server.into_split();
        receiver.forward(sender).await
    });
    for message in samples() {
        SinkExt::send(&mut client, message.clone()).await.unwrap();
        assert!(client.next().await.unwrap().unwrap() == message);
    }
    SinkExt::close(&mut client).await.unwrap();
    assert!(client.next().await.is_none());
    echo.await.unwrap().unwrap();
}

/// D-001, D-003: a WebSocket out of a request that hyper has read, compressed as configured.
#[cfg(feature = "hyper")]
#[tokio::test]
async fn an_upgrade_of_hyper_agrees_on_compression() {
    use std::convert::Infallible;

    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;

    for compression in [None, Some(compression((12, true), (10, false)))] {
        let (near, far) = streams().await;
        let config = with_takeover();
        let mut server_config = config;
        server_config.compression = compression;
        tokio::spawn(async move {
            let service = service_fn(move |mut request| async move {
                let (response, upgrade) =
                    tidings_tokio::upgrade(&mut request, server_config, |r| Ok(r.accept()))
                        .unwrap();
                tokio::spawn(async move {
                    let socket = upgrade.socket().await.unwrap();
                    assert_eq!(socket.may_compress(), compression.is_some());
                    echo(socket).await
                });
                Ok::<_, Infallible>(response.map(|()| String::new()))
            });
            let http = hyper::server::conn::http1::Builder::new();
            http.serve_connection(TokioIo::new(near), service).with_upgrades().await
        });
        let options = ConnectOptions::new().config(config);
        let mut client = client_handshake(far, URI, &options).await.unwrap();
        assert_eq!(client.may_compress(), compression.is_some());
        call(&mut client, &samples()).await;
    }
}

/// An application that answers its own extensions is not interfered with.
#[tokio::test]
async fn the_extensions_of_the_application_come_first() {
    use tidings_tokio::handshake::Extension;

    let (near, far) = streams().await;
    let config = with_takeover();
    let parameters = &[("server_no_context_takeover", None)];
    let extension = Extension::new("permessage-deflate", parameters).unwrap();
    // The acceptance is of any lifetime.
    let extensions: &'static [Extension<'static>] = Box::leak(Box::new([extension]));
    let accepting = tidings_tokio::accept_with(near, config, |request| {
        assert!(request.extensions().next().is_some());
        Ok(request.accept().extensions(extensions).unwrap())
    });
    let options = ConnectOptions::new().config(config);
    let (server, client) = tokio::join!(accepting, client_handshake(far, URI, &options));
    assert!(!server.unwrap().may_compress(), "what the application agreed on is its own affair");
    assert!(client.unwrap().may_compress());
}
