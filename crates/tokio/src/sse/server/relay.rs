//! An event stream of another server, passed on: [`Relay`].

mod begun;
mod error;
mod late;
mod mark;
mod stop;

use std::error::Error;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use tidings_endpoint::event_sink::gateway::{UpstreamBody, pass_on, stream_headers};
use tidings_endpoint::event_sink::{EncodedEvent, take_piece};
use tidings_sse::{Event, EventBoundaries, ReconnectionTime};
use tokio::time::{Instant, timeout};

use super::held_error::HeldError;
#[cfg(feature = "hyper")]
use super::reset_stalled::StallTimer;
use crate::timer::{Timer, poll_timer};
use begun::BegunEvent;
use late::{Late, Step};
use mark::Mark;
use stop::Stop;

pub use error::RelayError;

/// A comment, with a blank line so that it stands between events.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The body of a gateway's response: an upstream's event stream, passed on byte by byte as it comes.
///
/// [`response`](Self::response) makes the whole response. Whatever is not an event stream (a 429 with
/// JSON, a compressed stream) is passed on unchanged.
///
/// When the upstream is silent, comments keep the connection alive, and only between events. An
/// upstream that breaks, or ends inside an event, ends this body by an error, so that the client
/// does not take what has come for the whole. That error waits a quarter of a second after the last
/// bytes, so that the connection has written them: hyper drops what it still holds on an error.
///
/// ```
/// use http::Response;
/// use hyper::body::Incoming;
/// use tidings_tokio::sse::server::Relay;
///
/// fn pass_on(upstream: Response<Incoming>) -> Response<Relay<Incoming>> {
///     Relay::response(upstream)
/// }
/// ```
pub struct Relay<B: Body> {
    source: Source<B>,
    stop: Option<Box<Stop>>,
    keep_alive: Option<Duration>,
    /// Runs while the upstream is silent at a boundary.
    timer: Timer,
    last_frame_at: Option<Instant>,
    boundaries: EventBoundaries,
    since_boundary: u64,
    begun: BegunEvent,
    mark: Mark,
    /// Of a large chunk whose first piece was passed on.
    rest: Bytes,
    error: HeldError<RelayError<B::Error>>,
    /// When the connection was last given something.
    given_at: Option<Instant>,
    #[cfg(feature = "hyper")]
    stall_timeout: Duration,
    /// The reset of the HTTP/2 stream, if there is one and its executor supports it: looked up
    /// once.
    #[cfg(feature = "hyper")]
    stall: Option<Option<Box<StallTimer>>>,
}

/// The source of the body.
enum Source<B> {
    /// The upstream has not answered, or refuses after the client was promised a stream.
    Late(Box<Late<B>>),
    Stream(B),
    /// Not an event stream.
    Other(B),
    Ended,
}

impl<B: Body + Unpin> Relay<B> {
    /// The gateway's response to its client, made of the upstream's.
    ///
    /// From every response, the fields that are for one connection only are dropped (RFC 9110,
    /// 7.6.1). An event stream (status 200, media type `text/event-stream`, no content coding) also
    /// loses its length, which would be too short by the comments, and all other fields that
    /// describe its exact bytes, such as `ETag`. It gets the headers that keep proxies from
    /// delaying events. The body of any other response is passed on unchanged: no comments are
    /// inserted, and its end is not checked. A compressed stream is one of those: ask the upstream
    /// with `Accept-Encoding: identity`.
    ///
    /// A body that is not `Unpin` comes as `response.map(Box::pin)`.
    #[must_use]
    pub fn response(upstream: Response<B>) -> Response<Self> {
        let (mut head, body) = upstream.into_parts();
        let source = match pass_on(&mut head) {
            UpstreamBody::EventStream => Source::Stream(body),
            UpstreamBody::Other => Source::Other(body),
        };
        Response::from_parts(head, Self::new(source))
    }

    /// Like [`response`](Self::response), for an upstream that may take long to answer. Its
    /// response is waited for until `patience` is over. Then the client gets a response of status
    /// 200, and comments until the upstream's first byte.
    ///
    /// The response to the client depends on when the upstream answers:
    ///
    /// | the upstream | within `patience` | later |
    /// | --- | --- | --- |
    /// | sends an event stream | as by [`response`](Self::response) | its events |
    /// | sends another response | the same, with its status | an event of type `upstream-error`, then the clean end |
    /// | cannot be asked | the error of `upstream`, for a 502 of yours | the same event, then a cut: [`RelayError::Request`] |
    ///
    /// The data of that event is JSON, for example
    /// `{"status":429,"content_type":"application/json","body":"…","truncated":false}`, with up to
    /// 16 KiB of the body, and `"status":null` if there was no response. The upstream's headers are
    /// then lost, including `Retry-After` and `Set-Cookie`, and a late 204 does not stop an
    /// `EventSource`. So `patience` should be longer than a refusal takes and shorter than the idle
    /// timeout of any proxy on the way: 5 to 10 seconds for most.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use http::{Request, Response};
    /// use hyper::body::Incoming;
    /// use hyper::client::conn::http1::SendRequest;
    /// use tidings_tokio::sse::server::Relay;
    ///
    /// async fn ask(
    ///     mut upstream: SendRequest<String>,
    ///     request: Request<String>,
    /// ) -> hyper::Result<Response<Relay<Incoming>>> {
    ///     let response = async move { upstream.send_request(request).await };
    ///     Relay::response_within(Duration::from_secs(5), response).await
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of `upstream`, if it fails in time.
    ///
    /// # Cancel safety
    /// If the future or the body is dropped, so is `upstream`.
    pub async fn response_within<E>(
        patience: Duration,
        upstream: impl Future<Output = Result<Response<B>, E>> + Send + 'static,
    ) -> Result<Response<Self>, E>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
        B: 'static,
    {
        let mut upstream = Box::pin(upstream);
        if let Ok(response) = timeout(patience, &mut upstream).await {
            return response.map(Self::response);
        }
        let answer = async move { upstream.await.map_err(|error| Arc::from(error.into())) };
        let late = Late::new(Box::pin(answer));
        let mut response = Response::new(Self::new(Source::Late(Box::new(late))));
        *response.headers_mut() = stream_headers();
        Ok(response)
    }

    /// Relays only a body, which must be an event stream without a content coding. The head of the
    /// response must not have the upstream's length: see [`response`](Self::response).
    #[must_use]
    pub fn from_stream_body(upstream: B) -> Self {
        Self::new(Source::Stream(upstream))
    }

    fn new(source: Source<B>) -> Self {
        Self {
            source,
            stop: None,
            keep_alive: Some(Duration::from_secs(15)),
            timer: None,
            last_frame_at: None,
            boundaries: EventBoundaries::new(),
            since_boundary: 0,
            begun: BegunEvent::new(),
            mark: Mark::Keep,
            rest: Bytes::new(),
            error: HeldError::new(),
            given_at: None,
            #[cfg(feature = "hyper")]
            stall_timeout: Duration::from_secs(10),
            #[cfg(feature = "hyper")]
            stall: None,
        }
    }

    /// Sends a comment after this long without a byte; by default after 15 seconds. Of
    /// a whole response: `response.map(|relay| relay.keep_alive(interval))`.
    #[must_use]
    pub fn keep_alive(self, interval: Duration) -> Self {
        Self { keep_alive: Some(interval.max(Duration::from_millis(1))), ..self }
    }

    /// Sends no comments.
    #[must_use]
    pub fn without_keep_alive(self) -> Self {
        Self { keep_alive: None, ..self }
    }

    /// Resets the HTTP/2 stream of a client that takes nothing for this long, and drops the
    /// upstream; by default after 10 seconds. This needs the executor
    /// [`ResetStalled`](super::ResetStalled). Otherwise, and over HTTP/1.1, a
    /// [`WriteDeadline`](super::WriteDeadline) ends a client that takes nothing.
    #[cfg(feature = "hyper")]
    #[must_use]
    pub fn stall_timeout(self, timeout: Duration) -> Self {
        Self { stall_timeout: timeout.max(Duration::from_millis(1)), ..self }
    }

    /// Ends an event stream cleanly when `signal` is ready, between two events and with this
    /// reconnection time. Use it for a graceful shutdown of the gateway, like
    /// [`Responder::close_all`](tidings_endpoint::event_sink::Responder::close_all) for the
    /// gateway's own streams. An event that the upstream does not complete within 10 seconds is
    /// cut. A response that is not an event stream is passed on to its end.
    ///
    /// ```
    /// use http::Response;
    /// use hyper::body::Incoming;
    /// use tidings_tokio::sse::ReconnectionTime;
    /// use tidings_tokio::sse::server::Relay;
    /// use tokio::sync::watch;
    ///
    /// fn pass_on(
    ///     upstream: Response<Incoming>,
    ///     mut stop: watch::Receiver<()>,
    /// ) -> Response<Relay<Incoming>> {
    ///     let signal = async move { drop(stop.changed().await) };
    ///     let retry = Some(ReconnectionTime::from_ms(5_000));
    ///     Relay::response(upstream).map(|relay| relay.end_when(signal, retry))
    /// }
    /// ```
    #[must_use]
    pub fn end_when(
        self,
        signal: impl Future<Output = ()> + Send + 'static,
        retry: Option<ReconnectionTime>,
    ) -> Self {
        let farewell = retry.map(|time| EncodedEvent::new(&Event::new().retry(time)));
        let farewell = farewell.map(|event| event.as_bytes().clone());
        Self { stop: Some(Box::new(Stop::new(Box::pin(signal), farewell))), ..self }
    }

    /// Returns whether the body is an event stream, or will become one when the upstream answers.
    /// Otherwise it is passed on unchanged.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        matches!(self.source, Source::Late(_) | Source::Stream(_))
    }

    /// Returns whether the bytes passed on so far end with a blank line.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.rest.is_empty() && self.boundaries.at_boundary()
    }

    /// Returns the number of bytes passed on since the last boundary, which belong to an incomplete
    /// event.
    #[must_use]
    pub fn bytes_since_boundary(&self) -> u64 {
        self.since_boundary
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        if self.rest.is_empty() {
            let frame = match self.poll_source(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                polled => return polled,
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(take_piece(&mut self.rest)))))
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        if self.is_event_stream() {
            if let Poll::Ready(end) = self.poll_stop(cx) {
                return Poll::Ready(end);
            }
        }
        match &self.source {
            Source::Late(_) => self.poll_late(cx),
            Source::Stream(_) => self.poll_stream(cx),
            Source::Other(_) => self.poll_other(cx),
            Source::Ended => Poll::Ready(None),
        }
    }

    /// Watches whether the connection takes its output.
    #[cfg(feature = "hyper")]
    fn watch(&mut self, polled: &Poll<Polled<B>>) {
        let stall = self.stall.get_or_insert_with(|| StallTimer::current().map(Box::new));
        let Some(stall) = stall else { return };
        match polled {
            Poll::Ready(Some(Ok(_))) => stall.gave(self.stall_timeout),
            Poll::Ready(_) | Poll::Pending => stall.idle(),
        }
    }

    /// Asks the upstream that has not answered yet.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        let Source::Late(late) = &mut self.source else { return Poll::Ready(None) };
        // Something is sent at once, as by a `Responder`.
        if self.last_frame_at.is_none() {
            return self.comment();
        }
        let step = match late.poll(cx) {
            Poll::Ready(step) => step,
            Poll::Pending => return self.poll_keep_alive(cx),
        };
        match step {
            Step::Stream(body) => {
                self.source = Source::Stream(body);
                self.poll_stream(cx)
            }
            Step::Event(event) => {
                self.last_frame_at = Some(Instant::now());
                Poll::Ready(Some(Ok(Frame::data(event))))
            }
            Step::End(end) => {
                self.end();
                Poll::Ready(end.map(|error| Err(RelayError::Request(error))))
            }
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        self.last_frame_at.get_or_insert_with(Instant::now);
        loop {
            let Source::Stream(upstream) = &mut self.source else { return Poll::Ready(None) };
            let frame = match Pin::new(upstream).poll_frame(cx) {
                Poll::Pending => return self.poll_keep_alive(cx),
                Poll::Ready(frame) => frame,
            };
            self.last_frame_at = Some(Instant::now());
            let frame = match frame {
                None => return Poll::Ready(self.end_of_stream().map(Err)),
                Some(Ok(frame)) => owned(frame),
                Some(Err(error)) => {
                    self.end();
                    return Poll::Ready(Some(Err(RelayError::Upstream(error))));
                }
            };
            return match frame.into_data() {
                Ok(data) => match self.mark.strip(data) {
                    data if data.is_empty() && self.mark.held_len() > 0 => continue,
                    mut data => {
                        self.follow(&mut data);
                        Poll::Ready(Some(Ok(Frame::data(data))))
                    }
                },
                // After trailers the connection asks for nothing more.
                Err(trailers) => {
                    let end = self.end_of_stream();
                    Poll::Ready(Some(end.map_or(Ok(trailers), Err)))
                }
            };
        }
    }

    fn poll_other(&mut self, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        let Source::Other(upstream) = &mut self.source else { return Poll::Ready(None) };
        let frame = Pin::new(upstream).poll_frame(cx);
        if let Poll::Ready(Some(Err(_))) = &frame {
            self.end();
        }
        frame.map(|frame| frame.map(|frame| frame.map(owned).map_err(RelayError::Upstream)))
    }

    /// The upstream is silent: is it time for a comment?
    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        let due = || self.last_frame_at?.checked_add(self.keep_alive?);
        let Some(due) = due().filter(|_| self.may_insert()) else { return Poll::Pending };
        match poll_timer(&mut self.timer, cx, due) {
            Poll::Ready(()) => self.comment(),
            Poll::Pending => Poll::Pending,
        }
    }

    fn comment(&mut self) -> Poll<Polled<B>> {
        self.last_frame_at = Some(Instant::now());
        self.mark.comment();
        self.boundaries.feed(&COMMENT);
        self.begun.end();
        Poll::Ready(Some(Ok(Frame::data(COMMENT))))
    }

    /// Returns the number of bytes received of an incomplete event.
    fn pending_len(&self) -> u64 {
        let held = u64::try_from(self.mark.held_len()).unwrap_or(u64::MAX);
        self.since_boundary.saturating_add(held)
    }

    /// Returns whether the gateway may insert its own lines here.
    fn may_insert(&self) -> bool {
        self.at_boundary() || self.since_boundary == 0
    }

    /// Follows the stream through a chunk. If it is to end, bytes after the last boundary are left
    /// out.
    fn follow(&mut self, chunk: &mut Bytes) {
        let len = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        self.since_boundary = match self.boundaries.feed(chunk) {
            Some(boundary) => {
                debug_assert!(boundary <= chunk.len(), "the boundary is in the chunk");
                if self.is_stopping() {
                    chunk.truncate(boundary);
                }
                self.begun.end();
                self.begun.feed(chunk.get(boundary..).unwrap_or_default());
                len(chunk.len().saturating_sub(boundary))
            }
            None => {
                self.begun.feed(chunk);
                self.since_boundary.saturating_add(len(chunk.len()))
            }
        };
    }

    fn is_stopping(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.is_stopping())
    }

    /// Polls whether the gateway wants the stream to end, and returns what then comes.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        let Some(stop) = &mut self.stop else { return Poll::Pending };
        match stop.poll(cx) {
            stop::Step::GoOn => Poll::Pending,
            stop::Step::StopSoon | stop::Step::Cut if self.may_insert() => {
                let farewell = self.stop.as_mut().and_then(|stop| stop.take_farewell());
                self.end();
                Poll::Ready(farewell.map(|bytes| Ok(Frame::data(bytes))))
            }
            stop::Step::StopSoon => Poll::Pending,
            stop::Step::Cut => Poll::Ready(self.end_of_stream().map(Err)),
        }
    }

    fn end_of_stream(&mut self) -> Option<RelayError<B::Error>> {
        self.end();
        // WHATWG HTML 9.2.6: an event without its blank line is never dispatched. What is not part of
        // an event, such as a comment, needs none.
        let is_cut = self.begun.is_begun() || self.mark.held_len() > 0;
        is_cut.then(|| RelayError::CutEvent { len: self.pending_len() })
    }

    fn end(&mut self) {
        drop(mem::replace(&mut self.source, Source::Ended));
        self.timer = None;
        self.stop = None;
    }
}

/// The result of polling a body.
type Polled<B> = Option<Result<Frame<Bytes>, RelayError<<B as Body>::Error>>>;

/// For `Bytes` this is not a copy.
fn owned<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

impl<B: Body + Unpin> Body for Relay<B> {
    type Data = Bytes;
    type Error = RelayError<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Polled<B>> {
        let this = &mut *self;
        let polled = if this.error.is_holding() { Poll::Pending } else { this.poll_piece(cx) };
        #[cfg(feature = "hyper")]
        this.watch(&polled);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            this.given_at = Some(Instant::now());
        }
        this.error.pass(polled, this.given_at, cx)
    }

    fn is_end_stream(&self) -> bool {
        if !self.rest.is_empty() || self.error.is_holding() {
            return false;
        }
        match &self.source {
            Source::Late(_) => false,
            // The last words of a stream that is to end are still to come.
            Source::Stream(_) if self.is_stopping() => false,
            Source::Stream(upstream) => self.pending_len() == 0 && upstream.is_end_stream(),
            Source::Other(upstream) => upstream.is_end_stream(),
            Source::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            // Comments may come in between.
            Source::Late(_) | Source::Stream(_) => SizeHint::default(),
            Source::Other(upstream) if self.rest.is_empty() => upstream.size_hint(),
            Source::Ended if self.is_end_stream() => SizeHint::with_exact(0),
            Source::Other(_) | Source::Ended => SizeHint::default(),
        }
    }
}

impl<B: Body> fmt::Debug for Relay<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Late(_) => "waiting for the upstream",
            Source::Stream(_) => "event stream",
            Source::Other(_) => "other",
            Source::Ended => "ended",
        };
        f.debug_struct("Relay")
            .field("source", &source)
            .field("bytes_since_boundary", &self.since_boundary)
            .finish_non_exhaustive()
    }
}
