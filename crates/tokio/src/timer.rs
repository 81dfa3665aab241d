//! A timer that is made when it is first needed, and set anew only when it has to be: [`Timer`].

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// `None` while it was not needed.
pub(crate) type Timer = Option<Pin<Box<Sleep>>>;

/// Ready at the deadline.
pub(crate) fn poll_timer(timer: &mut Timer, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
    if timer.deadline() != deadline {
        timer.as_mut().reset(deadline);
    }
    timer.as_mut().poll(cx)
}
