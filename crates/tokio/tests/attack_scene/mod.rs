//! Peers that write whatever they like, byte by byte, at the real adapters.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "each test file needs some of it; a failed step fails the test"
)]

use tidings_testkit::{Unit, Wire, raw_frame, raw_header};
use tidings_tokio::websocket::Role;
use tidings_tokio::{
    Config, ConnectOptions, Error, Message, WebSocket, accept, client::client_handshake,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

/// A request that is an opening handshake, without the blank line at its end.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A request that offers compression.
pub(crate) const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

pub(crate) fn request(more: &str) -> Vec<u8> {
    format!("{REQUEST}{more}\r\n").into_bytes()
}

/// The masking key of all frames, which is as legal as any.
const KEY: Option<[u8; 4]> = Some([0; 4]);

/// A client's header whose first byte is this, and whose length is that, in its shortest form.
pub(crate) fn header(first: u8, len: u64) -> Vec<u8> {
    raw_header(first, len, KEY)
}

/// A client's frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    raw_frame(first, payload, KEY)
}

/// The same bytes from a server, which does not mask.
pub(crate) fn unmask_headers(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        let extended = match frame[1] & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        bytes.extend([frame[0], frame[1] & 0x7F]);
        bytes.extend(&frame[2..2 + extended]);
        bytes.extend(&frame[2 + extended + 4..]);
    }
    bytes
}

/// The result of an attack.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Message>,
    /// The error that the application got.
    pub(crate) error: Option<Error>,
    /// The answers that the attacker got, frame by frame.
    pub(crate) units: Vec<Unit>,
}

impl Outcome {
    /// The code of the Close frame that the attacker got.
    pub(crate) fn code(&self) -> Option<u16> {
        match self.units.last() {
            Some(Unit::Close(close)) => close.as_ref().map(|(code, _)| *code),
            _ => None,
        }
    }
}

/// Receives until the end; returns the messages, and the error if the end was not a closing
/// handshake.
pub(crate) async fn receive<S, R>(socket: &mut WebSocket<S, R>) -> (Vec<Message>, Option<Error>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    let mut messages = Vec::new();
    loop {
        match socket.recv().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => {
                // After its error a connection is over.
                let next = socket.recv().await;
                assert!(matches!(next, Ok(None)), "after {error} came {next:?}");
                return (messages, Some(error));
            }
        }
    }
}

/// Returns everything that a peer got until the end, read by a reader that shares no code with the
/// library.
pub(crate) async fn listen(mut far: DuplexStream, from_client: bool) -> Vec<Unit> {
    let mut bytes = Vec::new();
    far.read_to_end(&mut bytes).await.unwrap();
    far.shutdown().await.unwrap();
    Wire::read(from_client, &bytes).unwrap().units().to_vec()
}

/// Returns the next head, up to its blank line.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A server of ours and the bare transport to it, after an opening handshake with these headers.
pub(crate) async fn server(
    config: Config,
    more: &str,
) -> (WebSocket<DuplexStream>, DuplexStream, String) {
    let (near, mut far) = tokio::io::duplex(1 << 22);
    far.write_all(&request(more)).await.unwrap();
    let server = accept(near, config).await.unwrap();
    let head = read_head(&mut far).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (server, far, head)
}

/// A client of ours and the bare transport to it.
pub(crate) async fn client(
    config: Config,
) -> (WebSocket<DuplexStream, tidings_tokio::client::ClientRole>, DuplexStream) {
    let (near, mut far) = tokio::io::duplex(1 << 22);
    let options = ConnectOptions::new().config(config);
    let (client, ()) = tokio::join!(client_handshake(near, "ws://example.com/", &options), async {
        let head = read_head(&mut far).await;
        far.write_all(switching(&head).as_bytes()).await.unwrap();
    });
    (client.unwrap(), far)
}

/// The 101 to this request.
pub(crate) fn switching(request: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = tidings_tokio::handshake::Key::parse(key.as_bytes()).unwrap().accept();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept.as_str()
    )
}

/// These bytes at a server that has this configuration.
pub(crate) async fn attack(config: Config, more: &str, bytes: &[u8]) -> Outcome {
    let (mut server, mut far, _) = server(config, more).await;
    far.write_all(bytes).await.unwrap();
    let ((messages, error), units) = tokio::join!(receive(&mut server), listen(far, false));
    Outcome { messages, error, units }
}

/// These bytes at a client.
pub(crate) async fn attack_client(config: Config, bytes: &[u8]) -> Outcome {
    let (mut client, mut far) = client(config).await;
    far.write_all(bytes).await.unwrap();
    let ((messages, error), units) = tokio::join!(receive(&mut client), listen(far, true));
    Outcome { messages, error, units }
}
