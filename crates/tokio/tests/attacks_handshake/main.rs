//! Attacks on the opening handshake, at either side.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[path = "../attack_scene/mod.rs"]
mod attack_scene;
mod client;
mod limits;
mod server;

use attack_scene::read_head;
use tidings_tokio::{Config, Error, WebSocket, accept};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// Passes these bytes to a server that accepts everything. Returns how it ended, and its answer
/// until it hung up, or for as long as the caller says.
async fn serve(bytes: &[u8]) -> (Result<WebSocket<DuplexStream>, Error>, String) {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    far.write_all(bytes).await.unwrap();
    let accepted = accept(near, Config::server()).await;
    let answer = match &accepted {
        Ok(_) => read_head(&mut far).await,
        Err(_) => {
            let mut answer = String::new();
            far.read_to_string(&mut answer).await.unwrap();
            answer
        }
    };
    (accepted, answer)
}
