//! The events that a client missed: the store is a [`Replay`], its answer is [`Replayed`].

use std::sync::Arc;

use super::{EncodedEvent, LastEventId};

/// A store of past events. [`History`](super::History) is one in memory.
///
/// A replay neither loses nor doubles an event if events go first into the store and then to the
/// senders, in one order: by one task, or under one lock. And register the sender with the
/// publisher before you return its response, because the replay begins when the response's body is
/// read.
///
/// ```
/// use tidings_endpoint::event_sink::{EncodedEvent, LastEventId, Replay, Replayed};
/// use tidings_endpoint::event_sink::sse::{Event, EventId};
///
/// /// Counts to nine.
/// struct Digits;
///
/// impl Replay for Digits {
///     async fn after(&self, last_event_id: &LastEventId, max_events: usize) -> Replayed {
///         let digit = |id: &str| EventId::new(id).map(|i| EncodedEvent::from(Event::new().id(i).data(id)));
///         let Ok(last) = last_event_id.as_str().parse::<u8>() else {
///             return Replayed::with_gap(None, Vec::new());
///         };
///         let missed = (last.saturating_add(1)..=9).take(max_events);
///         Replayed::complete(missed.filter_map(|n| digit(&n.to_string()).ok()).collect())
///     }
/// }
/// ```
pub trait Replay: Send + Sync {
    /// The events after the one with this ID, in order.
    ///
    /// The ID is whatever the client says. Of more than `max_events` events only the newest should
    /// be returned, as [`with_gap`](Replayed::with_gap); if more are, the stream leaves them out.
    fn after(
        &self,
        last_event_id: &LastEventId,
        max_events: usize,
    ) -> impl Future<Output = Replayed> + Send;
}

impl<R: Replay + ?Sized> Replay for Arc<R> {
    fn after(
        &self,
        last_event_id: &LastEventId,
        max_events: usize,
    ) -> impl Future<Output = Replayed> + Send {
        R::after(self, last_event_id, max_events)
    }
}

/// The events that a [store](Replay) still has.
#[derive(Clone, Debug)]
#[must_use]
pub struct Replayed {
    events: Vec<EncodedEvent>,
    gap: Option<Gap>,
}

/// Events are lost; how many, if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) missed: Option<u64>,
}

impl Replayed {
    /// All events that the client missed; none if it missed none.
    pub fn complete(events: Vec<EncodedEvent>) -> Self {
        Self { events, gap: None }
    }

    /// The remaining events: some before them are lost, or the ID is unknown. `missed` is their
    /// number, if known. The client gets a `gap` event first, whose data is `{"dropped":3}` or
    /// `{"dropped":null}`.
    pub fn with_gap(missed: Option<u64>, events: Vec<EncodedEvent>) -> Self {
        Self { events, gap: Some(Gap { missed }) }
    }

    /// The events, oldest first.
    #[must_use]
    pub fn events(&self) -> &[EncodedEvent] {
        &self.events
    }

    /// Returns whether nothing is lost.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gap.is_none()
    }

    /// The events without any beyond the newest `max_events`, and the gap with those counted in.
    pub(super) fn into_newest(mut self, max_events: usize) -> (Option<Gap>, Vec<EncodedEvent>) {
        let excess = self.events.len().saturating_sub(max_events);
        if excess > 0 {
            self.events.drain(..excess); // at most all
            let excess = u64::try_from(excess).unwrap_or(u64::MAX);
            let before = self.gap.map_or(Some(0), |gap| gap.missed);
            self.gap = Some(Gap { missed: before.map(|missed| missed.saturating_add(excess)) });
        }
        (self.gap, self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_counted_as_missed() {
        let events = vec![EncodedEvent::text("x"); 5];
        let cut = |replayed: Replayed, max_events| {
            let (gap, events) = replayed.into_newest(max_events);
            (gap.map(|gap| gap.missed), events.len())
        };
        assert_eq!(cut(Replayed::complete(events.clone()), 5), (None, 5));
        assert_eq!(cut(Replayed::complete(events.clone()), 2), (Some(Some(3)), 2));
        assert_eq!(cut(Replayed::with_gap(Some(7), events.clone()), 2), (Some(Some(10)), 2));
        assert_eq!(cut(Replayed::with_gap(None, events.clone()), 0), (Some(None), 0));
        assert_eq!(cut(Replayed::with_gap(Some(1), events), 9), (Some(Some(1)), 5));
    }
}
