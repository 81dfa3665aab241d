//! Received messages on stdout, and on stderr with `-vv` what else came: [`Output`].

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tidings_tokio::Message;

use crate::terminal::{escape_controls, note, print_bytes, print_json, print_received};

/// The bytes of a binary message that are shown to a reader.
const MAX_SHOWN_LEN: usize = 64;

/// The form of the output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// One object a message.
    pub(super) json: bool,
    /// Payloads, and nothing else.
    pub(super) binary: bool,
    /// The number of times that more was asked for.
    pub(super) verbose: u8,
}

impl Output {
    /// Shows a message, from this client if there are several.
    ///
    /// # Errors
    /// Stdout is closed.
    pub(super) fn show(self, message: &Message, from: Option<&str>) -> io::Result<()> {
        if self.verbose > 1 {
            trace('<', message, from);
        }
        if self.json {
            return show_json(message, from);
        }
        // Raw bytes could harm a terminal.
        let raw = self.binary && !io::stdout().is_terminal();
        match message {
            Message::Text(text) if raw => print_bytes(text.as_bytes()),
            Message::Binary(bytes) if raw => print_bytes(bytes),
            Message::Text(text) => show_line(text, from),
            Message::Binary(bytes) => show_line(&readable(bytes), from),
            _ => Ok(()),
        }
    }

    /// Shows a message that is being sent, if that was asked for.
    pub(super) fn sending(self, message: &Message) {
        if self.verbose > 1 {
            trace('>', message, None);
        }
    }

    /// Shows the time that an answer to a Ping took.
    pub(super) fn round_trip(self, time: Option<Duration>) {
        if let Some(time) = time.filter(|_| self.verbose > 1) {
            note(&format!("  round trip {:.1} ms", time.as_secs_f64() * 1000.0));
        }
    }
}

fn show_line(text: &str, from: Option<&str>) -> io::Result<()> {
    match from {
        Some(from) => print_line_from(text, from),
        None => print_received(text),
    }
}

fn print_line_from(text: &str, from: &str) -> io::Result<()> {
    let text = format!("{from}: {text}");
    print_received(&text)
}

/// Returns the length of a binary message and its beginning in hexadecimal digits.
fn readable(bytes: &[u8]) -> String {
    let shown = bytes.get(..MAX_SHOWN_LEN).unwrap_or(bytes);
    let rest = if shown.len() < bytes.len() { "…" } else { "" };
    format!("binary ({} bytes): {}{rest}", bytes.len(), hex(shown))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One line about a message or control frame on stderr.
fn trace(sign: char, message: &Message, from: Option<&str>) {
    let from = from.map_or_else(String::new, |from| format!("{from} "));
    let (kind, payload) = match message {
        Message::Text(text) => ("text", shortened(text)),
        Message::Binary(bytes) => ("binary", hex_start(bytes)),
        Message::Ping(payload) => ("ping", hex_start(payload.as_bytes())),
        Message::Pong(payload) => ("pong", hex_start(payload.as_bytes())),
        Message::Close(Some(close)) => {
            note(&format!("{sign} {from}close {}", escape_controls(&close.to_string())));
            return;
        }
        Message::Close(None) => ("close", String::new()),
        _ => return,
    };
    let (len, separator) = (message.len(), if payload.is_empty() { "" } else { ": " });
    note(&format!("{sign} {from}{kind} ({len} bytes){separator}{payload}"));
}

fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(MAX_SHOWN_LEN).collect();
    let rest = if characters.next().is_some() { "…" } else { "" };
    // One line.
    format!("{}{rest}", escape_controls(&start).replace('\n', "\\n"))
}

fn hex_start(bytes: &[u8]) -> String {
    let shown = bytes.get(..MAX_SHOWN_LEN).unwrap_or(bytes);
    let rest = if shown.len() < bytes.len() { "…" } else { "" };
    format!("{}{rest}", hex(shown))
}

#[derive(serde::Serialize)]
struct JsonMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    /// Seconds since 1970, to the millisecond.
    time: f64,
}

fn show_json(message: &Message, from: Option<&str>) -> io::Result<()> {
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    let (kind, encoded) = match message {
        Message::Text(_) => ("text", None),
        Message::Binary(bytes) => ("binary", Some(base64(bytes))),
        Message::Ping(payload) => ("ping", Some(base64(payload.as_bytes()))),
        Message::Pong(payload) => ("pong", Some(base64(payload.as_bytes()))),
        Message::Close(_) => ("close", None),
        _ => return Ok(()),
    };
    let close = message.close_frame();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    print_json(&JsonMessage {
        kind,
        data: message.as_text().or(encoded.as_deref()),
        code: close.map(|close| close.code.get()),
        reason: close.map(|close| close.reason.as_str()),
        from,
        time: (since_1970.as_secs_f64() * 1000.0).round() / 1000.0,
    })
}
