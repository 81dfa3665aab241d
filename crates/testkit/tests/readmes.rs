//! Each published crate's README agrees with its `Cargo.toml`, and has an example and its limits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn each_readme_has_an_example_all_features_and_the_limits() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut count = 0;
    let mut faults = Vec::new();
    for entry in fs::read_dir(crates).unwrap() {
        let directory = entry.unwrap().path();
        let Ok(manifest) = fs::read_to_string(directory.join("Cargo.toml")) else { continue };
        if manifest.lines().any(|line| line == "publish = false") {
            continue;
        }
        count += 1;
        let readme = fs::read_to_string(directory.join("README.md")).unwrap();
        let library = fs::read_to_string(directory.join("src/lib.rs")).ok();
        let name = directory.file_name().unwrap().to_str().unwrap();
        let found = self::faults(&manifest, &readme, library.as_deref());
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(count >= 10, "only {count} crates were found");
    faults.sort_unstable();
    assert!(faults.is_empty(), "READMEs:\n  {}", faults.join("\n  "));
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

/// Returns the texts in backticks at the beginning of the rows of a table whose first column is
/// `feature`.
fn listed_features(readme: &str) -> BTreeSet<String> {
    let lines = readme.lines().skip_while(|line| !line.starts_with("| feature |"));
    lines
        .take_while(|line| line.starts_with('|'))
        .filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}

const MANIFEST: &str = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"one\"]\n## Text.\n\
                        one = []\ntwo-b = [\n  \"one\",\n]\n\n[dependencies]\nthree = \"1\"\n";
const README: &str = "# x\n\n```rust\nx();\n```\n\n## Features\n\n| feature | adds |\n| --- | --- |\n\
                      | (none) | all |\n| `one` (default) | a |\n| `two-b` | `b` |\n\n## Limits\n\n\
                      | limit | value |\n|---|---|\n| `MAX` | 1 |\n";
const LIBRARY: &str = "#![doc = include_str!(\"../README.md\")]\n";

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
