//! Ends an [`EventSource`](super::EventSource) while another thread waits in it: [`Closer`], and
//! [`Control`], what the two share.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{fmt, io, thread};

use tidings_endpoint::Error;

use crate::connect::ClientStream;
use crate::deadline::Deadline;

/// Ends an [`EventSource`](super::EventSource) from another thread, in whatever it waits: for the
/// next attempt, for a connection, for an event.
///
/// It keeps no connection open.
#[derive(Clone)]
pub struct Closer(Arc<Control>);

impl Closer {
    pub(super) fn new(control: &Arc<Control>) -> Self {
        Self(Arc::clone(control))
    }

    /// Ends the source, for good: a call that waits comes back at once, and it and all later ones
    /// say `None`.
    pub fn close(&self) {
        self.0.close();
    }
}

impl fmt::Debug for Closer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closer").field("is_closed", &self.0.is_closed()).finish()
    }
}

/// Where a source can be interrupted.
#[derive(Default)]
pub(super) struct Control {
    is_closed: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What reading is interrupted by.
    tcp: Option<TcpStream>,
    /// The number of the way that is being opened; others are not wanted any more.
    opening: u64,
    opened: Option<Result<ClientStream, Error>>,
}

impl Control {
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        self.is_closed.store(true, Ordering::Release);
        state.opened = None;
        if let Some(tcp) = state.tcp.take() {
            // If it has ended already, so much the better.
            drop(tcp.shutdown(Shutdown::Both));
        }
        self.changed.notify_all();
    }

    /// Waits for the time to come, or to be closed.
    pub(super) fn sleep_until(&self, deadline: Deadline) {
        let mut state = self.lock();
        while !self.is_closed() && !deadline.time_left().is_zero() {
            state = self.wait(state, deadline);
        }
    }

    /// Runs `open` and waits for what it comes to; `None` if it is late, or this was closed before.
    ///
    /// It runs on a thread of its own, since a look-up cannot be interrupted. That thread may be left
    /// behind, and ends at the deadline.
    pub(super) fn open(
        self: &Arc<Self>,
        deadline: Deadline,
        open: impl FnOnce() -> Result<ClientStream, Error> + Send + 'static,
    ) -> Option<Result<ClientStream, Error>> {
        let mut state = self.lock();
        if self.is_closed() {
            return None;
        }
        state.opening = state.opening.wrapping_add(1);
        let number = state.opening;
        drop(state);

        let control = Arc::clone(self);
        let work = move || {
            let opened = open();
            let mut state = control.lock();
            if state.opening == number && !control.is_closed() {
                state.opened = Some(opened);
                control.changed.notify_all();
            }
        };
        if let Err(error) = thread::Builder::new().name("tidings-open".to_owned()).spawn(work) {
            return Some(Err(error.into()));
        }

        let mut state = self.lock();
        loop {
            if self.is_closed() {
                return None;
            }
            if let Some(opened) = state.opened.take() {
                return Some(opened);
            }
            if deadline.time_left().is_zero() {
                state.opening = state.opening.wrapping_add(1);
                return None;
            }
            state = self.wait(state, deadline);
        }
    }

    /// From now on this connection ends when this is closed, which it may be already.
    pub(super) fn hold(&self, tcp: &TcpStream) -> io::Result<()> {
        let tcp = tcp.try_clone()?;
        let mut state = self.lock();
        if self.is_closed() {
            drop(tcp.shutdown(Shutdown::Both));
        } else {
            state.tcp = Some(tcp);
        }
        Ok(())
    }

    /// Lets go of the connection.
    pub(super) fn release(&self) {
        self.lock().tcp = None;
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
