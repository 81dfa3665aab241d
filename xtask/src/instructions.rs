//! `cargo xtask instructions`: the number of instructions per message, compared with a list.
//!
//! The work is that of `benches/src/instructions.rs`, counted by `valgrind --tool=callgrind`: once
//! for some messages, once for twice as many. The difference is the cost of the messages alone,
//! without start-up. The counts depend on the code, the compiler and the C library, and hardly on
//! the machine, so the margin is small.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::{Error, cargo, output, root, run as run_command, target_directory};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Count only this case; may be given several times.
    #[arg(long, value_name = "CASE", conflicts_with = "update")]
    only: Vec<String>,
    /// Write the counts to the list, instead of comparing them with it.
    #[arg(long)]
    update: bool,
}

/// The list of expected counts, from the root of the project.
const LIST: &str = "benches/instructions.toml";
/// The head of the list.
const HEAD: &str = "\
# Instructions a message of 16 bytes, counted by callgrind: see benches/src/instructions.rs.
# Written by `cargo xtask instructions --update`.
";
/// The allowed excess over the expected count, in percent.
const MARGIN: u64 = 5;
/// Messages of the first run; the second has twice as many. Whole reads and batches.
const MESSAGES: u64 = 16_000;

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let valgrind = Command::new("valgrind").arg("--version").output();
    valgrind.map_err(|error| format!("valgrind has to be installed: {error}"))?;
    let build = ["build", "--release", "-p", "tidings-bench", "--example", "instructions"];
    run_command(cargo().args(build))?;
    let program = target_directory().join("release/examples/instructions");

    let names = String::from_utf8(output(&mut Command::new(&program))?)?;
    let names: Vec<&str> = names.lines().collect();
    if let Some(unknown) = arguments.only.iter().find(|only| !names.contains(&only.as_str())) {
        return Err(format!("no case {unknown:?}; there are: {}", names.join("; ")).into());
    }
    let expected = if arguments.update { Vec::new() } else { read_list()? };

    let mut list = HEAD.to_owned();
    let mut failures = Vec::new();
    println!("{:<26} {:>8} {:>8}", "instructions a message", "counted", "expected");
    for &name in &names {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|only| only == name) {
            continue;
        }
        let count = count(&program, name)?;
        writeln!(list, "{name:?} = {count}")?;
        let Some((_, expected)) = expected.iter().find(|(of, _)| of == name) else {
            println!("{name:<26} {count:>8}");
            if !arguments.update {
                failures.push(format!("{name} is not in {LIST}"));
            }
            continue;
        };
        let (counted, wanted) = (count as f64, *expected as f64);
        println!(
            "{name:<26} {count:>8} {expected:>8} {:>+7.1} %",
            (counted - wanted) / wanted * 100.0
        );
        if count * 100 > expected * (100 + MARGIN) {
            failures.push(format!("{name}: {count} instructions, {expected} are expected"));
        } else if count * 100 < expected * (100 - MARGIN) {
            println!("  (fewer than expected: keep it so by `cargo xtask instructions --update`)");
        }
    }
    if let Some((gone, _)) = expected.iter().find(|(of, _)| !names.contains(&of.as_str())) {
        failures.push(format!("{gone} is in {LIST} and no longer a case"));
    }
    if arguments.update {
        std::fs::write(root().join(LIST), list)?;
    }
    if failures.is_empty() {
        return Ok(());
    }
    failures.push("if that is meant: cargo xtask instructions --update".to_owned());
    Err(failures.join("\n       ").into())
}

/// The names and counts of the list.
fn read_list() -> Result<Vec<(String, u64)>, Error> {
    let list = std::fs::read_to_string(root().join(LIST))?;
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let read = |line: &str| {
        let (name, count) = line.split_once(" = ")?;
        Some((name.trim_matches('"').to_owned(), count.parse().ok()?))
    };
    lines.map(|line| read(line).ok_or_else(|| format!("{LIST}: {line}").into())).collect()
}

/// Instructions a message.
fn count(program: &Path, name: &str) -> Result<u64, Error> {
    let more = run_counted(program, name, 2 * MESSAGES)?;
    let fewer = run_counted(program, name, MESSAGES)?;
    Ok((more - fewer + MESSAGES / 2) / MESSAGES)
}

/// Instructions of a whole run.
fn run_counted(program: &Path, name: &str, messages: u64) -> Result<u64, Error> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let run = command.arg(program).args([name, &messages.to_string()]).output()?;
    let log = String::from_utf8_lossy(&run.stderr);
    let counted = log.lines().find_map(|line| line.split_once("Collected : "));
    match counted.map(|(_, count)| count.trim().parse()) {
        Some(Ok(count)) if run.status.success() => Ok(count),
        _ => Err(format!("{name}: {}: {log}", run.status).into()),
    }
}
