//! The end of a relayed stream that the gateway wants: [`Stop`].

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Sleep, sleep};

/// The time in which the upstream has to complete an event.
const MAX_EVENT_TIME: Duration = Duration::from_secs(10);

/// Waits for the signal, and then for the end of an event.
pub(super) struct Stop {
    state: State,
    farewell: Option<Bytes>,
}

enum State {
    /// Never locked: it makes the body `Sync`.
    Waiting(Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>),
    Stopping(Pin<Box<Sleep>>),
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    GoOn,
    /// End at the next boundary.
    StopSoon,
    /// The upstream does not complete its event.
    Cut,
}

impl Stop {
    pub(super) fn new(
        signal: Pin<Box<dyn Future<Output = ()> + Send>>,
        farewell: Option<Bytes>,
    ) -> Self {
        Self { state: State::Waiting(Mutex::new(signal)), farewell }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Step {
        if let State::Waiting(signal) = &mut self.state {
            let signal = signal.get_mut().unwrap_or_else(PoisonError::into_inner);
            if signal.as_mut().poll(cx).is_pending() {
                return Step::GoOn;
            }
            self.state = State::Stopping(Box::pin(sleep(MAX_EVENT_TIME)));
        }
        match &mut self.state {
            State::Stopping(patience) => match patience.as_mut().poll(cx) {
                Poll::Ready(()) => Step::Cut,
                Poll::Pending => Step::StopSoon,
            },
            State::Waiting(_) => Step::GoOn,
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.state, State::Stopping(_))
    }

    pub(super) fn take_farewell(&mut self) -> Option<Bytes> {
        self.farewell.take()
    }
}
