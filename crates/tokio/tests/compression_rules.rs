//! permessage-deflate (RFC 7692) on a connection: the negotiation in the handshake, and the bytes
//! on the wire after it. The peer is a bare transport wherever its bytes matter.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "each test needs another part")]
mod compression_peer;

use tidings_testkit::raw_frame;
use tidings_tokio::handshake::Key;
use tidings_tokio::websocket::Violation;
use tidings_tokio::{
    Config, ConnectOptions, Error, Message, WebSocket, accept, client::ClientRole,
    client::client_handshake, compression::Compression,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// RFC 7692, 7.2.3.1: "Hello".
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

fn compressing(mut config: Config) -> Config {
    config.compression = Some(Compression::default());
    config
}

async fn read_head(stream: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The value of the one line of extensions.
fn extensions(head: &str) -> Option<&str> {
    let mut lines = head.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let first = lines.next();
    assert_eq!(lines.next(), None, "{head}");
    first
}

/// A server, the bare transport of its client, which offered this, and the server's answer.
async fn server(config: Config, offer: &str) -> (WebSocket<DuplexStream>, DuplexStream, String) {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let request = format!("{REQUEST}Sec-WebSocket-Extensions: {offer}\r\n\r\n");
    far.write_all(request.as_bytes()).await.unwrap();
    let server = accept(near, config).await.unwrap();
    let answer = read_head(&mut far).await;
    (server, far, answer)
}

/// Returns the result of a client whose server answers with this, the server's bare transport, and
/// the request.
async fn client(
    config: Config,
    answer: &str,
) -> (Result<WebSocket<DuplexStream, ClientRole>, Error>, DuplexStream, String) {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let options = ConnectOptions::new().config(config);
    let answering = async {
        let request = read_head(&mut far).await;
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = Key::parse(key.unwrap().as_bytes()).unwrap().accept();
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{answer}\r\n"
        );
        far.write_all(response.as_bytes()).await.unwrap();
        request
    };
    let (socket, request) = tokio::join!(client_handshake(near, "ws://a/", &options), answering);
    (socket, far, request)
}

/// A frame of a client, masked with a key of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(first, payload, Some([0; 4]))
}

/// The first byte of the next frame and its payload, unmasked.
async fn read_frame(stream: &mut DuplexStream) -> (u8, Vec<u8>) {
    let frame = compression_peer::read_frame(stream).await;
    (frame.first, frame.payload)
}

/// A stored block and the empty block at the end, without its tail (RFC 7692, 7.2.3.3).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap();
    [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), bytes, &[0]].concat()
}

fn violation(result: Result<Option<Message>, Error>) -> Violation {
    match result {
        Err(Error::Violation(violation)) => violation,
        other => panic!("{other:?}"),
    }
}

/// D-006, D-035, W-097: neither side speaks of compression by itself. Then every message is plain,
/// and a frame that is marked is a violation.
#[tokio::test(start_paused = true)]
async fn nothing_is_compressed_unless_asked_for() {
    let (socket, mut far, request) = client(Config::client(), "").await;
    let mut socket = socket.unwrap();
    assert_eq!(extensions(&request), None);
    assert!(!socket.may_compress());
    let long = "a".repeat(5000);
    socket.send(&long).await.unwrap();
    assert_eq!(read_frame(&mut far).await, (0x81, long.clone().into_bytes()));

    let (mut server, mut far, answer) = server(Config::server(), "permessage-deflate").await;
    assert_eq!(extensions(&answer), None);
    server.send(&long).await.unwrap();
    assert_eq!(read_frame(&mut far).await, (0x81, long.into_bytes()));
    far.write_all(&masked(0xC1, HELLO)).await.unwrap();
    assert!(matches!(violation(server.recv().await), Violation::Frame(_)));
    assert_eq!(read_frame(&mut far).await.1[..2], [0x03, 0xEA]);
}

/// W-122, D-006: an offer that was not confirmed is not used, in either direction.
#[tokio::test(start_paused = true)]
async fn an_offer_that_was_not_taken_up_changes_nothing() {
    let (socket, mut far, request) = client(compressing(Config::client()), "").await;
    let mut socket = socket.unwrap();
    assert!(extensions(&request).is_some() && !socket.may_compress());
    let long = "a".repeat(5000);
    socket.send(&long).await.unwrap();
    assert_eq!(read_frame(&mut far).await, (0x81, long.into_bytes()));
    far.write_all(&[&[0xC1, 7], HELLO].concat()).await.unwrap();
    assert!(matches!(violation(socket.recv().await), Violation::Frame(_)));
}

/// W-121: the two sides use only the one registered extension, with the parameters that its RFC
/// defines.
#[tokio::test(start_paused = true)]
async fn only_what_is_registered_is_offered_and_answered() {
    let (_, _, request) = client(compressing(Config::client()), "").await;
    let offers = extensions(&request).unwrap();
    let (_, _, answer) = server(compressing(Config::server()), offers).await;
    let answer = extensions(&answer).unwrap();
    let mut elements = 0;
    for element in offers.split(", ").chain(answer.split(", ")) {
        let mut parts = element.split("; ");
        assert_eq!(parts.next(), Some("permessage-deflate"), "{element}");
        for part in parts {
            let name = part.split_once('=').map_or(part, |(name, _)| name);
            let defined = [
                "server_no_context_takeover",
                "client_no_context_takeover",
                "server_max_window_bits",
                "client_max_window_bits",
            ];
            assert!(defined.contains(&name), "{element}");
        }
        elements += 1;
    }
    assert!(elements >= 2, "{offers} and {answer}");
}

/// D-004, D-007, D-017, D-018, D-019, D-024: an answer that breaks the rules fails the connection.
/// A server that thinks it open gets the reason, in a masked frame.
#[tokio::test(start_paused = true)]
async fn a_client_fails_on_an_answer_that_breaks_the_rules() {
    for (answer, is_told) in [
        ("permessage-deflate; unknown", true),
        ("permessage-deflate; server_max_window_bits=1000", true),
        ("permessage-deflate; server_max_window_bits=08", true),
        ("permessage-deflate; client_max_window_bits", true),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", true),
        // The handshake itself finds these.
        ("x-webkit-deflate-frame", false),
        ("permessage-deflate, permessage-deflate", false),
    ] {
        let line = format!("Sec-WebSocket-Extensions: {answer}\r\n");
        let (socket, mut far, _) = client(compressing(Config::client()), &line).await;
        let error = socket.unwrap_err();
        if is_told {
            assert!(matches!(error, Error::Compression(_)), "{answer}: {error}");
            assert_eq!(read_frame(&mut far).await, (0x88, vec![0x03, 0xF2]), "{answer}"); // 1010
        } else {
            assert!(matches!(error, Error::Response(_)), "{answer}: {error}");
        }
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "{answer}");
    }
}

/// D-011, D-035: each message goes as the application says, and both kinds arrive.
#[tokio::test(start_paused = true)]
async fn compression_can_be_switched_off_for_a_message() {
    let (mut server, mut far, answer) =
        server(compressing(Config::server()), "permessage-deflate").await;
    assert!(extensions(&answer).unwrap().starts_with("permessage-deflate"));
    assert!(server.may_compress());
    let long = "secret ".repeat(1000);
    for compresses in [true, false, false, true] {
        server.set_compressing(compresses);
        server.send(&long).await.unwrap();
        let (first, payload) = read_frame(&mut far).await;
        if compresses {
            assert_eq!(first, 0xC1);
            assert!(payload.len() < 100, "{}", payload.len());
        } else {
            assert_eq!((first, &payload[..]), (0x81, long.as_bytes()));
        }
        // Received messages are read either way.
        far.write_all(&[masked(0xC1, HELLO), masked(0x81, b"plain")].concat()).await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some("Hello".into()));
        assert_eq!(server.recv().await.unwrap(), Some("plain".into()));
    }
}

/// D-012: a message is inflated from all its fragments, wherever it was cut, also around a Ping.
#[tokio::test(start_paused = true)]
async fn fragments_are_inflated_as_one() {
    let (mut server, mut far, _) =
        server(compressing(Config::server()), "permessage-deflate").await;
    for i in 0..=HELLO.len() {
        for j in i..=HELLO.len() {
            let frames = [
                masked(0x41, &HELLO[..i]),
                masked(0x00, &HELLO[i..j]),
                masked(0x89, b"?"),
                masked(0x80, &HELLO[j..]),
            ];
            far.write_all(&frames.concat()).await.unwrap();
            assert_eq!(server.recv().await.unwrap(), Some("Hello".into()), "{i}, {j}");
        }
    }
    // A character that was split at the boundary of two fragments, and of two blocks.
    let umlaut = stored("ü".as_bytes());
    let frames = [masked(0x41, &umlaut[..6]), masked(0x80, &umlaut[6..])].concat();
    far.write_all(&frames).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("ü".into()));
}

/// D-012, W-096: the rules for text apply to the inflated bytes.
#[tokio::test(start_paused = true)]
async fn text_is_validated_after_inflating() {
    for bad in [&b"\xFF"[..], b"\xC3", b"a\xED\xA0\x80", b"\xC0\x80"] {
        let (mut server, mut far, _) =
            server(compressing(Config::server()), "permessage-deflate").await;
        let binary = masked(0xC2, &stored(bad));
        far.write_all(&[binary, masked(0xC1, &stored(bad))].concat()).await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(Message::binary(bad.to_vec())));
        let violation = violation(server.recv().await);
        assert!(matches!(violation, Violation::InvalidUtf8(_)), "{bad:x?}: {violation:?}");
        assert_eq!(read_frame(&mut far).await.1[..2], [0x03, 0xEF], "{bad:x?}"); // 1007
    }
}

/// D-034: both forms of an empty message.
#[tokio::test(start_paused = true)]
async fn an_empty_message_may_come_compressed() {
    let (mut server, mut far, _) =
        server(compressing(Config::server()), "permessage-deflate").await;
    for payload in [&b"\x00"[..], b""] {
        for frames in [
            masked(0xC1, payload),
            [masked(0x41, b""), masked(0x80, payload)].concat(),
            [masked(0x41, payload), masked(0x80, b"")].concat(),
        ] {
            far.write_all(&frames).await.unwrap();
            assert_eq!(server.recv().await.unwrap(), Some("".into()));
        }
    }
}

/// W-125: the limit on a message applies to the inflated bytes: n is accepted, n + 1 is refused.
#[tokio::test(start_paused = true)]
async fn a_message_may_be_as_long_as_its_limit_after_inflating() {
    const MAX_LEN: usize = 50_000;
    let mut config = compressing(Config::server());
    config.limits.max_message_len = MAX_LEN as u64;
    let (near, far) = tokio::io::duplex(4096);
    let options = ConnectOptions::new().config(compressing(Config::client()));
    let (server, client) =
        tokio::join!(accept(near, config), client_handshake(far, "ws://a/", &options));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    // Both are shorter on the wire than the room of the transport, so they are written at once.
    client.send(vec![7; MAX_LEN]).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::binary(vec![7; MAX_LEN])));
    client.send(vec![7; MAX_LEN + 1]).await.unwrap();
    let (refused, told) = tokio::join!(server.recv(), client.recv());
    let violation = violation(refused);
    let expected =
        Violation::MessageTooLong { message_len: MAX_LEN as u64 + 1, max_len: MAX_LEN as u64 };
    assert_eq!(violation, expected);
    assert_eq!(told.unwrap(), None);
    assert_eq!(client.close_info().received.code(), 1009);
}
