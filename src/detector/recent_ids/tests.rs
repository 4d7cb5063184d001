//! What is remembered, for how long, and what of it is stored.

use super::*;

/// An id and a content.
fn hash(id: u32, content: u32) -> ActionHash {
    ActionHash(u64::from(id) << 32 | u64::from(content))
}

#[test]
fn the_last_ids_are_remembered_with_their_content() {
    let mut recent = RecentIds::default();
    for n in 0..1_000 {
        assert_eq!(recent.note_id(hash(n, 1), 0), IdSighting::New);
        for back in 0..(RECENT_IDS as u32).min(n + 1) {
            let (before, id) = (recent.clone(), n - back);
            if n % 37 == 0 {
                assert_eq!(recent.note_id(hash(id, 1), 0), IdSighting::Retry, "{back}");
                assert_eq!(recent, before, "a retry changes nothing");
                assert_eq!(before.clone().note_id(hash(id, 2), 0), IdSighting::Reused);
            }
        }
    }
    assert_eq!(recent.note_id(hash(0, 1), 0), IdSighting::New, "forgotten");
    assert!(recent.full.len() <= BLOCKS_MAX);
}

#[test]
fn an_id_is_remembered_for_its_time_and_then_takes_no_room() {
    let mut recent = RecentIds::default();
    for n in 0..RECENT_IDS as u32 {
        recent.note_id(hash(n, 1), i64::from(n));
    }
    let last_ms = RECENT_IDS as i64 - 1;
    let at = |recent: &RecentIds, id: u32, now_ms| recent.clone().note_id(hash(id, 1), now_ms);
    assert_eq!(at(&recent, 0, RECENT_IDS_MS), IdSighting::Retry);
    let newest = last_ms as u32;
    assert_eq!(
        at(&recent, newest, last_ms + RECENT_IDS_MS),
        IdSighting::Retry
    );
    assert_eq!(
        at(&recent, newest, last_ms + RECENT_IDS_MS + 1),
        IdSighting::New
    );
    recent.note_id(hash(7_000, 1), last_ms + RECENT_IDS_MS + 1);
    assert_eq!((recent.full.len(), recent.open.len, recent.kept), (0, 1, 0));
}

#[test]
fn what_is_stored_is_remembered_after_a_restart_at_any_moment() {
    let mut stored = std::collections::BTreeMap::new();
    let mut recent = RecentIds::default();
    for n in 0..1_000 {
        recent.note_id(hash(n, 1), i64::from(n) * 1_000);
        if n % 5 == 0 {
            continue;
        }
        for (number, block) in recent.take_unstored() {
            stored.insert(number, postcard::to_stdvec(&block).unwrap());
        }
        let live = postcard::to_stdvec(&recent).unwrap();
        assert!(
            live.len() <= BLOCK * 8 + 24,
            "{} bytes with every action",
            live.len()
        );
        let mut again: RecentIds = postcard::from_bytes(&live).unwrap();
        let blocks = again.missing_blocks().collect::<Vec<_>>();
        let blocks = blocks.iter().map(|number| {
            let bytes = stored.get(number).unwrap();
            assert!(bytes.len() <= BLOCK * 10 + 10);
            postcard::from_bytes(bytes).unwrap()
        });
        again.admit_blocks(blocks.collect());
        assert_eq!(again, recent, "{n}");
    }
    assert!(stored.len() <= BLOCK_KEYS as usize);
}

#[test]
fn what_is_stored_does_not_depend_on_when_it_is_stored() {
    let (mut often, mut rarely) = (RecentIds::default(), RecentIds::default());
    let (mut each, mut whole) = (
        std::collections::BTreeMap::new(),
        std::collections::BTreeMap::new(),
    );
    for n in 0..2_000_u32 {
        // Now and then all that came before is forgotten, before the rare store has it.
        let now_ms = i64::from(n / 130) * 2 * RECENT_IDS_MS;
        often.note_id(hash(n, 1), now_ms);
        rarely.note_id(hash(n, 1), now_ms);
        each.extend(often.take_unstored());
        if n % 700 == 699 {
            whole.extend(rarely.take_unstored().collect::<Vec<_>>().into_iter().rev());
        }
    }
    each.extend(often.take_unstored());
    whole.extend(rarely.take_unstored());
    assert_eq!(each, whole);
}

/// The list of 32 ids that it replaces took 272 bytes in memory and 258 in the live value.
#[test]
fn the_ids_of_an_agent_with_few_actions_take_little_room() {
    assert!(size_of::<RecentIds>() <= 208, "{}", size_of::<RecentIds>());
    let fresh = RecentIds::default();
    assert_eq!((fresh.full.capacity(), fresh.tags.capacity()), (0, 0));
}
