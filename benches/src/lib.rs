//! The cost of the leaf crates compared with their peers, in one run.
//!
//! Each module is one group of [`Case`]s; a case is one piece of work, done by each of its
//! [`Contender`]s, ours first. The harnesses know nothing else: `benches/` times one contender
//! after the other with criterion ([`run`]), `examples/ratios.rs` times them in turns and prints
//! tables of ratios.
//!
//! No contender is timed before its output was compared with the corpus, byte by byte, and each
//! timed round is counted again ([`check::contender`]).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the input is our own: what is unexpected must stop the run"
)]

pub mod check;
pub mod corpus;
pub mod frame_decode;
pub mod frame_encode;
pub mod handshake;
pub mod instructions;
pub mod mask;
pub mod pipe;
pub mod sse_decode;
pub mod sse_encode;
pub mod utf8;

use std::fmt;
use std::time::Duration;

use criterion::{Criterion, Throughput};

/// One piece of work and its contenders.
#[derive(Debug)]
pub struct Case {
    /// The operation, such as `binary 16 B`.
    pub name: String,
    /// The number of items in one round: messages, events, calls.
    pub items: u64,
    /// Bytes of payload in one round.
    pub bytes: u64,
    /// The contenders. Ratios are to the first.
    pub contenders: Vec<Contender>,
}

/// One implementation, ready to do the same round any number of times.
pub struct Contender {
    /// Its name in the tables.
    pub name: &'static str,
    /// Does one round.
    pub round: Box<dyn FnMut()>,
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contender").field(&self.name).finish()
    }
}

/// A group's name and the function that makes its cases.
pub type Group = (&'static str, fn() -> Vec<Case>);

/// All groups.
pub const GROUPS: [Group; 7] = [
    ("mask", mask::cases),
    ("utf8", utf8::cases),
    ("frame_decode", frame_decode::cases),
    ("frame_encode", frame_encode::cases),
    ("handshake", handshake::cases),
    ("sse_decode", sse_decode::cases),
    ("sse_encode", sse_encode::cases),
];

/// Times a group with criterion. The body of each bench.
pub fn run((name, cases): Group) {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    for mut case in cases() {
        let mut group = criterion.benchmark_group(format!("{name}/{}", case.name));
        group.throughput(Throughput::Bytes(case.bytes));
        for contender in &mut case.contenders {
            group.bench_function(contender.name, |bencher| bencher.iter(&mut contender.round));
        }
        group.finish();
    }
    criterion.final_summary();
}

#[cfg(test)]
mod tests {
    /// Making a case compares all output, and a round counts it.
    #[test]
    fn all_contenders_do_the_same_work() {
        for (_, cases) in super::GROUPS {
            for mut contender in cases().into_iter().flat_map(|case| case.contenders) {
                (contender.round)();
            }
        }
    }
}
