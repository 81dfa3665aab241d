//! The ends of attempts and streams: the driver reports an [`End`], the source returns a
//! [`Disconnect`].

use core::fmt;
use core::time::Duration;

use crate::{EndOfStream, MEDIA_TYPE};

/// The next step after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum ResponseOutcome {
    /// The stream is open: hand its bytes to [`receive`](super::EventSource::receive).
    Open,
    /// Follow `Location` within the same attempt, as Fetch does, and pass the next response. Its
    /// time limit starts over.
    Redirect,
    /// There is no stream. Drop the response.
    Disconnect(Disconnect),
}

/// The end of an attempt or a stream, as the driver saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// There was no response: DNS, TCP, TLS or HTTP failed before the end of its head.
    Unreachable,
    /// The same, and the server has certainly not processed the request: there was no connection to
    /// send it on, or the server refused it unseen, as by `REFUSED_STREAM` (RFC 9113, 8.7).
    Unprocessed,
    /// The body ended as HTTP says that it ends.
    EndOfBody,
    /// The transport broke within the body: a reset, a cut chunk, TLS without its end, a corrupt
    /// content coding.
    Broken,
    /// It makes no sense to ask again: the request cannot be made, or a redirect leads nowhere.
    Unusable,
}

/// There is no stream, or no longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Disconnect {
    /// The reason.
    pub reason: DisconnectReason,
    /// The next step.
    pub next: Next,
}

/// The next step after a [`Disconnect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Wait this long; then [`poll_attempt`](super::EventSource::poll_attempt) returns the next
    /// attempt.
    Wait(Duration),
    /// Nothing: the source is closed.
    GiveUp(GiveUp),
}

/// The reason why there is no stream, or no longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// There was no response.
    Unreachable,
    /// The response did not come in time.
    ResponseTimeout,
    /// The response has this status, not 200. A redirect without `Location` is among them.
    Status(u16),
    /// The response's media type is not `text/event-stream`.
    ContentType,
    /// There was one more redirect than the attempt may follow.
    TooManyRedirects,
    /// The driver found that it makes no sense to ask again, before there was a stream.
    Unusable,
    /// The body ended in good order.
    Ended(EndOfStream),
    /// The transport broke within the body.
    Broken(EndOfStream),
    /// The stream was silent for too long.
    Idle(EndOfStream),
    /// No attempt was under way. The driver reported a response or an end out of
    /// turn, which changes nothing.
    NoAttempt,
}

/// The reason why there is no next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// The standard fails the connection here, or the driver said that another attempt makes no
    /// sense.
    Failed,
    /// As many attempts as the policy allows have failed in a row.
    AttemptsExhausted,
    /// The request must not be repeated now: [`Config::repeat`](super::Config::repeat).
    NotRepeatable,
    /// No other attempt was wanted: [`Config::reconnect`](super::Config::reconnect).
    Once,
    /// [`close`](super::EventSource::close) was called.
    Closed,
}

impl DisconnectReason {
    /// Returns the position of the stream at its end, if there was one.
    #[must_use]
    pub const fn end_of_stream(&self) -> Option<EndOfStream> {
        match self {
            Self::Ended(end) | Self::Broken(end) | Self::Idle(end) => Some(*end),
            _ => None,
        }
    }

    /// Returns whether nothing went wrong: the body ended between two events, or the server told
    /// its clients "to stop reconnecting" with status 204 (WHATWG HTML, 9.2).
    #[must_use]
    pub const fn is_clean_end(&self) -> bool {
        matches!(self, Self::Ended(EndOfStream::BetweenEvents) | Self::Status(204))
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.next {
            Next::Wait(wait) => write!(f, "{}; trying again in {wait:.1?}", self.reason),
            Next::GiveUp(why) => write!(f, "{}; giving up: {why}", self.reason),
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, end) = match self {
            Self::Unreachable => ("there was no response", None),
            Self::ResponseTimeout => ("the response did not come in time", None),
            Self::Status(204) => ("the server answered 204: there are no more events", None),
            Self::Status(status) => {
                return write!(f, "the server answered {status}; an event stream needs 200");
            }
            Self::ContentType => {
                return write!(f, "the response's media type is not {MEDIA_TYPE}");
            }
            Self::TooManyRedirects => {
                ("there were more redirects than one attempt may follow", None)
            }
            Self::Unusable => ("the request cannot lead to an event stream", None),
            Self::Ended(end) => ("the event stream ended", Some(end)),
            Self::Broken(end) => ("the connection broke", Some(end)),
            Self::Idle(end) => ("the server was silent for too long", Some(end)),
            Self::NoAttempt => ("no attempt was under way", None),
        };
        match end {
            Some(EndOfStream::InsideEvent { dropped_len }) => {
                write!(f, "{what}, {dropped_len} bytes into an event")
            }
            _ => f.write_str(what),
        }
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "another attempt would fail as well",
            Self::AttemptsExhausted => "as many attempts as allowed have failed in a row",
            Self::NotRepeatable => "the request must not be made twice",
            Self::Once => "reconnecting is turned off",
            Self::Closed => "the event source was closed",
        })
    }
}

impl core::error::Error for Disconnect {}
impl core::error::Error for DisconnectReason {}
impl core::error::Error for GiveUp {}
