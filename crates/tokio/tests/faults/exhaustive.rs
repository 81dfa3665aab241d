//! Faults of both kinds at every byte, in every style, and by chance for many seeds.

use tidings_testkit::Faults;

use crate::comparison::{at_side, blocked_at, check_same, for_scenes};
use crate::fatal::{check_ends, check_resets};
use crate::harmless::check_random;
use crate::scene::{large, small};

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_every_byte_in_every_style() {
    for_scenes(small, |scene, base| {
        check_resets(scene, base, 1);
        check_ends(scene, base, 1);
        check_random(scene, base, 0..1_000);
        for len in 1..200 {
            let chopped = Faults::none().reads_of(len).writes_of(len);
            check_same(scene, base, [chopped.clone(), chopped]);
        }
    });
    for_scenes(large, |scene, base| {
        check_resets(scene, base, 1_009);
        check_ends(scene, base, 1_009);
        for side in [0, 1] {
            for call in 0..base.sides()[side].counters.calls() {
                check_same(scene, base, at_side(side, blocked_at(call)));
            }
        }
    });
}

/// Pairs of blocked calls in the whole talk.
#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_every_pair_of_blocked_calls() {
    for_scenes(small, |scene, base| {
        let calls = base.sides().map(|side| side.counters.calls() + 2);
        for first in 0..calls[0] {
            for second in 0..calls[1] {
                check_same(scene, base, [blocked_at(first), blocked_at(second)]);
            }
        }
    });
}
