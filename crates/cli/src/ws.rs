//! `tidings ws URL`: a WebSocket client for terminals and scripts.
//!
//! | exit code | |
//! | --- | --- |
//! | 0 | the WebSocket was closed with code 1000, 1001 or none, or nobody reads our output any more |
//! | 1 | there was no WebSocket |
//! | 2 | the arguments are wrong |
//! | 3 | the connection was lost, or was closed with another code |
//! | 4 | stdin was not sent to its end |
//! | 130 | ended by Ctrl-C before there was a WebSocket, or by the second one |

mod input;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tidings_tokio::websocket::CloseStatus;
use tidings_tokio::{
    CloseCode, Config, ConnectOptions, Message, WebSocket,
    client::{ClientRole, ClientStream},
    compression::Compression,
    connect_with,
};
use tokio::time::{Instant, sleep_until, timeout};

use self::input::{Input, Line};
use crate::Error;
use crate::interrupt::{INTERRUPTED, Interrupt};
use crate::request::{Way, parse_header, parse_seconds};
use crate::terminal::{escape_controls, print_line};

const EXIT_CODES: &str = "Exit codes:
    0  the WebSocket was closed with code 1000, 1001 or none
    1  there was no WebSocket
    2  the arguments are wrong
    3  the connection was lost, or closed with another code
    4  stdin was not sent to its end
  130  ended by Ctrl-C; the first closes an open WebSocket, the second ends at once";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The WebSocket, for example `wss://example.com/chat`. The variables `https_proxy`,
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
    /// Receive for this long after the end of stdin before closing.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse_seconds)]
    linger: Duration,
}

/// The WebSocket was there, and did not end well.
const BROKEN: u8 = 3;
/// Lines were lost.
const NOT_SENT: u8 = 4;

/// The time that the server has for its Close when nobody reads our output any more.
const LAST_CLOSE: Duration = Duration::from_secs(2);

type Socket = WebSocket<ClientStream, ClientRole>;

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let mut interrupt = Interrupt::watch();
    let linger = arguments.linger;
    let mut socket = tokio::select! {
        opened = open(arguments) => opened?,
        () = interrupt.wait() => return Ok(INTERRUPTED.into()),
    };
    let subprotocol = socket.subprotocol().map(|name| format!(", subprotocol {name}"));
    let compression = if socket.may_compress() { ", compressed" } else { "" };
    eprintln!("connected{}{compression}", subprotocol.unwrap_or_default());

    let mut input = Input::read();
    let ended = tokio::select! {
        ended = talk(&mut socket, &mut input, linger) => ended,
        () = interrupt.wait() => {
            eprintln!("closing; Ctrl-C again ends at once");
            input.drop_rest();
            close(&mut socket).await
        }
    };
    if matches!(&ended, Err(Ended::OutputClosed)) {
        // The reader of our output has enough of it, which is not the server's fault.
        socket.start_close(CloseCode::NORMAL, "");
        let _ = timeout(LAST_CLOSE, async { while let Ok(Some(_)) = socket.recv().await {} }).await;
        return Ok(ExitCode::SUCCESS);
    }
    let received = socket.close_info().received;
    let is_clean = socket.close_info().is_clean();
    eprintln!("closed: {}", escape_controls(&received.to_string()));
    if let Err(error) = &ended {
        eprintln!("tidings: {}", escape_controls(&error.to_string()));
    }
    Ok(match ended {
        Ok(()) if is_clean && ends_well(&received) => match input.is_sent() {
            true => ExitCode::SUCCESS,
            false => {
                eprintln!("tidings: stdin was not sent to its end");
                NOT_SENT.into()
            }
        },
        Ok(()) | Err(Ended::Lost(_) | Ended::OutputClosed) => BROKEN.into(),
        Err(Ended::Output(_)) => ExitCode::FAILURE,
    })
}

async fn open(arguments: Arguments) -> Result<Socket, Error> {
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
    match connect_with(&arguments.url, &options).await {
        Ok(socket) => Ok(socket),
        Err(tidings_tokio::Error::Declined(declined)) => {
            let body = String::from_utf8_lossy(&declined.body_start);
            let status = format!("{} {}", declined.status, declined.reason);
            Err(format!(
                "the server did not open a WebSocket, it answered {}\n{}",
                escape_controls(&status),
                escape_controls(body.trim_end())
            )
            .into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns whether a server that closes with this code is content.
fn ends_well(received: &CloseStatus) -> bool {
    // RFC 6455, 7.4.1: 1000 normal closure, 1001 going away, 1005 no code.
    matches!(received.code(), 1000 | 1001 | 1005)
}

/// The reason why the session ends early.
enum Ended {
    /// The connection broke, or the server broke a rule.
    Lost(tidings_tokio::Error),
    /// Nobody reads our output any more.
    OutputClosed,
    /// The output cannot be written.
    Output(io::Error),
}

/// Lines out, messages in, until the end of both.
async fn talk(socket: &mut Socket, input: &mut Input, linger: Duration) -> Result<(), Ended> {
    let mut stdin_ended: Option<Instant> = None;
    loop {
        let linger_over = async {
            // A time that the clock cannot reach never comes.
            match stdin_ended.and_then(|at| at.checked_add(linger)) {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = socket.recv() => match message? {
                Some(message) => print_message(&message)?,
                None => return Ok(()),
            },
            line = input.next(), if stdin_ended.is_none() => match line {
                Some(Line(line)) => match socket.send(line).await {
                    // The server has just closed: `recv` returns the reason.
                    Err(error) if error.is_closed() => input.lose(),
                    sent => sent?,
                },
                None => stdin_ended = Some(Instant::now()),
            },
            () = linger_over => return close(socket).await,
        }
    }
}

/// Closes, and prints the remaining messages.
async fn close(socket: &mut Socket) -> Result<(), Ended> {
    socket.start_close(CloseCode::NORMAL, "");
    while let Some(message) = socket.recv().await? {
        print_message(&message)?;
    }
    Ok(())
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

impl From<tidings_tokio::Error> for Ended {
    fn from(error: tidings_tokio::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Output(error),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost(error) => error.fmt(f),
            Self::OutputClosed => f.write_str("nobody reads the output any more"),
            Self::Output(error) => write!(f, "stdout: {error}"),
        }
    }
}
