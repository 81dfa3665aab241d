//! Runs a stream through decoders of every storage, and a plain reading of the standard beside it.
#![allow(dead_code)] // each test binary uses its part

pub(crate) mod oracle;

use tidings_sse::{
    Decoder, EndOfStream, FixedStorage, Item, Limit, LimitExceeded, Limits, ReconnectionTime,
    Storage,
};

/// An item that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Event { event_type: String, data: String, last_event_id: String },
    Comment(String),
    Retry(u64),
    Overflow(LimitExceeded),
}

/// A message event.
pub(crate) fn event(event_type: &str, data: &str, last_event_id: &str) -> Heard {
    Heard::Event {
        event_type: event_type.to_owned(),
        data: data.to_owned(),
        last_event_id: last_event_id.to_owned(),
    }
}

/// All that a stream said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) heard: Vec<Heard>,
    pub(crate) last_event_id: String,
    pub(crate) reconnection_time_ms: Option<u64>,
    pub(crate) end: EndOfStream,
}

impl Outcome {
    /// Only the events.
    pub(crate) fn events(&self) -> Vec<&Heard> {
        self.heard.iter().filter(|heard| matches!(heard, Heard::Event { .. })).collect()
    }
}

/// Decodes with every storage, comments reported, data whole and in parts, and checks that all say
/// the same.
pub(crate) fn decode<'a>(
    limits: Limits,
    slices: impl IntoIterator<Item = &'a [u8]> + Clone,
) -> Outcome {
    let whole = decode_data(limits, slices.clone(), DataAs::Whole);
    let parts = decode_data(limits, slices, DataAs::Parts);
    // Data that gets too long by its U+FFFD is refused as a whole at its blank line, in parts at
    // the part. What else that event goes over is then reported, or no longer.
    let overflow =
        |outcome: &Outcome| outcome.heard.iter().any(|heard| matches!(heard, Heard::Overflow(_)));
    if !overflow(&whole) && !overflow(&parts) {
        assert_eq!(whole, parts, "data in parts");
    }
    whole
}

/// How data is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataAs {
    Whole,
    Parts,
}

/// Decodes with every storage, comments reported, and checks that all say the same.
pub(crate) fn decode_data<'a>(
    limits: Limits,
    slices: impl IntoIterator<Item = &'a [u8]> + Clone,
    data_as: DataAs,
) -> Outcome {
    #[cfg(feature = "alloc")]
    let growable = {
        let decoder = Decoder::with_limits(limits).report_comments();
        listen(decoder, data_as, slices.clone())
    };
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
    let decoder = Decoder::with_storage(storage, limits).report_comments();
    listen(decoder, data_as, slices)
}

/// Hears a decoder out. Data parts are put together; that is how data comes, then, and never else.
pub(crate) fn listen<'a, S: Storage>(
    decoder: Decoder<S>,
    data_as: DataAs,
    slices: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut decoder = match data_as {
        DataAs::Whole => decoder,
        DataAs::Parts => decoder.report_data_parts(),
    };
    let mut heard = Vec::new();
    let mut parts = String::new();
    for mut slice in slices {
        while let Some(item) = decoder.decode(&mut slice) {
            heard.push(match item {
                Item::Event(said) => {
                    assert_eq!(data_as, DataAs::Whole, "{said:?}");
                    event(said.event_type, said.data, said.last_event_id)
                }
                Item::DataPart(part) => {
                    assert_eq!(data_as, DataAs::Parts, "{part:?}");
                    assert!(!part.is_empty());
                    parts.push_str(part);
                    continue;
                }
                Item::EventEnd(end) => {
                    assert_eq!(data_as, DataAs::Parts, "{end:?}");
                    event(end.event_type, &std::mem::take(&mut parts), end.last_event_id)
                }
                Item::Comment(text) => Heard::Comment(text.to_owned()),
                Item::Retry(time) => Heard::Retry(time.as_ms()),
                Item::Overflow(exceeded) => {
                    if exceeded.limit != Limit::Comment {
                        parts.clear(); // they are void
                    }
                    Heard::Overflow(exceeded)
                }
                other => unreachable!("{other:?}"),
            });
        }
        assert!(slice.is_empty(), "None means that all input is consumed");
    }
    Outcome {
        heard,
        last_event_id: decoder.last_event_id().to_owned(),
        reconnection_time_ms: decoder.reconnection_time().map(ReconnectionTime::as_ms),
        end: decoder.finish(),
    }
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
