//! The end of a stream that an adapter writes to its connection: [`EventSink`].

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use bytes::Bytes;
use tidings_sse::Timestamp;

use super::replay::{Gap, Replayed};
use super::stream::{End, Stream};
use super::{EncodedEvent, LastEventId, Queued, take_piece};
use crate::trace;

/// A comment alone, with a blank line so that it stands between events.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// The output of a stream to its client, piece by piece: the opening comment, the missed events,
/// new events as they arrive, and keep-alive comments.
///
/// # How to drive it
///
/// 1. While the connection has room, call [`poll_next`](Self::poll_next) and write its output.
/// 2. When it returns `Pending`, flush, and wait for its waker, or for the time of
///    [`poll_timeout`](Self::poll_timeout).
/// 3. While the connection takes nothing, wait until that time at most. When it has passed, call
///    [`handle_timeout`](Self::handle_timeout), and continue at 1. A [`Watchdog`] does so from
///    outside when the connection does not poll.
///
/// Drop it when the connection ends. Every time comes from one monotonic clock, the adapter's.
pub struct EventSink {
    /// `None` once the stream has ended.
    stream: Option<Arc<Stream>>,
    /// The output before the queue.
    before: Option<Box<Before>>,
    /// The code that feeds the stream, if it is not a separate task. Never locked: it makes the
    /// sink `Sync`.
    feeder: Option<Box<Mutex<Feeder>>>,
    last_given_at: Option<Timestamp>,
}

/// Notices from outside that the connection of an [`EventSink`] is stuck.
#[derive(Debug)]
pub struct Watchdog(Option<Arc<Stream>>);

/// In this order.
#[derive(Default)]
struct Before {
    /// Of a large event whose first piece was given.
    rest: Bytes,
    opening: Option<Bytes>,
    replay: Option<Replaying>,
    gap: Option<Gap>,
    replayed: vec::IntoIter<EncodedEvent>,
}

pub(super) struct Replaying {
    pub(super) last_event_id: LastEventId,
    /// Never locked: it makes the sink `Sync`.
    pub(super) answer: Mutex<Answer>,
}

pub(super) type Feeder = Pin<Box<dyn Future<Output = ()> + Send>>;
pub(super) type Answer = Pin<Box<dyn Future<Output = Replayed> + Send>>;

impl EventSink {
    pub(super) fn new(stream: Arc<Stream>, opening: Bytes, replay: Option<Replaying>) -> Self {
        let opening = Some(opening);
        let before = Before { opening, replay, ..Before::default() };
        let (stream, before) = (Some(stream), Some(Box::new(before)));
        Self { stream, before, feeder: None, last_given_at: None }
    }

    /// With its feeder: polled with the sink, and dropped with it.
    pub(super) fn fed_by(mut self, feeder: Feeder) -> Self {
        self.feeder = Some(Box::new(Mutex::new(feeder)));
        self
    }

    /// A stream without a byte, which has ended.
    pub(super) const fn ended() -> Self {
        Self { stream: None, before: None, feeder: None, last_given_at: None }
    }

    /// Returns whether the stream has ended, so that no more output follows.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.stream.is_none()
    }

    /// Returns the size of the queue.
    #[must_use]
    pub fn queued(&self) -> Queued {
        self.stream.as_ref().map_or_else(Queued::default, |stream| stream.queued())
    }

    /// The next bytes to write: an event, or the next piece of a large one; `None` at the clean end of
    /// the stream. A connection asks for more only when it has room, so one that stops asking is
    /// stuck.
    ///
    /// # Errors
    /// The stream was cut. Write what was returned before, and then end the connection without the
    /// clean end of a body.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        now: Timestamp,
    ) -> Poll<Option<Result<Bytes, EventBodyError>>> {
        let Some(stream) = &self.stream else { return Poll::Ready(None) };
        let before = self.before.as_mut().filter(|_| !stream.has_failed());
        if let Some(piece) = before.and_then(|before| before.next_piece()) {
            stream.gave(now);
            self.last_given_at = Some(now);
            return Poll::Ready(Some(Ok(piece)));
        }
        if let Some(feeder) = &mut self.feeder {
            let feeder = feeder.get_mut().unwrap_or_else(PoisonError::into_inner);
            if feeder.as_mut().poll(cx).is_ready() {
                self.feeder = None;
            }
        }
        let first = match &mut self.before {
            Some(before) if !stream.has_failed() => before.poll_next(stream, cx, now),
            _ => None,
        };
        let mut polled = match first {
            Some(bytes) => {
                stream.gave(now);
                Poll::Ready(Some(Ok(bytes)))
            }
            None => {
                // The queue waits for a replay that has no answer yet.
                self.before.take_if(|before| before.replay.is_none());
                match stream.poll_next(cx, now) {
                    Poll::Pending if self.keep_alive_at().is_some_and(|due| due <= now) => {
                        stream.gave(now);
                        Poll::Ready(Some(Ok(Bytes::from_static(KEEP_ALIVE))))
                    }
                    polled => polled,
                }
            }
        };
        match &mut polled {
            Poll::Ready(Some(Ok(bytes))) => {
                trace::event_sent(bytes.len());
                self.last_given_at = Some(now);
                let piece = take_piece(bytes);
                let rest = mem::replace(bytes, piece);
                if !rest.is_empty() {
                    self.before.get_or_insert_default().rest = rest;
                }
            }
            Poll::Ready(Some(Err(_))) => self.end(End::Gone),
            Poll::Ready(None) => self.end(End::Finished),
            Poll::Pending => {}
        }
        polled
    }

    /// When [`poll_next`](Self::poll_next) last returned bytes, for a driver that cannot see when its
    /// connection has written them.
    #[must_use]
    pub const fn last_given_at(&self) -> Option<Timestamp> {
        self.last_given_at
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout). `None` means no
    /// deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let deadline = self.stream.as_ref()?.poll_timeout(self.keep_alive_at());
        deadline.filter(|deadline| *deadline < Timestamp::from_epoch(Duration::MAX))
    }

    /// Ends the stream if its connection took nothing for the [stall
    /// timeout](super::Responder::stall_timeout). Otherwise wakes the task that waits for
    /// [`poll_next`](Self::poll_next).
    pub fn handle_timeout(&self, now: Timestamp) {
        if let Some(stream) = &self.stream {
            let _is_stuck = stream.handle_timeout(now);
        }
    }

    /// The [stall timeout](super::Responder::stall_timeout), for a driver whose writes can time out;
    /// `None` once the stream has ended.
    #[must_use]
    pub fn stall_timeout(&self) -> Option<Duration> {
        self.stream.as_ref().map(|stream| stream.config().stall_timeout)
    }

    /// Ends the stream of a connection that is known to be stuck, as
    /// [`handle_timeout`](Self::handle_timeout) does.
    pub fn stall(&mut self) {
        self.end(End::Failed(EventBodyError::Stalled));
    }

    /// Returns a handle that calls [`handle_timeout`](Self::handle_timeout) where the sink itself
    /// cannot be reached.
    #[must_use]
    pub fn watchdog(&self) -> Watchdog {
        Watchdog(self.stream.clone())
    }

    fn keep_alive_at(&self) -> Option<Timestamp> {
        let keep_alive = self.stream.as_ref()?.config().keep_alive?;
        self.last_given_at.map(|at| at.after(keep_alive))
    }

    fn end(&mut self, end: End) {
        self.before = None;
        self.feeder = None;
        if let Some(stream) = self.stream.take() {
            stream.end(end);
        }
    }
}

impl Watchdog {
    /// Like [`EventSink::handle_timeout`]. Returns whether the connection is stuck: whatever the
    /// stream has ended by, the connection does not ask and so will not learn of it.
    pub fn handle_timeout(&self, now: Timestamp) -> bool {
        self.0.as_ref().is_some_and(|stream| stream.handle_timeout(now))
    }
}

impl Before {
    /// The next of an event that was not given whole.
    fn next_piece(&mut self) -> Option<Bytes> {
        (!self.rest.is_empty()).then(|| take_piece(&mut self.rest))
    }

    fn poll_next(
        &mut self,
        stream: &Stream,
        cx: &mut Context<'_>,
        now: Timestamp,
    ) -> Option<Bytes> {
        // E-034: the first flush is at once.
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        if self.replay.is_some() && stream.is_leaving() {
            self.replay = None;
        }
        if let Some(Replaying { last_event_id, answer }) = &mut self.replay {
            let answer = answer.get_mut().unwrap_or_else(PoisonError::into_inner);
            let Poll::Ready(replayed) = answer.as_mut().poll(cx) else { return None };
            let (gap, events) = replayed.into_newest(stream.config().max_replay_events);
            // The last event that the client has: of the replayed ones, or its own last event if
            // the store knows that. After a gap it is unknown.
            let own = gap.is_none().then_some(last_event_id.as_str());
            let has = events.iter().filter_map(EncodedEvent::id).chain(own);
            let has: HashSet<Box<str>> = has.map(Box::from).collect();
            let newest = events.iter().rev().find_map(EncodedEvent::id);
            stream.end_replay(has, newest, gap, now);
            trace::events_replayed(events.len(), gap.is_some());
            self.replay = None;
            self.gap = gap;
            self.replayed = events.into_iter();
        }
        match self.gap.take() {
            Some(gap) => Some(stream.encode_gap(gap)),
            None => self.replayed.next().map(|event| event.as_bytes().clone()),
        }
    }
}

impl Drop for EventSink {
    fn drop(&mut self) {
        self.end(End::Gone);
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSink")
            .field("has_ended", &self.has_ended())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

/// The reason why a stream was cut, without the clean end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBodyError {
    /// The client took nothing for longer than the
    /// [stall timeout](super::Responder::stall_timeout).
    Stalled,
    /// The queue was full, under [`WhenFull::Disconnect`](super::WhenFull::Disconnect).
    QueueFull,
    /// [`EventSender::abort`](super::EventSender::abort) was called.
    Aborted,
}

impl fmt::Display for EventBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stalled => "the event stream was cut: the client took nothing for too long",
            Self::QueueFull => "the event stream was cut: too many events waited for the client",
            Self::Aborted => "the event stream was cut by its sender",
        })
    }
}

impl Error for EventBodyError {}
