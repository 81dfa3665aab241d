//! Stdout and stderr. A peer's text is made safe to show: it could otherwise move the cursor, rewrite
//! lines, or answer for the user. While a line is typed at a prompt, all of it goes above that line.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// Prints text above the line that is being typed, until there is no prompt any more.
type PrintAbove = Box<dyn FnMut(String) -> bool + Send>;

static PROMPT: Mutex<Option<PrintAbove>> = Mutex::new(None);

/// From now on `print` shows what is printed on a terminal; it returns false once it cannot.
pub(crate) fn set_prompt(print: Option<PrintAbove>) {
    *PROMPT.lock().unwrap_or_else(PoisonError::into_inner) = print;
}

/// Prints above the prompt. Returns false if there is none.
fn print_above(text: &str) -> bool {
    let mut prompt = PROMPT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_shown = prompt.as_mut().is_some_and(|print| print(format!("{text}\n")));
    if !is_shown {
        *prompt = None;
    }
    is_shown
}

/// Prints a line to stderr, about the connection and not from it. A peer's text in it must be
/// [escaped](escape_controls).
pub(crate) fn note(text: &str) {
    if io::stderr().is_terminal() && print_above(&paint(Colour::Dim, text)) {
        return;
    }
    let _ = writeln!(io::stderr(), "{text}");
}

/// The few colours that are used, where they are.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    /// Received messages.
    Cyan,
    /// Remarks about the connection.
    Dim,
}

/// Colours a text that goes above a prompt, unless `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Cyan => 36,
        Colour::Dim => 2,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Prints what was received as one line to stdout, as [`print_line`] does; above a prompt with a sign
/// that tells it from what was typed.
///
/// # Errors
/// Stdout is closed.
pub(crate) fn print_received(text: &str) -> io::Result<()> {
    if io::stdout().is_terminal() {
        let shown = format!("< {}", escape_controls(text));
        if print_above(&paint(Colour::Cyan, &shown)) {
            return Ok(());
        }
    }
    print_line(text)
}

/// Writes bytes to stdout, unchanged.
///
/// # Errors
/// Stdout is closed.
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Prints one line to stdout: unchanged into a pipe or file, with control characters escaped on a
/// terminal.
///
/// # Errors
/// Stdout is closed.
pub(crate) fn print_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let text = if stdout.is_terminal() { escape_controls(text) } else { Cow::Borrowed(text) };
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Prints a value as one line of JSON. On a terminal characters that could harm it are escaped, by
/// the rules of JSON, which by itself does so for a part of them only.
///
/// # Errors
/// Stdout is closed.
pub(crate) fn print_json(value: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(value)?;
    if io::stdout().is_terminal() {
        // They are inside strings; everything else is ASCII.
        line = escape(&line, |c| format!("\\u{:04x}", u32::from(c))).into_owned();
    }
    if io::stdout().is_terminal() && print_above(&line) {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    line.push('\n');
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

/// Escapes control characters other than tab and line feed, and those that change the direction
/// of text.
pub(crate) fn escape_controls(text: &str) -> Cow<'_, str> {
    escape(text, |c| c.escape_unicode().to_string())
}

fn escape(text: &str, escaped: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            safe.push_str(&escaped(c));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// All of these are in the Basic Multilingual Plane.
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\t' && c != '\n')
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-085: text from the peer cannot drive the terminal.
    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(escape_controls("plain\ttext\n"), "plain\ttext\n");
        assert_eq!(escape_controls("\x1b[2J"), "\\u{1b}[2J");
        assert_eq!(escape_controls("a\rb\u{9b}\u{202E}c"), "a\\u{d}b\\u{9b}\\u{202e}c");
        assert_eq!(escape_controls("a\u{61C}b"), "a\\u{61c}b");
    }
}
