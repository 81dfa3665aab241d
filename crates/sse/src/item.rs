//! The items of a decoder.

#[cfg(feature = "alloc")]
use alloc::{borrow::ToOwned, string::String};

use crate::{LimitExceeded, ReconnectionTime};

/// The next thing that the stream says, borrowed until the decoder is called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// An event was dispatched.
    Event(MessageEvent<'a>),
    /// A chunk of the data of the open event, never empty. Only after
    /// [`Decoder::report_data_chunks`](crate::Decoder::report_data_chunks), and then instead of
    /// [`Item::Event`]. The chunks of an event, one after the other, are its data.
    DataChunk(&'a str),
    /// The event whose data came as [`Item::DataChunk`] is complete and dispatched. An event whose
    /// data is empty has no chunks, only this.
    EventEnd(EventEnd<'a>),
    /// A comment, without its colon and without one space after it. Only with
    /// [`Decoder::report_comments`](crate::Decoder::report_comments).
    Comment(&'a str),
    /// A line whose field has no meaning in the standard, as it stands in the stream. Only after
    /// [`Decoder::report_unknown_fields`](crate::Decoder::report_unknown_fields).
    UnknownField(&'a str),
    /// The server set the reconnection time. It counts at once, whatever becomes of the event that
    /// it stands in.
    Retry(ReconnectionTime),
    /// The stream went over a limit.
    ///
    /// The event that did so is skipped up to its blank line, and nothing more is reported of it;
    /// chunks of its data that were delivered are void. Its `id` and `retry` fields still count, so
    /// that a reconnection does not fetch it again. For [`Limit::Comment`](crate::Limit::Comment)
    /// just the comment is skipped.
    Overflow(LimitExceeded),
}

/// An event, with the three attributes that the standard's `MessageEvent` takes from the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageEvent<'a> {
    /// The event type, `message` if the stream named none.
    pub event_type: &'a str,
    /// The data, lines joined with LF.
    pub data: &'a str,
    /// The last event ID string of the stream at this event. Empty if there is none.
    pub last_event_id: &'a str,
}

/// The parts of an event that are known at its end, if its data was delivered in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventEnd<'a> {
    /// The event type, `message` if the stream named none.
    pub event_type: &'a str,
    /// The last event ID string of the stream at this event. Empty if there is none.
    pub last_event_id: &'a str,
}

/// A [`MessageEvent`] that owns its text.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnedMessageEvent {
    /// The event type, `message` if the stream named none.
    pub event_type: String,
    /// The data, lines joined with LF.
    pub data: String,
    /// The last event ID string of the stream at this event. Empty if there is none.
    pub last_event_id: String,
}

#[cfg(feature = "alloc")]
impl MessageEvent<'_> {
    /// Copies the event, to keep it longer than the decoder does.
    #[must_use]
    pub fn into_owned(self) -> OwnedMessageEvent {
        OwnedMessageEvent {
            event_type: self.event_type.to_owned(),
            data: self.data.to_owned(),
            last_event_id: self.last_event_id.to_owned(),
        }
    }
}

#[cfg(feature = "alloc")]
impl OwnedMessageEvent {
    /// Borrows the event.
    #[must_use]
    pub fn as_event(&self) -> MessageEvent<'_> {
        MessageEvent {
            event_type: &self.event_type,
            data: &self.data,
            last_event_id: &self.last_event_id,
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;

    #[test]
    fn an_owned_event_is_what_it_was_made_of() {
        let event = MessageEvent { event_type: "tick", data: "a\nb", last_event_id: "7" };
        assert_eq!(event.into_owned().as_event(), event);
    }
}
