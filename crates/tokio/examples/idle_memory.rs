//! Measures what an idle connection costs: starts an echo server as a process of its own, opens
//! many connections to it, and reads its resident memory, after the handshake and after an echo on
//! each. Linux only.
//!
//! Run it with `cargo run --release -p tidings-tokio --example idle_memory -- 5000`

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::io::{BufRead as _, BufReader, Error, Result};
use std::process::{Command, Stdio};

use tidings_tokio::{Config, Message, accept};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve().await,
        count => measure(count.and_then(|count| count.parse().ok()).unwrap_or(1000)).await,
    }
}

async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut socket = accept(stream, Config::server()).await?;
            let (mut receiver, mut sender) = socket.halves();
            while let Some(message) = receiver.recv(&mut sender).await? {
                sender.send(message).await?;
            }
            Ok::<_, tidings_tokio::Error>(())
        });
    }
}

async fn measure(count: u64) -> Result<()> {
    let mut server =
        Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
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
    let mut sockets = Vec::new();
    for _ in 0..count {
        let stream = TcpStream::connect(address.trim()).await?;
        let connector = tidings_tokio::Connector::new();
        sockets.push(connector.handshake(stream, &uri).await.map_err(Error::other)?);
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
