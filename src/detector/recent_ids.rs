//! The last event ids of an agent with the content of their actions, by which a gateway's retry is
//! recognised: the same id with the same content. The same id with other content is another action.
//!
//! An id and its content take 64 bits together. They are hashed under a key that follows from the
//! first record of the agent: an agent that chose its ids and contents so that two of them have one
//! hash could keep an action from being judged, but it does not know the key.
//!
//! The newest ids stand in the agent's live value, which is written with every action. A full block
//! of them becomes a value of its own, which is written once.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::action_hash::ActionHash;
use super::limits::{RECENT_IDS, RECENT_IDS_MS};

/// Ids of a block: so few that the live value stays small.
const BLOCK: usize = 12;
/// Full blocks that are kept: with the open one they have at least [`RECENT_IDS`] ids.
const BLOCKS_MAX: usize = RECENT_IDS.div_ceil(BLOCK);
/// Keys of full blocks, used in turn; more than are kept.
const BLOCK_KEYS: u32 = 32;
const _: () = assert!(BLOCKS_MAX < BLOCK_KEYS as usize);

/// What an event id and its content are to the last ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdSighting {
    New,
    /// The same id with the same content.
    Retry,
    /// The same id with other content.
    Reused,
}

/// The ids of one agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct RecentIds {
    /// Of the hashes; 0 before the first.
    key: u64,
    /// When the newest id came, stream time in epoch milliseconds.
    newest_ms: i64,
    /// Full blocks so far.
    blocks: u32,
    /// How many of them are kept.
    kept: u8,
    open: OpenBlock,
    /// The full blocks that are kept, oldest first.
    #[serde(skip)]
    full: Vec<FullBlock>,
    /// When the newest id of the oldest of them came, 0 without one. It says whether a block is old
    /// enough to be forgotten, so that the blocks are not read with every action.
    #[serde(skip)]
    full_oldest_ms: i64,
    /// One byte of each id in `full`, in order: most ids are compared with nothing else, so that
    /// the blocks of a busy agent are not read with every action.
    #[serde(skip)]
    tags: Vec<u8>,
    /// Full blocks that are not stored yet, oldest first: the newest of each key, also those that
    /// are no longer kept, so that what is stored does not depend on when it is stored.
    #[serde(skip)]
    unstored: Vec<FullBlock>,
}

/// The newest ids, fewer than a block.
#[derive(Debug, Clone, Default)]
struct OpenBlock {
    hashes: [u64; BLOCK],
    len: usize,
}

/// A block of ids that is not changed any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FullBlock {
    /// When its newest id came, stream time in epoch milliseconds.
    newest_ms: i64,
    hashes: [u64; BLOCK],
}

impl RecentIds {
    /// The key of the hashes. The first call sets it to `first`, a hash of the agent's first
    /// record.
    pub(super) fn hash_key(&mut self, first: impl FnOnce() -> u64) -> u64 {
        if self.key == 0 {
            self.key = first().max(1);
        }
        self.key
    }

    /// The key of the hashes; 0 before the first record.
    pub(super) fn known_key(&self) -> u64 {
        self.key
    }

    /// Compares an id and its content with the last ones, and adds them unless it is a retry.
    pub(super) fn note_id(&mut self, action: ActionHash, now_ms: i64) -> IdSighting {
        self.forget_before(now_ms.saturating_sub(RECENT_IDS_MS));
        let (id, hash) = (action.id_part(), action.0);
        let mut reused = false;
        let tag = tag_of(hash);
        let tags = self.tags.iter().enumerate();
        let alike = tags.filter(|(_, known)| **known == tag);
        let of_blocks = alike.filter_map(|(at, _)| {
            let block = self.full.get(at / BLOCK)?;
            block.hashes.get(at % BLOCK)
        });
        for known in of_blocks.chain(self.open.known()) {
            if *known == hash {
                return IdSighting::Retry;
            }
            reused |= ActionHash(*known).id_part() == id;
        }
        self.add(hash, now_ms);
        match reused {
            true => IdSighting::Reused,
            false => IdSighting::New,
        }
    }

    fn add(&mut self, hash: u64, now_ms: i64) {
        if self.open.len == BLOCK {
            let block = FullBlock {
                newest_ms: self.newest_ms,
                hashes: self.open.hashes,
            };
            self.unstored.push(block.clone());
            if self.unstored.len() > BLOCK_KEYS as usize {
                self.unstored.remove(0);
            }
            self.tags.extend(block.hashes.map(tag_of));
            self.full.push(block);
            self.open.len = 0;
            self.blocks = self.blocks.wrapping_add(1);
            if self.full.len() > BLOCKS_MAX {
                self.forget_blocks(1);
            }
            self.note_kept();
        }
        if let Some(slot) = self.open.hashes.get_mut(self.open.len) {
            *slot = hash;
            self.open.len += 1;
        }
        self.newest_ms = self.newest_ms.max(now_ms);
    }

    /// Forgets the blocks whose newest id is older.
    fn forget_before(&mut self, oldest_ms: i64) {
        if self.newest_ms < oldest_ms {
            self.open.len = 0;
        }
        if self.full_oldest_ms >= oldest_ms {
            return;
        }
        let old = |block: &&FullBlock| block.newest_ms < oldest_ms;
        let count = self.full.iter().take_while(old).count();
        if count > 0 {
            self.forget_blocks(count);
            self.note_kept();
        }
    }

    /// Forgets the oldest full blocks.
    fn forget_blocks(&mut self, count: usize) {
        self.full.drain(..count.min(self.full.len()));
        let tags = (count * BLOCK).min(self.tags.len());
        self.tags.drain(..tags);
    }

    fn note_kept(&mut self) {
        self.full_oldest_ms = self.full.first().map_or(0, |block| block.newest_ms);
        self.kept = u8::try_from(self.full.len()).unwrap_or(u8::MAX);
    }

    /// The numbers of the full blocks that must be loaded, oldest first; empty when all are in
    /// memory.
    pub(super) fn missing_blocks(&self) -> impl Iterator<Item = u32> + use<> {
        let missing = match self.full.is_empty() {
            true => u32::from(self.kept),
            false => 0,
        };
        let blocks = self.blocks;
        (0..missing).map(move |back| blocks.wrapping_sub(missing - back) % BLOCK_KEYS)
    }

    /// Takes over the blocks that were loaded, oldest first.
    pub(super) fn admit_blocks(&mut self, blocks: Vec<FullBlock>) {
        let hashes = blocks.iter().flat_map(|block| block.hashes);
        self.tags = hashes.map(tag_of).collect();
        self.full = blocks;
        self.note_kept();
    }

    /// The full blocks that are not stored yet, with their numbers.
    pub(super) fn take_unstored(&mut self) -> impl Iterator<Item = (u32, FullBlock)> + use<> {
        let unstored = std::mem::take(&mut self.unstored);
        let blocks = self.blocks;
        (1_u32..)
            .zip(unstored.into_iter().rev())
            .map(move |(back, block)| (blocks.wrapping_sub(back) % BLOCK_KEYS, block))
    }

    /// Reads one word of each of the cache lines that are `depth` pointers away.
    pub(super) fn prefetch(&self, depth: u8) -> u64 {
        match depth {
            0 => {
                let open = self.open.hashes.iter().step_by(8);
                open.chain([&self.key]).fold(0, |sum, hash| sum ^ hash)
            }
            1 => {
                let tags = self.tags.iter().step_by(64);
                tags.fold(0, |sum, tag| sum ^ u64::from(*tag))
            }
            _ => 0,
        }
    }
}

/// A byte of the id's half of a hash.
const fn tag_of(hash: u64) -> u8 {
    ActionHash(hash).id_part() as u8
}

impl OpenBlock {
    fn known(&self) -> &[u64] {
        self.hashes.get(..self.len).unwrap_or_default()
    }
}

impl PartialEq for OpenBlock {
    fn eq(&self, other: &Self) -> bool {
        self.known() == other.known()
    }
}

/// Stored as plain bytes: as variable-length numbers most hashes would take ten bytes each.
impl Serialize for OpenBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0; BLOCK * size_of::<u64>()];
        let slots = bytes.as_chunks_mut().0.iter_mut();
        for (slot, hash) in slots.zip(self.known()) {
            *slot = hash.to_le_bytes();
        }
        let length = self.len.min(BLOCK) * size_of::<u64>();
        serializer.serialize_bytes(bytes.get(..length).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for OpenBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let (hashes, rest) = bytes.as_chunks();
        if !rest.is_empty() || hashes.len() > BLOCK {
            return Err(serde::de::Error::custom("hashes of eight bytes each"));
        }
        let mut block = OpenBlock {
            len: hashes.len(),
            ..OpenBlock::default()
        };
        for (slot, hash) in block.hashes.iter_mut().zip(hashes) {
            *slot = u64::from_le_bytes(*hash);
        }
        Ok(block)
    }
}
