//! Sends a few messages to an echo server and prints the replies.
//!
//! Run it with `cargo run --release -p tidings-std --example blocking_echo_client -- ws://127.0.0.1:9001/`
//! beside the example `blocking_echo_server`.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use tidings_std::{CloseCode, Error, connect};

fn main() -> Result<(), Error> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let mut socket = connect(&uri)?;
    for text in ["hello", "grüß dich", "你好"] {
        socket.send(text)?;
        if let Some(message) = socket.recv()? {
            println!("{message:?}");
        }
    }
    socket.close(CloseCode::NORMAL, "done")?;
    println!("closed: {}", socket.close_info().received);
    Ok(())
}
