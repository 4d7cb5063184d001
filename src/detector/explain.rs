//! The sentence of an alert: who did what to what, observed against expected.

use crate::baseline::{AlarmKind, PaneHistory};
use crate::event::{AgentAction, EventKind, Text};
use crate::response::{BaselineComparison, MetricGroup};
use crate::rule::{FactValue, Facts, MetricSpec, Rule, RuleFamily, fact};
use crate::scope::{Judgement, ScopeStatus, non_empty};

use super::action_text::{describe_action, shorten_id};
use super::facts::REVOCATION_CONFIRMED;
use super::gateway_gap::explain_gap;
use super::metric_slots::{MetricAlarm, OTHERS, describe_metric, group_of};

const DAY_MS: f64 = 86_400_000.0;

/// Names of malformed fields that a sentence shows.
const NAMES_MAX: usize = 8;

const UNUSABLE: &str = "judged without the values of";
const UNKNOWN_DEED: &str = "nobody knows what it did";
const UNMAPPED: &str = "which no grant can judge: its verb or resource type is not mapped";

/// One sentence for people.
pub(super) fn explain_match(
    rule: &Rule,
    action: &AgentAction,
    judgement: &Judgement,
    facts: &Facts<'_>,
    expected: Option<(&MetricSpec, &MetricAlarm)>,
) -> String {
    let who = format!("Agent {}/{}", action.tenant, action.agent_id);
    if let Some((metric, alarm)) = expected {
        return format!("{who}: {}", explain_volume(metric, alarm));
    }
    if let FactValue::Text(class) = facts.get(fact::EVENT_DEAD_LETTER) {
        return format!("{who}: a record of this agent cannot be used ({class}); {UNKNOWN_DEED}");
    }
    if let Some(gap) = explain_gap(action, facts) {
        return gap;
    }
    if !is_action(facts) {
        return format!("{who}: {}{}", rule.title, explain_tree(facts));
    }
    let did = describe_action(action);
    if rule.reads.contains(&fact::EVENT_MALFORMED) {
        let names: Vec<&str> = action.malformed.names().take(NAMES_MAX).collect();
        return format!("{who}: {did}, {UNUSABLE} {}", names.join(", "));
    }
    if rule.reads.contains(&fact::NOVEL_MODEL_CLASS) {
        return format!("{who}: {did}, {}", explain_model(action));
    }
    let since = facts.get(fact::LIFECYCLE_SINCE_REVOCATION_S);
    match rule.family {
        RuleFamily::Scope if rule.reads.contains(&fact::LIFECYCLE_AFTER_REVOCATION) => {
            match since {
                FactValue::Int(seconds) => {
                    let what = explain_revocation(facts.get(fact::LIFECYCLE_REVOCATION));
                    format!("{who}: {did}, {seconds} s after {what}")
                }
                _ => format!("{who}: {did}, {}", explain_verdict(judgement, action)),
            }
        }
        RuleFamily::Scope if rule.reads.contains(&fact::SCOPE_UNMAPPED) && judgement.unmapped => {
            format!("{who}: {did}, {UNMAPPED}")
        }
        RuleFamily::Scope => format!("{who}: {did}, {}", explain_verdict(judgement, action)),
        // In whatever family: what the action violates says more than the rule's title.
        _ if rule.reads.contains(&fact::SCOPE_VIOLATIONS) => {
            format!("{who}: {did}, {}", explain_verdict(judgement, action))
        }
        _ => format!("{who}: {did} ({})", rule.title),
    }
}

/// The model that the class does not know.
fn explain_model(action: &AgentAction) -> String {
    let by = match non_empty(&action.agent_model) {
        Some(model) => format!("by the model {}", shorten_id(model)),
        None => "by a model whose name cannot be read".to_owned(),
    };
    format!("{by}, which no clean task of its class used")
}

pub(super) fn is_action(facts: &Facts<'_>) -> bool {
    facts.get(fact::EVENT_KIND) == FactValue::Text(EventKind::Action.as_str())
}

/// What an event that is no action says of the agent's delegation, in brackets.
fn explain_tree(facts: &Facts<'_>) -> String {
    let parent = match facts.get(fact::DELEGATION_PARENT) {
        FactValue::Text(parent) => format!("parent {parent}"),
        _ => String::new(),
    };
    let wider = match facts.get(fact::DELEGATION_WIDENED) {
        FactValue::List(names) => format!("wider in {}", names.join(", ")),
        _ => String::new(),
    };
    let parts: Vec<String> = [parent, wider]
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", parts.join("; ")),
    }
}

/// What happened before the action. A request is no revocation until the identity system confirms
/// it.
fn explain_revocation(state: FactValue<'_>) -> &'static str {
    match state {
        FactValue::Text(REVOCATION_CONFIRMED) => {
            "the identity system confirmed that what it acts with is revoked"
        }
        _ => {
            "the revocation of what it acts with was requested; the identity system has not \
             confirmed it"
        }
    }
}

/// The comparison of a baseline alert, for its own field.
pub(super) fn compare_baseline(metric: &MetricSpec, alarm: &MetricAlarm) -> BaselineComparison {
    let expected = &alarm.found;
    let group = metric.group.map(|field| MetricGroup {
        field: field.path().into(),
        value: group_of(&alarm.name)
            .filter(|value| *value != OTHERS)
            .map(Text::from),
    });
    BaselineComparison {
        metric: metric.name.clone(),
        group,
        window_ms: expected.window_ms,
        observed: expected.observed,
        expected: expected.expected,
        upper: expected.upper,
        ratio: expected.ratio,
        state: expected.state.as_str().into(),
        score: expected.score,
        needed: expected.needed,
        learned_days: expected.history.learned_ms as f64 / DAY_MS,
        highest: expected.history.highest,
        last_week: expected.history.last_week,
    }
}

/// Why the action is outside, in the scope room's words.
fn explain_verdict(judgement: &Judgement, action: &AgentAction) -> String {
    let scope = judgement.scope_id().unwrap_or("none");
    let reasons: Vec<String> = judgement
        .scope
        .iter()
        .flat_map(|scope| {
            let explain = |violation| judgement.explain(violation, action, scope);
            judgement.violations.iter().map(explain)
        })
        .collect();
    let reasons = reasons.join("; ");
    match judgement.status {
        ScopeStatus::Active if !reasons.is_empty() => format!("outside scope {scope}: {reasons}"),
        ScopeStatus::Active if judgement.unmapped => UNMAPPED.to_owned(),
        ScopeStatus::Active => format!("allowed by scope {scope}"),
        ScopeStatus::Missing if judgement.undeclared_task => {
            let task = action
                .task_id
                .as_deref()
                .map(shorten_id)
                .unwrap_or_default();
            format!("but nobody declared its task {task} to this agent")
        }
        ScopeStatus::Missing => "but nobody declared a scope for this agent".to_owned(),
        ScopeStatus::Unmanaged => {
            "but its tenant has never had a scope or a template: only rules that need no scope \
             can judge it"
                .to_owned()
        }
        ScopeStatus::Pending => "while its scope is awaited".to_owned(),
        status => {
            let ended = match status {
                ScopeStatus::NotYet => "not yet in effect",
                _ => status.as_str(),
            };
            match reasons.is_empty() {
                true => format!("but scope {scope} is {ended}"),
                false => format!("but scope {scope} is {ended}, and outside it: {reasons}"),
            }
        }
    }
}

/// `62 actions in 1m; usual at this hour 3.1 (alarm from 24), 20 times as many`.
fn explain_volume(metric: &MetricSpec, alarm: &MetricAlarm) -> String {
    let expected = &alarm.found;
    let window = crate::text::units::show_duration(expected.window_ms);
    let name = describe_metric(metric, &alarm.name);
    let observed = show_value(expected.observed);
    let usual = show_value(expected.expected);
    let upper = match expected.upper.is_finite() {
        true => format!(" (alarm from {})", show_value(expected.upper)),
        false => String::new(),
    };
    let scores = format!("score {:.1}, needed {:.1}", expected.score, expected.needed);
    let seen = format!("{observed} {name} in {window}; usual at this hour {usual}");
    match expected.kind {
        AlarmKind::Burst => format!(
            "{seen}{upper}, {:.0} times as many{}; {scores}",
            expected.ratio,
            explain_history(&expected.history)
        ),
        AlarmKind::Level => {
            let away = expected.deviations;
            format!("{seen}{upper}, {away:.1} deviations from the level; {scores}")
        }
        AlarmKind::Drift => format!("{seen}; more than usual for hours; {scores}"),
        AlarmKind::Silence => {
            let longest_min = expected.expected / 60.0;
            format!("no {name} for {window}; the longest silence so far is {longest_min:.0} min")
        }
    }
}

/// `; in 21 days never more than 77, usual last week 2.9`.
fn explain_history(history: &PaneHistory) -> String {
    let days = (history.learned_ms as f64 / DAY_MS).floor();
    let highest = history.highest.map(|highest| {
        let highest = show_value(highest.ceil());
        match days >= 1.0 {
            true => format!("; in {days:.0} d never more than {highest}"),
            false => format!("; never more than {highest}"),
        }
    });
    let last_week = history.last_week;
    let last_week = last_week.map(|usual| format!(", usual last week {}", show_value(usual)));
    highest.unwrap_or_default() + &last_week.unwrap_or_default()
}

/// A value with as many digits as it has a meaning.
fn show_value(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        size if size < 1.0 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
