//! The time at which sent messages leave, and the work of a waiting sender: it checks only whether
//! the peer takes bytes, reads ahead, and learns why nothing can be sent any more.

#![cfg(feature = "futures")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod ends;
mod leaving;
mod waiting;

use std::time::Duration;

use tidings_tokio::{Config, WebSocket, client, server, websocket};
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::time::timeout;

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
