//! Server-Sent Events on a stream: [`EventStream`] and [`EventWriter`].

use core::fmt;

use embedded_io::{Read, Write};
use tidings_sse::{Decoder, Event, Item, Storage};

use crate::asynchronous;
use crate::blocking::stream::{Blocking, poll_once};
use crate::event_error::{EventStreamError, EventWriterError};

/// Reads events from a source of bytes: [`asynchronous::EventStream`] on a blocking source.
///
/// ```
/// use tidings_embedded::blocking::EventStream;
/// use tidings_embedded::sse::{Decoder, FixedStorage, Item, Limits};
///
/// let body = &b"event: temperature\ndata: 21.5\n\ndata: cut o"[..];
///
/// let (mut data, mut event_type, mut ids) = ([0; 128], [0; 32], [0; 3 * 16]);
/// let storage = FixedStorage {
///     data: &mut data,
///     event_type: &mut event_type,
///     last_event_id: &mut ids,
///     comment: &mut [],
/// };
/// let decoder = Decoder::with_storage(storage, Limits::DEFAULT);
/// let mut buffer = [0; 256];
/// let mut events = EventStream::new(body, decoder, &mut buffer);
///
/// assert_eq!(events.fill(), Ok(true)); // 1. bytes in
/// let Some(Item::Event(event)) = events.next_item() else { panic!() }; // 2. items out
/// assert_eq!((event.event_type, event.data), ("temperature", "21.5"));
/// assert_eq!(events.next_item(), None); // all bytes were taken
///
/// use tidings_embedded::EventStreamError;
/// assert_eq!(events.fill(), Err(EventStreamError::InsideEvent { dropped_len: 11 }));
/// assert_eq!(events.fill(), Ok(false)); // the end
/// ```
pub struct EventStream<'b, R, D: Storage>(asynchronous::EventStream<'b, Blocking<R>, D>);

impl<'b, R: Read, D: Storage> EventStream<'b, R, D> {
    /// The events of this source; see [`new`](asynchronous::EventStream::new).
    pub const fn new(source: R, decoder: Decoder<D>, buffer: &'b mut [u8]) -> Self {
        Self(asynchronous::EventStream::new(Blocking(source), decoder, buffer))
    }

    /// Reads once, unless there are bytes left to decode. Returns false at the end.
    ///
    /// # Errors
    /// [`EventStreamError`]. After a temporary error of [`Io`](EventStreamError::Io) call this again.
    pub fn fill(&mut self) -> Result<bool, EventStreamError<R::Error>> {
        poll_once(self.0.fill(), EventStreamError::BrokenStream)
    }

    /// Returns the next item among the bytes that were read; `None` if there is none: call
    /// [`fill`](Self::fill).
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        self.0.next_item()
    }

    /// The decoder, which knows the last event ID and the reconnection time.
    pub const fn decoder(&self) -> &Decoder<D> {
        self.0.decoder()
    }

    /// Returns the source and the decoder, which is ready for the next stream; see
    /// [`into_parts`](asynchronous::EventStream::into_parts).
    pub fn into_parts(self) -> (R, Decoder<D>) {
        let (Blocking(source), decoder) = self.0.into_parts();
        (source, decoder)
    }
}

impl<R: fmt::Debug, D: Storage> fmt::Debug for EventStream<'_, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Writes events to a stream: [`asynchronous::EventWriter`] on a blocking stream.
///
/// ```
/// use tidings_embedded::blocking::EventWriter;
/// use tidings_embedded::sse::{Comment, Event, EventType};
///
/// # fn run(body: &mut [u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let mut buffer = [0; 128]; // for the longest event
/// let mut events = EventWriter::new(body, &mut buffer);
/// events.send(&Event::new().event_type(EventType::new("temperature")?).data("21.5"))?;
/// events.send(&Event::new().comment(Comment::EMPTY))?; // keep-alive
/// # Ok(())
/// # }
/// # let mut body = [0; 64];
/// # run(&mut body).unwrap();
/// # assert!(body.starts_with(b"event: temperature\ndata: 21.5\n\n: \n\n"));
/// ```
pub struct EventWriter<'b, W>(asynchronous::EventWriter<'b, Blocking<W>>);

impl<'b, W: Write> EventWriter<'b, W> {
    /// Writes to this stream through a buffer that holds one event.
    pub const fn new(stream: W, buffer: &'b mut [u8]) -> Self {
        Self(asynchronous::EventWriter::new(Blocking(stream), buffer))
    }

    /// Writes an event, or only a comment, and flushes.
    ///
    /// # Errors
    /// [`EventWriterError`]. After a temporary error of [`Io`](EventWriterError::Io),
    /// [`flush`](Self::flush) writes the rest of the event. Do not send it again.
    pub fn send(&mut self, event: &Event<'_>) -> Result<(), EventWriterError<W::Error>> {
        poll_once(self.0.send(event), EventWriterError::BrokenStream)
    }

    /// Writes the rest of an unfinished event, and flushes the stream.
    ///
    /// # Errors
    /// The same as [`send`](Self::send).
    pub fn flush(&mut self) -> Result<(), EventWriterError<W::Error>> {
        poll_once(self.0.flush(), EventWriterError::BrokenStream)
    }

    /// Gives the stream back.
    pub fn into_stream(self) -> W {
        self.0.into_stream().0
    }
}

impl<W: fmt::Debug> fmt::Debug for EventWriter<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
