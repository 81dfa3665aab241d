//! The body of an event stream's response: [`EventBody`].

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::vec;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::replay::{Gap, Replayed};
use super::stream::{End, Given, Stream};
use super::{EncodedEvent, LastEventId};

/// A comment alone, with a blank line so that it stands between events.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// A response's body: events, each given on as it comes, and keep-alive comments.
///
/// It is read within a tokio runtime whose timers are enabled.
pub struct EventBody {
    /// `None` when all is said.
    stream: Option<Arc<Stream>>,
    /// What is sent before the queue.
    before: Option<Box<Before>>,
    /// One timer for both: when to keep the connection alive, and when it is stuck.
    timer: Option<Pin<Box<Sleep>>>,
    last_frame_at: Option<Instant>,
}

/// In this order.
struct Before {
    opening: Option<Bytes>,
    replay: Option<Replay>,
    gap: Option<Gap>,
    replayed: vec::IntoIter<EncodedEvent>,
}

pub(super) struct Replay {
    pub(super) last_event_id: LastEventId,
    /// Never locked: it makes the body `Sync`.
    pub(super) answer: Mutex<Answer>,
}

pub(super) type Answer = Pin<Box<dyn Future<Output = Replayed> + Send>>;

impl EventBody {
    pub(super) fn new(stream: Arc<Stream>, opening: Bytes, replay: Option<Replay>) -> Self {
        let opening = Some(opening);
        let before = Before { opening, replay, gap: None, replayed: Vec::new().into_iter() };
        let before = Some(Box::new(before));
        Self { stream: Some(stream), before, timer: None, last_frame_at: None }
    }

    /// A body without a byte.
    pub(super) fn ended() -> Self {
        Self { stream: None, before: None, timer: None, last_frame_at: None }
    }

    fn poll_bytes(
        &mut self,
        stream: &Arc<Stream>,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Given> {
        if let Some(before) = &mut self.before {
            if !stream.is_failed() {
                if let Some(bytes) = before.poll_next(stream, cx, now) {
                    stream.gave(now);
                    return Poll::Ready(Given::Event(bytes));
                }
                if before.replay.is_none() {
                    self.before = None;
                }
            }
        }
        if let Poll::Ready(given) = stream.poll_next(cx, now) {
            return Poll::Ready(given);
        }
        if !stream.is_failed() && self.keep_alive_at(stream).is_some_and(|due| now >= due) {
            stream.gave(now);
            return Poll::Ready(Given::Event(Bytes::from_static(KEEP_ALIVE)));
        }
        Poll::Pending
    }

    fn keep_alive_at(&self, stream: &Stream) -> Option<Instant> {
        self.last_frame_at?.checked_add(stream.config().keep_alive?)
    }

    /// Sets the timer that wakes the stream if the connection does not come back.
    fn watch_for_stall(&mut self, stream: &Arc<Stream>, now: Instant) {
        if let Some(deadline) = now.checked_add(stream.config().stall_timeout) {
            // If it is over already, the next send notices.
            let _ = self.poll_timer(stream, deadline);
        }
    }

    /// Sets the timer that has the next comment sent.
    fn wait_for_keep_alive(&mut self, stream: &Arc<Stream>, cx: &Context<'_>, now: Instant) {
        let Some(due) = self.keep_alive_at(stream) else { return };
        // A timer that goes off too early is set again then. To set it now, for each event, would
        // cost more.
        let is_set = |timer: &Pin<Box<Sleep>>| timer.deadline() > now && timer.deadline() <= due;
        if !self.timer.as_ref().is_some_and(is_set) && self.poll_timer(stream, due).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    fn poll_timer(&mut self, stream: &Arc<Stream>, deadline: Instant) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        let waker = Waker::from(Arc::clone(stream));
        timer.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

impl Before {
    fn poll_next(&mut self, stream: &Stream, cx: &mut Context<'_>, now: Instant) -> Option<Bytes> {
        // E-034: the first flush is at once.
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        if let Some(Replay { last_event_id, answer }) = &mut self.replay {
            let answer = answer.get_mut().unwrap_or_else(PoisonError::into_inner);
            let Poll::Ready(replayed) = answer.as_mut().poll(cx) else { return None };
            let (gap, events) = replayed.into_newest(stream.config().max_replay_events);
            let seen = events.iter().filter_map(EncodedEvent::id).chain([last_event_id.as_str()]);
            let seen: HashSet<Box<str>> = seen.map(Box::from).collect();
            let newest = events.iter().rev().find_map(EncodedEvent::id);
            stream.end_replay(seen, newest, gap, now);
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

impl Body for EventBody {
    type Data = Bytes;
    type Error = EventBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EventBodyError>>> {
        let this = &mut *self;
        let Some(stream) = this.stream.clone() else { return Poll::Ready(None) };
        let now = Instant::now();
        let polled = this.poll_bytes(&stream, cx, now);
        if polled.is_pending() {
            this.wait_for_keep_alive(&stream, cx, now);
        }
        match ready!(polled) {
            Given::Event(bytes) => {
                this.last_frame_at = Some(now);
                this.watch_for_stall(&stream, now);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            end => {
                this.end();
                Poll::Ready(match end {
                    Given::Failed(error) => Some(Err(error)),
                    _ => None,
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.stream.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

impl EventBody {
    fn end(&mut self) {
        self.timer = None;
        self.before = None;
        if let Some(stream) = self.stream.take() {
            stream.end(End::Gone);
        }
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for EventBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued = self.stream.as_ref().map(|stream| stream.queued());
        f.debug_struct("EventBody").field("queued", &queued).finish_non_exhaustive()
    }
}

/// Why a stream was cut. hyper answers it by closing the connection, or resetting the HTTP/2 stream,
/// without the clean end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventBodyError {
    /// The client took nothing for longer than the
    /// [stall timeout](super::Responder::stall_timeout).
    Stalled,
    /// The queue was full, and [`WhenFull::Disconnect`](super::WhenFull::Disconnect) rules.
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
