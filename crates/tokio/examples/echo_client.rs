//! Sends a few messages to an echo server and shows what comes back.
//!
//! Run it with `cargo run --release -p tidings-tokio --example echo_client -- ws://127.0.0.1:9001/`
//! beside the example `echo_server`.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use tidings_tokio::{CloseCode, Error, connect};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let mut socket = connect(&uri).await?;
    for text in ["hello", "grüß dich", "你好"] {
        socket.send(text).await?;
        if let Some(message) = socket.recv().await? {
            println!("{message:?}");
        }
    }
    socket.close(CloseCode::NORMAL, "done").await?;
    println!("closed: {}", socket.closure().received);
    Ok(())
}
