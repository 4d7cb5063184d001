//! Drives the search as a partition does, with tasks that panic on given offsets.

use super::*;
use crate::worker::panics::{CAUSES_MAX, CAUSES_WITHIN};

/// How a run ended.
#[derive(Debug, Default)]
struct RunResult {
    /// Offsets of dead letters, and whether a finding is made of each.
    letters: Vec<(i64, bool)>,
    judged: i64,
    restarts: usize,
    stopped: bool,
}

/// Gives the offsets `0..count` to a task, from its last commit on and as often as it takes. The
/// task panics where `panics` says so, given an offset and its rejection.
fn run_search(count: i64, panics: impl Fn(i64, Option<&Rejection>) -> bool) -> RunResult {
    let now = Instant::now();
    let mut search = PanicSearch::default();
    let (mut run, mut committed) = (RunResult::default(), 0_i64);
    'restarts: while run.restarts < 400 {
        let came = (committed..count).map(record);
        let mut batch: Vec<InputRecord> = came.filter_map(|r| search.admit(r)).collect();
        loop {
            batch.extend(search.next_piece());
            if batch.is_empty() {
                return run;
            }
            let rejections = batch.iter().map(|record| search.rejection_of(record));
            let rejections: Vec<_> = rejections.collect();
            let mut each = batch.iter().zip(&rejections);
            if each.any(|(record, why)| panics(record.position.offset, why.as_ref())) {
                if search.note_panic("boom", now) == PanicResult::Stop {
                    run.stopped = true;
                    return run;
                }
                search.restart();
                run.restarts += 1;
                continue 'restarts;
            }
            for (record, why) in batch.drain(..).zip(rejections) {
                committed = record.position.offset + 1;
                run.judged += i64::from(why.is_none());
                run.letters
                    .extend(why.map(|why| (record.position.offset, why.reported)));
            }
            search.end_piece();
            search.forget_found(Input::Actions, committed);
        }
    }
    panic!("the search does not end: {run:?}");
}

fn record(offset: i64) -> InputRecord {
    InputRecord::of_agent(Input::Actions, offset, 1, "acme/a", "{}")
}

#[test]
fn the_one_record_is_found_wherever_it_is_and_all_others_are_judged() {
    for count in [1, 2, 3, 7, 64, 1_000] {
        for bad in [0, count / 2, count - 1] {
            let run = run_search(count, |offset, why| offset == bad && why.is_none());
            assert_eq!(run.letters, [(bad, true)], "{bad} of {count}");
            assert_eq!((run.judged, run.stopped), (count - 1, false));
            assert!(run.restarts <= 12, "{run:?}");
        }
    }
}

#[test]
fn some_records_are_found_and_with_more_of_them_the_partition_stops() {
    let bad = [3, 4, 50, 90];
    for many in 1..=bad.len() {
        let bad = &bad[..many];
        let run = run_search(100, |offset, why| bad.contains(&offset) && why.is_none());
        let found = many.min(CAUSES_MAX);
        let letters: Vec<i64> = run.letters.iter().map(|letter| letter.0).collect();
        assert_eq!(letters, bad[..found]);
        assert_eq!(run.stopped, many > CAUSES_MAX);
    }
}

#[test]
fn a_dead_letter_that_panics_too_makes_no_finding_and_then_the_partition_stops() {
    let reported = |why: Option<&Rejection>| why.is_none_or(|why| why.reported);
    let run = run_search(20, |offset, why| offset == 7 && reported(why));
    assert_eq!((run.letters, run.judged), (vec![(7, false)], 19));
    let run = run_search(20, |offset, _| offset == 7);
    assert_eq!((run.stopped, run.judged), (true, 7));
}

#[test]
fn a_panic_without_a_record_is_counted_as_a_cause() {
    let mut search = PanicSearch::default();
    let now = Instant::now();
    for _ in 0..CAUSES_MAX {
        assert_eq!(search.note_panic("boom", now), PanicResult::Search);
    }
    assert_eq!(search.note_panic("boom", now), PanicResult::Stop);
    let later = now + CAUSES_WITHIN;
    assert_eq!(search.note_panic("boom", later), PanicResult::Search);
}

#[test]
fn a_panic_that_does_not_come_again_leaves_no_trace() {
    let mut search = PanicSearch::default();
    let now = Instant::now();
    for offset in 0..10 {
        assert!(search.admit(record(offset)).is_some());
    }
    assert_eq!(search.note_panic("boom", now), PanicResult::Search);
    search.restart();
    for offset in 0..12 {
        assert_eq!(search.admit(record(offset)), None);
    }
    assert_eq!(search.waiting_count(), 12);
    let mut sizes = Vec::new();
    while search.is_active() {
        sizes.push(search.next_piece().len());
        search.end_piece();
    }
    assert_eq!(sizes, [5, 5, 2]);
    assert!(search.admit(record(12)).is_some());
}
