//! The echo server that the Autobahn suite tests: all limits as it needs them, and compression with
//! whatever parameters a client asks for.
//!
//! Run it with `cargo run --release -p tidings-std --example blocking_autobahn_server -- 127.0.0.1:9001`
//!
//! `--no-takeover` and `--window-bits N` restrict the parameters that it agrees to, in both
//! directions; `--max-message-len BYTES` sets another limit.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::net::{TcpListener, TcpStream};
use std::thread;

use tidings_std::compression::deflate::{DeflateConfig, ServerConfig, WindowBits};
use tidings_std::websocket::Limits;
use tidings_std::{Config, Error, accept, compression::Compression};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut address = "127.0.0.1:9001".to_owned();
    let mut takeover = true;
    let mut window_bits = WindowBits::MAX;
    let mut config = Config::server();
    config.limits = Limits::conformance();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().ok_or("a number must follow");
        match argument.as_str() {
            "--no-takeover" => takeover = false,
            "--window-bits" => {
                window_bits = WindowBits::new(number()?.parse()?).ok_or("a window has 8 to 15")?;
            }
            "--max-message-len" => config.limits.max_message_len = number()?.parse()?,
            _ => address = argument,
        }
    }
    let mut compression = Compression::default();
    compression.server = ServerConfig::new()
        .server_context_takeover(takeover)
        .client_context_takeover(takeover)
        .server_max_window_bits(window_bits)?
        .client_max_window_bits(window_bits);
    compression.deflate = DeflateConfig { threshold: 0, ..DeflateConfig::DEFAULT };
    config.compression = Some(compression);

    let listener = TcpListener::bind(&address)?;
    println!("echoing at ws://{}/", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept()?;
        thread::spawn(move || {
            if let Err(error) = echo(stream, config) {
                println!("{peer}: {error}");
            }
        });
    }
}

fn echo(stream: TcpStream, config: Config) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = accept(stream, config)?;
    // Messages are borrowed from the buffer that they were received or inflated into.
    let (mut receiver, mut sender) = socket.split();
    while let Some(message) = receiver.recv(&mut sender)? {
        sender.send(message)?;
    }
    Ok(())
}
