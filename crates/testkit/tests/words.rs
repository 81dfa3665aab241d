//! The words that this project does not use, in comments, documents, texts and names. They are listed
//! in `words/rules.txt`, each with what to write instead; `words/exceptions.txt` lists the lines
//! where one of them is right.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "words/check.rs"]
mod check;
mod text_files;

use std::collections::BTreeSet;

use check::{Exception, Rule, exceptions, rules};
use text_files::TextFiles;

/// The samples of the tests below are words that no rule has.
const SAMPLE: &str = "zig zag | | zog | a zig zag here | a zog here";

const RULES: &str = include_str!("words/rules.txt");
const EXCEPTIONS: &str = include_str!("words/exceptions.txt");

#[test]
fn the_project_is_written_in_plain_english() {
    let faults = faults(&text_files::text_files(), &rules(RULES), &exceptions(EXCEPTIONS));
    assert!(faults.is_empty(), "{} places:\n  {}", faults.len(), faults.join("\n  "));
}

/// Returns the places where a rule is broken, and the exceptions that nothing needs.
fn faults(files: &TextFiles, rules: &[Rule<'_>], exceptions: &[Exception<'_>]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for (path, text) in files {
        let lines: Vec<&str> = text.lines().collect();
        for found in check::find(text, rules) {
            let line = lines.get(found.line - 1).copied().unwrap_or_default();
            let exception = exceptions.iter().position(|exception| exception.covers(path, line));
            match exception {
                Some(exception) => drop(used.insert(exception)),
                None => faults.push(format!(
                    "{path}:{}: \"{}\": {}",
                    found.line, found.rule.phrase, found.rule.instead
                )),
            }
        }
    }
    let unused = exceptions.iter().enumerate().filter(|(at, _)| !used.contains(at));
    faults
        .extend(unused.map(|(_, exception)| format!("nothing needs the exception {exception:?}")));
    faults
}

#[test]
fn each_rule_finds_its_bad_sample_and_leaves_its_good_one() {
    let rules = rules(RULES);
    assert!(rules.len() > 20, "only {} rules", rules.len());
    for rule in &rules {
        let mut found = check::find(rule.bad, &rules).into_iter();
        let is_found = found.any(|found| found.rule.phrase == rule.phrase);
        assert!(is_found, "{rule:?} does not find its bad sample");
        let found = check::find(rule.good, &rules);
        assert!(found.is_empty(), "the good sample of {rule:?}: {found:?}");
    }
}

#[test]
fn phrases_are_found_over_lines_and_in_names_but_not_over_sentences() {
    let rules = rules(SAMPLE);
    let lines = |text| check::find(text, &rules).iter().map(|found| found.line).collect::<Vec<_>>();
    assert_eq!(lines("/// A zig\n/// zag here."), [1]);
    assert_eq!(lines("    // Not\n    // a zig\n    // zag."), [2]);
    assert_eq!(lines("fn zig_zag_is_found() {}"), [1]);
    assert_eq!(lines("let zig_zag = \"a zig \\\n    zag\";"), [1, 1]);
    assert_eq!(lines("# Zig\n# zag."), [1]);
    assert_eq!(lines("It is zig. Zag is not.\n\nzig\n\nzag, zig: zag, zig-zag"), [0; 0]);
    assert_eq!(lines("a_zig zag; zig zags; (zig) zag"), [0; 0]);
}

#[test]
fn only_the_first_word_opens_a_documentation() {
    let rules = rules("^what | | a noun | /// What it is | /// The kind");
    let lines = |text| check::find(text, &rules).iter().map(|found| found.line).collect::<Vec<_>>();
    assert_eq!(lines("/// What it is.\n/// What more.\nfn f() {}\n//! What"), [1, 4]);
    assert_eq!(lines("// What it is.\n/// That is what\n/// what\n\"What\""), [0; 0]);
}

#[test]
fn an_exception_covers_its_line_and_must_be_needed() {
    let rules = rules(SAMPLE);
    let text = "// zig zag a\n// zig zag b".to_owned();
    let files = TextFiles::from([("a.rs".to_owned(), text)]);
    let found = |text| faults(&files, &rules, &exceptions(text));
    let fault = |line| format!("a.rs:{line}: \"zig zag\": zog");
    assert_eq!(found(""), [fault(1), fault(2)]);
    assert_eq!(found("# Comment\n\na.rs | zag b | a sample"), [fault(1)]);
    assert_eq!(found("b.rs | zag b | a sample").len(), 3);
    assert_eq!(found("a.rs | zag c | a sample").len(), 3);
}
