//! The client: [`EventSource`]. What to do when is decided by the machine of `tidings-sse`; this
//! moves bytes and time. `connection` makes one request and reads its body, `streaming` decodes that,
//! `closer` interrupts.

mod closer;
mod connection;
mod streaming;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings_endpoint::event_source::{
    Client, ClientEvent, Decision, EventError, EventSourceRequest, RedirectableRequest,
    RequestFault,
};
use tidings_endpoint::opening::ConnectOptions;
use tidings_sse::event_source::ReadyState;
use tidings_sse::{OwnedMessageEvent, Timestamp};

use self::closer::Control;
use self::connection::Connection;
use self::streaming::{Incident, Streaming};
use crate::deadline::Deadline;

pub use self::closer::Closer;

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
/// [`EventSourceRequest`] and [`open`](Self::open) it. As an iterator it yields [`ClientEvent`]s, which
/// tell what happens to the connection too; that a stream is lost is told before the wait for the
/// next attempt.
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
/// call. A drop ends the connection, and a [`Closer`] does so while another thread waits.
pub struct EventSource {
    client: Client,
    options: ConnectOptions,
    /// The moment that the client's times count from.
    epoch: Instant,
    control: Arc<Control>,
    /// The open stream.
    streaming: Option<Box<Streaming>>,
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
            epoch: Instant::now(),
            control: Arc::default(),
            streaming: None,
        })
    }

    /// Connects with the proxies, the TLS configuration and the limits of a head of these options.
    /// Their headers, subprotocols, redirects and times are for WebSockets, and not used.
    #[must_use]
    pub fn with_connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = options;
        self
    }

    /// Waits for the next event; `None` after [`close`](Self::close), after status 204, and, for a
    /// request that is not made again, at the end of the stream.
    ///
    /// # Errors
    /// [`EventError::Overflow`] for an event over a limit, which was skipped: call again.
    /// [`EventError::Closed`] once if the connection failed for good; then `None`.
    pub fn event(&mut self) -> Result<Option<OwnedMessageEvent>, EventError> {
        for event in self {
            if let Some(event) = event.into_event() {
                return event;
            }
        }
        Ok(None)
    }

    /// Ends the connection, for good.
    pub fn close(&mut self) {
        self.control.close();
        self.client.close();
        self.streaming = None;
    }

    /// What ends this from another thread.
    #[must_use]
    pub fn closer(&self) -> Closer {
        Closer::new(&self.control)
    }

    /// Whether there is a stream, or may be one again.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        if self.control.is_closed() { ReadyState::Closed } else { self.client.ready_state() }
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

    /// One attempt, over all its redirects, up to an open stream or none. Nothing if it was closed.
    fn attempt(&mut self, mut request: RedirectableRequest) -> Option<ClientEvent> {
        loop {
            let deadline = self.deadline();
            let Self { control, options, epoch, .. } = self;
            let fetched = Connection::fetch(control, options, &request, deadline, *epoch);
            if self.control.is_closed() {
                return None;
            }
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
                Decision::Redirected => {}
                Decision::Open { opened, content } => {
                    self.streaming = Some(Box::new(Streaming::new(connection, content)));
                    return Some(opened);
                }
                Decision::Refused(refusal) => {
                    return Some(refusal.with_body_start(connection.body_start()));
                }
                Decision::Unusable(event) => return Some(event),
            }
        }
    }

    /// What happened to the open stream; nothing if there is to be waited more.
    fn told(&mut self, incident: Incident) -> Option<ClientEvent> {
        let now = self.now();
        let last = match incident {
            Incident::Event(event) => return Some(event),
            Incident::Silence => self.client.handle_timeout(now)?,
            Incident::Broken(error) => self.client.broken(now, error),
            Incident::End => self.client.ended(now),
        };
        self.streaming = None;
        Some(last)
    }

    /// The client's.
    fn deadline(&self) -> Deadline {
        let at = self.client.poll_timeout();
        Deadline::after(at.map_or(Duration::MAX, |at| at.since(self.now())))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_epoch(self.epoch.elapsed())
    }
}

/// Waits for what happens next; `None` after [`ClientEvent::Closed`] or [`close`](EventSource::close).
impl Iterator for EventSource {
    type Item = ClientEvent;

    fn next(&mut self) -> Option<ClientEvent> {
        loop {
            // From another thread: then the client does not know yet.
            if self.control.is_closed() {
                self.close();
                return None;
            }
            let event = if let Some(streaming) = &mut self.streaming {
                let incident = streaming.next(&mut self.client);
                self.told(incident)
            } else if let Some(attempt) = self.client.poll_attempt(self.now()) {
                match attempt {
                    Ok(request) => self.attempt(request),
                    Err(event) => Some(event),
                }
            } else if self.ready_state() == ReadyState::Closed {
                return None;
            } else {
                self.control.sleep_until(self.deadline());
                None
            };
            // E-020: nothing comes after it was closed, whoever did.
            if event.is_some() && !self.control.is_closed() {
                return event;
            }
        }
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
