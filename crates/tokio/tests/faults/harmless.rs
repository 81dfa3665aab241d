//! Faults that change nothing: short and blocked calls, one by one, in pairs and by chance.

use tidings_testkit::{Fault, Faults, Random, Unit, for_seeds};
use tidings_tokio::Message;

use crate::comparison::{at_side, blocked_at, check_same, for_scenes, for_styles};
use crate::scene::{self, Run, Scene, Style, large, short, small};

/// Without faults everything arrives, in order, and both sides close cleanly. That no poll is
/// needed without a wake-up is in the executor.
#[test]
fn the_talk_is_complete_without_faults() {
    for new in [small, large] {
        for_scenes(new, |scene, run| {
            let said: Vec<Unit> = scene
                .steps
                .iter()
                .flat_map(|step| match step {
                    scene::Step::Say(messages) => messages.clone(),
                    scene::Step::Pieces(tidings_tokio::message::MessageKind::Text, pieces) => {
                        vec![Message::text(String::from_utf8(pieces.concat()).unwrap())]
                    }
                    scene::Step::Pieces(_, pieces) => vec![Message::binary(pieces.concat())],
                    scene::Step::Ping(_) => vec![],
                })
                .map(scene::unit)
                .collect();
            for side in run.sides() {
                assert_eq!(scene::by_kind(&side.received)[0], said);
                assert!(side.error.is_none(), "{:?}", side.error);
                let close_info = side.close_info.unwrap();
                assert!(close_info.is_clean());
                assert_eq!((close_info.received.code(), close_info.sent.code()), (4000, 4000));
            }
            let close = [Unit::Close(Some((scene::CODE, scene::REASON.into())))];
            for (side, is_client) in
                [(&run.caller, scene.caller_is_client), (&run.echoer, !scene.caller_is_client)]
            {
                let wire = side.wire(is_client);
                let [messages, pings, pongs, closes] = scene::by_kind(wire.units());
                assert_eq!(messages, said);
                assert_eq!((pings.len(), pongs.len()), (1, 1), "{wire:?}");
                assert_eq!(closes.len(), 1);
                assert!(side.wire(is_client).units().ends_with(&closes));
                if is_client == scene.caller_is_client {
                    assert_eq!(closes, close);
                }
            }
        });
    }
}

/// W-100
#[test]
fn short_reads_and_short_writes_change_nothing() {
    for_scenes(small, |scene, base| {
        for len in [1, 2, 3, 7, 13, 100] {
            for side in [0, 1] {
                check_same(scene, base, at_side(side, Faults::none().reads_of(len)));
                check_same(scene, base, at_side(side, Faults::none().writes_of(len)));
            }
            let chopped = Faults::none().reads_of(len).writes_of(len);
            check_same(scene, base, [chopped.clone(), chopped]);
        }
        let narrow = Scene { room: 200, ..scene.clone() };
        check_same(&narrow, base, at_side(0, Faults::none()));
    });
    for_scenes(large, |scene, base| {
        let chopped = Faults::none().reads_of(9_973).writes_of(4_001);
        check_same(scene, base, [chopped.clone(), chopped]);
    });
}

/// Two tasks at each side, and a transport that is full most of the time. The task that can
/// continue is woken, whichever of the two it is.
#[test]
fn owned_halves_go_on_over_a_narrow_transport() {
    for_styles(&[Style::Split], large, |scene, base| {
        for room in [1_000, 20_011] {
            check_same(&Scene { room, ..scene.clone() }, base, at_side(0, Faults::none()));
        }
    });
}

/// A transport that holds bytes until they are flushed, as TLS does, is flushed whenever something
/// was written; also if the flush is blocked.
#[test]
fn what_is_written_is_flushed() {
    let new =
        |caller_is_client, style| Scene { holds_back: true, ..small(caller_is_client, style) };
    for_scenes(new, |scene, base| {
        for side in [0, 1] {
            for call in 0..base.sides()[side].counters.calls() {
                check_same(scene, base, at_side(side, blocked_at(call)));
            }
            check_same(scene, base, at_side(side, Faults::none().writes_of(7)));
        }
    });
}

/// As many polls more as there are blocked calls, at most twice in two tasks.
#[test]
fn a_blocked_call_changes_nothing_wherever_it_is() {
    for_scenes(small, |scene, base| {
        for side in [0, 1] {
            for call in 0..base.sides()[side].counters.calls() {
                let run = check_same(scene, base, at_side(side, blocked_at(call)));
                let more: usize = run.sides().map(|side| side.polls).iter().sum();
                let polls: usize = base.sides().map(|side| side.polls).iter().sum();
                assert!(more <= polls + 4, "{call}: {more} polls in place of {polls}");
            }
        }
    });
}

#[test]
fn a_pair_of_blocked_calls_changes_nothing() {
    for_scenes(short, |scene, base| {
        let calls = base.sides().map(|side| side.counters.calls() + 2);
        for first in 0..calls[0] {
            for second in 0..calls[1] {
                check_same(scene, base, [blocked_at(first), blocked_at(second)]);
            }
        }
        for side in [0, 1] {
            for first in 0..calls[side] {
                for second in first + 1..calls[side] {
                    let faults = blocked_at(first).at(second, Fault::Block);
                    check_same(scene, base, at_side(side, faults));
                }
            }
        }
    });
}

/// All of these at random and at once.
#[test]
fn chance_changes_nothing() {
    for_scenes(small, |scene, base| check_random(scene, base, 0..6));
}

pub(crate) fn check_random(scene: &Scene, base: &Run, seeds: std::ops::Range<u64>) {
    for_seeds(seeds, |random| {
        let faults = [(); 2].map(|()| Faults::none().random(Random::new(random.number())));
        check_same(scene, base, faults);
    });
}
