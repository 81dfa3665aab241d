//! The limit for a frame's payload. Checked on the header, before a byte of payload is looked at.

use core::fmt;

/// The longest payload, in bytes, that a frame may declare.
///
/// There is no default: every caller chooses a limit. [`PayloadLimit::SERVER`] and
/// [`PayloadLimit::CLIENT`] are good choices.
///
/// ```
/// use tidings_frame::PayloadLimit;
///
/// let limit = PayloadLimit::new(1_000);
/// assert!(limit.check(1_000).is_ok());
/// assert_eq!(limit.check(1_001).unwrap_err().payload_len, 1_001);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadLimit(u64);

impl PayloadLimit {
    /// 1 MiB: for a server, whose peers are strangers.
    pub const SERVER: Self = Self(1 << 20);
    /// 16 MiB: for a client, which chose its server.
    pub const CLIENT: Self = Self(16 << 20);
    /// All that a header can say, 2^63 - 1 bytes. Only for code that passes payload on in parts
    /// and keeps nothing.
    pub const UNBOUNDED: Self = Self(u64::MAX >> 1);

    /// A limit of `max_len` bytes.
    #[must_use]
    pub const fn new(max_len: u64) -> Self {
        Self(max_len)
    }

    /// The limit in bytes.
    #[must_use]
    pub const fn max_len(self) -> u64 {
        self.0
    }

    /// Checks a declared length. It stays a `u64` until here, so no platform truncates it.
    ///
    /// # Errors
    /// [`PayloadTooLong`] for more than [`max_len`](Self::max_len) bytes.
    pub const fn check(self, payload_len: u64) -> Result<(), PayloadTooLong> {
        if payload_len > self.0 {
            Err(PayloadTooLong { payload_len, max_len: self.0 })
        } else {
            Ok(())
        }
    }
}

/// The peer declared a frame payload that is longer than the [`PayloadLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadTooLong {
    /// The length that the header declares, in bytes.
    pub payload_len: u64,
    /// The limit, in bytes.
    pub max_len: u64,
}

impl fmt::Display for PayloadTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payload_len, max_len } = self;
        write!(f, "the frame declares a payload of {payload_len} bytes, the limit is {max_len}")
    }
}

impl core::error::Error for PayloadTooLong {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    /// W-125: the limit itself is allowed, one byte more is not.
    #[test]
    fn the_limit_is_the_longest_payload_that_is_taken() {
        for (limit, max_len) in [
            (PayloadLimit::new(0), 0),
            (PayloadLimit::new(125), 125),
            (PayloadLimit::SERVER, 1024 * 1024),
            (PayloadLimit::CLIENT, 16 * 1024 * 1024),
            (PayloadLimit::UNBOUNDED, (1 << 63) - 1),
        ] {
            assert_eq!(limit.max_len(), max_len);
            assert_eq!(limit.check(max_len), Ok(()));
            let payload_len = max_len + 1;
            assert_eq!(limit.check(payload_len), Err(PayloadTooLong { payload_len, max_len }));
        }
    }

    #[test]
    fn the_error_says_both_lengths() {
        let error = PayloadTooLong { payload_len: 1001, max_len: 1000 };
        let shown = "the frame declares a payload of 1001 bytes, the limit is 1000";
        assert_eq!(error.to_string(), shown);
    }
}
