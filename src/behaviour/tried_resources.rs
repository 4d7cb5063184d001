//! The resources that a task has tried, and which of them it did not get: who tries one after the
//! other to see what is there.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::limits::{TRIED_MAX, TRIED_TYPES_MAX};

/// The resources that a task has tried, by resource type, since it first failed on the type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct TriedResources(SmallVec<[TypeTries; 1]>);

/// The newest different resources of one type, or of all types beyond [`TRIED_TYPES_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct TypeTries {
    /// A hash of the resource type; `None` for all further types together.
    kind: Option<u64>,
    /// Halves of the hashes of the resources, the newest last.
    resources: Vec<u32>,
    /// Bit n: resource n was denied or failed when it was tried last.
    failed: u32,
}

const _: () = assert!(TRIED_MAX <= u32::BITS as usize);

impl TypeTries {
    fn note(&mut self, resource: u64, failed: bool) {
        let resource = (resource >> 32) as u32;
        let known = self.resources.iter().position(|known| *known == resource);
        let index = known.unwrap_or_else(|| {
            if self.resources.len() >= TRIED_MAX {
                self.resources.remove(0);
                self.failed >>= 1;
            }
            self.resources.push(resource);
            self.resources.len() - 1
        });
        self.failed = self.failed & !(1 << index) | u32::from(failed) << index;
    }
}

impl TriedResources {
    /// Notes a resource of a type that was tried; returns how many different ones of the type,
    /// among the newest [`TRIED_MAX`], were denied or failed.
    pub fn note_try(&mut self, kind: u64, resource: u64, failed: bool) -> u32 {
        let own = self.0.iter().position(|tries| tries.kind == Some(kind));
        // Nothing gives way: types that are invented would make others forgotten.
        let shared = self.0.len() >= TRIED_TYPES_MAX;
        let name = (!shared).then_some(kind);
        let known = own.or_else(|| self.0.iter().position(|tries| tries.kind == name));
        let index = match known {
            Some(index) => index,
            // What was not failed on before is not looked at.
            None if !failed => return 0,
            None => {
                self.0.push(TypeTries {
                    kind: name,
                    ..TypeTries::default()
                });
                self.0.len() - 1
            }
        };
        self.0.get_mut(index).map_or(0, |tries| {
            tries.note(resource, failed);
            tries.failed.count_ones()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Different in the half that is kept.
    fn resource(number: u64) -> u64 {
        number << 32
    }

    #[test]
    fn each_resource_counts_once_and_by_its_last_outcome() {
        let mut tried = TriedResources::default();
        for (number, failed, count) in [
            // A type on which nothing failed is not kept.
            (1, false, 0),
            (2, true, 1),
            (2, true, 1),
            (3, true, 2),
            (4, false, 2),
            (3, false, 1),
            (3, true, 2),
        ] {
            let found = tried.note_try(7, resource(number), failed);
            assert_eq!(found, count, "{number} {failed}");
        }
        assert_eq!(tried.note_try(8, resource(2), true), 1, "another type");
    }

    #[test]
    fn of_many_the_newest_count_and_most_of_them_must_have_failed() {
        let mut tried = TriedResources::default();
        let max = TRIED_MAX as u64;
        for number in 0..4 * max {
            let count = tried.note_try(7, resource(number), true);
            assert_eq!(u64::from(count), (number + 1).min(max));
        }
        for number in 0..max {
            let count = tried.note_try(7, resource(9_000 + number), false);
            assert_eq!(u64::from(count), max - number - 1);
        }
        // Where every second one is there, it is no looking around.
        for number in 0..4 * max {
            let failed = number % 2 == 0;
            let count = tried.note_try(7, resource(10_000 + number), failed);
            assert!(u64::from(count) <= max / 2, "{count}");
        }
    }

    #[test]
    fn types_beyond_the_bound_are_counted_together_and_hide_nothing() {
        let mut tried = TriedResources::default();
        tried.note_try(1, resource(0), true);
        let types = TRIED_TYPES_MAX as u64;
        // Types that are invented to make the first one forgotten.
        for number in 1..20 {
            for kind in 2..3 * types {
                tried.note_try(kind, resource(kind * 1_000 + number), true);
            }
            let count = tried.note_try(1, resource(number), true);
            assert_eq!(u64::from(count), number + 1);
        }
        assert_eq!(tried.0.len(), TRIED_TYPES_MAX + 1);
        let last = tried.note_try(3 * types, resource(99), true);
        assert_eq!(last as usize, TRIED_MAX, "the further ones together");
    }

    #[test]
    fn it_reads_back_from_stored_state() {
        let mut tried = TriedResources::default();
        for number in 0..50 {
            tried.note_try(number % 7, resource(number), number % 3 != 0);
        }
        let bytes = postcard::to_allocvec(&tried).unwrap();
        let mut read: TriedResources = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read, tried);
        assert_eq!(
            read.note_try(3, resource(60), true),
            tried.note_try(3, resource(60), true)
        );
    }
}
