//! What a peer wrote, made safe to show: it could otherwise move the cursor, rewrite lines, or
//! answer for the user.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

/// Prints one line to stdout: as it is into a pipe or file, with control characters escaped on a
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

/// Escapes control characters other than tab and line feed, and those that change the direction
/// of text.
pub(crate) fn escape_controls(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        (c.is_control() && c != '\t' && c != '\n')
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-085: what comes from the peer can't drive the terminal.
    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(escape_controls("plain\ttext\n"), "plain\ttext\n");
        assert_eq!(escape_controls("\x1b[2J"), "\\u{1b}[2J");
        assert_eq!(escape_controls("a\rb\u{9b}\u{202E}c"), "a\\u{d}b\\u{9b}\\u{202e}c");
    }
}
