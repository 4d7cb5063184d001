//! The reasons for which a decoded record is rejected.

use crate::codec::parse_record_key;
use crate::engine::contract::InputRecord;
use crate::event::{Input, Record, RecordBody, TimeSource, UnreadableRecord};
use crate::scope::DeclareOutcome;

/// Why a record cannot be judged at its position: it has no time, or its key names another agent.
pub(super) fn position_rejection(
    raw: &InputRecord,
    record: &Record,
) -> Option<(&'static str, String)> {
    if let RecordBody::Action(action) = &record.body
        && action.occurred_at_ms.is_none()
        && record.append_ms == 0
    {
        let message = "occurred_at: required where no broker stamps records";
        return Some(("no_time", message.to_owned()));
    }
    key_mismatch(raw, record).map(|message| ("key_mismatch", message))
}

/// Why a scope record was rejected.
pub(super) fn scope_rejection(refused: &DeclareOutcome) -> (&'static str, String) {
    let kept = "what was declared before stays in force";
    match refused {
        DeclareOutcome::Invalid(error) => ("invalid_scope", format!("{error}; {kept}")),
        _ => (
            "scopes_full",
            format!("the agent's open scopes fill its book; {kept}"),
        ),
    }
}

/// The message for a record whose key names another agent than its content. It is in the wrong
/// partition; judging it there would split the state of the agent.
fn key_mismatch(raw: &InputRecord, record: &Record) -> Option<String> {
    let agent = record.body.agent_key()?;
    if matches!(record.body, RecordBody::Link(_)) {
        return None;
    }
    let Some(key) = raw.key.as_deref() else {
        return Some(format!("the record has no key; it must be `{agent}`"));
    };
    let (tenant, name) = (agent.tenant.as_bytes(), agent.agent.as_bytes());
    let rest = key
        .strip_prefix(tenant)
        .and_then(|rest| rest.strip_prefix(b"/"));
    (rest != Some(name)).then(|| {
        format!(
            "the key `{}` is not `{agent}`, the agent of the record",
            String::from_utf8_lossy(&key[..key.len().min(128)])
        )
    })
}

/// What the rules are given of a dead letter: a record of an action whose key names an agent.
/// `stream_ms` is the stream time.
pub(super) fn unreadable_record(
    raw: &InputRecord,
    class: &str,
    time: TimeSource,
    stream_ms: i64,
) -> Option<Record> {
    if !matches!(raw.input, Input::Actions | Input::Backfill) {
        return None;
    }
    let agent = parse_record_key(raw.key.as_deref()?)?;
    Some(Record {
        input: raw.input,
        position: raw.position.clone(),
        // Under event time the append time is from another clock.
        append_ms: match time {
            TimeSource::Append => raw.append_ms,
            TimeSource::Event => stream_ms,
        },
        time,
        body: RecordBody::Unreadable(Box::new(UnreadableRecord {
            agent,
            class: class.into(),
        })),
    })
}

/// The position of a record, for messages.
pub(super) fn position_text(raw: &InputRecord) -> String {
    let position = &raw.position;
    format!(
        "{}/{}/{}",
        position.topic, position.partition, position.offset
    )
}
