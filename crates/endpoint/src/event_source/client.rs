//! The client of an event stream but its transport: [`Client`].

use std::fmt;

use http::StatusCode;
use http::response::Parts;
use tidings_sse::event_source::{Disconnect, End, ReadyState, ResponseOutcome};
use tidings_sse::{EventSource, GrowableStorage, Timestamp};

use super::client_event::{ClientEvent, Opened, UnexpectedResponse};
use super::content::ContentDecoder;
use super::fault::{CodingError, RequestFault, StreamError};
use super::redirectable_request::{RedirectableRequest, response_of};
use super::request::EventSourceRequest;
use crate::random::random_u64;

/// The request, the machine of WHATWG HTML, 9.2, and what they mean to the application.
///
/// An adapter asks for an [attempt](Self::poll_attempt), makes its request, hands over the
/// [response](Self::check_response), and [receives](Self::receive) what the body holds. What ends an attempt
/// or a stream is reported by [`not_fetched`](Self::not_fetched), [`ended`](Self::ended) or
/// [`broken`](Self::broken). Every time comes
/// from one monotonic clock, the adapter's.
pub struct Client {
    request: EventSourceRequest,
    machine: EventSource<GrowableStorage>,
}

/// What to do with a response.
#[derive(Debug)]
pub enum Decision {
    /// It is a stream: receive its body.
    Open {
        /// The event to report now.
        opened: ClientEvent,
        /// Takes the content coding off the body.
        content: ContentDecoder,
    },
    /// It is a redirect, and the request goes there now: send it again.
    Redirected,
    /// It is not a stream. The start of its body is for people to read.
    Refused(Refusal),
    /// It cannot be used, whatever its body says.
    Unusable(ClientEvent),
}

/// A response that is not an event stream.
#[derive(Debug)]
pub struct Refusal {
    disconnect: Disconnect,
    response: UnexpectedResponse,
}

/// The result of [`Client::receive`].
#[derive(Debug)]
pub enum Received {
    /// Something to report.
    Event(ClientEvent),
    /// Some of the body was decoded, with nothing to report.
    Passed,
    /// More of the body is needed.
    Nothing,
}

impl Client {
    /// A client that makes this request.
    ///
    /// # Errors
    /// The request cannot be made.
    pub fn new(request: EventSourceRequest) -> Result<Self, RequestFault> {
        let machine = request.machine()?;
        RedirectableRequest::new(&request, None)?;
        Ok(Self { request, machine })
    }

    /// The request.
    pub const fn request(&self) -> &EventSourceRequest {
        &self.request
    }

    /// Whether there is a stream, or may be one again.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.machine.ready_state()
    }

    /// The last event ID string.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.machine.last_event_id()
    }

    /// How many attempts have failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.machine.failures()
    }

    /// Ends it for good.
    pub fn close(&mut self) {
        self.machine.close();
    }

    /// The next attempt, if it is due; or why its request cannot be made.
    pub fn poll_attempt(
        &mut self,
        now: Timestamp,
    ) -> Option<Result<RedirectableRequest, ClientEvent>> {
        let attempt = self.machine.poll_attempt(now)?;
        let request = RedirectableRequest::new(&self.request, attempt.last_event_id());
        Some(request.map_err(|fault| self.unusable(now, StreamError::Request(fault))))
    }

    /// No response came: something went wrong before the end of its head.
    pub fn not_fetched(&mut self, now: Timestamp, error: StreamError) -> ClientEvent {
        if matches!(&error, StreamError::Connect(error) if error.is_user()) {
            self.unusable(now, error)
        } else {
            self.disconnected(now, End::Unreachable, Some(error))
        }
    }

    /// Decides what to do with a response, by its head.
    pub fn check_response(
        &mut self,
        now: Timestamp,
        request: &mut RedirectableRequest,
        head: Parts,
    ) -> Decision {
        let Parts { status, version, headers, .. } = head;
        let content = match ContentDecoder::of(&headers) {
            Ok(content) => content,
            // A body that says why there is no stream can be shown undecoded.
            Err(_) if status != StatusCode::OK => ContentDecoder::identity(),
            // Asked again, the server would choose the same coding.
            Err(error) => {
                return Decision::Unusable(self.unusable(now, StreamError::Coding(error)));
            }
        };
        match self.machine.handle_response(now, &response_of(status, &headers), random_u64()) {
            ResponseOutcome::Open => {
                let opened = Opened::new(request.url(), version, headers);
                Decision::Open { opened: ClientEvent::Open(Box::new(opened)), content }
            }
            ResponseOutcome::Disconnect(disconnect) => {
                let response = UnexpectedResponse::new(request.url(), status.as_u16(), headers);
                Decision::Refused(Refusal { disconnect, response })
            }
            _redirect => match request.follow(status.as_u16(), &headers) {
                Ok(()) => Decision::Redirected,
                Err(fault) => Decision::Unusable(self.unusable(now, StreamError::Redirect(fault))),
            },
        }
    }

    /// Decodes the body that came at `received_at`, up to the next event to report.
    ///
    /// # Errors
    /// The content coding is broken: the stream is, too.
    pub fn receive(
        &mut self,
        received_at: Timestamp,
        content: &mut ContentDecoder,
    ) -> Result<Received, CodingError> {
        let available = content.available()?;
        if available.is_empty() {
            return Ok(Received::Nothing);
        }
        let mut rest = available;
        let mut event = None;
        while event.is_none() {
            let Some(item) = self.machine.receive(received_at, &mut rest) else { break };
            event = ClientEvent::of(item);
        }
        debug_assert!(rest.len() <= available.len(), "the rest is a tail of it");
        let len = available.len().saturating_sub(rest.len());
        content.consume(len);
        Ok(event.map_or(Received::Passed, Received::Event))
    }

    /// The body ended the way HTTP says that it ends.
    pub fn ended(&mut self, now: Timestamp) -> ClientEvent {
        self.disconnected(now, End::EndOfBody, None)
    }

    /// The stream broke.
    pub fn broken(&mut self, now: Timestamp, error: StreamError) -> ClientEvent {
        self.disconnected(now, End::Broken, Some(error))
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`poll_attempt`](Self::poll_attempt) has
    /// something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.machine.poll_timeout()
    }

    /// Ends the attempt or the stream if its deadline has come.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<ClientEvent> {
        let disconnect = self.machine.handle_timeout(now, random_u64())?;
        Some(ClientEvent::disconnected(disconnect, None, None))
    }

    fn unusable(&mut self, now: Timestamp, error: StreamError) -> ClientEvent {
        self.disconnected(now, End::Unusable, Some(error))
    }

    fn disconnected(
        &mut self,
        now: Timestamp,
        end: End,
        error: Option<StreamError>,
    ) -> ClientEvent {
        let disconnect = self.machine.handle_end(now, end, random_u64());
        ClientEvent::disconnected(disconnect, error, None)
    }
}

impl Refusal {
    /// The event to report, with the start of the body as far as it was read.
    #[must_use]
    pub fn with_body_start(self, body_start: Vec<u8>) -> ClientEvent {
        let Self { disconnect, response } = self;
        let response = UnexpectedResponse { body_start, ..response };
        ClientEvent::disconnected(disconnect, None, Some(Box::new(response)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("request", &self.request)
            .field("ready_state", &self.ready_state())
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

    use http::{Response, header};
    use tidings_sse::event_source::{DisconnectReason, GiveUp};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::default()
    }

    fn checked(response: http::response::Builder) -> Decision {
        let mut client = Client::new(EventSourceRequest::get("http://example.com/")).unwrap();
        let mut request = client.poll_attempt(now()).unwrap().unwrap();
        client.check_response(now(), &mut request, response.body(()).unwrap().into_parts().0)
    }

    fn stream() -> http::response::Builder {
        Response::builder().header(header::CONTENT_TYPE, "text/event-stream")
    }

    #[test]
    fn a_stream_is_opened_and_received_with_its_coding_taken_off() {
        let mut client = Client::new(EventSourceRequest::get("http://example.com/")).unwrap();
        let mut request = client.poll_attempt(now()).unwrap().unwrap();
        let head = stream().body(()).unwrap().into_parts().0;
        let Decision::Open { opened: ClientEvent::Open(opened), mut content } =
            client.check_response(now(), &mut request, head)
        else {
            panic!("it is a stream");
        };
        assert_eq!(opened.url, "http://example.com/");
        content.feed("id: 7\n\n: one\n\ndata: a\n\ndata: b\n\ndata".into());
        for wanted in ["a", "b"] {
            let Received::Event(ClientEvent::Event(event)) =
                client.receive(now(), &mut content).unwrap()
            else {
                panic!("{wanted} has come");
            };
            assert_eq!((&*event.data, &*event.last_event_id), (wanted, "7"));
        }
        assert!(matches!(client.receive(now(), &mut content).unwrap(), Received::Passed));
        assert!(matches!(client.receive(now(), &mut content).unwrap(), Received::Nothing));
        assert!(matches!(client.ended(now()), ClientEvent::Disconnected { .. }));
    }

    /// Asked again, the server would choose it again; a body that nobody decodes is no matter.
    #[test]
    fn a_coding_that_was_not_asked_for_closes_the_source() {
        let response = stream().header(header::CONTENT_ENCODING, "br");
        let Decision::Unusable(ClientEvent::Closed { cause, reason }) = checked(response) else {
            panic!("it cannot be read");
        };
        assert_eq!((cause.reason, reason), (DisconnectReason::Unusable, GiveUp::Failed));
        assert!(matches!(cause.error, Some(StreamError::Coding(_))), "{cause}");

        let refused = stream().status(503).header(header::CONTENT_ENCODING, "br");
        let Decision::Refused(refusal) = checked(refused) else { panic!("it is not a stream") };
        let ClientEvent::Closed { cause, .. } = refusal.with_body_start(b"later".to_vec()) else {
            panic!("a browser does not ask again");
        };
        assert_eq!(cause.reason, DisconnectReason::Status(503));
        assert_eq!(cause.response.unwrap().body_start, b"later");
    }

    #[test]
    fn a_redirect_is_followed_or_cannot_be_used() {
        let redirect = |to| Response::builder().status(302).header(header::LOCATION, to);
        assert!(matches!(checked(redirect("/elsewhere")), Decision::Redirected));
        let Decision::Unusable(ClientEvent::Closed { cause, .. }) =
            checked(redirect("ftp://example.com/"))
        else {
            panic!("this client does not go there");
        };
        assert_eq!(cause.reason, DisconnectReason::Unusable);
    }
}
