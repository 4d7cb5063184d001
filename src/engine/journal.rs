//! The journal: one audit record per commit, with the offsets that the commit applied.

use std::collections::BTreeMap;

use serde_json::json;

use crate::engine::contract::{
    OutputRecord, OutputTopic, PartitionMeta, PartitionNotice, input_name,
};
use crate::event::Input;
use crate::text::units::encode_hex;

/// Key of the journal records.
pub const JOURNAL_KEY: &[u8] = b"#journal";

/// First and last applied offset of each input.
pub(super) type OffsetRanges = BTreeMap<Input, (i64, i64)>;

/// The journal record of a commit.
pub(super) fn journal_record(
    partition: i32,
    meta: &PartitionMeta,
    ranges: &OffsetRanges,
) -> OutputRecord {
    let inputs: serde_json::Map<String, serde_json::Value> = ranges
        .iter()
        .map(|(input, (first, last))| {
            (
                input_name(*input).to_owned(),
                json!({"offset_first": first, "offset_last": last}),
            )
        })
        .collect();
    let value = json!({
        "schema": "scopewatch.journal/1",
        "partition": partition,
        "sequence": meta.sequence,
        "stream_ms": meta.stream_ms,
        "inputs": inputs,
        "bundle": encode_hex(&meta.bundle_hash[..16]),
        "previous": encode_hex(&meta.previous_hash[..16]),
    });
    OutputRecord {
        topic: OutputTopic::Audit,
        partition: Some(partition),
        key: Some(JOURNAL_KEY.to_vec()),
        value: Some(value.to_string().into_bytes()),
        headers: Vec::new(),
    }
}

/// The audit record of an event that concerns a whole partition.
pub(super) fn notice_record(notice: &PartitionNotice) -> OutputRecord {
    let (partition, value) = match notice {
        PartitionNotice::Gap {
            topic,
            partition,
            from,
            to,
        } => (
            *partition,
            json!({"what": "gap", "topic": &**topic, "offset_from": from, "offset_to": to}),
        ),
        PartitionNotice::ColdStart {
            partition,
            offset_next,
        } => (
            *partition,
            json!({"what": "cold_start", "offset_next": offset_next}),
        ),
        PartitionNotice::Stopped { partition, reason } => {
            (*partition, json!({"what": "stopped", "reason": reason}))
        }
        PartitionNotice::RawStopped {
            topic,
            partition,
            reason,
        } => (
            *partition,
            json!({"what": "stopped", "topic": &**topic, "reason": reason}),
        ),
        PartitionNotice::RecordMoved {
            topic,
            partition,
            offset,
            home,
        } => (
            *partition,
            json!({"what": "record_moved", "topic": &**topic, "offset": offset, "to": home}),
        ),
        PartitionNotice::RecordFailed {
            topic,
            partition,
            offset,
            reason,
        } => (
            *partition,
            json!({"what": "record_failed", "topic": &**topic, "offset": offset, "reason": reason}),
        ),
    };
    // A foreign topic may have more partitions than the audit topic.
    let foreign = matches!(notice, PartitionNotice::RawStopped { .. });
    let mut value = value;
    value["schema"] = "scopewatch.audit/1".into();
    value["partition"] = partition.into();
    OutputRecord {
        topic: OutputTopic::Audit,
        partition: (!foreign).then_some(partition),
        key: Some(JOURNAL_KEY.to_vec()),
        value: Some(value.to_string().into_bytes()),
        headers: Vec::new(),
    }
}
