//! How many different values a pane has: exact while they are few, estimated beyond.

use serde::{Deserialize, Serialize};

/// Hashes that are kept: so many different values are counted exactly. Beyond them the count is
/// estimated from the smallest ones, to about one part in eight.
const HASHES_MAX: usize = 64;

/// The smallest hashes of the values of a pane, in order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct DistinctValues {
    hashes: Vec<u32>,
}

impl DistinctValues {
    /// Notes a value by its hash; returns how many different ones there are.
    pub fn note_value(&mut self, hash: u64) -> f64 {
        let hash = (hash >> 32) as u32;
        if let Err(ix) = self.hashes.binary_search(&hash)
            && ix < HASHES_MAX
        {
            self.hashes.truncate(HASHES_MAX - 1);
            self.hashes.insert(ix, hash);
        }
        self.estimate()
    }

    /// Begins the next pane.
    pub fn clear(&mut self) {
        self.hashes.clear();
    }

    /// Reads one word of each of the cache lines that are `depth` pointers away.
    pub fn prefetch(&self, depth: u8) -> u64 {
        match depth {
            0 => self.hashes.len() as u64,
            _ => {
                let lines = self.hashes.iter().step_by(16);
                lines.fold(0, |sum, hash| sum ^ u64::from(*hash))
            }
        }
    }

    #[cfg(test)]
    pub fn heap_bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<u32>()
    }

    fn estimate(&self) -> f64 {
        let known = self.hashes.len();
        match self.hashes.last() {
            Some(last) if known >= HASHES_MAX => {
                let share = (f64::from(*last) + 1.0) / (f64::from(u32::MAX) + 1.0);
                ((known - 1) as f64 / share).round().max(known as f64)
            }
            _ => known as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash that spreads numbers evenly.
    fn spread(number: u64) -> u64 {
        let mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn few_values_are_counted_exactly_and_many_about_so() {
        let mut values = DistinctValues::default();
        for number in 0..10_000_u64 {
            let count = values.note_value(spread(number));
            assert_eq!(values.note_value(spread(number / 2)), count, "again");
            let exact = (number + 1) as f64;
            let off = if number < 63 { 0.0 } else { 0.45 };
            assert!((count / exact - 1.0).abs() <= off, "{count} for {exact}");
        }
        assert!(values.hashes.len() <= HASHES_MAX);
    }
}
