//! The `tidings` command. Each subcommand is a separate module, which documents its exit codes.

#![forbid(unsafe_code)]

mod address;
mod demo;
mod failure;
mod heads;
mod interrupt;
mod manual;
mod request;
mod sse;
mod target;
mod terminal;
mod tls;
mod ws;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::terminal::{escape_controls, note};

/// WebSocket and Server-Sent Events: a demo to look at, clients to talk with.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, about, after_help = TRY)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const TRY: &str =
    "Try: tidings demo, then in another terminal: tidings ws ws://127.0.0.1:8080/chat";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a page with a chat over WebSocket, a dashboard over Server-Sent Events and an inspector of frames.
    Demo(demo::Arguments),
    /// Talk to a WebSocket, or listen for clients: lines from stdin out, messages to stdout.
    Ws(Box<ws::Arguments>),
    /// Watch an event stream: each event as it comes, through reconnections.
    Sse(Box<sse::Arguments>),
    /// Print the completions for a shell, to be put where it looks for them.
    Completions(manual::CompletionsArguments),
    /// Print the manual page, or write those of all subcommands into a directory.
    Man(manual::ManArguments),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let result = block_on(async {
        match command {
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Ws(arguments) => ws::run(*arguments).await,
            Command::Sse(arguments) => sse::run(*arguments).await,
            Command::Completions(arguments) => manual::completions(&arguments),
            Command::Man(arguments) => manual::man(&arguments),
        }
    });
    match result.map_err(Error::from).and_then(|result| result) {
        Ok(code) => code,
        Err(error) => {
            note(&format!("tidings: {}", escape_controls(&error.to_string())));
            if is_usage(&*error) { USAGE.into() } else { ExitCode::FAILURE }
        }
    }
}

/// Runs the future on a runtime of its own, and returns as soon as it is over: a thread that still
/// looks a name up cannot be interrupted, and ends with the process.
fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let output = runtime.block_on(future);
    // Dropped, the runtime would wait for the lookup.
    runtime.shutdown_background();
    Ok(output)
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
    error.is::<UsageError>()
        || error.is::<tidings_tokio::sse::RequestFault>()
        || error.downcast_ref::<tidings_tokio::Error>().is_some_and(is_connect_usage)
}

/// Returns whether a connection failed because of the arguments, or of the variables that name a proxy.
const fn is_connect_usage(error: &tidings_tokio::Error) -> bool {
    use tidings_tokio::Error;

    matches!(
        error,
        Error::Uri(_) | Error::RequestBuild(_) | Error::TlsUnsupported | Error::ProxyUri(_)
    )
}

/// The error that ends a subcommand early; shown to the user in one line.
type Error = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_lookup_that_still_runs_does_not_keep_the_program() {
        let begun = Instant::now();
        let output = block_on(async {
            let (started, has_started) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(|| {
                let _ = started.send(());
                std::thread::sleep(Duration::from_secs(20));
            });
            has_started.await.is_ok()
        });
        assert!(output.is_ok_and(|has_started| has_started));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
