//! Events to a stream: [`EventWriter`].

use core::fmt;

use embedded_io::Write;
use tidings_sse::Event;

use crate::event_error::EventWriterError;
use crate::event_outbox::EventOutbox;

/// Writes events to the body of a response of your HTTP server.
///
/// That server has written the head, with
/// [`RESPONSE_HEADERS`](tidings_sse::RESPONSE_HEADERS) and, if it does not chunk the body, with
/// `Connection: close`; it puts chunked transfer coding around what is written here, if it does.
///
/// ```
/// use tidings_embedded::blocking::EventWriter;
/// use tidings_embedded::sse::{Comment, Event, EventType};
///
/// # fn run(body: &mut [u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let mut buffer = [0; 128]; // for the longest event
/// let mut events = EventWriter::new(body, &mut buffer);
/// events.send(&Event::new().event_type(EventType::new("temperature")?).data("21.5"))?;
/// events.send(&Event::new().comment(Comment::EMPTY))?; // a sign of life
/// # Ok(())
/// # }
/// # let mut body = [0; 64];
/// # run(&mut body).unwrap();
/// # assert!(body.starts_with(b"event: temperature\ndata: 21.5\n\n: \n\n"));
/// ```
pub struct EventWriter<'b, W> {
    stream: W,
    outbox: EventOutbox<'b>,
}

impl<'b, W: Write> EventWriter<'b, W> {
    /// Writes to this stream, by way of a buffer that holds an event.
    pub const fn new(stream: W, buffer: &'b mut [u8]) -> Self {
        Self { stream, outbox: EventOutbox::new(buffer) }
    }

    /// Writes an event, or a comment alone, and flushes.
    ///
    /// # Errors
    /// [`EventWriterError`]. After one of [`Io`](EventWriterError::Io) that passes,
    /// [`flush`](Self::flush) writes the rest of the event; it is not to be sent again.
    pub fn send(&mut self, event: &Event<'_>) -> Result<(), EventWriterError<W::Error>> {
        self.outbox.push(event)?;
        self.flush()
    }

    /// Writes what is left of an event that was cut, and flushes the stream.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), EventWriterError<W::Error>> {
        while let Some(rest) = self.outbox.rest() {
            let written = self.stream.write(rest);
            self.outbox.wrote(written)?;
        }
        if self.outbox.needs_flush() {
            let flushed = self.stream.flush();
            self.outbox.flushed(flushed)?;
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
