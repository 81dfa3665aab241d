//! The pace at which a slow peer takes our bytes: [`Pace`]. Written bytes may still be in the
//! buffers of the transport when we close, and a peer that reads slowly needs time for them.

use std::time::Duration;

use tidings_websocket::Timestamp;

/// The number of bytes that a transport may hold and the peer has not taken: the usual limit of a
/// TCP send buffer.
const MAX_HELD_LEN: u128 = 4 * 1024 * 1024;
/// The longest time that is granted for it.
const MAX_DRAIN_TIME: Duration = Duration::from_secs(60);

/// The bytes that the transport took since it was full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    full_since: Timestamp,
    taken_len: usize,
}

impl Pace {
    /// The transport is full.
    pub(super) const fn begin(now: Timestamp) -> Self {
        Self { full_since: now, taken_len: 0 }
    }

    /// It took some more.
    pub(super) const fn took(&mut self, len: usize) {
        self.taken_len = self.taken_len.saturating_add(len);
    }

    /// Returns the time at which the peer has taken all bytes in the transport, if it continues at
    /// this pace.
    pub(super) fn drained_at(self, now: Timestamp) -> Timestamp {
        let nanos = now.since(self.full_since).as_nanos();
        let len = u128::try_from(self.taken_len).unwrap_or(u128::MAX);
        let time = nanos.saturating_mul(MAX_HELD_LEN).checked_div(len);
        let time = time.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
        now.after(time.unwrap_or(MAX_DRAIN_TIME).min(MAX_DRAIN_TIME))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_peer_gets_the_time_that_it_will_take() {
        for (taken_len, took, drained) in [
            (4 << 20, 10, 20),
            (8 << 20, 10, 15),
            (1 << 20, 10, 50),
            (1, 10, 70), // a minute at most
            (0, 10, 70),
            (usize::MAX, 10, 10),
            (1 << 20, 0, 0),
        ] {
            let mut pace = Pace::begin(at(0));
            pace.took(taken_len);
            assert_eq!(pace.drained_at(at(took)), at(drained), "{taken_len} bytes in {took} s");
        }
    }
}
