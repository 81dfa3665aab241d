//! One case of `tidings_bench::instructions`, for `cargo xtask instructions` to count.
//!
//! `instructions` prints the names of the cases; `instructions NAME MESSAGES` does that work and
//! prints nothing.

use std::process::ExitCode;

use tidings_bench::instructions::COUNTS;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(wanted) = arguments.next() else {
        COUNTS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let run = COUNTS.iter().find(|(name, _)| *name == wanted).map(|(_, run)| run);
    let messages = arguments.next().and_then(|messages| messages.parse().ok());
    let (Some(run), Some(messages)) = (run, messages) else {
        eprintln!("usage: instructions [NAME MESSAGES]");
        return ExitCode::FAILURE;
    };
    run(messages);
    ExitCode::SUCCESS
}
