//! IDs that no other run of a program gives: [`EventIds`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use tidings_sse::EventId;

use crate::random_u64;

/// Numbers events, with a random part that is drawn for each value of this type: `9f3c0a5be1d2c474-0`.
///
/// A program that restarts and counts from 0 again gives new events IDs that clients remember from
/// old ones. Such a client asks for the events after event 8, gets 9 and the following, and never
/// learns that 0 to 8 of the new run exist. With the random part its ID is unknown, and it gets a
/// `gap` event.
///
/// ```
/// use tidings_endpoint::event_sink::{Capacity, EncodedEvent, EventIds, History};
/// use tidings_endpoint::event_sink::sse::Event;
///
/// let (ids, history) = (EventIds::new(), History::new(Capacity::DEFAULT));
/// let id = ids.next_id();
/// history.push(Event::new().id(id.as_event_id()).data("21 °C").into())?;
/// # Ok::<(), tidings_endpoint::event_sink::HistoryError>(())
/// ```
///
/// Take the ID under the lock that also covers the history and the senders, so that all see the
/// events in the order of their numbers.
#[derive(Debug)]
pub struct EventIds {
    run: u64,
    next: AtomicU64,
}

/// An ID that [`EventIds`] has made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UniqueId(Box<str>);

impl EventIds {
    /// Begins at 0, with a new random part.
    #[must_use]
    pub fn new() -> Self {
        Self { run: random_u64(), next: AtomicU64::new(0) }
    }

    /// The next ID.
    pub fn next_id(&self) -> UniqueId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        UniqueId(format!("{:016x}-{number}", self.run).into())
    }
}

impl Default for EventIds {
    fn default() -> Self {
        Self::new()
    }
}

impl UniqueId {
    /// For [`Event::id`](tidings_sse::Event::id).
    #[must_use]
    pub fn as_event_id(&self) -> EventId<'_> {
        let id = EventId::new(&self.0);
        debug_assert!(id.is_ok(), "hexadecimal digits and a hyphen are an event ID");
        id.unwrap_or(EventId::EMPTY)
    }

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_and_no_two_runs_have_the_same() {
        let (first, second) = (EventIds::new(), EventIds::new());
        let [a, b] = [first.next_id(), first.next_id()];
        assert!(a.as_str().ends_with("-0") && b.as_str().ends_with("-1"));
        assert_eq!(a.as_str().split('-').next(), b.as_str().split('-').next());
        assert_ne!(second.next_id(), a);
        assert_eq!(a.as_event_id().as_str(), a.to_string());
    }
}
