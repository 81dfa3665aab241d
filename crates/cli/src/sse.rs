//! `tidings sse URL`: shows the events of an event stream as they come, and comes back when the
//! stream is lost.
//!
//! | exit code | |
//! | --- | --- |
//! | 0 | the stream ended between two events and is not asked for again, or the server said by 204 that there is no more |
//! | 1 | there is no stream: the server is not there, or answered something else, or too many attempts failed |
//! | 2 | the arguments are wrong |
//! | 3 | the stream broke, or ended inside an event, and is not asked for again; or an event was too large, and skipped |

use std::fs;
use std::io::{self, Read as _};
use std::process::ExitCode;
use std::time::Duration;

use tidings_tokio::sse::{
    Answer, ClientEvent, Config, DisconnectCause, DisconnectReason, EventSource,
    EventSourceRequest, GiveUp, Limit, LimitExceeded, Limits, OwnedMessageEvent, Repeat,
    RequestFault, StreamError,
};

use crate::request::{
    RequestOptions, VERBOSE_HELP, VERBOSE_LONG_HELP, parse_timeout, user_long_help,
};
use crate::target::Target;
use crate::terminal::{escape_controls, note, print_json, print_line};
use crate::{Error, USAGE, UsageError, failure, is_connect_usage};

const EXIT_CODES: &str = "Exit codes:
    0  the stream ended between two events and is not asked for again, or the server said by
       204 that there is no more
    1  there is no stream, or too many attempts failed
    2  the arguments are wrong
    3  the stream broke, or ended inside an event, and is not asked for again; or an event was
       too large, and skipped";

const EXAMPLES: &str = "Examples:
  tidings sse https://example.com/events                          watch, for ever
  tidings sse --once --json https://example.com/events | jq .data
  tidings sse -H 'Authorization: Bearer t' --data @request.json https://api.example/v1/chat";

#[derive(Debug, clap::Args)]
#[command(
    after_help = EXIT_CODES,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"),
    mut_arg("verbose", |arg| arg.help(VERBOSE_HELP).long_help(VERBOSE_LONG_HELP)),
    mut_arg("user", |arg| arg.long_help(user_long_help("https"))),
)]
pub(crate) struct Arguments {
    /// The event stream, for example `https://example.com/events`.
    ///
    /// The variables `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` are honoured. Redirects are
    /// followed.
    url: String,
    /// Resume after the event with this ID (sent as Last-Event-ID).
    #[arg(
        long,
        value_name = "ID",
        default_value = "",
        hide_default_value = true,
        help_heading = "Request"
    )]
    last_event_id: String,
    /// Send a POST with this body; @FILE reads a file, @- standard input.
    ///
    /// Content-Type is application/json unless set with --header.
    #[arg(long, help_heading = "Request")]
    data: Option<String>,
    #[command(flatten)]
    request: RequestOptions,
    /// End with the stream: do not connect again.
    #[arg(long, help_heading = "Connection")]
    once: bool,
    /// Print each event as a JSON object on one line.
    ///
    /// It has "event", "data", "id", and "retry" in the first event after it has changed.
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Print comments, too: as lines that begin with a colon, or with --json as objects.
    #[arg(long, help_heading = "Output")]
    comments: bool,
    /// Treat the connection as lost after this many seconds of silence; comments count as activity.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = parse_timeout,
        help_heading = "Connection"
    )]
    idle_timeout: Option<Duration>,
    /// Wait this many seconds for the head of the response.
    ///
    /// The time starts with DNS. The default is 30, and with --data 600, because a model may think
    /// before it answers.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = parse_timeout,
        help_heading = "Connection"
    )]
    response_timeout: Option<Duration>,
    /// Skip events with more bytes of data than this, which the exit code reports.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_EVENT_LEN, help_heading = "Output")]
    max_event: usize,
    /// Give up after this many failed attempts in a row; 1 makes one attempt.
    ///
    /// With --data, an attempt is repeated that the server has surely not processed; without this
    /// option there is one attempt.
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Connection"
    )]
    attempts: Option<u32>,
}

/// The stream was there, and broke, or not all of it was shown.
const BROKEN: u8 = 3;

/// The time limit for the head of the response to `--data`.
const DATA_TIMEOUT: Duration = Duration::from_secs(600);

/// The most bytes of an event's data, unless set.
const MAX_EVENT_LEN: usize = 1024 * 1024;

/// Beside the data, a line has the name of its field. One byte more, and the data alone is what is too
/// long.
const FIELD_NAME_LEN: usize = "data: ".len() + 1;

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let target = Target::parse(&arguments.url)?;
    check_scheme(&target)?;
    let options = arguments.request.connect_options(&target).await?;
    check_event_id(&arguments.last_event_id)?;
    let source = EventSource::open(request(&arguments, &target)?).map_err(explain_fault)?;
    let source = source.with_connect_options(options);
    match watch(source, arguments.json, &target.url).await {
        // The reader of our output has enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        watched => Ok(watched?),
    }
}

/// Requires a URL of HTTP, and says how to write one.
fn check_scheme(target: &Target) -> Result<(), UsageError> {
    let url = failure::without_query(&target.url);
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    let http = match &*scheme.to_ascii_lowercase() {
        "http" | "https" => return Ok(()),
        "ws" => Some("http"),
        "wss" => Some("https"),
        _ => None,
    };
    let hint = match (http, &target.unix) {
        (Some(http), Some(path)) => {
            format!("write {http}://{rest} --unix {}", path.display())
        }
        (Some(http), None) => format!("write {http}://{rest}, or tidings ws for a WebSocket"),
        (None, _) if scheme.is_empty() && failure::may_be_host(&url) => {
            format!("write http://{url}, or https://{url} for TLS")
        }
        (None, _) => "an event stream has a URL such as http://127.0.0.1:8080/events".to_owned(),
    };
    Err(UsageError(format!("{url}: the URL does not begin with http:// or https://\nhint: {hint}")))
}

/// Requires an event ID that comes out of a header as it went in.
fn check_event_id(id: &str) -> Result<(), UsageError> {
    if id.trim_matches([' ', '\t']) == id && !id.chars().any(char::is_control) {
        return Ok(());
    }
    let why = "a header has no control characters, and its value no spaces at its ends";
    Err(UsageError(format!("--last-event-id: {why}")))
}

/// Says why a header cannot be set, where there is another way.
fn explain_fault(fault: RequestFault) -> Error {
    match &fault {
        RequestFault::OwnHeader(name) if name == "last-event-id" => {
            UsageError(format!("{fault}: write its value after --last-event-id")).into()
        }
        RequestFault::OwnHeader(name) if name == http::header::HOST => UsageError(format!(
            "{fault}: write that host into the URL, and the address to connect to after --connect-to"
        ))
        .into(),
        _ => fault.into(),
    }
}

fn request(arguments: &Arguments, target: &Target) -> Result<EventSourceRequest, Error> {
    let mut config = Config::client();
    config.idle_timeout = arguments.idle_timeout.unwrap_or(Config::NEVER);
    config.response_timeout = match (arguments.response_timeout, &arguments.data) {
        (Some(timeout), _) => timeout,
        (None, Some(_)) => DATA_TIMEOUT,
        (None, None) => config.response_timeout,
    };
    config.reconnect = !arguments.once;
    if let Some(attempts) = arguments.attempts {
        config.policy.max_attempts = attempts;
    }
    let mut request = match &arguments.data {
        None => EventSourceRequest::get(&target.url),
        Some(data) => EventSourceRequest::post(&target.url, read_data(data)?),
    };
    if arguments.data.is_some() && arguments.attempts.is_some() {
        request = request.repeat(Repeat::Unprocessed);
    }
    let is_content_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
    let headers = arguments.request.headers(target)?;
    if arguments.data.is_some() && !headers.iter().any(is_content_type) {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    if arguments.comments {
        request = request.report_comments();
    }
    let limits = Limits::DEFAULT
        .max_data_len(arguments.max_event)
        .max_line_len(arguments.max_event.max(MAX_EVENT_LEN).saturating_add(FIELD_NAME_LEN));
    Ok(request.last_event_id(&*arguments.last_event_id).config(config).limits(limits))
}

/// As curl reads it.
fn read_data(data: &str) -> Result<Vec<u8>, Error> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut all = Vec::new();
            io::stdin().lock().read_to_end(&mut all)?;
            Ok(all)
        }
        Some(file) => {
            fs::read(file).map_err(|error| UsageError(format!("--data @{file}: {error}")).into())
        }
    }
}

/// Events to stdout, all else to stderr.
async fn watch(mut source: EventSource, json: bool, url: &str) -> io::Result<ExitCode> {
    let mut retry_ms = None;
    let mut printed_id = String::new();
    let mut has_skipped = false;
    while let Some(update) = source.next().await {
        match update {
            ClientEvent::Open(_) => note("connected"),
            ClientEvent::Event(event) if json => print_json_event(&event, retry_ms.take())?,
            ClientEvent::Event(event) => {
                print_event(&event, &printed_id)?;
                printed_id = event.last_event_id;
            }
            ClientEvent::Comment(comment) => print_comment(&comment, json)?,
            ClientEvent::Retry(time) => retry_ms = Some(time.as_ms()),
            ClientEvent::Overflow(exceeded) => {
                has_skipped |= exceeded.limit != Limit::Comment;
                tell_skipped(exceeded);
            }
            ClientEvent::Disconnected { cause, wait } => {
                tell(&cause, &format!("; trying again in {:.1} s", wait.as_secs_f64()), url);
            }
            ClientEvent::Closed { cause, reason } => {
                let why = match reason {
                    GiveUp::AttemptsExhausted => format!("; {reason}"),
                    GiveUp::NotRepeatable if !cause.is_clean_end() => format!("; {reason}"),
                    _ => String::new(),
                };
                tell(&cause, &why, url);
                return Ok(exit_code(&cause, reason, has_skipped));
            }
            _ => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn exit_code(cause: &DisconnectCause, reason: GiveUp, has_skipped: bool) -> ExitCode {
    match cause.reason {
        _ if matches!(&cause.error, Some(StreamError::Connect(e)) if is_connect_usage(e)) => {
            USAGE.into()
        }
        _ if reason == GiveUp::AttemptsExhausted => ExitCode::FAILURE,
        _ if cause.is_clean_end() && has_skipped => BROKEN.into(),
        _ if cause.is_clean_end() => ExitCode::SUCCESS,
        DisconnectReason::Ended(_) | DisconnectReason::Broken(_) | DisconnectReason::Idle(_) => {
            BROKEN.into()
        }
        _ => ExitCode::FAILURE,
    }
}

fn tell_skipped(exceeded: LimitExceeded) {
    match exceeded.limit {
        Limit::Data => note(&format!("an event was skipped: {exceeded}; see --max-event")),
        Limit::Comment => note(&format!("a comment was skipped: {exceeded}")),
        _ => note(&format!("an event was skipped: {exceeded}")),
    }
}

fn tell(cause: &DisconnectCause, next: &str, url: &str) {
    let place = match &cause.error {
        // Errors of the transport name host and port themselves.
        None | Some(StreamError::Connect(tidings_tokio::Error::Io(_))) => String::new(),
        Some(_) => format!("{}: ", failure::without_query(url)),
    };
    note(&escape_controls(&format!("{place}{cause}{next}")));
    let hint = match &cause.error {
        Some(StreamError::Connect(error)) => failure::hint(error, url),
        // A server of TLS answers to a request without it in its own way, or not at all.
        Some(StreamError::Http(_)) if url.starts_with("http:") && is_unanswered(cause) => {
            Some("if the server expects TLS, write https://".to_owned())
        }
        _ => cause.answer.as_deref().and_then(|answer| answer_hint(answer, cause.reason)),
    };
    if let Some(hint) = hint {
        note(&format!("hint: {}", escape_controls(&hint)));
    }
    let Some(answer) = cause.answer.as_deref() else { return };
    let media_type = header(answer, &http::header::CONTENT_TYPE);
    let body = failure::shown_body(answer.body.trim_ascii(), media_type.as_deref());
    if !body.is_empty() {
        note(&body);
    }
    if let Some(cut) = answer.cut {
        note(&format!("this is not the whole answer: {cut}"));
    }
}

/// Returns what may help against an answer that is not a stream.
fn answer_hint(answer: &Answer, reason: DisconnectReason) -> Option<String> {
    Some(match answer.status {
        426 => websocket_hint(answer),
        400 if names_upgrade(answer) => websocket_hint(answer),
        401 => {
            failure::credentials_hint(header(answer, &http::header::WWW_AUTHENTICATE).as_deref())
        }
        404 | 410 => failure::PATH_HINT.to_owned(),
        _ if matches!(reason, DisconnectReason::ContentType) => failure::PATH_HINT.to_owned(),
        _ => return None,
    })
}

fn websocket_hint(answer: &Answer) -> String {
    format!("this is a WebSocket: tidings ws {}", failure::with_scheme(&answer.url, "ws"))
}

/// Returns whether the server complains that the handshake of a WebSocket is missing.
fn names_upgrade(answer: &Answer) -> bool {
    let body = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    answer.headers.contains_key(http::header::UPGRADE)
        || body.contains("upgrade")
        || body.contains("websocket")
}

/// The first header of this name.
fn header(answer: &Answer, name: &http::HeaderName) -> Option<String> {
    answer.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_unanswered(cause: &DisconnectCause) -> bool {
    !matches!(
        cause.reason,
        DisconnectReason::Ended(_) | DisconnectReason::Broken(_) | DisconnectReason::Idle(_)
    )
}

/// An event as the lines of an event stream, so that the output can be read by the same rules. The ID
/// lasts until it changes, so one that was emptied is printed, too.
fn print_event(event: &OwnedMessageEvent, printed_id: &str) -> io::Result<()> {
    if event.event_type != "message" {
        print_line(&format!("event: {}", event.event_type))?;
    }
    if event.last_event_id.is_empty() && !printed_id.is_empty() {
        print_line("id")?;
    } else if !event.last_event_id.is_empty() {
        print_line(&format!("id: {}", event.last_event_id))?;
    }
    for line in event.data.split('\n') {
        print_line(&format!("data: {line}"))?;
    }
    print_line("")
}

fn print_comment(comment: &str, json: bool) -> io::Result<()> {
    match json {
        true => print_json(&JsonComment { comment }),
        false => print_line(&format!(": {comment}")),
    }
}

#[derive(serde::Serialize)]
struct JsonComment<'a> {
    comment: &'a str,
}

#[derive(serde::Serialize)]
struct JsonEvent<'a> {
    event: &'a str,
    data: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
}

fn print_json_event(event: &OwnedMessageEvent, retry: Option<u64>) -> io::Result<()> {
    let OwnedMessageEvent { event_type, data, last_event_id } = event;
    print_json(&JsonEvent { event: event_type, data, id: last_event_id, retry })
}
