//! The tests of the core crates where words are big-endian, or have 32 bits: `.ci/targets/foreign`.

use std::process::Command;

use super::Outcome;
use super::compiler::is_program;
use super::table::Row;
use crate::Error;

const TRIPLES: [&str; 2] = ["s390x-unknown-linux-gnu", "i686-unknown-linux-gnu"];

pub(super) fn run() -> Result<Outcome, Error> {
    if !(is_program("apt-get") && is_program("dpkg-deb")) {
        return Ok(Outcome::Skipped("there is no apt-get to fetch a std and qemu".to_owned()));
    }
    let printed = crate::output(Command::new(".ci/targets/foreign").args(TRIPLES))?;
    String::from_utf8(printed)?.lines().map(row).collect::<Result<_, _>>().map(Outcome::Ran)
}

/// Reads `target crate tests-passed`. No test is a fault: something was left out.
fn row(line: &str) -> Result<Row, Error> {
    let columns: Vec<&str> = line.split(' ').collect();
    if let [target, crate_name, passed] = columns[..] {
        let known = TRIPLES.into_iter().find(|triple| *triple == target);
        let passed = passed.parse().ok().filter(|passed| *passed > 0);
        if let (Some(target), Some(passed)) = (known, passed) {
            return Ok(Row {
                target,
                crate_name: crate_name.to_owned(),
                code_bytes: None,
                ram_bytes: None,
                vectors: Some(passed),
            });
        }
    }
    Err(format!(".ci/targets/foreign printed {line:?} instead of a target, a crate, and how many tests passed").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_target_a_crate_and_tests() {
        let row = row("s390x-unknown-linux-gnu tidings-frame 34").unwrap();
        assert_eq!((row.target, row.vectors), ("s390x-unknown-linux-gnu", Some(34)));
        assert_eq!(row.crate_name, "tidings-frame");
    }

    #[test]
    fn a_row_without_tests_is_a_fault() {
        for line in [
            "s390x-unknown-linux-gnu tidings-frame ",
            "s390x-unknown-linux-gnu frame 0",
            "",
            "a b 1",
        ] {
            assert!(row(line).is_err(), "{line:?}");
        }
    }
}
