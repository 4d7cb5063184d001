//! The native JSON of alerts (`schemas/alert.schema.json`) and of audit entries.

use serde_json::{Map, Value, json};

use crate::event::Text;
use crate::response::{
    Alert, AlertActivity, AuditEntry, AuditKind, BaselineComparison, FirstEvent, RevocationBlock,
    RevocationTarget, RuleNote,
};

use super::subject_id::subject_id;

/// The name and version of the form of alerts. A version is changed only by adding fields.
pub const ALERT_SCHEMA: &str = "scopewatch.alert/1";
/// The name and version of the form of audit entries.
pub const AUDIT_SCHEMA: &str = "scopewatch.audit/1";

/// An alert as a JSON object.
#[must_use]
pub fn alert_json(alert: &Alert) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("schema", ALERT_SCHEMA.into());
    put("message_id", alert.message_id.to_string().into());
    put("incident_id", alert.incident_id.to_string().into());
    put("activity", alert.activity.as_str().into());
    if let AlertActivity::Close(reason) = alert.activity {
        put("close_reason", reason.as_str().into());
    }
    put("time_ms", alert.time_ms.into());
    put("tenant", alert.tenant.as_str().into());
    put("agent_id", alert.agent_id.as_str().into());
    if let Some(agent_type) = &alert.agent_type {
        put("agent_type", agent_type.as_str().into());
    }
    if let Some(task) = &alert.task_id {
        put("task_id", task.as_str().into());
    }
    put("rule", rule_json(&alert.rule));
    put("also", text_list(&alert.also));
    put("severity", alert.severity.as_str().into());
    put("message", alert.message.as_str().into());
    put("event_ids", text_list(&alert.event_ids));
    if alert.event_ids_dropped > 0 {
        put("event_ids_dropped", alert.event_ids_dropped.into());
    }
    put("first_event", first_event(&alert.first_event));
    put("last_ms", alert.last_ms.into());
    put("count", alert.count.into());
    put("facts", Value::Object(alert.facts.clone()));
    if let Some(expected) = &alert.expected {
        put("expected", expected_json(expected));
    }
    put("chain", text_list(&alert.chain));
    put("atlas", text_list(&alert.atlas));
    put("asi", text_list(&alert.asi));
    if !alert.agents.is_empty() {
        put("agents", text_list(&alert.agents));
    }
    if let Some(block) = &alert.revocation {
        put("revocation", revocation_json(block));
    }
    put("bundle", alert.bundle.as_str().into());
    Value::Object(object)
}

/// A rule as a JSON object with `id`, `title` and `family`.
#[must_use]
pub fn rule_json(rule: &RuleNote) -> Value {
    json!({ "id": rule.id.as_str(), "title": rule.title.as_str(), "family": rule.family.as_str() })
}

/// The revocation plan of an incident as a JSON object.
#[must_use]
pub fn revocation_json(block: &RevocationBlock) -> Value {
    let targets: Vec<Value> = block
        .targets
        .iter()
        .map(|target| {
            let mut object = target_json(&target.target);
            object.insert("reason".into(), target.reason.as_str().into());
            object.insert("mode".into(), target.mode.as_str().into());
            object.insert("state".into(), target.state.as_str().into());
            object.insert("plan".into(), target.number.into());
            if target.attempt > 1 {
                object.insert("attempt".into(), target.attempt.into());
            }
            if let Some(until_ms) = target.decide_by_ms {
                object.insert("decide_by_ms".into(), until_ms.into());
            }
            if let Some(txn) = target.joined {
                object.insert("joined_txn".into(), txn.to_string().into());
            }
            Value::Object(object)
        })
        .collect();
    json!({
        "txn": block.txn.to_string(),
        "mode": block.mode.as_str(),
        "targets": targets,
        "notes": block.notes,
    })
}

/// An audit entry as a JSON object.
#[must_use]
pub fn audit_json(entry: &AuditEntry) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("schema", AUDIT_SCHEMA.into());
    put("what", entry.what.as_str().into());
    put("at_ms", entry.at_ms.into());
    put("tenant", entry.tenant.as_str().into());
    put("agent_id", entry.agent_id.as_str().into());
    if let Some(incident) = entry.incident_id {
        put("incident_id", incident.to_string().into());
    }
    if let Some(txn) = entry.txn {
        put("txn", txn.to_string().into());
    }
    if let Some(by) = &entry.by {
        put("by", by.as_str().into());
    }
    match entry.what {
        AuditKind::Confirmed(result) => put("result", json!(result)),
        AuditKind::VerdictGiven(verdict) => put("verdict", json!(verdict)),
        _ => None,
    };
    let targets = entry
        .targets
        .iter()
        .map(|target| Value::Object(target_json(target)));
    put("targets", targets.collect());
    put("detail", entry.detail.as_str().into());
    Value::Object(object)
}

fn target_json(target: &RevocationTarget) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("kind".into(), target.kind.as_str().into());
    object.insert("sub_id".into(), subject_id(target));
    object
}

pub(super) fn first_event(first: &FirstEvent) -> Value {
    json!({
        "topic": &*first.position.topic,
        "partition": first.position.partition,
        "offset": first.position.offset,
        "index": first.position.index,
        "occurred_at_ms": first.occurred_at_ms,
        "append_ms": first.append_ms,
    })
}

/// A baseline's expectation as a JSON object. Numbers that are not finite are left out, because
/// JSON has no form for them.
pub(super) fn expected_json(expected: &BaselineComparison) -> Value {
    let mut object = Map::new();
    object.insert("metric".into(), expected.metric.as_str().into());
    object.insert("window_ms".into(), expected.window_ms.into());
    let numbers = [
        ("observed", expected.observed),
        ("expected", expected.expected),
        ("upper", expected.upper),
        ("ratio", expected.ratio),
    ];
    for (key, number) in numbers.into_iter().filter(|(_, number)| number.is_finite()) {
        object.insert(key.into(), number.into());
    }
    object.insert("state".into(), expected.state.as_str().into());
    Value::Object(object)
}

pub(super) fn text_list(list: &[Text]) -> Value {
    list.iter().map(|text| Value::from(text.as_str())).collect()
}
