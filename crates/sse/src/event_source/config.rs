//! The options of a client: [`Config`].

use core::time::Duration;

use tidings_reconnect::Policy;

use crate::RetryClamp;

/// The behaviour of an [`EventSource`](super::EventSource). Start from [`Config::event_source`] or
/// [`Config::client`] and change the fields that you want.
///
/// ```
/// use core::time::Duration;
/// use tidings_sse::event_source::Config;
///
/// let mut config = Config::client();
/// config.policy.max_attempts = 10;
/// config.idle_timeout = Duration::from_secs(90);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The waits between attempts, and how many may fail. Its `base` and `minimum` are the
    /// reconnection time until the server sets another one.
    pub policy: Policy,
    /// The bounds within which the server may choose the reconnection time, by `retry`.
    /// [`RetryClamp::IGNORE`]: not at all.
    pub retry_clamp: RetryClamp,
    /// The time limit for the head of the response, from the attempt or from the last redirect.
    pub response_timeout: Duration,
    /// The time limit for silence of an open stream. Any byte is a sign of life, including a
    /// comment.
    pub idle_timeout: Duration,
    /// The maximum number of redirects that one attempt follows.
    pub max_redirects: u32,
    /// `true` to try again after status 408, 425, 429 and 5xx, which mean "not now". With
    /// [`Repeat::Unprocessed`], [`Repeat::UntilOpen`] and [`Repeat::UntilEnd`], 429 and 503 with
    /// `Retry-After` are retried in any case.
    pub retry_statuses: bool,
    /// `true` if there is another attempt after a failure or an end. `false`: the first end is final.
    pub reconnect: bool,
    /// The conditions for repeating the request: a GET at any time, a POST only if you know that it
    /// is safe.
    pub repeat: Repeat,
    /// `true` if a stream that was open and gave an event ID is resumed by a GET, whatever the method
    /// of the request and [`repeat`](Self::repeat) are: repeating a GET is safe.
    pub resume_by_get: bool,
}

/// The conditions under which a request may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repeat {
    /// Never: there is one attempt.
    Never,
    /// While the server has certainly not processed it: there was no connection, the server refused
    /// the request unseen ([`End::Unprocessed`](super::End::Unprocessed)), or it answered 429 or
    /// 503 and gave a time for another attempt in `Retry-After`.
    Unprocessed,
    /// Until a stream is open, and never after: any failure before it is tried again.
    UntilOpen,
    /// Until a stream ends in good order: it is tried again after any failure, also of an open
    /// stream.
    UntilEnd,
    /// At any time, also after the end of a stream.
    Always,
}

impl Config {
    /// For [`response_timeout`](Self::response_timeout) and [`idle_timeout`](Self::idle_timeout): no
    /// limit.
    pub const NEVER: Duration = Duration::MAX;

    /// The standard's behaviour and, where it leaves a choice, that of browsers: 3 s of
    /// reconnection time, 20 redirects (Fetch), no idle timeout, and any status but 200 is final.
    /// The response must arrive within 30 s.
    #[must_use]
    pub const fn event_source() -> Self {
        Self {
            policy: Policy::event_source(),
            retry_clamp: RetryClamp::DEFAULT,
            response_timeout: Duration::from_secs(30),
            idle_timeout: Self::NEVER,
            max_redirects: 20,
            retry_statuses: false,
            reconnect: true,
            repeat: Repeat::Always,
            resume_by_get: false,
        }
    }

    /// For a program that nobody watches and that shall stay connected.
    ///
    /// It differs from [`event_source`](Self::event_source) in two points:
    /// - [`retry_statuses`](Self::retry_statuses) is on. A server that restarts behind a proxy
    ///   answers 502 or 503 for a moment; a browser has a user who reloads the page.
    /// - [`idle_timeout`](Self::idle_timeout) is 45 s. A connection that is dead without a word is
    ///   found out. Servers send a comment "every 15 seconds or so" (WHATWG HTML 9.2.7): this is
    ///   three of them. For a server that is silent for longer, raise it.
    #[must_use]
    pub const fn client() -> Self {
        Self { retry_statuses: true, idle_timeout: Duration::from_secs(45), ..Self::event_source() }
    }
}

/// [`Config::event_source`].
impl Default for Config {
    fn default() -> Self {
        Self::event_source()
    }
}
