//! Runs all contenders of all cases in turns, and prints Markdown tables of the results.
//!
//! `ratios [GROUP]`: the groups are those of `benches/`. Each cell has the nanoseconds per item,
//! and the ratio to the first contender's time. The time is the lower quartile of all turns: other
//! work of the machine can only add to a turn, so the median of many turns would include it, and
//! the minimum would be luck.

#![allow(clippy::indexing_slicing, reason = "a tool on its own data")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tidings_bench::{Case, Contender};

/// The time of one contender in one turn.
const TURN: Duration = Duration::from_micros(500);
const TURNS: usize = 101;
/// The number of times that each case is built again: the position of buffers in memory is luck.
const COPIES: usize = 4;

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    let groups = tidings_bench::GROUPS.map(|(group, _)| group);
    if let Some(unknown) = only.as_deref().filter(|only| !groups.contains(only)) {
        eprintln!("ratios: there is no group {unknown:?}; there are: {}", groups.join(", "));
        return ExitCode::FAILURE;
    }
    let mut spreads = Vec::new();
    for (group, cases) in tidings_bench::GROUPS {
        if only.as_deref().is_some_and(|only| only != group) {
            continue;
        }
        println!("\n### {group}");
        let mut header = Vec::new();
        let mut copies: Vec<_> = (0..COPIES).map(|_| cases().into_iter()).collect();
        loop {
            let mut case: Vec<Case> = copies.iter_mut().filter_map(Iterator::next).collect();
            let Some(Case { name, items, contenders, .. }) = case.first() else { break };
            let names: Vec<_> = contenders.iter().map(|contender| contender.name).collect();
            if header != names {
                println!("\n| ns | {} |", names.join(" | "));
                println!("|---|{}", "---:|".repeat(names.len()));
                header = names;
            }
            let (name, items) = (name.clone(), *items as f64);
            let times = time(&mut case, items);
            println!("| {name} | {} |", cells(&times).join(" | "));
            spreads.extend(times.iter().map(|time| time.quartile / time.least));
        }
    }
    spreads.sort_by(f64::total_cmp);
    let at = |percent: usize| spreads.get(spreads.len() * percent / 100).copied().unwrap_or(1.0);
    println!(
        "\nNoise: lower quartile over least time, {:.2} in the middle, {:.2} at 95 %.",
        at(50),
        at(95)
    );
    ExitCode::SUCCESS
}

/// Each time, and how many times the first it is.
fn cells(times: &[Time]) -> Vec<String> {
    let first = times.first().map_or(f64::NAN, |time| time.quartile);
    let cell = |(i, time): (usize, &Time)| match i {
        0 => shown(time.quartile),
        _ => format!("{} ({:.2}x)", shown(time.quartile), time.quartile / first),
    };
    times.iter().enumerate().map(cell).collect()
}

struct Time {
    quartile: f64,
    least: f64,
}

/// Nanoseconds an item, by contender.
fn time(copies: &mut [Case], items: f64) -> Vec<Time> {
    let mut samples = vec![Vec::with_capacity(COPIES * TURNS); copies[0].contenders.len()];
    for case in copies {
        let rounds: Vec<u32> = case.contenders.iter_mut().map(rounds_per_turn).collect();
        for _ in 0..TURNS {
            for ((contender, rounds), samples) in
                case.contenders.iter_mut().zip(&rounds).zip(&mut samples)
            {
                let start = Instant::now();
                for _ in 0..*rounds {
                    (contender.round)();
                }
                samples.push(start.elapsed().as_nanos() as f64 / (f64::from(*rounds) * items));
            }
        }
    }
    let time = |mut samples: Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        Time { quartile: samples[samples.len() / 4], least: samples[0] }
    };
    samples.into_iter().map(time).collect()
}

/// Returns the number of rounds in about a turn; also warms up.
fn rounds_per_turn(contender: &mut Contender) -> u32 {
    let mut rounds = 1;
    loop {
        let start = Instant::now();
        for _ in 0..rounds {
            (contender.round)();
        }
        if start.elapsed() >= TURN {
            return rounds;
        }
        rounds *= 2;
    }
}

fn shown(nanos: f64) -> String {
    match nanos {
        ..100.0 => format!("{nanos:.1}"),
        _ => format!("{nanos:.0}"),
    }
}
