//! Drives the search as a partition does, with work that fails on given offsets.

use super::*;
use crate::event::Input;
use crate::worker::panics::{CAUSES_MAX, CAUSES_WITHIN};

/// How a run ended.
#[derive(Debug, Default)]
struct RunResult {
    /// Offsets of dead letters, and whether each is the full letter.
    letters: Vec<(i64, bool)>,
    judged: i64,
    restarts: usize,
    stopped: bool,
}

fn panic() -> Failure {
    Failure::Panic("boom".into())
}

fn refusal(by_content: bool) -> Failure {
    let reason = "actions: MessageSizeTooLarge".into();
    Failure::Refusal { by_content, reason }
}

fn record(offset: i64) -> InputRecord {
    InputRecord::of_agent(Input::Actions, offset, 1, "acme/a", "{}")
}

fn other_log(offset: i64) -> InputRecord {
    let mut record = record(offset);
    record.position.partition = 1;
    record
}

fn end_at(next: i64) -> Vec<(LogPartition, i64)> {
    vec![(id_of(&record(0)).0, next)]
}

/// Passes the offsets `0..count` on, from the last commit and as often as it takes. The work fails
/// where `fails` says so, given an offset and its rejection.
fn run_search(
    count: i64,
    failure: &Failure,
    fails: impl Fn(i64, Option<&Rejection>) -> bool,
) -> RunResult {
    let now = Instant::now();
    let mut search = RecordSearch::default();
    let (mut run, mut committed) = (RunResult::default(), 0_i64);
    'restarts: while run.restarts < 5_000 {
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
            if each.any(|(record, why)| fails(record.position.offset, why.as_ref())) {
                let result = search.note_failure(failure, end_at(count), now);
                if matches!(result, SearchResult::Stop(_)) {
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
        }
    }
    panic!("the search does not end: {run:?}");
}

#[test]
fn the_one_record_is_found_wherever_it_is_and_all_others_are_judged() {
    for failure in [panic(), refusal(true)] {
        for count in [1, 2, 3, 7, 64, 1_000] {
            for bad in [0, count / 2, count - 1] {
                let run = run_search(count, &failure, |at, why| at == bad && why.is_none());
                assert_eq!(run.letters, [(bad, true)], "{bad} of {count}");
                assert_eq!((run.judged, run.stopped), (count - 1, false));
                assert!(run.restarts <= 12, "{run:?}");
            }
        }
    }
}

#[test]
fn some_panics_are_found_and_with_more_of_them_the_partition_stops() {
    let bad = [3, 4, 50, 90];
    for many in 1..=bad.len() {
        let bad = &bad[..many];
        let run = run_search(100, &panic(), |at, why| bad.contains(&at) && why.is_none());
        let found = many.min(CAUSES_MAX);
        let letters: Vec<i64> = run.letters.iter().map(|letter| letter.0).collect();
        assert_eq!(letters, bad[..found]);
        assert_eq!(run.stopped, many > CAUSES_MAX);
    }
}

#[test]
fn however_many_records_are_refused_nothing_stops_and_each_costs_a_few_attempts() {
    for every in [1, 2, 10] {
        let bad = |at: i64| at % every == 0;
        let run = run_search(500, &refusal(true), |at, why| bad(at) && why.is_none());
        let refused = usize::try_from(500 / every).unwrap();
        assert_eq!((run.letters.len(), run.stopped), (refused, false));
        assert_eq!(run.judged, 500 - 500 / every);
        // Not eleven each, as if the search began anew after every find.
        assert!(run.restarts <= 12 + 5 * refused, "{run:?}");
    }
}

#[test]
fn a_dead_letter_that_fails_too_is_reduced_and_then_the_partition_stops() {
    let full = |why: Option<&Rejection>| why.is_none_or(|why| why.reported);
    for failure in [panic(), refusal(true)] {
        let run = run_search(20, &failure, |at, why| at == 7 && full(why));
        assert_eq!((run.letters, run.judged), (vec![(7, false)], 19));
        let run = run_search(20, &failure, |at, _| at == 7);
        assert_eq!((run.stopped, run.judged), (true, 7));
    }
}

#[test]
fn a_refusal_that_no_dead_letter_mends_is_tried_again_and_stops_the_log_of_the_record() {
    let mut search = RecordSearch::default();
    let now = Instant::now();
    let mut fail_alone = |attempts: u32, passes: bool| {
        for _ in 0..attempts {
            search.restart();
            search.admit(record(4));
            search.next_piece();
            let result = search.note_failure(&refusal(false), end_at(5), now);
            // A commit of another log does not begin the count anew.
            search.restart();
            search.admit(other_log(9));
            search.next_piece();
            search.end_piece();
            if let SearchResult::Stop(at) = result {
                return Some(at);
            }
        }
        if passes {
            search.restart();
            search.admit(record(4));
            search.next_piece();
            search.end_piece();
        }
        None
    };
    // The first failure is that of a batch: it makes the first piece of one record.
    assert_eq!(fail_alone(ATTEMPTS_MAX, true), None);
    assert_eq!(fail_alone(ATTEMPTS_MAX - 1, false), None);
    assert_eq!(fail_alone(1, false), Some(Some(id_of(&record(4)))));
}

#[test]
fn a_panic_without_a_record_is_counted_as_a_cause() {
    let mut search = RecordSearch::default();
    let now = Instant::now();
    for _ in 0..CAUSES_MAX {
        let result = search.note_failure(&panic(), [], now);
        assert_eq!(result, SearchResult::Search);
    }
    let result = search.note_failure(&panic(), [], now);
    assert_eq!(result, SearchResult::Stop(None));
    let result = search.note_failure(&panic(), [], now + CAUSES_WITHIN);
    assert_eq!(result, SearchResult::Search);
}

#[test]
fn a_failure_that_does_not_come_again_leaves_no_trace() {
    let mut search = RecordSearch::default();
    for offset in 0..10 {
        assert!(search.admit(record(offset)).is_some());
    }
    let result = search.note_failure(&panic(), end_at(10), Instant::now());
    assert_eq!(result, SearchResult::Search);
    search.restart();
    let count = 10 + 10 + 20 + 40;
    for offset in 0..count {
        assert_eq!(search.admit(record(offset)), None);
    }
    assert_eq!(search.waiting().len(), 80);
    let mut sizes = Vec::new();
    while search.waiting().len() > 0 {
        sizes.push(search.next_piece().len());
        search.end_piece();
    }
    // Half of what failed until all of it has passed, then larger and larger.
    assert_eq!(sizes, [5, 5, 10, 20, 40]);
    let mut offset = count;
    while search.is_active() {
        search.admit(record(offset));
        search.next_piece();
        search.end_piece();
        offset += 1;
    }
    assert!(search.admit(record(offset)).is_some());
    assert!(offset < count + 12, "{offset}");
}

#[test]
fn pieces_stay_small_until_the_failed_records_of_every_log_have_passed() {
    let sizes_of_pieces = |forgotten: bool| {
        let mut search = RecordSearch::default();
        for offset in 0..4 {
            search.admit(record(offset));
            search.admit(other_log(offset));
        }
        let suspects = [(id_of(&record(0)).0, 4), (id_of(&other_log(0)).0, 4)];
        search.note_failure(&panic(), suspects, Instant::now());
        search.restart();
        // They come in another order, with many new ones between them.
        for offset in 0..40 {
            search.admit(other_log(offset));
        }
        for offset in 0..4 {
            search.admit(record(offset));
        }
        if forgotten {
            let (topic, number) = id_of(&record(0)).0;
            search.forget_log(&topic, number);
        }
        let mut sizes = Vec::new();
        while search.waiting().len() > 0 {
            sizes.push(search.next_piece().len());
            search.end_piece();
        }
        sizes
    };
    assert_eq!(sizes_of_pieces(false), [4; 11]);
    assert_eq!(sizes_of_pieces(true), [4, 8, 16, 12]);
}
