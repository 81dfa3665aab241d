//! Measures the cost of an idle connection: starts an echo server as a separate process, opens many
//! connections to it, and reads its resident memory, after the handshake and after an echo on each.
//! Linux only.
//!
//! Run it with `cargo run --release -p tidings-tokio --example idle_memory -- 5000`. With
//! `--compress` at the end the messages are compressed, and nothing is kept between them; with
//! `--compress --takeover` each may refer back to those before it.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::io::{BufRead as _, BufReader, Error, Result};
use std::process::{Command, Stdio};

use tidings_tokio::compression::deflate::{Offer, ServerConfig};
use tidings_tokio::{
    Config, ConnectOptions, Message, accept,
    client::client_handshake,
    compression::{ClientOffer, Compression},
};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let compression = compression(&arguments);
    match arguments.first().map(String::as_str) {
        Some("serve") => serve(compression).await,
        count => {
            let count = count.and_then(|count| count.parse().ok()).unwrap_or(1000);
            measure(count, compression, &arguments).await
        }
    }
}

fn compression(arguments: &[String]) -> Option<Compression> {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let mut compression = Compression::default();
    if has("--takeover") {
        compression.server =
            ServerConfig::new().server_context_takeover(true).client_context_takeover(true);
        compression.offer = ClientOffer { first: Offer::recommended(), fallback: None };
    }
    has("--compress").then_some(compression)
}

async fn serve(compression: Option<Compression>) -> Result<()> {
    let mut config = Config::server();
    config.compression = compression;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // Made out here, so that the task does not keep `config` as well.
        let accepting = accept(stream, config);
        tokio::spawn(async move {
            let mut socket = accepting.await?;
            let (mut receiver, mut sender) = socket.split();
            while let Some(message) = receiver.recv(&mut sender).await? {
                sender.send(message).await?;
            }
            Ok::<_, tidings_tokio::Error>(())
        });
    }
}

async fn measure(count: u64, compression: Option<Compression>, arguments: &[String]) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").args(arguments).stdout(Stdio::piped());
    let mut server = command.spawn()?;
    let stdout = server.stdout.take().ok_or_else(|| Error::other("the server has no stdout"))?;
    let mut address = String::new();
    BufReader::new(stdout).read_line(&mut address)?;
    let uri = format!("ws://{}/", address.trim());

    let before = resident_kib(server.id())?;
    let report = |what: &str| -> Result<()> {
        let grown = resident_kib(server.id())?.saturating_sub(before);
        println!("{what}: {} bytes a connection", grown * 1024 / count);
        Ok(())
    };
    let mut config = Config::client();
    config.compression = compression;
    let options = ConnectOptions::new().config(config);
    let mut sockets = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect(address.trim()).await?;
        let socket = client_handshake(stream, &uri, &options).await.map_err(Error::other)?;
        if socket.may_compress() != compression.is_some() {
            return Err(Error::other("the server does not agree on compression"));
        }
        sockets.push(socket);
    }
    report("after the handshake")?;
    for len in [1024, 64 * 1024] {
        for socket in &mut sockets {
            socket.send(Message::binary(vec![7; len])).await.map_err(Error::other)?;
            socket.recv().await.map_err(Error::other)?;
        }
        report(&format!("after an echo of {len} bytes on each"))?;
    }
    server.kill()
}

fn resident_kib(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| Error::other("the system does not tell the memory of a process"))
}
