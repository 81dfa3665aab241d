//! permessage-deflate over real sockets and threads: the negotiation, every form of a WebSocket,
//! and hand-written peers, whose frames and whose DEFLATE (that of `flate2`) share no code with the
//! library.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use tidings_std::compression::deflate::{Offer, ServerConfig, WindowBits};
use tidings_std::handshake::Extension;
use tidings_std::websocket::{Role, Violation};
use tidings_std::{
    CloseCode, Config, ConnectOptions, Error, Message, Transport, WebSocket, accept, accept_with,
    client::ClientRole,
    client::client_handshake,
    compression::{ClientOffer, CompressedMessage, Compression},
    message::MessageKind,
};
use tidings_testkit::{ForeignDeflate, Missing, RawFrame, loopback, raw_frame, read_head};

const URI: &str = "ws://example.com/";
const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// Window bits and context takeover of server and client.
fn compressing(server: (u8, bool), client: (u8, bool)) -> Config {
    let bits = |bits| WindowBits::new(bits).unwrap();
    let mut compression = Compression::default();
    compression.server = ServerConfig::new()
        .server_context_takeover(server.1)
        .client_context_takeover(client.1)
        .client_max_window_bits(bits(client.0))
        .server_max_window_bits(bits(server.0))
        .unwrap();
    compression.offer = ClientOffer { first: Offer::recommended(), fallback: None };
    let mut config = Config::server();
    config.compression = Some(compression);
    config
}

fn with_takeover() -> Config {
    compressing((15, true), (15, true))
}

type Server = WebSocket<TcpStream>;
type Client = WebSocket<TcpStream, ClientRole>;

fn pair_of(server: Config, client: Config) -> (Server, Client) {
    let (near, far) = loopback();
    let server = thread::spawn(move || accept(near, server).unwrap());
    let client = client_handshake(far, URI, &ConnectOptions::new().config(client)).unwrap();
    (server.join().unwrap(), client)
}

fn pair(config: Config) -> (Server, Client) {
    pair_of(config, config)
}

fn echo<S: Transport>(mut socket: WebSocket<S>) -> Result<(), Error> {
    while let Some(message) = socket.recv()? {
        socket.send(message)?;
    }
    Ok(())
}

fn call<S: Transport, R: Role>(socket: &mut WebSocket<S, R>, samples: &[Message]) {
    for message in samples {
        socket.send(message).unwrap();
        assert!(socket.recv().unwrap().as_ref() == Some(message));
    }
    socket.close(CloseCode::NORMAL, "").unwrap();
}

/// Messages around the threshold and above, that get shorter and that do not, of both types.
fn samples(max_len: usize) -> Vec<Message> {
    let mut samples: Vec<Message> = vec!["".into(), Message::binary(Vec::new())];
    for (number, len) in [1, 1023, 1024, 1025, max_len].into_iter().enumerate() {
        samples.push(prose(len, number).into());
        samples.push(Message::binary(noise(len.min(5000))));
        samples.push(Message::binary(prose(len, number + 1).into_bytes()));
    }
    samples
}

/// Bytes that do not get shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Text of this many bytes that gets shorter.
fn prose(len: usize, number: usize) -> String {
    let mut text = format!("{number}: ");
    let mut word = number;
    while text.len() < len {
        word = word.wrapping_mul(31).wrapping_add(7) % 97;
        text.push_str(&format!("word-{word} "));
    }
    text.truncate(len);
    text
}

/// An end that sends exactly what the test says.
struct Peer {
    stream: TcpStream,
    /// `true` if it is the client.
    masks: bool,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

impl Peer {
    /// A frame that begins with this byte.
    fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = raw_frame(first, payload, self.masks.then_some(KEY));
        self.stream.write_all(&frame).unwrap();
    }

    /// The next frame: its first byte and its payload, unmasked.
    fn recv(&mut self) -> (u8, Vec<u8>) {
        let mut bytes = Vec::new();
        let frame = loop {
            match RawFrame::parse(&bytes) {
                Ok(frame) => break frame,
                Err(Missing(len)) => {
                    let read = bytes.len();
                    bytes.resize(read + len, 0);
                    self.stream.read_exact(&mut bytes[read..]).unwrap();
                }
            }
        };
        assert_eq!(frame.key.is_none(), self.masks, "a client masks, a server does not");
        (frame.first, frame.payload)
    }
}

/// A server of ours, a bare client that offered this, and whether the offer was accepted.
fn server_and_peer(config: Config, offer: &str) -> (Server, Peer, bool) {
    let (near, mut far) = loopback();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: {offer}\r\n\r\n"
    );
    far.write_all(request.as_bytes()).unwrap();
    let server = accept(near, config).unwrap();
    let head = read_head(&mut far);
    let peer = Peer { stream: far, masks: true };
    let is_taken = head.contains("Sec-WebSocket-Extensions: perm");
    (server, peer, is_taken)
}

/// A client of ours and a bare server with the answer that our server would give.
fn client_and_peer(config: Config) -> (Client, Peer) {
    let (near, far) = loopback();
    let copy = near.try_clone().unwrap();
    // The handshake is that of our server, which reads no more than the request.
    let server = thread::spawn(move || drop(accept(copy, config).unwrap()));
    let client = client_handshake(far, URI, &ConnectOptions::new().config(config)).unwrap();
    server.join().unwrap();
    (client, Peer { stream: near, masks: false })
}

/// Its first byte and its payload.
type Frame<'a> = (u8, &'a [u8]);

/// D-006, D-035
#[test]
fn compression_is_off_by_default() {
    let (server, _peer, is_taken) = server_and_peer(Config::server(), OFFER);
    assert!(!is_taken && !server.may_compress());

    let (mut near, far) = loopback();
    let client =
        thread::spawn(move || client_handshake(far, URI, &ConnectOptions::new()).map(drop));
    let request = read_head(&mut near).to_ascii_lowercase();
    drop(near);
    assert!(client.join().unwrap().is_err());
    assert!(request.contains("upgrade: websocket") && !request.contains("extensions"), "{request}");

    for (server, client) in
        [(Config::server(), with_takeover()), (with_takeover(), Config::client())]
    {
        let (server, mut client) = pair_of(server, client);
        assert!(!server.may_compress() && !client.may_compress());
        let echo = thread::spawn(|| echo(server));
        call(&mut client, &samples(3000));
        echo.join().unwrap().unwrap();
    }
}

/// D-013, D-014, D-015, D-016: a client that offers parameters that cannot be kept continues
/// uncompressed.
#[test]
fn an_offer_of_nonsense_is_declined() {
    for (offer, expected) in [
        (OFFER, true),
        ("permessage-deflate; nonsense", false),
        ("permessage-deflate; server_max_window_bits=8", false),
        ("permessage-deflate; client_max_window_bits=16", false),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", false),
        ("permessage-deflate; nonsense, permessage-deflate", true),
    ] {
        let (mut server, mut peer, is_taken) = server_and_peer(with_takeover(), offer);
        assert_eq!((is_taken, server.may_compress()), (expected, expected), "{offer}");
        peer.send(FIN | TEXT, b"plain");
        assert_eq!(server.recv().unwrap(), Some("plain".into()));
        server.send(prose(2000, 1)).unwrap();
        let (first, payload) = peer.recv();
        assert_eq!(first, if expected { FIN | RSV1 | TEXT } else { FIN | TEXT });
        let text =
            if expected { ForeignDeflate::new().decompress(&payload).unwrap() } else { payload };
        assert!(text == prose(2000, 1).as_bytes());
    }
}

/// D-008, D-011, D-012, D-029, D-030, D-032: every window and both kinds of context, each way.
#[test]
fn messages_come_through_whatever_was_agreed() {
    for (ours, theirs) in [(false, false), (true, false), (false, true), (true, true)] {
        for bits in 9..=15 {
            let (server, mut client) = pair(compressing((bits, ours), (24 - bits, theirs)));
            assert!(server.may_compress() && client.may_compress());
            let echo = thread::spawn(|| echo(server));
            call(&mut client, &samples(if bits == 9 { 70_000 } else { 3000 }));
            echo.join().unwrap().unwrap();
        }
    }
}

/// D-010, D-012, D-032, D-034: compressed, then cut into frames, with Pings between; and the output
/// is read by another library, with plain messages between.
#[test]
fn a_foreign_peer_is_understood_and_understands() {
    for fragment_len in [1, 7, 1000] {
        let (server, peer, _) = server_and_peer(with_takeover(), OFFER);
        talk_with_foreign(server, peer, fragment_len);
        let (client, peer) = client_and_peer(with_takeover());
        talk_with_foreign(client, peer, fragment_len);
    }
}

fn talk_with_foreign<R: Role>(
    mut socket: WebSocket<TcpStream, R>,
    mut peer: Peer,
    fragment_len: usize,
) {
    let mut foreign = ForeignDeflate::new();
    let mut lens = Vec::new();
    for number in 0..4 {
        let message = prose(3000, number / 2);
        let payload = foreign.compress(message.as_bytes());
        peer.send(RSV1 | TEXT, &[]);
        for fragment in payload.chunks(fragment_len) {
            peer.send(CONTINUATION, fragment);
        }
        peer.send(FIN | PING, b"?");
        peer.send(FIN | CONTINUATION, &[]);
        peer.send(FIN | TEXT, b"plain");
        peer.send(FIN | RSV1 | BINARY, &[0x00]);
        assert_eq!(socket.recv().unwrap(), Some(message.as_str().into()));
        assert_eq!(socket.recv().unwrap(), Some("plain".into()));
        assert_eq!(socket.recv().unwrap(), Some(Message::binary(Vec::new())));
        socket.flush().unwrap();
        assert_eq!(peer.recv(), (FIN | PONG, b"?".to_vec()));

        socket.send("plain").unwrap();
        assert_eq!(peer.recv(), (FIN | TEXT, b"plain".to_vec()));
        socket.send(&message).unwrap();
        let (first, payload) = peer.recv();
        assert_eq!(first, FIN | RSV1 | TEXT);
        assert!(foreign.decompress(&payload).unwrap() == message.as_bytes());
        lens.push(payload.len());
    }
    assert!(lens[1] < lens[0] / 3, "{lens:?}");
}

/// The borrowed halves: a borrowed message is sent on.
#[test]
fn halves_return_borrowed_compressed_messages() {
    let (mut server, mut client) = pair(with_takeover());
    let echo = thread::spawn(move || {
        let (mut receiver, mut sender) = server.split();
        while let Some(message) = receiver.recv(&mut sender)? {
            sender.send(message)?;
        }
        Ok::<_, Error>(())
    });
    call(&mut client, &samples(70_000));
    echo.join().unwrap().unwrap();
}

/// D-011, D-032: a writer's pieces go in plain between compressed messages; a reader reads both, and
/// one that is dropped early drops its own message alone.
#[test]
fn messages_in_pieces_go_between_compressed_ones() {
    let (mut server, mut client) = pair(with_takeover());
    let sending = thread::spawn(move || {
        for number in 0..4 {
            client.send(prose(3000, number)).unwrap();
            let mut writer = client.writer(MessageKind::Text).unwrap();
            for piece in prose(5000, number).as_bytes().chunks(999) {
                writer.write_all(piece).unwrap();
            }
            writer.finish().unwrap();
        }
        client.close(CloseCode::NORMAL, "").unwrap();
    });
    for number in 0..2 {
        for len in [3000, 5000] {
            let mut reader = server.recv_reader().unwrap().unwrap();
            assert_eq!(reader.kind(), MessageKind::Text);
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert!(text == prose(len, number));
        }
    }
    let mut reader = server.recv_reader().unwrap().unwrap();
    assert_eq!(reader.chunk().unwrap(), Some(prose(3000, 2).as_bytes()));
    assert_eq!(reader.chunk().unwrap(), None);
    drop(reader);
    for _ in 0..2 {
        // The plain one, and the compressed one after it.
        let mut reader = server.recv_reader().unwrap().unwrap();
        reader.read_exact(&mut [0]).unwrap();
    }
    assert_eq!(server.recv().unwrap(), Some(prose(5000, 3).into()));
    assert_eq!(server.recv().unwrap(), None);
    sending.join().unwrap();
}

#[test]
fn a_byte_stream_is_compressed() {
    let (server, client) = pair(with_takeover());
    let sent = [prose(200_000, 1).into_bytes(), noise(20_000)].concat();
    let copy = sent.clone();
    let sending = thread::spawn(move || {
        let mut client = client.into_byte_stream();
        copy.chunks(9_973).for_each(|chunk| client.write_all(chunk).unwrap());
        client.flush().unwrap();
        client.into_inner().close(CloseCode::NORMAL, "").unwrap();
    });
    let mut received = Vec::new();
    server.into_byte_stream().read_to_end(&mut received).unwrap();
    assert!(received == sent);
    sending.join().unwrap();
}

/// D-007, D-012, D-027: bad peers in both roles get the right code, and the error says that it is
/// their fault.
#[test]
fn bad_peers_are_refused() {
    let cut = ForeignDeflate::new().compress(prose(2000, 1).as_bytes());
    let cut = &cut[..cut.len() / 2];
    let no_utf8 = ForeignDeflate::new().compress(b"\xFF");
    let long = ForeignDeflate::new().compress(&prose(5001, 1).into_bytes());
    let mut small = with_takeover();
    small.limits.max_message_len = 5000;
    let cases: [(Config, &[Frame<'_>], u16, &str); 7] = [
        (with_takeover(), &[(FIN | RSV1 | TEXT, &[0x07])], 1007, "cannot be inflated"),
        (with_takeover(), &[(FIN | RSV1 | TEXT, cut)], 1007, "cannot be inflated"),
        (with_takeover(), &[(FIN | RSV1 | TEXT, &no_utf8)], 1007, "in a text message"),
        (small, &[(FIN | RSV1 | TEXT, &long)], 1009, "at least 5001 bytes, the limit is 5000"),
        (with_takeover(), &[(FIN | RSV1 | PING, &[])], 1002, "RFC"),
        (
            with_takeover(),
            &[(RSV1 | TEXT, &[]), (FIN | RSV1 | CONTINUATION, &[])],
            1002,
            "does not begin a message",
        ),
        (Config::server(), &[(FIN | RSV1 | TEXT, &[0x00])], 1002, "RFC"),
    ];
    for (config, frames, code, said) in cases {
        let (server, peer, _) = server_and_peer(config, OFFER);
        is_refused(server, peer, frames, code, said);
        let (client, peer) = client_and_peer(config);
        is_refused(client, peer, frames, code, said);
    }
}

fn is_refused<R: Role + Send + 'static>(
    mut socket: WebSocket<TcpStream, R>,
    mut peer: Peer,
    frames: &[Frame<'_>],
    code: u16,
    said: &str,
) {
    let receiving = thread::spawn(move || {
        let error = socket.recv().unwrap_err();
        assert_eq!(socket.recv().unwrap(), None);
        assert!(socket.send("after").is_err());
        error
    });
    for (first, payload) in frames {
        peer.send(*first, payload);
    }
    let (first, payload) = peer.recv();
    assert_eq!((first, u16::from_be_bytes([payload[0], payload[1]])), (FIN | CLOSE, code));
    peer.stream.shutdown(Shutdown::Write).unwrap();
    let error = receiving.join().unwrap();
    assert!(matches!(error, Error::Violation(_)), "{error}");
    assert!(error.to_string().contains(said), "{error}");
}

/// D-012: 64 MiB of zeros end at the limit, with no more than that held.
#[test]
fn a_bomb_is_refused_at_the_limit() {
    let mut config = with_takeover();
    config.limits.max_message_len = 1 << 20;
    let (mut server, mut peer, _) = server_and_peer(config, OFFER);
    let receiving = thread::spawn(move || server.recv().unwrap_err());
    let part = ForeignDeflate::new().compress(&vec![0; 1 << 20]);
    for index in 0..64 {
        let first = if index == 0 { RSV1 | BINARY } else { CONTINUATION };
        let part = [&part[..], &[0, 0, 0xFF, 0xFF]].concat();
        peer.send(first, &part);
    }
    let (first, payload) = peer.recv();
    assert_eq!((first, &payload[..2]), (FIN | CLOSE, &1009u16.to_be_bytes()[..]));
    let expected = Violation::MessageTooLong { message_len: (1 << 20) + 1, max_len: 1 << 20 };
    drop(peer);
    let error = receiving.join().unwrap();
    assert!(matches!(error, Error::Violation(violation) if violation == expected), "{error}");
}

/// D-007, D-017, D-018, D-019, D-020, D-024: a wrong answer fails the connection, by 1010.
#[test]
fn a_wrong_answer_fails_the_connection() {
    let cases: [&'static [(&str, Option<&str>)]; 5] = [
        &[("unknown", None)],
        &[("server_max_window_bits", Some("1000"))],
        &[("client_max_window_bits", None)],
        &[("client_max_window_bits", Some("7"))],
        &[("server_no_context_takeover", None), ("server_no_context_takeover", None)],
    ];
    for parameters in cases {
        let (near, far) = loopback();
        let extension = Extension::new("permessage-deflate", parameters).unwrap();
        // The acceptance is of any lifetime.
        let extensions: &'static [Extension<'static>] = Box::leak(Box::new([extension]));
        let server = thread::spawn(move || {
            let accepted = accept_with(near, Config::server(), |request| {
                Ok(request.accept().extensions(extensions).unwrap())
            });
            let mut server = accepted.unwrap();
            assert_eq!(server.recv().unwrap(), None);
            server.close_info().received.code()
        });
        let options = ConnectOptions::new().config(with_takeover());
        let error = client_handshake(far, URI, &options).map(drop).unwrap_err();
        assert!(matches!(error, Error::Compression(_)), "{error}");
        assert_eq!(server.join().unwrap(), 1010, "{parameters:?}");
    }
}

/// D-032, D-035: switched off, messages are plain, and later ones still refer back; one that was
/// compressed for many goes between.
#[test]
fn plain_own_and_shared_messages_alternate() {
    let shared = CompressedMessage::new(prose(9000, 9).into());
    for config in [Config::server(), with_takeover(), compressing((9, true), (9, false))] {
        let (mut server, mut client) = pair(config);
        for number in 0..6 {
            server.set_compressing(number % 2 == 0);
            server.send(prose(3000, number / 2)).unwrap();
            server.send(&shared).unwrap();
            client.send(&shared).unwrap();
            client.send(prose(3000, number)).unwrap();
            assert_eq!(client.recv().unwrap(), Some(prose(3000, number / 2).into()));
            assert_eq!(client.recv().unwrap().as_ref(), Some(shared.message()));
            assert_eq!(server.recv().unwrap().as_ref(), Some(shared.message()));
            assert_eq!(server.recv().unwrap(), Some(prose(3000, number).into()));
        }
    }
}

/// D-008: over a nonblocking stream, a message that finds no room was not sent: it is not in the
/// context either.
#[test]
fn a_message_that_would_block_does_not_enter_the_context() {
    let mut config = with_takeover();
    config.limits.max_message_len = 1 << 26;
    config.limits.max_frame_len = 1 << 26;
    let (mut server, mut client) = pair(config);
    server.get_ref().set_nonblocking(true).unwrap();
    // More than the system's buffers hold; nobody reads.
    server.set_compressing(false);
    server.send(vec![7; 16 << 20]).unwrap();
    server.set_compressing(true);
    let mut refused = 0;
    for number in 0..20 {
        match server.send(prose(3000, number)) {
            Ok(()) => panic!("there was room after 16 MiB"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 20);
    assert!(server.wants_write());
    let reading = thread::spawn(move || {
        let first = client.recv().unwrap().unwrap();
        assert_eq!(first.as_binary().unwrap().len(), 16 << 20);
        for number in [5, 6, 5] {
            assert_eq!(client.recv().unwrap(), Some(prose(3000, number).into()));
        }
    });
    server.get_ref().set_nonblocking(false).unwrap();
    for number in [5, 6, 5] {
        server.send(prose(3000, number)).unwrap();
    }
    server.flush().unwrap();
    reading.join().unwrap();
}
