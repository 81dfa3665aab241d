//! The events of a source of bytes: [`EventStream`].

use core::fmt;

use embedded_io_async::Read;
use tidings_sse::{Decoder, Item, Storage};

use crate::event_error::EventStreamError;
use crate::event_inbox::EventInbox;

/// The events of a source of bytes: the body of a response of your HTTP client.
///
/// That client looks at the status and at the media type, with
/// [`is_event_stream`](tidings_sse::is_event_stream), and takes chunked transfer coding off the body.
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
///                 // `event.data` is lent until the next call
///                 # let _ = event;
///             }
///         }
///     }
///     Ok(())
/// }
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
    /// # Cancel safety
    /// If the source's `read` is: nothing is lost.
    ///
    /// # Errors
    /// [`EventStreamError`]. After one of [`Io`](EventStreamError::Io) that passes, go on.
    pub async fn fill(&mut self) -> Result<bool, EventStreamError<R::Error>> {
        if let Some(has_more) = self.inbox.has_more() {
            return Ok(has_more);
        }
        let read = self.source.read(self.inbox.room()?).await;
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
