//! The reconnection time: the value of `retry`, and the bounds within which a client obeys it.

use core::time::Duration;

/// A reconnection time in milliseconds, as the `retry` field gives it.
///
/// The value is the server's and can be anything; see [`RetryClamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReconnectionTime {
    ms: u64,
}

impl ReconnectionTime {
    /// A time of this many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self { ms }
    }

    /// The time in milliseconds.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.ms
    }

    /// The time as a [`Duration`].
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.ms)
    }
}

/// The bounds within which a server may choose the reconnection time.
///
/// ```
/// use tidings_sse::{ReconnectionTime, RetryClamp};
///
/// let clamped = |ms| RetryClamp::DEFAULT.apply(ReconnectionTime::from_ms(ms)).unwrap().as_ms();
/// assert_eq!(clamped(0), 100);
/// assert_eq!(clamped(2_500), 2_500);
/// assert_eq!(clamped(u64::MAX), 3_600_000);
/// assert_eq!(RetryClamp::IGNORE.apply(ReconnectionTime::from_ms(2_500)), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryClamp {
    /// The least and the most; without them, the server has no say.
    bounds: Option<(ReconnectionTime, ReconnectionTime)>,
}

impl RetryClamp {
    /// 100 milliseconds to one hour.
    pub const DEFAULT: Self =
        Self::new(ReconnectionTime::from_ms(100), ReconnectionTime::from_ms(3_600_000));

    /// The server has no say: the client keeps to its own reconnection time.
    pub const IGNORE: Self = Self { bounds: None };

    /// A clamp between two times; given in the wrong order, both become the larger one.
    #[must_use]
    pub const fn new(min: ReconnectionTime, max: ReconnectionTime) -> Self {
        let max = if max.ms < min.ms { min } else { max };
        Self { bounds: Some((min, max)) }
    }

    /// The nearest time within the clamp; `None` if the server has no say.
    #[must_use]
    pub fn apply(self, time: ReconnectionTime) -> Option<ReconnectionTime> {
        let (min, max) = self.bounds?;
        Some(time.clamp(min, max)) // `new` has put them in order
    }
}

impl Default for RetryClamp {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clamp_is_never_upside_down() {
        let [one, nine] = [1, 9].map(ReconnectionTime::from_ms);
        assert_eq!(RetryClamp::new(nine, one), RetryClamp::new(nine, nine));
        assert_eq!(RetryClamp::new(nine, one).apply(one), Some(nine));
        assert_eq!(RetryClamp::new(one, nine).apply(ReconnectionTime::from_ms(10)), Some(nine));
    }

    #[test]
    fn a_client_obeys_from_a_tenth_of_a_second_to_an_hour_unless_told_otherwise() {
        let clamped = |ms| RetryClamp::default().apply(ReconnectionTime::from_ms(ms));
        for (said, obeyed) in
            [(0, 100), (100, 100), (101, 101), (3_600_000, 3_600_000), (u64::MAX, 3_600_000)]
        {
            assert_eq!(clamped(said).map(ReconnectionTime::as_ms), Some(obeyed), "{said} ms");
        }
        assert_eq!(RetryClamp::IGNORE.apply(ReconnectionTime::from_ms(100)), None);
    }

    #[test]
    fn the_longest_time_is_still_a_duration() {
        let time = ReconnectionTime::from_ms(u64::MAX);
        assert_eq!(time.as_duration().as_millis(), u128::from(u64::MAX));
    }
}
