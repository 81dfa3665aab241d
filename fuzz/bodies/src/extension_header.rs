//! `Sec-WebSocket-Extensions` beside a second reading of RFC 6455, 9.1, which splits where the
//! parser scans.
//!
//! Input: the values of the header lines, one per line.

use tidings_handshake::{Extension, Extensions, ExtensionsError, Headers};

use crate::http_response::{is_token, trim};

const NAME: &str = "Sec-WebSocket-Extensions";

/// Parses the lines.
pub fn run(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').take(8).collect();
    let pairs: Vec<(&str, &[u8])> = lines.iter().map(|line| (NAME, *line)).collect();
    let parsed = Extensions::parse(Headers::from_pairs(&pairs));
    match (parsed.map(heard), reread(&lines)) {
        (Ok(extensions), Ok(reading)) => {
            assert_eq!(extensions, reading);
            assert_round_trip(&extensions);
        }
        (Err(ExtensionsError::Empty), Err(Unreadable::Empty)) => {}
        (
            Err(ExtensionsError::Malformed { line, offset }),
            Err(Unreadable::Malformed { line: reread_line }),
        ) => {
            assert_eq!(line, reread_line);
            // Up to the byte that is named, nothing is wrong yet; the byte itself is.
            assert!(offset <= lines[line].len());
            let truncated: [(&str, &[u8]); 1] = [(NAME, &lines[line][..offset])];
            if let Err(ExtensionsError::Malformed { offset: earlier, .. }) =
                Extensions::parse(Headers::from_pairs(&truncated))
            {
                assert_eq!(earlier, offset, "the value was wrong before");
            }
        }
        (parsed, reading) => panic!("{parsed:?} beside {reading:?}"),
    }
}

/// Name, and parameters with their values.
type Reading = (String, Vec<(String, Option<String>)>);

fn heard(extensions: Extensions<'_>) -> Vec<Reading> {
    extensions
        .map(|extension| {
            let params = extension.params().map(|(name, value)| {
                if let Some(value) = &value {
                    let text = value.to_string();
                    assert!(*value == *text && value.chars().eq(text.chars()));
                    assert!(value.as_str().is_none_or(|same| same == text));
                }
                (name.to_owned(), value.map(|value| value.to_string()))
            });
            (extension.name().to_owned(), params.collect())
        })
        .collect()
}

/// A parsed value can be written, and reads the same.
fn assert_round_trip(extensions: &[Reading]) {
    for reading in extensions {
        let (name, params) = reading;
        let params: Vec<(&str, Option<&str>)> =
            params.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let written = Extension::new(name, &params).expect("all are tokens").to_string();
        let pairs = [(NAME, written.as_bytes())];
        let again = Extensions::parse(Headers::from_pairs(&pairs)).expect("it was written by us");
        assert_eq!(heard(again), std::slice::from_ref(reading));
    }
}

#[derive(Debug)]
enum Unreadable {
    Empty,
    Malformed { line: usize },
}

fn reread(lines: &[&[u8]]) -> Result<Vec<Reading>, Unreadable> {
    let mut extensions = Vec::new();
    for (line, value) in lines.iter().enumerate() {
        // A quoted string can hold neither comma nor semicolon: unescaped it is a token.
        for element in value.split(|byte| *byte == b',').map(trim) {
            if !element.is_empty() {
                extensions.push(reread_extension(element).ok_or(Unreadable::Malformed { line })?);
            }
        }
    }
    if extensions.is_empty() { Err(Unreadable::Empty) } else { Ok(extensions) }
}

fn reread_extension(element: &[u8]) -> Option<Reading> {
    let mut parts = element.split(|byte| *byte == b';').map(trim);
    let name = token(parts.next()?)?;
    let params = parts.map(|param| {
        let Some(equals) = param.iter().position(|byte| *byte == b'=') else {
            return Some((token(param)?, None));
        };
        let value = trim(&param[equals + 1..]);
        let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let value = match quoted {
            Some(quoted) => token(&unescape(quoted)?),
            None => token(value),
        };
        Some((token(trim(&param[..equals]))?, Some(value?)))
    });
    Some((name, params.collect::<Option<_>>()?))
}

fn token(bytes: &[u8]) -> Option<String> {
    is_token(bytes).then(|| String::from_utf8_lossy(bytes).into_owned())
}

fn unescape(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = quoted.iter();
    let mut unescaped = Vec::new();
    while let Some(&byte) = bytes.next() {
        unescaped.push(if byte == b'\\' { *bytes.next()? } else { byte });
    }
    Some(unescaped)
}
