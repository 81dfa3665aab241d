//! The errors of the published crates: their texts have one form, and none is shown twice by a program
//! that prints the chain of `source()`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails the test")]

mod text_files;

use std::collections::{BTreeMap, BTreeSet};

use text_files::TextFiles;

/// The name of the tests that print chains.
const CHAIN_TEST: &str = "is_shown_twice()";

/// Words with a capital that a text may begin with, besides abbreviations and names of headers.
const NAMES: [&str; 2] = ["Location", "Origin"];

#[test]
fn every_error_has_a_text_in_form_and_a_chain_without_repetition() {
    let (count, faults) = faults(&text_files::text_files());
    assert!(count > 60, "only {count} errors were found");
    assert!(faults.is_empty(), "errors:\n  {}", faults.join("\n  "));
}

/// Returns the number of errors, and what is wrong with them.
fn faults(files: &TextFiles) -> (usize, Vec<String>) {
    let mut count = 0;
    let mut faults = Vec::new();
    let chain_tests = chain_tests(files);
    for (path, text) in files {
        let Some(name) = crate_of(path).filter(|_| path.contains("/src/") && is_rust(path)) else {
            continue;
        };
        for error in errors(text) {
            count += 1;
            let is_tested = chain_tests
                .get(name)
                .is_some_and(|tests| tests.iter().any(|test| has_word(test, error.name)));
            if error.has_source && is_public(text, error.name) && !is_tested {
                faults.push(format!(
                    "{path}: {} has a source, and no test `…{CHAIN_TEST}` of its crate names it",
                    error.name
                ));
            }
            for shown in texts(text, error.name) {
                if let Some(fault) = fault_of(shown) {
                    faults.push(format!("{path}: {}: {shown:?} {fault}", error.name));
                }
            }
        }
    }
    (count, faults)
}

fn is_rust(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "rs")
}

fn crate_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix("crates/")?.split('/').next()?;
    // The testkit is not published.
    (name != "testkit").then_some(name)
}

/// The sources that have such a test, by crate.
fn chain_tests(files: &TextFiles) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut tests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, text) in files {
        if let Some(name) = crate_of(path).filter(|_| text.contains(CHAIN_TEST)) {
            tests.entry(name).or_default().insert(text);
        }
    }
    tests
}

struct ErrorImpl<'a> {
    name: &'a str,
    has_source: bool,
}

/// The types for which a source implements `Error`.
fn errors(text: &str) -> Vec<ErrorImpl<'_>> {
    let lines = text.lines().filter(|line| line.starts_with("impl") && line.contains("Error for "));
    lines
        .filter_map(|line| {
            let (before, rest) = line.split_once("Error for ")?;
            let is_trait = before.ends_with(' ') || before.ends_with("error::");
            let name = rest.split(|c: char| !c.is_alphanumeric()).next()?;
            is_trait.then_some(ErrorImpl { name, has_source: !rest.ends_with("{}") })
        })
        .collect()
}

fn is_public(text: &str, name: &str) -> bool {
    ["struct", "enum"].iter().any(|kind| has_word(text, &format!("pub {kind} {name}")))
}

/// Returns whether the text has these words, and not as a part of a longer one.
fn has_word(text: &str, words: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(words).any(|(at, _)| {
        let (before, after) = (text.get(..at), text.get(at + words.len()..));
        !before.is_some_and(|text| text.ends_with(is_part))
            && !after.is_some_and(|text| text.starts_with(is_part))
    })
}

/// The first pieces of the string literals in the `Display` of a type: to the end of the line.
fn texts<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let is_display = |line: &&str| {
        line.starts_with("impl")
            && line.split_once("Display for ").is_some_and(|(_, rest)| {
                rest.split(|c: char| !c.is_alphanumeric()).next() == Some(name)
            })
    };
    let body = text.lines().skip_while(|line| !is_display(line)).skip(1);
    let body = body.take_while(|line| *line != "}").filter(|line| !line.trim().starts_with("//"));
    // A literal that begins a text, not one that continues another one.
    body.filter(|line| {
        line.contains("write!(f, \"") || line.contains("write_str(\"") || line.contains("=> \"")
    })
    .filter_map(|line| line.split_once('"')?.1.rsplit_once('"').map(|(shown, _)| shown))
    .collect()
}

fn fault_of(shown: &str) -> Option<&'static str> {
    let first = shown.split(|c: char| !c.is_alphanumeric() && c != '-').next().unwrap_or_default();
    let is_capital = first.starts_with(|c: char| c.is_ascii_uppercase());
    // `HTTP`, `Content-Type`, `WebSocket`, `Content`.
    let is_name = first.contains(|c: char| !c.is_lowercase() && c != '-')
        && first.chars().skip(1).any(|c| c.is_uppercase() || c == '-');
    if is_capital && !is_name && !NAMES.contains(&first) {
        return Some("begins with a capital");
    }
    let is_sentence = shown.ends_with('.') && !shown.ends_with("..");
    is_sentence.then_some("ends with a full stop")
}

#[test]
fn an_error_with_a_source_must_be_in_a_test_of_chains() {
    let error = "pub enum A {}\nimpl fmt::Display for A {\n    f.write_str(\"it failed\")\n}\n\
                 impl std::error::Error for A {\n    fn source(&self) {}\n}\n";
    let test = "fn no_error_is_shown_twice() { chain(&A::B); }";
    let faults = |sources: &[(&str, &str)]| {
        let files = sources.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        faults(&files.collect())
    };
    let (count, found) = faults(&[("crates/a/src/a.rs", error)]);
    assert!(count == 1 && found.len() == 1 && found[0].contains("A has a source"), "{found:?}");
    assert_eq!(faults(&[("crates/a/src/a.rs", error), ("crates/a/tests/a.rs", test)]).1, [""; 0]);
    assert_eq!(faults(&[("crates/a/src/a.rs", error), ("crates/b/tests/a.rs", test)]).1.len(), 1);
    let other = test.replace("A::B", "AB::C");
    assert_eq!(faults(&[("crates/a/src/a.rs", error), ("crates/a/tests/a.rs", &other)]).1.len(), 1);
    let plain = error.replace("Error for A {\n    fn source(&self) {}\n}", "Error for A {}");
    assert_eq!(faults(&[("crates/a/src/a.rs", &plain)]), (1, vec![]));
    let private = error.replace("pub enum", "enum");
    assert_eq!(faults(&[("crates/a/src/a.rs", &private)]), (1, vec![]));
    assert_eq!(faults(&[("crates/a/src/a.rs", "impl From<Error> for A {}")]).0, 0);
}

#[test]
fn a_text_in_another_form_is_found() {
    let with = |line: &str| {
        format!(
            "impl<E> fmt::Display for A<E> {{\n    {line}\n}}\nimpl core::error::Error for A {{}}\n"
        )
    };
    for (line, expected) in [
        ("write!(f, \"it failed\")", 0),
        ("f.write_str(\"the key {key} has no value\")", 0),
        ("Self::B => \"Content-Length is missing\",", 0),
        ("Self::B => \"HTTP/1.0 is too old\",", 0),
        ("// f.write_str(\"It failed.\")", 0),
        ("write!(f, \"It failed\")", 1),
        ("write!(f, \"it failed.\")", 1),
        ("Self::B => \"it failed.\",", 1),
    ] {
        let files = TextFiles::from([("crates/a/src/a.rs".to_owned(), with(line))]);
        assert_eq!(faults(&files).1.len(), expected, "{line}");
    }
}
