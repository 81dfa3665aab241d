//! `cargo xtask`: what is run on the whole project.

#![forbid(unsafe_code)]

mod autobahn;
mod fuzz;
mod packages;
mod public_api;
mod published;
mod soak;
mod targets;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

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
    /// Build every package as published, and look at what it holds.
    Packages(packages::Arguments),
    /// Hold the types of other crates that the public APIs show against their lists.
    PublicApi(public_api::Arguments),
    /// Let honest clients talk beside attackers.
    Soak(soak::Arguments),
    /// Build the libraries for other machines, run their vectors there, and measure them.
    Targets(targets::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Autobahn(arguments) => autobahn::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Packages(arguments) => packages::run(&arguments),
        Task::PublicApi(arguments) => public_api::run(&arguments),
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

/// Where cargo puts what it builds.
fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a command in the root of the project.
///
/// # Errors
/// It can't be run, or did not end well.
fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.current_dir(root()).status();
    let program = command.get_program().to_string_lossy().into_owned();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}").into()),
        Err(error) => Err(format!("{program}: {error}").into()),
    }
}
