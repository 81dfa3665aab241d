//! The adapters' only source of randomness: the thread's cryptographic generator.

use std::time::Duration;

use rand::Rng as _;
use rand::RngExt as _;
use tidings_handshake::Key;
use tidings_websocket::frame::MaskingKey;
use tidings_websocket::{Client, MaskSource};

/// The role of the connecting end, with fresh masking keys from a cryptographic generator.
pub type ClientRole = Client<RandomMasks>;

/// Draws each masking key from the thread's generator, seeded by the system (RFC 6455, 10.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomMasks;

impl MaskSource for RandomMasks {
    fn next_key(&mut self) -> MaskingKey {
        MaskingKey::new(rand::rng().next_u32().to_ne_bytes())
    }
}

/// RFC 6455, 4.1 item 7: "a nonce consisting of a randomly selected 16-byte value".
pub(crate) fn handshake_key() -> Key {
    Key::from_nonce(rand::rng().random())
}

/// Any number, for a back-off.
#[must_use]
pub fn random_u64() -> u64 {
    rand::rng().random()
}

/// Somewhere from nine to eleven tenths of `interval`; "never" stays never.
pub(crate) fn spread(interval: Duration) -> Duration {
    let factor = rand::rng().random_range(0.9..1.1);
    Duration::try_from_secs_f64(interval.as_secs_f64() * factor).unwrap_or(interval)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a failed step fails the test")]

    use std::collections::HashSet;

    use super::*;

    const DRAWN: u32 = 1 << 14;

    fn keys(source: &mut impl MaskSource) -> Vec<u32> {
        (0..DRAWN).map(|_| u32::from_ne_bytes(source.next_key().to_bytes())).collect()
    }

    /// Each of the 32 bits is set in half of the numbers, give or take 8 standard deviations.
    fn assert_even(numbers: &[u32], what: &str) {
        let half = f64::from(DRAWN) / 2.0;
        let deviation = f64::from(DRAWN).sqrt() / 2.0;
        for bit in 0..32 {
            let set = numbers.iter().filter(|number| *number >> bit & 1 == 1).count();
            let set = f64::from(u32::try_from(set).unwrap_or(u32::MAX));
            assert!((set - half).abs() < 8.0 * deviation, "{what}: bit {bit} is set {set} times");
        }
    }

    /// W-069, W-070: no bit of a key is biased, none goes along with a bit of the key before, and
    /// two sources do not draw the same.
    #[test]
    fn one_masking_key_tells_nothing_of_the_next() {
        let (first, second) = (keys(&mut RandomMasks), keys(&mut RandomMasks));
        assert_even(&first, "the keys");
        for rotation in 0..32 {
            let with_last: Vec<u32> =
                first.iter().zip(&first[1..]).map(|(a, b)| a ^ b.rotate_left(rotation)).collect();
            assert_even(&with_last, "each key beside the one before");
        }
        // Of 2^15 numbers of 32 bits, two are the same by chance once in eight runs; never ten times.
        let different: HashSet<&u32> = first.iter().chain(&second).collect();
        assert!(different.len() + 10 > first.len() + second.len(), "{}", different.len());
    }

    /// W-018: the key of a handshake is 16 bytes, new for each connection.
    #[test]
    fn no_two_handshakes_have_the_same_key() {
        let keys: HashSet<String> =
            (0..10_000).map(|_| handshake_key().as_str().to_owned()).collect();
        assert_eq!(keys.len(), 10_000);
        assert!(keys.iter().all(|key| key.len() == 24));
    }
}
