//! The error at the end of a body, held back until the connection has written what came before:
//! [`HeldError`].

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The time that the connection has to write what it was given. On an error, hyper drops what it has not
/// written yet, the head of the response too, and no body can see when that was written.
const WRITE_TIME: Duration = Duration::from_millis(250);

/// Holds the error of a body back. All else goes through it unchanged.
pub(super) struct HeldError<E>(Option<Box<Held<E>>>);

struct Held<E> {
    error: E,
    timer: Pin<Box<Sleep>>,
}

impl<E> HeldError<E> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Returns whether an error waits. Then the body has nothing else to give.
    pub(super) const fn is_holding(&self) -> bool {
        self.0.is_some()
    }

    /// Passes on what the body returns. While an error waits, that is `Pending`. The connection was
    /// given something at `given_at`, and before that, or now, the head of the response.
    pub(super) fn pass<T>(
        &mut self,
        polled: Poll<Option<Result<T, E>>>,
        given_at: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, E>>> {
        match polled {
            Poll::Ready(Some(Err(error))) => {
                debug_assert!(!self.is_holding(), "a body that has failed is not asked");
                let Some(due) = given_at.unwrap_or_else(Instant::now).checked_add(WRITE_TIME)
                else {
                    return Poll::Ready(Some(Err(error)));
                };
                self.0 = Some(Box::new(Held { error, timer: Box::pin(sleep_until(due)) }));
                self.poll_held(cx)
            }
            Poll::Pending => self.poll_held(cx),
            Poll::Ready(_) => polled,
        }
    }

    fn poll_held<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        let timer = self.0.as_mut().map(|held| held.timer.as_mut().poll(cx));
        match timer {
            Some(Poll::Ready(())) => Poll::Ready(self.0.take().map(|held| Err(held.error))),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }
}
