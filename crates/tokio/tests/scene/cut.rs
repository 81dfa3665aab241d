//! Futures that are dropped before they are done: [`Cut`].

use std::cell::Cell;

use tidings_testkit::poll_then_drop;

/// The time to drop a future.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    polls: Option<usize>,
    is_every: bool,
    cancelled: Cell<usize>,
}

impl Cut {
    /// Never.
    pub(crate) const fn never() -> Self {
        Self { polls: None, is_every: false, cancelled: Cell::new(0) }
    }

    /// Each operation once, after this many polls of its future; then a new future may end.
    pub(crate) const fn once(polls: usize) -> Self {
        Self { polls: Some(polls), ..Self::never() }
    }

    /// Each future of an operation, after this many polls, until one ends before that.
    pub(crate) const fn every(polls: usize) -> Self {
        Self { is_every: true, ..Self::once(polls) }
    }

    /// Returns whether no future is to be dropped.
    pub(crate) const fn is_never(&self) -> bool {
        self.polls.is_none()
    }

    /// Returns the number of dropped futures.
    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.get()
    }

    /// Does an operation by futures that `start` makes.
    pub(crate) async fn run<T>(&self, mut start: impl AsyncFnMut() -> T) -> T {
        let Some(polls) = self.polls else { return start().await };
        loop {
            if let Some(value) = poll_then_drop(polls, start()).await {
                return value;
            }
            self.cancelled.set(self.cancelled.get() + 1);
            if !self.is_every {
                return start().await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The first future of an operation; the second one is the caller's business.
    pub(crate) async fn first<F: Future>(&self, future: F) -> Option<F::Output> {
        let Some(polls) = self.polls else { return Some(future.await) };
        let value = poll_then_drop(polls, future).await;
        self.cancelled.set(self.cancelled.get() + usize::from(value.is_none()));
        value
    }

    /// Like [`first`](Self::first), but not without a poll.
    pub(crate) async fn first_polled<F: Future>(&self, future: F) -> Option<F::Output> {
        let Some(polls) = self.polls else { return Some(future.await) };
        let value = poll_then_drop(polls.max(1), future).await;
        // With 0 polls other operations are cancelled too: that run is not the last.
        self.cancelled.set(self.cancelled.get() + usize::from(value.is_none()));
        value
    }
}
