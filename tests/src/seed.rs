//! Randomness that can be had again: every suite prints its seed when it fails.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use std::ops::Range;

/// A random source that names its seed when the test that owns it panics.
pub struct Seed {
    rng: StdRng,
    seed: u64,
    quiet: bool,
}

impl Seed {
    /// From `AGENTPM_TEST_SEED`, or a fresh one.
    ///
    /// # Panics
    /// When the variable is no number.
    #[must_use]
    pub fn new() -> Self {
        let seed = match std::env::var("AGENTPM_TEST_SEED") {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("AGENTPM_TEST_SEED={text} is not a number")),
            Err(_) => u64::from(rand::rng().next_u32()),
        };
        Self { rng: StdRng::seed_from_u64(seed), seed, quiet: false }
    }

    /// A source of its own for another task, which depends on this one's seed alone.
    #[must_use]
    pub fn fork(&self, lane: u64) -> Self {
        let seed = self.seed ^ lane.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { rng: StdRng::seed_from_u64(seed), seed, quiet: true }
    }

    /// A number of the range.
    pub fn below(&mut self, range: Range<usize>) -> usize {
        self.rng.random_range(range)
    }

    /// A number of the range, either sign.
    pub fn int(&mut self, range: Range<i64>) -> i64 {
        self.rng.random_range(range)
    }

    /// True that often in a hundred.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// A ULID of the year 2023, so that every later one is greater.
    pub fn ulid(&mut self) -> String {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let random = (0..16).map(|_| char::from(DIGITS[self.rng.random_range(0..32)]));
        "01GNNA1J00".chars().chain(random).collect()
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.choose(&mut self.rng)
    }

    /// Each of them with one chance in `one_in`.
    pub fn some<T: Clone>(&mut self, from: &[T], one_in: u32) -> Vec<T> {
        from.iter().filter(|_| self.rng.random_range(0..one_in) == 0).cloned().collect()
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.quiet {
            eprintln!("the same again: AGENTPM_TEST_SEED={}", self.seed);
        }
    }
}
