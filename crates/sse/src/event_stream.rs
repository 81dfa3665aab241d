//! Events out of chunks of bytes that somebody else has fetched: [`EventStream`].

#[cfg(feature = "http-body")]
mod body;

use alloc::boxed::Box;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::{Stream, TryStream};

use crate::{
    Decoder, EndOfStream, GrowableStorage, Item, LimitExceeded, MessageEvent, OwnedMessageEvent,
    ReconnectionTime,
};
#[cfg(feature = "http-body")]
pub use body::{BodyChunks, BodyEvents};

/// Decodes an event stream from any stream of byte chunks ([`new`](Self::new)) or, with the feature
/// `http-body`, from any body (`from_body`), such as those of reqwest and hyper.
///
/// It neither connects nor reconnects. Check the status of the response before, and its media type
/// with [`is_event_stream`](crate::is_event_stream).
///
/// ```
/// # futures_util::FutureExt::now_or_never(async {
/// use futures_util::{StreamExt, stream};
/// use tidings_sse::StreamEvents;
///
/// // Any cut will do, even one inside a character.
/// let text = "data: caf\u{e9}\n\n".as_bytes();
/// let chunks = stream::iter([Ok::<_, std::io::Error>(&text[..10]), Ok(&text[10..])]);
///
/// let mut events = chunks.events();
/// assert_eq!(events.next().await.unwrap().unwrap().data, "caf\u{e9}");
/// assert!(events.next().await.is_none()); // it ended between two events
/// # });
/// ```
///
/// An error does not hide the events before it. After an event over a limit the stream continues.
pub struct EventStream<S: TryStream> {
    source: Pin<Box<S>>,
    decoder: Decoder<GrowableStorage>,
    /// The last chunk, and how much of it is decoded.
    chunk: Option<(S::Ok, usize)>,
    has_ended: bool,
    /// The event that was cut by the end.
    unfinished: Option<OwnedMessageEvent>,
}

/// Turns a stream of byte chunks into a stream of events.
pub trait StreamEvents: TryStream<Ok: AsRef<[u8]>> + Sized {
    /// The events in these chunks, with [`Limits::DEFAULT`](crate::Limits::DEFAULT).
    fn events(self) -> EventStream<Self> {
        EventStream::new(self)
    }
}

impl<S: TryStream<Ok: AsRef<[u8]>>> StreamEvents for S {}

/// The error that an [`EventStream`] returns instead of an event.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventStreamError<E> {
    /// The source failed. The state of the stream shows whether part of an event is missing.
    Source(E, EndOfStream),
    /// The stream ended inside an event, which is therefore not dispatched.
    InsideEvent {
        /// Bytes since the last blank line.
        dropped_len: u64,
    },
    /// An event exceeded a limit and was skipped. The stream continues.
    Overflow(LimitExceeded),
}

impl<S: TryStream<Ok: AsRef<[u8]>>> EventStream<S> {
    /// Reads chunks of bytes, with the decoder's default limits.
    pub fn new(source: S) -> Self {
        Self::with_decoder(source, Decoder::new())
    }

    /// Like [`new`](Self::new), with limits of your choice, or a last event ID to begin with.
    ///
    /// Comments and chunks of data, if the decoder reports them, are skipped.
    pub fn with_decoder(source: S, decoder: Decoder<GrowableStorage>) -> Self {
        Self { source: Box::pin(source), decoder, chunk: None, has_ended: false, unfinished: None }
    }

    /// The next event; `None` once the stream has ended between two events, or after the error
    /// that ended it.
    ///
    /// # Errors
    /// The source failed, or the stream ended inside an event: no more comes. Or an event was over
    /// a limit: call again.
    ///
    /// # Cancel safety
    /// Safe: nothing is lost.
    pub async fn next(&mut self) -> Option<Result<OwnedMessageEvent, EventStreamError<S::Error>>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<OwnedMessageEvent, EventStreamError<S::Error>>>> {
        while !self.has_ended {
            if let Some(event) = self.decode() {
                return Poll::Ready(Some(event));
            }
            match ready!(self.source.as_mut().try_poll_next(cx)) {
                Some(Ok(chunk)) => self.chunk = Some((chunk, 0)),
                Some(Err(error)) => {
                    let end = self.end();
                    return Poll::Ready(Some(Err(EventStreamError::Source(error, end))));
                }
                None => {
                    if let EndOfStream::InsideEvent { dropped_len } = self.end() {
                        let error = EventStreamError::InsideEvent { dropped_len };
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    /// The stream is over.
    fn end(&mut self) -> EndOfStream {
        self.has_ended = true;
        self.unfinished = self.decoder.unfinished().map(MessageEvent::into_owned);
        self.decoder.finish()
    }

    /// The next event of the last chunk, which is dropped at its end.
    fn decode(&mut self) -> Option<Result<OwnedMessageEvent, EventStreamError<S::Error>>> {
        let (chunk, decoded) = self.chunk.as_mut()?;
        let chunk = chunk.as_ref();
        debug_assert!(*decoded <= chunk.len(), "a chunk keeps its length");
        let mut rest = chunk.get(*decoded..).unwrap_or_default();
        while let Some(item) = self.decoder.decode(&mut rest) {
            let event = match item {
                Item::Event(event) => Ok(event.into_owned()),
                Item::Overflow(exceeded) => Err(EventStreamError::Overflow(exceeded)),
                _ => continue,
            };
            *decoded = chunk.len() - rest.len(); // `rest` is a tail of `chunk`
            return Some(event);
        }
        self.chunk = None;
        None
    }
}

impl<S: TryStream> EventStream<S> {
    /// The last event ID, which a reconnection sends as `Last-Event-ID`.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Returns the received part of an event that was cut by the end of the stream, once: some
    /// servers do not end their last event with a blank line. By the standard it is dropped. It is
    /// available after [`EventStreamError::InsideEvent`] or [`EventStreamError::Source`].
    pub fn take_unfinished(&mut self) -> Option<OwnedMessageEvent> {
        self.unfinished.take()
    }

    /// The value of the last `retry` field.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<ReconnectionTime> {
        self.decoder.reconnection_time()
    }
}

impl<S> Stream for EventStream<S>
where
    S: TryStream<Ok: AsRef<[u8]> + Unpin>,
{
    type Item = Result<OwnedMessageEvent, EventStreamError<S::Error>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl<S: TryStream> fmt::Debug for EventStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("decoder", &self.decoder)
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

impl<E: fmt::Display> fmt::Display for EventStreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error, EndOfStream::BetweenEvents) => error.fmt(f),
            Self::Source(error, EndOfStream::InsideEvent { dropped_len }) => {
                write!(f, "{error}, {dropped_len} bytes into an event")
            }
            Self::InsideEvent { dropped_len } => {
                write!(f, "the stream ended {dropped_len} bytes into an event")
            }
            Self::Overflow(exceeded) => write!(f, "an event was skipped: {exceeded}"),
        }
    }
}

/// The text is that of the source's error, so the chain continues after it.
impl<E: core::error::Error> core::error::Error for EventStreamError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Source(error, _) => error.source(),
            Self::Overflow(_) | Self::InsideEvent { .. } => None,
        }
    }
}
