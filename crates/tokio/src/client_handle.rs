//! Speaks to a client that reconnects while another task waits in it: [`ClientHandle`].

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Ends an [`EventSource`](crate::sse::EventSource) or a
/// [`Reconnecting`](crate::reconnect::Reconnecting) client, or makes it try again at once, from
/// another task or thread.
///
/// The next poll of the client, which it wakes, carries out its requests. It keeps no connection
/// open.
#[derive(Clone, Default)]
pub struct ClientHandle(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    closes: bool,
    tries_now: bool,
    waker: Option<Waker>,
}

/// The requests of a handle since the last poll.
pub(crate) struct Requested {
    pub(crate) closes: bool,
    pub(crate) tries_now: bool,
}

impl ClientHandle {
    /// Closes the client permanently.
    pub fn close(&self) {
        self.ask(|shared| shared.closes = true);
    }

    /// Makes the next attempt now, if one is waited for: for a program that learned that the network
    /// is back. While an attempt is under way or a connection is open, nothing changes.
    pub fn try_now(&self) {
        self.ask(|shared| shared.tries_now = true);
    }

    /// Returns whether the client was closed by a handle.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closes
    }

    /// Takes the pending requests. The task is woken when there are more.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Requested {
        let mut shared = self.lock();
        match &mut shared.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        Requested { closes: shared.closes, tries_now: std::mem::take(&mut shared.tries_now) }
    }

    fn ask(&self, what: impl FnOnce(&mut Shared)) {
        let mut shared = self.lock();
        what(&mut shared);
        let waker = shared.waker.take();
        drop(shared);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nothing is left half done in there.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandle").field("is_closed", &self.is_closed()).finish()
    }
}
