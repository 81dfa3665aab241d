//! The client of an event stream but its transport: [`Client`].

use std::fmt;

use http::StatusCode;
use http::response::Parts;
use tidings_sse::event_source::{End, ReadyState, Verdict};
use tidings_sse::{EventSource, GrowableStorage, Timestamp};

use super::content::ContentDecoder;
use super::exchange::{Exchange, response_of};
use super::fault::{CodingError, RequestFault, StreamError};
use super::request::EventSourceRequest;
use super::update::{Answer, Lost, Opened, Update};
use crate::random::random_u64;

/// The request, the machine of WHATWG HTML, 9.2, and what its words come to for the application.
///
/// An adapter asks for an [attempt](Self::poll_attempt), makes its request, hands over the
/// [response](Self::judge), and [receives](Self::receive) what the body holds. What ends an attempt
/// or a stream it reports by [`not_fetched`](Self::not_fetched), [`ended`](Self::ended) or
/// [`broken`](Self::broken). Every time comes
/// from one monotonic clock, the adapter's.
pub struct Client {
    request: EventSourceRequest,
    machine: EventSource<GrowableStorage>,
}

/// What a response comes to.
#[derive(Debug)]
pub enum Judged {
    /// It is a stream: receive its body.
    Open {
        /// To be told now.
        opened: Update,
        /// What takes the content coding off the body.
        content: ContentDecoder,
    },
    /// It is a redirect, and the exchange leads there now: make its request.
    Redirected,
    /// It is no stream. How its body begins is for people to read.
    Refused(Refusal),
    /// It can't be used, whatever its body says.
    Lost(Update),
}

/// A response that is no event stream.
#[derive(Debug)]
pub struct Refusal {
    lost: tidings_sse::event_source::Lost,
    answer: Answer,
}

/// What comes of a look at a body.
#[derive(Debug)]
pub enum Received {
    /// Something happened.
    Update(Update),
    /// Some of it was of no interest.
    Passed,
    /// There is no more of it yet.
    Nothing,
}

impl Client {
    /// A client that makes this request.
    ///
    /// # Errors
    /// The request can't be made.
    pub fn new(request: EventSourceRequest) -> Result<Self, RequestFault> {
        let machine = request.machine()?;
        Exchange::new(&request, None)?;
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

    /// The next attempt, if it is due; or why its request can't be made.
    pub fn poll_attempt(&mut self, now: Timestamp) -> Option<Result<Exchange, Update>> {
        let attempt = self.machine.poll_attempt(now)?;
        let exchange = Exchange::new(&self.request, attempt.last_event_id());
        Some(exchange.map_err(|fault| self.unusable(now, StreamError::Request(fault))))
    }

    /// There is no response: something went wrong before the end of its head.
    pub fn not_fetched(&mut self, now: Timestamp, error: StreamError) -> Update {
        if matches!(&error, StreamError::Connect(error) if error.is_user()) {
            self.unusable(now, error)
        } else {
            self.lost(now, End::Unreachable, Some(error))
        }
    }

    /// What this head of a response comes to.
    pub fn judge(&mut self, now: Timestamp, exchange: &mut Exchange, head: Parts) -> Judged {
        let Parts { status, version, headers, .. } = head;
        let content = match ContentDecoder::of(&headers) {
            Ok(content) => content,
            // What says why there is no stream can be shown as it is.
            Err(_) if status != StatusCode::OK => ContentDecoder::identity(),
            // Asked again, the server would choose the same coding.
            Err(error) => return Judged::Lost(self.unusable(now, StreamError::Coding(error))),
        };
        match self.machine.handle_response(now, &response_of(status, &headers), random_u64()) {
            Verdict::Open => {
                let opened = Opened::new(exchange.url(), version, headers);
                Judged::Open { opened: Update::Open(Box::new(opened)), content }
            }
            Verdict::Lost(lost) => {
                let answer = Answer::new(exchange.url(), status.as_u16(), headers);
                Judged::Refused(Refusal { lost, answer })
            }
            _redirect => match exchange.follow(status.as_u16(), &headers) {
                Ok(()) => Judged::Redirected,
                Err(fault) => Judged::Lost(self.unusable(now, StreamError::Redirect(fault))),
            },
        }
    }

    /// Looks at what there is of a body that came then, up to the next thing to tell.
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
        let mut update = None;
        while update.is_none() {
            let Some(item) = self.machine.receive(received_at, &mut rest) else { break };
            update = Update::of(item);
        }
        let len = available.len().saturating_sub(rest.len());
        content.consume(len);
        Ok(update.map_or(Received::Passed, Received::Update))
    }

    /// The body is over as HTTP says that it is.
    pub fn ended(&mut self, now: Timestamp) -> Update {
        self.lost(now, End::EndOfBody, None)
    }

    /// The stream broke.
    pub fn broken(&mut self, now: Timestamp, error: StreamError) -> Update {
        self.lost(now, End::Broken, Some(error))
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`poll_attempt`](Self::poll_attempt) has
    /// something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.machine.poll_timeout()
    }

    /// The attempt or the stream is over if its time is.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<Update> {
        let lost = self.machine.handle_timeout(now, random_u64())?;
        Some(Update::lost(Lost::new(lost.reason), lost.next))
    }

    fn unusable(&mut self, now: Timestamp, error: StreamError) -> Update {
        self.lost(now, End::Unusable, Some(error))
    }

    fn lost(&mut self, now: Timestamp, end: End, error: Option<StreamError>) -> Update {
        let lost = self.machine.handle_end(now, end, random_u64());
        Update::lost(Lost::new(lost.reason).with_error(error), lost.next)
    }
}

impl Refusal {
    /// What to tell, with as much of the body as was read.
    #[must_use]
    pub fn with_body_start(self, body_start: Vec<u8>) -> Update {
        let Self { lost, answer } = self;
        let answer = answer.with_body_start(body_start);
        Update::lost(Lost::new(lost.reason).with_answer(Some(answer)), lost.next)
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
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

    use http::{Response, header};
    use tidings_sse::event_source::{GiveUp, LostReason};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::default()
    }

    fn judged(response: http::response::Builder) -> Judged {
        let mut client = Client::new(EventSourceRequest::get("http://example.com/")).unwrap();
        let mut exchange = client.poll_attempt(now()).unwrap().unwrap();
        client.judge(now(), &mut exchange, response.body(()).unwrap().into_parts().0)
    }

    fn stream() -> http::response::Builder {
        Response::builder().header(header::CONTENT_TYPE, "text/event-stream")
    }

    #[test]
    fn a_stream_is_opened_and_received_with_its_coding_taken_off() {
        let mut client = Client::new(EventSourceRequest::get("http://example.com/")).unwrap();
        let mut exchange = client.poll_attempt(now()).unwrap().unwrap();
        let head = stream().body(()).unwrap().into_parts().0;
        let Judged::Open { opened: Update::Open(opened), mut content } =
            client.judge(now(), &mut exchange, head)
        else {
            panic!("it is a stream");
        };
        assert_eq!(opened.url, "http://example.com/");
        content.feed("id: 7\n\n: one\n\ndata: a\n\ndata: b\n\ndata".into());
        for wanted in ["a", "b"] {
            let Received::Update(Update::Event(event)) =
                client.receive(now(), &mut content).unwrap()
            else {
                panic!("{wanted} has come");
            };
            assert_eq!((&*event.data, &*event.last_event_id), (wanted, "7"));
        }
        assert!(matches!(client.receive(now(), &mut content).unwrap(), Received::Passed));
        assert!(matches!(client.receive(now(), &mut content).unwrap(), Received::Nothing));
        assert!(matches!(client.ended(now()), Update::Lost { .. }));
    }

    /// Asked again, the server would choose it again; a body that nobody decodes is no matter.
    #[test]
    fn a_coding_that_was_not_asked_for_closes_the_source() {
        let response = stream().header(header::CONTENT_ENCODING, "br");
        let Judged::Lost(Update::Closed { why, reason }) = judged(response) else {
            panic!("it can't be read");
        };
        assert_eq!((why.reason, reason), (LostReason::Unusable, GiveUp::Failed));
        assert!(matches!(why.error, Some(StreamError::Coding(_))), "{why}");

        let refused = stream().status(503).header(header::CONTENT_ENCODING, "br");
        let Judged::Refused(refusal) = judged(refused) else { panic!("it is no stream") };
        let Update::Closed { why, .. } = refusal.with_body_start(b"later".to_vec()) else {
            panic!("a browser does not ask again");
        };
        assert_eq!(why.reason, LostReason::Status(503));
        assert_eq!(why.answer.unwrap().body_start, b"later");
    }

    #[test]
    fn a_redirect_is_followed_or_can_not_be_used() {
        let redirect = |to| Response::builder().status(302).header(header::LOCATION, to);
        assert!(matches!(judged(redirect("/elsewhere")), Judged::Redirected));
        let Judged::Lost(Update::Closed { why, .. }) = judged(redirect("ftp://example.com/"))
        else {
            panic!("this client does not go there");
        };
        assert_eq!(why.reason, LostReason::Unusable);
    }
}
