//! The whole content of a stream, owned: [`Outcome`].

use tidings_sse::{
    Decoder, EndOfStream, FixedStorage, Item, Limit, LimitExceeded, Limits, MessageEvent,
    ReconnectionTime, Storage,
};

/// An item that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message event. Data that came in parts is joined.
    Event {
        /// The type, `message` if the stream names none.
        event_type: String,
        /// The data.
        data: String,
        /// The last event ID string of the event.
        last_event_id: String,
    },
    /// A comment, without the colon and the space after it.
    Comment(String),
    /// A reconnection time, in milliseconds.
    Retry(u64),
    /// Something was over its limit.
    Overflow(LimitExceeded),
}

/// All items of a stream, and its state at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The items.
    pub heard: Vec<Heard>,
    /// The last event ID string.
    pub last_event_id: String,
    /// The last reconnection time.
    pub reconnection_time_ms: Option<u64>,
    /// The event that was cut by the end of the stream.
    pub end: EndOfStream,
}

/// The form in which data is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataAs {
    /// With its event.
    Whole,
    /// As it comes.
    Parts,
}

impl Heard {
    /// A message event.
    #[must_use]
    pub fn event(event_type: &str, data: &str, last_event_id: &str) -> Self {
        MessageEvent { event_type, data, last_event_id }.into()
    }
}

impl From<MessageEvent<'_>> for Heard {
    fn from(event: MessageEvent<'_>) -> Self {
        Self::Event {
            event_type: event.event_type.to_owned(),
            data: event.data.to_owned(),
            last_event_id: event.last_event_id.to_owned(),
        }
    }
}

/// A decoder in separate memory for short streams, which borrows nothing from a test.
#[must_use]
pub fn decoder() -> Decoder<FixedStorage<'static>> {
    let area = |len| Vec::leak(vec![0; len]);
    let storage = FixedStorage {
        data: area(1024),
        event_type: area(64),
        last_event_id: area(192),
        comment: area(64),
    };
    Decoder::with_storage(storage, Limits::DEFAULT)
}

impl DataAs {
    /// The decoder, set to report data so, and comments.
    #[must_use]
    pub fn set<S: Storage>(self, decoder: Decoder<S>) -> Decoder<S> {
        match self {
            Self::Whole => decoder.report_comments(),
            Self::Parts => decoder.report_comments().report_data_chunks(),
        }
    }
}

impl Outcome {
    /// Hears a decoder out, up to the end of this stream. Data comes whole or in parts, as it was
    /// set, and never the other way.
    pub fn of<S: Storage>(
        decoder: &mut Decoder<S>,
        data_as: DataAs,
        slices: impl IntoIterator<Item: AsRef<[u8]>>,
    ) -> Self {
        let mut heard = Vec::new();
        let mut parts = String::new();
        for slice in slices {
            let mut slice = slice.as_ref();
            while let Some(item) = decoder.decode(&mut slice) {
                heard.push(match item {
                    Item::Event(event) => {
                        assert_eq!(data_as, DataAs::Whole, "{event:?}");
                        event.into()
                    }
                    Item::DataChunk(part) => {
                        assert_eq!(data_as, DataAs::Parts, "{part:?}");
                        assert!(!part.is_empty(), "an empty part");
                        parts.push_str(part);
                        continue;
                    }
                    Item::EventEnd(end) => {
                        assert_eq!(data_as, DataAs::Parts, "{end:?}");
                        Heard::event(end.event_type, &std::mem::take(&mut parts), end.last_event_id)
                    }
                    Item::Comment(text) => Heard::Comment(text.to_owned()),
                    Item::Retry(time) => Heard::Retry(time.as_ms()),
                    Item::Overflow(exceeded) => {
                        if exceeded.limit != Limit::Comment {
                            parts.clear(); // they are void
                        }
                        Heard::Overflow(exceeded)
                    }
                    other => panic!("an item that is not known here: {other:?}"),
                });
            }
            assert!(slice.is_empty(), "None means that all input is taken");
        }
        Self {
            heard,
            last_event_id: decoder.last_event_id().to_owned(),
            reconnection_time_ms: decoder.reconnection_time().map(ReconnectionTime::as_ms),
            end: decoder.finish(),
        }
    }

    /// Only the events.
    #[must_use]
    pub fn events(&self) -> Vec<&Heard> {
        self.heard.iter().filter(|heard| matches!(heard, Heard::Event { .. })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"retry: 5\n: note\nid: 7\nevent: tick\ndata: a\ndata: b\n\ndata: cut";

    #[test]
    fn all_that_a_stream_says_is_heard() {
        let expected = Outcome {
            heard: vec![
                Heard::Retry(5),
                Heard::Comment("note".into()),
                Heard::event("tick", "a\nb", "7"),
            ],
            last_event_id: "7".into(),
            reconnection_time_ms: Some(5),
            end: EndOfStream::InsideEvent { dropped_len: 9 },
        };
        for data_as in [DataAs::Whole, DataAs::Parts] {
            for slices in [vec![STREAM], STREAM.chunks(1).collect()] {
                let mut decoder = data_as.set(decoder());
                assert_eq!(Outcome::of(&mut decoder, data_as, slices), expected, "{data_as:?}");
            }
        }
        assert_eq!(expected.events(), [&expected.heard[2]]);
    }

    #[test]
    #[should_panic(expected = "assertion `left == right` failed")]
    fn data_that_comes_otherwise_than_it_was_set_is_seen() {
        let mut decoder = DataAs::Whole.set(decoder());
        Outcome::of(&mut decoder, DataAs::Parts, [STREAM]);
    }
}
