//! The client: [`EventSource`]. What to do when is decided by the machine of `tidings-sse`; this
//! moves bytes and time. `fetch` makes one request, `streaming` reads one stream.

mod fetch;
mod streaming;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use http::StatusCode;
use http::response::Parts;
use tidings_endpoint::event_source::{
    Answer, ContentDecoder, EventError, EventSourceRequest, Exchange, Lost, Opened, RequestFault,
    StreamError, Update, response_of,
};
use tidings_endpoint::random_u64;
use tidings_sse::event_source::{End, ReadyState, Verdict};
use tidings_sse::{GrowableStorage, OwnedMessageEvent};
use tokio::time::{Instant, Sleep, sleep_until};

use self::fetch::{Fetched, Fetching, fetch};
use self::streaming::{Incident, Streaming};
use crate::connect::Connector;

/// A client of an event stream, which comes back by itself (WHATWG HTML, 9.2).
///
/// ```no_run
/// # async fn watch() -> Result<(), Box<dyn std::error::Error>> {
/// use tidings_tokio::sse::EventSource;
///
/// let mut source = EventSource::get("http://127.0.0.1:8080/events")?;
/// while let Some(event) = source.event().await? {
///     println!("{}: {}", event.event_type, event.data);
/// }
/// # Ok(())
/// # }
/// ```
///
/// For another method, a body, headers, an ID to go on behind, limits, or more patience make an
/// [`EventSourceRequest`] and [`open`](Self::open) it. [`next`](Self::next) yields what happens to
/// the connection too.
///
/// It speaks HTTP/1.1 and, with servers that offer it by TLS, HTTP/2. No request is made before the first call, and nothing is
/// received while it is not awaited. A drop ends the connection.
pub struct EventSource {
    request: EventSourceRequest,
    connector: Connector,
    http2_prior_knowledge: bool,
    machine: tidings_sse::EventSource<GrowableStorage>,
    /// The moment that the machine's times count from.
    epoch: Instant,
    /// Armed no later than the machine's next deadline.
    timer: Option<Pin<Box<Sleep>>>,
    link: Link,
}

/// What there is of a connection.
enum Link {
    None,
    /// Waits for the head of a response.
    Fetching {
        exchange: Box<Exchange>,
        fetching: Fetching,
    },
    /// The stream is open.
    Open(Box<Streaming>),
    /// The response is no stream: reads how it begins, for people.
    Refused {
        answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
        lost: tidings_sse::event_source::Lost,
    },
}

impl EventSource {
    /// A client of this `http` or, with the feature `rustls`, `https` URL that does what a
    /// browser's `EventSource` does.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn get(url: impl AsRef<str>) -> Result<Self, RequestFault> {
        Self::open(EventSourceRequest::get(url))
    }

    /// A client that makes this request.
    ///
    /// # Errors
    /// The request can't be made.
    pub fn open(request: EventSourceRequest) -> Result<Self, RequestFault> {
        let machine = request.machine()?;
        Exchange::new(&request, None)?;
        Ok(Self {
            request,
            connector: Connector::new(),
            http2_prior_knowledge: false,
            machine,
            epoch: Instant::now(),
            timer: None,
            link: Link::None,
        })
    }

    /// Goes the way of this connector: its proxies, TLS configuration, addresses. Its headers,
    /// subprotocols, redirects and times are for WebSockets, and not used.
    #[must_use]
    pub fn with_connector(mut self, connector: Connector) -> Self {
        self.connector = connector;
        self
    }

    /// Speaks HTTP/2 to `http` URLs as well, without asking whether the server does (RFC 9113,
    /// 3.3).
    #[must_use]
    pub fn with_http2_prior_knowledge(mut self) -> Self {
        self.http2_prior_knowledge = true;
        self
    }

    /// Waits for the next event; `None` after [`close`](Self::close), after status 204, and, for a
    /// request that is not made again, at the end of the stream.
    ///
    /// # Errors
    /// [`EventError::Overflow`] for an event over a limit, which was skipped: call again.
    /// [`EventError::Closed`] once if the connection failed for good; then `None`.
    ///
    /// # Cancel safety
    /// Safe: attempts, waits and cut events go on with the next call.
    pub async fn event(&mut self) -> Result<Option<OwnedMessageEvent>, EventError> {
        loop {
            match self.next().await {
                None => return Ok(None),
                Some(update) => {
                    if let Some(event) = update.into_event() {
                        return event;
                    }
                }
            }
        }
    }

    /// Waits for what happens next; `None` after [`Update::Closed`] or [`close`](Self::close).
    ///
    /// # Cancel safety
    /// Safe: attempts, waits and cut events go on with the next call.
    pub async fn next(&mut self) -> Option<Update> {
        poll_fn(|cx| self.poll_update(cx)).await
    }

    /// Ends the connection, for good.
    pub fn close(&mut self) {
        self.machine.close();
        self.link = Link::None;
    }

    /// Whether there is a stream, or may be one again.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.machine.ready_state()
    }

    /// The last event ID string: what a client that goes on from here has to begin with.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.machine.last_event_id()
    }

    /// How many attempts have failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.machine.failures()
    }

    /// As [`next`](Self::next), for futures written by hand.
    pub fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        // A stream that never pauses must not starve the other tasks of the thread.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        loop {
            if let Poll::Ready(update) = self.poll_link(cx) {
                coop.made_progress();
                return Poll::Ready(Some(update));
            }
            match self.link {
                Link::None if self.ready_state() == ReadyState::Closed => return Poll::Ready(None),
                // It has a time limit of its own; the machine waits for the next attempt already.
                Link::Refused { .. } => return Poll::Pending,
                _ => ready!(self.poll_deadline(cx)),
            }
            if let Some(lost) = self.machine.handle_timeout(self.now(), random_u64()) {
                self.link = Link::None;
                coop.made_progress();
                return Poll::Ready(Some(Update::lost(Lost::new(lost.reason), lost.next)));
            }
        }
    }

    /// Goes on with the connection, or begins one if it is time to.
    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<Update> {
        loop {
            match &mut self.link {
                Link::None => {
                    let now = self.now();
                    let Some(attempt) = self.machine.poll_attempt(now) else {
                        return Poll::Pending;
                    };
                    match Exchange::new(&self.request, attempt.last_event_id()) {
                        Ok(exchange) => self.fetch(exchange),
                        Err(fault) => {
                            return Poll::Ready(
                                self.end(End::Unusable, StreamError::Request(fault)),
                            );
                        }
                    }
                }
                Link::Fetching { fetching, .. } => {
                    let fetched = ready!(fetching.as_mut().poll(cx));
                    let Link::Fetching { exchange, .. } =
                        std::mem::replace(&mut self.link, Link::None)
                    else {
                        return Poll::Pending; // it was Fetching a moment ago
                    };
                    let update = match fetched {
                        Ok(fetched) => self.judge(*exchange, fetched),
                        Err(error) => {
                            let callers =
                                matches!(&error, StreamError::Connect(error) if error.is_callers());
                            let end = if callers { End::Unusable } else { End::Unreachable };
                            Some(self.end(end, error))
                        }
                    };
                    if let Some(update) = update {
                        return Poll::Ready(update);
                    }
                }
                Link::Refused { answer, lost } => {
                    let answer = ready!(answer.as_mut().poll(cx));
                    let (reason, next) = (lost.reason, lost.next);
                    self.link = Link::None;
                    let why = Lost::new(reason).with_answer(Some(answer));
                    return Poll::Ready(Update::lost(why, next));
                }
                Link::Open(streaming) => {
                    let epoch = self.epoch;
                    let incident =
                        ready!(streaming.poll(cx, &mut self.machine, || epoch.elapsed()));
                    return Poll::Ready(match incident {
                        Incident::Update(update) => update,
                        Incident::End => {
                            self.link = Link::None;
                            let lost =
                                self.machine.handle_end(self.now(), End::EndOfBody, random_u64());
                            Update::lost(Lost::new(lost.reason), lost.next)
                        }
                        Incident::Broken(error) => self.end(End::Broken, error),
                    });
                }
            }
        }
    }

    fn fetch(&mut self, exchange: Exchange) {
        let fetching = fetch(&self.connector, &exchange, self.http2_prior_knowledge);
        self.link = Link::Fetching { exchange: Box::new(exchange), fetching };
    }

    /// What the machine has to say of a response. Nothing, if there is more to wait for.
    fn judge(&mut self, mut exchange: Exchange, fetched: Fetched) -> Option<Update> {
        let Fetched { head, body, connection } = fetched;
        let Parts { status, version, headers, .. } = head;
        let response = response_of(status, &headers);
        let content = match ContentDecoder::of(&headers) {
            Ok(content) => content,
            // What says why there is no stream can be shown as it is.
            Err(_) if status != StatusCode::OK => ContentDecoder::identity(),
            // Asked again, the server would choose the same coding.
            Err(error) => return Some(self.end(End::Unusable, StreamError::Coding(error))),
        };
        match self.machine.handle_response(self.now(), &response, random_u64()) {
            Verdict::Open => {
                self.link =
                    Link::Open(Box::new(Streaming::new(version, connection, body, content)));
                Some(Update::Open(Box::new(Opened::new(exchange.url(), version, headers))))
            }
            Verdict::Redirect => match exchange.follow(status.as_u16(), &headers) {
                Ok(()) => {
                    self.fetch(exchange);
                    None
                }
                Err(fault) => Some(self.end(End::Unusable, StreamError::Redirect(fault))),
            },
            Verdict::Lost(lost) => {
                let url = exchange.url().to_owned();
                let answer = Box::pin(async move {
                    let body_start = streaming::read_start(connection, body).await;
                    Answer::new(&url, status.as_u16(), headers, body_start)
                });
                self.link = Link::Refused { answer, lost };
                None
            }
            _ => None,
        }
    }

    /// The attempt or the stream is over, because something went wrong.
    fn end(&mut self, end: End, error: StreamError) -> Update {
        self.link = Link::None;
        let lost = self.machine.handle_end(self.now(), end, random_u64());
        Update::lost(Lost::new(lost.reason).with_error(Some(error)), lost.next)
    }

    /// Ready when the machine's deadline has come.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // Too far away to be told: never.
            let at = self.machine.poll_timeout().and_then(|at| self.epoch.checked_add(at));
            let Some(at) = at else {
                self.timer = None;
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            // Deadlines move away with every byte. A timer that is early costs less than one that
            // is set anew each time.
            if timer.deadline() > at {
                timer.as_mut().reset(at);
            }
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if Instant::now() >= at {
                return Poll::Ready(());
            }
        }
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

impl Stream for EventSource {
    type Item = Update;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        self.get_mut().poll_update(cx)
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("request", &self.request)
            .field("ready_state", &self.ready_state())
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}
