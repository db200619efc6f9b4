//! A small seeded generator of random numbers (SplitMix64).
//!
//! Not a crate: the files must be the same for the same seed for as long as the lake's documentation quotes their counts, and a
//! dependency may change its stream of numbers. Only integer and exactly rounded floating-point operations are used, so every
//! platform draws the same numbers.

/// SplitMix64: one addition and three multiplications per number, cheap to start anew for each visitor and session.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// A stream of numbers of its own for (`seed`, `purpose`, `index`).
    pub(crate) fn new(seed: u64, purpose: u64, index: u64) -> Self {
        let mut random = Self {
            state: seed.wrapping_mul(0xD6E8_FEB8_6659_FD93)
                ^ purpose.wrapping_mul(0xA076_1D64_78BD_642F)
                ^ index.wrapping_mul(0xE703_7ED1_A0B4_28DB),
        };
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` - 1. The bias of the multiplication is far below what the data shows.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// A number in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One element of a list that is not empty.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn draws_the_same_numbers_for_the_same_seed_only() {
        let draw = |seed, purpose, index| {
            let mut random = Random::new(seed, purpose, index);
            (0..8).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 1, 2), draw(7, 1, 2));
        assert_ne!(draw(7, 1, 2), draw(8, 1, 2));
        assert_ne!(draw(7, 1, 2), draw(7, 2, 2));
        assert_ne!(draw(7, 1, 2), draw(7, 1, 3));
    }

    #[test]
    fn stays_inside_its_limits() {
        let mut random = Random::new(1, 1, 1);
        for _ in 0..10_000 {
            assert!(random.below(3) < 3);
            assert!((5..=9).contains(&random.between(5, 9)));
            assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}
