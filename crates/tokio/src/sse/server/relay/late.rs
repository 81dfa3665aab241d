//! An upstream that answers after its client was promised a stream: [`Late`].

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Response;
use http_body::Body;
use tidings_endpoint::event_sink::gateway::{Refusal, UpstreamBody, pass_on, refusal_event};
use tokio::time::{Sleep, sleep};

/// The time limit for the body of a refusal.
const MAX_BODY_TIME: Duration = Duration::from_secs(5);

/// Waits for the upstream's response, and for the body of one that is not an event stream.
pub(super) enum Late<B> {
    /// Never locked: it makes the body `Sync`.
    Waiting(Mutex<Answer<B>>),
    Refused {
        refusal: Refusal,
        body: B,
        /// The time limit of the body.
        deadline: Pin<Box<Sleep>>,
    },
    /// The event was given out.
    Told { failed: Option<RequestError> },
}

pub(super) type Answer<B> = Pin<Box<dyn Future<Output = Result<Response<B>, RequestError>> + Send>>;
pub(super) type RequestError = Arc<dyn Error + Send + Sync>;

/// The next step.
pub(super) enum Step<B> {
    Stream(B),
    Event(Bytes),
    End(Option<RequestError>),
}

impl<B: Body + Unpin> Late<B> {
    pub(super) fn new(answer: Answer<B>) -> Self {
        Self::Waiting(Mutex::new(answer))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step<B>> {
        loop {
            let next = match self {
                Self::Waiting(answer) => {
                    let answer = answer.get_mut().unwrap_or_else(PoisonError::into_inner);
                    match answer.as_mut().poll(cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Ok(response)) => {
                            let (mut head, body) = response.into_parts();
                            if pass_on(&mut head) == UpstreamBody::EventStream {
                                return Poll::Ready(Step::Stream(body));
                            }
                            let deadline = Box::pin(sleep(MAX_BODY_TIME));
                            Self::Refused { refusal: Refusal::new(&head), body, deadline }
                        }
                        Poll::Ready(Err(error)) => {
                            *self = Self::Told { failed: Some(error) };
                            return Poll::Ready(Step::Event(event(None)));
                        }
                    }
                }
                Self::Refused { refusal, body, deadline } => {
                    let more = match Pin::new(body).poll_frame(cx) {
                        Poll::Pending => {
                            ready!(deadline.as_mut().poll(cx));
                            refusal.cut();
                            false
                        }
                        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                            Ok(data) => feed(refusal, data),
                            Err(_trailers) => true,
                        },
                        Poll::Ready(Some(Err(_))) => {
                            refusal.cut();
                            false
                        }
                        Poll::Ready(None) => false,
                    };
                    if more {
                        continue;
                    }
                    let event = event(Some(refusal));
                    *self = Self::Told { failed: None };
                    return Poll::Ready(Step::Event(event));
                }
                Self::Told { failed } => return Poll::Ready(Step::End(failed.take())),
            };
            *self = next;
        }
    }
}

fn feed(refusal: &mut Refusal, mut data: impl Buf) -> bool {
    while data.has_remaining() {
        let chunk = data.chunk();
        let len = chunk.len();
        if !refusal.feed(chunk) {
            return false;
        }
        data.advance(len);
    }
    true
}

fn event(refusal: Option<&Refusal>) -> Bytes {
    refusal_event(refusal).as_bytes().clone()
}
