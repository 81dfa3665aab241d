//! The echo client that the Autobahn suite tests: it asks the fuzzing server for its cases, echoes
//! in each, and has the reports written.
//!
//! Run it with `cargo run --release -p tidings-tokio --all-features --example autobahn_client -- ws://127.0.0.1:9001 AGENT`

#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use tidings_tokio::deflate::{DeflateConfig, Offer};
use tidings_tokio::websocket::Limits;
use tidings_tokio::{ClientOffer, Compression, Config, Connector, Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let agent = arguments.next().unwrap_or_else(|| "tidings-tokio".to_owned());

    let mut compression = Compression::default();
    compression.offer = ClientOffer { first: Offer::recommended(), fallback: None };
    compression.deflate = DeflateConfig { threshold: 0, ..DeflateConfig::DEFAULT };
    let mut config = Config::client();
    config.limits = Limits::conformance();
    config.compression = Some(compression);
    let connector = Connector::new().config(config);

    let mut counter = connector.connect(&format!("{server}/getCaseCount")).await?;
    let count = counter.recv().await?.ok_or("the server told no count")?;
    let count: u32 = count.as_text().ok_or("the count is no text")?.parse()?;
    for case in 1..=count {
        if let Err(error) =
            echo(&connector, &format!("{server}/runCase?case={case}&agent={agent}")).await
        {
            println!("case {case} of {count}: {error}");
        }
    }
    let mut reports = connector.connect(&format!("{server}/updateReports?agent={agent}")).await?;
    while reports.recv().await?.is_some() {}
    Ok(())
}

async fn echo(connector: &Connector, uri: &str) -> Result<(), Error> {
    let mut socket = connector.connect(uri).await?;
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}
