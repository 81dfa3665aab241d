//! Events to a stream: [`EventWriter`].

use core::fmt;

use embedded_io_async::Write;
use tidings_sse::Event;

use crate::event_error::EventWriterError;
use crate::slice::slice;

/// Writes events to the body of a response of your HTTP server.
///
/// That server writes the head, with [`RESPONSE_HEADERS`](tidings_sse::RESPONSE_HEADERS), and either
/// encodes the body in chunks or adds `Connection: close`.
///
/// ```
/// use embedded_io_async::Write;
/// use tidings_embedded::EventWriterError;
/// use tidings_embedded::asynchronous::EventWriter;
/// use tidings_embedded::sse::{Comment, Event};
///
/// async fn report<W: Write>(body: W) -> Result<(), EventWriterError<W::Error>> {
///     let mut buffer = [0; 128]; // for the longest event
///     let mut events = EventWriter::new(body, &mut buffer);
///     events.send(&Event::new().data("21.5")).await?;
///     events.send(&Event::new().comment(Comment::EMPTY)).await // keep-alive
/// }
/// ```
pub struct EventWriter<'b, W> {
    stream: W,
    /// The caller's, with bytes to write at `start..end`.
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
    needs_flush: bool,
}

impl<'b, W: Write> EventWriter<'b, W> {
    /// Writes to this stream through a buffer that holds one event.
    pub const fn new(stream: W, buffer: &'b mut [u8]) -> Self {
        Self { stream, buffer, start: 0, end: 0, needs_flush: false }
    }

    /// Writes an event, or only a comment, and flushes.
    ///
    /// # Cancel safety
    /// If the future is dropped after its first poll, [`flush`](Self::flush) writes the rest of the
    /// event. Do not send it again.
    ///
    /// # Errors
    /// [`EventWriterError`]. After a temporary error of [`Io`](EventWriterError::Io),
    /// [`flush`](Self::flush) writes the rest of the event. Do not send it again.
    pub async fn send(&mut self, event: &Event<'_>) -> Result<(), EventWriterError<W::Error>> {
        if self.start < self.end {
            return Err(EventWriterError::Unfinished);
        }
        (self.start, self.end) = (0, 0);
        self.end = event.encode_into(self.buffer).map_err(EventWriterError::Event)?;
        self.flush().await
    }

    /// Writes the rest of an unfinished event, and flushes the stream.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost or sent twice.
    ///
    /// # Errors
    /// The same as [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), EventWriterError<W::Error>> {
        while self.start < self.end {
            let rest = slice(self.buffer, self.start..self.end);
            let len = self.stream.write(rest).await.map_err(EventWriterError::Io)?;
            if len == 0 || len > rest.len() {
                return Err(EventWriterError::BrokenStream);
            }
            self.start = self.start.saturating_add(len);
            self.needs_flush = true;
        }
        if self.needs_flush {
            self.stream.flush().await.map_err(EventWriterError::Io)?;
            self.needs_flush = false;
        }
        Ok(())
    }

    /// Gives the stream back.
    pub fn into_stream(self) -> W {
        self.stream
    }
}

impl<W: fmt::Debug> fmt::Debug for EventWriter<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWriter").field("stream", &self.stream).finish_non_exhaustive()
    }
}
