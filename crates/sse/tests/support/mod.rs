//! Runs a stream through decoders of every storage, data whole and in parts.
#![allow(dead_code)] // each test binary uses its part

use tidings_sse::{Decoder, FixedStorage, Limits, Storage};
use tidings_testkit::event_stream::{DataAs, Heard, Outcome};

/// Decodes with every storage, comments reported, data whole and in parts, and checks that all say
/// the same.
pub(crate) fn decode<'a>(
    limits: Limits,
    slices: impl IntoIterator<Item = &'a [u8]> + Clone,
) -> Outcome {
    let whole = decode_data(limits, slices.clone(), DataAs::Whole);
    let parts = decode_data(limits, slices, DataAs::Parts);
    // Data that gets too long by its U+FFFD is refused as a whole at its blank line, in parts at
    // the part. Other limits that the event exceeds are then reported, or no longer.
    let overflow =
        |outcome: &Outcome| outcome.heard.iter().any(|heard| matches!(heard, Heard::Overflow(_)));
    if !overflow(&whole) && !overflow(&parts) {
        assert_eq!(whole, parts, "data in parts");
    }
    whole
}

/// Decodes with every storage, comments reported, and checks that all say the same.
pub(crate) fn decode_data<'a>(
    limits: Limits,
    slices: impl IntoIterator<Item = &'a [u8]> + Clone,
    data_as: DataAs,
) -> Outcome {
    #[cfg(feature = "alloc")]
    let growable = hear(Decoder::with_limits(limits), data_as, slices.clone());
    let fixed = decode_fixed(limits, slices, data_as);
    #[cfg(feature = "alloc")]
    assert_eq!(growable, fixed, "growable storage beside fixed storage, {data_as:?}");
    fixed
}

fn decode_fixed<'a>(
    limits: Limits,
    slices: impl IntoIterator<Item = &'a [u8]> + Clone,
    data_as: DataAs,
) -> Outcome {
    let stream_len: usize = slices.clone().into_iter().map(<[u8]>::len).sum();
    let mut data = match data_as {
        DataAs::Whole => vec![0; 3 * stream_len], // all U+FFFD
        DataAs::Parts => Vec::new(),
    };
    let (mut event_type, mut ids, mut comment) = ([0; 256], [0; 3 * 1024], [0; 1024]);
    let storage = FixedStorage {
        data: &mut data,
        event_type: &mut event_type,
        last_event_id: &mut ids,
        comment: &mut comment,
    };
    hear(Decoder::with_storage(storage, limits), data_as, slices)
}

fn hear<'a, S: Storage>(
    decoder: Decoder<S>,
    data_as: DataAs,
    slices: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    Outcome::of(&mut data_as.set(decoder), data_as, slices)
}

/// Checks that the outcome is the same for every cut in two and byte by byte, and returns it.
pub(crate) fn decode_at_every_cut(limits: Limits, stream: &[u8]) -> Outcome {
    let whole = decode(limits, [stream]);
    for cut in 0..=stream.len() {
        let (head, tail) = stream.split_at(cut);
        assert_eq!(decode(limits, [head, tail]), whole, "cut at byte {cut} of {stream:?}");
    }
    assert_eq!(decode(limits, stream.chunks(1)), whole, "byte by byte: {stream:?}");
    whole
}
