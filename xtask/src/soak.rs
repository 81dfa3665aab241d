//! `cargo xtask soak`: honest clients together with attackers of every kind, on one server. The
//! documentation of the example has the conditions.

use crate::Error;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The duration: half of it quiet, half under attack.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// The number of honest clients. Each takes two file descriptors.
    #[arg(long, default_value_t = 5000)]
    connections: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let example = ["run", "--release", "-p", "tidings-tokio", "--example", "soak", "--"];
    let numbers = [arguments.minutes.to_string(), arguments.connections.to_string()];
    crate::run(crate::cargo().args(example).args(numbers))
}
