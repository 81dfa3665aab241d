//! The echo server that the Autobahn suite tests: all limits as it needs them, and compression with
//! whatever parameters a client asks for.
//!
//! Run it with `cargo run --release -p tidings-tokio --all-features --example autobahn_server -- 127.0.0.1:9001`

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use tidings_tokio::deflate::{DeflateConfig, ServerConfig, WindowBits};
use tidings_tokio::websocket::Limits;
use tidings_tokio::{Compression, Config, Error, accept};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    let mut compression = Compression::default();
    compression.server = ServerConfig::new()
        .server_context_takeover(true)
        .client_context_takeover(true)
        .server_max_window_bits(WindowBits::MAX)?
        .client_max_window_bits(WindowBits::MAX);
    compression.deflate = DeflateConfig { threshold: 0, ..DeflateConfig::DEFAULT };
    let mut config = Config::server();
    config.limits = Limits::conformance();
    config.compression = Some(compression);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = echo(stream, config).await {
                println!("{peer}: {error}");
            }
        });
    }
}

async fn echo(stream: TcpStream, config: Config) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = accept(stream, config).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
