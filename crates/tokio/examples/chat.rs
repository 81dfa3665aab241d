//! A chat room: every message goes to everyone. Each message is stored once, however many receive
//! it; a client that is too slow loses the oldest.
//!
//! Run it with `cargo run --release -p tidings-tokio --example chat -- 127.0.0.1:9002`, then talk
//! with `cargo run --release -- ws ws://127.0.0.1:9002/` from two terminals.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use tidings_tokio::{Config, Error, Message, accept};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9002".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("chatting at ws://{}/", listener.local_addr()?);
    let (room, _) = broadcast::channel(64);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // Out of file descriptors, most likely: open connections continue, new ones wait.
            Err(error) => {
                println!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let room = room.clone();
        tokio::spawn(async move {
            if let Err(error) = attend(stream, room).await {
                println!("{peer}: {error}");
            }
        });
    }
}

async fn attend(stream: TcpStream, room: broadcast::Sender<Message>) -> Result<(), Error> {
    let mut socket = accept(stream, Config::server()).await?;
    let mut heard = room.subscribe();
    loop {
        // Both `recv` are cancel safe: the one that loses the race has taken nothing.
        tokio::select! {
            said = socket.recv() => match said? {
                Some(said) => {
                    // Fails if nobody listens; the sender does.
                    let _ = room.send(said);
                }
                None => return Ok(()),
            },
            said = heard.recv() => match said {
                Ok(said) => socket.send(said).await?,
                Err(RecvError::Lagged(missed)) => {
                    socket.send(format!("({missed} messages were dropped)")).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}
