//! The last event ids of an agent, by which a gateway's retry is recognised.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::RECENT_IDS;
use crate::event::text_fingerprint;

const BYTES: usize = size_of::<u64>();

/// A ring of hashes. It lies inside the agent's state, not behind a pointer, because every action
/// reads all of it.
#[derive(Debug, Clone, Default)]
pub(super) struct RecentIds {
    hashes: [u64; RECENT_IDS],
    len: usize,
    /// The index of the oldest hash, once the ring is full.
    oldest: usize,
}

impl RecentIds {
    /// Notes an event id; `false` when it is among the last [`RECENT_IDS`].
    pub(super) fn first_sight(&mut self, event_id: &str) -> bool {
        let hash = text_fingerprint(event_id);
        let first = !self.hashes[..self.len].contains(&hash);
        if first {
            self.push(hash);
        }
        first
    }

    fn push(&mut self, hash: u64) {
        if self.len < RECENT_IDS {
            self.hashes[self.len] = hash;
            self.len += 1;
        } else {
            self.hashes[self.oldest] = hash;
            self.oldest = (self.oldest + 1) % RECENT_IDS;
        }
    }

    /// Oldest first.
    fn iter(&self) -> impl Iterator<Item = u64> {
        let (newer, older) = self.hashes[..self.len].split_at(self.oldest);
        older.iter().chain(newer).copied()
    }

    /// Reads one word of each of its cache lines, to bring them into the processor's cache.
    pub(super) fn warm_cache(&self) -> u64 {
        self.hashes
            .iter()
            .step_by(8)
            .fold(0, |sum, hash| sum ^ hash)
    }
}

impl PartialEq for RecentIds {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Stored as plain bytes: as variable-length numbers most hashes would take ten bytes each.
impl Serialize for RecentIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0; RECENT_IDS * BYTES];
        for (slot, hash) in bytes.as_chunks_mut::<BYTES>().0.iter_mut().zip(self.iter()) {
            *slot = hash.to_le_bytes();
        }
        serializer.serialize_bytes(&bytes[..self.len * BYTES])
    }
}

impl<'de> Deserialize<'de> for RecentIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let (hashes, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(serde::de::Error::custom("hashes of eight bytes each"));
        }
        let mut recent = RecentIds::default();
        for hash in hashes {
            recent.push(u64::from_le_bytes(*hash));
        }
        Ok(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thirty_two_ids_are_remembered() {
        let mut recent = RecentIds::default();
        let mut sent = |i: usize| recent.first_sight(&i.to_string());
        let all = RECENT_IDS + 5;
        assert!((0..all).all(&mut sent));
        assert!(!(5..all).any(&mut sent), "the last are known");
        assert!((0..5).all(&mut sent), "the oldest were forgotten");
    }

    #[test]
    fn what_is_stored_is_remembered_in_its_order() {
        for count in [0, 1, RECENT_IDS, RECENT_IDS + 5] {
            let mut recent = RecentIds::default();
            (0..count).for_each(|i| assert!(recent.first_sight(&i.to_string())));
            let bytes = postcard::to_stdvec(&recent).unwrap();
            let mut again: RecentIds = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(again, recent);
            assert!(again.first_sight("new") && recent.first_sight("new"));
            assert_eq!(again, recent, "the same one gave way");
        }
    }
}
