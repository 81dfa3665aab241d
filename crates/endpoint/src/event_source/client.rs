//! The client of an event stream but its transport: [`Client`].

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::response::Parts;
use tidings_reconnect::Reason;
use tidings_sse::event_source::{End, ReadyState, ResponseOutcome};
use tidings_sse::{EventSource, GrowableStorage, Timestamp, is_event_stream};

use super::answer::AnswerReader;
use super::client_event::{Answer, ClientEvent, Opened};
use super::content::ContentDecoder;
use super::fault::{CodingError, RequestFault, StreamError};
use super::redirectable_request::{RedirectableRequest, response_of};
use super::request::EventSourceRequest;
use crate::content_type::content_type;
use crate::error::Error;
use crate::random::random_u64;
use crate::trace;

/// An error of a function that the caller supplied.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The request, the machine of WHATWG HTML, 9.2, and their results for the application.
///
/// An adapter asks for an [attempt](Self::poll_attempt), makes its request, passes the
/// [response](Self::check_response), and [receives](Self::receive) the items of the body. It
/// reports the end of an attempt or a stream by [`not_fetched`](Self::not_fetched),
/// [`ended`](Self::ended) or [`broken`](Self::broken). Every time comes from one monotonic clock,
/// the adapter's.
pub struct Client {
    request: EventSourceRequest,
    machine: EventSource<GrowableStorage>,
    /// The reason why the stream is gone, to be reported after its unfinished event.
    queued: Option<ClientEvent>,
}

/// An attempt that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NextAttempt {
    /// The number of this attempt, counted from the last success or from the beginning; the first
    /// is 0.
    pub number: u32,
    /// The `Last-Event-ID` that it sends.
    pub last_event_id: Option<String>,
    /// `true` if it is a GET that [resumes](EventSourceRequest::resume_by_get) the stream.
    pub resumes_by_get: bool,
}

/// The next step after a response.
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
    /// It is not a stream. Its body is read, too.
    Answered(AnswerReader),
    /// It cannot be used, whatever its body says.
    Unusable(ClientEvent),
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
        RedirectableRequest::new(&request, None, false)?;
        Ok(Self { request, machine, queued: None })
    }

    /// The request.
    pub const fn request(&self) -> &EventSourceRequest {
        &self.request
    }

    /// Returns whether the client is open, connecting or closed.
    #[must_use]
    pub fn ready_state(&self) -> ReadyState {
        self.machine.ready_state()
    }

    /// The last event ID string.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.machine.last_event_id()
    }

    /// Returns the number of consecutive failed attempts.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.machine.failures()
    }

    /// Returns the time to wait after a stream has ended: the last `retry` from the server, within
    /// the allowed bounds.
    #[must_use]
    pub const fn reconnection_time(&self) -> Duration {
        self.machine.reconnection_time()
    }

    /// Makes the next attempt due now, if one is waited for. Returns whether it was.
    pub fn try_now(&mut self, now: Timestamp) -> bool {
        self.machine.try_now(now)
    }

    /// Closes it permanently.
    pub fn close(&mut self) {
        self.machine.close();
        self.queued = None;
    }

    /// The event that is to be reported before anything else is done.
    pub fn take_queued(&mut self) -> Option<ClientEvent> {
        self.queued.take()
    }

    /// The next attempt, if it is due. Its request is made by [`make_request`](Self::make_request).
    pub fn poll_attempt(&mut self, now: Timestamp) -> Option<NextAttempt> {
        let attempt = self.machine.poll_attempt(now)?;
        let id = attempt.last_event_id().map(|id| String::from_utf8_lossy(id).into_owned());
        Some(NextAttempt {
            number: attempt.number(),
            last_event_id: id,
            resumes_by_get: attempt.resumes_by_get(),
        })
    }

    /// The request of an attempt: that of the client, or another one that was made for this attempt,
    /// of which URL, method, headers and body are used.
    ///
    /// # Errors
    /// There is no response.
    pub fn make_request(
        &mut self,
        now: Timestamp,
        attempt: &NextAttempt,
        made: Option<Result<EventSourceRequest, BoxError>>,
    ) -> Result<RedirectableRequest, ClientEvent> {
        let made = match made.transpose() {
            Ok(made) => made,
            Err(error) => return Err(self.not_fetched(now, StreamError::NotMade(error))),
        };
        let id = attempt.last_event_id.as_deref().map(str::as_bytes);
        let request = made.as_ref().unwrap_or(&self.request);
        RedirectableRequest::new(request, id, attempt.resumes_by_get)
            .map_err(|fault| self.unusable(now, StreamError::Request(fault)))
    }

    /// No response came: something went wrong before the end of its head.
    pub fn not_fetched(&mut self, now: Timestamp, error: StreamError) -> ClientEvent {
        let end = match &error {
            StreamError::Connect(error) if is_final(error) => End::Unusable,
            StreamError::Connect(_) | StreamError::Unprocessed(_) | StreamError::NotMade(_) => {
                End::Unprocessed
            }
            _ => End::Unreachable,
        };
        self.disconnected(now, end, Some(error))
    }

    /// Decides the next step after a response, by its head.
    pub fn check_response(
        &mut self,
        now: Timestamp,
        request: &mut RedirectableRequest,
        head: Parts,
    ) -> Decision {
        let Parts { status, version, headers, .. } = head;
        let content_type = content_type(&headers);
        let content_type = content_type.as_deref();
        let is_stream = status == StatusCode::OK && content_type.is_some_and(is_event_stream);
        let content = match ContentDecoder::of(&headers) {
            Ok(content) => content,
            // Asked again, the server would choose the same coding.
            Err(error) if is_stream => {
                return Decision::Unusable(self.unusable(now, StreamError::Coding(error)));
            }
            // An answer that is not a stream may be shown undecoded.
            Err(_) => ContentDecoder::identity(),
        };
        let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let retry = match is_stream || is_redirect {
            true => None,
            false => self.request.wants_retry(status, &headers),
        };
        let response = response_of(status, &headers, content_type, retry);
        match self.machine.handle_response(now, &response, random_u64()) {
            ResponseOutcome::Open => {
                trace::event_source_opened(version);
                let opened = Opened::new(request.url(), version, headers);
                Decision::Open { opened: ClientEvent::Open(Box::new(opened)), content }
            }
            ResponseOutcome::Disconnect(disconnect) => {
                let answer = Answer::new(request.url(), status.as_u16(), headers);
                let bounds = self.request.answer_bounds();
                Decision::Answered(AnswerReader::new(disconnect, answer, content, bounds))
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
        self.with_unfinished(|client| client.disconnected(now, End::EndOfBody, None))
    }

    /// The stream broke.
    pub fn broken(&mut self, now: Timestamp, error: StreamError) -> ClientEvent {
        self.with_unfinished(|client| client.disconnected(now, End::Broken, Some(error)))
    }

    /// Returns the time at which [`handle_timeout`](Self::handle_timeout) or
    /// [`poll_attempt`](Self::poll_attempt) has work to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.machine.poll_timeout()
    }

    /// Ends the attempt or the stream if its deadline has come.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<ClientEvent> {
        if self.machine.poll_timeout()? > now || self.machine.ready_state() == ReadyState::Closed {
            return None;
        }
        let unfinished = self.unfinished();
        let disconnect = self.machine.handle_timeout(now, random_u64())?;
        let disconnected = ClientEvent::disconnected(disconnect, None, None);
        Some(self.queue_after(unfinished, disconnected))
    }

    /// Ends the stream, and first reports its unfinished event if that was requested.
    fn with_unfinished(&mut self, end: impl FnOnce(&mut Self) -> ClientEvent) -> ClientEvent {
        let unfinished = self.unfinished();
        let disconnected = end(self);
        self.queue_after(unfinished, disconnected)
    }

    fn unfinished(&mut self) -> Option<ClientEvent> {
        let wanted = self.request.reports_unfinished();
        let event = self.machine.unfinished().filter(|_| wanted)?;
        Some(ClientEvent::Unfinished(event.into_owned()))
    }

    fn queue_after(&mut self, first: Option<ClientEvent>, second: ClientEvent) -> ClientEvent {
        match first {
            None => second,
            Some(first) => {
                self.queued = Some(second);
                first
            }
        }
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

/// Returns whether the next attempt would fail the same way: the request is wrong, or a proxy refuses.
fn is_final(error: &Error) -> bool {
    error.is_user() || Reason::from(error).forbids_retry()
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

    fn begun(client: &mut Client) -> RedirectableRequest {
        let attempt = client.poll_attempt(now()).unwrap();
        client.make_request(now(), &attempt, None).unwrap()
    }

    fn checked(response: http::response::Builder) -> Decision {
        let mut client = Client::new(EventSourceRequest::get("http://example.com/")).unwrap();
        let mut request = begun(&mut client);
        client.check_response(now(), &mut request, response.body(()).unwrap().into_parts().0)
    }

    fn stream() -> http::response::Builder {
        Response::builder().header(header::CONTENT_TYPE, "text/event-stream")
    }

    #[test]
    fn a_stream_is_opened_and_received_with_its_coding_taken_off() {
        let mut client = Client::new(EventSourceRequest::get("http://example.com/")).unwrap();
        let mut request = begun(&mut client);
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

    /// If asked again, the server would choose it again; a body that is not decoded does not
    /// matter.
    #[test]
    fn a_coding_that_was_not_asked_for_closes_the_source() {
        let response = stream().header(header::CONTENT_ENCODING, "br");
        let Decision::Unusable(ClientEvent::Closed { cause, reason }) = checked(response) else {
            panic!("it cannot be read");
        };
        assert_eq!((cause.reason, reason), (DisconnectReason::Unusable, GiveUp::Failed));
        assert!(matches!(cause.error, Some(StreamError::Coding(_))), "{cause}");

        let refused = stream().status(503).header(header::CONTENT_ENCODING, "br");
        let Decision::Answered(mut reader) = checked(refused) else { panic!("it is not a stream") };
        assert!(reader.receive("later".into()));
        let ClientEvent::Closed { cause, .. } = reader.finish(None) else {
            panic!("a browser does not ask again");
        };
        assert_eq!(cause.reason, DisconnectReason::Status(503));
        assert_eq!(cause.answer.unwrap().body, b"later");
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

    /// A proxy's refusal is as final as it is for a WebSocket; that the server is not there now is not.
    #[test]
    fn what_a_proxy_refuses_is_not_asked_for_again() {
        for (status, is_final) in
            [(407, true), (403, true), (404, true), (429, false), (502, false), (503, false)]
        {
            let post = EventSourceRequest::post("https://example.com/", "x");
            let post = post.repeat(tidings_sse::event_source::Repeat::Unprocessed);
            for request in [EventSourceRequest::get("https://example.com/"), post] {
                let mut client = Client::new(request).unwrap();
                begun(&mut client);
                let error = Error::Proxy { proxy: "p:3128".into(), status, challenge: None };
                let event = client.not_fetched(now(), StreamError::Connect(error));
                match event {
                    ClientEvent::Closed { cause, reason } if is_final => {
                        assert_eq!(reason, GiveUp::Failed);
                        assert!(cause.to_string().contains("the proxy p:3128"), "{cause}");
                    }
                    ClientEvent::Disconnected { .. } if !is_final => {}
                    other => panic!("{status}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn credentials_are_asked_for_by_the_proxy_that_passes_requests_on() {
        let proxy = tidings_handshake::Proxy::parse("p:3128").unwrap();
        let head = |status: u16| {
            let response = Response::builder().status(status);
            let response =
                response.header(header::PROXY_AUTHENTICATE, "Basic realm=\"the office\"");
            response.body(()).unwrap().into_parts().0
        };
        let refused = RedirectableRequest::check_forwarded(Some(&proxy), &head(407)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the proxy p:3128 answered with status 407 and asks for \
             credentials: Basic realm=\"the office\""
        );
        // They are, or may be, the server's.
        assert!(RedirectableRequest::check_forwarded(Some(&proxy), &head(401)).is_ok());
        assert!(RedirectableRequest::check_forwarded(None, &head(407)).is_ok());
    }
}
