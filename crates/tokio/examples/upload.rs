//! Uploads one message of any length in chunks, and receives it in chunks: constant memory at both
//! ends. Prints the peak memory of the process, where the system reports it.
//!
//! Run it with `cargo run --release -p tidings-tokio --example upload -- 1024` (MiB), or with a
//! file: `... --example upload -- path/to/file`

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Instant;

use tidings_tokio::websocket::Client;
use tidings_tokio::websocket::Limits;
use tidings_tokio::{
    Config, Error, WebSocket,
    client::{ClientRole, RandomMasks},
    message::MessageKind,
    server::ServerRole,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let source = std::env::args().nth(1).unwrap_or_else(|| "64".to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let receiving = tokio::spawn(receive(listener));

    let start = Instant::now();
    match source.parse::<u64>() {
        Ok(mebibytes) => upload(address, tokio::io::repeat(7).take(mebibytes << 20)).await?,
        Err(_) => upload(address, tokio::fs::File::open(&source).await?).await?,
    }
    let received = receiving.await.map_err(std::io::Error::other)??;
    println!("received {received} bytes in {:.2?}", start.elapsed());
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
            println!("peak memory of both ends: {}", peak.trim_start_matches("VmHWM:").trim());
        }
    }
    Ok(())
}

/// No limit: every piece is passed on at once and nothing is kept.
fn config() -> Config {
    let mut config = Config::server();
    config.limits.max_message_len = Limits::UNBOUNDED;
    config.limits.max_fragments = u32::MAX;
    config
}

async fn upload(
    address: std::net::SocketAddr,
    mut source: impl AsyncRead + Unpin,
) -> Result<(), Error> {
    let stream = TcpStream::connect(address).await?;
    let role: ClientRole = Client::new(RandomMasks);
    // Both ends are ours, so the opening handshake is left out.
    let mut socket = WebSocket::from_handshaken(stream, role, config(), &[]);
    let mut writer = socket.writer(MessageKind::Binary)?;
    tokio::io::copy(&mut source, &mut writer).await?;
    writer.shutdown().await?;
    socket.close(tidings_tokio::CloseCode::NORMAL, "").await
}

async fn receive(listener: TcpListener) -> Result<u64, Error> {
    let (stream, _) = listener.accept().await?;
    let mut socket = WebSocket::from_handshaken(stream, ServerRole, config(), &[]);
    let mut received = 0;
    if let Some(mut reader) = socket.recv_reader().await? {
        while let Some(piece) = reader.chunk().await? {
            received += piece.len() as u64;
        }
    }
    while socket.recv().await?.is_some() {}
    Ok(received)
}
