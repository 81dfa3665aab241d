//! The client's side of a connection, over all its attempts: [`EventSource`].
//!
//! It says when a request is due, checks the response, decodes the stream, and knows what to do
//! when there is no stream any more. The driver supplies sockets, clock and random source. Every
//! `now` is a [`Timestamp`] of one monotonic clock, the caller's; every `random` is distributed
//! evenly over all of `u64`.

mod attempt;
mod config;
mod disconnect;
mod state;

use core::fmt;
use core::time::Duration;

use tidings_reconnect::{Next as ReconnectNext, Reason, Reconnect};
use tidings_time::Timestamp;

use crate::{
    Decoder, EndOfStream, EventId, Item, LimitExceeded, MessageEvent, ReconnectionTime, Storage,
    is_event_stream,
};
pub use attempt::{Attempt, Response};
pub use config::{Config, Repeat};
pub use disconnect::{Disconnect, DisconnectReason, End, GiveUp, Next, ResponseOutcome};
pub use state::ReadyState;
use state::State;

/// An EventSource, after WHATWG HTML 9.2.2 and 9.2.3, for a driver that does the I/O.
///
/// # How to drive it
///
/// 1. When [`poll_attempt`](Self::poll_attempt) returns an [`Attempt`], make the request, with
///    `Accept: text/event-stream`, `Cache-Control: no-cache` and the attempt's `Last-Event-ID`.
/// 2. Pass the head of the response to [`handle_response`](Self::handle_response). On
///    [`ResponseOutcome::Redirect`] follow `Location` and do this again.
/// 3. On [`ResponseOutcome::Open`] pass all bytes to [`receive`](Self::receive), until it returns
///    `None`.
/// 4. Call [`handle_end`](Self::handle_end) when the body or the connection ends, at any point.
/// 5. When the time of [`poll_timeout`](Self::poll_timeout) has come, call
///    [`handle_timeout`](Self::handle_timeout), and continue at 1.
///
/// [`Disconnect`] reports each end, and the next step. Whenever it is returned, by 2, 4 or 5, drop
/// that connection.
///
/// ```
/// # #[cfg(feature = "alloc")] {
/// use core::time::Duration;
/// use tidings_sse::event_source::{Config, End, EventSource, Next, Response, ResponseOutcome};
/// use tidings_sse::{Decoder, Item, Timestamp};
///
/// let mut source = EventSource::new(Decoder::new(), Config::event_source());
/// let random = 0; // your generator
/// let mut now = Timestamp::default(); // your clock
/// let mut bodies = [&b"retry: 500\nid: 7\ndata: one\n\n"[..], b"data: two\n\ndata: cut"].into_iter();
/// let mut received = Vec::new();
///
/// // 1. A request is due.
/// while let Some(attempt) = source.poll_attempt(now) {
///     let known = (!received.is_empty()).then_some(&b"7"[..]);
///     assert_eq!(attempt.last_event_id(), known);
///     let Some(body) = bodies.next() else { break };
///     // 2. Its response.
///     let response = Response {
///         status: 200,
///         content_type: Some(b"text/event-stream"),
///         retry_after: None,
///         has_location: false,
///         retry: None,
///     };
///     assert_eq!(source.handle_response(now, &response, random), ResponseOutcome::Open);
///     // 3. Its body.
///     let mut input = body;
///     while let Some(item) = source.receive(now, &mut input) {
///         if let Item::Event(event) = item {
///             received.push(event.data.to_owned());
///         }
///     }
///     // 4. Its end.
///     let disconnect = source.handle_end(now, End::EndOfBody, random);
///     assert_eq!(disconnect.next, Next::Wait(Duration::from_millis(500)));
///     // 5. Sleep.
///     now = source.poll_timeout().unwrap();
/// }
/// source.close();
/// assert_eq!(received, ["one", "two"]);
/// # }
/// ```
pub struct EventSource<S: Storage> {
    decoder: Decoder<S>,
    config: Config,
    reconnect: Reconnect,
    /// Attempts begun since the last success.
    attempts: u32,
    /// A stream has been open.
    was_open: bool,
    state: State,
}

impl<S: Storage> EventSource<S> {
    /// Creates an event source whose first attempt is due at once.
    ///
    /// The decoder supplies its limits, its reporting options, and its last event ID and
    /// reconnection time.
    #[must_use]
    pub fn new(mut decoder: Decoder<S>, config: Config) -> Self {
        let _ = decoder.finish(); // what it may have begun belongs to no stream of this source
        let mut reconnect = Reconnect::new(config.policy);
        if let Some(time) = decoder.reconnection_time() {
            set_reconnection_time(&mut reconnect, &config, time);
        }
        Self {
            decoder,
            config,
            reconnect,
            attempts: 0,
            was_open: false,
            state: State::Waiting { until: Timestamp::default() },
        }
    }

    /// Sets the last event ID string, to resume where an earlier program stopped.
    ///
    /// # Errors
    /// [`LimitExceeded`] if the ID exceeds the decoder's limit. The old ID is kept.
    pub fn set_last_event_id(&mut self, id: EventId<'_>) -> Result<(), LimitExceeded> {
        self.decoder.set_last_event_id(id)
    }

    /// Returns the last event ID string. It outlives every connection, and [`close`](Self::close).
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Returns the state, in the standard's terms.
    #[must_use]
    pub const fn ready_state(&self) -> ReadyState {
        self.state.ready_state()
    }

    /// Returns the time that the source waits after a stream has ended: the last `retry` from the
    /// server, as far as the [`Config`] allows it, or the client's initial value.
    #[must_use]
    pub const fn reconnection_time(&self) -> Duration {
        self.reconnect.policy().minimum
    }

    /// Makes the next attempt due now, if one is waited for. Returns whether it was.
    ///
    /// For a program that learned that the network is back.
    pub fn try_now(&mut self, now: Timestamp) -> bool {
        let State::Waiting { until } = &mut self.state else { return false };
        *until = now.min(*until);
        true
    }

    /// The number of attempts that failed in a row, with which the next wait grows. An event sets it to 0,
    /// and so does a stream that ends in good order, between two events, if anything came of it or it was
    /// open for the reconnection time.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.reconnect.failures()
    }

    /// Returns the time at which to call [`handle_timeout`](Self::handle_timeout) and then
    /// [`poll_attempt`](Self::poll_attempt). `None` means no deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.state.deadline(&self.config)
    }

    /// Returns the request to make now, once for each attempt, when its wait is over.
    pub fn poll_attempt(&mut self, now: Timestamp) -> Option<Attempt<'_>> {
        match self.state {
            State::Waiting { until } if until <= now => {}
            _ => return None,
        }
        self.state = State::Requesting { since: now, redirects: 0 };
        let number = self.attempts;
        self.attempts = number.saturating_add(1);
        let resumes_by_get = self.resumes_by_get();
        // WHATWG HTML 9.2.3: "If the EventSource object's last event ID string is not the empty
        // string", it goes into the header, "encoded as UTF-8".
        let id = EventId::new(self.decoder.last_event_id());
        debug_assert!(id.is_ok(), "the decoder keeps only event IDs");
        let last_event_id = id.ok().and_then(EventId::header_value);
        Some(Attempt { last_event_id, number, resumes_by_get })
    }

    /// Handles the head of the response.
    ///
    /// If no response is awaited nothing changes, and the outcome shows the state:
    /// [`ResponseOutcome::Open`] if the stream is open, else [`DisconnectReason::NoAttempt`].
    pub fn handle_response(
        &mut self,
        now: Timestamp,
        response: &Response<'_>,
        random: u64,
    ) -> ResponseOutcome {
        let redirects = match self.state {
            State::Requesting { redirects, .. } => redirects,
            State::Open { .. } => return ResponseOutcome::Open,
            State::Waiting { .. } | State::Closed(_) => {
                return ResponseOutcome::Disconnect(self.no_attempt(now));
            }
        };
        let status = DisconnectReason::Status(response.status);
        // A server that says when to come again has not begun.
        let unprocessed = matches!(response.status, 429 | 503) && response.retry_after.is_some();
        let (reason, again) = match response.status {
            // WHATWG HTML 9.2.3: "if res's status is not 200, or if res's `Content-Type` is not
            // `text/event-stream`, then fail the connection."
            200 if response.content_type.is_some_and(is_event_stream) => {
                self.state = State::Open { since: now, heard: now, has_spoken: false };
                self.was_open = true;
                return ResponseOutcome::Open;
            }
            200 => (DisconnectReason::ContentType, false),
            // Fetch, "HTTP-redirect fetch".
            301 | 302 | 303 | 307 | 308 if response.has_location => {
                if redirects < self.config.max_redirects {
                    self.state = State::Requesting { since: now, redirects: redirects + 1 };
                    return ResponseOutcome::Redirect;
                }
                (DisconnectReason::TooManyRedirects, false)
            }
            408 | 425 | 429 | 500..=599 => {
                (status, self.config.retry_statuses || (unprocessed && self.wants_unprocessed()))
            }
            _ => (status, false),
        };
        let again = response.retry.unwrap_or(again).then_some(Reason::Refused {
            status: response.status,
            retry_after: response.retry_after,
        });
        ResponseOutcome::Disconnect(self.disconnect(now, reason, again, unprocessed, random))
    }

    /// Decodes the body, content coding removed, up to the next item. As with
    /// [`Decoder::decode`], `None` means that `input` is consumed to its end; call again with the
    /// same `input` until then.
    ///
    /// While no stream is open, all input is consumed and nothing comes of it. So after
    /// [`close`](Self::close), within the events of one read too, nothing ever comes.
    #[inline]
    pub fn receive<'d, 'i: 'd>(
        &'d mut self,
        now: Timestamp,
        input: &mut &'i [u8],
    ) -> Option<Item<'d>> {
        // WHATWG HTML 9.2.6: an event is dispatched "if the readyState attribute is set to a value
        // other than CLOSED".
        let State::Open { heard, has_spoken, .. } = &mut self.state else {
            *input = &[];
            return None;
        };
        if !input.is_empty() {
            *heard = now;
            *has_spoken = true;
        }
        let item = self.decoder.decode(input)?;
        match item {
            // A server that answers 200 and hangs up is not a success: an event is.
            Item::Event(_) | Item::EventEnd(_) => {
                self.reconnect.progressed();
                self.attempts = 0;
            }
            Item::Retry(time) => set_reconnection_time(&mut self.reconnect, &self.config, time),
            Item::DataChunk(_) | Item::Comment(_) | Item::UnknownField(_) | Item::Overflow(_) => {}
        }
        Some(item)
    }

    /// Returns the received part of the event that the open stream is in the middle of, see
    /// [`Decoder::unfinished`]. For a stream that is over, call it before
    /// [`handle_end`](Self::handle_end).
    pub fn unfinished(&mut self) -> Option<MessageEvent<'_>> {
        match self.state {
            State::Open { .. } => self.decoder.unfinished(),
            _ => None,
        }
    }

    /// The attempt or the stream is over. Before there is a stream, each end but [`End::Unusable`]
    /// is [`DisconnectReason::Unreachable`].
    ///
    /// Where there is neither nothing changes, and the reason is [`DisconnectReason::NoAttempt`].
    pub fn handle_end(&mut self, now: Timestamp, end: End, random: u64) -> Disconnect {
        let reason = match (self.state, end) {
            (State::Waiting { .. } | State::Closed(_), _) => return self.no_attempt(now),
            (State::Requesting { .. }, End::Unusable) => DisconnectReason::Unusable,
            // A body that ends before its head is a connection that broke.
            (State::Requesting { .. }, _) => DisconnectReason::Unreachable,
            (State::Open { .. }, End::EndOfBody) => DisconnectReason::Ended(self.decoder.finish()),
            (State::Open { .. }, _) => DisconnectReason::Broken(self.decoder.finish()),
        };
        let again = match reason {
            _ if end == End::Unusable => None,
            reason if reason.is_clean_end() => Some(Reason::Ended),
            _ => Some(Reason::Disconnected),
        };
        self.disconnect(now, reason, again, end == End::Unprocessed, random)
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come: ends the attempt or the stream if
    /// the server was silent for too long.
    pub fn handle_timeout(&mut self, now: Timestamp, random: u64) -> Option<Disconnect> {
        if self.poll_timeout()? > now {
            return None;
        }
        let reason = match self.state {
            State::Waiting { .. } | State::Closed(_) => return None,
            State::Requesting { .. } => DisconnectReason::ResponseTimeout,
            State::Open { .. } => DisconnectReason::Idle(self.decoder.finish()),
        };
        Some(self.disconnect(now, reason, Some(Reason::Disconnected), false, random))
    }

    /// Closes the source permanently. Abort the request or drop the connection, if there is one.
    /// Returns the position of the stream; where none was open, that is between events.
    pub fn close(&mut self) -> EndOfStream {
        if self.ready_state() != ReadyState::Closed {
            self.state = State::Closed(GiveUp::Closed);
        }
        self.decoder.finish()
    }

    /// The attempt or the stream is over for this reason. `again` is the meaning of the reason for
    /// another attempt; `None`: there is none. `unprocessed` says that the server has certainly not
    /// processed the request.
    fn disconnect(
        &mut self,
        now: Timestamp,
        reason: DisconnectReason,
        again: Option<Reason>,
        unprocessed: bool,
        random: u64,
    ) -> Disconnect {
        if let State::Open { since, has_spoken, .. } = self.state {
            let lived = now.since(since);
            // A quiet stream that ends in good order is how servers with long polling make their
            // clients come back. One that ends at once without a byte is backed off from.
            let is_quiet_success = reason.is_clean_end()
                && (has_spoken || lived >= self.reconnection_time().max(LEAST_LIFE));
            if lived >= self.config.policy.healthy_after || is_quiet_success {
                self.reconnect.progressed();
                self.attempts = 0;
            }
        }
        let next = match again {
            None => Next::GiveUp(GiveUp::Failed),
            Some(_) if !self.config.reconnect => Next::GiveUp(GiveUp::Once),
            Some(_) if !self.may_repeat(reason, unprocessed) => Next::GiveUp(GiveUp::NotRepeatable),
            Some(why) => match self.reconnect.retry(now, why, random) {
                ReconnectNext::Wait(wait) => Next::Wait(wait),
                ReconnectNext::GiveUp(tidings_reconnect::GiveUp::AttemptsExhausted) => {
                    Next::GiveUp(GiveUp::AttemptsExhausted)
                }
                ReconnectNext::GiveUp(_) => Next::GiveUp(GiveUp::Failed),
            },
        };
        self.state = match next {
            Next::Wait(wait) => State::Waiting { until: now.after(wait) },
            Next::GiveUp(why) => State::Closed(why),
        };
        Disconnect { reason, next }
    }

    /// Returns whether the next attempt is allowed after this end.
    fn may_repeat(&self, reason: DisconnectReason, unprocessed: bool) -> bool {
        match self.config.repeat {
            _ if self.resumes_by_get() => true,
            Repeat::Never => false,
            Repeat::Unprocessed => unprocessed && !self.was_open,
            Repeat::UntilOpen => !self.was_open,
            Repeat::UntilEnd => !reason.is_clean_end(),
            Repeat::Always => true,
        }
    }

    /// Returns whether the caller has chosen to repeat requests that were not processed, which the
    /// standard does not provide for.
    const fn wants_unprocessed(&self) -> bool {
        matches!(self.config.repeat, Repeat::Unprocessed | Repeat::UntilOpen | Repeat::UntilEnd)
    }

    /// Returns whether the next attempt asks for the rest of a stream, by a GET.
    fn resumes_by_get(&self) -> bool {
        self.config.resume_by_get && self.was_open && !self.last_event_id().is_empty()
    }

    /// The answer to an end where there is nothing to end.
    fn no_attempt(&self, now: Timestamp) -> Disconnect {
        let next = match self.state {
            State::Closed(why) => Next::GiveUp(why),
            State::Waiting { until } => Next::Wait(until.since(now)),
            State::Requesting { .. } | State::Open { .. } => Next::Wait(Duration::ZERO),
        };
        Disconnect { reason: DisconnectReason::NoAttempt, next }
    }
}

/// A stream without a byte that ends before this is not a success, however short the reconnection time is.
const LEAST_LIFE: Duration = Duration::from_secs(1);

/// WHATWG HTML 9.2.6: "set the event stream's reconnection time to that integer", as far as the
/// client lets it.
fn set_reconnection_time(reconnect: &mut Reconnect, config: &Config, time: ReconnectionTime) {
    if let Some(time) = config.retry_clamp.apply(time) {
        reconnect.set_reconnection_time(time.as_duration());
    }
}

impl<S: Storage> fmt::Debug for EventSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("state", &self.state)
            .field("failures", &self.failures())
            .field("decoder", &self.decoder)
            .finish_non_exhaustive()
    }
}
