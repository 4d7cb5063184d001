//! Histograms that keep only the buckets that are not empty, as most are.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Buckets of one histogram.
pub(super) const BUCKETS: u16 = 64;
/// Histograms that share one list.
const HISTOGRAMS_MAX: u16 = 4;
/// The counts of one histogram are halved when they reach this sum.
const TOTAL_MAX: u32 = 40_000;

/// The counts of up to four histograms of 64 buckets in one list, by histogram and bucket.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct SparseCounts(Vec<(u16, u16)>);

impl SparseCounts {
    /// Adds to a bucket. Halves the counts of the histogram when their sum becomes too large.
    pub fn add(&mut self, histogram: u16, bucket: u16, amount: u32) {
        let key = histogram * BUCKETS + bucket.min(BUCKETS - 1);
        let mut left = amount;
        while left > 0 {
            let room = TOTAL_MAX.saturating_sub(self.total(histogram)).max(1);
            let step = left.min(room);
            left -= step;
            let step = u16::try_from(step).unwrap_or(u16::MAX);
            match self.0.binary_search_by_key(&key, |(known, _)| *known) {
                Ok(ix) => self.0[ix].1 = self.0[ix].1.saturating_add(step),
                Err(ix) => {
                    self.0.reserve_exact(1);
                    self.0.insert(ix, (key, step));
                }
            }
            if self.total(histogram) >= TOTAL_MAX {
                self.halve(histogram);
            }
        }
    }

    /// Halves the counts of a histogram; buckets that become empty go.
    pub fn halve(&mut self, histogram: u16) {
        let keys = histogram * BUCKETS..(histogram + 1) * BUCKETS;
        for (_, count) in self.0.iter_mut().filter(|(key, _)| keys.contains(key)) {
            *count >>= 1;
        }
        self.0.retain(|(_, count)| *count > 0);
    }

    /// Sum of the counts of a histogram.
    pub fn total(&self, histogram: u16) -> u32 {
        self.buckets(histogram).map(|(_, count)| count).sum()
    }

    /// Sums of the counts up to a bucket and from it on; both include it.
    pub fn sums_around(&self, histogram: u16, bucket: u16) -> (u32, u32) {
        let (mut below, mut above) = (0, 0);
        for (known, count) in self.buckets(histogram) {
            below += if known <= bucket { count } else { 0 };
            above += if known >= bucket { count } else { 0 };
        }
        (below, above)
    }

    /// The highest bucket of a histogram that is not empty.
    pub fn highest(&self, histogram: u16) -> Option<u16> {
        self.buckets(histogram).map(|(bucket, _)| bucket).max()
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(u16, u16)>()
    }

    fn buckets(&self, histogram: u16) -> impl Iterator<Item = (u16, u32)> {
        let first = histogram * BUCKETS;
        let start = self.0.partition_point(|(key, _)| *key < first);
        let of_histogram = self.0[start..].iter();
        of_histogram
            .map_while(move |(key, count)| (*key < first + BUCKETS).then_some((*key, *count)))
            .map(move |(key, count)| (key - first, u32::from(count)))
    }
}

impl Serialize for SparseCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut before = 0;
        serializer.collect_seq(self.0.iter().map(|(key, count)| {
            let gap = key - before;
            before = *key;
            (gap, *count)
        }))
    }
}

impl<'de> Deserialize<'de> for SparseCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut pairs = Vec::<(u16, u16)>::deserialize(deserializer)?;
        let mut before = 0_u16;
        for (ix, (key, _)) in pairs.iter_mut().enumerate() {
            let next = before.saturating_add(*key);
            if (ix > 0 && next == before) || next >= HISTOGRAMS_MAX * BUCKETS {
                return Err(D::Error::custom("buckets of a histogram are out of order"));
            }
            (*key, before) = (next, next);
        }
        Ok(SparseCounts(pairs))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::property::config(128))]

        #[test]
        fn sums_are_those_of_full_histograms(
            adds in prop::collection::vec((0_u16..4, 0_u16..64, 0_u32..9), 0..200),
            bucket in 0_u16..64,
        ) {
            let mut counts = SparseCounts::default();
            let mut full = [[0_u32; 64]; 4];
            for (histogram, at, amount) in adds {
                counts.add(histogram, at, amount);
                full[histogram as usize][at as usize] += amount;
            }
            for (histogram, full) in (0..).zip(full) {
                let below = full[..=bucket as usize].iter().sum();
                let above = full[bucket as usize..].iter().sum();
                prop_assert_eq!(counts.sums_around(histogram, bucket), (below, above));
                prop_assert_eq!(counts.total(histogram), full.iter().sum::<u32>());
                let highest = full.iter().rposition(|count| *count > 0);
                prop_assert_eq!(counts.highest(histogram).map(usize::from), highest);
            }
            let bytes = postcard::to_allocvec(&counts).unwrap();
            prop_assert_eq!(postcard::from_bytes::<SparseCounts>(&bytes).unwrap(), counts);
        }
    }

    #[test]
    fn a_full_histogram_is_halved_and_the_others_stay() {
        let mut counts = SparseCounts::default();
        counts.add(1, 3, 9);
        counts.add(0, 3, TOTAL_MAX - 1);
        counts.add(0, 60, 1);
        assert_eq!(counts.total(0), TOTAL_MAX / 2 - 1);
        assert_eq!(counts.total(1), 9);
        counts.add(0, 0, u32::MAX);
        assert!((TOTAL_MAX / 2..TOTAL_MAX).contains(&counts.total(0)));
    }

    #[test]
    fn damaged_lists_are_refused() {
        for pairs in [
            vec![(5_u16, 1_u16), (0, 1)],
            vec![(256, 1)],
            vec![(200, 1), (56, 1)],
        ] {
            let bytes = postcard::to_allocvec(&pairs).unwrap();
            assert!(
                postcard::from_bytes::<SparseCounts>(&bytes).is_err(),
                "{pairs:?}"
            );
        }
    }
}
