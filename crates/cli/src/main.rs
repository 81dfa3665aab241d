//! The `tidings` command. Each subcommand is a separate module, which documents its exit codes.

#![forbid(unsafe_code)]

mod demo;
mod interrupt;
mod request;
mod sse;
mod terminal;
mod ws;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// WebSocket and Server-Sent Events: a demo to look at, clients to talk with.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a page with a chat over WebSocket and a dashboard over Server-Sent Events.
    Demo(demo::Arguments),
    /// Talk to a WebSocket: lines from stdin out, messages to stdout.
    Ws(ws::Arguments),
    /// Watch an event stream: each event as it comes, through reconnections.
    Sse(sse::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Ws(arguments) => ws::run(arguments).await,
        Command::Sse(arguments) => sse::run(arguments).await,
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidings: {error}");
            if is_usage(&*error) { USAGE.into() } else { ExitCode::FAILURE }
        }
    }
}

/// The exit code for wrong arguments, which is that of clap, too.
const USAGE: u8 = 2;

/// An argument cannot be used; shown to the user.
#[derive(Debug)]
struct UsageError(String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Returns whether the arguments are the cause.
fn is_usage(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    use tidings_tokio::Error;

    let is_connect_usage = |error: &Error| {
        matches!(
            error,
            Error::Uri(_) | Error::RequestBuild(_) | Error::TlsUnsupported | Error::ProxyUri(_)
        )
    };
    error.is::<UsageError>()
        || error.is::<tidings_tokio::sse::RequestFault>()
        || error.downcast_ref::<Error>().is_some_and(is_connect_usage)
}

/// The error that ends a subcommand early; shown to the user in one line.
type Error = Box<dyn std::error::Error + Send + Sync>;
