//! Many clients that lose their server at once do not come back at once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tidings_reconnect::{Next, Policy, Reason, Reconnect, Timestamp};

const CLIENTS: usize = 10_000;

/// A server's reaction to an attempt, `second` seconds after it was killed.
type Server<'a> = &'a mut dyn FnMut(u64) -> Result<(), Reason>;

/// The times in milliseconds of all attempts within `end`, and how many clients got in.
fn storm(reason: Reason, end: Duration, server: Server<'_>, jitter: bool) -> (Vec<u64>, usize) {
    let mut random = 0x9E37_79B9_7F4A_7C15;
    let mut next_random = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if jitter { random } else { u64::MAX / 2 }
    };
    let mut clients = vec![Reconnect::new(Policy::websocket()); CLIENTS];
    let mut attempts = BinaryHeap::new();
    let mut fail = |clients: &mut [Reconnect],
                    attempts: &mut BinaryHeap<_>,
                    id: usize,
                    now: Timestamp,
                    why| {
        match clients[id].failed(now, why, next_random()) {
            Next::Wait(wait) => attempts.push(Reverse((now.after(wait), id))),
            Next::GiveUp(why) => panic!("{why}"),
        }
    };
    let killed_at = Timestamp::from_epoch(Duration::from_secs(3600));
    for id in 0..CLIENTS {
        clients[id].connected(Timestamp::default());
        fail(&mut clients, &mut attempts, id, killed_at, reason);
    }
    let (mut times, mut connected) = (Vec::new(), 0);
    while let Some(Reverse((now, id))) = attempts.pop() {
        let since_kill = now.since(killed_at);
        if since_kill >= end {
            break;
        }
        times.push(u64::try_from(since_kill.as_millis()).unwrap());
        match server(since_kill.as_secs()) {
            Ok(()) => connected += 1,
            Err(reason) => fail(&mut clients, &mut attempts, id, now, reason),
        }
    }
    (times, connected)
}

/// The most attempts in any 1 s, as a multiple of the mean of the `window_ms` around it.
fn worst_ratio(times: &[u64], from_ms: u64, to_ms: u64, window_ms: u32) -> f64 {
    let count = |from: u64, to: u64| {
        let before = |limit| times.partition_point(|time| *time < limit);
        f64::from(u32::try_from(before(to) - before(from)).unwrap())
    };
    let mut worst = 0.0f64;
    let (window_len, window_ms) = (f64::from(window_ms), u64::from(window_ms));
    for start in (from_ms..to_ms - window_ms).step_by(100) {
        let mean = count(start, start + window_ms) * 1000.0 / window_len;
        for second in (start..=start + window_ms - 1000).step_by(100) {
            worst = worst.max(count(second, second + 1000) / mean);
        }
    }
    worst
}

/// W-113: the first window is filled evenly.
#[test]
fn first_attempts_are_spread_over_five_seconds() {
    let mut seen = 0;
    let mut down = |_| {
        seen += 1;
        if seen <= CLIENTS { Ok(()) } else { Err(Reason::Disconnected) }
    };
    let (times, connected) = storm(Reason::Disconnected, Duration::from_secs(60), &mut down, true);
    assert_eq!((times.len(), connected), (CLIENTS, CLIENTS));
    for second in 0..5 {
        let count = times.iter().filter(|time| **time / 1000 == second).count();
        assert!((1800..2200).contains(&count), "{count} in second {second}");
    }
}

/// While the server is down, no second sees more than twice the attempts of its time.
#[test]
fn attempts_on_a_dead_server_do_not_bunch() {
    let mut down = |_| Err(Reason::Disconnected);
    let (times, _) = storm(Reason::Disconnected, Duration::from_secs(300), &mut down, true);
    let worst = worst_ratio(&times, 0, 300_000, 5_000);
    assert!(worst <= 2.0, "{worst}");
    // And it becomes quiet: one attempt of each client in half a minute.
    let late = times.iter().filter(|time| **time >= 240_000).count();
    assert!((18_000..22_000).contains(&late), "{late} attempts in the last minute");
    let first = times.iter().filter(|time| **time < 10_000).count();
    assert!(first < 3 * CLIENTS, "{first} attempts in the first ten seconds");

    // The check can fail: the same clients without randomness.
    let (times, _) = storm(Reason::Disconnected, Duration::from_secs(300), &mut down, false);
    assert!(worst_ratio(&times, 0, 300_000, 5_000) >= 4.0);
}

/// A server that says 1012, is away for ten seconds, and then takes 500 a second has
/// all of them back within two minutes.
#[test]
fn all_are_back_within_two_minutes_of_a_restart() {
    let (mut second_now, mut accepted) = (0, 0);
    let mut restarting = |second: u64| {
        if second < 10 {
            return Err(Reason::Disconnected);
        }
        if second != second_now {
            (second_now, accepted) = (second, 0);
        }
        accepted += 1;
        let retry_after = None;
        if accepted <= 500 { Ok(()) } else { Err(Reason::Refused { status: 503, retry_after }) }
    };
    let (times, connected) =
        storm(Reason::Closed(1012), Duration::from_secs(120), &mut restarting, true);
    assert_eq!(connected, CLIENTS);
    assert!(times.iter().all(|time| *time >= 5_000), "never at once");
    assert!(times.len() < 3 * CLIENTS, "{} attempts", times.len());
}
