//! The learned half of a metric as it is kept: the bytes of what it knew when it last had to be
//! written, and what it knows now.
//!
//! What is stored depends on the actions alone, never on when a commit happens to come: between two
//! writes the closed panes wait in the live half, and both together give what is known now.

use serde::{Deserialize, Serialize};

use super::knowledge::MetricKnowledge;

/// The half of a metric's state that changes when panes are folded.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MetricLearned {
    stored: Box<[u8]>,
    /// Expanded when it is first needed.
    #[serde(skip)]
    now: Option<Box<MetricKnowledge>>,
}

impl PartialEq for MetricLearned {
    fn eq(&self, other: &Self) -> bool {
        self.stored == other.stored
    }
}

impl MetricLearned {
    /// What is known, as it is stored.
    pub(super) fn of_knowledge(known: MetricKnowledge) -> Self {
        let mut learned = MetricLearned {
            stored: Box::default(),
            now: Some(Box::new(known)),
        };
        learned.store_now();
        learned.now = None;
        learned
    }

    /// What is known now, to be changed.
    pub(super) fn expand(&mut self) -> &mut MetricKnowledge {
        let stored = &self.stored;
        self.now
            .get_or_insert_with(|| Box::new(read_stored(stored)))
    }

    /// Reads one word of what lies `depth` pointers away. The sum means nothing.
    #[must_use]
    pub fn prefetch(&self, depth: u8) -> u64 {
        match (depth, &self.now) {
            (0, now) => u64::from(now.is_some()),
            (depth, Some(now)) => now.prefetch(depth - 1),
            (_, None) => self.stored.first().map_or(0, |byte| u64::from(*byte)),
        }
    }

    /// What is known now, where it is expanded.
    pub(super) fn expanded(&self) -> Option<&MetricKnowledge> {
        self.now.as_deref()
    }

    /// A copy of what is known now.
    pub(super) fn copy_expanded(&self) -> MetricKnowledge {
        let now = self.now.as_deref().cloned();
        now.unwrap_or_else(|| read_stored(&self.stored))
    }

    /// Takes over what is known now into what is stored.
    pub(super) fn store_now(&mut self) {
        if let Some(now) = &self.now {
            // Encoding into memory does not fail; if it did, the metric would begin anew.
            self.stored = postcard::to_allocvec(now).unwrap_or_default().into();
        }
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let now = self.now.as_deref();
        let now = now.map_or(0, |now| size_of::<MetricKnowledge>() + now.heap_bytes());
        self.stored.len() + now
    }
}

/// A checksum guards the value that these bytes are part of; bytes of another form begin anew.
fn read_stored(bytes: &[u8]) -> MetricKnowledge {
    let mut known: MetricKnowledge = postcard::from_bytes(bytes).unwrap_or_default();
    known.passed = known.pane.saturating_add(1);
    known
}
