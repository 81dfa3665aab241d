//! Tasks and threads that wait: [`Waiters`] in line, and [`Wakers`] to be called.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use super::stream::End;

/// Tasks in line.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    next_ticket: u64,
    line: VecDeque<(u64, Waker)>,
}

impl Waiters {
    /// Takes a place at the end of the line, or keeps the one that the ticket stands for. Returns a
    /// waker that is not needed.
    pub(super) fn enter(&mut self, ticket: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        let place = ticket.and_then(|ticket| self.line.iter_mut().find(|(t, _)| *t == ticket));
        if let Some((_, old)) = place {
            return Some(mem::replace(old, waker));
        }
        *ticket = Some(self.next_ticket);
        self.line.push_back((self.next_ticket, waker));
        self.next_ticket = self.next_ticket.wrapping_add(1);
        None
    }

    /// Gives up the place.
    pub(super) fn leave(&mut self, ticket: Option<u64>) -> Option<Waker> {
        let at = self.line.iter().position(|(t, _)| Some(*t) == ticket)?;
        self.line.remove(at).map(|(_, waker)| waker)
    }

    /// Returns whether it is the turn of the holder of this ticket, or of a caller without one.
    pub(super) fn is_turn_of(&self, ticket: Option<u64>) -> bool {
        self.line.front().is_none_or(|(first, _)| Some(*first) == ticket)
    }

    /// Returns the waker of the first waiter, which keeps its place.
    pub(super) fn first(&self) -> Option<Waker> {
        self.line.front().map(|(_, waker)| waker.clone())
    }

    pub(super) fn wake_all(&mut self, wakers: &mut Wakers) {
        wakers.all.extend(self.line.drain(..).map(|(_, waker)| waker));
    }
}

/// The wakers to call when the lock is released, and the events to trace then.
#[derive(Default)]
pub(super) struct Wakers {
    pub(super) one: Option<Waker>,
    pub(super) all: Vec<Waker>,
    /// Not to be called, only to be dropped: its task can go with a waker, and our sink with the task.
    pub(super) unused: Option<Waker>,
    /// The way in which the stream has just ended.
    pub(super) ended: Option<End>,
}

impl Wakers {
    pub(super) fn wake(self) {
        self.one.into_iter().chain(self.all).for_each(Waker::wake);
        drop(self.unused);
    }
}

/// A waker that unparks this thread, for a driver that blocks: it waits by [`thread::park`] or
/// [`thread::park_timeout`].
#[must_use]
pub fn thread_waker() -> Waker {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    Waker::from(Arc::new(Unpark(thread::current())))
}
