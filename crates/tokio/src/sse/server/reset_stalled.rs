//! Resets HTTP/2 streams whose reader takes nothing: [`ResetStalled`].

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::Instant;

use crate::timer::{Timer, poll_timer};

/// An executor for hyper's HTTP/2 server, around another one. It resets a stream (`RST_STREAM`, code
/// `CANCEL`) whose event stream is stuck, within its
/// [stall timeout](tidings_endpoint::event_sink::Responder::stall_timeout), or that of its
/// [`Relay`](super::Relay::stall_timeout).
///
/// hyper does not poll the body of a response while the client's window is shut, so a body alone
/// cannot end such a stream: its senders learn of it, and the client's stream hangs until the
/// window opens or the connection ends. With this executor hyper's own task for the stream is
/// dropped. The other streams of the connection do not notice.
///
/// It makes no difference to HTTP/1.1, which has no executor; there and for a connection that takes
/// nothing at all a [`WriteDeadline`](super::WriteDeadline) is the means.
///
/// The stream of a request whose body is still held elsewhere, by a task for example, is reset when
/// that is dropped.
///
/// ```
/// use hyper_util::rt::TokioExecutor;
/// use tidings_tokio::sse::server::ResetStalled;
///
/// let http2 = hyper::server::conn::http2::Builder::new(ResetStalled::new(TokioExecutor::new()));
/// let either = hyper_util::server::conn::auto::Builder::new(ResetStalled::new(TokioExecutor::new()));
/// # let _ = (http2, either);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ResetStalled<E>(E);

impl<E> ResetStalled<E> {
    /// Lets `executor` run the tasks.
    pub const fn new(executor: E) -> Self {
        Self(executor)
    }
}

impl<E, F> Executor<F> for ResetStalled<E>
where
    F: Future,
    E: Executor<Resettable<F>>,
{
    fn execute(&self, task: F) {
        self.0.execute(Resettable { task: Some(Box::pin(task)), reset: Arc::default() });
    }
}

/// A task of hyper's, for one stream: it can be ended from outside. [`ResetStalled`] runs it.
pub struct Resettable<F> {
    task: Option<Pin<Box<F>>>,
    reset: Arc<Reset>,
}

/// The trigger that ends a [`Resettable`].
#[derive(Debug, Default)]
pub(super) struct Reset {
    is_due: AtomicBool,
    task: Mutex<Option<Waker>>,
}

thread_local! {
    /// That of the task that this thread polls.
    static CURRENT: RefCell<Option<Arc<Reset>>> = const { RefCell::new(None) };
}

impl Reset {
    /// Of the task that is being polled.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.with(|current| current.try_borrow().ok()?.clone())
    }

    /// Ends the task, and so resets the stream.
    pub(super) fn reset(&self) {
        self.is_due.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.into_iter().for_each(Waker::wake);
    }

    /// Returns whether the task should end; otherwise this waker is called when it should.
    fn poll(&self, cx: &Context<'_>) -> bool {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        drop(task);
        // Only after the waker is stored: code that sets the flag later calls it.
        self.is_due.load(Ordering::Acquire)
    }
}

/// Its timer has gone off.
impl Wake for Reset {
    fn wake(self: Arc<Self>) {
        self.reset();
    }
}

/// Resets the stream of a body that was not asked for more in time.
pub(super) struct StallTimer {
    reset: Waker,
    /// Runs while the connection has something to write.
    timer: Timer,
}

impl StallTimer {
    /// For a body of the task that is being polled, if that can be ended.
    pub(super) fn current() -> Option<Self> {
        Reset::current().map(|reset| Self { reset: Waker::from(reset), timer: None })
    }

    /// The connection was given something.
    pub(super) fn gave(&mut self, limit: Duration) {
        let Some(deadline) = Instant::now().checked_add(limit) else { return };
        let mut cx = Context::from_waker(&self.reset);
        if poll_timer(&mut self.timer, &mut cx, deadline).is_ready() {
            self.reset.wake_by_ref();
        }
    }

    /// The connection has taken that, and there is no more for now.
    pub(super) fn idle(&mut self) {
        self.timer = None;
    }
}

impl<F: Future> Future for Resettable<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(task) = &mut this.task else { return Poll::Ready(()) };
        if !this.reset.poll(cx) {
            let _current = Current::set(Arc::clone(&this.reset));
            if task.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        // Dropping the task drops its half of the stream, which resets a stream that has not ended.
        this.task = None;
        Poll::Ready(())
    }
}

/// Sets [`CURRENT`], and back when it is dropped, also by a panic.
struct Current {
    before: Option<Arc<Reset>>,
}

impl Current {
    fn set(reset: Arc<Reset>) -> Self {
        Self { before: Self::replace(Some(reset)) }
    }

    fn replace(reset: Option<Arc<Reset>>) -> Option<Arc<Reset>> {
        CURRENT.with(|current| mem::replace(&mut *current.borrow_mut(), reset))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        drop(Self::replace(self.before.take()));
    }
}

impl<F> fmt::Debug for Resettable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resettable").field("reset", &self.reset).finish_non_exhaustive()
    }
}
