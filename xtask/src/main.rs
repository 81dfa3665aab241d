//! `cargo xtask`: tasks for the whole project.

#![forbid(unsafe_code)]

mod autobahn;
mod fuzz;
mod instructions;
mod packages;
mod public_api;
mod published;
mod release;
mod soak;
mod targets;
#[cfg(test)]
mod workflows;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Parser, Subcommand};

/// Runs something on the whole project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the Autobahn suite against our servers and clients.
    Autobahn(autobahn::Arguments),
    /// Fuzz every target.
    Fuzz(fuzz::Arguments),
    /// Count the instructions of a message, and compare them with the list.
    Instructions(instructions::Arguments),
    /// Build every package as published, and check its contents.
    Packages(packages::Arguments),
    /// Compare the foreign types in the public APIs with their lists.
    PublicApi(public_api::Arguments),
    /// Check whether a release could be made.
    Release(release::Arguments),
    /// Let honest clients talk beside attackers.
    Soak(soak::Arguments),
    /// Build the libraries for other machines, run their vectors there, and measure them.
    Targets(targets::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Autobahn(arguments) => autobahn::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Instructions(arguments) => instructions::run(&arguments),
        Task::Packages(arguments) => packages::run(&arguments),
        Task::PublicApi(arguments) => public_api::run(&arguments),
        Task::Release(arguments) => release::run(&arguments),
        Task::Soak(arguments) => soak::run(&arguments),
        Task::Targets(arguments) => targets::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

type Error = Box<dyn std::error::Error>;

/// The root of the project.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Returns cargo's target directory.
fn target_directory() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The cargo that runs this.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command in the root of the project.
///
/// # Errors
/// It cannot be run, or failed.
fn run(command: &mut Command) -> Result<(), Error> {
    succeed(command.current_dir(root()))
}

/// Runs a command where it wants to run.
///
/// # Errors
/// It cannot be run, or failed.
fn succeed(command: &mut Command) -> Result<(), Error> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(fault(command, status)),
        Err(error) => Err(fault(command, error)),
    }
}

/// Returns the output of a command that is run in the root of the project.
///
/// # Errors
/// It cannot be run, or failed.
fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    match command.current_dir(root()).stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(fault(command, output.status)),
        Err(error) => Err(fault(command, error)),
    }
}

fn fault(command: &Command, what: impl std::fmt::Display) -> Error {
    format!("{}: {what}", command.get_program().to_string_lossy()).into()
}
