//! The client: [`EventSource`]. The machine of `tidings-sse` decides what to do and when; this
//! module moves bytes and time. `connection` makes one request and reads its body, `upload` sends
//! the request's body, `streaming` decodes the response, `control` interrupts.

mod connection;
mod control;
mod streaming;
mod upload;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings_endpoint::event_source::{
    AnswerCut, AnswerReader, BoxError, Client, ClientEvent, Decision, DisconnectCause, EventError,
    EventSourceRequest, NextAttempt, RedirectableRequest, Reply, RequestFault, StreamError,
};
use tidings_endpoint::opening::ConnectOptions;
use tidings_sse::event_source::ReadyState;
use tidings_sse::{OwnedMessageEvent, Timestamp};

use self::connection::{BodyRead, Connection, Fetched};
use self::control::Control;
use self::streaming::{Incident, Streaming, earlier};
use crate::deadline::Deadline;

pub use self::control::ClientHandle;

/// A client of an event stream, which comes back by itself (WHATWG HTML, 9.2).
///
/// ```no_run
/// use tidings_std::sse::EventSource;
///
/// # fn watch() -> Result<(), Box<dyn std::error::Error>> {
/// let mut source = EventSource::get("http://127.0.0.1:8080/events")?;
/// while let Some(event) = source.event()? {
///     println!("{}: {}", event.event_type, event.data);
/// }
/// # Ok(())
/// # }
/// ```
///
/// For another method, a body, headers, an ID to resume after, limits, or more patience make an
/// [`EventSourceRequest`] and [`open`](Self::open) it. As an iterator it returns [`ClientEvent`]s,
/// which also report the state of the connection. The loss of a stream is reported before the wait
/// for the next attempt.
///
/// ```no_run
/// # use tidings_std::sse::{EventSource, RequestFault, ClientEvent};
/// # fn watch(source: EventSource) {
/// for event in source {
///     match event {
///         ClientEvent::Event(event) => println!("{}", event.data),
///         ClientEvent::Disconnected { cause, wait } => eprintln!("{cause}; trying again in {wait:?}"),
///         ClientEvent::Closed { cause, reason } => eprintln!("{cause}; {reason}"),
///         _ => {}
///     }
/// }
/// # }
/// ```
///
/// It speaks HTTP/1.1. Nothing runs while it is not called: no request is made before the first
/// call. A drop ends the connection, and a [`ClientHandle`] does so while another thread waits.
pub struct EventSource {
    client: Client,
    options: ConnectOptions,
    /// Makes the request of each attempt.
    make: Option<Make>,
    /// The moment that the client's times count from.
    epoch: Instant,
    control: Arc<Control>,
    state: State,
}

type Make = Box<dyn FnMut(NextAttempt) -> Result<EventSourceRequest, BoxError> + Send>;

/// The progress of the current attempt.
enum State {
    /// Waits for the next attempt, or is closed.
    Idle,
    /// Another thread makes the request and waits for the head of its response.
    Fetching { request: Box<RedirectableRequest>, deadline: Deadline },
    /// The stream is open.
    Open(Box<Streaming>),
    /// The response is not a stream: reads its body.
    Answered { connection: Box<Connection>, reader: Box<AnswerReader>, until: Timestamp },
}

/// A call of [`EventSource::next_timeout`] reached its time limit. Nothing is lost; a later call
/// continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing happened to the event source within the timeout of the call")
    }
}

impl std::error::Error for TimedOut {}

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
            make: None,
            epoch: Instant::now(),
            control: Arc::default(),
            state: State::Idle,
        })
    }

    /// Connects with the proxies, the TLS configuration and the limits of a head of these options.
    /// Their headers, subprotocols, redirects and times are for WebSockets, and not used.
    #[must_use]
    pub fn with_connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// Creates a new request for each attempt, including the first: for a fresh token, or a URL
    /// that changes. URL, method, headers and body of the result of `make` are used; everything
    /// else, such as times and the conditions for repeating, comes from the request that the source
    /// was opened with.
    ///
    /// If `make` fails, the attempt does, and is made again as if the server could not be reached. It
    /// is called by the thread that waits, and cannot be interrupted.
    ///
    /// ```no_run
    /// # fn token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # fn watch() -> Result<(), Box<dyn std::error::Error>> {
    /// use tidings_std::sse::{EventSource, EventSourceRequest};
    ///
    /// let request = EventSourceRequest::get("http://127.0.0.1:8080/events");
    /// let source = EventSource::open(request.clone())?.with_request(move |_attempt| {
    ///     Ok(request.clone().header("authorization", format!("Bearer {}", token()?)))
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_request(
        mut self,
        make: impl FnMut(NextAttempt) -> Result<EventSourceRequest, BoxError> + Send + 'static,
    ) -> Self {
        self.make = Some(Box::new(make));
        self
    }

    /// Waits for the head of the response, where a stream and another answer are both good results:
    /// a chat model that answers an error with JSON, a server of the Model Context Protocol that may
    /// answer with JSON, with 202 and no body, or with a stream.
    ///
    /// ```no_run
    /// # fn call() -> Result<(), Box<dyn std::error::Error>> {
    /// use tidings_std::sse::{EventSource, EventSourceRequest, Reply};
    ///
    /// let request = EventSourceRequest::post("http://127.0.0.1:8080/mcp", "{}")
    ///     .header("content-type", "application/json")
    ///     .header("accept", "application/json, text/event-stream");
    /// match EventSource::open(request)?.reply()? {
    ///     Reply::Stream { mut source, .. } => {
    ///         while let Some(event) = source.event()? {
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
    pub fn reply(mut self) -> Result<Reply<Self>, DisconnectCause> {
        loop {
            let event = self.next();
            if let ControlFlow::Break(reply) = ClientEvent::into_reply(event) {
                return Ok(reply?.with_source(self));
            }
        }
    }

    /// Waits for the next event of the client, no longer than this and a sixteenth of it; `None`
    /// after [`ClientEvent::Closed`] or [`close`](Self::close).
    ///
    /// # Errors
    /// Nothing happened in time. Nothing is lost; a later call continues.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<ClientEvent>, TimedOut> {
        self.next_before(Some(self.now().after(timeout)))
    }

    /// Waits for the next event; `None` after [`close`](Self::close), after status 204, and, for a
    /// request that is not made again, at the end of the stream.
    ///
    /// # Errors
    /// [`EventError::Overflow`] for an event over a limit, which was skipped: call again.
    /// [`EventError::Closed`] once if the connection failed permanently; then `None`.
    pub fn event(&mut self) -> Result<Option<OwnedMessageEvent>, EventError> {
        for event in self {
            if let Some(event) = event.into_event() {
                return event;
            }
        }
        Ok(None)
    }

    /// Closes the source permanently, and ends the connection.
    pub fn close(&mut self) {
        self.control.close();
        self.client.close();
        self.state = State::Idle;
    }

    /// Returns a handle that closes the source, or makes it try again now, while another thread
    /// waits in it.
    #[must_use]
    pub fn handle(&self) -> ClientHandle {
        ClientHandle::new(&self.control)
    }

    /// Makes the next attempt now, if one is waited for. Returns whether it was.
    pub fn try_now(&mut self) -> bool {
        self.client.try_now(self.now())
    }

    /// Returns the time that the source waits after a stream has ended: the last `retry` from the
    /// server, within [`Config::retry_clamp`](super::Config::retry_clamp), or the client's initial
    /// value.
    #[must_use]
    pub const fn reconnection_time(&self) -> Duration {
        self.client.reconnection_time()
    }

    /// Returns whether the source is open, connecting or closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        if self.control.is_closed() { ReadyState::Closed } else { self.client.ready_state() }
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

    /// Waits for the next event of the client, no longer than `call` says.
    fn next_before(&mut self, call: Option<Timestamp>) -> Result<Option<ClientEvent>, TimedOut> {
        loop {
            // From another thread: then the client does not know yet.
            if self.control.is_closed() {
                self.close();
                return Ok(None);
            }
            if self.control.take_try_now() {
                self.try_now();
            }
            let event = match self.client.take_queued() {
                Some(queued) => Some(queued),
                None => self.advance(call),
            };
            // E-020: nothing is returned once the source is closed, by whichever thread.
            if self.control.is_closed() {
                continue;
            }
            match event {
                Some(event) => {
                    // A request of a handle while there was nothing to wait for is void.
                    if matches!(event, ClientEvent::Disconnected { .. }) {
                        self.control.take_try_now();
                    }
                    return Ok(Some(event));
                }
                None if self.is_over() => return Ok(None),
                None if call.is_some_and(|call| call <= self.now()) => return Err(TimedOut),
                None => {}
            }
        }
    }

    /// Does one thing, which may be to wait.
    fn advance(&mut self, call: Option<Timestamp>) -> Option<ClientEvent> {
        match &mut self.state {
            State::Idle => match self.client.poll_attempt(self.now()) {
                Some(attempt) => self.begin(&attempt),
                None if self.ready_state() == ReadyState::Closed => None,
                None => {
                    let until = earlier(self.client.poll_timeout(), call);
                    self.control.sleep_until(self.deadline(until));
                    None
                }
            },
            State::Fetching { deadline, .. } => {
                let deadline = *deadline;
                let wait = call.map_or(deadline, |call| self.deadline(Some(call)));
                let wait = if wait.time_left() < deadline.time_left() { wait } else { deadline };
                match self.control.wait_for(wait) {
                    Some(fetched) => self.fetched(fetched),
                    None if deadline.time_left().is_zero() => {
                        self.control.abandon();
                        self.fetched(Err(StreamError::Connect(deadline.value().error())))
                    }
                    None => None,
                }
            }
            State::Open(streaming) => {
                let incident = streaming.next(&mut self.client, call);
                self.told(incident)
            }
            State::Answered { connection, reader, until } => {
                let until = *until;
                let cut = match connection.read_body(earlier(Some(until), call)) {
                    Ok(BodyRead::End) => None,
                    Ok(BodyRead::Data(data)) if !reader.receive(data.clone()) => None,
                    // Whether bytes drip or nothing comes.
                    Ok(BodyRead::Data(_) | BodyRead::Silence) => {
                        if Timestamp::from_epoch(self.epoch.elapsed()) < until {
                            return None;
                        }
                        Some(AnswerCut::TimedOut)
                    }
                    Err(_) => Some(AnswerCut::Connection),
                };
                match std::mem::replace(&mut self.state, State::Idle) {
                    State::Answered { reader, .. } => Some(reader.finish(cut)),
                    _ => None,
                }
            }
        }
    }

    /// Returns whether nothing more will be returned.
    fn is_over(&self) -> bool {
        matches!(self.state, State::Idle) && self.ready_state() == ReadyState::Closed
    }

    /// Begins an attempt.
    fn begin(&mut self, attempt: &NextAttempt) -> Option<ClientEvent> {
        let made = self.make.as_mut().map(|make| make(attempt.clone()));
        match self.client.make_request(self.now(), attempt, made) {
            Ok(request) => self.fetch(Box::new(request)),
            Err(event) => Some(event),
        }
    }

    /// Makes a request: the first of an attempt, or that after a redirect.
    fn fetch(&mut self, request: Box<RedirectableRequest>) -> Option<ClientEvent> {
        let deadline = self.deadline(self.client.poll_timeout());
        let (options, target, epoch) = (self.options.clone(), request.clone(), self.epoch);
        let control = Arc::clone(&self.control);
        let begun = self.control.begin(move |number| {
            Connection::fetch(&control, number, &options, &target, deadline, epoch)
        });
        match begun {
            Ok(_) => {
                self.state = State::Fetching { request, deadline };
                None
            }
            Err(error) => {
                self.state = State::Idle;
                Some(self.client.not_fetched(self.now(), StreamError::Connect(error.into())))
            }
        }
    }

    /// Handles the result of a request.
    fn fetched(&mut self, fetched: Fetched) -> Option<ClientEvent> {
        let State::Fetching { mut request, .. } = std::mem::replace(&mut self.state, State::Idle)
        else {
            return None;
        };
        let now = self.now();
        let (head, connection) = match fetched {
            Ok(fetched) => fetched,
            // It may also be late.
            Err(error) => {
                let late = self.client.handle_timeout(now);
                return Some(late.unwrap_or_else(|| self.client.not_fetched(now, error)));
            }
        };
        match self.client.check_response(now, &mut request, head) {
            Decision::Redirected => {
                drop(connection);
                self.fetch(request)
            }
            Decision::Open { opened, content } => {
                self.state = State::Open(Box::new(Streaming::new(connection, content)));
                Some(opened)
            }
            Decision::Answered(reader) => {
                let until = now.after(reader.timeout());
                let (connection, reader) = (Box::new(connection), Box::new(reader));
                self.state = State::Answered { connection, reader, until };
                None
            }
            Decision::Unusable(event) => Some(event),
        }
    }

    /// Reports an incident of the open stream; `None` to keep waiting.
    fn told(&mut self, incident: Incident) -> Option<ClientEvent> {
        let now = self.now();
        let last = match incident {
            Incident::Event(event) => return Some(event),
            Incident::Silence => self.client.handle_timeout(now)?,
            Incident::Broken(error) => self.client.broken(now, error),
            Incident::End => self.client.ended(now),
        };
        self.state = State::Idle;
        Some(last)
    }

    /// `None` is never.
    fn deadline(&self, at: Option<Timestamp>) -> Deadline {
        Deadline::after(at.map_or(Duration::MAX, |at| at.since(self.now())))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }
}

/// Waits for the next event of the client; `None` after [`ClientEvent::Closed`] or
/// [`close`](EventSource::close).
impl Iterator for EventSource {
    type Item = ClientEvent;

    fn next(&mut self) -> Option<ClientEvent> {
        self.next_before(None).ok().flatten()
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        // A closer that outlives it has nothing to hold.
        self.control.close();
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("client", &self.client).finish_non_exhaustive()
    }
}
