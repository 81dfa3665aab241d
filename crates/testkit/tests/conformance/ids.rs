//! Ids lead somewhere: whatever looks like the id of a rule, in a comment, a test or a document, is in
//! `docs/CONFORMANCE.md`.

use std::collections::BTreeSet;

use crate::text_files::TextFiles;

/// Words of the same shape that are not ids.
const NOT_IDS: [&str; 6] = [
    "M3",   // a processor
    "LZ77", // an algorithm
    "A0", "E0", "F4", "F7", // bytes, in hexadecimal
];

/// These contain ids that do not exist, to test the checks.
const SAMPLES: [&str; 2] =
    ["crates/testkit/tests/conformance.rs", "crates/testkit/tests/conformance/ids.rs"];

/// Returns each place where an id is named that is not in `known`.
pub(crate) fn faults(known: &BTreeSet<String>, files: &TextFiles) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in files {
        if SAMPLES.contains(&path.as_str()) {
            continue;
        }
        for (line, number) in text.lines().zip(1..) {
            // In code a letter with a number is often a name: there only `X-1` is an id.
            let prose = match path.rsplit_once('.') {
                Some((_, "md")) => Some(line),
                Some((_, "rs" | "js" | "mjs" | "ts")) => {
                    line.split_once("//").map(|(_, text)| text)
                }
                _ => line.split_once('#').map(|(_, text)| text),
            };
            let in_code = ids(line).into_iter().filter(|id| id.contains('-'));
            let found: BTreeSet<&str> =
                prose.map(ids).into_iter().flatten().chain(in_code).collect();
            let unknown = found.iter().filter(|id| !known.contains(**id) && !NOT_IDS.contains(id));
            faults.extend(unknown.map(|id| format!("{path}:{number}: no document has {id}")));
        }
    }
    faults
}

/// The whole words of one or two capital letters, perhaps a hyphen, and one to three digits.
fn ids(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '%' || c == '+';
    text.split(|c| !is_word(c)).filter(|word| is_id(word)).collect()
}

fn is_id(word: &str) -> bool {
    let digits = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = word.len() - digits.len();
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    (1..=2).contains(&letters)
        && (1..=3).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn an_id_that_no_document_has_is_found() {
    let known = BTreeSet::from(["W-001".to_owned()]);
    let faults = |path: &str, text: &str| {
        faults(&known, &TextFiles::from([(path.to_owned(), text.to_owned())]))
    };
    let fault = |path: &str, id: &str| vec![format!("{path}:1: no document has {id}")];
    for (text, id) in [
        ("/// W-002: a rule", "W-002"),
        ("/// W-001, V-07: an attack", "V-07"),
        ("let a = 1; // (P-1)", "P-1"),
        ("// Pin D2: a line end", "D2"),
        ("(\"F-07: a test\", 1)", "F-07"),
        ("//! XY-12", "XY-12"),
    ] {
        assert_eq!(faults("a.rs", text), fault("a.rs", id), "{text}");
    }
    assert_eq!(faults("a.md", "See D2."), fault("a.md", "D2"));
    assert_eq!(faults(".ci/run", "test # V-07"), fault(".ci/run", "V-07"));
    for text in [
        "/// W-001 to W-001. UTF-8, SHA-1, SHA-256, RFC 6455, Cortex-M3, an M3, RSV1, a %C3%A9",
        "// U+0000, 258EAFA5-E914-47DA-95CA-C5AB0DC85B11, SSH-2.0, W-0011, WS-1000, x-1, X11R6",
        "fn f<T1, T2>(a: [u8; 2]) -> D2 { Self::V4 }",
    ] {
        assert_eq!(faults("a.rs", text), [""; 0], "{text}");
    }
}
