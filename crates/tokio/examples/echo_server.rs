//! An echo server: the natural loop, which answers all messages of one read with one write.
//!
//! Run it with `cargo run --release -p tidings-tokio --example echo_server -- 127.0.0.1:9001`
//!
//! Two texts are commands, for trying out a client: `/ping PAYLOAD` and `/close CODE REASON`.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use tidings_tokio::handshake::{MissingOrigin, OriginPolicy, Rejection};
use tidings_tokio::websocket::frame::ControlPayload;
use tidings_tokio::{
    CloseCode, Config, Error, Message, accept_with,
    message::{CloseFrame, MessageRef},
};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("echoing at ws://{}/", listener.local_addr()?);
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
        tokio::spawn(async move {
            if let Err(error) = echo(stream).await {
                println!("{peer}: {error}");
            }
        });
    }
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = accept_with(stream, Config::server(), |request| {
        // Pages of other hosts are refused, programs that are not browsers are accepted.
        request.check_origin(&OriginPolicy::same_origin(MissingOrigin::Accept), false)?;
        let subprotocol = request.choose_subprotocol(&["echo.v2", "echo.v1"]);
        request.accept().subprotocol(subprotocol).map_err(|_| Rejection::forbidden("subprotocol"))
    })
    .await?;
    // Messages are borrowed from the read buffer and copied only to the write buffer.
    let (mut receiver, mut sender) = socket.split();
    while let Some(message) = receiver.recv(&mut sender).await? {
        match order(&message) {
            Some(ordered) => sender.send(ordered).await?,
            None => sender.send(message).await?,
        }
    }
    Ok(())
}

/// The control frame that a text asks for.
fn order(message: &MessageRef<'_>) -> Option<Message> {
    let MessageRef::Text(text) = message else { return None };
    let order = text.strip_prefix('/')?;
    let (name, rest) = order.split_once(' ').unwrap_or((order, ""));
    match name {
        "ping" => ControlPayload::new(rest.as_bytes()).ok().map(Message::ping),
        "close" if rest.is_empty() => Some(Message::close(None)),
        "close" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let code = CloseCode::new(code.parse().ok()?)?;
            Some(Message::close(Some(CloseFrame::new(code, reason))))
        }
        _ => None,
    }
}
