//! A server's handshake that stops between the request and the answer: [`RequestHandshake`].

use std::fmt;
use std::io;

use tidings_handshake::opening::{Io, Server};
use tidings_handshake::{Decision, Rejection, ServerRequest};
use tidings_websocket::Timestamp;

use crate::error::Error;
use crate::opening::Handshake;
use crate::opening::deadline::Deadline;
use crate::opening::exchange::Exchange;
use crate::opening::server::{ServerHandshake, abandoned};
use crate::trace;
use crate::websocket::Config;

/// Reads a request, passes it to the application, and leaves the answer for later. A request that
/// is not an opening handshake is refused at once.
pub struct RequestHandshake<F, T> {
    exchange: Exchange<Server>,
    config: Config,
    /// Until it has seen the request.
    look: Option<F>,
    outcome: Option<Result<T, Error>>,
}

impl<F, T> RequestHandshake<F, T>
where
    F: FnOnce(&ServerRequest<'_>) -> T,
{
    /// `look` gets a request that fulfils every MUST of RFC 6455, 4.2.1, and returns the values
    /// that the decision needs.
    #[must_use]
    pub fn new(config: &Config, now: Timestamp, look: F) -> Self {
        let exchange = Exchange::with_client(config, now);
        Self { exchange, config: *config, look: Some(look), outcome: None }
    }

    /// Returns the result of `look`, and the request, which waits for its answer.
    ///
    /// # Errors
    /// There is no valid request. If the client could be answered, it has already received its
    /// answer.
    pub fn finish(self) -> Result<(T, PendingRequest), Error> {
        let finished = self.into_outcome();
        if let Err(error) = &finished {
            trace::not_opened(error);
        }
        finished
    }

    fn into_outcome(mut self) -> Result<(T, PendingRequest), Error> {
        self.exchange.result()?;
        debug_assert!(self.outcome.is_some(), "it is over");
        let looked = self.outcome.unwrap_or_else(|| Err(abandoned()))?;
        Ok((looked, PendingRequest { exchange: self.exchange, config: self.config }))
    }

    fn look(&mut self) {
        let look = &mut self.look;
        match self.exchange.with_request(|request| look.take().map(|look| look(request))) {
            Ok(looked) => self.outcome = looked.map(Ok),
            Err(error) => {
                let place = self.exchange.append(&Rejection::from(error).to_vec());
                self.exchange.opening.refuse(place);
                self.outcome = Some(Err(Error::Request(error)));
            }
        }
    }
}

impl<F, T> Handshake for RequestHandshake<F, T>
where
    F: FnOnce(&ServerRequest<'_>) -> T,
{
    fn next_io(&mut self, now: Timestamp) -> Option<(Io<'_>, Timestamp)> {
        if self.outcome.is_none() && self.exchange.is_at_head(now) {
            self.look();
        }
        match self.outcome {
            Some(Ok(_)) => None,
            _ => self.exchange.next_io(now),
        }
    }

    fn completed(&mut self, result: io::Result<usize>) {
        self.exchange.completed(result);
    }
}

impl<F, T> fmt::Debug for RequestHandshake<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHandshake")
            .field("exchange", &self.exchange)
            .field("is_seen", &self.look.is_none())
            .finish_non_exhaustive()
    }
}

/// A request that waits for its answer.
#[derive(Debug)]
#[must_use = "the client waits for the answer"]
pub struct PendingRequest {
    exchange: Exchange<Server>,
    config: Config,
}

impl PendingRequest {
    /// The rest of the handshake: the answer. The time for it begins now, whatever the decision took.
    #[must_use]
    pub fn answer<F>(mut self, now: Timestamp, decide: F) -> ServerHandshake<F>
    where
        F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
    {
        self.exchange.set_deadline(Deadline::new(now, self.config.handshake_timeout));
        ServerHandshake::resume(self.exchange, self.config, decide)
    }

    /// Limits and times of the WebSocket.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }
}
