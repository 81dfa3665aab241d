//! `cargo xtask fuzz`: every target for some seconds. One target is `fuzz/run TARGET`.

use std::process::Command;

use crate::Error;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run each target for this long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    crate::run(Command::new("fuzz/run").args(["all", &arguments.seconds.to_string()]))
}
