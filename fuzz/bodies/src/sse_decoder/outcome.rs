//! All that a stream said, owned.

use tidings_sse::{
    Decoder, EndOfStream, Item, Limit, LimitExceeded, MessageEvent, ReconnectionTime, Storage,
};

/// An item that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Event { event_type: String, data: String, last_event_id: String },
    Comment(String),
    Retry(u64),
    Overflow(LimitExceeded),
}

/// All items, and what is known at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) heard: Vec<Heard>,
    pub(crate) last_event_id: String,
    pub(crate) reconnection_time_ms: Option<u64>,
    pub(crate) end: EndOfStream,
}

/// How data is reported.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DataAs {
    Whole,
    Parts,
}

impl DataAs {
    /// A decoder that reports data so, and comments.
    pub(crate) fn set<S: Storage>(self, decoder: Decoder<S>) -> Decoder<S> {
        match self {
            Self::Whole => decoder.report_comments(),
            Self::Parts => decoder.report_comments().report_data_parts(),
        }
    }
}

impl Heard {
    pub(crate) fn event(event_type: &str, data: &str, last_event_id: &str) -> Self {
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

impl Outcome {
    /// Hears a decoder out. Data parts are put together.
    pub(crate) fn of<S: Storage>(decoder: &mut Decoder<S>, slices: &[&[u8]]) -> Self {
        let mut heard = Vec::new();
        let mut parts = String::new();
        for slice in slices {
            let mut input = *slice;
            while let Some(item) = decoder.decode(&mut input) {
                heard.push(match item {
                    Item::Event(event) => event.into(),
                    Item::DataPart(part) => {
                        assert!(!part.is_empty(), "an empty part");
                        parts.push_str(part);
                        continue;
                    }
                    Item::EventEnd(end) => {
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
                    other => panic!("an item that this target does not know: {other:?}"),
                });
            }
            assert!(input.is_empty(), "all input is taken");
        }
        Self {
            heard,
            last_event_id: decoder.last_event_id().to_owned(),
            reconnection_time_ms: decoder.reconnection_time().map(ReconnectionTime::as_ms),
            end: decoder.finish(),
        }
    }
}
