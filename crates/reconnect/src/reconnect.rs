//! The record of one client's attempts: [`Reconnect`].

use core::time::Duration;

use tidings_time::Timestamp;

use crate::policy::{Policy, spread};
use crate::reason::Reason;

/// Decides when to try again.
///
/// Report the events of the connection to it; each [`failed`](Self::failed) returns the wait before
/// the next attempt. Every `now` comes from the same monotonic clock, yours.
///
/// ```
/// use std::time::Duration;
/// use tidings_reconnect::{Next, Policy, Reason, Reconnect, Timestamp};
///
/// # fn random() -> u64 { 7 }
/// # fn run(reconnect: &mut Reconnect, now: &mut Timestamp) -> Reason {
/// #     reconnect.connected(*now);
/// #     *now = now.after(Duration::from_secs(1));
/// #     Reason::Closed(1008)
/// # }
/// let mut reconnect = Reconnect::new(Policy::websocket());
/// let mut now = Timestamp::default();
/// let why = loop {
///     // Connects, calls `connected`, and returns when it is over.
///     let reason = run(&mut reconnect, &mut now);
///     match reconnect.failed(now, reason, random()) {
///         Next::Wait(wait) => now = now.after(wait), // sleep
///         Next::GiveUp(why) => break why,
///     }
/// };
/// assert_eq!(why.to_string(), "the server does not want another attempt");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    policy: Policy,
    /// Attempts that failed, and connections that ended, since the last success.
    failures: u32,
    /// The first of those failures was the end of a success, not a failed attempt.
    began_with_success: bool,
    connected_since: Option<Timestamp>,
}

/// The next step after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Wait this long, then try again.
    Wait(Duration),
    /// Do not try again.
    GiveUp(GiveUp),
}

/// The reason why there is no next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GiveUp {
    /// The reason [forbids](Reason::forbids_retry) it.
    Forbidden,
    /// [`Policy::max_attempts`] attempts have failed in a row.
    AttemptsExhausted,
}

/// `Retry-After: 0` must not make a client ask in a tight loop.
const LEAST_SERVER_WAIT: Duration = Duration::from_secs(1);

/// The random part of a wait that the server has set is at most one part in this many. It comes on top,
/// up to the most that the policy allows, and off the latter if the server asked for more.
const SERVER_WAIT_SPREAD: u32 = 8;

impl Reconnect {
    /// Creates a client that has not failed yet.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, failures: 0, began_with_success: false, connected_since: None }
    }

    /// Reports that a connection is open. This alone is not a success yet: see
    /// [`Policy::healthy_after`].
    pub fn connected(&mut self, now: Timestamp) {
        self.connected_since = Some(now);
    }

    /// Reports that the connection was useful: the back-off starts over at its end, however short
    /// it was.
    pub fn progressed(&mut self) {
        self.failures = 0;
        self.began_with_success = true;
    }

    /// Reports that the server has set its reconnection time, the `retry` field of an event stream:
    /// every wait has at least this, and windows double from it. Clamp it first, because the server
    /// chose the value.
    pub fn set_reconnection_time(&mut self, time: Duration) {
        self.policy.base = time;
        self.policy.minimum = time;
    }

    /// Returns the policy, with the reconnection time that the server has set.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The attempt failed, or the connection ended.
    ///
    /// `random` is distributed evenly over all of `u64`; if the distribution is poor, clients
    /// reconnect together. It need not be secret.
    pub fn failed(&mut self, now: Timestamp, reason: Reason, random: u64) -> Next {
        if reason.forbids_retry() {
            self.disconnected(now);
            return Next::GiveUp(GiveUp::Forbidden);
        }
        self.retry(now, reason, random)
    }

    /// The same as [`failed`](Self::failed) for a caller that decided that another attempt makes
    /// sense: no reason [forbids](Reason::forbids_retry) it.
    pub fn retry(&mut self, now: Timestamp, reason: Reason, random: u64) -> Next {
        self.disconnected(now);
        let failed_attempts = self.failures.saturating_add(u32::from(!self.began_with_success));
        if failed_attempts >= self.policy.max_attempts
            && self.policy.max_attempts != Policy::UNLIMITED
        {
            return Next::GiveUp(GiveUp::AttemptsExhausted);
        }
        let wait = self.wait(reason, random);
        self.failures = self.failures.saturating_add(1);
        Next::Wait(wait)
    }

    /// Returns the number of failed attempts and ended connections since the last success, with
    /// which the next wait grows.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    fn disconnected(&mut self, now: Timestamp) {
        let lived = self.connected_since.take().map(|since| now.since(since));
        if lived.is_some_and(|lived| lived >= self.policy.healthy_after) {
            self.progressed();
        }
    }

    fn wait(&self, reason: Reason, random: u64) -> Duration {
        let policy = &self.policy;
        if let Some(asked) = reason.retry_after().filter(|_| !policy.max_server_wait.is_zero()) {
            // The server knows best. A little spread keeps those who were told the same time apart.
            let most = policy.max_server_wait;
            if asked > most {
                return most.saturating_sub(spread(most / SERVER_WAIT_SPREAD, random));
            }
            let wait = asked.max(LEAST_SERVER_WAIT);
            return wait.saturating_add(spread(wait / SERVER_WAIT_SPREAD, random)).min(most);
        }
        if reason == Reason::Ended && self.failures == 0 {
            return policy.minimum;
        }
        let mut minimum = policy.minimum;
        let mut window = policy.window(self.failures);
        if reason.is_busy() {
            minimum = minimum.max(policy.busy_minimum);
            window = window.max(policy.busy_spread);
        }
        // The random part is added: clients that wait the same time must not reconnect together.
        minimum.saturating_add(spread(window, random))
    }
}

impl core::fmt::Display for GiveUp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Forbidden => "the server does not want another attempt",
            Self::AttemptsExhausted => "as many attempts as allowed have failed in a row",
        })
    }
}

impl core::error::Error for GiveUp {}

#[cfg(test)]
mod tests;
