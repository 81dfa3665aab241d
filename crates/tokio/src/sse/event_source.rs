//! The client: [`EventSource`]. What to do when is decided by the machine of `tidings-sse`; this
//! moves bytes and time. `fetch` makes one request, `streaming` reads one stream.

mod fetch;
mod streaming;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tidings_endpoint::event_source::{
    Client, ClientEvent, Decision, EventError, EventSourceRequest, RedirectableRequest,
    RequestFault,
};
use tidings_endpoint::opening::ConnectOptions;
use tidings_sse::event_source::ReadyState;
use tidings_sse::{OwnedMessageEvent, Timestamp};
use tokio::time::{Instant, Sleep, sleep_until};

use self::fetch::{Fetched, Fetching, fetch};
use self::streaming::{Incident, Streaming, read_start};

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
/// For another method, a body, headers, an ID to resume after, limits, or more patience make an
/// [`EventSourceRequest`] and [`open`](Self::open) it. [`next`](Self::next) yields what happens to
/// the connection too.
///
/// It speaks HTTP/1.1 and, with servers that offer it by TLS, HTTP/2. No request is made before the
/// first call, and nothing is received while it is not awaited. A drop ends the connection.
pub struct EventSource {
    client: Client,
    options: ConnectOptions,
    http2_prior_knowledge: bool,
    /// The moment that the client's times count from.
    epoch: Instant,
    /// Armed no later than the client's next deadline.
    timer: Option<Pin<Box<Sleep>>>,
    state: State,
}

/// How far the current attempt is.
enum State {
    /// Waits for the next attempt, or is closed.
    Idle,
    /// Waits for the head of a response.
    Fetching { request: Box<RedirectableRequest>, fetching: Fetching },
    /// The stream is open.
    Open(Box<Streaming>),
    /// The response is not a stream: reads the start of its body, for people.
    Refused(Pin<Box<dyn Future<Output = ClientEvent> + Send>>),
}

impl EventSource {
    /// A client of this `http` or, with the feature `rustls`, `https` URL that does what a
    /// browser's `EventSource` does.
    ///
    /// # Errors
    /// It is not such a URL.
    pub fn get(url: impl AsRef<str>) -> Result<Self, RequestFault> {
        Self::open(EventSourceRequest::get(url))
    }

    /// A client that makes this request.
    ///
    /// # Errors
    /// The request cannot be made.
    pub fn open(request: EventSourceRequest) -> Result<Self, RequestFault> {
        Ok(Self {
            client: Client::new(request)?,
            options: ConnectOptions::new(),
            http2_prior_knowledge: false,
            epoch: Instant::now(),
            timer: None,
            state: State::Idle,
        })
    }

    /// Connects with the proxies, the TLS configuration and the addresses of these options. Their
    /// headers, subprotocols, redirects and times are for WebSockets, and not used.
    #[must_use]
    pub fn with_connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
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
                Some(event) => {
                    if let Some(event) = event.into_event() {
                        return event;
                    }
                }
            }
        }
    }

    /// Waits for what happens next; `None` after [`ClientEvent::Closed`] or [`close`](Self::close).
    ///
    /// # Cancel safety
    /// Safe: attempts, waits and cut events go on with the next call.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Ends the connection, for good.
    pub fn close(&mut self) {
        self.client.close();
        self.state = State::Idle;
    }

    /// Whether there is a stream, or may be one again.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.client.ready_state()
    }

    /// The last event ID string: what a client that goes on from here has to begin with.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.client.last_event_id()
    }

    /// How many attempts have failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.client.failures()
    }

    /// As [`next`](Self::next), for futures written by hand.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        // A stream that never pauses must not starve the other tasks of the thread.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        loop {
            if let Poll::Ready(event) = self.poll_state(cx) {
                coop.made_progress();
                return Poll::Ready(Some(event));
            }
            match self.state {
                State::Idle if self.ready_state() == ReadyState::Closed => {
                    return Poll::Ready(None);
                }
                // It has a time limit of its own; the client waits for the next attempt already.
                State::Refused(_) => return Poll::Pending,
                _ => ready!(self.poll_deadline(cx)),
            }
            if let Some(late) = self.client.handle_timeout(self.now()) {
                self.state = State::Idle;
                coop.made_progress();
                return Poll::Ready(Some(late));
            }
        }
    }

    /// Continues the current attempt, or begins the next one if it is due.
    fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<ClientEvent> {
        loop {
            match &mut self.state {
                State::Idle => match self.client.poll_attempt(self.now()) {
                    None => return Poll::Pending,
                    Some(Ok(request)) => self.fetch(request),
                    Some(Err(event)) => return Poll::Ready(event),
                },
                State::Fetching { request, fetching } => {
                    let fetched = ready!(fetching.as_mut().poll(cx));
                    let now = elapsed(self.epoch);
                    let Fetched { head, body, connection } = match fetched {
                        Ok(fetched) => fetched,
                        Err(error) => {
                            self.state = State::Idle;
                            return Poll::Ready(self.client.not_fetched(now, error));
                        }
                    };
                    let version = head.version;
                    match self.client.check_response(now, request, head) {
                        Decision::Redirected => {
                            *fetching = fetch(&self.options, request, self.http2_prior_knowledge);
                        }
                        Decision::Open { opened, content } => {
                            let streaming = Streaming::new(version, connection, body, content);
                            self.state = State::Open(Box::new(streaming));
                            return Poll::Ready(opened);
                        }
                        Decision::Refused(refusal) => {
                            self.state = State::Refused(Box::pin(async move {
                                refusal.with_body_start(read_start(connection, body).await)
                            }));
                        }
                        Decision::Unusable(event) => {
                            self.state = State::Idle;
                            return Poll::Ready(event);
                        }
                    }
                }
                State::Refused(reading) => {
                    let event = ready!(reading.as_mut().poll(cx));
                    self.state = State::Idle;
                    return Poll::Ready(event);
                }
                State::Open(streaming) => {
                    let now = || elapsed(self.epoch);
                    let incident = ready!(streaming.poll(cx, &mut self.client, now));
                    let last = match incident {
                        Incident::Event(event) => return Poll::Ready(event),
                        Incident::End => self.client.ended(self.now()),
                        Incident::Broken(error) => self.client.broken(self.now(), error),
                    };
                    self.state = State::Idle;
                    return Poll::Ready(last);
                }
            }
        }
    }

    fn fetch(&mut self, request: RedirectableRequest) {
        let fetching = fetch(&self.options, &request, self.http2_prior_knowledge);
        self.state = State::Fetching { request: Box::new(request), fetching };
    }

    /// Ready when the client's deadline has come.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // Too far away to be told: never.
            let at =
                self.client.poll_timeout().and_then(|at| self.epoch.checked_add(at.since_epoch()));
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

    fn now(&self) -> Timestamp {
        elapsed(self.epoch)
    }
}

fn elapsed(epoch: Instant) -> Timestamp {
    Timestamp::from_epoch(epoch.elapsed())
}

impl Stream for EventSource {
    type Item = ClientEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        self.get_mut().poll_event(cx)
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("client", &self.client).finish_non_exhaustive()
    }
}
