//! A [`Session`] on its transport: [`Link`], and the tokio stream and clock as its [`Driver`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tidings_endpoint::{Driver, Error, Negotiated, Outgoing, Session};
use tidings_websocket::{Role, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Config;

/// All of a WebSocket but the bytes that were received.
#[derive(Debug)]
pub(crate) struct Link<S, R> {
    pub(crate) stream: S,
    pub(crate) clock: Clock,
    pub(crate) session: Session<R>,
}

#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// The transport and the clock in one poll of a task.
pub(crate) struct Polled<'l, 'c, 'w, S> {
    stream: &'l mut S,
    clock: &'l mut Clock,
    cx: &'c mut Context<'w>,
}

impl<S, R> Link<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Role,
{
    pub(crate) fn new(stream: S, role: R, config: &Config, negotiated: &Negotiated) -> Self {
        let clock = Clock { epoch: Instant::now(), timer: None };
        Self { stream, clock, session: Session::new(role, config, negotiated) }
    }

    /// Waits for room, queues the message once, and writes unless more received bytes wait.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing<'_>>,
        more_received: bool,
    ) -> Poll<Result<(), Error>> {
        let (session, mut polled) = self.poll(cx);
        if message.is_some() {
            ready!(session.poll_room(&mut polled))?;
        }
        if let Some(message) = message.take() {
            if !session.send(&mut polled, message, more_received)? {
                return Poll::Ready(Ok(()));
            }
        }
        session.poll_flush(&mut polled)
    }
}

impl<S, R> Link<S, R> {
    /// The session, and what drives it in this poll.
    pub(crate) fn poll<'l, 'c, 'w>(
        &'l mut self,
        cx: &'c mut Context<'w>,
    ) -> (&'l mut Session<R>, Polled<'l, 'c, 'w, S>) {
        let Self { stream, clock, session } = self;
        (session, Polled { stream, clock, cx })
    }
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver for Polled<'_, '_, '_, S> {
    fn read(&mut self, buffer: &mut [u8], _: Option<Timestamp>) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(buffer);
        ready!(Pin::new(&mut *self.stream).poll_read(self.cx, &mut read))?;
        Poll::Ready(Ok(read.filled().len()))
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut *self.stream);
        match slices {
            [only] => stream.poll_write(self.cx, only),
            _ => stream.poll_write_vectored(self.cx, slices),
        }
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(self.cx)
    }

    fn shut_down(&mut self) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(self.cx)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait(&mut self, until: Option<Timestamp>) -> Poll<()> {
        let Some(until) = until else { return Poll::Pending };
        // "Never" is 584 years away.
        let deadline = self.clock.epoch.checked_add(until.since_epoch());
        let Some(deadline) = deadline else { return Poll::Pending };
        let timer = self.clock.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(self.cx)
    }
}
