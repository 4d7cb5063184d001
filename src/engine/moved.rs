//! Records in another partition than their key's: a producer with another partitioner wrote them.
//! The agent is judged in the partition of its key, where its scopes and its history are. So the
//! record is written once more, in the transaction that passes over it, to that partition.
//!
//! The header [`MOVED_HEADER`] carries where the record was and when the broker appended it there,
//! because the new append time says only when it was moved. A record with this header is never
//! moved again: if it is not where its key belongs, the topic has another number of partitions than
//! the state, and moving would have no end.

use super::contract::{InputRecord, OutputRecord, OutputTopic, Rejection};
use super::outcome::FailureStage;
use super::partitioner::partition_of_key;
use super::shared_engine::Engine;
use crate::event::limits::RECORD_BYTES_MAX;
use crate::event::{Input, RecordPosition};

/// The header of a moved record: `topic/partition/offset/append time in ms`.
pub const MOVED_HEADER: &str = "scopewatch.moved";
/// Room for the header in a topic that takes the largest record that is read, bytes.
const HEADER_BYTES: usize = 1024;
/// The longest time between two append times of a moved record, ms: the usual retention of a topic.
/// Longer than that no record can have waited.
const AGE_MS_MAX: i64 = 7 * 24 * 3_600_000;

/// What is done with a record instead of judging it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordDetour {
    /// It becomes a dead letter.
    Reject(Rejection),
    /// It is written to this partition.
    Move(i32),
}

/// Where a moved record was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordOrigin {
    pub position: RecordPosition,
    pub append_ms: i64,
}

/// The detour of a record that partition `number` read; `None`: it belongs here.
pub(super) fn record_detour(
    record: &InputRecord,
    number: i32,
    engine: &Engine,
) -> Option<RecordDetour> {
    home_detour(
        record,
        number,
        engine.options.partitions,
        engine.moving_allowed(),
    )
}

fn home_detour(
    record: &InputRecord,
    number: i32,
    partitions: u32,
    moving_allowed: bool,
) -> Option<RecordDetour> {
    if !matches!(
        record.input,
        Input::Actions | Input::Scopes | Input::Control
    ) {
        return None;
    }
    // A key that names no agent belongs nowhere: the record becomes a dead letter here.
    let key = record.key.as_deref().filter(|key| key.contains(&b'/'))?;
    let home = partition_of_key(key, partitions);
    if home == number {
        return None;
    }
    let reason = if record.headers.iter().any(|(name, _)| name == MOVED_HEADER) {
        "it was moved already; the topic may have another number of partitions than the state"
    } else if record.byte_count() + HEADER_BYTES > RECORD_BYTES_MAX {
        "it is too large to be moved"
    } else if !moving_allowed {
        "the broker refuses to let it be moved; grant the right to write to this topic"
    } else {
        return Some(RecordDetour::Move(home));
    };
    Some(RecordDetour::Reject(Rejection {
        stage: FailureStage::Contract,
        class: "misplaced",
        message: format!(
            "the key belongs to partition {home} of {partitions}, and the record is in {number}: \
             {reason}"
        ),
        reported: true,
    }))
}

/// The record as it is written to its partition.
pub(super) fn moved_record(record: &InputRecord, home: i32) -> OutputRecord {
    let RecordPosition {
        topic,
        partition,
        offset,
        ..
    } = &record.position;
    let origin = format!("{topic}/{partition}/{offset}/{}", record.append_ms);
    let mut headers = record.headers.clone();
    headers.push((MOVED_HEADER.to_owned(), Some(origin.into_bytes())));
    OutputRecord {
        topic: OutputTopic::Input(record.input),
        partition: Some(home),
        key: record.key.clone(),
        value: record.value.clone(),
        headers,
    }
}

/// Where a record was before it was moved; `None` if it was not.
pub(super) fn record_origin(record: &InputRecord) -> Option<RecordOrigin> {
    let moved = record
        .headers
        .iter()
        .rev()
        .find(|(name, _)| name == MOVED_HEADER);
    let text = std::str::from_utf8(moved?.1.as_deref()?).ok()?;
    let mut parts = text.rsplitn(4, '/');
    let append_ms: i64 = parts.next()?.parse().ok()?;
    let position = RecordPosition {
        topic: record.position.topic.clone(),
        offset: parts.next()?.parse().ok()?,
        partition: parts.next()?.parse().ok()?,
        index: 0,
    };
    // Who may write to the topic can write this header too, so its time is bounded.
    let earliest_ms = record.append_ms.saturating_sub(AGE_MS_MAX);
    (parts.next()? == &*record.position.topic).then_some(RecordOrigin {
        position,
        append_ms: append_ms.clamp(earliest_ms, record.append_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITIONS: u32 = 12;

    fn record(key: &str) -> InputRecord {
        InputRecord::of_agent(Input::Actions, 40, 1_000_000, key, "{}")
    }

    #[test]
    fn a_record_is_moved_once_to_the_partition_of_its_key_whatever_partition_reads_it() {
        for n in 0..50 {
            let sent = record(&format!("acme/agent-{n}"));
            let home = partition_of_key(sent.key.as_deref().unwrap(), PARTITIONS);
            for number in 0..12 {
                let detour = home_detour(&sent, number, PARTITIONS, true);
                let expected = (number != home).then_some(RecordDetour::Move(home));
                assert_eq!(detour, expected);
            }
            let moved = moved_record(&sent, home);
            assert_eq!((moved.partition, &moved.value), (Some(home), &sent.value));
            let arrived = InputRecord {
                headers: moved.headers,
                ..sent
            };
            assert_eq!(home_detour(&arrived, home, PARTITIONS, true), None);
            let number = (home + 1) % 12;
            // The number of partitions has changed: it must not go round for ever.
            let detour = home_detour(&arrived, number, PARTITIONS, true);
            let Some(RecordDetour::Reject(rejection)) = detour else {
                panic!("{detour:?}")
            };
            assert_eq!((rejection.class, rejection.reported), ("misplaced", true));
        }
    }

    #[test]
    fn a_key_that_names_no_agent_and_other_inputs_stay() {
        for key in ["", "a", "default\\a"] {
            for number in 0..12 {
                assert_eq!(home_detour(&record(key), number, PARTITIONS, true), None);
            }
        }
        let mut other = record("acme/a");
        other.key = None;
        assert_eq!(home_detour(&other, 0, PARTITIONS, true), None);
        for input in [Input::Links, Input::Backfill] {
            let other = InputRecord {
                input,
                ..record("acme/a")
            };
            for number in 0..12 {
                assert_eq!(home_detour(&other, number, PARTITIONS, true), None);
            }
        }
    }

    #[test]
    fn what_a_topic_might_not_take_with_the_header_is_a_dead_letter() {
        let mut sent = record("acme/a");
        let home = partition_of_key(b"acme/a", PARTITIONS);
        let fits = RECORD_BYTES_MAX - HEADER_BYTES - "acme/a".len();
        for (length, moves) in [(fits, true), (fits + 1, false)] {
            sent.value = Some(vec![b'x'; length]);
            let detour = home_detour(&sent, (home + 1) % 12, PARTITIONS, true);
            assert_eq!(detour == Some(RecordDetour::Move(home)), moves);
            let forbidden = home_detour(&sent, (home + 1) % 12, PARTITIONS, false);
            assert!(matches!(forbidden, Some(RecordDetour::Reject(_))));
        }
    }

    #[test]
    fn the_origin_reads_back_and_a_forged_one_is_bounded_or_no_origin() {
        let sent = record("acme/a");
        let mut arrived = record("acme/a");
        arrived.headers = moved_record(&sent, 3).headers;
        arrived.append_ms = 1_007_000;
        let origin = record_origin(&arrived).unwrap();
        assert_eq!(
            (origin.position, origin.append_ms),
            (sent.position.clone(), 1_000_000)
        );

        let mut forge = |text: &str| {
            arrived.headers = vec![(MOVED_HEADER.to_owned(), Some(text.into()))];
            record_origin(&arrived).map(|origin| origin.append_ms)
        };
        assert_eq!(forge("actions/1/2/9999999999"), Some(1_007_000));
        assert_eq!(
            forge("actions/1/2/-9999999999"),
            Some(1_007_000 - AGE_MS_MAX)
        );
        for text in [
            "",
            "actions/1/2",
            "elsewhere/1/2/3",
            "actions/x/2/3",
            "////",
        ] {
            assert_eq!(forge(text), None, "{text}");
        }
        assert_eq!(record_origin(&sent), None);
    }
}
