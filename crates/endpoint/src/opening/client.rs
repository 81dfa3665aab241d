//! A client's handshake with one server: [`ClientHandshake`].

use std::io;

use tidings_handshake::opening::{Client, Io, Opening};
use tidings_handshake::{
    ClientRequest, DeclinedBody, DeclinedResponse, HeaderSlots, Redirect, Redirects, Response,
};
use tidings_websocket::Timestamp;

use crate::error::{Declined, Error};
use crate::opening::connecting::Connecting;
use crate::opening::exchange::{Exchange, Peer};
use crate::opening::heads::Head;
use crate::opening::server::abandoned;
use crate::opening::{Handshake, Opened, STACK_HEADERS};
use crate::trace;
use crate::websocket::{self, Config, Negotiated, mandatory_extension_close};

/// The part of a declined handshake's body that is read.
const MAX_BODY_LEN: usize = 64 * 1024;
/// The size of one read of it.
const BODY_READ_LEN: usize = 4096;

/// Sends the request and checks the response, after any interim ones. If the response is in plain
/// HTTP, the beginning of its body is read too. If its extensions break a rule, the server is told
/// so by a Close frame with the code 1010.
#[derive(Debug)]
pub struct ClientHandshake<'c, 'o> {
    connecting: &'c mut Connecting<'o>,
    exchange: Exchange<Client>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
enum Outcome {
    Opened(Negotiated),
    /// The next place to ask.
    Redirected(Redirect),
    Declined {
        declined: Box<Declined>,
        body: DeclinedBody,
        /// Whether the rest of the body is missing, or did not arrive in time.
        is_cut: bool,
    },
    Failed(Error),
}

impl<'c, 'o> ClientHandshake<'c, 'o> {
    pub(super) fn new(connecting: &'c mut Connecting<'o>) -> Self {
        let deadline = connecting.deadline;
        let request = connecting.request.clone();
        connecting.options.observe_head(Head::Request(&request));
        let opening =
            Opening::client(request.len(), connecting.config().head_limits, deadline.at());
        let server = Peer::Server(connecting.server().into());
        let exchange = Exchange::new(opening, request, deadline, server);
        Self { exchange, connecting, outcome: None }
    }

    /// Returns the result. `None` means that the server redirects: connect to the new target of
    /// [`Connecting::route`], and do the next handshake.
    ///
    /// # Errors
    /// The handshake failed.
    pub fn finish(self) -> Result<Option<Opened>, Error> {
        let finished = self.into_outcome();
        match &finished {
            Ok(Some(opened)) => trace::opened(&opened.negotiated),
            Ok(None) => trace::redirected(),
            Err(error) => trace::not_opened(error),
        }
        finished
    }

    fn into_outcome(mut self) -> Result<Option<Opened>, Error> {
        self.exchange.result()?;
        debug_assert!(self.outcome.is_some(), "it is over");
        match self.outcome.unwrap_or_else(|| Outcome::Failed(abandoned())) {
            Outcome::Opened(negotiated) => {
                Ok(Some(Opened { negotiated, received: self.exchange.take_first_bytes() }))
            }
            Outcome::Redirected(redirect) => {
                self.connecting.redirect(redirect)?;
                Ok(None)
            }
            Outcome::Declined { mut declined, body, .. } => {
                declined.body_start = body.into_bytes();
                Err(Error::Declined(declined))
            }
            Outcome::Failed(error) => Err(error),
        }
    }

    /// Like [`finish`](Self::finish), for a handshake on the caller's stream
    /// ([`Connecting::on_stream`]): no redirect is followed.
    ///
    /// # Errors
    /// The handshake failed.
    pub fn finish_on_stream(self) -> Result<Opened, Error> {
        let opened = self.finish()?;
        debug_assert!(opened.is_some(), "no redirect is followed");
        opened.ok_or_else(abandoned)
    }

    fn check(&mut self) {
        let Connecting { offer, uri, key, redirects, options, .. } = &mut *self.connecting;
        let Exchange { opening, buffer, .. } = &mut self.exchange;
        if options.observes_heads() {
            if let Ok(head) = opening.head(buffer) {
                options.observe_head(Head::Response(head.as_bytes()));
            }
        }
        let checked = offer.with_request(uri, *key, |request| {
            let mut slots = HeaderSlots::<STACK_HEADERS>::with_room_for(opening.headers());
            let response = opening.check(buffer, request, &mut slots).map_err(Error::Response)?;
            Outcome::of(&response, request, &options.config, redirects)
        });
        match checked.and_then(|outcome| outcome) {
            Ok(outcome) => self.outcome = outcome,
            Err(error) => {
                if matches!(error, Error::Compression(_)) {
                    // RFC 7692, 5: the connection fails. It was open to the server already.
                    let words = self.exchange.append(&mandatory_extension_close());
                    self.exchange.opening.say_last(words);
                }
                self.outcome = Some(Outcome::Failed(error));
            }
        }
        if let Some(Outcome::Declined { body, .. }) = &mut self.outcome {
            body.receive(&self.exchange.take_first_bytes());
            self.exchange.buffer.resize(BODY_READ_LEN, 0);
        }
    }

    /// The body that is read now.
    fn body(&mut self) -> Option<(&mut DeclinedBody, &mut bool)> {
        match &mut self.outcome {
            Some(Outcome::Declined { body, is_cut, .. }) if body.wants_more() && !*is_cut => {
                Some((body, is_cut))
            }
            _ => None,
        }
    }
}

impl Handshake for ClientHandshake<'_, '_> {
    fn next_io(&mut self, now: Timestamp) -> Option<(Io<'_>, Timestamp)> {
        while self.exchange.is_at_head(now) {
            self.check();
        }
        let deadline = self.connecting.deadline.at();
        match self.body() {
            Some((_, is_cut)) => {
                // The received bytes are as useful without the rest.
                *is_cut = deadline <= now;
                (now < deadline).then_some((Io::Read(&mut self.exchange.buffer), deadline))
            }
            None => self.exchange.next_io(now),
        }
    }

    fn completed(&mut self, result: io::Result<usize>) {
        match &mut self.outcome {
            Some(Outcome::Declined { body, is_cut, .. }) => match result {
                Ok(len @ 1..) => {
                    body.receive(self.exchange.buffer.get(..len).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => *is_cut = true,
            },
            _ => self.exchange.completed(result),
        }
    }
}

impl Outcome {
    /// Returns the meaning of a response; `None` if it is not the last.
    fn of(
        response: &Response<'_>,
        request: &ClientRequest<'_>,
        config: &Config,
        redirects: &mut Redirects,
    ) -> Result<Option<Self>, Error> {
        match response {
            Response::Interim(_) => Ok(None),
            Response::Opened(opened) => Ok(Some(Self::Opened(Negotiated {
                subprotocol: opened.subprotocol().map(Box::from),
                compression: websocket::check(config.compression.as_ref(), opened.extensions())
                    .map_err(Error::Compression)?,
            }))),
            Response::Declined(response) => {
                let redirect =
                    redirects.follow(&request.uri(), response).map_err(Error::Redirect)?;
                Ok(Some(match redirect {
                    Some(redirect) => Self::Redirected(redirect),
                    None => Self::Declined {
                        declined: Box::new(declined(response)),
                        body: DeclinedBody::new(response, MAX_BODY_LEN),
                        is_cut: false,
                    },
                }))
            }
        }
    }
}

fn declined(response: &DeclinedResponse<'_>) -> Declined {
    let owned = |(name, value): (&str, &[u8])| (name.to_owned(), value.to_vec());
    Declined {
        status: response.status(),
        reason: response.reason().to_owned(),
        headers: response.headers().iter().map(owned).collect(),
        body_start: Vec::new(),
    }
}
