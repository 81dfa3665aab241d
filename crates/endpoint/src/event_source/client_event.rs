//! The reports of a client of an event stream: [`ClientEvent`], and [`DisconnectCause`], the reason
//! why there is no stream.

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Version};
use tidings_sse::event_source::{Disconnect, DisconnectReason, GiveUp, Next};
use tidings_sse::{Item, LimitExceeded, MEDIA_TYPE, OwnedMessageEvent, ReconnectionTime};

use super::fault::StreamError;
use crate::content_type::content_type;
use crate::trace;

/// An event of a client of an event stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A stream is open, the first or a new one.
    Open(Box<Opened>),
    /// An event of the stream came.
    Event(OwnedMessageEvent),
    /// A comment came; only if they are [asked for](super::EventSourceRequest::report_comments).
    Comment(String),
    /// A line came whose field has no meaning in the standard; only if they are
    /// [asked for](super::EventSourceRequest::report_unknown_fields).
    UnknownField(String),
    /// The stream ended within this event, of which more may be missing; only if
    /// [requested](super::EventSourceRequest::report_unfinished). The next event has the reason.
    Unfinished(OwnedMessageEvent),
    /// The server set the reconnection time to this value. The time in effect is bounded by
    /// [`Config::retry_clamp`](tidings_sse::event_source::Config::retry_clamp).
    Retry(ReconnectionTime),
    /// An event exceeded a limit and was skipped. The stream continues.
    Overflow(LimitExceeded),
    /// There is no stream; the next attempt is made after `wait`.
    Disconnected {
        /// The reason for the loss.
        cause: DisconnectCause,
        /// The time until the next attempt.
        wait: Duration,
    },
    /// There is no stream, and no further attempt is made.
    Closed {
        /// The reason for the loss.
        cause: DisconnectCause,
        /// The reason for giving up.
        reason: GiveUp,
    },
}

/// The reason why there is no event.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventError {
    /// An event exceeded a limit and was skipped. The stream continues.
    Overflow(LimitExceeded),
    /// There is no stream, and no further attempt is made.
    Closed {
        /// The reason for the loss.
        cause: DisconnectCause,
        /// The reason for giving up.
        reason: GiveUp,
    },
}

/// A stream that has just been opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The URL of the stream, after all redirects.
    pub url: String,
    /// The version of HTTP.
    pub version: Version,
    /// The headers of the response.
    pub headers: HeaderMap,
}

/// The reason why there is no stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct DisconnectCause {
    /// The reason, which decides about reconnection.
    pub reason: DisconnectReason,
    /// The error, if something broke.
    pub error: Option<StreamError>,
    /// The server's answer instead of a stream.
    pub answer: Option<Box<Answer>>,
}

/// A response that is not an event stream: an error with its details, or another result, such as a
/// small JSON document.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The URL of the answer, after all redirects.
    pub url: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, with its content coding taken off if it is known.
    pub body: Vec<u8>,
    /// The reason why that is not the whole body, if it is not.
    pub cut: Option<AnswerCut>,
}

/// Without the values of headers, which may be secret, and with the body as text.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&HeaderName> = self.headers.keys().collect();
        f.debug_struct("Answer")
            .field("url", &self.url)
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &self.text())
            .field("cut", &self.cut)
            .finish()
    }
}

/// The reason why there is no more of an [`Answer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerCut {
    /// It is longer than [`max_answer_len`](super::EventSourceRequest::max_answer_len).
    TooLong,
    /// It did not come within [`answer_timeout`](super::EventSourceRequest::answer_timeout).
    TimedOut,
    /// The connection broke.
    Connection,
    /// Its content coding is corrupt, or is cut.
    Coding,
}

/// The answer of a server for which a stream and another answer are both good results.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply<S> {
    /// A stream is open: continue with the source.
    Stream {
        /// The event source.
        source: S,
        /// The head of the response.
        opened: Box<Opened>,
    },
    /// The server answered with something else, of any status.
    Answer(Box<Answer>),
}

impl ClientEvent {
    /// Converts an item of the stream; `None` if it was not requested.
    pub(super) fn of(item: Item<'_>) -> Option<Self> {
        match item {
            Item::Event(event) => {
                trace::event_received(event.data.len());
                Some(Self::Event(event.into_owned()))
            }
            Item::Comment(comment) => Some(Self::Comment(comment.to_owned())),
            Item::UnknownField(line) => Some(Self::UnknownField(line.to_owned())),
            Item::Retry(time) => Some(Self::Retry(time)),
            Item::Overflow(exceeded) => Some(Self::Overflow(exceeded)),
            _ => None,
        }
    }

    /// Converts it for an application that wants only events: the next one, the end, an error, or
    /// nothing.
    #[must_use]
    pub fn into_event(self) -> Option<Result<Option<OwnedMessageEvent>, EventError>> {
        match self {
            Self::Event(event) | Self::Unfinished(event) => Some(Ok(Some(event))),
            Self::Overflow(exceeded) => Some(Err(EventError::Overflow(exceeded))),
            // One end was clean; that there were many in a row was not.
            Self::Closed { cause, reason }
                if cause.is_clean_end() && reason != GiveUp::AttemptsExhausted =>
            {
                Some(Ok(None))
            }
            Self::Closed { cause, reason } => Some(Err(EventError::Closed { cause, reason })),
            _ => None,
        }
    }

    /// The end of an attempt or of a stream.
    pub(super) fn disconnected(
        disconnect: Disconnect,
        error: Option<StreamError>,
        answer: Option<Box<Answer>>,
    ) -> Self {
        trace::event_source_disconnected(&disconnect);
        let Disconnect { reason, next } = disconnect;
        let cause = DisconnectCause { reason, error, answer };
        match next {
            Next::Wait(wait) => Self::Disconnected { cause, wait },
            Next::GiveUp(reason) => Self::Closed { cause, reason },
        }
    }
}

impl ClientEvent {
    /// Converts it for a caller that waits for the head of a response; `Continue` if the head is
    /// still to come. `None` is the end of all events.
    ///
    /// # Errors
    /// There is no response, or an unusable one.
    pub fn into_reply(event: Option<Self>) -> ControlFlow<Result<Reply<()>, DisconnectCause>> {
        ControlFlow::Break(match event {
            Some(Self::Open(opened)) => Ok(Reply::Stream { source: (), opened }),
            Some(Self::Closed { mut cause, .. }) => match cause.answer.take() {
                Some(answer) => Ok(Reply::Answer(answer)),
                None => Err(cause),
            },
            Some(_) => return ControlFlow::Continue(()),
            // It was closed by a handle.
            None => {
                let reason = DisconnectReason::NoAttempt;
                Err(DisconnectCause { reason, error: None, answer: None })
            }
        })
    }
}

impl Reply<()> {
    /// The reply that a caller gets.
    pub fn with_source<S>(self, source: S) -> Reply<S> {
        match self {
            Self::Stream { opened, .. } => Reply::Stream { source, opened },
            Self::Answer(answer) => Reply::Answer(answer),
        }
    }
}

impl Opened {
    pub(super) fn new(url: &str, version: Version, headers: HeaderMap) -> Self {
        Self { url: url.to_owned(), version, headers }
    }
}

impl DisconnectCause {
    /// Returns whether nothing went wrong: the body ended cleanly between two events, or the server
    /// said with status 204 that there is no more.
    #[must_use]
    pub const fn is_clean_end(&self) -> bool {
        self.reason.is_clean_end()
    }
}

impl Answer {
    pub(super) fn new(url: &str, status: u16, headers: HeaderMap) -> Self {
        Self { url: url.to_owned(), status, headers, body: Vec::new(), cut: None }
    }

    /// Returns whether the body is whole: it was neither longer than
    /// [`max_answer_len`](super::EventSourceRequest::max_answer_len), nor later than
    /// [`answer_timeout`](super::EventSourceRequest::answer_timeout), nor broken.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.cut.is_none()
    }

    /// Returns the body as text. Bytes that are not UTF-8 are shown as U+FFFD.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns whether the status is one of success, 200 to 299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

impl fmt::Display for AnswerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the answer is longer than the limit",
            Self::TimedOut => "the answer did not end in time",
            Self::Connection => "the connection broke within the answer",
            Self::Coding => "the compressed answer is corrupt",
        })
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, &self.answer) {
            (DisconnectReason::ContentType, Some(answer)) => {
                match content_type(&answer.headers) {
                    Some(media_type) => write!(
                        f,
                        "the server answered with Content-Type \"{}\"",
                        media_type.escape_ascii()
                    )?,
                    None => f.write_str("the server answered without a Content-Type")?,
                }
                write!(f, "; an event stream needs {MEDIA_TYPE}")?;
            }
            (reason, _) => reason.fmt(f)?,
        }
        self.error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

impl std::error::Error for DisconnectCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text has the error.
        self.error.as_ref().and_then(std::error::Error::source)
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow(exceeded) => write!(f, "an event was skipped: {exceeded}"),
            // Nothing is added here: "failed" is the rule for this very reason.
            Self::Closed { cause, reason: GiveUp::Failed } => cause.fmt(f),
            Self::Closed { cause, reason } => write!(f, "{cause}; {reason}"),
        }
    }
}

impl std::error::Error for EventError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The text has them.
            Self::Overflow(_) => None,
            Self::Closed { cause, .. } => cause.source(),
        }
    }
}
