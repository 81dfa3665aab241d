//! What happens to an event source: [`Update`], and [`Lost`], why there is no stream.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Version};
use tidings_sse::event_source::{GiveUp, LostReason, Next};
use tidings_sse::{Item, LimitExceeded, OwnedMessageEvent, ReconnectionTime};

use super::fault::StreamError;

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// A stream is open, the first or a new one.
    Open(Box<Opened>),
    /// An event came.
    Event(OwnedMessageEvent),
    /// A comment came; only if they are asked for.
    Comment(String),
    /// The server set the reconnection time, as it said it. What it comes to is bounded by
    /// [`Config::retry_clamp`](tidings_sse::event_source::Config::retry_clamp).
    Retry(ReconnectionTime),
    /// An event went over a limit and was skipped. The stream goes on.
    Overflow(LimitExceeded),
    /// There is no stream; the next attempt is made after `wait`.
    Lost {
        /// Why there is none.
        why: Lost,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// There is no stream, and no further attempt is made.
    Closed {
        /// Why there is none.
        why: Lost,
        /// Why no further attempt is made.
        reason: GiveUp,
    },
}

/// Why there is no event.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventError {
    /// An event went over a limit and was skipped. The stream goes on.
    Overflow(LimitExceeded),
    /// There is no stream, and no further attempt is made.
    Closed {
        /// Why there is none.
        why: Lost,
        /// Why no further attempt is made.
        reason: GiveUp,
    },
}

/// A stream that has just been opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// Where it comes from, after all redirects.
    pub url: String,
    /// The version of HTTP.
    pub version: Version,
    /// The headers of the response.
    pub headers: HeaderMap,
}

/// Why there is no stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lost {
    /// What it is, for the rules of reconnection.
    pub reason: LostReason,
    /// What broke, if something did.
    pub error: Option<StreamError>,
    /// What the server answered instead of a stream.
    pub answer: Option<Box<Answer>>,
}

/// An answer that is no event stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Where it comes from, after all redirects.
    pub url: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body, for people to read: at most 4 KiB of what came within a second.
    pub body_start: Vec<u8>,
}

impl Update {
    /// What an item of the stream means; nothing if nobody asked for it.
    #[must_use]
    pub fn of(item: Item<'_>) -> Option<Self> {
        match item {
            Item::Event(event) => Some(Self::Event(event.into_owned())),
            Item::Comment(comment) => Some(Self::Comment(comment.to_owned())),
            Item::Retry(time) => Some(Self::Retry(time)),
            Item::Overflow(exceeded) => Some(Self::Overflow(exceeded)),
            _ => None,
        }
    }

    /// What it is to those who care for events only: the next one, none any more, an error, or
    /// nothing.
    #[must_use]
    pub fn into_event(self) -> Option<Result<Option<OwnedMessageEvent>, EventError>> {
        match self {
            Self::Event(event) => Some(Ok(Some(event))),
            Self::Overflow(exceeded) => Some(Err(EventError::Overflow(exceeded))),
            // One end was clean; that there were so many of them was not.
            Self::Closed { why, reason }
                if why.is_clean_end() && reason != GiveUp::AttemptsExhausted =>
            {
                Some(Ok(None))
            }
            Self::Closed { why, reason } => Some(Err(EventError::Closed { why, reason })),
            _ => None,
        }
    }

    /// What the loss of a stream means.
    #[must_use]
    pub fn lost(why: Lost, next: Next) -> Self {
        match next {
            Next::Wait(wait) => Self::Lost { why, wait },
            Next::GiveUp(reason) => Self::Closed { why, reason },
        }
    }
}

impl Opened {
    /// A stream from there.
    #[must_use]
    pub fn new(url: &str, version: Version, headers: HeaderMap) -> Self {
        Self { url: url.to_owned(), version, headers }
    }
}

impl Lost {
    /// For this reason alone.
    #[must_use]
    pub const fn new(reason: LostReason) -> Self {
        Self { reason, error: None, answer: None }
    }

    /// Because this broke.
    #[must_use]
    pub fn with_error(self, error: Option<StreamError>) -> Self {
        Self { error, ..self }
    }

    /// Because the server answered this.
    #[must_use]
    pub fn with_answer(self, answer: Option<Answer>) -> Self {
        Self { answer: answer.map(Box::new), ..self }
    }

    /// Whether nothing went wrong: the stream ended between two events as HTTP has a body end, or
    /// the server said by status 204 that there is no more.
    #[must_use]
    pub const fn is_clean_end(&self) -> bool {
        self.reason.is_clean_end()
    }
}

impl Answer {
    /// How much of a body is worth reading, in bytes.
    pub const MAX_BODY_START_LEN: usize = 4 * 1024;

    /// An answer of this server.
    pub(super) fn new(url: &str, status: u16, headers: HeaderMap) -> Self {
        Self { url: url.to_owned(), status, headers, body_start: Vec::new() }
    }

    pub(super) fn with_body_start(self, body_start: Vec<u8>) -> Self {
        Self { body_start, ..self }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, &self.answer) {
            (LostReason::ContentType, Some(answer)) => {
                let media_type = answer.headers.get(http::header::CONTENT_TYPE);
                match media_type {
                    Some(media_type) => write!(
                        f,
                        "the server answered with the media type \"{}\", not text/event-stream",
                        media_type.as_bytes().escape_ascii()
                    )?,
                    None => f.write_str("the server answered without a media type")?,
                }
            }
            (reason, _) => reason.fmt(f)?,
        }
        self.error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

impl std::error::Error for Lost {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow(exceeded) => write!(f, "an event was skipped: {exceeded}"),
            // What else is there to say: "failed" is the rule for this very reason.
            Self::Closed { why, reason: GiveUp::Failed } => why.fmt(f),
            Self::Closed { why, reason } => write!(f, "{why}; {reason}"),
        }
    }
}

impl std::error::Error for EventError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Overflow(exceeded) => Some(exceeded),
            Self::Closed { why, .. } => Some(why),
        }
    }
}
