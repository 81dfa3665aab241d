//! The steps of a stream under its lock.

use tidings_sse::Timestamp;

use super::{End, Phase, State};
use crate::event_sink::responder::Config;
use crate::event_sink::sink::EventBodyError;
use crate::event_sink::waiters::Wakers;
use crate::event_sink::{EncodedEvent, SendError, WhenFull};

impl State {
    /// Returns whether this event can be sent at all.
    pub(super) fn check(&self, config: &Config, event: &EncodedEvent) -> Result<(), SendError> {
        self.check_open()?;
        if event.id_len() > config.max_id_len {
            return Err(SendError::IdTooLong(event.clone()));
        }
        if event.len() > self.queue.max_event_len() {
            return Err(SendError::TooLarge(event.clone()));
        }
        Ok(())
    }

    pub(super) fn check_open(&self) -> Result<(), SendError> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Ended(End::Failed(EventBodyError::Stalled)) => Err(SendError::Stalled),
            Phase::Finishing | Phase::Leaving | Phase::Ended(_) => Err(SendError::Closed),
        }
    }

    /// Makes room for a reservation, as far as the policy allows. Returns whether there is some.
    pub(super) fn make_room(
        &mut self,
        config: &Config,
        len: usize,
        ticket: Option<u64>,
        wakers: &mut Wakers,
    ) -> Result<bool, SendError> {
        self.check_open()?;
        match config.when_full {
            WhenFull::Wait => Ok(self.room.is_turn_of(ticket) && self.queue.has_room(len)),
            WhenFull::Disconnect if !self.queue.has_room(len) => {
                self.end(End::Failed(EventBodyError::QueueFull), wakers);
                Err(SendError::Closed)
            }
            WhenFull::Disconnect => Ok(true),
            WhenFull::DropOldest | WhenFull::LatestByKey => Ok(self.queue.make_room_for(len)),
        }
    }

    pub(super) fn push(
        &mut self,
        config: &Config,
        event: EncodedEvent,
        ticket: Option<u64>,
        wakers: &mut Wakers,
    ) -> Result<(), SendError> {
        self.check(config, &event)?;
        if self.was_replayed(&event) {
            return Ok(());
        }
        if config.when_full == WhenFull::LatestByKey {
            self.queue.remove_key_of(&event);
        }
        match config.when_full {
            WhenFull::Wait => {
                if !self.room.is_turn_of(ticket) || !self.queue.has_room(event.len()) {
                    return Err(SendError::Full(event));
                }
            }
            WhenFull::Disconnect => {
                if !self.queue.has_room(event.len()) {
                    self.end(End::Failed(EventBodyError::QueueFull), wakers);
                    return Err(SendError::Full(event));
                }
            }
            WhenFull::DropOldest | WhenFull::LatestByKey => {
                if !self.queue.make_room_for(event.len()) {
                    return Err(SendError::Full(event));
                }
            }
        }
        self.enqueue(event, wakers);
        Ok(())
    }

    /// Appends to the queue, in which there is room.
    pub(super) fn enqueue(&mut self, event: EncodedEvent, wakers: &mut Wakers) {
        self.queue.push(event);
        self.drained = false;
        wakers.one = self.sink.take();
    }

    pub(super) fn was_replayed(&self, event: &EncodedEvent) -> bool {
        match (&self.replayed, event.id()) {
            (Some(replayed), Some(id)) => replayed.ids.contains(id),
            _ => false,
        }
    }

    pub(super) fn forget_replayed(&mut self, now: Timestamp) {
        self.replayed.take_if(|replayed| replayed.until <= now);
    }

    pub(super) fn finish(&mut self, wakers: &mut Wakers) {
        if self.phase == Phase::Open {
            self.phase = Phase::Finishing;
            wakers.one = self.sink.take();
            self.room.wake_all(wakers);
        }
    }

    pub(super) fn end(&mut self, end: End, wakers: &mut Wakers) {
        if !matches!(self.phase, Phase::Ended(_)) {
            self.phase = Phase::Ended(end);
            wakers.ended = Some(end);
            self.queue.clear();
            self.replayed = None;
            self.room.wake_all(wakers);
            self.end.wake_all(wakers);
            if let Some(mut line) = self.drain.take() {
                line.wake_all(wakers);
            }
        }
        // Also at the second end: the sink that goes takes its task along.
        wakers.all.extend(self.sink.take());
    }
}
