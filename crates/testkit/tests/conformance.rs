//! Checks `docs/CONFORMANCE.md` against the sources: each rule has a test that exists and names it,
//! or a reason why it has none. All faults are listed, each with its place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step fails the test")]

mod citations;
#[path = "conformance/ids.rs"]
mod ids;
mod text_files;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;

use citations::{Sources, TestName};

/// The rules of all documents together.
const RULES: usize = 226;

/// The families of ids: RFC 6455, HTTP, RFC 7692, HTTP/2, event streams.
const FAMILIES: [char; 5] = ['W', 'P', 'D', 'H', 'E'];

/// The other contents of a cell. A note alone is not a reason to have no test.
const REASONS: [&str; 3] = ["*Deviation*: ", "*Not applicable*: ", "*Open*: "];
const NOTE: &str = "*Note*: ";
const REASON_LEN_MIN: usize = 20;

#[test]
fn every_rule_has_a_test_that_names_it_or_a_reason() {
    let matrix = fs::read_to_string(citations::root().join("docs/CONFORMANCE.md")).unwrap();
    let sources = citations::sources();
    let faults = faults(&matrix, &sources, RULES);
    assert!(faults.is_empty(), "docs/CONFORMANCE.md:\n  {}", faults.join("\n  "));
}

#[test]
fn every_id_leads_to_a_rule() {
    let matrix = fs::read_to_string(citations::root().join("docs/CONFORMANCE.md")).unwrap();
    let known = rows(&matrix, &mut Vec::new()).iter().map(|row| row.id.to_string()).collect();
    let faults = ids::faults(&known, &text_files::text_files());
    assert!(faults.is_empty(), "ids:\n  {}", faults.join("\n  "));
}

/// Returns all faults of the matrix.
fn faults(matrix: &str, sources: &Sources, rules: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let rows = rows(matrix, &mut faults);
    check_ids(&rows, rules, &mut faults);
    for row in &rows {
        check_row(row, sources, &mut faults);
    }
    check_tests_between_rows(matrix, sources, &mut faults);
    faults
}

/// `W-001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    family: char,
    number: u16,
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:03}", self.family, self.number)
    }
}

/// A row of the matrix.
#[derive(Debug)]
struct Row {
    id: Id,
    line: usize,
    /// The cell "shown by".
    shown_by: String,
}

/// Every line that looks like a row must be one.
fn rows(matrix: &str, faults: &mut Vec<String>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (text, line) in matrix.lines().zip(1..) {
        let Some(cells) = text.strip_prefix('|') else { continue };
        let cells: Vec<&str> = cells.trim_end_matches('|').split('|').map(str::trim).collect();
        if cells.first().is_none_or(|id| *id == "id" || id.starts_with("---")) {
            continue;
        }
        match cells[..] {
            [id, section, rule, shown_by] => match ids(id)[..] {
                [(found, ref place)] if *place == (0..=id.len() - 1) => {
                    if section.is_empty() || rule.is_empty() {
                        faults.push(format!("line {line}, {found}: no section or no rule"));
                    }
                    rows.push(Row { id: found, line, shown_by: shown_by.to_owned() });
                }
                _ => faults.push(format!("line {line}: {id:?} is not an id")),
            },
            _ => faults.push(format!("line {line}: a row has 4 cells, this has {}", cells.len())),
        }
    }
    rows
}

/// Each id is there once, and those of a family are numbered without a gap.
fn check_ids(rows: &[Row], rules: usize, faults: &mut Vec<String>) {
    if rows.len() != rules {
        faults.push(format!("there are {} rows and not {rules}", rows.len()));
    }
    let mut lines = BTreeMap::new();
    for row in rows {
        if let Some(other) = lines.insert(row.id, row.line) {
            faults.push(format!("{} is in line {other} and in line {}", row.id, row.line));
        }
    }
    for family in FAMILIES {
        let last = lines.keys().filter(|id| id.family == family).map(|id| id.number).max();
        for number in 1..=last.unwrap_or(0) {
            let id = Id { family, number };
            if !lines.contains_key(&id) {
                faults.push(format!("{id} is missing"));
            }
        }
    }
}

/// The cell has tests, a reason, or both, and each test exists and names the rule.
fn check_row(row: &Row, sources: &Sources, faults: &mut Vec<String>) {
    let Row { id, line, shown_by } = row;
    let (mut tests, mut has_reason) = (BTreeSet::new(), false);
    for item in shown_by.split("<br>").map(str::trim).filter(|item| !item.is_empty()) {
        let reason = REASONS.iter().find_map(|reason| item.strip_prefix(reason));
        match (test_name(item), reason, item.strip_prefix(NOTE)) {
            (Some(name), _, _) if tests.insert(name) => {
                if let Err(fault) = check_test(name, *id, sources) {
                    faults.push(format!("line {line}, {id}: {fault}"));
                }
            }
            (Some(name), _, _) => {
                faults.push(format!("line {line}, {id}: {name} is named twice"));
            }
            (None, Some(text), _) if text.len() >= REASON_LEN_MIN => has_reason = true,
            (None, _, Some(text)) if !text.is_empty() => {}
            _ => faults.push(format!("line {line}, {id}: neither a test nor a reason: {item:?}")),
        }
    }
    if tests.is_empty() && !has_reason {
        faults.push(format!("line {line}, {id}: it has no test and no reason"));
    }
}

/// An item that is a test's name and nothing else.
fn test_name(item: &str) -> Option<TestName<'_>> {
    TestName::parse(item.strip_prefix('`')?.strip_suffix('`')?)
}

/// It is a test, and its documentation names this id.
fn check_test(name: TestName<'_>, id: Id, sources: &Sources) -> Result<(), String> {
    if cited(&name.find(sources)?).contains(&id) {
        return Ok(());
    }
    Err(format!("{name} does not name it in its documentation"))
}

/// Tests that are named outside the rows must exist too.
fn check_tests_between_rows(matrix: &str, sources: &Sources, faults: &mut Vec<String>) {
    let lines = matrix.lines().zip(1..).filter(|(text, _)| !text.starts_with('|'));
    for (text, line) in lines {
        for code in citations::code(text) {
            let Some(name) = TestName::parse(code) else { continue };
            if let Err(fault) = name.find(sources) {
                faults.push(format!("line {line}: {fault}"));
            }
        }
    }
}

/// The ids that a text names, with those between where it says `to`.
fn cited(text: &str) -> BTreeSet<Id> {
    let ids = ids(text);
    let between = ids.windows(2).filter_map(|pair| match pair {
        [(first, begin), (last, end)] => {
            let joint = text.get(begin.end() + 1..*end.start())?;
            let is_range = first.family == last.family
                && joint.split_whitespace().eq(["to"])
                && joint.starts_with(' ');
            is_range.then_some((first.family, first.number..=last.number))
        }
        _ => None,
    });
    let between = between
        .flat_map(|(family, numbers)| numbers.map(move |number| Id { family, number }))
        .collect::<Vec<_>>();
    ids.iter().map(|(id, _)| *id).chain(between).collect()
}

/// The ids in a text, with the bytes that each takes.
fn ids(text: &str) -> Vec<(Id, RangeInclusive<usize>)> {
    let bytes = text.as_bytes();
    let is_word =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    let id_at = |at: usize| {
        let [family, b'-', digits @ ..] = bytes.get(at..at + 5)? else { return None };
        let family = char::from(*family);
        let is_id = FAMILIES.contains(&family)
            && digits.iter().all(u8::is_ascii_digit)
            && !is_word(at.checked_sub(1))
            && !is_word(Some(at + 5));
        let number = text.get(at + 2..at + 5)?.parse().ok()?;
        is_id.then_some((Id { family, number }, at..=at + 4))
    };
    (0..bytes.len()).filter_map(id_at).collect()
}

/// The check finds the faults that it is for. This file is one of the sources itself, so examples
/// here are not comments: `~` becomes `///`.
mod faults_are_seen {
    use super::*;

    const ROWS: [&str; 3] = [
        "| W-001 | 1 | a rule | `a/src/a.rs: holds` |",
        "| W-002 | 1 | a rule | `a/src/a.rs: holds`<br>`a/src/a.rs: holds_later`<br>*Note*: so. |",
        "| P-001 | 1 | a rule | *Open*: it is not written, for a while |",
    ];

    const SOURCE: &str = "
        ~ W-001 to
        ~ W-002: it holds.
        #[test]
        fn holds() {}

        ~ W-002
        #[tokio::test(start_paused = true)]
        #[ignore = \"slow\"]
        async fn holds_later() {}

        ~ W-001
        fn helper() {}

        #[test]
        fn silent() {}
    ";

    fn found(rows: &[&str], source: &str) -> Vec<String> {
        let source = source.replace('~', "///");
        let sources = Sources::from([("crates/a/src/a.rs".to_owned(), source)]);
        faults(&rows.join("\n"), &sources, 3)
    }

    /// These rows in place of the first one.
    fn with(row: &str) -> Vec<String> {
        found(&[row, ROWS[1], ROWS[2]], SOURCE)
    }

    #[test]
    fn what_is_right_is_accepted() {
        assert_eq!(found(&ROWS, SOURCE), [""; 0]);
        let table =
            ["# Title", "", "| id | section | rule | shown by |", "| --- | --- | --- | --- |"];
        assert_eq!(found(&[&table[..], &ROWS].concat(), SOURCE), [""; 0]);
    }

    #[test]
    fn what_is_wrong_with_a_row_is_named() {
        for (row, expected) in [
            ("| W-001 | 1 | r | `a/src/a.rs: gone` |", "there is no `a/src/a.rs: gone`"),
            ("| W-001 | 1 | r | `b/src/b.rs: holds` |", "there is no crates/b/src/b.rs"),
            ("| W-001 | 1 | r | `a/src/a.rs: helper` |", "`a/src/a.rs: helper` is not a test"),
            ("| W-001 | 1 | r | `a/src/a.rs: hold` |", "there is no `a/src/a.rs: hold`"),
            ("| W-001 | 1 | r | `a/src/a.rs: silent` |", "does not name it"),
            ("| W-001 | 1 | r | `a/src/a.rs: holds_later` |", "does not name it"),
            ("| W-001 | 1 | r | `a/src/a.rs: holds`<br>`a/src/a.rs: holds` |", "is named twice"),
            ("| W-001 | 1 | r | |", "no test and no reason"),
            ("| W-001 | 1 | r | *Note*: a long note is not a reason |", "no test and no reason"),
            ("| W-001 | 1 | r | *Open*: later |", "neither a test nor a reason"),
            ("| W-001 | 1 | r | see above, where it is all explained |", "neither a test nor"),
            ("| W-001 | 1 | | `a/src/a.rs: holds` |", "no section or no rule"),
            ("| W-001 | 1 | `a/src/a.rs: holds` |", "a row has 4 cells, this has 3"),
            ("| W-1 | 1 | r | `a/src/a.rs: holds` |", "\"W-1\" is not an id"),
            ("| W-001, W-002 | 1 | r | `a/src/a.rs: holds` |", "is not an id"),
        ] {
            let faults = with(row);
            let found =
                faults.iter().any(|fault| fault.starts_with("line 1") && fault.contains(expected));
            assert!(found, "{row}: {faults:#?}");
        }
    }

    #[test]
    fn missing_and_doubled_ids_are_named() {
        let [first, second, third] = ROWS;
        assert_eq!(found(&[first, second], SOURCE), ["there are 2 rows and not 3"]);
        assert_eq!(
            found(&[second, third], SOURCE),
            ["there are 2 rows and not 3", "W-001 is missing"]
        );
        assert!(
            found(&[first, second, third, second], SOURCE)
                .contains(&"W-002 is in line 2 and in line 4".to_owned())
        );
    }

    #[test]
    fn tests_between_rows_must_exist() {
        let rows = |text| found(&[ROWS[0], ROWS[1], ROWS[2], text], SOURCE);
        assert_eq!(rows("See `a/src/a.rs: silent` and `a: b`."), [""; 0]);
        assert_eq!(
            rows("See `x` and `a/src/a.rs: gone`."),
            ["line 4: there is no `a/src/a.rs: gone`"]
        );
    }

    #[test]
    fn ids_are_whole_words() {
        let found =
            |text: &str| -> Vec<String> { cited(text).iter().map(ToString::to_string).collect() };
        assert_eq!(found("W-001, (P-002). D-003: x"), ["D-003", "P-002", "W-001"]);
        assert_eq!(found("H-010 to H-012"), ["H-010", "H-011", "H-012"]);
        assert_eq!(
            found("W-001 and to W-003, W-005 to D-006"),
            ["D-006", "W-001", "W-003", "W-005"]
        );
        assert_eq!(found("XW-001 W-0011 W-01 w-001 W-00x V-001 é-001 W-"), [""; 0]);
    }
}
