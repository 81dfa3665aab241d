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
