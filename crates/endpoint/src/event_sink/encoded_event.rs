//! An event in its encoded form, encoded once for all receivers: [`EncodedEvent`].

use std::fmt;
use std::ops::Range;
use std::str::Utf8Error;
use std::sync::Arc;

use bytes::Bytes;
use tidings_sse::{Event, OwnedEvent};

/// An encoded event. A clone shares all of it.
///
/// ```
/// use tidings_endpoint::event_sink::EncodedEvent;
/// use tidings_endpoint::event_sink::sse::{Event, EventId};
///
/// let event = EncodedEvent::from(Event::new().id(EventId::new("7")?).data("21 °C"));
/// assert_eq!(event.as_bytes(), "id: 7\ndata: 21 °C\n\n");
/// assert_eq!(event.id(), Some("7"));
/// # Ok::<(), tidings_endpoint::event_sink::sse::InvalidField>(())
/// ```
#[derive(Clone)]
pub struct EncodedEvent(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    bytes: Bytes,
    /// The range of the value of the `id` field in `bytes`.
    id: Option<Range<usize>>,
    has_data: bool,
    key: Option<Box<str>>,
}

impl EncodedEvent {
    /// Encodes an event.
    #[must_use]
    pub fn new(event: &Event<'_>) -> Self {
        let mut encoded = Vec::with_capacity(event.encoded_len());
        event.append_to(&mut encoded);
        let Fields { id, has_data } = Fields::of(&encoded);
        Self(Arc::new(Parts { bytes: encoded.into(), id, has_data, key: None }))
    }

    /// Creates an event that has only data.
    #[must_use]
    pub fn text(data: &str) -> Self {
        Self::new(&Event::new().data(data))
    }

    /// Creates an event that has only data, from bytes that should be UTF-8, such as [`Bytes`].
    ///
    /// # Errors
    /// It is not.
    pub fn utf8(data: &[u8]) -> Result<Self, Utf8Error> {
        std::str::from_utf8(data).map(Self::text)
    }

    /// Creates an event whose data is `value` as JSON. `event` has the other parts; its data is
    /// replaced.
    ///
    /// ```
    /// use tidings_endpoint::event_sink::EncodedEvent;
    /// use tidings_endpoint::event_sink::sse::{Event, EventType};
    ///
    /// let point = Event::new().event_type(EventType::new("point")?);
    /// let event = EncodedEvent::json(point, &[1, 2])?;
    /// assert_eq!(event.as_bytes(), "event: point\ndata: [1,2]\n\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// serde cannot write the value.
    #[cfg(feature = "json")]
    pub fn json(
        event: Event<'_>,
        value: &(impl serde::Serialize + ?Sized),
    ) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|data| Self::new(&event.data(&data)))
    }

    /// With a key: under [`WhenFull::LatestByKey`](super::WhenFull::LatestByKey), a later event with
    /// the same key replaces this one.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).key = Some(key.into());
        self
    }

    /// The bytes of the event, with the blank line at its end.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// The event ID, if the event sets one; the empty ID resets the client's last event ID.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let id = self.0.bytes.get(self.0.id.clone()?).map(std::str::from_utf8);
        debug_assert!(matches!(id, Some(Ok(_))), "it stands there, as text");
        id?.ok()
    }

    /// Returns the key set by [`with_key`](Self::with_key).
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Returns whether a client dispatches an event: without data, none.
    pub(super) fn has_data(&self) -> bool {
        self.0.has_data
    }

    /// The length of [`id`](Self::id) in bytes; 0 without one.
    pub(super) fn id_len(&self) -> usize {
        self.0.id.as_ref().map_or(0, Range::len)
    }

    pub(super) fn len(&self) -> usize {
        self.0.bytes.len()
    }
}

impl From<Event<'_>> for EncodedEvent {
    fn from(event: Event<'_>) -> Self {
        Self::new(&event)
    }
}

impl From<&OwnedEvent> for EncodedEvent {
    fn from(event: &OwnedEvent) -> Self {
        Self::new(&event.as_event())
    }
}

impl From<OwnedEvent> for EncodedEvent {
    fn from(event: OwnedEvent) -> Self {
        Self::from(&event)
    }
}

impl From<&EncodedEvent> for EncodedEvent {
    fn from(event: &EncodedEvent) -> Self {
        event.clone()
    }
}

impl fmt::Debug for EncodedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedEvent")
            .field("id", &self.id())
            .field("key", &self.key())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The fields that are looked up in an encoded event once, when it is made.
struct Fields {
    id: Option<Range<usize>>,
    has_data: bool,
}

impl Fields {
    /// Reads the output of [`Event`]. Data comes last there, so this reads a few short lines.
    fn of(encoded: &[u8]) -> Self {
        let mut fields = Self { id: None, has_data: false };
        let mut line_start = 0;
        for line in encoded.split(|byte| *byte == b'\n') {
            if line.starts_with(b"data: ") {
                fields.has_data = true;
                break;
            }
            let line_end = line_start + line.len(); // both are within the slice
            if line.starts_with(b"id: ") {
                fields.id = Some(line_start + b"id: ".len()..line_end);
            }
            line_start = line_end + 1; // after the line feed
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_sse::{Comment, EventId, EventType, ReconnectionTime};

    #[test]
    fn the_id_is_the_field_and_nothing_that_looks_like_it() {
        let id = EventId::new("\u{2026} 7").unwrap();
        let full = Event::new()
            .comment(Comment::new("id: 1").unwrap())
            .event_type(EventType::new("id: 2").unwrap())
            .id(id)
            .retry(ReconnectionTime::from_ms(3))
            .data("x\nid: 4");
        assert_eq!(EncodedEvent::new(&full).id(), Some("\u{2026} 7"));
        let without = EncodedEvent::from(Event::new().data("x\nid: 4\n\nid: 5"));
        assert_eq!(without.id(), None);
        let reset = EncodedEvent::from(Event::new().id(EventId::EMPTY));
        assert_eq!((reset.id(), reset.has_data()), (Some(""), false));
        assert!(EncodedEvent::text("").has_data());
        let comment = Comment::new("data: no").unwrap();
        assert!(!EncodedEvent::from(Event::new().comment(comment)).has_data());
        assert_eq!(EncodedEvent::from(Event::new()).as_bytes(), "\n");
    }

    #[test]
    fn a_key_changes_neither_the_bytes_nor_other_clones() {
        let event = EncodedEvent::text("x");
        let keyed = event.clone().with_key("k");
        assert_eq!((event.key(), keyed.key()), (None, Some("k")));
        assert_eq!(event.as_bytes().as_ptr(), keyed.as_bytes().as_ptr());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        assert_eq!(EncodedEvent::utf8(b"a\xFF").unwrap_err().valid_up_to(), 1);
        assert_eq!(EncodedEvent::utf8(&Bytes::from("a")).unwrap().as_bytes(), "data: a\n\n");
    }
}
