//! Sends a ping and a few messages to an echo server, prints the replies, and closes.
//!
//! Run it with `cargo run --release -p tidings-tokio --example echo_client -- ws://127.0.0.1:9001/`
//! beside the example `echo_server`. The code and the reason to close with may follow, for example
//! `4000 "until tomorrow"`. If `echo` follows instead, it is the client that echoes.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use tidings_tokio::websocket::frame::ControlPayload;
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, Message, WebSocket,
    client::{ClientRole, ClientStream},
    connect_with,
};

type Socket = WebSocket<ClientStream, ClientRole>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let code = arguments.next();
    let reason = arguments.next().unwrap_or_default();

    let echoes = code.as_deref() == Some("echo");
    let mut config = Config::client();
    // Pongs are shown, but must not be echoed.
    config.deliver_control_frames = !echoes;
    let mut socket = connect_with(&uri, &ConnectOptions::new().config(config)).await?;
    if echoes {
        echo(&mut socket).await?;
    } else {
        greet(&mut socket).await?;
        let code = code.and_then(|code| CloseCode::new(code.parse().ok()?));
        socket.close(code.unwrap_or(CloseCode::NORMAL), &reason).await?;
    }
    println!("closed: {}", socket.close_info().received);
    Ok(())
}

async fn greet(socket: &mut Socket) -> Result<(), Box<dyn Error>> {
    let ping = Message::ping(ControlPayload::new(b"are you there?")?);
    let greetings = ["hello", "grüß dich", "你好"].map(Message::from);
    for message in [ping].into_iter().chain(greetings) {
        socket.send(message).await?;
        if let Some(message) = socket.recv().await? {
            println!("{message:?}");
        }
    }
    Ok(())
}

async fn echo(socket: &mut Socket) -> Result<(), Box<dyn Error>> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
