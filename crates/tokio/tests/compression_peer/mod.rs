//! Both ends of a compressed connection over loopback: ours, and peers made by hand, whose frames
//! share no code with the library.

use tidings_testkit::{Missing, RawFrame, raw_frame};
use tidings_tokio::compression::deflate::{Offer, ServerConfig, WindowBits};
use tidings_tokio::{
    Config, ConnectOptions, WebSocket, accept,
    client::ClientRole,
    client::client_handshake,
    compression::{ClientOffer, Compression},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) type Server = WebSocket<TcpStream>;
pub(crate) type Client = WebSocket<TcpStream, ClientRole>;

pub(crate) const URI: &str = "ws://example.com/";

/// Both ends of a connection of TCP.
pub(crate) async fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = tokio::join!(listener.accept(), far);
    let (near, far) = (near.unwrap().0, far.unwrap());
    for stream in [&near, &far] {
        stream.set_nodelay(true).unwrap();
    }
    (near, far)
}

/// A configuration that compresses so, in either role, and takes messages of any length.
pub(crate) fn compressing(compression: Compression) -> Config {
    let mut config = Config::server();
    config.limits.max_message_len = 1 << 26;
    config.limits.max_frame_len = 1 << 26;
    config.compression = Some(compression);
    config
}

/// Describes the two directions: window bits and context takeover, of server and client.
pub(crate) fn compression(server: (u8, bool), client: (u8, bool)) -> Compression {
    let bits = |bits| WindowBits::new(bits).unwrap();
    let mut compression = Compression::default();
    compression.server = ServerConfig::new()
        .server_context_takeover(server.1)
        .client_context_takeover(client.1)
        .client_max_window_bits(bits(client.0))
        .server_max_window_bits(bits(server.0))
        .unwrap();
    compression.offer = ClientOffer { first: Offer::recommended(), fallback: None };
    compression
}

/// Everything kept from message to message, in windows of 15 bits.
pub(crate) fn with_takeover() -> Config {
    compressing(compression((15, true), (15, true)))
}

/// A server and a client of ours that have done the handshake.
pub(crate) async fn pair_of(server: Config, client: Config) -> (Server, Client) {
    let (near, far) = streams().await;
    let options = ConnectOptions::new().config(client);
    let (server, client) = tokio::join!(accept(near, server), client_handshake(far, URI, &options));
    (server.unwrap(), client.unwrap())
}

pub(crate) async fn pair(config: Config) -> (Server, Client) {
    pair_of(config, config).await
}

/// A server of ours, a bare client that offered this, and the head of the answer.
pub(crate) async fn server_and_peer(config: Config, offers: &[&str]) -> (Server, Peer, String) {
    let (near, mut far) = streams().await;
    let lines: String =
        offers.iter().map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n")).collect();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    );
    far.write_all(request.as_bytes()).await.unwrap();
    let server = accept(near, config).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(far.read_u8().await.unwrap());
    }
    (server, Peer { stream: far, masks: true }, String::from_utf8(head).unwrap())
}

/// The value of the answer's `Sec-WebSocket-Extensions`.
pub(crate) fn extensions_of(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
}

/// A client of ours and a bare server with the answer that our server would give.
pub(crate) async fn client_and_peer(config: Config) -> (Client, Peer) {
    let (near, far) = streams().await;
    let options = ConnectOptions::new().config(config);
    // The handshake is that of our server, which reads no more than the request.
    let mut near = near;
    let (server, client) =
        tokio::join!(accept(&mut near, config), client_handshake(far, URI, &options));
    drop(server.unwrap());
    (client.unwrap(), Peer { stream: near, masks: false })
}

/// An end that sends exactly what the test says.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    /// `true` if it is the client.
    pub(crate) masks: bool,
}

pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

impl Peer {
    /// A frame that begins with this byte.
    pub(crate) fn frame(&self, first: u8, payload: &[u8]) -> Vec<u8> {
        raw_frame(first, payload, self.masks.then_some(KEY))
    }

    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = self.frame(first, payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// The next frame: its first byte and its payload, unmasked.
    pub(crate) async fn recv(&mut self) -> (u8, Vec<u8>) {
        let frame = read_frame(&mut self.stream).await;
        assert_eq!(frame.key.is_none(), self.masks, "a client masks, a server does not");
        (frame.first, frame.payload)
    }

    /// The next frame, a Close: its code.
    pub(crate) async fn recv_close(&mut self) -> u16 {
        let (first, payload) = self.recv().await;
        assert_eq!(first, FIN | CLOSE);
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

/// The next frame that comes.
pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> RawFrame {
    let mut bytes = Vec::new();
    loop {
        match RawFrame::parse(&bytes) {
            Ok(frame) => return frame,
            Err(Missing(len)) => {
                let read = bytes.len();
                bytes.resize(read + len, 0);
                stream.read_exact(&mut bytes[read..]).await.unwrap();
            }
        }
    }
}

/// Bytes that do not get shorter.
pub(crate) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Text of this many bytes that gets shorter, and begins otherwise for each number.
pub(crate) fn prose(len: usize, number: usize) -> String {
    let mut text = format!("{number}: ");
    let mut word = number;
    while text.len() < len {
        word = word.wrapping_mul(31).wrapping_add(7) % 97;
        text.push_str(&format!("word-{word} "));
    }
    text.truncate(len);
    text
}
