//! Events out of bytes that somebody else has fetched: [`EventStream`].

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use http_body::Body;
use tidings_sse::{
    Decoder, EndOfStream, GrowableStorage, Item, LimitExceeded, OwnedMessageEvent, ReconnectionTime,
};

/// Decodes an event stream out of any stream of byte chunks ([`new`](Self::new)) or any body
/// ([`from_body`](Self::from_body)), such as those of reqwest and hyper.
///
/// It neither connects nor comes back; `EventSource` does. Whoever fetched the response has to look
/// at its status, and at its media type with
/// [`is_event_stream`](tidings_sse::is_event_stream).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use tidings_tokio::sse::EventStream;
///
/// // Any cut will do, even one inside a character.
/// let text = "data: caf\u{e9}\n\n".as_bytes();
/// let body = http_body_util::StreamBody::new(futures_util::stream::iter([
///     Ok::<_, std::io::Error>(http_body::Frame::data(&text[..10])),
///     Ok(http_body::Frame::data(&text[10..])),
/// ]));
///
/// let mut events = EventStream::from_body(body);
/// assert_eq!(events.next().await.unwrap().unwrap().data, "caf\u{e9}");
/// assert!(events.next().await.is_none()); // it ended between two events
/// # }
/// ```
///
/// An error does not hide what came before it, and the stream goes on behind an event that was
/// over a limit.
pub struct EventStream<S, T> {
    source: Pin<Box<S>>,
    decoder: Decoder<GrowableStorage>,
    /// What came last, and how much of it is decoded.
    chunk: Option<(T, usize)>,
    ended: bool,
}

/// The data of a body, chunk by chunk: what [`EventStream::from_body`] reads.
#[derive(Debug)]
pub struct BodyChunks<B>(Pin<Box<B>>);

/// What is between the events.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventStreamError<E> {
    /// The source failed. How the stream stood then tells whether part of an event is missing.
    Source(E, EndOfStream),
    /// The stream ended inside an event, which is therefore none.
    InsideEvent {
        /// Bytes since the last blank line.
        dropped_len: u64,
    },
    /// An event went over a limit and was skipped. The stream goes on.
    Overflow(LimitExceeded),
}

impl<S, T, E> EventStream<S, T>
where
    S: Stream<Item = Result<T, E>>,
    T: AsRef<[u8]>,
{
    /// Reads chunks of bytes, with the decoder's default limits.
    pub fn new(source: S) -> Self {
        Self::with_decoder(source, Decoder::new())
    }

    /// As [`new`](Self::new), with limits of your choice, or a last event ID to begin with.
    ///
    /// Comments and parts of data, if the decoder reports them, are passed over.
    pub fn with_decoder(source: S, decoder: Decoder<GrowableStorage>) -> Self {
        Self { source: Box::pin(source), decoder, chunk: None, ended: false }
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
    pub async fn next(&mut self) -> Option<Result<OwnedMessageEvent, EventStreamError<E>>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// What a reconnection has to send as `Last-Event-ID`.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// What the last `retry` field said.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<ReconnectionTime> {
        self.decoder.reconnection_time()
    }

    fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<OwnedMessageEvent, EventStreamError<E>>>> {
        while !self.ended {
            if let Some((chunk, decoded)) = &mut self.chunk {
                let mut rest = chunk.as_ref().get(*decoded..).unwrap_or_default();
                let before = rest.len();
                let item = self.decoder.decode(&mut rest).map(|item| match item {
                    Item::Event(event) => Some(Ok(event.into_owned())),
                    Item::Overflow(exceeded) => Some(Err(EventStreamError::Overflow(exceeded))),
                    _ => None,
                });
                *decoded += before - rest.len(); // `rest` was moved on
                match item {
                    Some(Some(event)) => return Poll::Ready(Some(event)),
                    Some(None) => continue,
                    None => self.chunk = None,
                }
            }
            match ready!(self.source.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => self.chunk = Some((chunk, 0)),
                Some(Err(error)) => {
                    self.ended = true;
                    let end = self.decoder.finish();
                    return Poll::Ready(Some(Err(EventStreamError::Source(error, end))));
                }
                None => {
                    self.ended = true;
                    if let EndOfStream::InsideEvent { dropped_len } = self.decoder.finish() {
                        let error = EventStreamError::InsideEvent { dropped_len };
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }
}

impl<B: Body> EventStream<BodyChunks<B>, Bytes> {
    /// Reads a body.
    pub fn from_body(body: B) -> Self {
        Self::new(BodyChunks(Box::pin(body)))
    }
}

impl<S, T, E> Stream for EventStream<S, T>
where
    S: Stream<Item = Result<T, E>>,
    T: AsRef<[u8]> + Unpin,
{
    type Item = Result<OwnedMessageEvent, EventStreamError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl<B: Body> Stream for BodyChunks<B> {
    type Item = Result<Bytes, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.0.as_mut().poll_frame(cx)) {
                // Trailers say nothing about events.
                Some(Ok(frame)) => {
                    if let Ok(mut data) = frame.into_data() {
                        // No copy of what is `Bytes` already.
                        return Poll::Ready(Some(Ok(data.copy_to_bytes(data.remaining()))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<S, T> fmt::Debug for EventStream<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("decoder", &self.decoder)
            .field("ended", &self.ended)
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

impl<E: std::error::Error + 'static> std::error::Error for EventStreamError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Source(error, _) => Some(error),
            Self::Overflow(exceeded) => Some(exceeded),
            Self::InsideEvent { .. } => None,
        }
    }
}
