//! Alerts as OCSF 1.8.0 Detection Finding (class 2004) with the profile `security_control`.
//!
//! OCSF 1.8.0 has no object `ai_agent`, and its profile `ai_operation` does not apply to this
//! class. So the agent is written as the actor's application (`actor.app_uid`), and fields without
//! a place in OCSF are written below `unmapped`. The table of the action's fields says which of
//! them are plain copies.

use serde_json::{Map, Value, json};

use crate::event::{ActionField, AgentAction, FieldValue, Text};
use crate::response::{
    Alert, AlertActivity, BaselineComparison, CloseReason, EvidenceNote, RequestState,
    RuleConfidence, RuleFamily, RuleLevel,
};

use super::native;
use super::threat_names::threat_json;

/// The version of OCSF that is written.
pub const OCSF_VERSION: &str = "1.8.0";
/// The version of MITRE ATLAS that defines the technique ids.
pub const ATLAS_VERSION: &str = "5.6.1";
const CLASS_UID: i64 = 2004;

/// An alert as a Detection Finding. `version` is the version of Scopewatch.
#[must_use]
pub fn detection_finding(alert: &Alert, version: &str) -> Value {
    let (activity_id, activity) = match alert.activity {
        AlertActivity::Create => (1, "Create"),
        AlertActivity::Update | AlertActivity::Close(CloseReason::Quiet) => (2, "Update"),
        AlertActivity::Close(CloseReason::FalsePositive) => (3, "Close"),
    };
    let (status_id, status) = status_id(alert);
    let (severity_id, severity) = severity_id(alert.severity);
    let (disposition_id, disposition) = disposition_id(alert);
    let mut finding = Map::new();
    let mut put = |key: &str, value: Value| finding.insert(key.to_owned(), value);
    put("category_uid", 2.into());
    put("category_name", "Findings".into());
    put("class_uid", CLASS_UID.into());
    put("class_name", "Detection Finding".into());
    put("activity_id", activity_id.into());
    put("activity_name", activity.into());
    put("type_uid", (CLASS_UID * 100 + activity_id).into());
    put("time", alert.time_ms.into());
    put("start_time", alert.first_event.occurred_at_ms.into());
    put(
        "end_time",
        alert.last_ms.max(alert.first_event.occurred_at_ms).into(),
    );
    put(
        "count",
        i64::try_from(alert.count).unwrap_or(i64::MAX).into(),
    );
    put("severity_id", severity_id.into());
    put("severity", severity.into());
    let (confidence_id, confidence) = confidence_id(alert.confidence);
    put("confidence_id", confidence_id.into());
    put("confidence", confidence.into());
    if !alert.advice.remediation.is_empty() {
        put(
            "remediation",
            json!({ "desc": alert.advice.remediation.as_str() }),
        );
    }
    put("status_id", status_id.into());
    put("status", status.into());
    put("message", alert.message.as_str().into());
    put("is_alert", (alert.severity >= RuleLevel::Medium).into());
    put("action_id", 3.into());
    put("action", "Observed".into());
    put("disposition_id", disposition_id.into());
    put("disposition", disposition.into());
    put("metadata", metadata_json(alert, version));
    put("finding_info", finding_info(alert));
    put("observables", observables_json(alert));
    if let Some(action) = &alert.trigger {
        put("evidences", json!([evidence_json(alert, action)]));
        if let Some(resource) = resource_json(action) {
            put("resources", json!([resource]));
        }
    }
    let baseline = alert.expected.as_ref();
    let evidence = alert.evidence.as_ref();
    let analysis = baseline
        .map(|expected| anomaly_json(alert, expected))
        .or(evidence.map(|evidence| novelty_json(alert, evidence)));
    if let Some(analysis) = analysis {
        put("anomaly_analyses", json!([analysis]));
    }
    put("unmapped", unmapped_json(alert));
    Value::Object(finding)
}

fn severity_id(severity: RuleLevel) -> (i64, &'static str) {
    match severity {
        RuleLevel::Informational => (1, "Informational"),
        RuleLevel::Low => (2, "Low"),
        RuleLevel::Medium => (3, "Medium"),
        RuleLevel::High => (4, "High"),
        RuleLevel::Critical => (5, "Critical"),
    }
}

fn confidence_id(confidence: RuleConfidence) -> (i64, &'static str) {
    match confidence {
        RuleConfidence::Low => (1, "Low"),
        RuleConfidence::Medium => (2, "Medium"),
        RuleConfidence::High => (3, "High"),
    }
}

/// An incident that is quiet stays new: that nothing more happens does not mean that somebody has
/// looked at it.
fn status_id(alert: &Alert) -> (i64, &'static str) {
    match alert.activity {
        AlertActivity::Close(CloseReason::FalsePositive) => (3, "Suppressed"),
        _ if is_revoked(alert) => (4, "Resolved"),
        _ => (1, "New"),
    }
}

/// Whether the identity system confirmed every target: a request alone revokes nothing.
fn is_revoked(alert: &Alert) -> bool {
    alert.revocation.as_ref().is_some_and(|block| {
        let mut targets = block.targets.iter();
        !block.targets.is_empty() && targets.all(|target| target.state == RequestState::Done)
    })
}

fn disposition_id(alert: &Alert) -> (i64, &'static str) {
    if is_revoked(alert) {
        (24, "Access Revoked")
    } else if alert.severity >= RuleLevel::Medium {
        (19, "Alert")
    } else {
        (15, "Detected")
    }
}

fn metadata_json(alert: &Alert, version: &str) -> Value {
    json!({
        "version": OCSF_VERSION,
        "profiles": ["security_control"],
        "product": { "name": "Scopewatch", "vendor_name": "Scopewatch", "version": version },
        "uid": alert.message_id.to_string(),
        // The case; the incident is the `uid` of the finding itself.
        "correlation_uid": alert.case_id.unwrap_or(alert.incident_id).to_string(),
        "tenant_uid": alert.tenant.as_str(),
        "log_name": &*alert.first_event.position.topic,
        "original_time": alert.first_event.occurred_at_ms.to_string(),
    })
}

fn finding_info(alert: &Alert) -> Value {
    let analytic_type = match (&alert.expected, alert.rule.family) {
        (Some(_), _) => (3, "Statistical"),
        (None, RuleFamily::Behaviour | RuleFamily::Risk) => (2, "Behavioral"),
        (None, _) => (1, "Rule"),
    };
    let mut info = json!({
        "uid": alert.incident_id.to_string(),
        "title": alert.rule.title.as_str(),
        "desc": alert.message,
        "first_seen_time": alert.first_event.occurred_at_ms,
        "last_seen_time": alert.last_ms.max(alert.first_event.occurred_at_ms),
        "types": [alert.rule.family.as_str()],
        "analytic": {
            "uid": alert.rule.id.as_str(),
            "name": alert.rule.title.as_str(),
            "type_id": analytic_type.0,
            "type": analytic_type.1,
            "category": alert.rule.family.as_str(),
            "version": alert.bundle.as_str(),
        },
        "related_events_count": i64::try_from(alert.count).unwrap_or(i64::MAX),
        "related_events":
            alert.event_ids.iter().map(|id| json!({ "uid": id.as_str() })).collect::<Vec<_>>(),
    });
    if !alert.advice.description.is_empty() {
        info["analytic"]["desc"] = alert.advice.description.as_str().into();
    }
    if !alert.atlas.is_empty() {
        let attacks = alert.atlas.iter().map(attack_json).collect::<Vec<_>>();
        info["attacks"] = attacks.into();
    }
    if !alert.also.is_empty() {
        let related = alert.also.iter().map(
            |rule| json!({ "uid": rule.id.as_str(), "name": rule.title.as_str(), "type_id": 1 }),
        );
        info["related_analytics"] = related.collect();
    }
    info
}

/// The technique, and the sub-technique if the id has three parts: `AML.T0085.001` is a
/// sub-technique of `AML.T0085`.
fn attack_json(id: &Text) -> Value {
    let sub = id.splitn(3, '.').nth(2);
    let technique = sub
        .and_then(|sub| id.strip_suffix(sub)?.strip_suffix('.'))
        .unwrap_or(id);
    let technique = threat_json("uid", technique);
    let mut attack = json!({ "version": ATLAS_VERSION, "technique": technique });
    if sub.is_some() {
        attack["sub_technique"] = threat_json("uid", id);
    }
    attack
}

fn observables_json(alert: &Alert) -> Value {
    let (tenant, agent) = (alert.tenant.as_str(), alert.agent_id.as_str());
    let mut list = vec![
        json!({ "name": "tenant_uid", "type_id": 99, "type": "Tenant", "value": tenant }),
        json!({ "name": "agent_id", "type_id": 99, "type": "AI Agent", "value": agent }),
    ];
    let Some(action) = &alert.trigger else {
        return list.into();
    };
    for field in ActionField::ALL {
        let info = field.info();
        if let (Some(name), Some(type_id)) = (info.ocsf_path, info.ocsf_observable)
            && let Some(value) = field.value_in(action)
        {
            let value = value_json(value);
            list.push(json!({ "name": name, "type_id": type_id, "value": value }));
        }
    }
    list.into()
}

/// Copies to `object` the fields of the action whose OCSF path starts with `root`.
fn copy_fields(object: &mut Value, root: &str, action: &AgentAction) {
    for field in ActionField::ALL {
        let path = field
            .info()
            .ocsf_path
            .and_then(|path| path.strip_prefix(root));
        if let (Some(path), Some(value)) = (path, field.value_in(action)) {
            let mut at = &mut *object;
            for name in path.split('.').skip(1) {
                at = &mut at[name];
            }
            *at = value_json(value);
        }
    }
}

fn value_json(value: FieldValue<'_>) -> Value {
    match value {
        FieldValue::Text(text) | FieldValue::Word(text) => text.into(),
        FieldValue::Time(ms) => ms.into(),
        FieldValue::Count(count) => count.into(),
        FieldValue::Amount(amount) => amount.into(),
        FieldValue::Flag(flag) => flag.into(),
        FieldValue::Texts(list) => native::text_list(list),
    }
}

/// The agent as the actor's application, its principal as the user, and the API that it called.
fn evidence_json(alert: &Alert, action: &AgentAction) -> Value {
    let operation = action
        .action_operation
        .as_deref()
        .unwrap_or(action.action_verb.as_str());
    let mut evidence = json!({
        "actor": { "app_name": action.agent_id.as_str() },
        "api": { "operation": operation },
        "data": { "facts": alert.facts, "chain": native::text_list(&alert.chain) },
    });
    if let Some(caller) = alert.chain.first() {
        evidence["actor"]["invoked_by"] = caller.as_str().into();
    }
    if let Some(tool) = action.tool_name.as_ref().or(action.tool_server.as_ref()) {
        evidence["api"]["service"] = json!({ "name": tool.as_str() });
    }
    copy_fields(&mut evidence, "evidences", action);
    evidence
}

fn resource_json(action: &AgentAction) -> Option<Value> {
    if action.resource_type_unmapped() && action.resource_id.is_none() {
        return None;
    }
    let name = action.resource_id.as_ref().unwrap_or(&action.resource_type);
    let mut resource = json!({ "name": name.as_str(), "role_id": 1 });
    copy_fields(&mut resource, "resources", action);
    Some(resource)
}

/// The observed value of a window beside the value that the baseline expected.
fn anomaly_json(alert: &Alert, expected: &BaselineComparison) -> Value {
    let pattern = if expected.observed >= expected.expected {
        "SURGE"
    } else {
        "RARE"
    };
    let parameter = match &expected.group {
        Some(group) => {
            let value = group.value.as_deref().unwrap_or("other values");
            format!("{} of {} {value}", expected.metric, group.field)
        }
        None => expected.metric.to_string(),
    };
    let usual = format!(
        "{} baseline, usual up to {}",
        expected.state, expected.upper
    );
    json!({
        "analysis_targets": [{ "name": alert.agent_id.as_str(), "type": "AI Agent" }],
        "baselines": [{
            "observation_parameter": parameter,
            "observation_type": "Frequency",
            "observed_pattern": usual,
            "observations": [{ "value": expected.expected.to_string() }],
        }],
        "anomalies": [{
            "observation_parameter": parameter,
            "observation_type": "Frequency",
            "observed_pattern": pattern,
            "observations": [{ "value": expected.observed.to_string() }],
        }],
    })
}

/// The signals of evidence beside the tasks that they are counted by.
fn novelty_json(alert: &Alert, evidence: &EvidenceNote) -> Value {
    let signals = evidence.signals.iter();
    let anomalies: Vec<Value> = signals
        .clone()
        .map(|one| {
            json!({
                "observation_parameter": one.signal.as_str(),
                "observation_type": "Evidence",
                "observed_pattern": one.about,
                "observations": [{ "value": one.weight.to_string() }],
            })
        })
        .collect();
    let baselines: Vec<Value> = signals
        .filter_map(|one| {
            let (with, tasks) = one.class?;
            Some(json!({
                "observation_parameter": one.signal.as_str(),
                "observation_type": "Frequency",
                "observed_pattern": format!("{with} of {tasks} tasks of the class"),
                "observations": [{ "value": with.to_string() }],
            }))
        })
        .collect();
    let mut analysis = json!({
        "analysis_targets": [{ "name": alert.agent_id.as_str(), "type": "AI Agent" }],
        "anomalies": anomalies,
    });
    if !baselines.is_empty() {
        analysis["baselines"] = baselines.into();
    }
    analysis
}

/// The fields of the native form that OCSF has no place for.
fn unmapped_json(alert: &Alert) -> Value {
    let mut extra = Map::new();
    extra.insert(
        "first_event".into(),
        native::first_event(&alert.first_event),
    );
    extra.insert("event_ids_dropped".into(), alert.event_ids_dropped.into());
    extra.insert("facts".into(), Value::Object(alert.facts.clone()));
    extra.insert("chain".into(), native::text_list(&alert.chain));
    if !alert.edges.is_empty() {
        extra.insert("chain_edges".into(), native::edges_json(&alert.edges));
    }
    extra.insert("asi".into(), native::text_list(&alert.asi));
    extra.insert("bundle".into(), alert.bundle.as_str().into());
    if !alert.agents.is_empty() {
        extra.insert("agents".into(), native::text_list(&alert.agents));
    }
    if let Some(kind) = &alert.agent_type {
        extra.insert("agent_type".into(), kind.as_str().into());
    }
    if let Some(task) = &alert.task_id {
        extra.insert("task_id".into(), task.as_str().into());
    }
    if let Some(expected) = &alert.expected {
        extra.insert("expected".into(), native::expected_json(expected));
    }
    if let Some(evidence) = &alert.evidence {
        extra.insert("evidence".into(), native::evidence_json(evidence));
    }
    if let Some(scope) = &alert.context.scope {
        extra.insert("scope".into(), native::scope_json(scope));
    }
    if !alert.context.recent.is_empty() {
        let recent = native::recent_json(&alert.context.recent);
        extra.insert("recent_actions".into(), recent);
    }
    if let Some(block) = &alert.revocation {
        extra.insert("revocation".into(), native::revocation_json(block));
    }
    if let AlertActivity::Close(reason) = alert.activity {
        extra.insert("close_reason".into(), reason.as_str().into());
    }
    Value::Object(extra)
}
