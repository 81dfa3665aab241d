//! Each published crate's README begins with what a reader looks for, agrees with its `Cargo.toml`,
//! and has its limits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod published;

use std::collections::BTreeSet;

use published::{is_one_sentence, published};

#[test]
fn each_readme_begins_well_and_has_all_features_and_the_limits() {
    let mut faults = Vec::new();
    for crate_ in published() {
        // A command has no library.
        let library = Some(crate_.library.as_str()).filter(|library| !library.is_empty());
        let mut found = self::faults(&crate_.manifest, &crate_.readme, library);
        if library.is_some() {
            found.extend(faults_of_beginning(&crate_.name, &crate_.manifest, &crate_.readme));
        }
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", crate_.name)));
    }
    assert!(faults.is_empty(), "READMEs:\n  {}", faults.join("\n  "));
}

/// Returns the faults of the beginning: a sentence that says what it is, how to add it, an example,
/// links.
fn faults_of_beginning(name: &str, manifest: &str, readme: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut blocks = readme.split("\n\n");
    if blocks.next() != Some(&format!("# {name}")) {
        faults.push(format!("it does not begin with # {name}"));
    }
    if !blocks.next().is_some_and(is_one_sentence) {
        faults.push("its first paragraph is not one sentence".to_owned());
    }
    let (add, example) = match manifest.contains("\"cdylib\"") {
        true => ("npm install ".to_owned(), "```js"),
        false => (format!("cargo add {name}"), "```rust"),
    };
    let adds = |block: &str| block.lines().any(|line| line.starts_with(&add));
    if !blocks.next().is_some_and(|block| block.starts_with("```sh\n") && adds(block)) {
        faults.push(format!("`{add}` does not follow"));
    }
    let top = readme.split("\n## ").next().unwrap_or_default();
    if !top.lines().any(|line| line == example) {
        faults.push(format!("there is no block {example} before its first section"));
    }
    let links = format!("[Guide][guide] · [API reference](https://docs.rs/{name}) · ");
    if !top.lines().any(|line| line.starts_with(&links)) {
        faults.push(format!("there is no line {links}... before its first section"));
    }
    faults
}

/// Returns the faults of a README, given the sources next to it; `library` is the text of
/// `src/lib.rs`.
fn faults(manifest: &str, readme: &str, library: Option<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    let has_section = |title: &str| readme.lines().any(|line| line == format!("## {title}"));
    let features = features(manifest);
    if !features.is_empty() && !has_section("Features") {
        faults.push("there is no section `## Features`".to_owned());
    }
    let listed = listed_features(readme);
    for feature in features.difference(&listed) {
        faults.push(format!("the feature `{feature}` is not in the table"));
    }
    for feature in listed.difference(&features) {
        faults.push(format!("the table lists `{feature}`, which is not a feature"));
    }
    if !has_section("Limits") {
        faults.push("there is no section `## Limits`".to_owned());
    }
    let (example, is_tested) = match library {
        // Commands to enter.
        None => ("```text", true),
        // JavaScript calls it; its example is not tested by rustdoc.
        Some(_) if manifest.contains("\"cdylib\"") => ("```js", true),
        Some(library) => ("```rust", library.contains("include_str!(\"../README.md\")")),
    };
    if !readme.lines().any(|line| line == example) {
        faults.push(format!("there is no example, no block {example} that is run"));
    }
    if !is_tested {
        faults.push("src/lib.rs does not include it, so its example is not tested".to_owned());
    }
    faults
}

/// The names of the table `[features]`, without `default`, which only chooses.
fn features(manifest: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with(['#', ' ']))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim_matches('"').to_owned())
        .filter(|name| name != "default")
        .collect()
}

/// Returns the texts in backticks at the beginning of the rows of the tables whose first column is
/// `feature`.
fn listed_features(readme: &str) -> BTreeSet<String> {
    let mut is_listed = false;
    let mut listed = BTreeSet::new();
    for line in readme.lines() {
        is_listed = line.starts_with("| feature |") || is_listed && line.starts_with('|');
        let name = line.strip_prefix("| `").filter(|_| is_listed);
        listed.extend(name.and_then(|name| name.split('`').next()).map(str::to_owned));
    }
    listed
}

const MANIFEST: &str = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"one\"]\n## Text.\n\
                        one = []\ntwo-b = [\n  \"one\",\n]\n\n[dependencies]\nthree = \"1\"\n";
const README: &str = "# x\n\n```rust\nx();\n```\n\n## Features\n\n| feature | adds |\n| --- | --- |\n\
                      | (none) | all |\n| `one` (default) | a |\n| `two-b` | `b` |\n\n## Limits\n\n\
                      | limit | value |\n|---|---|\n| `MAX` | 1 |\n";
const LIBRARY: &str = "#![doc = include_str!(\"../README.md\")]\n";

const BEGINNING: &str = "# x\n\nOne sentence,\nin two lines.\n\n```sh\ncargo add x\n```\n\n```rust\nx();\n```\n\n\
                         [Guide][guide] · [API reference](https://docs.rs/x) · [y](https://docs.rs/y)\n\n## More\n";

#[test]
fn each_fault_of_a_beginning_is_told() {
    let faults = |from: &str, to: &str| {
        assert!(BEGINNING.contains(from), "{from}");
        faults_of_beginning("x", MANIFEST, &BEGINNING.replacen(from, to, 1))
    };
    assert_eq!(faults("", ""), Vec::<String>::new());
    for (from, to, fault) in [
        ("# x", "# y", "it does not begin with # x"),
        ("One", "One. Two", "its first paragraph is not one sentence"),
        ("lines.", "lines", "its first paragraph is not one sentence"),
        ("cargo add x", "cargo add y", "`cargo add x` does not follow"),
        ("```rust\n", "```rust,ignore\n", "there is no block ```rust before its first section"),
        ("[Guide]", "## More\n[Guide]", "there is no line [Guide][guide] · "),
    ] {
        let found = faults(from, to);
        assert!(
            found.len() == 1 && found.iter().all(|found| found.starts_with(fault)),
            "{found:?}"
        );
    }
}

#[test]
fn a_good_readme_has_no_fault() {
    assert_eq!(faults(MANIFEST, README, Some(LIBRARY)), Vec::<String>::new());
}

#[test]
fn each_fault_is_told() {
    for (from, to, fault) in [
        ("## Features", "## More", "there is no section `## Features`"),
        ("| `two-b` | `b` |\n", "", "the feature `two-b` is not in the table"),
        ("| `two-b`", "| `three`", "the table lists `three`, which is not a feature"),
        ("## Limits", "## limits", "there is no section `## Limits`"),
        ("```rust\n", "```rust,no_run\n", "there is no example, no block ```rust that is run"),
    ] {
        let found = faults(MANIFEST, &README.replace(from, to), Some(LIBRARY));
        assert!(found.iter().any(|found| found == fault), "{found:?}");
    }
    assert_eq!(faults(MANIFEST, README, Some("")).len(), 1);
    assert_eq!(faults(MANIFEST, README, None).len(), 1);
}
