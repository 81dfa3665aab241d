//! `cargo xtask targets`: the libraries on machines other than this one. Each target builds a
//! program, runs its vectors there, and measures it; a table shows the results.
//!
//! One target is one file of `targets/` and one line of [`TARGETS`].

mod compiler;
mod cortex_m3;
mod foreign;
mod link;
mod table;
mod wasm;

use crate::Error;
use table::Row;

/// The targets that can be chosen by name.
const TARGETS: &[Target] = &[
    Target { name: "cortex-m3", run: cortex_m3::run },
    Target { name: "link", run: link::run },
    Target { name: "foreign", run: foreign::run },
    Target { name: "wasm", run: wasm::run },
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Treat a missing tool for a target as an error instead of printing a warning.
    #[arg(long)]
    strict: bool,
    /// Run this target alone; may be given several times.
    #[arg(long, value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(names()))]
    only: Vec<String>,
}

/// A kind of machine on which the libraries run.
struct Target {
    name: &'static str,
    run: fn() -> Result<Outcome, Error>,
}

/// The outcome of a target. A failure is an [`Error`] instead.
enum Outcome {
    /// It was built, all vectors passed, and all figures are within their budgets.
    Ran(Vec<Row>),
    /// This machine lacks a tool. The text names it, and how to get it.
    Skipped(String),
}

/// Runs the targets one after another. One that fails does not keep the others from running.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for target in TARGETS.iter().filter(|target| is_wanted(target, &arguments.only)) {
        let name = target.name;
        eprintln!("xtask: target {name}");
        match (target.run)() {
            Ok(Outcome::Ran(ran)) => rows.extend(ran),
            Ok(Outcome::Skipped(reason)) if arguments.strict => {
                failures.push(format!("{name}: could not run: {reason}"));
            }
            Ok(Outcome::Skipped(reason)) => {
                eprintln!("xtask: ***** SKIPPED: {name} was NOT built and NOT run: {reason} *****");
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    if !rows.is_empty() {
        print!("{}", table::format(&rows));
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n       ").into()) }
}

fn names() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|target| target.name)
}

fn is_wanted(target: &Target, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|name| name == target.name)
}
