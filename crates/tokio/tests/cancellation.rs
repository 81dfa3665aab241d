//! Every future of the public API, dropped after each number of polls and then started again:
//! nothing is lost or doubled, and no frame is torn.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step fails the test"
)]

#[allow(dead_code, reason = "shared with faults, which needs another part")]
mod scene;

use scene::{Cut, Run, STYLES, Scene, large, small};
use tidings_testkit::{Faults, Random, for_every_cancellation, for_seeds};

/// A talk in which every other call is dropped takes more polls, but not without end.
const MAX_POLLS: usize = 2_000_000;

/// The talk with these dropped futures goes as without.
fn check_same(scene: &Scene, base: &Run, faults: [Faults; 2], cuts: &[Cut; 2]) {
    let shown = Shown(scene, cuts);
    let run = scene::run(scene, faults, cuts, MAX_POLLS);
    let roles = [scene.caller_is_client, !scene.caller_is_client];
    for ((side, expected), is_client) in run.sides().into_iter().zip(base.sides()).zip(roles) {
        assert!(side.error.is_none(), "{:?}", side.error);
        assert_eq!(side.close_info, expected.close_info);
        assert_eq!(scene::by_kind(&side.received), scene::by_kind(&expected.received));
        let (wire, expected) = (side.wire(is_client), expected.wire(is_client));
        assert!(!wire.is_inside_frame());
        assert_eq!(scene::by_kind(wire.units()), scene::by_kind(expected.units()));
    }
    drop(shown);
}

/// Says which run it was, if it fails.
struct Shown<'a>(&'a Scene, &'a [Cut; 2]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(scene, cuts) = self;
            let (client, style) = (scene.caller_is_client, scene.caller);
            eprintln!("{style:?}, the caller is the client: {client}, {cuts:?}");
        }
    }
}

/// Both roles and all styles, with a frozen clock.
fn for_scenes(new: impl Fn(bool, scene::Style) -> Scene, mut test: impl FnMut(&Scene, &Run)) {
    let clock = scene::stopped_clock();
    let _guard = clock.enter();
    let never = [Cut::never(), Cut::never()];
    for style in STYLES {
        for caller_is_client in [true, false] {
            let scene = new(caller_is_client, style);
            let none = [Faults::none(), Faults::none()];
            test(&scene, &scene::run(&scene, none, &never, MAX_POLLS));
        }
    }
}

/// Bytes come and go a few at a time, and every third call blocks or so.
fn chopped(random: &mut Random) -> [Faults; 2] {
    [(); 2].map(|()| Faults::none().random(Random::new(random.number())))
}

/// Each operation of one side is dropped after this many polls and started again, for every number.
fn check_once(scene: &Scene, base: &Run, seeds: std::ops::Range<u64>) {
    for_seeds(seeds, |random| {
        let faults = chopped(random);
        for side in [0, 1] {
            let runs = for_every_cancellation(|polls| {
                let mut cuts = [Cut::never(), Cut::never()];
                cuts[side] = Cut::once(polls);
                check_same(scene, base, faults.clone(), &cuts);
                cuts[side].cancelled() > 0
            });
            assert!(runs > 2, "hardly a future was ever pending");
        }
    });
}

/// No future of either side is polled more than so often: each is dropped, again and again.
fn check_every(scene: &Scene, base: &Run, seeds: std::ops::Range<u64>) {
    for_seeds(seeds, |random| {
        let faults = chopped(random);
        for polls in 1..6 {
            let cuts = [Cut::every(polls), Cut::every(polls)];
            check_same(scene, base, faults.clone(), &cuts);
            assert!(polls > 1 || cuts[0].cancelled() > 10);
        }
    });
}

/// `recv`, `send`, `flush`, `close`, `recv_reader`, `piece`, the writer's `write` (of
/// `AsyncWrite`) and `finish`, and those of the borrowed and of the owned halves.
#[test]
fn a_future_that_is_dropped_after_any_number_of_polls_changes_nothing() {
    for_scenes(small, |scene, base| check_once(scene, base, 0..1));
}

#[test]
fn futures_that_are_all_dropped_early_change_nothing() {
    for_scenes(small, |scene, base| check_every(scene, base, 0..2));
}

/// Without other faults: writes stop where the transport is full.
#[test]
fn large_messages_are_whole_when_their_futures_are_dropped() {
    for_scenes(large, |scene, base| {
        // The batches of the caller must fit: nobody reads while it writes them.
        let scene = &Scene { room: 160_000, ..scene.clone() };
        let none = || [Faults::none(), Faults::none()];
        for cuts in [
            [Cut::once(1), Cut::never()],
            [Cut::never(), Cut::once(1)],
            [Cut::once(2), Cut::once(1)],
        ] {
            check_same(scene, base, none(), &cuts);
        }
        check_same(scene, base, none(), &[Cut::every(1), Cut::every(1)]);
    });
}

#[test]
#[ignore = "exhaustive: run in release by CI"]
fn exhaustive_every_cancellation_of_many_talks() {
    for_scenes(small, |scene, base| {
        check_once(scene, base, 0..40);
        check_every(scene, base, 0..200);
    });
    for_scenes(large, |scene, base| {
        let scene = &Scene { room: 160_000, ..scene.clone() };
        for len in [4_001, 16_384] {
            let few = || Faults::none().reads_of(len).writes_of(len / 2);
            for polls in 0..12 {
                let once = [Cut::once(polls), Cut::once(polls)];
                check_same(scene, base, [few(), few()], &once);
                let every = [Cut::every(polls + 1), Cut::every(polls + 1)];
                check_same(scene, base, [few(), few()], &every);
            }
        }
    });
}
