//! An echo server with a thread for each connection: the natural loop, which answers all messages
//! of one read with one write.
//!
//! Run it with `cargo run --release -p tidings-std --example blocking_echo_server -- 127.0.0.1:9001`

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tidings_std::{Config, Error, accept};

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    loop {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            // Out of file descriptors, most likely: open connections continue, new ones wait.
            Err(error) => {
                println!("accept: {error}");
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        thread::spawn(move || {
            if let Err(error) = echo(stream) {
                println!("{peer}: {error}");
            }
        });
    }
}

fn echo(stream: TcpStream) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = accept(stream, Config::server())?;
    // Messages are borrowed from the read buffer and copied only to the write buffer.
    let (mut receiver, mut sender) = socket.split();
    while let Some(message) = receiver.recv(&mut sender)? {
        sender.send(message)?;
    }
    Ok(())
}
