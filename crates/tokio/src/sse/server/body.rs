//! The body of an event stream's response: [`EventBody`], an [`EventSink`] on tokio's clock.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "hyper")]
use std::sync::OnceLock;
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tidings_endpoint::event_sink::{EventBodyError, EventSink, Watchdog};
use tidings_sse::Timestamp;
use tokio::time::{Instant, Sleep};

use super::held_error::HeldError;
#[cfg(feature = "hyper")]
use super::reset_stalled::Reset;
use crate::timer::{Timer, poll_timer};

/// A response's body: events, each passed on as it comes, and keep-alive comments.
///
/// It is read within a tokio runtime whose timers are enabled.
pub struct EventBody {
    sink: EventSink,
    clock: Arc<Clock>,
    /// Armed no later than the sink's next deadline.
    timer: Timer,
    error: HeldError<EventBodyError>,
}

/// The timer's target. It is not the connection's task: a connection that is stuck in a write does
/// not poll its body, so the body could not notice.
#[derive(Debug)]
struct Clock {
    epoch: Instant,
    watchdog: Watchdog,
    /// Ends the HTTP/2 stream, if there is one and its executor is ours.
    #[cfg(feature = "hyper")]
    reset: OnceLock<Option<Arc<Reset>>>,
}

impl From<EventSink> for EventBody {
    fn from(sink: EventSink) -> Self {
        let clock = Clock {
            epoch: Instant::now(),
            watchdog: sink.watchdog(),
            #[cfg(feature = "hyper")]
            reset: OnceLock::new(),
        };
        Self { sink, clock: Arc::new(clock), timer: None, error: HeldError::new() }
    }
}

impl Clock {
    fn timestamp(&self, now: Instant) -> Timestamp {
        Timestamp::from_epoch(now.duration_since(self.epoch))
    }
}

impl Wake for Clock {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_stuck = self.watchdog.handle_timeout(self.timestamp(Instant::now()));
        #[cfg(feature = "hyper")]
        if let (true, Some(Some(reset))) = (is_stuck, self.reset.get()) {
            reset.reset();
        }
        #[cfg(not(feature = "hyper"))]
        let _ = is_stuck;
    }
}

impl EventBody {
    /// Has the timer wake the sink at its next deadline.
    fn arm(&mut self, now: Instant, is_idle: bool) {
        let deadline = self.sink.poll_timeout();
        let deadline = deadline.and_then(|at| self.clock.epoch.checked_add(at.since_epoch()));
        let Some(deadline) = deadline else { return };
        // An idle stream resets a timer that goes off too early when it does: to reset it for each
        // event would cost more. The body of a stuck one may not be polled then.
        let goes_off_before =
            |timer: &Pin<Box<Sleep>>| timer.deadline() > now && timer.deadline() < deadline;
        if is_idle && self.timer.as_ref().is_some_and(goes_off_before) {
            return;
        }
        let waker = Waker::from(Arc::clone(&self.clock));
        let mut cx = Context::from_waker(&waker);
        if poll_timer(&mut self.timer, &mut cx, deadline).is_ready() {
            waker.wake();
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
        // The first caller is the task of the stream.
        #[cfg(feature = "hyper")]
        this.clock.reset.get_or_init(Reset::current);
        let now = Instant::now();
        if this.error.is_holding() {
            return this.error.pass(Poll::Pending, None, cx);
        }
        let polled = this.sink.poll_next(cx, this.clock.timestamp(now));
        if this.sink.has_ended() {
            this.timer = None;
        } else {
            this.arm(now, polled.is_pending());
        }
        let given_at = this.sink.last_given_at();
        let given_at = given_at.and_then(|at| this.clock.epoch.checked_add(at.since_epoch()));
        let polled = polled.map(|next| next.map(|bytes| bytes.map(Frame::data)));
        this.error.pass(polled, given_at, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.sink.has_ended() && !self.error.is_holding()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

impl fmt::Debug for EventBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody").field("queued", &self.sink.queued()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that no event waits for is its body, its clock and one timer, plus the state of
    /// tidings-endpoint, which is 288 bytes at most with the sink.
    #[test]
    fn an_idle_stream_costs_little() {
        let sizes = [size_of::<EventBody>(), size_of::<Clock>(), size_of::<Sleep>()];
        assert!(sizes.iter().sum::<usize>() <= 208, "{sizes:?}");
    }
}
