//! `tidings ws URL`: a WebSocket client for terminals and scripts; with `--listen` a server.
//!
//! | exit code | |
//! | --- | --- |
//! | 0 | the WebSocket was closed with code 1000, 1001 or none, or nobody reads our output any more |
//! | 1 | there was no WebSocket |
//! | 2 | the arguments are wrong |
//! | 3 | the connection was lost, or was closed with another code, or no answer came to `--one`, or stdout cannot be written |
//! | 4 | stdin was not sent to its end |
//! | 130 | ended by Ctrl-C before there was a WebSocket, or by the second one |

mod connection;
mod headers;
mod input;
mod listen;
mod output;
mod prompt;
mod talk;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tidings_tokio::compression::Compression;
use tidings_tokio::{Config, Message};

use self::connection::{Connection, Ended};
use self::input::{Input, Source};
use self::listen::ListenAddress;
use self::output::Output;
use self::talk::Talk;
use crate::interrupt::{INTERRUPTED, Interrupt};
use crate::request::{RequestOptions, parse_seconds, parse_timeout};
use crate::target::Target;
use crate::terminal::{escape_controls, note};
use crate::{Error, UsageError};

const AFTER_HELP: &str = "Exit codes:
    0  the WebSocket was closed with code 1000, 1001 or none
    1  there was no WebSocket
    2  the arguments are wrong
    3  the connection was lost, or closed with another code, or no answer came to --one, or
       stdout cannot be written
    4  stdin was not sent to its end
  130  ended by Ctrl-C; the first closes an open WebSocket, the second ends at once";

const EXAMPLES: &str = "Examples:
  tidings ws wss://example.com/chat                        talk, line by line
  tidings ws -1 -m '{\"ping\":1}' ws://127.0.0.1:8080/chat   one message, one answer
  tidings ws --json wss://example.com/feed | jq .data      messages as JSON
  tidings ws --binary wss://example.com/raw < in > out     bytes, in and out
  tidings ws --reconnect -H 'Authorization: Bearer t' URL  for a long time
  tidings ws --listen 127.0.0.1:9000                       wait for clients";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, after_long_help = format!("{EXAMPLES}\n\n{AFTER_HELP}"))]
pub(crate) struct Arguments {
    /// The WebSocket, for example `wss://example.com/chat`.
    ///
    /// `ws+unix:/path/to/socket:/chat` is a WebSocket on a Unix domain socket. The variables
    /// `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` are honoured.
    url: Option<String>,

    /// Send this message first; may be given several times.
    #[arg(
        short,
        long = "message",
        value_name = "TEXT",
        allow_hyphen_values = true,
        help_heading = "Messages"
    )]
    message: Vec<String>,
    /// Send the content of this file as one binary message, after those of --message.
    #[arg(long, value_name = "FILE", help_heading = "Messages")]
    binary_file: Vec<PathBuf>,
    /// Send what is given, wait for one message, print it, and end.
    ///
    /// What is given are --message and --binary-file, or else one line of stdin, or with --binary all
    /// of stdin.
    #[arg(short = '1', long, help_heading = "Messages")]
    one: bool,
    /// Wait this long for the answer to --one; without it, as long as it takes.
    ///
    /// The time starts once the WebSocket is open.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = parse_timeout,
        requires = "one",
        help_heading = "Messages"
    )]
    timeout: Option<Duration>,
    /// Send stdin as binary messages, and write payloads to stdout unchanged.
    ///
    /// Each read of stdin, of at most 64 KiB, is one message: where messages begin and end is up to
    /// whoever writes. For messages with known ends use --binary-file, or -1 --binary, which sends
    /// all of stdin as one. On a terminal, received bytes are shown in hexadecimal digits.
    #[arg(long, conflicts_with = "json", help_heading = "Messages")]
    binary: bool,
    /// Refuse received messages of more than this many bytes.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = Config::client().limits.max_message_len,
        help_heading = "Messages"
    )]
    max_message: u64,
    /// Receive for this long after the end of stdin before closing.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1",
        value_parser = parse_seconds,
        help_heading = "Messages"
    )]
    linger: Duration,
    /// Offer this subprotocol; may be given several times, best first. With --listen: accept it.
    #[arg(long, value_name = "NAME", help_heading = "Request")]
    subprotocol: Vec<String>,
    /// Send an Origin header, as a browser would.
    #[arg(long, help_heading = "Request")]
    origin: Option<String>,
    /// Offer compression (permessage-deflate).
    #[arg(long, help_heading = "Request")]
    compress: bool,
    #[command(flatten)]
    request: RequestOptions,
    /// Follow redirects, at most ten.
    ///
    /// Headers, credentials among them, are sent only as long as scheme, host and port stay the
    /// same. No redirect from wss to ws is followed.
    #[arg(short = 'L', long, help_heading = "Connection")]
    location: bool,
    /// Connect again when the connection is lost, or cannot be opened, until Ctrl-C.
    ///
    /// The waits are random, and grow up to a minute; each attempt is reported on stderr. Lines that
    /// are read while there is no connection are sent in order once there is one. A message in
    /// flight when the connection breaks may be lost.
    #[arg(long, conflicts_with = "one", help_heading = "Connection")]
    reconnect: bool,
    /// Wait for clients at this address instead of connecting: PORT, HOST:PORT or unix:PATH.
    ///
    /// PORT alone listens on 127.0.0.1. What is read from stdin goes to all clients. What they send
    /// is printed, after the address of the client while there are several. --cert and --key make
    /// it a wss server. With --one it serves one client, and ends with it. --verbose shows no heads
    /// here; -vv shows each message.
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = ListenAddress::parse,
        conflicts_with_all = ["url", "reconnect", "location", "origin", "unix", "connect_to", "socks5", "user", "ca", "insecure", "header", "timeout", "linger"],
        help_heading = "Listening"
    )]
    listen: Option<ListenAddress>,
    /// Accept browsers with pages of this origin, such as `https://example.com`, or `*` for all.
    ///
    /// May be given several times. Without it, only pages of the listener's own host and programs
    /// other than browsers are accepted.
    #[arg(long, value_name = "ORIGIN", help_heading = "Listening")]
    allow_origin: Vec<String>,

    /// Print each message as a JSON object on one line.
    ///
    /// "type" is text, binary, ping, pong or close; "data" has the text, or else the bytes in base64;
    /// "code" and "reason" are those of a close; "time" is in seconds since 1970; "from" is the
    /// client, with --listen.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// The WebSocket was there, and did not end well.
const BROKEN: u8 = 3;
/// Lines were lost.
const NOT_SENT: u8 = 4;

const NO_URL: &str = "there is neither a URL nor --listen
hint: tidings ws ws://127.0.0.1:8080/chat connects; tidings ws --listen 9000 waits for clients";

/// Redirects that `--location` follows.
const MAX_REDIRECTS: u32 = 10;

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    headers::check_subprotocols(&arguments.subprotocol)?;
    let interrupt = Interrupt::watch();
    let result = match &arguments.listen {
        Some(address) => listen::run(address, &arguments, interrupt).await,
        None => run_client(&arguments, interrupt).await,
    };
    prompt::end();
    result
}

async fn run_client(arguments: &Arguments, mut interrupt: Interrupt) -> Result<ExitCode, Error> {
    let url = arguments.url.as_deref().ok_or_else(|| UsageError(NO_URL.to_owned()))?;
    if !arguments.allow_origin.is_empty() {
        let why = "--allow-origin needs --listen\nhint: --origin sends an Origin to a server";
        return Err(UsageError(why.to_owned()).into());
    }
    let target = Target::parse(url)?;
    let messages = arguments.messages()?;
    let mut connection = tokio::select! {
        opened = open(arguments, &target) => opened?,
        () = interrupt.wait() => return Ok(INTERRUPTED.into()),
    };
    let mut input = Input::read(messages, arguments.source(), &interrupt);
    let talk = Talk {
        output: arguments.output(),
        linger: arguments.linger,
        one: arguments.one,
        timeout: arguments.timeout,
    };
    let ended = tokio::select! {
        ended = talk.run(&mut connection, &mut input) => ended,
        () = interrupt.wait() => {
            prompt::end();
            if !connection.is_open() {
                return Ok(INTERRUPTED.into());
            }
            note("closing; Ctrl-C again ends at once");
            input.drop_rest();
            talk.close(&mut connection).await
        }
    };
    prompt::end();
    Ok(report(&ended, &connection, &mut input, &target))
}

/// Says how it ended, on stderr and by the exit code.
fn report(
    ended: &Result<(), Ended>,
    connection: &Connection,
    input: &mut Input,
    target: &Target,
) -> ExitCode {
    if matches!(ended, Err(Ended::OutputClosed)) {
        // The reader of our output has enough of it, which is not the server's fault.
        return ExitCode::SUCCESS;
    }
    let info = connection.close_info();
    // Whoever broke a rule gets no Close, and a full disk does not concern the server: the error says
    // more than how it was closed.
    let is_elsewhere =
        matches!(ended, Err(Ended::Lost(tidings_tokio::Error::Violation(_)) | Ended::Output(_)));
    if let Some(info) = info.filter(|_| !is_elsewhere) {
        note(&format!("closed: {}", escape_controls(&info.received.to_string())));
    }
    if let Some(error) = ended.as_ref().err().filter(|error| !matches!(error, Ended::Answered)) {
        note(&format!("tidings: {}", error.describe(&target.url)));
    }
    match ended {
        // RFC 6455, 7.4.1: 1000 normal closure, 1001 going away, 1005 no code.
        Ok(())
            if info.is_some_and(|info| {
                info.is_clean() && matches!(info.received.code(), 1000 | 1001 | 1005)
            }) =>
        {
            match input.is_sent() {
                true => ExitCode::SUCCESS,
                false => not_sent(),
            }
        }
        Err(Ended::Answered | Ended::OutputClosed) => ExitCode::SUCCESS,
        Ok(())
        | Err(Ended::Lost(_) | Ended::NoAnswer(_) | Ended::Unanswered | Ended::Output(_)) => {
            BROKEN.into()
        }
        Err(Ended::GaveUp { was_open, is_usage, .. }) => match (was_open, is_usage) {
            (_, true) => crate::USAGE.into(),
            (true, _) => BROKEN.into(),
            (false, _) => ExitCode::FAILURE,
        },
    }
}

fn not_sent() -> ExitCode {
    note("tidings: stdin was not sent to its end");
    NOT_SENT.into()
}

async fn open(arguments: &Arguments, target: &Target) -> Result<Connection, Error> {
    let mut options = arguments.request.connect_options(target).await?;
    options = options.config(arguments.config(Config::client()));
    options = options.subprotocols(arguments.subprotocol.clone());
    if arguments.location {
        options = options.max_redirects(MAX_REDIRECTS);
    }
    if let Some(origin) = &arguments.origin {
        headers::check_origin(origin)?;
        options = options.origin(origin);
    }
    options = headers::with_headers(options, arguments.request.headers(target)?)?;
    let offers_subprotocols = !arguments.subprotocol.is_empty();
    match arguments.reconnect {
        true => Ok(Connection::reconnecting(&target.url, options, offers_subprotocols)),
        false => Connection::open(&target.url, options, offers_subprotocols).await,
    }
}

impl Arguments {
    /// Limits and options of each WebSocket.
    fn config(&self, config: Config) -> Config {
        let mut config = config.max_message_len(self.max_message).deliver_control_frames(true);
        if self.compress {
            config.compression = Some(Compression::default());
        }
        config
    }

    const fn output(&self) -> Output {
        Output { json: self.json, binary: self.binary, verbose: self.request.verbose }
    }

    /// The messages of the arguments.
    fn messages(&self) -> Result<Vec<Message>, Error> {
        let mut messages: Vec<Message> =
            self.message.iter().map(|text| Message::text(text.as_str())).collect();
        for file in &self.binary_file {
            let bytes = std::fs::read(file).map_err(|error| {
                UsageError(format!("--binary-file {}: {error}", file.display()))
            })?;
            messages.push(Message::binary(bytes));
        }
        Ok(messages)
    }

    /// Returns the way to read stdin after them.
    fn source(&self) -> Source {
        let has_messages = !self.message.is_empty() || !self.binary_file.is_empty();
        match (self.one && self.listen.is_none(), self.binary) {
            (true, _) if has_messages => Source::Nothing,
            (true, true) => Source::Whole,
            (true, false) => Source::OneLine,
            (false, true) => Source::Blocks,
            (false, false) if prompt::is_possible() => Source::Prompt,
            (false, false) => Source::Lines,
        }
    }
}
