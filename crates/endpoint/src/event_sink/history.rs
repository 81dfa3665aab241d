//! The last events, in memory: [`History`].

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::sender::write_id_too_long;
use super::{Capacity, EncodedEvent, LastEventId, Replay, Replayed};

/// Keeps the newest events, within bounds, for clients that reconnect. Put it into an
/// [`Arc`](std::sync::Arc) to share it.
///
/// The history ends with the program, and clients outlive it. So an ID must never identify another
/// event, in the next run of the program or on another machine: take IDs from
/// [`EventIds`](super::EventIds), or from a database. Plain counters such as `7` are refused,
/// unless [`with_lasting_ids`](Self::with_lasting_ids) declares that they last.
///
/// ```
/// use tidings_endpoint::event_sink::{Capacity, EncodedEvent, EventIds, History};
/// use tidings_endpoint::event_sink::sse::{Event, EventId};
///
/// let history = History::new(Capacity { max_events: 1_000, max_bytes: 4 * 1024 * 1024 });
/// let ids = EventIds::new();
/// history.push(Event::new().id(ids.next_id().as_event_id()).data("x").into())?;
/// assert_eq!(history.len(), 1);
/// assert!(history.push(EncodedEvent::text("without an ID")).is_err());
/// assert!(history.push(Event::new().id(EventId::new("7")?).data("a counter").into()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct History {
    capacity: Capacity,
    ids_last: bool,
    max_id_len: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<EncodedEvent>,
    bytes_len: usize,
    /// The number of the first of `events`, counted from the first that was ever pushed.
    first: u64,
    /// The number of the newest event with each ID. A client's ID is looked up in one step.
    numbers: HashMap<ById, u64>,
}

impl History {
    /// Creates an empty history, for events whose IDs are not plain counters.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let capacity = Capacity { max_events: capacity.max_events.max(1), ..capacity };
        let max_id_len = LastEventId::MAX_LEN;
        Self { capacity, ids_last: false, max_id_len, ring: Mutex::default() }
    }

    /// Creates an empty history, for events whose IDs may be plain numbers: no ID ever identifies
    /// another event, not even after a restart. The keys of rows in a database are such IDs. A
    /// counter that starts at 0 with the program is not: its clients would lose events without
    /// notice.
    #[must_use]
    pub fn with_lasting_ids(capacity: Capacity) -> Self {
        Self { ids_last: true, ..Self::new(capacity) }
    }

    /// The longest event ID that is kept, in bytes; by default [`LastEventId::MAX_LEN`]. A client whose
    /// ID is longer than the server takes would be refused each time. Raise it together with the limit
    /// of [`LastEventId::from_headers_within`].
    #[must_use]
    pub fn max_id_len(self, max_len: usize) -> Self {
        Self { max_id_len: max_len, ..self }
    }

    /// Adds the newest event. The oldest go as far as they have to.
    ///
    /// # Errors
    /// The event has no ID, or an empty one, so that no client could ask for what came after it; or
    /// its ID is a plain counter, or longer than [`max_id_len`](Self::max_id_len); or it is too large to be kept. The history is as before.
    pub fn push(&self, event: EncodedEvent) -> Result<(), HistoryError> {
        let id = event.id().unwrap_or_default();
        if id.is_empty() {
            return Err(HistoryError::NoId(event));
        }
        if !self.ids_last && id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HistoryError::Counter(event));
        }
        if event.id_len() > self.max_id_len {
            return Err(HistoryError::IdTooLong(event));
        }
        if event.len() > self.capacity.max_bytes {
            return Err(HistoryError::TooLarge(event));
        }
        let mut ring = self.ring();
        ring.push(event);
        while ring.events.len() > self.capacity.max_events
            || ring.bytes_len > self.capacity.max_bytes
        {
            ring.pop();
        }
        Ok(())
    }

    /// Returns the number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring().events.len()
    }

    /// Returns whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the events after the event with this ID: at most the newest `max_events`.
    pub fn after(&self, last_event_id: &LastEventId, max_events: usize) -> Replayed {
        let ring = self.ring();
        let known = ring.numbers.get(last_event_id.as_str());
        debug_assert!(known.is_none_or(|number| *number >= ring.first), "it went with its event");
        // Numbers count from `first`, so the difference is an index into `events`.
        let start = known
            .and_then(|number| usize::try_from(number.saturating_sub(ring.first)).ok())
            .map(|at| at.saturating_add(1));
        let missed = ring.events.len().saturating_sub(start.unwrap_or(0));
        let excess = missed.saturating_sub(max_events);
        let skipped = start.unwrap_or(0).saturating_add(excess);
        let events = ring.events.iter().skip(skipped).cloned().collect();
        match start {
            None => Replayed::with_gap(None, events),
            Some(_) if excess > 0 => Replayed::with_gap(u64::try_from(excess).ok(), events),
            Some(_) => Replayed::complete(events),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Each step leaves the ring whole.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An ID that is not there, any more or at all, is a gap before all that is there.
impl Replay for History {
    async fn after(&self, last_event_id: &LastEventId, max_events: usize) -> Replayed {
        Self::after(self, last_event_id, max_events)
    }
}

impl Ring {
    fn push(&mut self, event: EncodedEvent) {
        let number = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        let number = self.first.saturating_add(number);
        self.bytes_len = self.bytes_len.saturating_add(event.len());
        // A key that exists already stays unchanged, and may keep an older event alive.
        let by_id = ById(event.clone());
        self.numbers.remove(&by_id);
        self.numbers.insert(by_id, number);
        self.events.push_back(event);
    }

    fn pop(&mut self) {
        let Some(oldest) = self.events.pop_front() else { return };
        debug_assert!(oldest.len() <= self.bytes_len, "its length was counted");
        self.bytes_len = self.bytes_len.saturating_sub(oldest.len());
        let by_id = ById(oldest);
        // A newer event may have the same ID.
        if self.numbers.get(&by_id) == Some(&self.first) {
            self.numbers.remove(&by_id);
        }
        self.first = self.first.saturating_add(1);
    }
}

/// An event that stands for its ID.
#[derive(Debug)]
struct ById(EncodedEvent);

impl ById {
    fn id(&self) -> &str {
        debug_assert!(self.0.id().is_some(), "an event without an ID is not kept");
        self.0.id().unwrap_or_default()
    }
}

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.id()
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for ById {}

/// The reason why an event cannot be kept. It contains the event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HistoryError {
    /// It has no ID, or an empty one.
    NoId(EncodedEvent),
    /// Its ID is a plain counter, and the history is not one [with lasting
    /// IDs](History::with_lasting_ids).
    Counter(EncodedEvent),
    /// Alone it is larger than the history may be.
    TooLarge(EncodedEvent),
    /// Its ID is longer than [`History::max_id_len`].
    IdTooLong(EncodedEvent),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoId(_) => {
                f.write_str("the event has no ID, so a client could not resume after it")
            }
            Self::Counter(event) => write!(
                f,
                "the event's ID {:?} is a plain counter, which would mean another event after a \
                 restart: take IDs from EventIds, or a History::with_lasting_ids if it lasts",
                event.id().unwrap_or_default()
            ),
            Self::TooLarge(event) => {
                write!(f, "the event of {} bytes is larger than the history may be", event.len())
            }
            Self::IdTooLong(event) => write_id_too_long(f, event, "History"),
        }
    }
}

impl Error for HistoryError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_sink::EventIds;
    use tidings_sse::{Event, EventId};

    fn event(id: &str) -> EncodedEvent {
        Event::new().id(EventId::new(id).unwrap()).data("x").into()
    }

    fn history(max_events: usize, ids: &[&str]) -> History {
        let history = History::new(Capacity { max_events, ..Capacity::DEFAULT });
        for id in ids {
            history.push(event(id)).unwrap();
        }
        history
    }

    fn after(history: &History, id: &str, max_events: usize) -> (bool, Vec<String>) {
        let id = LastEventId::from_bytes(id.as_bytes(), 99).unwrap().unwrap();
        let replayed = history.after(&id, max_events);
        let ids = replayed.events().iter().map(|event| event.id().unwrap().to_owned());
        (replayed.is_complete(), ids.collect())
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn what_came_after_an_id_is_there_as_long_as_the_id_is() {
        let history = history(3, &["a", "b", "c", "d"]);
        assert_eq!(after(&history, "b", 9), (true, ids(&["c", "d"])));
        assert_eq!(after(&history, "d", 9), (true, ids(&[])));
        assert_eq!(after(&history, "a", 9), (false, ids(&["b", "c", "d"])), "too old");
        assert_eq!(after(&history, "e", 9), (false, ids(&["b", "c", "d"])), "made up");
        assert_eq!(after(&history, "e", 1), (false, ids(&["d"])));
        assert_eq!(after(&history, "b", 1), (false, ids(&["d"])));
        assert_eq!(after(&History::new(Capacity::DEFAULT), "a", 9), (false, ids(&[])));
    }

    #[test]
    fn an_id_that_comes_again_means_the_newest_event() {
        let history = history(3, &["a", "b", "a", "c"]);
        assert_eq!(after(&history, "a", 9), (true, ids(&["c"])));
        assert_eq!(after(&history, "b", 9), (true, ids(&["a", "c"])));
        for id in ["d", "e"] {
            history.push(event(id)).unwrap();
        }
        assert!(!after(&history, "a", 9).0);
        assert_eq!(history.ring().numbers.len(), 3);
    }

    #[test]
    fn bytes_are_bounded_and_what_never_fits_is_given_back() {
        let len = event("1").len();
        let history = History::with_lasting_ids(Capacity { max_events: 99, max_bytes: 2 * len });
        for id in ["1", "2", "3"] {
            history.push(event(id)).unwrap();
        }
        assert_eq!((history.len(), history.ring().bytes_len), (2, 2 * len));
        let id = EventId::new("4").unwrap();
        let huge = EncodedEvent::from(Event::new().id(id).data(&"x".repeat(2 * len)));
        assert!(
            matches!(history.push(huge), Err(HistoryError::TooLarge(e)) if e.id() == Some("4"))
        );
        assert_eq!(history.len(), 2);
    }

    /// A client of the run before would believe that it missed nothing.
    #[test]
    fn a_counter_is_given_back_unless_it_lasts() {
        for id in ["0", "7", "18446744073709551616"] {
            let refused = history(9, &[]).push(event(id)).unwrap_err();
            assert!(matches!(&refused, HistoryError::Counter(event) if event.id() == Some(id)));
            assert!(refused.to_string().contains("EventIds"), "{refused}");
            History::with_lasting_ids(Capacity::DEFAULT).push(event(id)).unwrap();
        }
        history(9, &["1a", "-1", "9f-7", "\u{662}"]);
    }

    /// With IDs of a run, a restart is a gap, whatever the new run has counted to.
    #[test]
    fn after_a_restart_a_client_is_told_of_the_gap() {
        let run = |count: usize| {
            let (ids, history) = (EventIds::new(), History::new(Capacity::DEFAULT));
            let ids: Vec<_> = (0..count).map(|_| ids.next_id().to_string()).collect();
            ids.iter().for_each(|id| history.push(event(id)).unwrap());
            (history, ids)
        };
        let (_, before) = run(9);
        let (restarted, now) = run(20);
        assert_eq!(after(&restarted, &before[8], 99), (false, now));
    }

    /// A client would come with it and be refused, each time.
    #[test]
    fn an_id_that_no_client_could_send_back_is_given_back() {
        let [longest, longer] = [1024, 1025].map(|len| "x".repeat(len));
        history(9, &[&longest]);
        let refused = history(9, &[]).push(event(&longer)).unwrap_err();
        assert!(matches!(&refused, HistoryError::IdTooLong(event) if event.id() == Some(&longer)));
        assert!(refused.to_string().contains("is 1025 bytes long"), "{refused}");
        let history = History::new(Capacity::DEFAULT).max_id_len(2000);
        history.push(event(&longer)).unwrap();
        let id = LastEventId::from_bytes(longer.as_bytes(), 2000).unwrap().unwrap();
        assert!(history.after(&id, 9).is_complete());
    }

    #[test]
    fn an_event_without_an_id_is_given_back() {
        let without = history(9, &[]).push(EncodedEvent::text("x"));
        assert!(matches!(without, Err(HistoryError::NoId(_))));
        let reset = history(9, &[]).push(Event::new().id(EventId::EMPTY).data("x").into());
        assert!(matches!(reset, Err(HistoryError::NoId(_))));
    }
}
