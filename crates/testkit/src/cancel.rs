//! Futures that are dropped before they are done, as `select!` does it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// The result of a future that was dropped and started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled<T> {
    /// The value of the last future.
    pub value: T,
    /// `true` if there was an earlier one, dropped before it was done.
    pub was_cancelled: bool,
}

/// Polls a future up to `polls` times and drops it. `None` if it was not done by then.
pub async fn poll_then_drop<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| match left.checked_sub(1) {
        None => Poll::Ready(None),
        Some(less) => {
            left = less;
            match future.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                // The last poll was in vain: drop it now, not when it would be woken.
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        }
    })
    .await
}

/// Starts a future, drops it after `polls` polls, and starts another one that may end.
///
/// ```
/// # use tidings_testkit::cancelled_once;
/// # async fn test(socket: &mut Vec<u8>) {
/// let received = cancelled_once(3, async || socket.pop()).await;
/// # }
/// ```
pub async fn cancelled_once<T>(polls: usize, mut start: impl AsyncFnMut() -> T) -> Cancelled<T> {
    match poll_then_drop(polls, start()).await {
        Some(value) => Cancelled { value, was_cancelled: false },
        None => Cancelled { value: start().await, was_cancelled: true },
    }
}

/// Runs a test with a cancellation after 0, 1, 2, ... polls, until the test says that nothing was
/// cancelled any more; returns how many runs that took.
pub fn for_every_cancellation(mut was_cancelled: impl FnMut(usize) -> bool) -> usize {
    let last = (0..100_000).find(|polls| !was_cancelled(*polls));
    last.unwrap_or_else(|| panic!("the future never comes to an end")) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wake::run_when_woken;
    use std::cell::Cell;

    /// Is pending this many times, and counts each poll.
    async fn pending_for(times: usize, polls: &Cell<usize>) {
        let mut left = times;
        poll_fn(|context| {
            polls.set(polls.get() + 1);
            context.waker().wake_by_ref();
            match left {
                0 => Poll::Ready(()),
                _ => {
                    left -= 1;
                    Poll::Pending
                }
            }
        })
        .await;
    }

    #[test]
    fn a_future_is_dropped_after_every_number_of_polls() {
        let mut all = Vec::new();
        let runs = for_every_cancellation(|polls| {
            let polled = Cell::new(0);
            let test = cancelled_once(polls, async || pending_for(3, &polled).await);
            let cancelled = run_when_woken(100, test, async {}).values.0;
            all.push(polled.get());
            cancelled.was_cancelled
        });
        // k polls of the first, then 4 of the second; at last the first one is done with its 4th.
        assert_eq!((runs, all), (5, vec![4, 5, 6, 7, 4]));
    }
}
