//! The events of a source of bytes: [`EventStream`].

use core::fmt;

use embedded_io::Read;
use tidings_sse::{Decoder, Item, Storage};

use crate::event_error::EventStreamError;
use crate::event_inbox::EventInbox;

/// The events of a source of bytes: the body of a response of your HTTP client.
///
/// That client looks at the status and at the media type, with
/// [`is_event_stream`](tidings_sse::is_event_stream), and takes chunked transfer coding off the body.
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
/// assert_eq!(events.next_item(), None); // all of the bytes was taken
///
/// use tidings_embedded::EventStreamError;
/// assert_eq!(events.fill(), Err(EventStreamError::InsideEvent { dropped_len: 11 }));
/// assert_eq!(events.fill(), Ok(false)); // the end
/// ```
pub struct EventStream<'b, R, D: Storage> {
    source: R,
    inbox: EventInbox<'b, D>,
}

impl<'b, R: Read, D: Storage> EventStream<'b, R, D> {
    /// The events of this source, by a decoder that brings limits, storage, and what it is to
    /// report. A read takes at most as much as the buffer holds; it limits nothing else.
    pub const fn new(source: R, decoder: Decoder<D>, buffer: &'b mut [u8]) -> Self {
        Self { source, inbox: EventInbox::new(decoder, buffer) }
    }

    /// Reads once, unless there is something left to decode. False at the end.
    ///
    /// # Errors
    /// [`EventStreamError`]. After one of [`Io`](EventStreamError::Io) that passes, go on.
    pub fn fill(&mut self) -> Result<bool, EventStreamError<R::Error>> {
        if let Some(has_more) = self.inbox.has_more() {
            return Ok(has_more);
        }
        let read = self.source.read(self.inbox.room()?);
        self.inbox.received(read)
    }

    /// The next item of what was read; `None` if there is none, and [`fill`](Self::fill) is to
    /// follow.
    pub fn next_item(&mut self) -> Option<Item<'_>> {
        self.inbox.next()
    }

    /// The decoder, which knows the last event ID and the reconnection time.
    pub const fn decoder(&self) -> &Decoder<D> {
        &self.inbox.decoder
    }

    /// The source and the decoder, which is ready for the next stream: an unfinished event is
    /// dropped, the last event ID stays.
    pub fn into_parts(mut self) -> (R, Decoder<D>) {
        self.inbox.decoder.finish();
        (self.source, self.inbox.decoder)
    }
}

impl<R: fmt::Debug, D: Storage> fmt::Debug for EventStream<'_, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("source", &self.source).finish_non_exhaustive()
    }
}
