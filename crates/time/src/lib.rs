#![cfg_attr(not(doctest), doc = include_str!("links.md"))]
#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(test)]
extern crate std;

use core::fmt;
use core::num::NonZero;
use core::time::Duration;

/// A point on the caller's monotonic clock: the time since whatever moment the caller chose.
///
/// ```
/// use std::time::{Duration, Instant};
/// use tidings_time::Timestamp;
///
/// let epoch = Instant::now();
/// let now = Timestamp::from_epoch(epoch.elapsed());
/// assert_eq!(now.since_epoch() + Duration::from_secs(1), now.after(Duration::from_secs(1)).since_epoch());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Since a nanosecond before the epoch: an `Option<Timestamp>` then takes no more room.
    nanos: NonZero<u64>,
}

impl Timestamp {
    /// The point this long after the caller's epoch. Saturates after 584 years.
    #[must_use]
    pub fn from_epoch(elapsed: Duration) -> Self {
        Self::default().after(elapsed)
    }

    /// The time since the caller's epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.nanos.get() - 1)
    }

    /// The point this much later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        self.after_nanos(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The point this many nanoseconds later. Saturates after 584 years.
    #[must_use]
    pub const fn after_nanos(self, nanos: u64) -> Self {
        Self { nanos: self.nanos.saturating_add(nanos) }
    }

    /// The time from `earlier` to this point; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.get().saturating_sub(earlier.nanos.get()))
    }
}

impl Default for Timestamp {
    /// The caller's epoch.
    fn default() -> Self {
        Self { nanos: NonZero::<u64>::MIN }
    }
}

/// The time since the epoch, such as `9s`.
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.since_epoch().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_known_to_the_nanosecond_and_saturates() {
        let nano = Duration::from_nanos(1);
        let last = Timestamp::from_epoch(Duration::from_nanos(u64::MAX));
        for elapsed in [Duration::ZERO, nano, Duration::from_secs(3600) + nano] {
            let point = Timestamp::from_epoch(elapsed);
            assert_eq!(point.since_epoch(), elapsed);
            assert_eq!(point.after(nano).since_epoch(), elapsed + nano);
            assert_eq!(point.after(nano).since(point), nano);
            assert_eq!(point.since(point.after(nano)), Duration::ZERO, "earlier is later");
            assert_eq!(point.after(Duration::MAX), last);
        }
        assert_eq!(Timestamp::from_epoch(Duration::MAX), last);
        assert_eq!(last.after(nano), last);
        assert_eq!(Timestamp::default().since_epoch(), Duration::ZERO);
    }
}
