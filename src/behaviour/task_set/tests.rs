//! A set of six kinds in one list, beside six sets.

use std::collections::BTreeSet;

use proptest::prelude::*;
use smallvec::smallvec;

use super::*;
use crate::event::Verb;

fn note(sets: &mut BTreeSet<u64>, hash: u64) {
    if sets.len() < TASK_SET_MAX {
        sets.insert(hash);
    }
}

proptest! {
    #![proptest_config(crate::property::config(200))]

    #[test]
    fn one_list_knows_what_six_sets_know(
        actions in prop::collection::vec(
            (0..90_u64, prop::option::of(0..90_u64), prop::option::of(0..200_u64), 0..26_u8),
            0..300,
        ),
    ) {
        let mut set = TaskSet::default();
        let mut model: [BTreeSet<u64>; 6] = Default::default();
        let mut hours = 0;
        for (one, other, resource, hour) in actions {
            let verb = if one % 2 == 0 { Verb::Read } else { Verb::Delete };
            let traits = ActionTraits {
                verb,
                pair: one,
                external: other.map_or_else(Default::default, |other| smallvec![other, one]),
                resource,
                tool: other,
                model: Some(one),
                ..ActionTraits::default()
            };
            set.note_traits(&traits, Some(hour));
            let [pairs, destinations, resources, tools, models, objects] = &mut model;
            let used = resource.is_some_and(|hash| resources.contains(&hash))
                && !traits.object(false).is_some_and(|first| objects.contains(&first));
            note(pairs, one);
            traits.external.iter().for_each(|hash| note(destinations, *hash));
            resource.into_iter().for_each(|hash| note(resources, hash));
            other.into_iter().for_each(|hash| note(tools, hash));
            if models.len() < TASK_MODELS_MAX {
                models.insert(one);
            }
            traits.object(used).into_iter().for_each(|hash| note(objects, hash));
            hours |= if hour < 24 { 1 << hour } else { 0 };
        }
        prop_assert_eq!(set.is_empty(), model[0].is_empty());
        let stored = postcard::to_allocvec(&set).unwrap();
        prop_assert_eq!(postcard::from_bytes::<TaskSet>(&stored).unwrap(), set.clone());
        let used = set.into_use();
        prop_assert_eq!(used.hours, hours);
        for (list, sorted) in used.lists().into_iter().zip(&model) {
            prop_assert!(list.iter().eq(sorted), "{list:?} {sorted:?}");
        }
    }
}

#[test]
fn counts_that_are_not_those_of_the_hashes_are_refused() {
    let mut set = TaskSet::default();
    let traits = ActionTraits {
        pair: 1,
        tool: Some(2),
        ..ActionTraits::default()
    };
    set.note_traits(&traits, None);
    for counts in [[1, 0, 0, 0, 0, 0], [1, 0, 2, 0, 0, 0], [200; KINDS]] {
        set.counts = counts;
        let stored = postcard::to_allocvec(&set).unwrap();
        assert!(postcard::from_bytes::<TaskSet>(&stored).is_err());
    }
}

/// A reply that is sent again through another gateway is as new as the first one.
#[test]
fn a_repetition_is_as_new_as_the_first_one() {
    let of = |verb| ActionTraits {
        impact: crate::behaviour::ActionImpact::Outward,
        verb,
        pair: (verb as u64) << 48,
        resource: Some(7),
        ..ActionTraits::default()
    };
    let (read, send) = (of(Verb::Read), of(Verb::Send));
    let mut set = TaskSet::default();
    set.note_traits(&send, None);
    assert!(!set.used_before(&send), "sent twice");
    let mut set = TaskSet::default();
    set.note_traits(&read, None);
    assert!(set.used_before(&send), "read, then sent");
    set.note_traits(&send, None);
    assert!(set.used_before(&send), "read, then sent twice");
}
