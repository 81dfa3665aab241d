//! A decoder over any source of bytes: [`EventStream`].

use std::fmt;
use std::io::{self, Read};

use tidings_sse::{
    Decoder, EndOfStream, GrowableStorage, Item, LimitExceeded, MessageEvent, OwnedMessageEvent,
    ReconnectionTime,
};

use crate::transport::is_not_now;

/// The size of one read.
const READ_LEN: usize = 16 * 1024;

/// The events of a source of bytes: the body of an HTTP client of your own, a file, a pipe.
///
/// ```
/// use tidings_std::sse::{EventStream, EventStreamError};
///
/// let mut events = EventStream::new(&b"id: 7\ndata: hello\n\ndata: cut o"[..]);
///
/// let Some(Ok(event)) = events.next() else { panic!() };
/// assert_eq!(event.data, "hello");
/// let Some(Err(EventStreamError::InsideEvent { dropped_len: 11 })) = events.next() else { panic!() };
/// assert_eq!(events.take_unfinished().unwrap().data, "cut o");
/// assert!(events.next().is_none());
/// assert_eq!(events.last_event_id(), "7");
/// ```
///
/// It neither connects nor reconnects; `EventSource` does. Check the status of the response before,
/// and its media type with [`is_event_stream`](tidings_sse::is_event_stream).
///
/// The source needs no buffer. It is read only after everything before was returned, so an event is
/// available as soon as its blank line is. An error does not hide items before it. After the end of
/// the source, and after its failure, there is only `None`.
pub struct EventStream<R> {
    source: R,
    decoder: Decoder<GrowableStorage>,
    /// Allocated by the first read.
    buffer: Vec<u8>,
    /// The start of the part of the buffer that is not decoded yet.
    unread_start: usize,
    unread_end: usize,
    has_ended: bool,
    /// The event that was cut by the end.
    unfinished: Option<OwnedMessageEvent>,
}

impl<R: Read> EventStream<R> {
    /// The events of this source, with [`Limits::DEFAULT`](tidings_sse::Limits::DEFAULT).
    pub fn new(source: R) -> Self {
        Self::with_decoder(source, Decoder::new())
    }

    /// The same with your own decoder, which has limits, reports comments, returns data in parts,
    /// or knows the last event ID of an earlier stream. For items other than events see
    /// [`next_with`](Self::next_with).
    pub fn with_decoder(source: R, decoder: Decoder<GrowableStorage>) -> Self {
        let buffer = Vec::new();
        Self {
            source,
            decoder,
            buffer,
            unread_start: 0,
            unread_end: 0,
            has_ended: false,
            unfinished: None,
        }
    }

    /// Waits for the next item of any kind, passes it to `take`, and returns the result of `take`.
    /// An event that arrived whole in one read is not copied. `None` is the end of the source.
    ///
    /// ```
    /// use tidings_std::sse::{Decoder, EventStream, Item, Limits};
    ///
    /// let decoder = Decoder::with_limits(Limits::DEFAULT.max_data_len(1024)).report_comments();
    /// let mut stream = EventStream::with_decoder(&b": still here\n\ndata: 42\n\n"[..], decoder);
    /// let mut sum = 0;
    /// while let Some(number) = stream.next_with(|item| match item {
    ///     Item::Event(event) => event.data.parse().unwrap_or(0),
    ///     Item::Comment(comment) => comment.len(),
    ///     _ => 0,
    /// }) {
    ///     sum += number?;
    /// }
    /// assert_eq!(sum, 10 + 42);
    /// # Ok::<(), tidings_std::sse::EventStreamError>(())
    /// ```
    ///
    /// # Errors
    /// As the iterator.
    pub fn next_with<T>(
        &mut self,
        take: impl FnOnce(Item<'_>) -> T,
    ) -> Option<Result<T, EventStreamError>> {
        loop {
            let unread = self.buffer.get(self.unread_start..self.unread_end).unwrap_or_default();
            let mut rest = unread;
            match self.decoder.decode(&mut rest) {
                Some(item) => {
                    self.unread_start = self.unread_end.saturating_sub(rest.len());
                    return Some(match item {
                        Item::Overflow(exceeded) => Err(EventStreamError::Overflow(exceeded)),
                        item => Ok(take(item)),
                    });
                }
                None => self.unread_start = self.unread_end,
            }
            if self.has_ended {
                return None;
            }
            match self.fill() {
                Ok(0) => {
                    if let EndOfStream::InsideEvent { dropped_len } = self.end() {
                        return Some(Err(EventStreamError::InsideEvent { dropped_len }));
                    }
                }
                Ok(_) => {}
                Err(error) if is_not_now(&error) => {
                    return Some(Err(EventStreamError::NotNow(error)));
                }
                Err(error) => {
                    let end = self.end();
                    return Some(Err(EventStreamError::Source(error, end)));
                }
            }
        }
    }

    /// The source is over.
    fn end(&mut self) -> EndOfStream {
        self.has_ended = true;
        self.unfinished = self.decoder.unfinished().map(MessageEvent::into_owned);
        self.decoder.finish()
    }

    /// Reads once; all that was read before is decoded.
    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.resize(READ_LEN, 0);
        let read = loop {
            match self.source.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let len = *read.as_ref().unwrap_or(&0);
        (self.unread_start, self.unread_end) = (0, len);
        read
    }
}

impl<R> EventStream<R> {
    /// Returns the last event ID, which a request for the rest of the stream sends as
    /// `Last-Event-ID`. See [`EventId::header_value`](tidings_sse::EventId::header_value).
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

    /// Returns the value of the last valid `retry` field.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<ReconnectionTime> {
        self.decoder.reconnection_time()
    }

    /// The source.
    #[must_use]
    pub const fn get_ref(&self) -> &R {
        &self.source
    }

    /// The source, for example to set a timeout. Reading from it takes bytes out of the stream.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// The source and the decoder, which is ready for the next stream: an unfinished event is
    /// dropped, the last event ID stays.
    #[must_use]
    pub fn into_parts(mut self) -> (R, Decoder<GrowableStorage>) {
        self.decoder.finish();
        (self.source, self.decoder)
    }
}

/// The events, each with its text. Other items are skipped; see
/// [`next_with`](EventStream::next_with).
///
/// # Errors
/// [`EventStreamError`]. The stream continues after an event that was over a limit, and when a
/// source that had nothing is polled again.
impl<R: Read> Iterator for EventStream<R> {
    type Item = Result<OwnedMessageEvent, EventStreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = |item: Item<'_>| match item {
            Item::Event(event) => Some(event.into_owned()),
            _ => None,
        };
        loop {
            if let Some(event) = self.next_with(event)?.transpose() {
                return Some(event);
            }
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for EventStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("source", &self.source)
            .field("last_event_id", &self.last_event_id())
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

/// The errors and interruptions between events.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventStreamError {
    /// The source failed. The state of the stream shows whether part of an event is missing.
    Source(io::Error, EndOfStream),
    /// The source ended inside an event, which is therefore not dispatched.
    InsideEvent {
        /// Bytes since the last blank line.
        dropped_len: u64,
    },
    /// An event exceeded a limit and was skipped. The stream continues.
    Overflow(LimitExceeded),
    /// The source is nonblocking, or has a timeout, and has nothing now: the error's kind is
    /// `WouldBlock` or `TimedOut`. Nothing is lost; a later call continues.
    NotNow(io::Error),
}

impl fmt::Display for EventStreamError {
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
            Self::NotNow(error) => write!(f, "nothing came in time: {error}"),
        }
    }
}

impl std::error::Error for EventStreamError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The text has the error itself.
            Self::Source(error, _) | Self::NotNow(error) => error.source(),
            Self::Overflow(_) | Self::InsideEvent { .. } => None,
        }
    }
}
