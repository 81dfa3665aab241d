//! The client: [`EventSource`]. The machine of `tidings-sse` decides what to do and when; this
//! module moves bytes and time. `fetch` makes one request, `streaming` reads one stream.

mod fetch;
mod streaming;

use std::fmt;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tidings_endpoint::event_source::{
    BoxError, Client, ClientEvent, Decision, DisconnectCause, EventError, EventSourceRequest,
    NextAttempt, RedirectableRequest, Reply, RequestFault,
};
use tidings_endpoint::opening::ConnectOptions;
use tidings_sse::event_source::ReadyState;
use tidings_sse::{OwnedMessageEvent, Timestamp};
use tokio::time::{Instant, Sleep, sleep_until};

use self::fetch::{Fetched, Fetching, fetch};
use self::streaming::{Incident, ResponseBody, Streaming, read_answer};
use crate::client_handle::ClientHandle;

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
/// [`EventSourceRequest`] and [`open`](Self::open) it. [`next`](Self::next) also returns the state
/// of the connection. [`reply`](Self::reply) is for servers that answer with a stream or with
/// something else.
///
/// It speaks HTTP/1.1 and, with servers that offer it by TLS, HTTP/2. No request is made before the
/// first call, and nothing is received while it is not awaited. A drop ends the connection.
pub struct EventSource {
    client: Client,
    options: ConnectOptions,
    http2_prior_knowledge: bool,
    /// Makes the request of each attempt.
    make: Option<Make>,
    handle: ClientHandle,
    /// The moment that the client's times count from.
    epoch: Instant,
    /// Armed no later than the client's next deadline.
    timer: Option<Pin<Box<Sleep>>>,
    state: State,
}

/// The progress of the current attempt.
enum State {
    /// Waits for the next attempt, or is closed.
    Idle,
    /// Waits for the caller to make the request.
    Making { attempt: NextAttempt, making: Making },
    /// Waits for the head of a response.
    Fetching { request: Box<RedirectableRequest>, fetching: Fetching },
    /// The stream is open.
    Open(Box<Streaming>),
    /// The response is not a stream: reads its body.
    Answered(Pin<Box<dyn Future<Output = ClientEvent> + Send>>),
}

type Make = Box<dyn FnMut(NextAttempt) -> Making + Send>;
type Making = Pin<Box<dyn Future<Output = Result<EventSourceRequest, BoxError>> + Send>>;

impl EventSource {
    /// Creates a client of this `http` or, with the feature `rustls`, `https` URL that behaves like
    /// a browser's `EventSource`. Like a browser it waits for ever on a connection that died
    /// silently; [`EventSourceRequest::idle_timeout`] sets a limit.
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
            make: None,
            handle: ClientHandle::default(),
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

    /// Creates a new request for each attempt, including the first: for a fresh token, or a URL
    /// that changes. URL, method, headers and body of the result of `make` are used; everything
    /// else, such as times and the conditions for repeating, comes from the request that the source
    /// was opened with.
    ///
    /// If `make` fails, the attempt does, and is made again as if the server could not be reached. Its
    /// time counts into [`Config::response_timeout`](super::Config::response_timeout).
    ///
    /// ```no_run
    /// # async fn token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # fn watch() -> Result<(), Box<dyn std::error::Error>> {
    /// use tidings_tokio::sse::{EventSource, EventSourceRequest};
    ///
    /// let request = EventSourceRequest::get("http://127.0.0.1:8080/events");
    /// let source = EventSource::open(request.clone())?.with_request(move |_attempt| {
    ///     let request = request.clone();
    ///     async move {
    ///         let token = token().await?;
    ///         Ok(request.header("authorization", format!("Bearer {token}")))
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_request<F, R>(mut self, mut make: F) -> Self
    where
        F: FnMut(NextAttempt) -> R + Send + 'static,
        R: Future<Output = Result<EventSourceRequest, BoxError>> + Send + 'static,
    {
        self.make = Some(Box::new(move |attempt| Box::pin(make(attempt))));
        self
    }

    /// Waits for the head of the response, where a stream and another answer are both good results:
    /// a chat model that answers an error with JSON, a server of the Model Context Protocol that may
    /// answer with JSON, with 202 and no body, or with a stream.
    ///
    /// ```no_run
    /// # async fn call() -> Result<(), Box<dyn std::error::Error>> {
    /// use tidings_tokio::sse::{EventSource, EventSourceRequest, Reply};
    ///
    /// let request = EventSourceRequest::post("http://127.0.0.1:8080/mcp", "{}")
    ///     .header("content-type", "application/json")
    ///     .header("accept", "application/json, text/event-stream");
    /// match EventSource::open(request)?.reply().await? {
    ///     Reply::Stream { mut source, .. } => {
    ///         while let Some(event) = source.event().await? {
    ///             println!("{}", event.data);
    ///         }
    ///     }
    ///     Reply::Answer(answer) => println!("{}: {} bytes", answer.status, answer.body.len()),
    ///     _ => {}
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// An attempt that fails is repeated first, as [`EventSourceRequest::repeat`] and
    /// [`Config`](super::Config) say; a POST is not, without more. It waits without a word, for up to
    /// `max_server_wait`; [`next`](Self::next) shows each wait.
    ///
    /// # Errors
    /// There is no response, or an unusable one.
    ///
    /// # Cancel safety
    /// Not safe: a dropped future drops the request.
    pub async fn reply(mut self) -> Result<Reply<Self>, DisconnectCause> {
        loop {
            let event = self.next().await;
            if let ControlFlow::Break(reply) = ClientEvent::into_reply(event) {
                return Ok(reply?.with_source(self));
            }
        }
    }

    /// Waits for the next event; `None` after [`close`](Self::close), after status 204, and, for a
    /// request that is not made again, at the end of the stream.
    ///
    /// # Errors
    /// [`EventError::Overflow`] for an event over a limit, which was skipped: call again.
    /// [`EventError::Closed`] once if the connection failed permanently; then `None`.
    ///
    /// # Cancel safety
    /// Safe: attempts, waits and partial events continue with the next call.
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

    /// Waits for the next event of the client; `None` after [`ClientEvent::Closed`] or
    /// [`close`](Self::close).
    ///
    /// # Cancel safety
    /// Safe: attempts, waits and partial events continue with the next call.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Closes the source permanently, and ends the connection.
    pub fn close(&mut self) {
        self.client.close();
        self.state = State::Idle;
    }

    /// Makes the next attempt now, if one is waited for. Returns whether it was.
    pub fn try_now(&mut self) -> bool {
        self.timer = None;
        self.client.try_now(self.now())
    }

    /// Returns a handle that closes the source, or makes it try again now, while another task waits
    /// in it.
    #[must_use]
    pub fn handle(&self) -> ClientHandle {
        self.handle.clone()
    }

    /// Returns whether the source is open, connecting or closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        if self.handle.is_closed() { ReadyState::Closed } else { self.client.ready_state() }
    }

    /// Returns the time that the source waits after a stream has ended: the last `retry` from the
    /// server, within [`Config::retry_clamp`](super::Config::retry_clamp), or the client's initial
    /// value.
    #[must_use]
    pub const fn reconnection_time(&self) -> Duration {
        self.client.reconnection_time()
    }

    /// Returns the last event ID string. A client that resumes from here begins with it.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.client.last_event_id()
    }

    /// Returns the number of consecutive failed attempts.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.client.failures()
    }

    /// Like [`next`](Self::next), for futures written by hand.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        // A stream that never pauses must not starve the other tasks of the thread.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        let requested = self.handle.poll(cx);
        if requested.closes {
            self.close();
        } else if requested.tries_now {
            self.try_now();
        }
        if let Some(queued) = self.client.take_queued() {
            coop.made_progress();
            return Poll::Ready(Some(queued));
        }
        loop {
            if let Poll::Ready(event) = self.poll_state(cx) {
                coop.made_progress();
                return Poll::Ready(Some(event));
            }
            match self.state {
                State::Idle if self.ready_state() == ReadyState::Closed => {
                    return Poll::Ready(None);
                }
                // It has a separate time limit; the client is already waiting for the next attempt.
                State::Answered(_) => return Poll::Pending,
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
                    Some(attempt) => match &mut self.make {
                        None => {
                            if let Err(event) = self.fetch(&attempt, None) {
                                return Poll::Ready(event);
                            }
                        }
                        Some(make) => {
                            let making = make(attempt.clone());
                            self.state = State::Making { attempt, making };
                        }
                    },
                },
                State::Making { attempt, making } => {
                    let made = ready!(making.as_mut().poll(cx));
                    let attempt = attempt.clone();
                    self.state = State::Idle;
                    if let Err(event) = self.fetch(&attempt, Some(made)) {
                        return Poll::Ready(event);
                    }
                }
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
                    let response = ResponseBody::new(head.version, connection, body);
                    match self.client.check_response(now, request, head) {
                        Decision::Redirected => {
                            *fetching = fetch(&self.options, request, self.http2_prior_knowledge);
                        }
                        Decision::Open { opened, content } => {
                            let streaming = Streaming::new(response, content);
                            self.state = State::Open(Box::new(streaming));
                            return Poll::Ready(opened);
                        }
                        Decision::Answered(reader) => {
                            self.state = State::Answered(Box::pin(read_answer(response, reader)));
                        }
                        Decision::Unusable(event) => {
                            self.state = State::Idle;
                            return Poll::Ready(event);
                        }
                    }
                }
                State::Answered(reading) => {
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

    fn fetch(
        &mut self,
        attempt: &NextAttempt,
        made: Option<Result<EventSourceRequest, BoxError>>,
    ) -> Result<(), ClientEvent> {
        let request = self.client.make_request(self.now(), attempt, made)?;
        let fetching = fetch(&self.options, &request, self.http2_prior_knowledge);
        self.state = State::Fetching { request: Box::new(request), fetching };
        Ok(())
    }

    /// Ready when the client's deadline has come.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // Too far away to be represented: never.
            let at =
                self.client.poll_timeout().and_then(|at| self.epoch.checked_add(at.since_epoch()));
            let Some(at) = at else {
                self.timer = None;
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            // Deadlines move away with every byte. A timer that fires early costs less than setting
            // it again each time.
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
