//! Partitions that are in the store and that no worker of this process has.
//!
//! Their state is kept for a while: when the group gives a partition back, only what the changelog
//! has since is read. After [`super::settings::STORE_AGE_MAX_MS`] a returning partition is restored
//! whole, so its state is of no more use and only fills the disk. Then it is dropped.
//!
//! One lock guards who has what and the drop itself, so that no partition is dropped that a worker
//! is opening.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::settings::STORE_SWEEP_EVERY;
use crate::store::{Store, StoreResult};
use crate::telemetry::StoredStateDropped;

/// Who has a partition of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// The worker with this number.
    Worker(usize),
    /// Nobody since then.
    Nobody(Instant),
}

/// The partitions of the store, each with who has it.
pub(super) struct AwayPartitions {
    /// How long the state of a partition that nobody has is kept.
    kept: Duration,
    state: Mutex<Holders>,
}

struct Holders {
    holders: BTreeMap<i32, Holder>,
    swept_at: Instant,
}

impl AwayPartitions {
    /// Nobody has anything so far: when an earlier process lost a partition is not known.
    pub fn of_store(store: &dyn Store, kept: Duration, now: Instant) -> Self {
        let stored = store.partitions().into_iter();
        AwayPartitions {
            kept,
            state: Mutex::new(Holders {
                holders: stored.map(|one| (one, Holder::Nobody(now))).collect(),
                swept_at: now,
            }),
        }
    }

    /// Opens a partition for the worker that the group gave it to.
    pub fn open_for(&self, worker: usize, partition: i32, store: &dyn Store) -> StoreResult<()> {
        let mut state = self.lock();
        state.holders.insert(partition, Holder::Worker(worker));
        store.open_partition(partition)
    }

    /// Notes that a worker has a partition no longer. Another worker of the process may have it by
    /// then: who loses a partition learns of it late.
    pub fn note_released(&self, worker: usize, partition: i32) {
        self.note_released_at(worker, partition, Instant::now());
    }

    fn note_released_at(&self, worker: usize, partition: i32, now: Instant) {
        let mut state = self.lock();
        if let Some(holder) = state.holders.get_mut(&partition)
            && *holder == Holder::Worker(worker)
        {
            *holder = Holder::Nobody(now);
        }
    }

    /// Drops the state of the partitions that nobody has had for too long. Looks for them every
    /// [`STORE_SWEEP_EVERY`].
    pub fn sweep(&self, store: &dyn Store, now: Instant) -> StoreResult<()> {
        let every = STORE_SWEEP_EVERY.min(self.kept);
        let mut state = self.lock();
        if now.saturating_duration_since(state.swept_at) >= every {
            state.swept_at = now;
            for partition in self.drop_useless(&mut state.holders, store, now)? {
                StoredStateDropped { partition }.emit();
            }
        }
        Ok(())
    }

    fn drop_useless(
        &self,
        holders: &mut BTreeMap<i32, Holder>,
        store: &dyn Store,
        now: Instant,
    ) -> StoreResult<Vec<i32>> {
        let is_useless = |holder: &Holder| match holder {
            Holder::Worker(_) => false,
            Holder::Nobody(since) => now.saturating_duration_since(*since) >= self.kept,
        };
        let useless = holders.iter().filter(|(_, holder)| is_useless(holder));
        let useless: Vec<i32> = useless.map(|(partition, _)| *partition).collect();
        for partition in &useless {
            store.drop_partition(*partition)?;
            holders.remove(partition);
        }
        Ok(useless)
    }

    fn lock(&self) -> MutexGuard<'_, Holders> {
        // A panic of another worker leaves a map that is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    const KEPT: Duration = Duration::from_secs(60);

    #[test]
    fn what_nobody_has_for_too_long_is_dropped_and_nothing_else() {
        let store = MemoryStore::new();
        for partition in 0..4 {
            store.open_partition(partition).unwrap();
        }
        let start = Instant::now();
        let away = AwayPartitions::of_store(&store, KEPT, start);
        away.open_for(0, 0, &store).unwrap();
        away.open_for(0, 1, &store).unwrap();
        away.open_for(0, 2, &store).unwrap();
        away.open_for(1, 9, &store).unwrap();
        let nothing: [i32; 0] = [];
        let dropped = |at: Instant| {
            let before = store.partitions();
            away.sweep(&store, at).unwrap();
            let after = store.partitions();
            let gone = before.into_iter().filter(|one| !after.contains(one));
            gone.collect::<Vec<_>>()
        };
        assert_eq!(dropped(start + KEPT / 2), nothing);
        // 1 moves away, 2 moves to another worker before the first one learns that it is lost.
        away.note_released_at(0, 1, start + KEPT / 2);
        away.open_for(1, 2, &store).unwrap();
        away.note_released_at(0, 2, start + KEPT / 2);
        assert_eq!(dropped(start + KEPT), [3]);
        assert_eq!(dropped(start + KEPT * 2), [1]);
        // One that comes back is held again.
        away.open_for(0, 1, &store).unwrap();
        assert_eq!(dropped(start + KEPT * 9), nothing);
        assert_eq!(store.partitions(), [0, 1, 2, 9]);
    }
}
