//! The event stream decoder: the same items whole, as cut by the input and byte by byte, from both
//! storages, with data whole and in parts; and beside a plain reading of the standard.
//!
//! Input: a byte that sets the limits, the cuts, the stream.

use tidings_sse::{Decoder, FixedStorage, Limits};
use tidings_testkit::event_stream::{DataAs, Outcome, interpret};

use crate::cuts::Cuts;

/// Decodes the stream in every way.
pub fn run(data: &[u8]) {
    let Some((settings, mut rest)) = data.split_first() else { return };
    let cuts = Cuts::take(&mut rest);
    let stream = rest;

    without_limits(cuts, stream);
    let max_len = |bits: u8| usize::from(settings >> bits & 3) * 3;
    let limits = Limits::UNBOUNDED
        .max_line_len(8 + 4 * max_len(0))
        .max_data_len(1 + max_len(2))
        .max_event_type_len(1 + max_len(4))
        .max_last_event_id_len(1 + max_len(6))
        .max_comment_len(1 + max_len(4));
    with_limits(limits, cuts, stream);
    fixed_areas_are_limits(cuts, stream);
}

fn without_limits(cuts: Cuts<'_>, stream: &[u8]) {
    let expected = interpret(stream, "");
    // The next stream of the same decoder: the last event ID is all that is left of this one.
    let expected_next = interpret(stream, &expected.last_event_id);
    for (way, slices) in cuts.ways(stream) {
        for data_as in [DataAs::Whole, DataAs::Parts] {
            let mut decoder = data_as.set(Decoder::with_limits(Limits::UNBOUNDED));
            let outcome = Outcome::of(&mut decoder, data_as, &slices);
            assert_eq!(outcome, expected, "{way}, growable, {data_as:?}");
            let next = Outcome::of(&mut decoder, data_as, &slices);
            assert_eq!(next, expected_next, "{way}, again, {data_as:?}");

            let outcome = fixed(Limits::UNBOUNDED, 3 * stream.len(), &slices, data_as);
            assert_eq!(outcome, expected, "{way}, fixed, {data_as:?}");
        }
    }
}

/// A limit is exceeded at the same place wherever the stream is split, and memory makes no
/// difference.
fn with_limits(limits: Limits, cuts: Cuts<'_>, stream: &[u8]) {
    for data_as in [DataAs::Whole, DataAs::Parts] {
        let hear = |slices: &[&[u8]]| {
            Outcome::of(&mut data_as.set(Decoder::with_limits(limits)), data_as, slices)
        };
        let whole = hear(&[stream]);
        for (way, slices) in cuts.ways(stream) {
            assert_eq!(hear(&slices), whole, "{way}, {limits:?}, {data_as:?}");
            let outcome = fixed(limits, 3 * stream.len() + 64, &slices, data_as);
            assert_eq!(outcome, whole, "{way}, fixed, {limits:?}, {data_as:?}");
        }
    }
}

/// An area is a limit of its length.
fn fixed_areas_are_limits(cuts: Cuts<'_>, stream: &[u8]) {
    const LEN: usize = 6;
    let limits = Limits::UNBOUNDED
        .max_data_len(LEN)
        .max_event_type_len(LEN)
        .max_last_event_id_len(LEN)
        .max_comment_len(LEN);
    let data_as = DataAs::Whole;
    let mut decoder = data_as.set(Decoder::with_limits(limits));
    let growable = Outcome::of(&mut decoder, data_as, [stream]);
    for (way, slices) in cuts.ways(stream) {
        let outcome = fixed(Limits::UNBOUNDED, LEN, &slices, data_as);
        assert_eq!(outcome, growable, "{way}, areas of {LEN} bytes");
    }
}

/// Decodes in borrowed areas of this length.
fn fixed(limits: Limits, len: usize, slices: &[&[u8]], data_as: DataAs) -> Outcome {
    let mut data = match data_as {
        DataAs::Whole => vec![0; len],
        DataAs::Parts => Vec::new(),
    };
    let (mut event_type, mut ids, mut comment) = (vec![0; len], vec![0; 3 * len], vec![0; len]);
    let storage = FixedStorage {
        data: &mut data,
        event_type: &mut event_type,
        last_event_id: &mut ids,
        comment: &mut comment,
    };
    Outcome::of(&mut data_as.set(Decoder::with_storage(storage, limits)), data_as, slices)
}
