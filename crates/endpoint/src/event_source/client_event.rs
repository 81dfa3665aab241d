//! What a client of an event stream reports: [`ClientEvent`], and [`DisconnectCause`], why there is no
//! stream.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Version};
use tidings_sse::event_source::{Disconnect, DisconnectReason, GiveUp, Next};
use tidings_sse::{Item, LimitExceeded, OwnedMessageEvent, ReconnectionTime};

use super::fault::StreamError;

/// What happened to a client of an event stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A stream is open, the first or a new one.
    Open(Box<Opened>),
    /// An event of the stream came.
    Event(OwnedMessageEvent),
    /// A comment came; only if they are asked for.
    Comment(String),
    /// The server set the reconnection time, as it said it. What it comes to is bounded by
    /// [`Config::retry_clamp`](tidings_sse::event_source::Config::retry_clamp).
    Retry(ReconnectionTime),
    /// An event went over a limit and was skipped. The stream goes on.
    Overflow(LimitExceeded),
    /// There is no stream; the next attempt is made after `wait`.
    Disconnected {
        /// Why.
        cause: DisconnectCause,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// There is no stream, and no further attempt is made.
    Closed {
        /// Why.
        cause: DisconnectCause,
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
        /// Why.
        cause: DisconnectCause,
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
pub struct DisconnectCause {
    /// The reason, which decides about reconnection.
    pub reason: DisconnectReason,
    /// What broke, if something did.
    pub error: Option<StreamError>,
    /// What the server answered instead of a stream.
    pub response: Option<Box<UnexpectedResponse>>,
}

/// A response that is not an event stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnexpectedResponse {
    /// Where it comes from, after all redirects.
    pub url: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body, for people to read: at most 4 KiB of what came within a second.
    pub body_start: Vec<u8>,
}

impl ClientEvent {
    /// What an item of the stream means; nothing if nobody asked for it.
    pub(super) fn of(item: Item<'_>) -> Option<Self> {
        match item {
            Item::Event(event) => Some(Self::Event(event.into_owned())),
            Item::Comment(comment) => Some(Self::Comment(comment.to_owned())),
            Item::Retry(time) => Some(Self::Retry(time)),
            Item::Overflow(exceeded) => Some(Self::Overflow(exceeded)),
            _ => None,
        }
    }

    /// What it means to an application that wants events only: the next one, the end, an error, or
    /// nothing.
    #[must_use]
    pub fn into_event(self) -> Option<Result<Option<OwnedMessageEvent>, EventError>> {
        match self {
            Self::Event(event) => Some(Ok(Some(event))),
            Self::Overflow(exceeded) => Some(Err(EventError::Overflow(exceeded))),
            // One end was clean; that there were so many of them was not.
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
        Disconnect { reason, next }: Disconnect,
        error: Option<StreamError>,
        response: Option<Box<UnexpectedResponse>>,
    ) -> Self {
        let cause = DisconnectCause { reason, error, response };
        match next {
            Next::Wait(wait) => Self::Disconnected { cause, wait },
            Next::GiveUp(reason) => Self::Closed { cause, reason },
        }
    }
}

impl Opened {
    pub(super) fn new(url: &str, version: Version, headers: HeaderMap) -> Self {
        Self { url: url.to_owned(), version, headers }
    }
}

impl DisconnectCause {
    /// Whether nothing went wrong: the body ended in good order between two events, or the server
    /// said by status 204 that there is no more.
    #[must_use]
    pub const fn is_clean_end(&self) -> bool {
        self.reason.is_clean_end()
    }
}

impl UnexpectedResponse {
    /// How much of a body is worth reading, in bytes.
    pub const MAX_BODY_START_LEN: usize = 4 * 1024;

    pub(super) fn new(url: &str, status: u16, headers: HeaderMap) -> Self {
        Self { url: url.to_owned(), status, headers, body_start: Vec::new() }
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, &self.response) {
            (DisconnectReason::ContentType, Some(response)) => {
                let media_type = response.headers.get(http::header::CONTENT_TYPE);
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

impl std::error::Error for DisconnectCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow(exceeded) => write!(f, "an event was skipped: {exceeded}"),
            // What else is there to say: "failed" is the rule for this very reason.
            Self::Closed { cause, reason: GiveUp::Failed } => cause.fmt(f),
            Self::Closed { cause, reason } => write!(f, "{cause}; {reason}"),
        }
    }
}

impl std::error::Error for EventError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Overflow(exceeded) => Some(exceeded),
            Self::Closed { cause, .. } => Some(cause),
        }
    }
}
