//! Randomness that can be repeated.

use tidings_websocket::MaskSource;
use tidings_websocket::frame::MaskingKey;

/// A small generator (xorshift64*), the same on every platform. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // The state must not be 0, and near seeds must not begin alike: the constant is odd, so
        // only one seed would give 0.
        let state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { state: if state == 0 { 1 } else { state } }
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        let product = u128::from(self.number()) * u128::try_from(end).unwrap();
        usize::try_from(product >> 64).unwrap()
    }

    /// True once in `n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// Four bytes.
    pub fn key(&mut self) -> [u8; 4] {
        *self.number().to_be_bytes().first_chunk().unwrap()
    }
}

/// A client's masking keys: fresh for each frame, the same in each run.
#[derive(Clone, Debug)]
pub struct Keys {
    random: Random,
}

impl Keys {
    /// The keys of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }
}

impl MaskSource for Keys {
    fn next_key(&mut self) -> MaskingKey {
        MaskingKey::new(self.random.key())
    }
}

/// Runs a test with each of these seeds, and prints the seed of the one that panics.
pub fn for_seeds(seeds: impl IntoIterator<Item = u64>, mut run: impl FnMut(&mut Random)) {
    for seed in seeds {
        let guard = SeedShown { seed };
        run(&mut Random::new(seed));
        drop(guard);
    }
}

struct SeedShown {
    seed: u64,
}

impl Drop for SeedShown {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}", self.seed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_seed_others() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [random.number(), random.number(), random.number()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
        assert_ne!(numbers(u64::MAX), [0; 3]);
    }

    #[test]
    fn numbers_below_a_bound_reach_all_of_it_evenly() {
        let mut random = Random::new(1);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[random.below(10)] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }
}
