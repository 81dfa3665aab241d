//! The state shared by the senders of a stream and its sink: [`Stream`].
//!
//! All of it is guarded by one lock, held for a few steps and never while foreign code runs: wakers
//! are called and dropped after it is released. Only the sink supplies the time.

mod state;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tidings_sse::{Event, EventType, Timestamp};

use super::queue::{Next, Queue};
use super::replay::Gap;
use super::responder::Config;
use super::sink::EventBodyError;
use super::waiters::{Waiters, Wakers};
use super::{EncodedEvent, Queued, SendError, WhenFull};
use crate::trace;

/// The time after a replay for which the replayed IDs are remembered. A publisher that needs longer
/// than this between the store and the sender sends its event twice.
const REMEMBER_REPLAYED: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Stream {
    config: Arc<Config>,
    /// Its key among the open streams of its responder.
    key: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    phase: Phase,
    senders: usize,
    /// The time of the last output to the connection, if it has not asked for more since.
    given_at: Option<Timestamp>,
    /// The connection has taken all and come back for more.
    drained: bool,
    /// The events in the queue wait for a replay to end.
    replaying: bool,
    replayed: Option<Box<Remembered>>,
    /// The connection's task, waiting for an event.
    sink: Option<Waker>,
    /// Senders that wait for room, the first first.
    room: Waiters,
    /// The tasks that wait for the end.
    end: Waiters,
    /// The tasks that wait until all output is taken; usually none.
    drain: Option<Box<Waiters>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// No more is sent. The stream ends after the queued events.
    Finishing,
    /// The same, with the farewell of the responder at the end.
    Leaving,
    Ended(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everything is sent.
    Finished,
    /// The sink is gone, and the client with it.
    Gone,
    Failed(EventBodyError),
}

#[derive(Debug)]
struct Remembered {
    ids: HashSet<Box<str>>,
    until: Timestamp,
}

impl End {
    const fn reason(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Gone => "the client is gone",
            Self::Failed(EventBodyError::Stalled) => "the client took nothing",
            Self::Failed(EventBodyError::QueueFull) => "the queue was full",
            Self::Failed(EventBodyError::Aborted) => "aborted",
        }
    }
}

impl Stream {
    pub(super) fn open(config: Arc<Config>, replaying: bool) -> Arc<Self> {
        let state = State {
            queue: Queue::new(config.queue),
            phase: Phase::Open,
            senders: 0,
            given_at: None,
            drained: false,
            replaying,
            replayed: None,
            sink: None,
            room: Waiters::default(),
            end: Waiters::default(),
            drain: None,
        };
        let key = config.streams.next_key();
        let stream = Arc::new(Self { config, key, state: Mutex::new(state) });
        stream.config.streams.add(key, &stream);
        stream
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a step under the lock, then calls the wakers that it has collected, and traces.
    fn step<T>(&self, step: impl FnOnce(&mut State, &mut Wakers) -> T) -> T {
        let mut wakers = Wakers::default();
        let result = step(&mut self.state(), &mut wakers);
        if let Some(end) = wakers.ended {
            trace::event_stream_ended(end.reason());
        }
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
            state.check(&self.config, &comment)?;
            if !state.queue.has_room(comment.len()) || !state.room.is_turn_of(None) {
                return Err(SendError::Full(comment));
            }
            state.enqueue(comment, wakers);
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

    /// Reserves room for an event of this length, as soon as there is some and `ticket` is first in
    /// line. Returns how much is reserved: not more than the queue can ever hold.
    pub(super) fn poll_reserve(
        &self,
        cx: &Context<'_>,
        len: usize,
        ticket: &mut Option<u64>,
    ) -> Poll<Result<usize, SendError>> {
        let waker = cx.waker().clone();
        self.step(|state, wakers| {
            let len = len.min(state.queue.max_event_len());
            let reserved = match state.make_room(&self.config, len, *ticket, wakers) {
                Ok(true) => {
                    state.queue.reserve(len);
                    Ok(len)
                }
                Ok(false) => {
                    wakers.unused = state.room.enter(ticket, waker);
                    return Poll::Pending;
                }
                Err(error) => Err(error),
            };
            wakers.unused = state.room.leave(ticket.take());
            wakers.all.extend(state.room.first());
            Poll::Ready(reserved)
        })
    }

    /// Queues an event in the room that was reserved for one of this length.
    pub(super) fn push_reserved(
        &self,
        event: EncodedEvent,
        reserved: usize,
    ) -> Result<(), SendError> {
        self.step(|state, wakers| {
            state.queue.give_back(reserved);
            // The rest of it.
            wakers.all.extend(state.room.first());
            state.check(&self.config, &event)?;
            if event.len() > reserved {
                return Err(SendError::TooLarge(event));
            }
            if !state.was_replayed(&event) {
                if self.config.when_full == WhenFull::LatestByKey {
                    state.queue.remove_key_of(&event);
                }
                state.enqueue(event, wakers);
            }
            Ok(())
        })
    }

    /// Room that was reserved is not needed.
    pub(super) fn give_back(&self, reserved: usize) {
        self.step(|state, wakers| {
            state.queue.give_back(reserved);
            wakers.one = state.room.first();
        });
    }

    /// Waits until the connection has taken all that is queued.
    pub(super) fn poll_drained(
        &self,
        cx: &Context<'_>,
        ticket: &mut Option<u64>,
    ) -> Poll<Result<(), SendError>> {
        let waker = cx.waker().clone();
        self.step(|state, wakers| {
            let drained = match state.phase {
                Phase::Ended(End::Finished) => Ok(()),
                Phase::Ended(_) => state.check_open(),
                _ if state.drained => Ok(()),
                _ => {
                    let line = state.drain.get_or_insert_with(Box::default);
                    wakers.unused = line.enter(ticket, waker);
                    return Poll::Pending;
                }
            };
            wakers.unused = state.drain.as_mut().and_then(|line| line.leave(ticket.take()));
            Poll::Ready(drained)
        })
    }

    pub(super) fn leave_drain(&self, ticket: Option<u64>) {
        if ticket.is_some() {
            self.step(|state, wakers| {
                wakers.unused = state.drain.as_mut().and_then(|line| line.leave(ticket));
            });
        }
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
            if matches!(state.phase, Phase::Ended(_)) {
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

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state().phase, Phase::Ended(_))
    }

    pub(super) fn queued(&self) -> Queued {
        let state = self.state();
        Queued { events: state.queue.len(), bytes: state.queue.bytes_len() }
    }

    pub(super) fn add_sender(&self) {
        let mut state = self.state();
        debug_assert!(state.senders < usize::MAX, "each sender takes memory");
        state.senders = state.senders.saturating_add(1);
    }

    pub(super) fn remove_sender(&self) {
        self.step(|state, wakers| {
            debug_assert!(state.senders > 0, "a sender was added before it is removed");
            state.senders = state.senders.saturating_sub(1);
            if state.senders == 0 {
                state.finish(wakers);
            }
        });
    }

    pub(super) fn finish(&self) {
        self.step(State::finish);
    }

    /// Ends the stream as [`finish`](Self::finish) does, with the responder's last output. A replay
    /// that has no answer yet is abandoned, and so are the events after it: the client reconnects
    /// with the same last event ID.
    pub(super) fn leave(&self) {
        self.step(|state, wakers| {
            if matches!(state.phase, Phase::Ended(_)) {
                return;
            }
            if state.replaying {
                state.queue.clear();
                state.replaying = false;
            }
            state.finish(wakers);
            state.phase = Phase::Leaving;
            wakers.all.extend(state.sink.take());
        });
    }

    pub(super) fn end(&self, end: End) {
        self.step(|state, wakers| state.end(end, wakers));
    }

    // The sink's side.

    /// The next event of the queue, unless a replay runs; `None` after the last. The sink is asked
    /// only by a connection that has room for it.
    pub(super) fn poll_next(
        &self,
        cx: &Context<'_>,
        now: Timestamp,
    ) -> Poll<Option<Result<Bytes, EventBodyError>>> {
        let waker = cx.waker().clone();
        let mut dropped = None;
        let polled = self.step(|state, wakers| {
            state.forget_replayed(now);
            state.given_at = None;
            if let Phase::Ended(End::Failed(error)) = state.phase {
                return Poll::Ready(Some(Err(error)));
            }
            if !state.replaying {
                if let Some(next) = state.queue.next() {
                    wakers.one = state.room.first();
                    state.given_at = Some(now);
                    if let Next::Gap(count) = next {
                        dropped = Some(count);
                    }
                    return Poll::Ready(Some(Ok(self.encode(next))));
                }
                if state.phase == Phase::Leaving {
                    state.phase = Phase::Finishing;
                    if let Some(farewell) = self.config.streams.farewell() {
                        state.given_at = Some(now);
                        return Poll::Ready(Some(Ok(farewell)));
                    }
                }
                if state.phase != Phase::Open {
                    return Poll::Ready(None);
                }
                state.drained = true;
                if let Some(line) = &mut state.drain {
                    line.wake_all(wakers);
                }
            }
            wakers.unused = state.sink.replace(waker);
            Poll::Pending
        });
        if let Some(dropped) = dropped {
            trace::events_dropped(dropped);
        }
        polled
    }

    /// The connection is given something that was not in the queue.
    pub(super) fn gave(&self, now: Timestamp) {
        let mut state = self.state();
        state.given_at = Some(now);
        state.drained = false;
    }

    /// Returns whether a replay is no longer wanted.
    pub(super) fn is_leaving(&self) -> bool {
        self.state().phase == Phase::Leaving
    }

    /// Returns whether the stream was cut: then no more output follows, whatever is queued.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state().phase, Phase::Ended(End::Failed(_)))
    }

    /// The time of [`handle_timeout`](Self::handle_timeout). A connection that was given something
    /// has the stall timeout; an idle one is due at `keep_alive_at`.
    pub(super) fn poll_timeout(&self, keep_alive_at: Option<Timestamp>) -> Option<Timestamp> {
        let state = self.state();
        match state.given_at {
            Some(at) => Some(at.after(self.config.stall_timeout)),
            None => {
                let forget_at = state.replayed.as_ref().map(|replayed| replayed.until);
                keep_alive_at.into_iter().chain(forget_at).min()
            }
        }
    }

    /// Ends the stream if the connection has not come back for more in time: it does so at once when
    /// it has room, so the client took nothing for all that time. Otherwise wakes the sink. Returns
    /// whether the connection is stuck.
    pub(super) fn handle_timeout(&self, now: Timestamp) -> bool {
        self.step(|state, wakers| {
            state.forget_replayed(now);
            let stuck_at = state.given_at.map(|at| at.after(self.config.stall_timeout));
            let is_stuck = stuck_at.is_some_and(|at| at <= now);
            if is_stuck {
                state.end(End::Failed(EventBodyError::Stalled), wakers);
            } else {
                wakers.one = state.sink.take();
            }
            is_stuck
        })
    }

    /// Lets the queue follow a replay, without events that the client has: now and for some time.
    /// `newest` is the ID of the newest replayed event.
    pub(super) fn end_replay(
        &self,
        mut ids: HashSet<Box<str>>,
        newest: Option<&str>,
        gap: Option<Gap>,
        now: Timestamp,
    ) {
        ids.shrink_to_fit();
        self.step(|state, wakers| {
            // An event queued before the newest replayed event is older than it. Without a gap it
            // was replayed; with one it is reported as lost.
            let through = newest.filter(|_| gap.is_some());
            state.queue.discard(through, |event| event.id().is_some_and(|id| ids.contains(id)));
            state.replaying = false;
            let until = now.after(REMEMBER_REPLAYED);
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
        let event_type = EventType::new(&self.config.gap_event_type);
        debug_assert!(event_type.is_ok(), "it was an event type when it was configured");
        if let Ok(event_type) = event_type {
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

impl Drop for Stream {
    fn drop(&mut self) {
        self.config.streams.remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_sink::EventSink;

    /// A stream that no event waits for is its shared state and its sink. The queue has no memory
    /// while it is empty, and then takes a pointer for each event.
    #[test]
    fn an_idle_stream_costs_little() {
        let sizes = [size_of::<Stream>(), size_of::<EventSink>()];
        assert!(sizes.iter().sum::<usize>() <= 288, "{sizes:?}");
        assert_eq!(size_of::<EncodedEvent>(), size_of::<usize>(), "a place in the queue");
    }
}
