//! The native JSON of alerts (`schemas/alert.schema.json`) and of audit entries.

use serde_json::{Map, Value, json};

use crate::event::Text;
use crate::response::{
    Alert, AlertActivity, AuditEntry, AuditKind, BaselineComparison, BlockTarget, ChainEdge,
    EvidenceNote, FirstEvent, RecentAction, RequestState, RevocationBlock, RevocationProgress,
    RevocationTarget, RuleNote, ScopeNote, SignalNote, TreePart,
};

use super::subject_id::subject_id;
use super::threat_names::threat_json;

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
    if let Some(case) = alert.case_id {
        put("case_id", case.to_string().into());
    }
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
    put_rules(&mut object, alert);
    put_events(&mut object, alert);
    put_context(&mut object, alert);
    if let Some(block) = &alert.revocation {
        object.insert("revocation".into(), revocation_json(block));
    }
    object.insert("bundle".into(), alert.bundle.as_str().into());
    Value::Object(object)
}

/// The rules, how grave and how sure the finding is, and what they detect.
fn put_rules(object: &mut Map<String, Value>, alert: &Alert) {
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("rule", advised_rule(alert));
    let also = alert.also.iter();
    put("also", also.clone().map(|rule| rule.id.as_str()).collect());
    if !alert.also.is_empty() {
        put("also_rules", also.map(rule_json).collect());
    }
    put("severity", alert.severity.as_str().into());
    put("confidence", alert.confidence.as_str().into());
    put("message", alert.message.as_str().into());
    put("atlas", text_list(&alert.atlas));
    put("asi", text_list(&alert.asi));
    let threats = alert
        .atlas
        .iter()
        .chain(&alert.asi)
        .map(|id| threat_json("id", id));
    let threats: Vec<Value> = threats.collect();
    if !threats.is_empty() {
        put("threats", threats.into());
    }
}

/// The events of the incident.
fn put_events(object: &mut Map<String, Value>, alert: &Alert) {
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("event_ids", text_list(&alert.event_ids));
    if alert.event_ids_dropped > 0 {
        put("event_ids_dropped", alert.event_ids_dropped.into());
    }
    put("first_event", first_event(&alert.first_event));
    put("last_ms", alert.last_ms.into());
    put("count", alert.count.into());
    if !alert.agents.is_empty() {
        put("agents", text_list(&alert.agents));
    }
}

/// What the rule read, what was expected, and what surrounds the action.
fn put_context(object: &mut Map<String, Value>, alert: &Alert) {
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("facts", Value::Object(alert.facts.clone()));
    if let Some(expected) = &alert.expected {
        put("expected", expected_json(expected));
    }
    if let Some(evidence) = &alert.evidence {
        put("evidence", evidence_json(evidence));
    }
    if let Some(scope) = &alert.context.scope {
        put("scope", scope_json(scope));
    }
    if !alert.context.recent.is_empty() {
        put("recent_actions", recent_json(&alert.context.recent));
    }
    put("chain", text_list(&alert.chain));
    if !alert.edges.is_empty() {
        put("chain_edges", edges_json(&alert.edges));
    }
}

/// The scope that judged an action, in a compact form.
pub(super) fn scope_json(scope: &ScopeNote) -> Value {
    let mut object = json!({
        "id": scope.id.as_str(),
        "basis": scope.basis.as_str(),
        "status": scope.status.as_str(),
        "permits": scope.permits,
    });
    if let Some(expires_at_ms) = scope.expires_at_ms {
        object["expires_at_ms"] = expires_at_ms.into();
    }
    if scope.permits_further > 0 {
        object["permits_further"] = scope.permits_further.into();
    }
    object
}

/// The last actions of a task, oldest first.
pub(super) fn recent_json(recent: &[RecentAction]) -> Value {
    let action = |one: &RecentAction| {
        let mut object = json!({ "at_ms": one.at_ms, "action": one.action });
        if let Some(outcome) = &one.outcome {
            object["outcome"] = outcome.as_str().into();
        }
        if one.times > 1 {
            object["times"] = one.times.into();
        }
        object
    };
    recent.iter().map(action).collect()
}

/// The edges of a delegation chain, root first, each with the words of its evidence.
pub(super) fn edges_json(edges: &[ChainEdge]) -> Value {
    let edge = |edge: &ChainEdge| {
        let evidence: Vec<&str> = edge.evidence.words().collect();
        json!({ "from": edge.from.as_str(), "to": edge.to.as_str(), "evidence": evidence })
    };
    edges.iter().map(edge).collect()
}

/// The rule of an alert, with what its author says of it.
fn advised_rule(alert: &Alert) -> Value {
    let mut rule = rule_json(&alert.rule);
    let advice = &alert.advice;
    for (key, text) in [
        ("description", &advice.description),
        ("remediation", &advice.remediation),
    ] {
        if !text.is_empty() {
            rule[key] = text.as_str().into();
        }
    }
    rule
}

/// A rule as a JSON object with `id`, `title` and `family`.
#[must_use]
pub fn rule_json(rule: &RuleNote) -> Value {
    json!({ "id": rule.id.as_str(), "title": rule.title.as_str(), "family": rule.family.as_str() })
}

/// The revocation plan of an incident as a JSON object.
#[must_use]
pub fn revocation_json(block: &RevocationBlock) -> Value {
    let targets: Vec<Value> = block.targets.iter().map(block_target_json).collect();
    let mut object = Map::new();
    object.insert("txn".into(), block.txn.to_string().into());
    object.insert("mode".into(), block.mode.as_str().into());
    object.insert("targets".into(), targets.into());
    object.insert("notes".into(), block.notes.clone().into());
    if block.progress.requested > 0 {
        object.insert("progress".into(), progress_json(&block.progress));
    }
    Value::Object(object)
}

/// One target of a plan, and how far it has come.
fn block_target_json(target: &BlockTarget) -> Value {
    let mut object = target_json(&target.target);
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("reason", target.reason.as_str().into());
    put("mode", target.mode.as_str().into());
    put("state", target.state.as_str().into());
    put("plan", target.number.into());
    if target.attempt > 1 {
        put("attempt", target.attempt.into());
    }
    if target.order.1 > 1 {
        put("order", target.order.0.into());
        put("of", target.order.1.into());
    }
    if let Some(TreePart::Member {
        agent,
        parent,
        depth,
        edge,
    }) = &target.part
    {
        put("agent_id", agent.as_str().into());
        put("parent", parent.as_str().into());
        put("depth", (*depth).into());
        put("evidence", edge.words().collect());
    }
    if let Some(until_ms) = target.decide_by_ms {
        put("decide_by_ms", until_ms.into());
    }
    if let Some(txn) = target.joined {
        put("joined_txn", txn.to_string().into());
    }
    if let Some(last_ms) = target.uses.last_ms() {
        put("uses_after_request", target.uses.count().into());
        put("last_use_ms", last_ms.into());
        put("still_acting", target.still_acts.into());
    }
    if target.state != RequestState::Planned {
        put("asked_ms", target.asked_ms.into());
    }
    if let Some(confirmed_ms) = target.confirmed_ms {
        put("confirmed_ms", confirmed_ms.into());
    }
    if let Some(effective_ms) = target.effective_ms {
        put("effective_ms", effective_ms.into());
    }
    Value::Object(object)
}

/// How far the requests of an incident have come.
fn progress_json(progress: &RevocationProgress) -> Value {
    let numbers = |requested: u32, confirmed: u32, effective_ms: Option<i64>| {
        let mut object = Map::new();
        object.insert("requested".into(), requested.into());
        object.insert("confirmed".into(), confirmed.into());
        if let Some(effective_ms) = effective_ms {
            object.insert("effective_ms".into(), effective_ms.into());
        }
        object
    };
    let mut object = numbers(
        progress.requested,
        progress.confirmed,
        progress.effective_ms,
    );
    object.insert("waiting".into(), progress.waiting.into());
    object.insert("still_acting".into(), progress.still_acting.into());
    let issuers = progress.issuers.iter().map(|one| {
        let mut object = numbers(one.requested, one.confirmed, one.effective_ms);
        if let Some(issuer) = &one.issuer {
            object.insert("issuer".into(), issuer.as_str().into());
        }
        Value::Object(object)
    });
    object.insert("issuers".into(), issuers.collect());
    Value::Object(object)
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
    if !entry.agent_id.is_empty() {
        put("agent_id", entry.agent_id.as_str().into());
    }
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
    let targets = entry.targets.iter().map(block_target_json);
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
    if let Some(group) = &expected.group {
        let mut named = json!({ "field": group.field.as_str() });
        if let Some(value) = &group.value {
            named["value"] = value.as_str().into();
        }
        object.insert("group".into(), named);
    }
    object.insert("window_ms".into(), expected.window_ms.into());
    let numbers = [
        ("observed", expected.observed),
        ("expected", expected.expected),
        ("upper", expected.upper),
        ("ratio", expected.ratio),
        ("score", expected.score),
        ("needed", expected.needed),
        ("learned_days", expected.learned_days),
        ("highest", expected.highest.unwrap_or(f64::NAN)),
        ("last_week", expected.last_week.unwrap_or(f64::NAN)),
    ];
    for (key, number) in numbers.into_iter().filter(|(_, number)| number.is_finite()) {
        object.insert(key.into(), number.into());
    }
    object.insert("state".into(), expected.state.as_str().into());
    Value::Object(object)
}

/// What an action gives as evidence, as a JSON object: each signal with the counts behind it.
pub(super) fn evidence_json(evidence: &EvidenceNote) -> Value {
    let counts = |(with, tasks): (u32, u32)| json!({ "with": with, "tasks": tasks });
    let signal = |one: &SignalNote| {
        let mut object = json!({
            "signal": one.signal.as_str(),
            "weight": one.weight,
            "about": one.about,
        });
        for (name, counted) in [("class", one.class), ("type", one.peers)] {
            if let Some(counted) = counted {
                object[name] = counts(counted);
            }
        }
        object
    };
    json!({
        "bans": evidence.bans,
        "class_tasks": evidence.class_tasks,
        "signals": evidence.signals.iter().map(signal).collect::<Vec<Value>>(),
    })
}

pub(super) fn text_list(list: &[Text]) -> Value {
    list.iter().map(|text| Value::from(text.as_str())).collect()
}
