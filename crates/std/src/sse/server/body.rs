//! The body of an event stream's response: [`EventBody`], an [`EventSink`] on the clock of a thread.

use std::fmt;
use std::io::{self, Write};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tidings_endpoint::event_sink::{EventBodyError, EventSink, thread_waker};
use tidings_sse::Timestamp;

use super::ServeError;
use crate::sse::http1::response::ResponseWriter;
use crate::transport::is_not_now;

/// A response's body: events, each written as it comes, and keep-alive comments.
pub struct EventBody {
    sink: EventSink,
    epoch: Instant,
}

impl From<EventSink> for EventBody {
    fn from(sink: EventSink) -> Self {
        Self { sink, epoch: Instant::now() }
    }
}

impl EventBody {
    /// Writes the stream to the body of a response of another HTTP server, and blocks until it
    /// ends. The server has written the head before, with
    /// [`RESPONSE_HEADERS`](tidings_sse::RESPONSE_HEADERS). The output is flushed whenever there is
    /// no more for now.
    ///
    /// A writer that answers `WouldBlock` or `TimedOut` is stuck. To end a stuck connection, set its
    /// write timeout.
    ///
    /// # Errors
    /// [`ServeError::Write`] or [`ServeError::Cut`].
    pub fn write_to(self, writer: impl Write) -> Result<(), ServeError> {
        self.write(ResponseWriter::body(writer))
    }

    pub(super) fn write<W: Write>(
        mut self,
        mut writer: ResponseWriter<W>,
    ) -> Result<(), ServeError> {
        let waker = thread_waker();
        let mut cx = Context::from_waker(&waker);
        loop {
            let written = match self.sink.poll_next(&mut cx, self.now()) {
                Poll::Ready(Some(Ok(bytes))) => writer.push(&bytes),
                Poll::Ready(Some(Err(error))) => {
                    return self.check(writer.flush()).and(Err(ServeError::Cut(error)));
                }
                Poll::Ready(None) => return self.check(writer.finish()),
                Poll::Pending => writer.flush().map(|()| self.wait()),
            };
            self.check(written)?;
        }
    }

    /// Waits until the sink has something to say.
    fn wait(&self) {
        match self.sink.poll_timeout() {
            Some(until) => thread::park_timeout(until.since(self.now())),
            None => thread::park(),
        }
    }

    /// Converts an error of the writer.
    fn check(&mut self, written: io::Result<()>) -> Result<(), ServeError> {
        match written {
            Err(error) if is_not_now(&error) => {
                self.sink.stall();
                Err(ServeError::Cut(EventBodyError::Stalled))
            }
            written => written.map_err(ServeError::Write),
        }
    }

    /// Returns whether there is nothing to write.
    pub(super) const fn is_empty(&self) -> bool {
        self.sink.has_ended()
    }

    /// Returns how long a write may take nothing.
    pub(super) fn stall_timeout(&self) -> Option<Duration> {
        self.sink.stall_timeout()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }
}

impl fmt::Debug for EventBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody").field("queued", &self.sink.queued()).finish_non_exhaustive()
    }
}
