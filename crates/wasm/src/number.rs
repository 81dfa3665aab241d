//! JavaScript's numbers, all of them `f64`, and the whole numbers and times of the core.
//!
//! Whole numbers pass unchanged up to 2^53, which is 8 PiB or 285,000 years; beyond that they are
//! rounded, and beyond their type they saturate.

#[cfg(feature = "sse")]
use core::time::Duration;

#[cfg(feature = "sse")]
use tidings_sse::Timestamp;

/// The whole part; Infinity becomes the largest number, NaN and negative values become 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, which is what is wanted"
)]
pub(crate) const fn to_u64(number: f64) -> u64 {
    number as u64
}

/// Like [`to_u64`].
#[cfg(feature = "sse")]
pub(crate) fn to_usize(number: f64) -> usize {
    usize::try_from(to_u64(number)).unwrap_or(usize::MAX)
}

pub(crate) const fn from_u64(number: u64) -> f64 {
    number as f64
}

#[cfg(feature = "sse")]
pub(crate) const fn from_usize(number: usize) -> f64 {
    number as f64
}

/// This many milliseconds, to the microsecond; Infinity becomes an endless duration.
#[cfg(feature = "sse")]
pub(crate) fn to_duration(time_ms: f64) -> Duration {
    if time_ms == f64::INFINITY {
        return Duration::MAX;
    }
    Duration::from_micros(to_u64(time_ms * 1e3))
}

/// This many milliseconds after the epoch of JavaScript's clock.
#[cfg(feature = "sse")]
pub(crate) fn to_timestamp(time_ms: f64) -> Timestamp {
    Timestamp::from_epoch(to_duration(time_ms))
}

/// In milliseconds.
#[cfg(feature = "sse")]
pub(crate) fn from_duration(duration: Duration) -> f64 {
    from_u64(duration.as_secs()) * 1e3 + f64::from(duration.subsec_nanos()) / 1e6
}

/// A number of `Math.random()`, 0 to 1, spread over all of `u64`.
#[cfg(feature = "sse")]
pub(crate) fn to_random(fraction: f64) -> u64 {
    to_u64(fraction * 18_446_744_073_709_551_616.0) // 2^64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_saturate() {
        let cases = [
            (0.0, 0),
            (-0.0, 0),
            (-1.0, 0),
            (0.9, 0),
            (1.5, 1),
            (4_294_967_296.0, 1 << 32),
            (9_007_199_254_740_992.0, 1 << 53),
            (1e300, u64::MAX),
            (f64::INFINITY, u64::MAX),
            (f64::NEG_INFINITY, 0),
            (f64::NAN, 0),
        ];
        for (number, whole) in cases {
            assert_eq!(to_u64(number), whole, "{number}");
        }
        assert_eq!(to_u64(from_u64((1 << 53) - 1)), (1 << 53) - 1);
    }

    #[cfg(feature = "sse")]
    #[test]
    fn lengths_saturate() {
        assert_eq!(to_usize(f64::INFINITY), usize::MAX);
        assert_eq!(to_usize(from_usize(12_345)), 12_345);
    }

    #[cfg(feature = "sse")]
    #[test]
    fn times_keep_their_microseconds() {
        for (time_ms, duration) in [
            (0.0, Duration::ZERO),
            (0.25, Duration::from_micros(250)),
            (1_500.125, Duration::from_micros(1_500_125)),
            (86_400_000.0, Duration::from_secs(86_400)),
            (-5.0, Duration::ZERO),
            (f64::NAN, Duration::ZERO),
        ] {
            assert_eq!(to_duration(time_ms), duration, "{time_ms}");
            if time_ms >= 0.0 {
                assert!((from_duration(duration) - time_ms).abs() < 1e-9, "{time_ms}");
            }
        }
        assert_eq!(to_duration(f64::INFINITY), Duration::MAX);
        assert!(to_duration(1e300) < Duration::MAX);
    }

    #[cfg(feature = "sse")]
    #[test]
    fn fractions_are_spread_over_all_of_u64() {
        assert_eq!(to_random(0.0), 0);
        assert_eq!(to_random(0.5), 1 << 63);
        assert_eq!(to_random(1.0), u64::MAX);
        assert_eq!(to_random(f64::NAN), 0);
    }
}
