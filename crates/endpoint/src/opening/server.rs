//! A server's handshake: [`ServerHandshake`].

use std::io;

use tidings_handshake::opening::{Io, Server};
use tidings_handshake::{
    Acceptance, Decision, MissingOrigin, OriginPolicy, Rejection, ServerRequest,
};
use tidings_websocket::Timestamp;

use crate::error::Error;
use crate::opening::exchange::Exchange;
use crate::opening::{Handshake, Opened};
use crate::trace;
use crate::websocket::{self, Config, Negotiated};

/// Reads a request, asks the application, writes the answer; after a refusal it ends the connection
/// in a way that lets the refusal arrive.
#[derive(Debug)]
pub struct ServerHandshake<F> {
    exchange: Exchange<Server>,
    config: Config,
    /// Until it was asked.
    decide: Option<F>,
    /// The time of the question, until the next operation.
    asked_at: Option<Timestamp>,
    outcome: Option<Result<Negotiated, Error>>,
}

impl<F> ServerHandshake<F>
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    /// `decide` sees a request that holds every MUST of RFC 6455, 4.2.1. Compression is negotiated
    /// after it.
    #[must_use]
    pub fn new(config: &Config, now: Timestamp, decide: F) -> Self {
        Self::resume(Exchange::with_client(config, now), *config, decide)
    }

    /// Continues with the bytes received before.
    pub(super) fn resume(exchange: Exchange<Server>, config: Config, decide: F) -> Self {
        Self { exchange, config, decide: Some(decide), asked_at: None, outcome: None }
    }

    /// Returns the result.
    ///
    /// # Errors
    /// The handshake failed. If the client could be answered, it has already received its answer.
    pub fn finish(self) -> Result<Opened, Error> {
        let finished = self.into_outcome();
        match &finished {
            Ok(opened) => trace::opened(&opened.negotiated),
            Err(error) => trace::not_opened(error),
        }
        finished
    }

    fn into_outcome(mut self) -> Result<Opened, Error> {
        self.exchange.result()?;
        debug_assert!(self.outcome.is_some(), "it is over");
        let negotiated = self.outcome.unwrap_or(Err(abandoned()))?;
        Ok(Opened { negotiated, received: self.exchange.take_first_bytes() })
    }

    fn answer(&mut self) {
        let (answer, outcome) = self.decide();
        let place = self.exchange.append(&answer);
        self.outcome = Some(match outcome {
            Ok((negotiated, head_len)) => {
                self.exchange.opening.accept(head_len, place);
                Ok(negotiated)
            }
            Err(error) => {
                self.exchange.opening.refuse(place);
                Err(error)
            }
        });
    }

    /// Returns the answer, and its meaning: the negotiation, and the length of the request's head.
    fn decide(&mut self) -> (Vec<u8>, Result<(Negotiated, usize), Error>) {
        let Self { exchange, config, decide, .. } = self;
        debug_assert!(decide.is_some(), "a request is answered once");
        let answered = exchange.with_request(|request| {
            let decision = match decide.take() {
                Some(decide) => decide(request),
                None => Err(Rejection::forbidden("")),
            };
            match decision {
                Ok(acceptance) => {
                    negotiate(request, acceptance, config, |acceptance, negotiated| {
                        (acceptance.to_vec(), Ok((negotiated, request.head_len())))
                    })
                }
                Err(rejection) => {
                    let status = rejection.status();
                    (rejection.to_vec(), Err(Error::Refused { status }))
                }
            }
        });
        answered
            .unwrap_or_else(|error| (Rejection::from(error).to_vec(), Err(Error::Request(error))))
    }
}

impl<F> Handshake for ServerHandshake<F>
where
    F: for<'r> FnOnce(&ServerRequest<'r>) -> Decision<'r>,
{
    fn next_io(&mut self, now: Timestamp) -> Option<(Io<'_>, Timestamp)> {
        if let Some(asked_at) = self.asked_at.take() {
            // The application may have taken its time, which is not the client's.
            self.exchange.put_off(now.since(asked_at));
        }
        if self.exchange.is_at_head(now) {
            self.asked_at = Some(now);
            self.answer();
        }
        self.exchange.next_io(now)
    }

    fn completed(&mut self, result: io::Result<usize>) {
        self.exchange.completed(result);
    }
}

/// The error of a driver that stopped before the handshake was over.
pub(super) fn abandoned() -> Error {
    io::Error::other("the opening handshake was abandoned").into()
}

/// Adds compression to the answer, if both sides want it and the application has not chosen its own
/// extensions. `done` gets the answer, and the result of the negotiation.
pub fn negotiate<'r, T>(
    request: &ServerRequest<'r>,
    acceptance: Acceptance<'r>,
    config: &Config,
    done: impl FnOnce(Acceptance<'_>, Negotiated) -> T,
) -> T {
    let mut negotiated = Negotiated {
        subprotocol: acceptance.chosen_subprotocol().map(Box::from),
        compression: None,
    };
    if !acceptance.has_no_extensions() {
        return done(acceptance, negotiated);
    }
    let Some((answer, parameters)) = websocket::accept(config.compression.as_ref(), request) else {
        return done(acceptance, negotiated);
    };
    let element = websocket::element(&parameters);
    debug_assert!(element.is_ok(), "the parameters are tokens");
    let Ok(element) = element else { return done(acceptance, negotiated) };
    let elements = [element];
    let with_compression = acceptance.clone().extensions(&elements);
    debug_assert!(with_compression.is_ok(), "the client offered it");
    match with_compression {
        Ok(acceptance) => {
            negotiated.compression = Some(answer.negotiated());
            done(acceptance, negotiated)
        }
        Err(_) => done(acceptance, negotiated),
    }
}

/// The decision of `accept`: any path, for clients that are not browsers and for pages of the same
/// host (RFC 6455, 10.2).
///
/// # Errors
/// The page is one of another host.
pub fn accept_same_origin<'r>(request: &ServerRequest<'r>) -> Decision<'r> {
    // Whether there is TLS in front of this stream is not known here.
    let policy = OriginPolicy::same_origin(MissingOrigin::Accept).over_any_transport();
    request.check_origin(&policy, true)?;
    Ok(request.accept())
}
