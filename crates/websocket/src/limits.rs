//! The limits of a connection, and the budgets that count against them.

use core::time::Duration;

use tidings_frame::PayloadLimit;

use crate::violation::Violation;
use tidings_time::Timestamp;

/// The limits of one connection. All are checked on a frame's header, before its payload is looked
/// at, and each refusal names the limit and the value that exceeded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest payload of a frame, in bytes.
    pub max_frame_len: u64,
    /// The longest message, in bytes, over all its frames.
    pub max_message_len: u64,
    /// The maximum number of frames of one message, including empty ones.
    pub max_fragments: u32,
    /// The rate at which control frames may arrive.
    pub control_frames: ControlFrameRate,
}

/// A token bucket for control frames: `burst` at once, then `per_second`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlFrameRate {
    /// The number that may arrive at once.
    pub burst: u32,
    /// The number that may arrive per second in the long run.
    pub per_second: u32,
}

impl ControlFrameRate {
    /// The control frames that may come in this time, in billionths.
    fn earned_in(self, time: Duration) -> u64 {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        nanos.saturating_mul(u64::from(self.per_second))
    }
}

impl Limits {
    /// No limit but that of the protocol. Only for code that passes on every part at once.
    pub const UNBOUNDED: u64 = PayloadLimit::UNBOUNDED.max_len();

    /// The defaults of a server, whose peers are strangers: messages of 1 MiB in up to 16,384
    /// frames.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            max_frame_len: PayloadLimit::SERVER.max_len(),
            max_message_len: PayloadLimit::SERVER.max_len(),
            max_fragments: 16_384,
            control_frames: ControlFrameRate { burst: 200, per_second: 50 },
        }
    }

    /// The defaults of a client, which chose its server: messages of 16 MiB.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            max_frame_len: PayloadLimit::CLIENT.max_len(),
            max_message_len: PayloadLimit::CLIENT.max_len(),
            ..Self::server()
        }
    }

    /// For conformance suites: messages of 16 MiB in up to 131,072 frames.
    #[must_use]
    pub const fn conformance() -> Self {
        Self { max_fragments: 131_072, ..Self::client() }
    }
}

/// Counts received frames against the [`Limits`]. All limits are checked here, except that of a
/// frame, which the decoder checks.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    max_message_len: u64,
    message_len: u64,
    max_fragments: u32,
    fragments: u32,
    control_frames: ControlFrameRate,
    /// The number of control frames that may still arrive, in billionths of a frame. A rate per
    /// second adds that much in a nanosecond, so that no time between two frames is rounded away.
    control_left: u64,
    control_refilled: Timestamp,
}

/// One control frame, of at most 2^32: the sum fits.
const CONTROL_FRAME: u64 = 1_000_000_000;

impl Budget {
    pub(crate) fn new(limits: Limits, now: Timestamp) -> Self {
        let control_left = u64::from(limits.control_frames.burst) * CONTROL_FRAME;
        Self {
            max_message_len: limits.max_message_len,
            message_len: 0,
            max_fragments: limits.max_fragments,
            fragments: 0,
            control_frames: limits.control_frames,
            control_left,
            control_refilled: now,
        }
    }

    /// A message in one frame was announced.
    #[inline]
    pub(crate) fn spend_whole_message(&mut self, payload_len: u64) -> Result<(), Violation> {
        if payload_len > self.max_message_len || self.max_fragments == 0 {
            self.begin_message();
            return self.spend_data_frame(payload_len);
        }
        Ok(())
    }

    /// A new message begins.
    pub(crate) fn begin_message(&mut self) {
        self.message_len = 0;
        self.fragments = 0;
    }

    /// A data frame was announced; its payload is still to come.
    pub(crate) fn spend_data_frame(&mut self, payload_len: u64) -> Result<(), Violation> {
        self.fragments = self.fragments.saturating_add(1);
        if self.fragments > self.max_fragments {
            return Err(Violation::TooManyFragments { max_fragments: self.max_fragments });
        }
        self.message_len = self.message_len.saturating_add(payload_len);
        if self.message_len > self.max_message_len {
            return Err(Violation::MessageTooLong {
                message_len: self.message_len,
                max_len: self.max_message_len,
            });
        }
        Ok(())
    }

    /// The next bytes may have been sent at any time in the last `pause`, in which nothing was
    /// read: as many control frames as the rate allows may arrive at once.
    pub(crate) fn resume(&mut self, now: Timestamp, pause: Duration) {
        let earned = self.control_frames.earned_in(pause);
        self.control_left = self.control_left.saturating_add(earned);
        self.control_refilled = self.control_refilled.max(now);
    }

    /// A control frame was announced.
    pub(crate) fn spend_control_frame(&mut self, now: Timestamp) -> Result<(), Violation> {
        let rate = self.control_frames;
        let refill = rate.earned_in(now.since(self.control_refilled));
        let full = u64::from(rate.burst) * CONTROL_FRAME;
        let refilled = self.control_left.saturating_add(refill).min(full);
        // After a pause it is more than full.
        self.control_left = self.control_left.max(refilled);
        self.control_refilled = self.control_refilled.max(now);
        match self.control_left.checked_sub(CONTROL_FRAME) {
            Some(left) => {
                self.control_left = left;
                Ok(())
            }
            None => Err(Violation::TooManyControlFrames { rate }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget::new(Limits::server(), Timestamp::default())
    }

    #[test]
    fn the_presets_are_those_of_the_documentation() {
        let lens = |limits: Limits| {
            assert_eq!(limits.control_frames, ControlFrameRate { burst: 200, per_second: 50 });
            (limits.max_frame_len, limits.max_message_len, limits.max_fragments)
        };
        assert_eq!(lens(Limits::server()), (1024 * 1024, 1024 * 1024, 16_384));
        assert_eq!(lens(Limits::client()), (16 * 1024 * 1024, 16 * 1024 * 1024, 16_384));
        assert_eq!(lens(Limits::conformance()), (16 * 1024 * 1024, 16 * 1024 * 1024, 131_072));
        assert_eq!(Limits::UNBOUNDED, (1 << 63) - 1, "RFC 6455, 5.2: the first bit is 0");
    }

    /// W-125: n accepted, n + 1 refused, whatever the fragmentation.
    #[test]
    fn a_message_may_be_as_long_as_the_limit_in_any_fragmentation() {
        let max_len = Limits::server().max_message_len;
        for step in [1024, 4096, max_len] {
            let mut budget = budget();
            for _ in 0..max_len / step {
                assert_eq!(budget.spend_data_frame(step), Ok(()));
            }
            let message_len = max_len + 1;
            let refused = Violation::MessageTooLong { message_len, max_len };
            assert_eq!(budget.spend_data_frame(1), Err(refused));
            budget.begin_message();
            assert_eq!(budget.spend_data_frame(max_len), Ok(()));
        }
    }

    /// W-079: empty fragments count like any other.
    #[test]
    fn empty_fragments_are_counted() {
        let mut budget = budget();
        for _ in 0..16_384 {
            assert_eq!(budget.spend_data_frame(0), Ok(()));
        }
        let refused = Violation::TooManyFragments { max_fragments: 16_384 };
        assert_eq!(budget.spend_data_frame(0), Err(refused));
    }

    /// A burst passes, a flood does not, and time refills the bucket.
    #[test]
    fn control_frames_pass_at_their_rate() {
        let mut budget = budget();
        let mut now = Timestamp::default();
        for _ in 0..200 {
            assert_eq!(budget.spend_control_frame(now), Ok(()));
        }
        let refused = Violation::TooManyControlFrames { rate: Limits::server().control_frames };
        assert_eq!(budget.spend_control_frame(now), Err(refused));
        for _ in 0..1000 {
            now = now.after(Duration::from_millis(20));
            assert_eq!(budget.spend_control_frame(now), Ok(()));
        }
        assert_eq!(budget.spend_control_frame(now), Err(refused));
        now = now.after(Duration::from_secs(3600));
        for _ in 0..200 {
            assert_eq!(budget.spend_control_frame(now), Ok(()));
        }
        assert_eq!(budget.spend_control_frame(now), Err(refused));
    }

    /// Control frames that arrived while nothing was read are counted over the time in which they
    /// were sent.
    #[test]
    fn control_frames_that_waited_for_the_application_are_not_a_flood() {
        let mut budget = budget();
        let now = Timestamp::default().after(Duration::from_secs(60));
        budget.resume(now, Duration::from_secs(60));
        for _ in 0..200 + 60 * 50 {
            assert_eq!(budget.spend_control_frame(now), Ok(()));
        }
        let refused = Violation::TooManyControlFrames { rate: Limits::server().control_frames };
        assert_eq!(budget.spend_control_frame(now), Err(refused));
    }
}
