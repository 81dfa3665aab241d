//! `Retry-After` by the wall clock, which only adapters have: [`retry_after`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidings_reconnect::RetryAfter;

/// Returns the time to wait from now, by the value of a `Retry-After` header; `None` if it makes no
/// sense.
#[must_use]
pub fn retry_after(value: &[u8]) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RetryAfter::parse(value).map(|retry_after| retry_after.wait(now.as_secs()))
}
