//! `tidings ws URL`: a WebSocket client for terminals and scripts.
//!
//! Exit codes: 0 after a clean closing handshake, 1 for anything else (clap uses 2 for wrong
//! arguments).

use std::io::{self, BufRead as _};
use std::process::ExitCode;
use std::time::Duration;

use tidings_tokio::websocket::CloseStatus;
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, Message, WebSocket,
    client::{ClientRole, ClientStream},
    compression::Compression,
    connect_with,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::Error;
use crate::request::{Way, parse_header};
use crate::terminal::{escape_controls, print_line};

/// Lines that may wait for a slow server before stdin is no longer read.
const MAX_LINES_WAITING: usize = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to connect, for example `wss://example.com/chat`. The variables `https_proxy`,
    /// `http_proxy`, `all_proxy` and `no_proxy` are honoured.
    url: String,
    /// Offer a subprotocol; may be given several times, best first.
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Send an Origin header, as a browser would.
    #[arg(long)]
    origin: Option<String>,
    /// Send another header; may be given several times.
    #[arg(long, value_name = "NAME: VALUE", value_parser = parse_header)]
    header: Vec<(String, String)>,
    #[command(flatten)]
    way: Way,
    /// Offer compression (permessage-deflate).
    #[arg(long)]
    compress: bool,
    /// After the end of stdin, go on receiving for so long before closing.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    linger: f64,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let linger = Duration::try_from_secs_f64(arguments.linger)?;
    let mut options =
        ConnectOptions::new().subprotocols(arguments.subprotocol).proxy_from_environment();
    if arguments.compress {
        let mut config = Config::client();
        config.compression = Some(Compression::default());
        options = options.config(config);
    }
    if let Some(origin) = arguments.origin {
        options = options.origin(origin);
    }
    for (name, value) in arguments.header {
        options = match name.eq_ignore_ascii_case("host") {
            true => options.host(value),
            false => options.header(name, value),
        };
    }
    options = arguments.way.apply(options, &arguments.url)?;
    let mut socket = match connect_with(&arguments.url, &options).await {
        Ok(socket) => socket,
        Err(tidings_tokio::Error::Declined(declined)) => {
            let body = String::from_utf8_lossy(&declined.body_start);
            let status = format!("{} {}", declined.status, declined.reason);
            return Err(format!(
                "the server did not open a WebSocket, it answered {}\n{}",
                escape_controls(&status),
                escape_controls(body.trim_end())
            )
            .into());
        }
        Err(error) => return Err(error.into()),
    };
    let subprotocol = socket.subprotocol().map(|name| format!(", subprotocol {name}"));
    let compression = if socket.may_compress() { ", compressed" } else { "" };
    eprintln!("connected{}{compression}", subprotocol.unwrap_or_default());

    let ended = talk(&mut socket, linger).await;
    let closure = socket.close_info();
    eprintln!("closed: {}", closed(&closure.received));
    ended?;
    Ok(if closure.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lines out, messages in, until the end of both.
async fn talk(
    socket: &mut WebSocket<ClientStream, ClientRole>,
    linger: Duration,
) -> Result<(), Error> {
    let mut lines = read_lines();
    let mut stdin_ended: Option<Instant> = None;
    loop {
        let linger_over = async {
            match stdin_ended {
                Some(at) => sleep_until(at + linger).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = socket.recv() => match message? {
                Some(message) => print_message(&message)?,
                None => return Ok(()),
            },
            line = lines.recv(), if stdin_ended.is_none() => match line {
                // The server may just have closed: then `recv` tells how.
                Some(line) => match socket.send(line).await {
                    Err(tidings_tokio::Error::Send(_)) => {}
                    sent => sent?,
                },
                None => stdin_ended = Some(Instant::now()),
            },
            () = linger_over => {
                socket.start_close(CloseCode::NORMAL, "");
                stdin_ended = Some(Instant::now() + Duration::from_secs(3600));
            }
            interrupt = tokio::signal::ctrl_c() => {
                interrupt?;
                socket.start_close(CloseCode::NORMAL, "");
            }
        }
    }
}

/// Stdin, line by line. A thread of its own reads it: a blocked read can't be given up.
fn read_lines() -> mpsc::Receiver<String> {
    let (lines, receiver) = mpsc::channel(MAX_LINES_WAITING);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            match line {
                Ok(line) => match lines.blocking_send(line) {
                    Ok(()) => {}
                    Err(_) => return,
                },
                Err(error) => {
                    eprintln!("tidings: stdin: {error}");
                    return;
                }
            }
        }
    });
    receiver
}

fn print_message(message: &Message) -> io::Result<()> {
    match message {
        Message::Text(text) => print_line(text),
        other => {
            let bytes = other.as_binary().unwrap_or_default();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            print_line(&format!("binary ({} bytes): {hex}", bytes.len()))
        }
    }
}

fn closed(status: &CloseStatus) -> String {
    escape_controls(&status.to_string()).into_owned()
}
