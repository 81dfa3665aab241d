//! An event that owns its text: [`OwnedEvent`].

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::{Comment, Event, EventId, EventType, ReconnectionTime};

/// An [`Event`] that owns its text, to be returned from a function or sent to a task.
///
/// ```
/// use tidings_sse::{Event, EventId, InvalidField, OwnedEvent};
///
/// fn tick(number: u64) -> Result<OwnedEvent, InvalidField> {
///     let id = number.to_string();
///     Ok(Event::new().id(EventId::new(&id)?).data("tick").into_owned())
/// }
///
/// let mut encoded = Vec::new();
/// tick(7)?.as_event().append_to(&mut encoded);
/// assert_eq!(encoded, b"id: 7\ndata: tick\n\n");
/// # Ok::<(), InvalidField>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OwnedEvent {
    comment: Option<String>,
    event_type: Option<String>,
    id: Option<String>,
    retry: Option<ReconnectionTime>,
    data: Option<String>,
}

impl Event<'_> {
    /// Copies the event, to keep it longer than its parts.
    #[must_use]
    pub fn into_owned(self) -> OwnedEvent {
        OwnedEvent {
            comment: self.comment.map(|comment| comment.as_str().to_owned()),
            event_type: self.event_type.map(|event_type| event_type.as_str().to_owned()),
            id: self.id.map(|id| id.as_str().to_owned()),
            retry: self.retry,
            data: self.data.map(str::to_owned),
        }
    }
}

impl OwnedEvent {
    /// Borrows the event, to encode it.
    pub fn as_event(&self) -> Event<'_> {
        // Each text was checked when its part was made.
        Event {
            comment: self.comment.as_deref().map(Comment),
            event_type: self.event_type.as_deref().map(EventType),
            id: self.id.as_deref().map(EventId),
            retry: self.retry,
            data: self.data.as_deref(),
        }
    }
}

impl From<Event<'_>> for OwnedEvent {
    fn from(event: Event<'_>) -> Self {
        event.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owned_event_is_what_it_was_made_of() {
        let full = Event::new()
            .comment(Comment::from_static("c"))
            .event_type(EventType::from_static("tick"))
            .id(EventId::from_static("7"))
            .retry(ReconnectionTime::from_ms(5))
            .data("a\nb");
        for event in [Event::new(), Event::new().data(""), full] {
            assert_eq!(event.into_owned().as_event(), event);
        }
    }
}
