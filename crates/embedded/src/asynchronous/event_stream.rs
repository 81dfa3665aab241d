//! The events of a source of bytes: [`EventStream`].

use core::fmt;

use embedded_io_async::Read;
use tidings_sse::{Decoder, EndOfStream, Item, Storage};

use crate::event_error::EventStreamError;
use crate::slice::slice;

/// Reads events from a source of bytes: the body of a response of your HTTP client.
///
/// That client checks the status and the media type, with
/// [`is_event_stream`](tidings_sse::is_event_stream), and removes chunked transfer coding.
///
/// ```
/// use embedded_io_async::Read;
/// use tidings_embedded::EventStreamError;
/// use tidings_embedded::asynchronous::EventStream;
/// use tidings_embedded::sse::{Decoder, FixedStorage, Item, Limits};
///
/// async fn show<R: Read>(body: R) -> Result<(), EventStreamError<R::Error>> {
///     let (mut data, mut event_type, mut ids) = ([0; 128], [0; 32], [0; 3 * 16]);
///     let storage = FixedStorage {
///         data: &mut data,
///         event_type: &mut event_type,
///         last_event_id: &mut ids,
///         comment: &mut [],
///     };
///     let decoder = Decoder::with_storage(storage, Limits::DEFAULT);
///     let mut buffer = [0; 256];
///     let mut events = EventStream::new(body, decoder, &mut buffer);
///     while events.fill().await? {
///         while let Some(item) = events.next_item() {
///             if let Item::Event(event) = item {
///                 // `event.data` is borrowed until the next call
///                 # let _ = event;
///             }
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct EventStream<'b, R, D: Storage> {
    source: R,
    decoder: Decoder<D>,
    /// The caller's, with bytes to decode at `start..end`.
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
    has_ended: bool,
}

impl<'b, R: Read, D: Storage> EventStream<'b, R, D> {
    /// The events of this source. The decoder has the limits and the storage, and decides which
    /// items are reported. A read takes at most as many bytes as the buffer holds; its length
    /// limits nothing else.
    pub const fn new(source: R, decoder: Decoder<D>, buffer: &'b mut [u8]) -> Self {
        Self { source, decoder, buffer, start: 0, end: 0, has_ended: false }
    }

    /// Reads once, unless there are bytes left to decode. Returns false at the end.
    ///
    /// # Cancel safety
    /// Cancel safe if the source's `read` is.
    ///
    /// # Errors
    /// [`EventStreamError`]. After a temporary error of [`Io`](EventStreamError::Io) call this again.
    pub async fn fill(&mut self) -> Result<bool, EventStreamError<R::Error>> {
        if self.start < self.end {
            return Ok(true);
        }
        if self.has_ended {
            return Ok(false);
        }
        if self.buffer.is_empty() {
            // A read into an empty buffer returns 0, which would look like the end.
            return Err(EventStreamError::NoBuffer);
        }
        match self.source.read(self.buffer).await.map_err(EventStreamError::Io)? {
            0 => {
                self.has_ended = true;
                match self.decoder.finish() {
                    EndOfStream::BetweenEvents => Ok(false),
                    EndOfStream::InsideEvent { dropped_len } => {
                        Err(EventStreamError::InsideEvent { dropped_len })
                    }
                }
            }
            len if len > self.buffer.len() => Err(EventStreamError::BrokenStream),
            len => {
                (self.start, self.end) = (0, len);
                Ok(true)
            }
        }
    }

    /// Returns the next item among the bytes that were read; `None` if there is none: call
    /// [`fill`](Self::fill).
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        let mut rest = slice(self.buffer, self.start..self.end);
        let item = self.decoder.decode(&mut rest);
        self.start = self.end.saturating_sub(rest.len());
        item
    }

    /// The decoder, which knows the last event ID and the reconnection time.
    pub const fn decoder(&self) -> &Decoder<D> {
        &self.decoder
    }

    /// Returns the source and the decoder. The decoder is ready for the next stream: an unfinished
    /// event is dropped, the last event ID stays.
    pub fn into_parts(mut self) -> (R, Decoder<D>) {
        self.decoder.finish();
        (self.source, self.decoder)
    }
}

impl<R: fmt::Debug, D: Storage> fmt::Debug for EventStream<'_, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("source", &self.source).finish_non_exhaustive()
    }
}
