//! Names beyond those that are known: only counted, each once.

use serde::{Deserialize, Serialize};

use crate::event::text_fingerprint;

/// Names that are counted; with so many the count stops.
pub(super) const FURTHER_MAX: usize = 1_024;

/// The number of further names, by a part of their fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct FurtherNames(Vec<u32>);

impl FurtherNames {
    /// Counts a name, once.
    pub fn insert(&mut self, name: &str) {
        if let Err(index) = self.index_of(name)
            && self.0.len() < FURTHER_MAX
        {
            self.0.insert(index, part(name));
        }
    }

    pub fn remove(&mut self, name: &str) {
        if let Ok(index) = self.index_of(name) {
            self.0.remove(index);
        }
    }

    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn index_of(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search(&part(name))
    }
}

fn part(name: &str) -> u32 {
    (text_fingerprint(name) >> 32) as u32
}
