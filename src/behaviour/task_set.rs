//! What an open task has used so far: hashes of six kinds in one piece of memory.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::limits::TASK_MODELS_MAX;
use super::traits::ActionTraits;
use crate::event::{TASK_SET_MAX, TaskUse};

/// What a task has used so far. An agent's next action finds its state cold in memory, and each
/// list of its own would be one more wait for it: so there is one list for all kinds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "StoredTaskSet")]
pub(super) struct TaskSet {
    /// How many hashes there are of each kind, in the order of [`UseKind`].
    counts: [u8; KINDS],
    /// Bit n: hour n of the day, in the tenant's zone.
    hours: u32,
    hashes: Hashes,
}

/// A [`TaskSet`] as it is read, before its counts are compared with its hashes.
#[derive(Deserialize)]
struct StoredTaskSet {
    counts: [u8; KINDS],
    hours: u32,
    hashes: Hashes,
}

/// Hashes, kind after kind, each kind in rising order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Hashes(Vec<u64>);

/// A task uses more and more resources: they come last, so that a new one moves few others.
#[derive(Debug, Clone, Copy)]
enum UseKind {
    Pair,
    Destination,
    Tool,
    Model,
    Object,
    Resource,
}

const KINDS: usize = UseKind::Resource as usize + 1;
/// The hashes that a task has room for at first: those of its first few actions.
const FIRST_CAPACITY: usize = 8;
const HASHES_MAX: usize = KINDS * TASK_SET_MAX;

impl UseKind {
    /// The most hashes of the kind that a task notes.
    const fn count_max(self) -> usize {
        match self {
            UseKind::Model => TASK_MODELS_MAX,
            _ => TASK_SET_MAX,
        }
    }
}

impl TaskSet {
    /// Notes what an action used.
    pub fn note_traits(&mut self, traits: &ActionTraits, hour: Option<u8>) {
        if self.hashes.0.is_empty() {
            self.hashes.0.reserve_exact(FIRST_CAPACITY);
        }
        self.note(UseKind::Pair, traits.pair);
        for hash in &traits.external {
            self.note(UseKind::Destination, *hash);
        }
        let used = self.used_before(traits);
        for (kind, hash) in [
            (UseKind::Tool, traits.tool),
            (UseKind::Model, traits.model),
            (UseKind::Object, traits.object(used)),
            (UseKind::Resource, traits.resource),
        ] {
            if let Some(hash) = hash {
                self.note(kind, hash);
            }
        }
        if let Some(hour) = hour.filter(|hour| *hour < 24) {
            self.hours |= 1 << hour;
        }
    }

    /// Adds a hash. Beyond the bound of its kind a task notes no more.
    fn note(&mut self, kind: UseKind, hash: u64) {
        let (first, count) = self.span(kind);
        if let Err(index) = self.of_kind(kind).binary_search(&hash)
            && count < kind.count_max()
            && let Some(count) = self.counts.get_mut(kind as usize)
        {
            *count += 1;
            self.hashes.0.insert(first + index, hash);
        }
    }

    /// Where the hashes of a kind begin, and how many there are.
    fn span(&self, kind: UseKind) -> (usize, usize) {
        let mut counts = self.counts.iter().map(|count| usize::from(*count));
        let first = counts.by_ref().take(kind as usize).sum();
        (first, counts.next().unwrap_or(0))
    }

    fn of_kind(&self, kind: UseKind) -> &[u64] {
        let (first, count) = self.span(kind);
        self.hashes.0.get(first..first + count).unwrap_or_default()
    }

    /// Whether the task had used the resource of what leaves or is destroyed before it first did
    /// this to it. A repetition is what the first one was: a retry is no second surprise.
    pub fn used_before(&self, traits: &ActionTraits) -> bool {
        let has = |kind, hash| self.of_kind(kind).binary_search(&hash).is_ok();
        let used = traits.grave_resource();
        used.is_some_and(|resource| has(UseKind::Resource, resource))
            && !traits
                .object(false)
                .is_some_and(|object| has(UseKind::Object, object))
    }

    /// Whether no action was noted.
    pub fn is_empty(&self) -> bool {
        self.hashes.0.is_empty()
    }

    /// What the task used, as profiles learn it.
    pub fn into_use(self) -> TaskUse {
        let list = |kind| self.of_kind(kind).to_vec();
        TaskUse {
            pairs: list(UseKind::Pair),
            destinations: list(UseKind::Destination),
            resources: list(UseKind::Resource),
            tools: list(UseKind::Tool),
            models: list(UseKind::Model),
            objects: list(UseKind::Object),
            hours: self.hours,
        }
    }

    /// Reads one word of each cache line that the next action will search. The sum means nothing.
    pub fn prefetch(&self) -> u64 {
        let lines = self.hashes.0.iter().step_by(8);
        lines.fold(0, |sum, hash| sum ^ hash)
    }
}

impl TryFrom<StoredTaskSet> for TaskSet {
    type Error = &'static str;

    fn try_from(stored: StoredTaskSet) -> Result<Self, Self::Error> {
        let StoredTaskSet {
            counts,
            hours,
            hashes,
        } = stored;
        let sum: usize = counts.iter().map(|count| usize::from(*count)).sum();
        match sum == hashes.0.len() {
            true => Ok(TaskSet {
                counts,
                hours,
                hashes,
            }),
            false => Err("counts that are not those of the hashes"),
        }
    }
}

/// Stored as plain bytes: as variable-length numbers most hashes would take ten bytes each.
impl Serialize for Hashes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0; HASHES_MAX * size_of::<u64>()];
        let slots = bytes.as_chunks_mut().0.iter_mut();
        for (slot, hash) in slots.zip(&self.0) {
            *slot = hash.to_le_bytes();
        }
        let length = self.0.len().min(HASHES_MAX) * size_of::<u64>();
        serializer.serialize_bytes(bytes.get(..length).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Hashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let (hashes, rest) = bytes.as_chunks();
        if !rest.is_empty() || hashes.len() > HASHES_MAX {
            return Err(serde::de::Error::custom("hashes of eight bytes each"));
        }
        Ok(Hashes(
            hashes
                .iter()
                .map(|hash| u64::from_le_bytes(*hash))
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests;
