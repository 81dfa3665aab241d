//! Checks `docs/SECURITY.md` against the sources: each attack has a test, and the tests and files
//! that are named exist. All faults are listed, each with its place.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod citations;

use std::fs;

use citations::{Sources, TestName};

#[test]
fn every_attack_has_a_test() {
    let page = fs::read_to_string(citations::root().join("docs/SECURITY.md")).unwrap();
    let faults = faults(&page, &citations::sources());
    assert!(faults.is_empty(), "docs/SECURITY.md:\n  {}", faults.join("\n  "));
}

/// All that is wrong with the page.
fn faults(page: &str, sources: &Sources) -> Vec<String> {
    let mut faults = Vec::new();
    let mut attacks = 0;
    for (text, line) in page.lines().zip(1..) {
        let mut fault = |fault: String| faults.push(format!("line {line}: {fault}"));
        for code in citations::code(text) {
            if let Err(missing) = check(code, sources) {
                fault(missing);
            }
        }
        let Some(row) = text.strip_prefix("| ") else { continue };
        if row.starts_with("---") || row.starts_with("attack |") {
            continue;
        }
        attacks += 1;
        match row.trim_end_matches('|').split(" | ").collect::<Vec<_>>()[..] {
            [_, _, _, tests]
                if citations::code(tests).any(|code| TestName::parse(code).is_some()) => {}
            [_, _, _, _] => fault("an attack without a test".into()),
            ref cells => fault(format!("a row has 4 cells, this has {}", cells.len())),
        }
    }
    if attacks == 0 {
        faults.push("there is no attack".into());
    }
    faults
}

/// If it names a test, a source or a directory below `crates/`, there is one.
fn check(code: &str, sources: &Sources) -> Result<(), String> {
    if let Some(name) = TestName::parse(code) {
        return name.find(sources).map(|_| ());
    }
    let path = format!("crates/{code}");
    let exists = match () {
        () if code.ends_with(".rs") => sources.contains_key(&path),
        () if code.ends_with('/') && code.len() > 1 => {
            sources.keys().any(|source| source.starts_with(&path))
        }
        () => true,
    };
    if exists { Ok(()) } else { Err(format!("there is no {path}")) }
}

#[test]
fn what_is_wrong_is_named() {
    let sources = Sources::from([(
        "crates/a/tests/a.rs".to_owned(),
        "#[test]\nfn holds() {}\nfn helper() {}".to_owned(),
    )]);
    for (row, expected) in [
        ("| Attack | Harm | `a/tests/a.rs`, in `a/tests/` | `a/tests/a.rs: holds`, or `/` |", None),
        (
            "| Attack | Harm | Defence | `a/tests/a.rs: gone` |",
            Some("there is no `a/tests/a.rs: gone`"),
        ),
        ("| Attack | Harm | Defence | `a/tests/a.rs: helper` |", Some("is not a test")),
        ("| Attack | Harm | Defence | `a/tests/a.rs` |", Some("an attack without a test")),
        (
            "| Attack | Harm | `a/tests/b.rs` | `a/tests/a.rs: holds` |",
            Some("there is no crates/a/tests/b.rs"),
        ),
        ("| Attack | Harm | `a/src/` | `a/tests/a.rs: holds` |", Some("there is no crates/a/src/")),
        ("| Attack | Harm | `a/tests/a.rs: holds` |", Some("a row has 4 cells, this has 3")),
        ("no row", Some("there is no attack")),
    ] {
        let page = ["| attack | what it does | defence | test |", "| --- | --- | --- | --- |", row];
        let faults = faults(&page.join("\n"), &sources);
        match expected {
            None => assert!(faults.is_empty(), "{row}: {faults:?}"),
            Some(expected) => {
                assert!(faults.iter().any(|fault| fault.contains(expected)), "{row}: {faults:?}");
            }
        }
    }
}
