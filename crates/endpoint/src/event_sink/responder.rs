//! The factory of event streams: [`Responder`].

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use tidings_sse::{Comment, Event, EventType, RESPONSE_HEADERS, ReconnectionTime};

use super::open_streams::OpenStreams;
use super::sink::Replaying;
use super::stream::Stream;
use super::{Capacity, EncodedEvent, EventSender, EventSink, LastEventId, Replay, WhenFull};
use crate::trace;

/// Opens event streams, all with the same settings. `B` is the adapter's body of a response.
///
/// ```
/// use std::time::Duration;
/// use tidings_endpoint::event_sink::sse::ReconnectionTime;
/// use tidings_endpoint::event_sink::{EncodedEvent, EventSink, Responder, SendError, WhenFull};
///
/// let responder: Responder<EventSink> = Responder::new()
///     .retry(ReconnectionTime::from_ms(2_000))
///     .keep_alive(Duration::from_secs(20))
///     .when_full(WhenFull::DropOldest);
///
/// let (sender, response) = responder.open();
/// assert_eq!(response.headers()["content-type"], "text/event-stream");
/// sender.try_send(EncodedEvent::text("hello"))?;
/// # Ok::<(), SendError>(())
/// ```
#[must_use]
pub struct Responder<B> {
    config: Arc<Config>,
    body: PhantomData<fn() -> B>,
}

#[derive(Clone, Debug)]
pub(super) struct Config {
    /// The first bytes of each stream.
    opening: Bytes,
    pub(super) keep_alive: Option<Duration>,
    pub(super) stall_timeout: Duration,
    pub(super) queue: Capacity,
    pub(super) when_full: WhenFull,
    pub(super) max_id_len: usize,
    pub(super) gap_event_type: Box<str>,
    pub(super) max_replay_events: usize,
    /// Those of all clones, whatever their settings.
    pub(super) streams: Arc<OpenStreams>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            opening: opening(None),
            keep_alive: Some(Duration::from_secs(15)),
            stall_timeout: Duration::from_secs(10),
            queue: Capacity::DEFAULT,
            when_full: WhenFull::default(),
            max_id_len: LastEventId::MAX_LEN,
            gap_event_type: "gap".into(),
            max_replay_events: 1_000,
            streams: Arc::default(),
        }
    }
}

/// The shortest interval and timeout; shorter ones are raised to it.
const MIN_DURATION: Duration = Duration::from_millis(1);

impl<B> Responder<B> {
    /// Opens streams with the defaults, which each setting documents.
    pub fn new() -> Self {
        Self { config: Arc::default(), body: PhantomData }
    }

    /// Sets the reconnection time, sent at the start of each stream. By default none is sent.
    pub fn retry(self, time: ReconnectionTime) -> Self {
        self.with(|config| config.opening = opening(Some(time)))
    }

    /// Sends a comment after this long without an event; by default after 15 seconds. Proxies cut
    /// idle connections.
    pub fn keep_alive(self, interval: Duration) -> Self {
        // WHATWG HTML 9.2.7: "every 15 seconds or so".
        self.with(|config| config.keep_alive = Some(interval.max(MIN_DURATION)))
    }

    /// Sends no comments except the opening one.
    pub fn without_keep_alive(self) -> Self {
        self.with(|config| config.keep_alive = None)
    }

    /// Sets the size of a client's queue; by default [`Capacity::DEFAULT`].
    pub fn queue(self, capacity: Capacity) -> Self {
        self.with(|config| config.queue = capacity)
    }

    /// Sets the policy for an event for which there is no room; by default its sender waits.
    pub fn when_full(self, when_full: WhenFull) -> Self {
        self.with(|config| config.when_full = when_full)
    }

    /// The longest event ID that may be sent, in bytes; by default [`LastEventId::MAX_LEN`]. A client
    /// sends the ID back when it reconnects, and one that is longer than the server takes would be
    /// refused each time. Raise it together with the limit of [`LastEventId::from_headers_within`].
    pub fn max_id_len(self, max_len: usize) -> Self {
        self.with(|config| config.max_id_len = max_len)
    }

    /// Ends a stream whose connection takes nothing for this long; by default for 10 seconds. The
    /// queue is freed, and the senders get [`SendError::Stalled`](super::SendError::Stalled).
    pub fn stall_timeout(self, timeout: Duration) -> Self {
        self.with(|config| config.stall_timeout = timeout.max(MIN_DURATION))
    }

    /// Sets the type of the events that report a gap to a client; by default `gap`.
    pub fn gap_event_type(self, event_type: EventType<'_>) -> Self {
        self.with(|config| config.gap_event_type = event_type.as_str().into())
    }

    /// Sets the maximum number of replayed events; by default 1,000. The others count as a gap.
    pub fn max_replay_events(self, max_events: usize) -> Self {
        self.with(|config| config.max_replay_events = max_events)
    }

    /// Ends all streams cleanly after their queued events, and also those that are opened later and
    /// those of clones, even with other settings. Use it for a shutdown: an HTTP server that ends
    /// gracefully waits for its responses, and event streams do not end by themselves.
    ///
    /// With `retry`, each stream ends with this reconnection time, so that clients reconnect when
    /// the server is back. A client that takes nothing is cut after the [stall
    /// timeout](Self::stall_timeout), so the shutdown ends in bounded time. A replay whose store
    /// has not answered is abandoned: the client asks for it again.
    ///
    /// Senders get [`SendError::Closed`](super::SendError::Closed).
    ///
    /// ```
    /// use tidings_endpoint::event_sink::sse::ReconnectionTime;
    /// use tidings_endpoint::event_sink::{EncodedEvent, EventSink, Responder};
    ///
    /// let responder: Responder<EventSink> = Responder::new();
    /// let (sender, response) = responder.open();
    /// responder.close_all(Some(ReconnectionTime::from_ms(5_000)));
    /// assert!(sender.try_send(EncodedEvent::text("too late")).is_err());
    /// # drop(response);
    /// ```
    pub fn close_all(&self, retry: Option<ReconnectionTime>) {
        trace::event_streams_closing(self.open_streams());
        let farewell = retry.map(|time| EncodedEvent::new(&Event::new().retry(time)));
        self.config.streams.close(farewell.map(|event| event.as_bytes().clone()));
    }

    /// Returns the number of open streams, of this responder and its clones. A stream counts until
    /// its response and its senders are dropped.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.config.streams.len()
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl<B: From<EventSink>> Responder<B> {
    /// Opens a stream: returns its sender, and the response, status 200, that carries it. Once the
    /// response is returned, its head and a first comment go out at once.
    #[must_use]
    pub fn open(&self) -> (EventSender, Response<B>) {
        self.open_after(None)
    }

    /// Opens a stream that begins with the events that the client missed; without an ID the same as
    /// [`open`](Self::open).
    ///
    /// The store is asked when the response's body is first read. Until it has answered, sent
    /// events wait in the queue. Of those, and of the events of the next 30 seconds, events that
    /// were replayed are left out, by their IDs. So one order is free of races: open the stream,
    /// register the sender with the publisher, then return the response.
    ///
    /// If events are lost, the client gets a `gap` event before the remaining ones.
    #[must_use]
    pub fn replay(
        &self,
        store: impl Replay + 'static,
        last_event_id: Option<LastEventId>,
    ) -> (EventSender, Response<B>) {
        let Some(last_event_id) = last_event_id else { return self.open() };
        let (id, max_events) = (last_event_id.clone(), self.config.max_replay_events);
        let answer = Box::pin(async move { store.after(&id, max_events).await });
        self.open_after(Some(Replaying { last_event_id, answer: Mutex::new(answer) }))
    }

    /// Opens a stream that a future feeds: it gets the sender, and the stream ends when the future
    /// drops it. No task is spawned: the future runs while the response is sent, and is dropped
    /// with it. It should not block.
    ///
    /// ```
    /// use tidings_endpoint::event_sink::{EncodedEvent, EventSink, Responder};
    ///
    /// let response = Responder::<EventSink>::new().feed(|sender| async move {
    ///     for number in 0..3 {
    ///         // Fails once the client has left; then there is nobody to tell.
    ///         if sender.send(EncodedEvent::text(&number.to_string())).await.is_err() {
    ///             return;
    ///         }
    ///     }
    /// });
    /// # drop(response);
    /// ```
    #[must_use]
    pub fn feed<F>(&self, feeder: impl FnOnce(EventSender) -> F) -> Response<B>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, sink) = self.sink(None);
        let feeder = Box::pin(feeder(sender));
        response(sink.fed_by(feeder))
    }

    fn open_after(&self, replay: Option<Replaying>) -> (EventSender, Response<B>) {
        let (sender, sink) = self.sink(replay);
        (sender, response(sink))
    }

    fn sink(&self, replay: Option<Replaying>) -> (EventSender, EventSink) {
        trace::event_stream_opened(replay.is_some());
        let stream = Stream::open(Arc::clone(&self.config), replay.is_some());
        let sink = EventSink::new(Arc::clone(&stream), self.config.opening.clone(), replay);
        (EventSender::new(stream), sink)
    }
}

fn response<B: From<EventSink>>(sink: EventSink) -> Response<B> {
    let mut response = Response::new(sink.into());
    // WHATWG HTML 9.2.5, and the headers that keep proxies from delaying events.
    for (name, value) in RESPONSE_HEADERS {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl<B> Default for Responder<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Clone for Responder<B> {
    fn clone(&self) -> Self {
        Self { config: Arc::clone(&self.config), body: PhantomData }
    }
}

impl<B> fmt::Debug for Responder<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("config", &self.config).finish()
    }
}

/// A comment, so that something is sent at once, and the reconnection time.
fn opening(retry: Option<ReconnectionTime>) -> Bytes {
    let event = Event::new().comment(Comment::EMPTY);
    let event = retry.map_or(event, |time| event.retry(time));
    EncodedEvent::new(&event).as_bytes().clone()
}

/// Returns the response that makes an `EventSource` stop permanently: 204. A stream that merely
/// ends makes it reconnect.
#[must_use]
pub fn stop_reconnecting<B: From<EventSink>>() -> Response<B> {
    // WHATWG HTML 9.2: "clients can be told to stop reconnecting using the HTTP 204 No Content
    // response code".
    let mut response = Response::new(EventSink::ended().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    // RFC 9110, 15.3.5: a 204 can be stored by caches unless it says otherwise.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
