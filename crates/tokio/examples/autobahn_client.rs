//! The echo client that the Autobahn suite tests: it asks the fuzzing server for its cases, echoes
//! in each, and has the reports written.
//!
//! Run it with `cargo run --release -p tidings-tokio --all-features --example autobahn_client -- ws://127.0.0.1:9001 AGENT`
//!
//! Its offer is that of a browser. `--no-takeover` and `--window-bits N` ask for less, in both
//! directions.

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use tidings_tokio::compression::deflate::{DeflateConfig, Offer, WindowBits};
use tidings_tokio::websocket::Limits;
use tidings_tokio::{
    Config, ConnectOptions, Error,
    compression::{ClientOffer, Compression},
    connect_with,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut offer = Offer::recommended();
    let mut positional = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--no-takeover" => {
                offer = offer.server_no_context_takeover().client_no_context_takeover();
            }
            "--window-bits" => {
                let bits = arguments.next().ok_or("a number must follow")?.parse()?;
                let bits = WindowBits::new(bits).ok_or("a window has 8 to 15")?;
                offer = offer.server_max_window_bits(bits).client_max_window_bits_hint(bits);
            }
            _ => positional.push(argument),
        }
    }
    let mut positional = positional.into_iter();
    let server = positional.next().unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let agent = positional.next().unwrap_or_else(|| "tidings-tokio".to_owned());

    let mut compression = Compression::default();
    compression.offer = ClientOffer { first: offer, fallback: None };
    compression.deflate = DeflateConfig { threshold: 0, ..DeflateConfig::DEFAULT };
    let mut config = Config::client();
    config.limits = Limits::conformance();
    config.compression = Some(compression);
    let options = ConnectOptions::new().config(config);

    let mut counter = connect_with(&format!("{server}/getCaseCount"), &options).await?;
    let count = counter.recv().await?.ok_or("the server told no count")?;
    let count: u32 = count.as_text().ok_or("the count is not text")?.parse()?;
    for case in 1..=count {
        if let Err(error) =
            echo(&options, &format!("{server}/runCase?case={case}&agent={agent}")).await
        {
            println!("case {case} of {count}: {error}");
        }
    }
    let mut reports =
        connect_with(&format!("{server}/updateReports?agent={agent}"), &options).await?;
    while reports.recv().await?.is_some() {}
    Ok(())
}

async fn echo(options: &ConnectOptions, uri: &str) -> Result<(), Error> {
    let mut socket = connect_with(uri, options).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
