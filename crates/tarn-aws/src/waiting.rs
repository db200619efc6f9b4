//! Waits before a busy service is asked again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The wait of the first round, at its longest; it doubles.
const FIRST: u64 = 200;
/// Rounds by which a wait grows.
const GROWING: u32 = 6;

/// Between half of a wait that doubles and all of it: many that were told to slow down are not to come back together. Rounds are
/// counted from 1.
pub(crate) fn back_off(round: u32) -> Duration {
    let half = (FIRST << round.saturating_sub(1).min(GROWING)) / 2;
    Duration::from_millis(half + RandomState::new().hash_one(round) % (half + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_differ() {
        for (round, longest) in [(1, 200), (2, 400), (4, 1_600), (60, 12_800)] {
            let waits: Vec<u128> = (0..50).map(|_| back_off(round).as_millis()).collect();
            assert!(waits.iter().all(|wait| (longest / 2..=longest).contains(wait)), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
        }
    }
}
