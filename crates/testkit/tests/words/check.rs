//! Finds phrases in a text: [`find`].

use std::collections::BTreeMap;

/// A phrase that is not written here.
#[derive(Debug)]
pub(crate) struct Rule<'a> {
    /// Words in lower case. `^` before the first one: only at the beginning of a doc comment.
    pub phrase: &'a str,
    /// The phrase, split.
    words: Vec<&'a str>,
    /// Words that make it right: `<there` among the two words before, `>proxy` among the four after.
    unless: Vec<&'a str>,
    /// The text to write instead.
    pub instead: &'a str,
    pub bad: &'a str,
    pub good: &'a str,
}

/// The part of a line where a phrase is right.
#[derive(Debug)]
pub(crate) struct Exception<'a> {
    path: &'a str,
    part: &'a str,
}

#[derive(Debug)]
pub(crate) struct Found<'r, 'a> {
    pub rule: &'r Rule<'a>,
    pub line: usize,
}

/// Reads lines of five cells.
pub(crate) fn rules(table: &str) -> Vec<Rule<'_>> {
    rows(table)
        .map(|cells| match cells[..] {
            [phrase, unless, instead, bad, good] => Rule {
                phrase,
                words: phrase.trim_start_matches('^').split(' ').collect(),
                unless: unless.split_whitespace().collect(),
                instead,
                bad,
                good,
            },
            _ => unreachable!("a rule has 5 cells: {cells:?}"),
        })
        .collect()
}

/// Reads lines of three cells; the last one is the reason.
pub(crate) fn exceptions(table: &str) -> Vec<Exception<'_>> {
    rows(table)
        .map(|cells| match cells[..] {
            [path, part, reason] if !reason.is_empty() => Exception { path, part },
            _ => {
                unreachable!("an exception has a path, a part of the line and a reason: {cells:?}")
            }
        })
        .collect()
}

/// The cells of each line that is not blank or a comment.
fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split('|').map(str::trim).collect())
}

impl Exception<'_> {
    pub(crate) fn covers(&self, path: &str, line: &str) -> bool {
        self.path == path && line.contains(self.part)
    }
}

/// Returns where a text breaks a rule, in order.
pub(crate) fn find<'r, 'a>(text: &str, rules: &'r [Rule<'a>]) -> Vec<Found<'r, 'a>> {
    let mut by_first_word: BTreeMap<&str, Vec<&'r Rule<'a>>> = BTreeMap::new();
    for rule in rules {
        let first = rule.words.first().copied().unwrap_or_default();
        by_first_word.entry(first).or_default().push(rule);
    }
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        for rule in by_first_word.get(token.word.as_str()).into_iter().flatten() {
            if rule.is_broken(&tokens, at) {
                found.push(Found { rule, line: token.line });
            }
        }
    }
    found
}

impl Rule<'_> {
    /// Returns whether the tokens from here on are the phrase, and nothing around makes it right.
    fn is_broken(&self, tokens: &[Token], at: usize) -> bool {
        let end = at + self.words.len();
        let Some(found) = tokens.get(at..end) else { return false };
        let is_phrase = found.iter().zip(&self.words).all(|(token, word)| token.word == **word);
        let is_place = !self.phrase.starts_with('^') || found.iter().any(|token| token.opens);
        let has = |range: &[Token], word: &str| range.iter().any(|token| token.word == word);
        let before = tokens.get(at.saturating_sub(2)..at).unwrap_or_default();
        let after = tokens.get(end..tokens.len().min(end + 4)).unwrap_or_default();
        let is_right = |unless: &str| match unless.split_at_checked(1) {
            Some(("<", word)) => has(before, word),
            Some((_, word)) => has(after, word),
            None => false,
        };
        is_phrase && is_place && !self.unless.iter().any(|unless| is_right(unless))
    }
}

/// A word in lower case; an empty one for the end of a sentence, a bracket and the like.
#[derive(Debug)]
struct Token {
    word: String,
    line: usize,
    /// It is the first word of a doc comment.
    opens: bool,
}

/// Methods of the standard library that are not names of this project.
const FOREIGN: [&str; 2] = ["is_none", "is_none_or"];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut last_marker = "";
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        let marker = ["///", "//!", "//", "#"].into_iter().find(|m| line.starts_with(m));
        let marker = marker.unwrap_or_default();
        let rest = line.trim_start_matches(marker).trim_end_matches('\\').trim();
        if rest.is_empty() || marker != last_marker {
            tokens.push(Token { word: String::new(), line: number, opens: false });
        }
        let mut opens = ["///", "//!"].contains(&marker) && marker != last_marker;
        for piece in pieces(rest) {
            let is_name = piece.contains('_');
            let words: Vec<&str> = match piece {
                _ if FOREIGN.contains(&piece) => vec![""],
                _ if is_name => [""].into_iter().chain(piece.split('_')).chain([""]).collect(),
                _ => vec![piece],
            };
            for word in words {
                // `None` is a value; "none" is a word.
                let word = if word == "None" { String::new() } else { word.to_lowercase() };
                tokens.push(Token { word, line: number, opens });
            }
            opens = false;
        }
        last_marker = marker;
    }
    tokens
}

/// Words and names; an empty one for each other character that is not a space.
fn pieces(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let is_escape = first == '\\';
        let len = match first {
            _ if first.is_alphanumeric() || first == '_' => word_len(rest),
            // An escape of a string: `\n` does not begin a word.
            '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            _ => first.len_utf8(),
        };
        let (piece, after) = rest.split_at(len);
        match first {
            _ if first.is_alphanumeric() || first == '_' => pieces.push(piece),
            _ if first.is_whitespace() && !is_escape => {}
            _ => pieces.push(""),
        }
        rest = after;
    }
    pieces
}

/// An apostrophe belongs to a word if a letter follows.
fn word_len(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_inside = match c {
            '\'' | '’' => chars.peek().is_some_and(|(_, next)| next.is_alphabetic()),
            _ => c.is_alphanumeric() || c == '_',
        };
        if !is_inside {
            return at;
        }
    }
    text.len()
}
