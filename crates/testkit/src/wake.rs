//! An executor that polls a future only if it was woken, so that a wake-up that is lost shows.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// The results of two futures, and the number of polls and wake-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Woken<A, B> {
    /// The results.
    pub values: (A, B),
    /// The number of polls of each.
    pub polls: (usize, usize),
    /// The number of wake-ups of each.
    pub wakes: (usize, usize),
}

#[derive(Default)]
struct Flag {
    is_woken: AtomicBool,
    wakes: AtomicUsize,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs two futures to their ends, each polled only when it was woken.
///
/// # Panics
/// If neither is woken and not both are done: a wake-up was lost. If it takes more than
/// `max_polls` polls: something spins.
pub fn run_when_woken<A: Future, B: Future>(
    max_polls: usize,
    a: A,
    b: B,
) -> Woken<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let flags: [Arc<Flag>; 2] = Default::default();
    for flag in &flags {
        flag.is_woken.store(true, Ordering::SeqCst);
    }
    let (mut from_a, mut from_b) = (None, None);
    let mut polls = [0; 2];
    loop {
        let mut progress = false;
        for (i, flag) in flags.iter().enumerate() {
            if !flag.is_woken.swap(false, Ordering::SeqCst) {
                continue;
            }
            let waker = Waker::from(Arc::clone(flag));
            let mut context = Context::from_waker(&waker);
            if i == 0 && from_a.is_none() {
                from_a = ready(a.as_mut().poll(&mut context));
            } else if i == 1 && from_b.is_none() {
                from_b = ready(b.as_mut().poll(&mut context));
            } else {
                continue; // woken after its end
            }
            polls[i] += 1;
            progress = true;
        }
        let wakes = flags.each_ref().map(|flag| flag.wakes.load(Ordering::SeqCst));
        (from_a, from_b) = match (from_a, from_b) {
            (Some(a), Some(b)) => {
                return Woken { values: (a, b), polls: polls.into(), wakes: wakes.into() };
            }
            pending => pending,
        };
        let done = [from_a.is_some(), from_b.is_some()];
        assert!(progress, "a wake-up was lost: done {done:?}, polls {polls:?}, wakes {wakes:?}");
        assert!(polls[0] + polls[1] <= max_polls, "it spins: done {done:?}, polls {polls:?}");
    }
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};

    #[test]
    #[should_panic(expected = "a wake-up was lost")]
    fn a_lost_wake_up_is_seen() {
        run_when_woken(10, async {}, pending::<()>());
    }

    #[test]
    #[should_panic(expected = "it spins")]
    fn a_busy_loop_is_seen() {
        let spin = poll_fn(|context| -> Poll<()> {
            context.waker().wake_by_ref();
            Poll::Pending
        });
        run_when_woken(10, spin, async {});
    }
}
