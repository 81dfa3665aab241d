//! The talk with faults beside the same talk without.

use std::io::ErrorKind;

use tidings_testkit::{Fault, Faults};
use tidings_tokio::Error;

use crate::scene::{self, Cut, Report, Run, STYLES, Scene, Style, is_beginning};

/// More polls than any talk needs, however its bytes are chopped.
pub(crate) const MAX_POLLS: usize = 20_000;

fn run(scene: &Scene, faults: [Faults; 2]) -> Run {
    scene::run(scene, faults, &[Cut::never(), Cut::never()], MAX_POLLS)
}

fn whole(scene: &Scene) -> Run {
    run(scene, [Faults::none(), Faults::none()])
}

/// The faults of one side.
pub(crate) fn at_side(side: usize, faults: Faults) -> [Faults; 2] {
    let mut both = [Faults::none(), Faults::none()];
    both[side] = faults;
    both
}

pub(crate) fn blocked_at(call: u64) -> Faults {
    Faults::none().at(call, Fault::Block)
}

/// Both roles and all styles, with a frozen clock.
pub(crate) fn for_scenes(new: impl Fn(bool, Style) -> Scene, test: impl FnMut(&Scene, &Run)) {
    for_styles(&STYLES, new, test);
}

pub(crate) fn for_styles(
    styles: &[Style],
    new: impl Fn(bool, Style) -> Scene,
    mut test: impl FnMut(&Scene, &Run),
) {
    let clock = scene::stopped_clock();
    let _guard = clock.enter();
    for &style in styles {
        for caller_is_client in [true, false] {
            let scene = new(caller_is_client, style);
            test(&scene, &whole(&scene));
        }
    }
}

/// The talk with these faults goes as without them.
pub(crate) fn check_same(scene: &Scene, base: &Run, faults: [Faults; 2]) -> Run {
    let shown = Shown(scene, faults.clone());
    let run = run(scene, faults);
    for (side, expected) in run.sides().into_iter().zip(base.sides()) {
        assert!(side.error.is_none(), "{:?}", side.error);
        assert_eq!(side.close_info, expected.close_info);
        assert_eq!(scene::by_kind(&side.received), scene::by_kind(&expected.received));
    }
    for (is_caller, side, expected) in
        [(true, &run.caller, &base.caller), (false, &run.echoer, &base.echoer)]
    {
        let is_client = is_caller == scene.caller_is_client;
        let (wire, expected) = (side.wire(is_client), expected.wire(is_client));
        assert!(!wire.is_inside_frame());
        assert_eq!(scene::by_kind(wire.units()), scene::by_kind(expected.units()));
    }
    drop(shown);
    run
}

/// The talk with these faults goes as without them up to some point, and then both sides know.
pub(crate) fn check_cut_short(scene: &Scene, base: &Run, faults: [Faults; 2], legal: &[ErrorKind]) {
    let shown = Shown(scene, faults.clone());
    let run = run(scene, faults);
    for (is_caller, side, peer, expected) in [
        (true, &run.caller, &run.echoer, &base.caller),
        (false, &run.echoer, &run.caller, &base.echoer),
    ] {
        let is_client = is_caller == scene.caller_is_client;
        assert!(is_beginning(&side.received, &expected.received), "{:?}", side.received);
        let wire = side.wire(is_client);
        assert!(is_beginning(wire.units(), expected.wire(is_client).units()), "{wire:?}");
        // Every reported message had arrived completely.
        assert!(is_beginning(&side.received, peer.wire(!is_client).units()));
        check_end(side, legal);
    }
    drop(shown);
}

/// A clean end, or an error of the transport.
fn check_end(side: &Report, legal: &[ErrorKind]) {
    match &side.error {
        None => assert!(side.close_info.unwrap().is_clean(), "no error and not clean: {side:?}"),
        Some(Error::Io(error)) => {
            let kind = error.kind();
            assert!(legal.contains(&kind), "{error:?}");
            // The end of the transport may find one whose handshake is done already.
        }
        Some(other) => panic!("not an error of the transport: {other:?}"),
    }
}

pub(crate) const GONE: &[ErrorKind] =
    &[ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof, ErrorKind::BrokenPipe];

/// Says which run it was, if it fails.
struct Shown<'a>(&'a Scene, [Faults; 2]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(scene, faults) = self;
            let (client, style) = (scene.caller_is_client, scene.caller);
            eprintln!("{style:?}, the caller is the client: {client}, faults {faults:?}");
        }
    }
}
