//! The control of an [`EventSource`](super::EventSource) while another thread waits in it:
//! [`ClientHandle`], and [`Control`], the state that the two share.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{fmt, io, thread};

use super::connection::Fetched;
use crate::deadline::Deadline;

/// Ends an [`EventSource`](super::EventSource) from another thread, in whatever it waits: for the
/// next attempt, for a connection, for an event. Or makes it try again at once.
///
/// It keeps no connection open.
#[derive(Clone)]
pub struct ClientHandle(Arc<Control>);

impl ClientHandle {
    pub(super) fn new(control: &Arc<Control>) -> Self {
        Self(Arc::clone(control))
    }

    /// Closes the source permanently: a waiting call returns at once, and it and all later ones
    /// return `None`.
    pub fn close(&self) {
        self.0.close();
    }

    /// Makes the next attempt now, if one is waited for: for a program that learned that the network
    /// is back. While an attempt is under way or a stream is open, nothing changes.
    pub fn try_now(&self) {
        self.0.try_now();
    }

    /// Returns whether the source is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl fmt::Debug for ClientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandle").field("is_closed", &self.is_closed()).finish()
    }
}

/// The place where a source can be interrupted.
#[derive(Default)]
pub(super) struct Control {
    is_closed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

/// The attempt that something belongs to. Results of other attempts are no longer wanted.
pub(super) type AttemptNumber = u64;

#[derive(Default)]
struct State {
    /// The connection to shut down to interrupt a read.
    tcp: Option<TcpStream>,
    attempt: AttemptNumber,
    fetched: Option<Fetched>,
    tries_now: bool,
}

impl Control {
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        self.is_closed.store(true, Ordering::Release);
        state.shut_down();
        let fetched = state.fetched.take();
        drop(state);
        self.changed.notify_all();
        drop(fetched); // which looks at the state
    }

    fn try_now(&self) {
        self.lock().tries_now = true;
        self.changed.notify_all();
    }

    /// Returns whether the next attempt is wanted now, once.
    pub(super) fn take_try_now(&self) -> bool {
        std::mem::take(&mut self.lock().tries_now)
    }

    /// Waits for the time to come, or for a handle.
    pub(super) fn sleep_until(&self, deadline: Deadline) {
        let mut state = self.lock();
        while !self.is_closed() && !state.tries_now && !deadline.time_left().is_zero() {
            state = self.wait(state, deadline);
        }
    }

    /// Runs `fetch` on a separate thread, since a DNS lookup cannot be interrupted. That thread may
    /// outlive the call, and ends at its deadline. [`wait_for`](Self::wait_for) returns the result.
    ///
    /// # Errors
    /// The thread could not be spawned.
    pub(super) fn begin(
        self: &Arc<Self>,
        fetch: impl FnOnce(AttemptNumber) -> Fetched + Send + 'static,
    ) -> io::Result<AttemptNumber> {
        let mut state = self.lock();
        state.attempt = state.attempt.wrapping_add(1);
        let number = state.attempt;
        drop(state);

        let control = Arc::clone(self);
        let work = move || {
            let fetched = fetch(number);
            let mut state = control.lock();
            if state.attempt == number && !control.is_closed() {
                state.fetched = Some(fetched);
                control.changed.notify_all();
            } else {
                drop(state);
                drop(fetched); // which looks at the state
            }
        };
        thread::Builder::new().name("tidings-fetch".to_owned()).spawn(work)?;
        Ok(number)
    }

    /// Waits for the result of [`begin`](Self::begin); `None` if it is late, or the source was
    /// closed.
    pub(super) fn wait_for(&self, deadline: Deadline) -> Option<Fetched> {
        let mut state = self.lock();
        loop {
            if let Some(fetched) = state.fetched.take() {
                return Some(fetched);
            }
            if self.is_closed() || deadline.time_left().is_zero() {
                return None;
            }
            state = self.wait(state, deadline);
        }
    }

    /// Nobody waits for the attempt any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.attempt = state.attempt.wrapping_add(1);
        state.shut_down();
        let fetched = state.fetched.take();
        drop(state);
        drop(fetched); // which looks at the state
    }

    /// From now on this connection of an attempt ends when this is closed, which it may be already.
    pub(super) fn hold(&self, number: AttemptNumber, tcp: &TcpStream) -> io::Result<()> {
        let tcp = tcp.try_clone()?;
        let mut state = self.lock();
        if self.is_closed() || state.attempt != number {
            drop(tcp.shutdown(Shutdown::Both));
        } else {
            state.tcp = Some(tcp);
        }
        Ok(())
    }

    /// Lets go of the connection of an attempt.
    pub(super) fn release(&self, number: AttemptNumber) {
        let mut state = self.lock();
        if state.attempt == number {
            state.tcp = None;
        }
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>, deadline: Deadline) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, deadline.time_left());
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Nothing is left half done in there.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shut_down(&mut self) {
        if let Some(tcp) = self.tcp.take() {
            // It may have ended already.
            drop(tcp.shutdown(Shutdown::Both));
        }
    }
}
