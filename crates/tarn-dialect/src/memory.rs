//! How the operators of all statements share memory.
//!
//! The engine's fair pool gives every operator that can spill the same share, and most of a plan's operators never need theirs: one
//! large `distinct` then spills to disk with nine tenths of the memory free. Here an operator takes what is free, and a small share
//! stays set aside for each of the others, so that none is left without the little it needs to spill at all.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// Memory that operators take as it is free.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    limit: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// How many operators can spill.
    spillers: usize,
    /// Bytes of those.
    spillable: usize,
    /// Bytes of the others.
    fixed: usize,
}

impl SharedMemory {
    /// So many bytes for all operators together.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What operators that can spill may take together; the rest is for those that cannot.
    fn ceiling(&self) -> usize {
        self.limit / 10 * 8
    }

    /// What each operator that can spill may have, however much the others took.
    fn floor(&self, spillers: usize) -> usize {
        self.limit / 10 / spillers.max(1)
    }

    fn allows(&self, taken: &Taken, reservation: &MemoryReservation, additional: usize) -> bool {
        if reservation.consumer().can_spill() {
            reservation.size() + additional <= self.floor(taken.spillers)
                || taken.spillable + taken.fixed + additional <= self.ceiling()
        } else {
            taken.spillable + taken.fixed + additional <= self.limit
        }
    }
}

impl MemoryPool for SharedMemory {
    fn name(&self) -> &'static str {
        "shared"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.taken().spillers += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut taken = self.taken();
        taken.spillers = taken.spillers.saturating_sub(usize::from(consumer.can_spill()));
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let mut taken = self.taken();
        *taken.of(reservation) += additional;
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut taken = self.taken();
        let bytes = taken.of(reservation);
        *bytes = bytes.saturating_sub(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut taken = self.taken();
        if self.allows(&taken, reservation, additional) {
            *taken.of(reservation) += additional;
            return Ok(());
        }
        Err(DataFusionError::ResourcesExhausted(format!(
            "`{}` needs {additional} bytes beyond its {}, and all statements together may have {}",
            reservation.consumer().name(),
            reservation.size(),
            self.limit
        )))
    }

    fn reserved(&self) -> usize {
        let taken = self.taken();
        taken.spillable + taken.fixed
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl Taken {
    fn of(&mut self, reservation: &MemoryReservation) -> &mut usize {
        if reservation.consumer().can_spill() { &mut self.spillable } else { &mut self.fixed }
    }
}

impl fmt::Display for SharedMemory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "shared({} bytes)", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn one_operator_takes_what_is_free_and_the_others_keep_their_little() {
        let pool: Arc<dyn MemoryPool> = Arc::new(SharedMemory::new(1_000));
        let large = MemoryConsumer::new("large").with_can_spill(true).register(&pool);
        let small = MemoryConsumer::new("small").with_can_spill(true).register(&pool);
        let fixed = MemoryConsumer::new("fixed").register(&pool);

        large.try_grow(800).unwrap();
        large.try_grow(1).unwrap_err();
        small.try_grow(50).unwrap();
        small.try_grow(1).unwrap_err();
        fixed.try_grow(150).unwrap();
        fixed.try_grow(1).unwrap_err();
        assert_eq!(pool.reserved(), 1_000);

        large.shrink(700);
        small.try_grow(100).unwrap();
        drop((large, small, fixed));
        assert_eq!(pool.reserved(), 0);
    }
}
