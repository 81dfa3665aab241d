//! `cargo xtask autobahn`: the Autobahn suite, unmodified, against our servers and our clients.
//!
//! The suite itself is not part of this project. The variable `AUTOBAHN` names a directory that has
//! three programs for it: `setup.sh HOME` installs the suite into a directory, `run-client.sh` runs
//! the fuzzing client against a server, `run-server.sh` the fuzzing server against a client. Both
//! print a table and exit with 0 if nothing failed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::builder::PossibleValuesParser;

use crate::{Error, root, run as run_command, target_directory};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// All 517 cases; without it, those that take seconds.
    #[arg(long)]
    full: bool,
    /// Only one of the testees.
    #[arg(long, value_name = "TESTEE", value_parser = PossibleValuesParser::new(TESTEES.map(|(name, _)| name)))]
    only: Option<String>,
}

/// Our examples, and whether each is a server.
const TESTEES: [(&str, bool); 4] = [
    ("autobahn_server", true),
    ("autobahn_client", false),
    ("blocking_autobahn_server", true),
    ("blocking_autobahn_client", false),
];

/// Cases that are run together. Compression takes minutes, and there everything has to be exact.
struct Round {
    name: &'static str,
    options: &'static [&'static str],
    only_full: bool,
}

const ROUNDS: [Round; 4] = [
    // These have time limits of half a second, so a failed one is tried once more. 3.4 and 4.1.5
    // are races by design: the machine decides whether the echo before the fault is sent first.
    Round {
        name: "protocol",
        options: &["--exclude", "9.*,12.*,13.*", "--retry", "1"],
        only_full: false,
    },
    Round { name: "large", options: &["--cases", "9.*", "--strict"], only_full: false },
    Round { name: "deflate", options: &["--cases", "12.*", "--strict"], only_full: true },
    Round {
        name: "deflate-parameters",
        options: &["--cases", "13.*", "--strict"],
        only_full: true,
    },
];

const HELP: &str = "the variable AUTOBAHN has to name a directory with the suite's programs \
    setup.sh, run-client.sh and run-server.sh; this project does not bring the suite. Or run the \
    suite by any other way: `cargo run --release -p tidings-tokio --all-features --example \
    autobahn_server -- 127.0.0.1:9001` is the server to test, `... --example autobahn_client -- \
    ws://127.0.0.1:9001 AGENT` the client";

/// Fast code with every check on.
const PROFILE: &str = "checked";

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let suite = std::env::var_os("AUTOBAHN").map(|suite| root().join(suite));
    let suite = suite.filter(|suite| suite.join("setup.sh").is_file()).ok_or(HELP)?;
    let reports = target_directory().join("autobahn");
    let home = reports.join("home");
    run_command(Command::new(suite.join("setup.sh")).arg(&home))?;
    for package in ["tidings-tokio", "tidings-std"] {
        let build = ["build", "--profile", PROFILE, "--all-features", "--examples", "-p", package];
        run_command(crate::cargo().args(build))?;
    }
    let mut failed = Vec::new();
    for (testee, is_server) in TESTEES {
        if arguments.only.as_deref().is_some_and(|only| only != testee) {
            continue;
        }
        for round in ROUNDS.iter().filter(|round| arguments.full || !round.only_full) {
            println!("\n== {testee}, {}", round.name);
            let report = reports.join(testee).join(round.name);
            let done = if is_server {
                against_server(&suite, &home, testee, round, &report)
            } else {
                against_client(&suite, &home, testee, round, &report)
            };
            if let Err(error) = done {
                println!("{error}");
                failed.push(format!("{testee}, {}", round.name));
            }
        }
    }
    println!("\nreports: {}", reports.display());
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join("; ")).into()) }
}

fn against_server(
    suite: &Path,
    home: &Path,
    testee: &str,
    round: &Round,
    report: &Path,
) -> Result<(), Error> {
    let mut server = Server::start(testee)?;
    let mut command = Command::new(suite.join("run-client.sh"));
    command.arg("--home").arg(home).arg("--out").arg(report).args(["--agent", testee]);
    let done = run_command(command.args(round.options).arg(&server.url));
    match server.process.try_wait()? {
        Some(status) => Err(format!("{testee} ended by itself: {status}").into()),
        None => done,
    }
}

fn against_client(
    suite: &Path,
    home: &Path,
    testee: &str,
    round: &Round,
    report: &Path,
) -> Result<(), Error> {
    let mut command = Command::new(suite.join("run-server.sh"));
    command.arg("--home").arg(home).arg("--out").arg(report).args(["--agent", testee]);
    command.args(round.options).arg("--").arg(program(testee)).args(["{url}", "{agent}"]);
    run_command(&mut command)
}

fn program(testee: &str) -> PathBuf {
    target_directory().join(PROFILE).join("examples").join(testee)
}

/// A server of ours that runs until this is dropped.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts it at a free port, which it prints.
    fn start(testee: &str) -> Result<Self, Error> {
        let mut command = Command::new(program(testee));
        let mut process = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        // Its output about each connection is not wanted, and must not fill the pipe.
        std::thread::spawn(move || {
            let mut line = String::new();
            while matches!(output.read_line(&mut line), Ok(1..)) {
                line.clear();
            }
        });
        let url = line.split_whitespace().find(|word| word.starts_with("ws://"));
        let url = url.ok_or("the server does not say where it listens")?;
        Ok(Self { process, url: url.trim_end_matches('/').to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It does not end by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
