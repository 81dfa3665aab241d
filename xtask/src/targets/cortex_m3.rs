//! A Cortex-M3 without a heap, in QEMU: the firmwares of `targets/cortex-m3`.
//!
//! The smallest program that uses a crate shows the cost of the crate: the code of one that uses
//! none is subtracted. Others run the crates' vectors. `echo` combines all of it, and its output is
//! known.

mod budgets;
mod emulator;
mod image;

use std::path::{Path, PathBuf};

use super::Outcome;
use super::compiler::{Compiler, Found, is_program};
use super::table::Row;
use crate::Error;
use budgets::{BUDGETS, Budget, ECHO};
use emulator::{Emulator, Run};

const TARGET: &str = "cortex-m3";
const TRIPLE: &str = "thumbv7m-none-eabi";
const QEMU: &str = "qemu-system-arm";

pub(super) fn run() -> Result<Outcome, Error> {
    if !is_program(QEMU) {
        return Ok(Outcome::Skipped(format!("there is no {QEMU} (`apt-get install {QEMU}`)")));
    }
    let compiler = match Compiler::find(TRIPLE, "ld.lld")? {
        Found::Compiler(compiler) => compiler,
        Found::Nothing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let package = crate::root().join("targets/cortex-m3");
    let directory = crate::target_directory().join("targets/cortex-m3");
    let mut build = compiler.build(&package, "core");
    crate::succeed(build.args(["--workspace", "--release", "--target-dir"]).arg(&directory))?;

    let firmwares = Firmwares {
        images: directory.join(compiler.triple()).join("release"),
        emulator: Emulator::new(&directory)?,
    };
    let baseline = firmwares.run("baseline")?;
    let mut findings = Findings::default();
    for budget in &BUDGETS {
        findings.measure(&firmwares, &baseline, budget)?;
    }
    findings.echo(&firmwares, &package.join("echo/expected.txt"))?;
    findings.end()
}

/// The firmwares that were built, and the emulator that runs them.
struct Firmwares {
    images: PathBuf,
    emulator: Emulator,
}

impl Firmwares {
    fn run(&self, name: &str) -> Result<Run, Error> {
        let run = self.emulator.run(&self.images.join(name));
        run.map_err(|error| format!("the firmware {name}: {error}").into())
    }
}

/// The findings so far.
#[derive(Default)]
struct Findings {
    rows: Vec<Row>,
    /// Figures that are over their budget.
    over_budget: Vec<String>,
}

impl Findings {
    /// Measures the cost of a crate, and runs its vectors.
    fn measure(
        &mut self,
        firmwares: &Firmwares,
        baseline: &Run,
        budget: &Budget,
    ) -> Result<(), Error> {
        let run = firmwares.run(budget.firmware)?;
        let code_bytes = run.code_bytes.saturating_sub(baseline.code_bytes);
        let vectors = match budget.vectors {
            Some(name) => Some(self.vectors(&firmwares.run(name)?.printed, budget)?),
            None => None,
        };
        self.row(budget, code_bytes, run.ram_bytes, vectors);
        Ok(())
    }

    /// The whole firmware, and whether its transcript is as expected.
    fn echo(&mut self, firmwares: &Firmwares, expected: &Path) -> Result<(), Error> {
        let run = firmwares.run(ECHO.firmware)?;
        let expected = std::fs::read_to_string(expected)?;
        let lines = expected.lines().zip(run.printed.lines()).enumerate();
        for (index, (wanted, printed)) in lines {
            if wanted != printed {
                let number = index + 1;
                return Err(format!(
                    "the firmware echo: line {number} of its transcript is {printed:?}, not {wanted:?}"
                )
                .into());
            }
        }
        if expected.lines().count() != run.printed.lines().count() {
            return Err(
                "the firmware echo: its transcript has not as many lines as expected".into()
            );
        }
        self.row(&ECHO, run.code_bytes, run.ram_bytes, None);
        Ok(())
    }

    fn row(&mut self, budget: &Budget, code_bytes: u64, ram_bytes: u64, vectors: Option<u64>) {
        let name = budget.name;
        self.hold(&format!("{name}: bytes of code"), code_bytes, budget.max_code_bytes);
        self.hold(&format!("{name}: bytes of RAM"), ram_bytes, budget.max_ram_bytes);
        self.rows.push(Row {
            target: TARGET,
            crate_name: name.to_owned(),
            code_bytes: Some(code_bytes),
            ram_bytes: Some(ram_bytes),
            vectors,
        });
    }

    /// Returns the number of vectors that have passed, by the output of a firmware. Its types are
    /// compared with their budgets.
    fn vectors(&mut self, printed: &str, budget: &Budget) -> Result<u64, Error> {
        let crate_name = budget.name;
        let mut vectors = 0;
        for line in printed.lines() {
            match read_line(line) {
                Some(Line::Vectors(passed)) => vectors += passed,
                Some(Line::State { name, bytes }) => {
                    println!("{TARGET}: {crate_name}: {line}");
                    let state = budget.max_states.iter().find(|(state, _)| *state == name);
                    let (_, max_bytes) = state.ok_or_else(|| format!("no budget for {name}"))?;
                    self.hold(&format!("{crate_name}: {name}"), bytes, *max_bytes);
                }
                None => return Err(format!("{crate_name}: not a line of a result: {line}").into()),
            }
        }
        if vectors == 0 {
            Err(format!("{crate_name}: no vector was run").into())
        } else {
            Ok(vectors)
        }
    }

    fn hold(&mut self, what: &str, figure: u64, max_figure: u64) {
        if figure > max_figure {
            self.over_budget.push(format!("{what}: {figure}, the budget is {max_figure}"));
        }
    }

    fn end(self) -> Result<Outcome, Error> {
        if self.over_budget.is_empty() {
            return Ok(Outcome::Ran(self.rows));
        }
        // The table is of use just then.
        print!("{}", super::table::format(&self.rows));
        let over = self.over_budget.join("; ");
        Err(format!("over budget, see xtask/src/targets/cortex_m3/budgets.rs: {over}").into())
    }
}

/// A line that a firmware with vectors prints.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Vectors(u64),
    State { name: &'a str, bytes: u64 },
}

fn read_line(line: &str) -> Option<Line<'_>> {
    let (name, figure) = line.rsplit_once(": ")?;
    let (number, unit) = figure.split_once(' ')?;
    let number = number.parse().ok()?;
    match unit {
        "vectors passed" => Some(Line::Vectors(number)),
        "bytes of state" => Some(Line::State { name, bytes: number }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_firmware_are_read() {
        let line = "examples of RFC 6455, 5.7: 6 vectors passed";
        assert_eq!(read_line(line), Some(Line::Vectors(6)));
        let line = "Connection<Server>: 664 bytes of state";
        assert_eq!(read_line(line), Some(Line::State { name: "Connection<Server>", bytes: 664 }));
        for line in ["", "6 vectors passed", "a: vectors passed", "FAILED: panicked at x: y"] {
            assert_eq!(read_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn what_is_over_its_budget_is_named() {
        let mut findings = Findings::default();
        findings.hold("a: bytes of code", 10, 10);
        assert!(findings.over_budget.is_empty());
        findings.hold("a: bytes of code", 11, 10);
        assert_eq!(findings.over_budget, ["a: bytes of code: 11, the budget is 10"]);
    }

    #[test]
    fn a_type_without_a_budget_is_a_fault() {
        let [budget, ..] = &BUDGETS;
        let vectors = |printed| Findings::default().vectors(printed, budget);
        assert_eq!(vectors("a: 1 vectors passed\nDecoder: 8 bytes of state\n").unwrap(), 1);
        assert!(vectors("a: 1 vectors passed\nUnheardOf: 8 bytes of state\n").is_err());
        assert!(vectors("").is_err() && vectors("a: 1 vectors passed\nFAILED: x\n").is_err());
    }
}
