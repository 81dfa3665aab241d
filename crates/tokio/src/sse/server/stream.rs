//! What the senders of a stream and its body share: [`Stream`].
//!
//! All is behind one lock, held for a few steps and never while code of others runs: wakers are
//! called, and dropped, after it is released.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use tidings_sse::{Event, EventType};
use tokio::time::Instant;

use super::body::EventBodyError;
use super::queue::{Next, Queue};
use super::replay::Gap;
use super::responder::Config;
use super::{EncodedEvent, Queued, SendError, WhenFull};

/// How long after a replay the replayed IDs are remembered. A publisher that needs longer than this
/// between the store and the sender doubles its event.
const REMEMBER_REPLAYED: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Stream {
    config: Arc<Config>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    phase: Phase,
    senders: usize,
    /// When the connection was given something, if it has not come back for more since.
    given_at: Option<Instant>,
    /// The events in the queue wait for a replay to end.
    replaying: bool,
    replayed: Option<Box<Remembered>>,
    /// The connection's task, waiting for an event.
    body: Option<Waker>,
    /// Senders that wait for room, the first first.
    room: Waiters,
    /// Those who wait for the end.
    end: Waiters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// No more is sent. The body ends behind what is queued.
    Finishing,
    Ended(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The body is gone: the client is, or all is sent.
    Gone,
    Failed(EventBodyError),
}

#[derive(Debug)]
struct Remembered {
    ids: HashSet<Box<str>>,
    until: Option<Instant>,
}

/// What the body is given.
#[derive(Debug)]
pub(super) enum Given {
    Event(Bytes),
    /// All is sent.
    Finished,
    Failed(EventBodyError),
}

impl Stream {
    pub(super) fn new(config: Arc<Config>, replaying: bool) -> Self {
        let state = State {
            queue: Queue::new(config.queue),
            phase: Phase::Open,
            senders: 0,
            given_at: None,
            replaying,
            replayed: None,
            body: None,
            room: Waiters::default(),
            end: Waiters::default(),
        };
        Self { config, state: Mutex::new(state) }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a step under the lock, then calls the wakers that it has handed out.
    fn step<T>(&self, step: impl FnOnce(&mut State, &mut Wakers) -> T) -> T {
        let mut wakers = Wakers::default();
        let result = step(&mut self.state(), &mut wakers);
        wakers.wake();
        result
    }

    // The senders' side.

    /// Queues an event, or says why not.
    pub(super) fn try_push(&self, event: EncodedEvent) -> Result<(), SendError> {
        self.step(|state, wakers| state.push(&self.config, event, None, wakers))
    }

    /// Queues a comment if there is room. It displaces nothing.
    pub(super) fn try_push_comment(&self, comment: EncodedEvent) -> Result<(), SendError> {
        self.step(|state, wakers| {
            state.check(&self.config, &comment, wakers)?;
            if !state.queue.has_room(&comment) || !state.room.is_turn_of(None) {
                return Err(SendError::Full(comment));
            }
            state.queue.push(comment);
            wakers.one = state.body.take();
            Ok(())
        })
    }

    /// Queues an event as soon as there is room and `ticket` is first in line. Waits only where the
    /// policy is to wait.
    pub(super) fn poll_push(
        &self,
        cx: &Context<'_>,
        event: &EncodedEvent,
        ticket: &mut Option<u64>,
    ) -> Poll<Result<(), SendError>> {
        let waker = cx.waker().clone();
        self.step(|state, wakers| match state.push(&self.config, event.clone(), *ticket, wakers) {
            Err(SendError::Full(_)) if self.config.when_full == WhenFull::Wait => {
                wakers.unused = state.room.enter(ticket, waker);
                Poll::Pending
            }
            result => {
                wakers.unused = state.room.leave(ticket.take());
                wakers.all.extend(state.room.first());
                Poll::Ready(result)
            }
        })
    }

    /// A sender waits no longer.
    pub(super) fn leave_room(&self, ticket: Option<u64>) {
        if ticket.is_some() {
            self.step(|state, wakers| {
                wakers.unused = state.room.leave(ticket);
                wakers.one = state.room.first();
            });
        }
    }

    pub(super) fn poll_ended(&self, cx: &Context<'_>, ticket: &mut Option<u64>) -> Poll<()> {
        let waker = cx.waker().clone();
        self.step(|state, wakers| {
            if state.is_ended(&self.config, wakers) {
                wakers.unused = state.end.leave(ticket.take());
                return Poll::Ready(());
            }
            wakers.unused = state.end.enter(ticket, waker);
            Poll::Pending
        })
    }

    pub(super) fn leave_end(&self, ticket: Option<u64>) {
        if ticket.is_some() {
            self.step(|state, wakers| wakers.unused = state.end.leave(ticket));
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.step(|state, wakers| state.is_ended(&self.config, wakers))
    }

    pub(super) fn queued(&self) -> Queued {
        let state = self.state();
        Queued { events: state.queue.len(), bytes: state.queue.bytes_len() }
    }

    pub(super) fn add_sender(&self) {
        let mut state = self.state();
        state.senders = state.senders.saturating_add(1);
    }

    pub(super) fn remove_sender(&self) {
        self.step(|state, wakers| {
            state.senders = state.senders.saturating_sub(1);
            if state.senders == 0 {
                state.finish(wakers);
            }
        });
    }

    pub(super) fn finish(&self) {
        self.step(State::finish);
    }

    pub(super) fn end(&self, end: End) {
        self.step(|state, wakers| state.end(end, wakers));
    }

    // The body's side.

    /// The next event, unless a replay runs. The body is asked only by a connection that has room
    /// for it.
    pub(super) fn poll_next(&self, cx: &Context<'_>, now: Instant) -> Poll<Given> {
        let waker = cx.waker().clone();
        self.step(|state, wakers| {
            state.forget_replayed(now);
            let came_back_at_once = state.given_at.take().is_some();
            if let Phase::Ended(End::Failed(error)) = state.phase {
                // The connection may hold what it was just given. It writes that when there is no
                // more, and an error would come before.
                if came_back_at_once {
                    wakers.unused = state.body.replace(waker);
                    wakers.one = state.body.take();
                    return Poll::Pending;
                }
                return Poll::Ready(Given::Failed(error));
            }
            if !state.replaying {
                if let Some(next) = state.queue.next() {
                    wakers.one = state.room.first();
                    state.given_at = Some(now);
                    return Poll::Ready(Given::Event(self.encode(next)));
                }
                if state.phase != Phase::Open {
                    return Poll::Ready(Given::Finished);
                }
            }
            wakers.unused = state.body.replace(waker);
            Poll::Pending
        })
    }

    /// The body gives something that was not in the queue.
    pub(super) fn gave(&self, now: Instant) {
        self.state().given_at = Some(now);
    }

    /// Why there is to be no more, whatever the body itself still has.
    pub(super) fn is_failed(&self) -> bool {
        matches!(self.state().phase, Phase::Ended(End::Failed(_)))
    }

    /// Lets the queue go on behind a replay: without what was replayed, now and for a while.
    pub(super) fn end_replay(
        &self,
        mut ids: HashSet<Box<str>>,
        through: Option<&str>,
        gap: Option<Gap>,
        now: Instant,
    ) {
        ids.shrink_to_fit();
        self.step(|state, wakers| {
            // What waits before the newest replayed event is older than it. Without a gap it was
            // replayed; with one it is told as lost.
            let through = through.filter(|_| gap.is_some());
            state.queue.discard(through, |event| event.id().is_some_and(|id| ids.contains(id)));
            state.replaying = false;
            let until = now.checked_add(REMEMBER_REPLAYED);
            state.replayed = Some(Box::new(Remembered { ids, until }));
            wakers.one = state.room.first();
        });
    }

    /// The notice that events are missing. A number that is not known is `null`.
    pub(super) fn encode_gap(&self, gap: Gap) -> Bytes {
        let data = match gap.missed {
            Some(missed) => format!(r#"{{"dropped":{missed}}}"#),
            None => r#"{"dropped":null}"#.to_owned(),
        };
        let mut event = Event::new().data(&data);
        // It was one when it was configured.
        if let Ok(event_type) = EventType::new(&self.config.gap_event_type) {
            event = event.event_type(event_type);
        }
        EncodedEvent::new(&event).as_bytes().clone()
    }

    fn encode(&self, next: Next) -> Bytes {
        match next {
            Next::Event(event) => event.as_bytes().clone(),
            Next::Gap(dropped) => self.encode_gap(Gap { missed: Some(dropped) }),
        }
    }
}

/// The body's timer wakes this and not the connection's task: a connection that is stuck in a write
/// does not ask its body for anything, so the body could not notice.
impl Wake for Stream {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.step(|state, wakers| {
            if !state.is_ended(&self.config, wakers) {
                wakers.one = state.body.take();
            }
        });
    }
}

impl State {
    /// Whether this event can be sent at all.
    fn check(
        &mut self,
        config: &Config,
        event: &EncodedEvent,
        wakers: &mut Wakers,
    ) -> Result<(), SendError> {
        self.end_if_stalled(config, wakers);
        match self.phase {
            Phase::Open if self.queue.could_hold(event) => Ok(()),
            Phase::Open => Err(SendError::TooLarge(event.clone())),
            Phase::Ended(End::Failed(EventBodyError::Stalled)) => Err(SendError::Stalled),
            Phase::Finishing | Phase::Ended(_) => Err(SendError::Closed),
        }
    }

    fn push(
        &mut self,
        config: &Config,
        event: EncodedEvent,
        ticket: Option<u64>,
        wakers: &mut Wakers,
    ) -> Result<(), SendError> {
        self.check(config, &event, wakers)?;
        if self.was_replayed(&event) {
            return Ok(());
        }
        match config.when_full {
            WhenFull::Wait => {
                if !self.room.is_turn_of(ticket) || !self.queue.has_room(&event) {
                    return Err(SendError::Full(event));
                }
            }
            WhenFull::Disconnect => {
                if !self.queue.has_room(&event) {
                    self.end(End::Failed(EventBodyError::QueueFull), wakers);
                    return Err(SendError::Full(event));
                }
            }
            WhenFull::DropOldest => self.queue.make_room_for(&event),
            WhenFull::LatestByKey => {
                self.queue.remove_key_of(&event);
                self.queue.make_room_for(&event);
            }
        }
        self.queue.push(event);
        wakers.one = self.body.take();
        Ok(())
    }

    fn was_replayed(&mut self, event: &EncodedEvent) -> bool {
        if self.replayed.is_some() {
            self.forget_replayed(Instant::now());
        }
        match (&self.replayed, event.id()) {
            (Some(replayed), Some(id)) => replayed.ids.contains(id),
            _ => false,
        }
    }

    fn forget_replayed(&mut self, now: Instant) {
        if self.replayed.as_ref().is_some_and(|r| r.until.is_some_and(|until| now >= until)) {
            self.replayed = None;
        }
    }

    fn is_ended(&mut self, config: &Config, wakers: &mut Wakers) -> bool {
        self.end_if_stalled(config, wakers);
        matches!(self.phase, Phase::Ended(_))
    }

    /// Ends the stream if the connection has not come back for more in time. It does so at once
    /// when it has room: so for all that time the client took nothing.
    fn end_if_stalled(&mut self, config: &Config, wakers: &mut Wakers) {
        let deadline = self.given_at.and_then(|at| at.checked_add(config.stall_timeout));
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.end(End::Failed(EventBodyError::Stalled), wakers);
        }
    }

    fn finish(&mut self, wakers: &mut Wakers) {
        if self.phase == Phase::Open {
            self.phase = Phase::Finishing;
            wakers.one = self.body.take();
            self.room.wake_all(wakers);
        }
    }

    fn end(&mut self, end: End, wakers: &mut Wakers) {
        if !matches!(self.phase, Phase::Ended(_)) {
            self.phase = Phase::Ended(end);
            self.queue.clear();
            self.replayed = None;
            self.room.wake_all(wakers);
            self.end.wake_all(wakers);
        }
        // Also at the second end: the body that goes takes its task along.
        wakers.all.extend(self.body.take());
    }
}

/// Tasks in line.
#[derive(Debug, Default)]
struct Waiters {
    next_ticket: u64,
    line: VecDeque<(u64, Waker)>,
}

impl Waiters {
    /// Takes a place at the end of the line, or keeps the one that the ticket stands for. Returns a
    /// waker that is not needed.
    fn enter(&mut self, ticket: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        let place = ticket.and_then(|ticket| self.line.iter_mut().find(|(t, _)| *t == ticket));
        if let Some((_, old)) = place {
            return Some(std::mem::replace(old, waker));
        }
        *ticket = Some(self.next_ticket);
        self.line.push_back((self.next_ticket, waker));
        self.next_ticket = self.next_ticket.wrapping_add(1);
        None
    }

    /// Gives up the place.
    fn leave(&mut self, ticket: Option<u64>) -> Option<Waker> {
        let at = self.line.iter().position(|(t, _)| Some(*t) == ticket)?;
        self.line.remove(at).map(|(_, waker)| waker)
    }

    /// Whether nobody is before the holder of the ticket, or of none.
    fn is_turn_of(&self, ticket: Option<u64>) -> bool {
        self.line.front().is_none_or(|(first, _)| Some(*first) == ticket)
    }

    /// The waker of the first, who keeps the place.
    fn first(&self) -> Option<Waker> {
        self.line.front().map(|(_, waker)| waker.clone())
    }

    fn wake_all(&mut self, wakers: &mut Wakers) {
        wakers.all.extend(self.line.drain(..).map(|(_, waker)| waker));
    }
}

/// Wakers to be called when the lock is released.
#[derive(Default)]
struct Wakers {
    one: Option<Waker>,
    all: Vec<Waker>,
    /// Not to be called, only to be dropped: with a waker its task can go, and with that our body.
    unused: Option<Waker>,
}

impl Wakers {
    fn wake(self) {
        self.one.into_iter().chain(self.all).for_each(Waker::wake);
        drop(self.unused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::server::EventBody;

    /// A stream that nothing waits for is its shared state, its body and one timer: on a 64-bit
    /// target 224 + 40 + 112 bytes, in two allocations besides the body. The queue has no memory of
    /// its own while it is empty, and then takes a pointer for each event.
    #[test]
    fn an_idle_stream_costs_little() {
        let sizes = [size_of::<Stream>(), size_of::<EventBody>(), size_of::<tokio::time::Sleep>()];
        assert!(sizes.iter().sum::<usize>() <= 448, "{sizes:?}");
        assert_eq!(size_of::<EncodedEvent>(), size_of::<usize>(), "a place in the queue");
    }
}
