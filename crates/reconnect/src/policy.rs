//! The patience of a client: [`Policy`], and the arithmetic of its waits.

use core::time::Duration;

/// The waits between attempts, and the conditions for giving up. Start from [`Policy::websocket`]
/// or [`Policy::event_source`] and change the fields that you want.
///
/// ```
/// use std::time::Duration;
/// use tidings_reconnect::Policy;
///
/// let mut policy = Policy::websocket();
/// policy.cap = Duration::from_secs(20);
/// policy.max_attempts = 10;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The random window of the first wait after a failure. It doubles with each attempt that fails.
    pub base: Duration,
    /// The longest random window.
    pub cap: Duration,
    /// The minimum of every wait, before the random part.
    pub minimum: Duration,
    /// The lifetime of a connection that makes it a success, after which the back-off starts over.
    pub healthy_after: Duration,
    /// The maximum wait that a server can impose with `Retry-After`. Zero: the header is ignored.
    pub max_server_wait: Duration,
    /// The minimum wait for a server that restarts or is overloaded, and names no time: Close 1012
    /// and 1013, status 429 and 503.
    pub busy_minimum: Duration,
    /// The minimum random window after such a wait.
    pub busy_spread: Duration,
    /// Give up after this many failed attempts in a row: 1 makes one attempt.
    /// [`Policy::UNLIMITED`] sets no limit.
    ///
    /// The end of a connection that was a success is not a failed attempt, so with 1 there is one
    /// attempt after it.
    pub max_attempts: u32,
}

impl Policy {
    /// For [`max_attempts`](Self::max_attempts): never give up because of failures alone.
    pub const UNLIMITED: u32 = u32::MAX;

    /// The policy of a WebSocket client.
    ///
    /// RFC 6455, 7.2.3: the first attempt after "a random delay between 0 and 5 seconds", the
    /// next ones by "truncated binary exponential backoff". The meaning of 1012 was registered
    /// with a delay of 5 to 30 s.
    #[must_use]
    pub const fn websocket() -> Self {
        Self {
            base: Duration::from_secs(5),
            cap: Duration::from_secs(60),
            minimum: Duration::ZERO,
            healthy_after: Duration::from_secs(60),
            max_server_wait: Duration::from_secs(3600),
            busy_minimum: Duration::from_secs(5),
            busy_spread: Duration::from_secs(25),
            max_attempts: Self::UNLIMITED,
        }
    }

    /// The policy of an EventSource, which waits for its reconnection time, 3 s unless the server
    /// sets another, and then "optionally, wait some more" (WHATWG HTML, 9.2.3).
    #[must_use]
    pub const fn event_source() -> Self {
        Self { base: Duration::from_secs(3), minimum: Duration::from_secs(3), ..Self::websocket() }
    }

    /// The random window after `failures` failed attempts: `min(cap, base * 2^failures)`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidings_reconnect::Policy;
    ///
    /// let windows = [0, 1, 2, 3, 4, u32::MAX].map(|n| Policy::websocket().window(n).as_secs());
    /// assert_eq!(windows, [5, 10, 20, 40, 60, 60]);
    /// ```
    #[must_use]
    pub fn window(&self, failures: u32) -> Duration {
        let factor = 1u64.checked_shl(failures).unwrap_or(u64::MAX);
        let doubled = nanos(self.base).saturating_mul(factor);
        Duration::from_nanos(doubled.min(nanos(self.cap)))
    }
}

/// The point at `random / 2^64` of the way through `window`.
pub(crate) fn spread(window: Duration, random: u64) -> Duration {
    let product = u128::from(nanos(window)) * u128::from(random); // less than 2^128
    Duration::from_nanos(u64::try_from(product >> 64).unwrap_or(u64::MAX))
}

/// Saturates after 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W-113: RFC 6455, 7.2.3, and WHATWG HTML, 9.2.3.
    #[test]
    fn the_presets_are_those_of_the_documentation() {
        let secs = Duration::from_secs;
        let websocket = Policy {
            base: secs(5),
            cap: secs(60),
            minimum: secs(0),
            healthy_after: secs(60),
            max_server_wait: secs(3600),
            busy_minimum: secs(5),
            busy_spread: secs(25),
            max_attempts: Policy::UNLIMITED,
        };
        assert_eq!(Policy::websocket(), websocket);
        let event_source = Policy { base: secs(3), minimum: secs(3), ..websocket };
        assert_eq!(Policy::event_source(), event_source);
    }

    /// W-114: the windows grow, stop at the cap, and no number of failures overflows.
    #[test]
    fn windows_double_up_to_the_cap_and_stay_there() {
        let policy = Policy::websocket();
        let mut last = Duration::ZERO;
        for failures in 0..200 {
            let window = policy.window(failures);
            assert!(window > last || window == policy.cap, "{failures}: {window:?}");
            assert!(window >= last && window <= policy.cap, "{failures}: {window:?}");
            last = window;
        }
        for failures in [62, 63, 64, 65, u32::MAX - 1, u32::MAX] {
            assert_eq!(policy.window(failures), policy.cap);
        }
    }

    /// W-114: the extremes of every duration stay in range.
    #[test]
    fn no_duration_overflows() {
        for base in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            for cap in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
                let policy = Policy { base, cap, ..Policy::websocket() };
                for failures in [0, 1, 63, 64, u32::MAX] {
                    for random in [0, 1, u64::MAX] {
                        let window = policy.window(failures);
                        assert!(window <= cap && (window.is_zero() == base.min(cap).is_zero()));
                        assert!(spread(window, random) <= window);
                    }
                }
            }
        }
    }

    #[test]
    fn a_spread_covers_its_window_evenly() {
        let window = Duration::from_secs(8);
        for eighth in 0..8u64 {
            assert_eq!(spread(window, eighth << 61), Duration::from_secs(eighth));
        }
        assert_eq!(spread(window, u64::MAX), window - Duration::from_nanos(1));
    }
}
