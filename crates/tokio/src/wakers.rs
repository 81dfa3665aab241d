//! The tasks at the two ends of one WebSocket: [`Wakers`].
//!
//! Either may have to act: the receiver writes Pongs, a waiting sender reads ahead, and when
//! closing begins other deadlines count. So the transport and the timers wake both.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tidings_websocket::Role;

use crate::socket::WebSocket;

/// The tasks that wait at the two ends.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    receiver: Mutex<Option<Waker>>,
    sender: Mutex<Option<Waker>>,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Receiver,
    Sender,
}

impl Wakers {
    fn at(&self, end: End) -> MutexGuard<'_, Option<Waker>> {
        lock(match end {
            End::Receiver => &self.receiver,
            End::Sender => &self.sender,
        })
    }

    /// Something was read that the receiver has to take.
    pub(crate) fn wake_receiver(&self) {
        self.wake_at(End::Receiver);
    }

    /// The sender has something to do, though the transport has not changed.
    pub(crate) fn wake_sender(&self) {
        self.wake_at(End::Sender);
    }

    fn wake_at(&self, end: End) {
        let waker = self.at(end).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Taken first: the woken task may come back at once.
        let wakers = [End::Receiver, End::Sender].map(|end| self.at(end).take());
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of the user's own types while the lock was held must not spread.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S, R: Role> WebSocket<S, R> {
    /// From now on two tasks may have an end each.
    pub(crate) fn share(&mut self) {
        self.link.wakers.get_or_insert_default();
    }

    /// Polls for the task at one end.
    #[inline]
    pub(crate) fn poll_at<T>(
        &mut self,
        end: End,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        match &self.link.wakers {
            None => poll(self, cx),
            Some(wakers) => {
                let wakers = Arc::clone(wakers);
                *wakers.at(end) = Some(cx.waker().clone());
                let both = Waker::from(Arc::clone(&wakers));
                let polled = self.tell_both(|socket| poll(socket, &mut Context::from_waker(&both)));
                if polled.is_ready() {
                    *wakers.at(end) = None;
                }
                polled
            }
        }
    }

    /// Does something with the connection. If closing begins in it, other deadlines count from now
    /// on; if it ends in it, the transport wakes nobody any more. Both ends have to hear of that.
    pub(crate) fn tell_both<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let stage = |socket: &Self| (socket.link.send.is_open(), socket.link.send.has_ended());
        let before = stage(self);
        let done = work(self);
        if before != stage(self) {
            if let Some(wakers) = &self.link.wakers {
                wakers.wake_by_ref();
            }
        }
        done
    }
}
