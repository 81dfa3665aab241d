//! The queued events of one client, and the policy for too many of them: [`Queue`].

use std::collections::VecDeque;

use super::EncodedEvent;

/// The size of a queue: both bounds apply.
///
/// ```
/// use tidings_endpoint::event_sink::{Capacity, EventSink, Responder};
///
/// let responder = Responder::<EventSink>::new().queue(Capacity { max_events: 16, ..Capacity::DEFAULT });
/// # let _ = responder;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The number of events. Zero counts as one.
    pub max_events: usize,
    /// The sum of their encoded lengths.
    pub max_bytes: usize,
}

impl Capacity {
    /// 256 events and 1 MiB.
    pub const DEFAULT: Self = Self { max_events: 256, max_bytes: 1024 * 1024 };
}

impl Default for Capacity {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The policy for an event for which the queue has no room.
///
/// Where events are dropped, the client learns of it: at the position of the loss it gets an event
/// of type `gap` (see [`Responder::gap_event_type`](super::Responder::gap_event_type)), without an
/// ID, with data such as `{"dropped":3}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// [`send`](super::EventSender::send) waits until the client has taken enough.
    #[default]
    Wait,
    /// The oldest events are dropped.
    DropOldest,
    /// Only the latest event of each [key](EncodedEvent::with_key) is kept, whether the queue is
    /// full or not. A new one removes the queued one and goes to the end, so that IDs stay in
    /// order. This is not reported as a loss. If it makes no room, the oldest events are dropped.
    /// Finding the queued event takes a search through the queue.
    LatestByKey,
    /// The stream is ended by an error, so that the client comes back, with its last event ID.
    Disconnect,
}

/// The queue of one client.
#[derive(Debug)]
pub(super) struct Queue {
    events: VecDeque<EncodedEvent>,
    bytes_len: usize,
    capacity: Capacity,
    /// The room kept free for holders of a reservation.
    reserved: Reserved,
    /// The number of events dropped before the first queued one, and the newest of them.
    dropped: u64,
    newest_dropped: Option<EncodedEvent>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reserved {
    events: usize,
    bytes: usize,
}

/// The next item for the client.
#[derive(Debug)]
pub(super) enum Next {
    /// This many events are missing here.
    Gap(u64),
    Event(EncodedEvent),
}

impl Queue {
    pub(super) fn new(capacity: Capacity) -> Self {
        let capacity = Capacity { max_events: capacity.max_events.max(1), ..capacity };
        Self {
            events: VecDeque::new(),
            bytes_len: 0,
            capacity,
            reserved: Reserved::default(),
            dropped: 0,
            newest_dropped: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn bytes_len(&self) -> usize {
        self.bytes_len
    }

    /// Returns whether there is room for an event of this length.
    pub(super) fn has_room(&self, len: usize) -> bool {
        let Reserved { events, bytes } = self.reserved;
        let bytes = self.bytes_len.saturating_add(bytes).saturating_add(len);
        self.events.len().saturating_add(events) < self.capacity.max_events
            && bytes <= self.capacity.max_bytes
    }

    /// Keeps room for an event of this length, which must [be there](Self::has_room).
    pub(super) fn reserve(&mut self, len: usize) {
        debug_assert!(self.has_room(len), "the caller makes room first");
        self.reserved.events = self.reserved.events.saturating_add(1);
        self.reserved.bytes = self.reserved.bytes.saturating_add(len);
    }

    /// Frees a [reservation](Self::reserve), unless all was [cleared](Self::clear).
    pub(super) fn give_back(&mut self, len: usize) {
        self.reserved.events = self.reserved.events.saturating_sub(1);
        self.reserved.bytes = self.reserved.bytes.saturating_sub(len);
    }

    /// The longest event that an empty queue takes.
    pub(super) fn max_event_len(&self) -> usize {
        self.capacity.max_bytes
    }

    /// Appends the event, which must [have room](Self::has_room), or be made room for.
    pub(super) fn push(&mut self, event: EncodedEvent) {
        debug_assert!(self.has_room(event.len()), "the caller makes room first");
        self.bytes_len = self.bytes_len.saturating_add(event.len());
        self.events.push_back(event);
    }

    /// Removes the event that waits with the same key.
    pub(super) fn remove_key_of(&mut self, event: &EncodedEvent) {
        let Some(key) = event.key() else { return };
        let same = self.events.iter().position(|waiting| waiting.key() == Some(key));
        if let Some(old) = same.and_then(|at| self.events.remove(at)) {
            self.uncount(&old);
        }
    }

    /// Drops the oldest events until there is room for one of this length. Returns whether there is:
    /// not if too much is reserved.
    #[must_use]
    pub(super) fn make_room_for(&mut self, len: usize) -> bool {
        while !self.has_room(len) {
            let Some(oldest) = self.pop() else { return false };
            // Comments are not missed by anyone.
            if oldest.has_data() {
                self.dropped = self.dropped.saturating_add(1);
                self.newest_dropped = Some(oldest);
            }
        }
        true
    }

    pub(super) fn next(&mut self) -> Option<Next> {
        if self.dropped > 0 {
            self.newest_dropped = None;
            return Some(Next::Gap(std::mem::take(&mut self.dropped)));
        }
        self.pop().map(Next::Event)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }

    /// Discards the events that `is_known` selects, and with `through` also each event with an ID
    /// that is queued before the one of this ID.
    pub(super) fn discard(
        &mut self,
        through: Option<&str>,
        is_known: impl Fn(&EncodedEvent) -> bool,
    ) {
        // The dropped events came before the queued ones. If the newest of them is known, all are.
        if self.newest_dropped.as_ref().is_some_and(&is_known) {
            self.dropped = 0;
            self.newest_dropped = None;
        }
        let end = through.and_then(|id| self.events.iter().rposition(|e| e.id() == Some(id)));
        let (mut at, mut bytes_len) = (0, 0_usize);
        self.events.retain(|event| {
            let passed = event.id().is_some() && end.is_some_and(|end| at <= end);
            let keep = !passed && !is_known(event);
            at += 1; // counts to the queue's length
            if keep {
                bytes_len = bytes_len.saturating_add(event.len());
            }
            keep
        });
        self.bytes_len = bytes_len;
    }

    fn uncount(&mut self, event: &EncodedEvent) {
        debug_assert!(event.len() <= self.bytes_len, "its length was counted");
        self.bytes_len = self.bytes_len.saturating_sub(event.len());
    }

    fn pop(&mut self) -> Option<EncodedEvent> {
        let event = self.events.pop_front()?;
        self.uncount(&event);
        // A burst should not cost memory for the rest of the stream's life.
        if self.events.is_empty() && self.events.capacity() > 32 {
            self.events = VecDeque::new();
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_sse::{Comment, Event, EventId};

    fn event(id: &str) -> EncodedEvent {
        Event::new().id(EventId::new(id).unwrap()).data("x").into()
    }

    fn queue(max_events: usize, ids: &[&str]) -> Queue {
        let mut queue = Queue::new(Capacity { max_events, ..Capacity::DEFAULT });
        for id in ids {
            let event = event(id);
            assert!(queue.make_room_for(event.len()));
            queue.push(event);
        }
        queue
    }

    /// The rest of the queue: IDs, and `gap 3`.
    fn rest(mut queue: Queue) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(next) = queue.next() {
            all.push(match next {
                Next::Gap(dropped) => format!("gap {dropped}"),
                Next::Event(event) => event.id().unwrap_or("-").to_owned(),
            });
        }
        assert_eq!((queue.len(), queue.bytes_len()), (0, 0));
        all
    }

    #[test]
    fn a_gap_stands_where_the_loss_is_and_has_its_number() {
        let mut queue = queue(2, &["1", "2", "3", "4", "5"]);
        assert!(matches!(queue.next(), Some(Next::Gap(3))));
        assert!(matches!(queue.next(), Some(Next::Event(_))));
        for id in ["6", "7"] {
            assert!(queue.make_room_for(event(id).len()));
            queue.push(event(id));
        }
        assert_eq!(rest(queue), ["gap 1", "6", "7"]);
    }

    #[test]
    fn a_dropped_comment_is_not_a_gap() {
        let mut queue = queue(1, &[]);
        queue.push(Event::new().comment(Comment::EMPTY).into());
        let event = event("1");
        assert!(queue.make_room_for(event.len()));
        queue.push(event);
        assert_eq!(rest(queue), ["1"]);
    }

    #[test]
    fn bytes_are_bounded_as_events_are() {
        let small = event("1");
        let mut queue = Queue::new(Capacity { max_events: 100, max_bytes: 2 * small.len() + 1 });
        for id in ["1", "2"] {
            assert!(queue.has_room(event(id).len()));
            queue.push(event(id));
        }
        assert!(!queue.has_room(event("3").len()));
        let huge = EncodedEvent::text(&"x".repeat(100));
        assert!(huge.len() > queue.max_event_len());
        assert!(queue.make_room_for(event("3").len()));
        queue.push(event("3"));
        assert_eq!(queue.bytes_len(), 2 * small.len());
        assert_eq!(rest(queue), ["gap 1", "2", "3"]);
    }

    #[test]
    fn zero_events_count_as_one() {
        assert!(queue(0, &[]).has_room(event("1").len()));
    }

    #[test]
    fn known_events_are_discarded_and_their_gap_too() {
        let known = |ids: &'static [&'static str]| {
            move |event: &EncodedEvent| event.id().is_some_and(|id| ids.contains(&id))
        };
        let mut all_known = queue(3, &["1", "2", "3", "4", "5"]);
        all_known.discard(None, known(&["1", "2", "3"]));
        assert_eq!(rest(all_known), ["4", "5"]);

        let mut some_known = queue(3, &["1", "2", "3", "4", "5"]);
        some_known.discard(None, known(&["1"]));
        assert_eq!(rest(some_known), ["gap 2", "3", "4", "5"]);

        // Already reported as a gap: the events queued before the newest replayed one.
        let mut passed = queue(9, &["1", "2", "3", "4"]);
        passed.discard(Some("3"), known(&["3"]));
        assert_eq!(rest(passed), ["4"]);
    }

    #[test]
    fn what_is_reserved_is_nobody_elses() {
        let len = event("1").len();
        let mut queue = queue(3, &["1"]);
        queue.reserve(len);
        assert!(queue.has_room(len));
        queue.reserve(2 * len);
        assert!(!queue.has_room(0));
        assert!(queue.make_room_for(len), "the one that waits is dropped");
        queue.reserve(len);
        assert!(!queue.make_room_for(len), "nothing is left to drop");
        for len in [len, 2 * len, len] {
            queue.give_back(len);
        }
        queue.give_back(len);
        assert!(queue.has_room(Capacity::DEFAULT.max_bytes));
        assert_eq!(rest(queue), ["gap 1"]);
    }

    #[test]
    fn a_burst_leaves_no_memory_after() {
        let ids: Vec<String> = (0..200).map(|id: i32| id.to_string()).collect();
        let mut queue = queue(256, &ids.iter().map(String::as_str).collect::<Vec<_>>());
        while queue.next().is_some() {}
        assert_eq!(queue.events.capacity(), 0);
    }
}
