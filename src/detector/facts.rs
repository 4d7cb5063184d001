//! Fills the facts of one action: from its record, the scope's verdict and the metrics.

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::baseline::PaneComparison;
use crate::rule::{
    Bundle, FactValue, Facts, MetricSpec, Rule, fact, fill_record_facts, fill_time_facts,
};
use crate::scope::Judgement;

use super::dispatch::GivenFact;
use super::lifecycle_facts::fill_end;
use super::timed_action::TimedAction;

/// The record's own facts and those of its time.
pub(super) fn fill_record<'a>(
    facts: &mut Facts<'a>,
    timed: &TimedAction<'a>,
    event_id: &'a str,
    zone: Option<&TimeZone>,
) {
    fill_record_facts(facts, timed.action);
    facts.set(fact::EVENT_ID, event_id);
    facts.set(fact::EVENT_ID_REUSED, timed.id_reused);
    let utc = TimeZone::UTC;
    let zone = zone.unwrap_or(&utc);
    fill_time_facts(facts, timed.action, timed.at_ms, timed.clamped, zone);
}

/// The word for a revocation that the identity system has confirmed.
pub(super) const REVOCATION_CONFIRMED: &str = "confirmed";
/// The word for a revocation that is only requested so far.
pub(super) const REVOCATION_REQUESTED: &str = "requested";

/// A revocation that should have made the action impossible.
#[derive(Debug, Clone, Copy)]
pub(super) struct RevocationBefore {
    pub since_ms: i64,
    /// The identity system has confirmed it; else it was only requested.
    pub confirmed: bool,
}

/// The facts of the scope's verdict, and of a revocation before the action.
pub(super) fn fill_scope<'a>(
    facts: &mut Facts<'a>,
    judgement: &'a Judgement,
    violations: &'a [&'a str],
    revocation: Option<RevocationBefore>,
) {
    // The class that a scope declares goes before the one that the record names.
    if let Some(class) = judgement.task_class() {
        facts.set(fact::TASK_CLASS, class);
    }
    facts.set(fact::SCOPE_STATUS, judgement.status.as_str());
    facts.set(fact::SCOPE_VIOLATIONS, FactValue::List(violations));
    facts.set(fact::SCOPE_UNDECLARED_TASK, judgement.undeclared_task);
    facts.set(fact::SCOPE_UNMAPPED, judgement.unmapped);
    facts.set(fact::SCOPE_ENFORCEMENT_GAP, judgement.enforcement_gap);
    facts.set(fact::SCOPE_WIDENED, judgement.widened);
    facts.set(
        fact::SCOPE_SINCE_WIDENED_S,
        judgement.since_widened_ms.map(|ms| ms / 1_000),
    );
    facts.set(
        fact::SCOPE_BASIS,
        judgement.basis.map(|basis| basis.as_str()),
    );
    facts.set(fact::SCOPE_ID, judgement.scope_id());
    facts.set(fact::SCOPE_AGE_S, judgement.age_ms.map(|ms| ms / 1_000));
    facts.set(fact::LIFECYCLE_AFTER_END, judgement.after_end);
    fill_end(facts, judgement);
    facts.set(fact::LIFECYCLE_AFTER_REVOCATION, revocation.is_some());
    facts.set(
        fact::LIFECYCLE_SINCE_REVOCATION_S,
        revocation.map(|before| before.since_ms / 1_000),
    );
    facts.set(
        fact::LIFECYCLE_REVOCATION,
        revocation.map(|before| match before.confirmed {
            true => REVOCATION_CONFIRMED,
            false => REVOCATION_REQUESTED,
        }),
    );
}

/// What a metric observed in its open pane and what it expected.
pub(super) fn fill_expected(facts: &mut Facts<'_>, spec: &MetricSpec, expected: &PaneComparison) {
    facts.set(spec.facts.observed, expected.observed);
    facts.set(spec.facts.expected, expected.expected);
    facts.set(
        spec.facts.upper,
        Some(expected.upper).filter(|upper| upper.is_finite()),
    );
    facts.set(spec.facts.ratio, expected.ratio);
    facts.set(spec.facts.p_value, expected.p_value);
    facts.set(spec.facts.state, expected.state.as_str());
}

/// The facts set by hand in a rule test.
pub(super) fn fill_all_given<'a>(facts: &mut Facts<'a>, given: &'a [GivenFact]) {
    for one in given {
        fill_given(facts, one);
    }
}

/// A fact set by hand in a rule test.
pub(super) fn fill_given<'a>(facts: &mut Facts<'a>, given: &'a GivenFact) {
    let value = match &given.value {
        Json::Bool(flag) => FactValue::Flag(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => FactValue::Int(whole),
            None => FactValue::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => FactValue::Text(text),
        Json::Null | Json::Array(_) | Json::Object(_) => FactValue::Absent,
    };
    facts.set(given.slot, value);
}

/// The facts a rule reads, by name, without the absent ones.
pub(super) fn read_by(
    rule: &Rule,
    bundle: &Bundle,
    facts: &Facts<'_>,
) -> serde_json::Map<String, Json> {
    let metric = rule
        .baseline
        .and_then(|ix| bundle.metric(ix))
        .map(|metric| metric.facts);
    let of_metric = metric.into_iter().flat_map(|facts| facts.all_slots());
    rule.reads
        .iter()
        .copied()
        .chain(of_metric)
        .filter_map(|slot| {
            let value = facts.get(slot);
            let info = bundle.catalogue.fact_info(slot)?;
            (!value.is_absent()).then(|| (info.name.to_string(), value.to_json()))
        })
        .collect()
}
