//! A [`Session`] on its [`Line`]: all of a WebSocket but the bytes that were received.

use std::io;
use std::task::Poll;
use std::time::Duration;

use tidings_endpoint::{Config, Driver as _, Error, Negotiated, Outgoing, Session};
use tidings_websocket::Role;
use tidings_websocket::frame::CloseFrame;

use crate::line::Line;
use crate::transport::Transport;

#[derive(Debug)]
pub(crate) struct Link<S, R> {
    pub(crate) line: Line<S>,
    pub(crate) session: Session<R>,
    pub(crate) recv_timeout: Option<Duration>,
}

impl<S: Transport, R: Role> Link<S, R> {
    pub(crate) fn new(stream: S, role: R, config: &Config, negotiated: &Negotiated) -> Self {
        Self {
            line: Line::new(stream),
            session: Session::new(role, config, negotiated),
            recv_timeout: None,
        }
    }

    /// Does what receives, as long as the caller waits for it.
    pub(crate) fn receive<T>(
        &mut self,
        poll: impl FnOnce(&mut Session<R>, &mut Line<S>) -> Poll<Result<T, Error>>,
    ) -> Result<T, Error> {
        self.line.within(self.recv_timeout, |line| poll(&mut self.session, line))
    }

    pub(crate) fn feed(&mut self, outgoing: Outgoing<'_>) -> Result<(), Error> {
        self.session.feed(outgoing, || self.line.now())
    }

    /// Queues a message if there is room, and writes it unless more received bytes wait.
    pub(crate) fn send(
        &mut self,
        outgoing: Outgoing<'_>,
        more_received: bool,
    ) -> Result<(), Error> {
        self.make_room()?;
        if self.session.send(&mut self.line, outgoing, more_received)? {
            self.flush_now()?;
        }
        Ok(())
    }

    pub(crate) fn make_room(&mut self) -> Result<(), Error> {
        self.line.until_written(|line| self.session.poll_room(line))
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.line.until_written(|line| self.session.poll_flush(line))
    }

    /// Flushes what the transport takes; what is queued is safe, so that is no error.
    pub(crate) fn flush_now(&mut self) -> Result<(), Error> {
        match self.flush() {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    pub(crate) fn start_close(&mut self, close: Option<CloseFrame>) {
        let now = self.line.now();
        self.session.start_close(now, close);
    }
}
