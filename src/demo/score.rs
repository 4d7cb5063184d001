//! Compares alerts with the planted attacks: which attacks were caught, by which rule, after what
//! delay, which alerts no attack explains, and which are about a benign twin.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::event::Text;
use crate::simulator::AttackLabel;

/// The most alerts that are stored for the score. Further alerts are only counted.
pub const ALERTS_MAX: usize = 100_000;
/// How long after its last event an attack still explains alerts about its agent, ms.
const AFTERMATH_MS: i64 = 3_600_000;
/// How much earlier than the first event of an attack an alert may be, ms: stream time is that of
/// the broker, and the fleet's time runs faster than its clock.
const CLOCK_TOLERANCE_MS: i64 = 5_000;

/// The fields of an alert that the demo uses.
#[derive(Debug, Clone, Copy)]
pub struct AlertView<'a> {
    /// Path of the rule's file without extension, for example `scope/verb-outside-grant`.
    pub rule: &'a str,
    /// The same for the weaker rules that fired on the action.
    pub also: &'a [&'a str],
    pub tenant: &'a str,
    pub agent_id: &'a str,
    pub event_ids: &'a [&'a str],
    /// Stream time, epoch ms.
    pub at_ms: i64,
    pub severity: &'a str,
    pub message: &'a str,
}

/// Collects the alerts of a demo.
#[derive(Debug, Default)]
pub struct AlertScorer {
    alerts: Vec<ScoredAlert>,
    uncounted: u64,
}

#[derive(Debug)]
struct ScoredAlert {
    rule: Text,
    also: Vec<Text>,
    tenant: Text,
    agent_id: Text,
    event_ids: Vec<Text>,
    at_ms: i64,
    message: String,
}

/// The result for one planted attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum AttackVerdict {
    /// An alert names an event of the attack. `expected`: the expected rule fired.
    Caught {
        rule: Text,
        delay_ms: i64,
        expected: bool,
    },
    Missed,
    /// This version ships no rule for the attack. `named_by` is the rule of an alert that names its
    /// events nevertheless.
    Later {
        named_by: Option<Text>,
    },
    /// A benign twin without an alert, as it should be.
    Quiet,
    /// A benign twin with an alert, which is false.
    Alerted {
        rule: Text,
    },
}

/// One attack in the final table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreRow {
    pub attack_id: Text,
    /// `family/kind`.
    pub attack: String,
    pub tenant: Text,
    pub agent_id: Text,
    #[serde(flatten)]
    pub verdict: AttackVerdict,
}

/// An alert that no attack explains, or that is about a benign twin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FalseAlert {
    pub rule: Text,
    pub tenant: Text,
    pub agent_id: Text,
    pub at_ms: i64,
    pub message: String,
}

/// The result of a demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scoreboard {
    pub rows: Vec<ScoreRow>,
    pub false_alerts: Vec<FalseAlert>,
    pub alerts: u64,
}

impl AlertScorer {
    #[must_use]
    pub fn new() -> Self {
        AlertScorer::default()
    }

    /// Adds an alert message, of a new or an updated incident.
    pub fn add_alert(&mut self, alert: &AlertView<'_>) {
        if self.alerts.len() == ALERTS_MAX {
            self.uncounted += 1;
            return;
        }
        self.alerts.push(ScoredAlert {
            rule: alert.rule.into(),
            also: alert.also.iter().copied().map(Text::from).collect(),
            tenant: alert.tenant.into(),
            agent_id: alert.agent_id.into(),
            event_ids: alert.event_ids.iter().copied().map(Text::from).collect(),
            at_ms: alert.at_ms,
            message: alert.message.to_owned(),
        });
    }

    /// Compares the alerts with `labels`.
    #[must_use]
    pub fn compare_with_labels(&self, labels: &[AttackLabel]) -> Scoreboard {
        let mut owner: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (index, label) in labels.iter().enumerate() {
            for id in &label.event_ids {
                owner.insert((&label.tenant, id), index);
            }
        }
        let mut named: BTreeMap<usize, Vec<&ScoredAlert>> = BTreeMap::new();
        let mut false_alerts = Vec::new();
        for alert in &self.alerts {
            let of_event = |id: &Text| owner.get(&(alert.tenant.as_str(), id.as_str())).copied();
            let mut hits: BTreeSet<usize> = alert.event_ids.iter().filter_map(of_event).collect();
            let by_scope = labels.iter().enumerate();
            let by_scope = by_scope.filter(|(_, label)| {
                is_about_wrong_scope(label, alert) || is_about_gateway(label, alert)
            });
            hits.extend(by_scope.map(|(index, _)| index));
            let benign = |index: &usize| labels.get(*index).is_some_and(|label| label.benign);
            let only_benign = !hits.is_empty() && hits.iter().all(benign);
            let explained = || labels.iter().any(|label| explains_alert(label, alert));
            if only_benign || hits.is_empty() && !explained() {
                false_alerts.push(FalseAlert {
                    rule: alert.rule.clone(),
                    tenant: alert.tenant.clone(),
                    agent_id: alert.agent_id.clone(),
                    at_ms: alert.at_ms,
                    message: alert.message.clone(),
                });
            }
            for hit in hits {
                named.entry(hit).or_default().push(alert);
            }
        }
        let rows = labels.iter().enumerate().map(|(index, label)| ScoreRow {
            attack_id: label.attack_id.clone(),
            attack: label.kind.to_string(),
            tenant: label.tenant.clone(),
            agent_id: label.agent_id.clone(),
            verdict: attack_verdict(label, named.get(&index).map_or(&[][..], Vec::as_slice)),
        });
        let alerts = self.alerts.len() as u64 + self.uncounted;
        Scoreboard {
            rows: rows.collect(),
            false_alerts,
            alerts,
        }
    }
}

/// Whether the alert is about the agent of the attack or an accomplice, during the attack or up to
/// [`AFTERMATH_MS`] later.
fn explains_alert(label: &AttackLabel, alert: &ScoredAlert) -> bool {
    !label.benign
        && label.tenant == alert.tenant
        && (label.agent_id == alert.agent_id || label.accomplices.contains(&alert.agent_id))
        && (label.at_ms - CLOCK_TOLERANCE_MS..=label.until_ms + AFTERMATH_MS).contains(&alert.at_ms)
}

/// Whether the alert is the expected one about a scope record that is wrong by itself: it names no
/// action, so that agent, rule and time decide.
fn is_about_wrong_scope(label: &AttackLabel, alert: &ScoredAlert) -> bool {
    !label.scope_ids.is_empty()
        && label.agent_id == alert.agent_id
        && explains_alert(label, alert)
        && label.expected_rule.is_some_and(|rule| alert.names(rule))
}

/// Whether the alert is about the gateway of the attack.
fn is_about_gateway(label: &AttackLabel, alert: &ScoredAlert) -> bool {
    label.kind.is_about_gateway()
        && label.tenant == alert.tenant
        && label.accomplices.contains(&alert.agent_id)
}

impl ScoredAlert {
    /// Whether the rule alerts, or fired beside the one that does.
    fn names(&self, rule: &str) -> bool {
        self.rule == rule || self.also.iter().any(|other| other == rule)
    }
}

fn attack_verdict(label: &AttackLabel, alerts: &[&ScoredAlert]) -> AttackVerdict {
    let first = alerts.iter().min_by_key(|alert| alert.at_ms);
    if label.benign {
        return first.map_or(AttackVerdict::Quiet, |alert| AttackVerdict::Alerted {
            rule: alert.rule.clone(),
        });
    }
    let (Some(first), Some(meant)) = (first, label.expected_rule) else {
        return match label.expected_rule {
            Some(_) => AttackVerdict::Missed,
            None => AttackVerdict::Later {
                named_by: first.map(|alert| alert.rule.clone()),
            },
        };
    };
    AttackVerdict::Caught {
        rule: first.rule.clone(),
        delay_ms: (first.at_ms - label.at_ms).max(0),
        expected: alerts.iter().any(|alert| alert.names(meant)),
    }
}

impl Scoreboard {
    /// Number of attacks that this version should catch, and how many of them it caught.
    #[must_use]
    pub fn expected_and_caught(&self) -> (usize, usize) {
        let count = |caught: bool| {
            self.rows
                .iter()
                .filter(|row| match row.verdict {
                    AttackVerdict::Caught { .. } => true,
                    AttackVerdict::Missed => !caught,
                    AttackVerdict::Later { .. }
                    | AttackVerdict::Quiet
                    | AttackVerdict::Alerted { .. } => false,
                })
                .count()
        };
        (count(false), count(true))
    }

    /// Number of benign twins, and how many of them caused an alert.
    #[must_use]
    pub fn twins_and_alerted(&self) -> (usize, usize) {
        let alerted = |row: &&ScoreRow| matches!(row.verdict, AttackVerdict::Alerted { .. });
        let quiet = |row: &&ScoreRow| row.verdict == AttackVerdict::Quiet;
        let alerted = self.rows.iter().filter(alerted).count();
        (alerted + self.rows.iter().filter(quiet).count(), alerted)
    }
}

impl fmt::Display for Scoreboard {
    /// The final table: one line per attack, then the false alerts, then the totals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<7} {:<42} {:<24} {:>8}  rule",
            "", "planted attack", "agent", "after"
        )?;
        for row in &self.rows {
            let (word, delay, rule) = match &row.verdict {
                AttackVerdict::Caught { rule, delay_ms, .. } => {
                    ("caught", format_span(*delay_ms), rule.as_str())
                }
                AttackVerdict::Missed => ("MISSED", String::new(), ""),
                AttackVerdict::Later { named_by } => (
                    "later",
                    String::new(),
                    named_by.as_deref().unwrap_or("not in this version"),
                ),
                AttackVerdict::Quiet => ("quiet", String::new(), "benign"),
                AttackVerdict::Alerted { rule } => ("FALSE", String::new(), rule.as_str()),
            };
            let agent = format!("{}/{}", row.tenant, row.agent_id);
            writeln!(
                f,
                "{word:<7} {:<42} {agent:<24} {delay:>8}  {rule}",
                row.attack
            )?;
        }
        if !self.false_alerts.is_empty() {
            writeln!(f, "\nalerts that no attack explains:")?;
        }
        for alert in &self.false_alerts {
            writeln!(
                f,
                "  {} {}/{}: {}",
                alert.rule, alert.tenant, alert.agent_id, alert.message
            )?;
        }
        let (planted, caught) = self.expected_and_caught();
        let (twins, alerted) = self.twins_and_alerted();
        write!(
            f,
            "\n{caught} of {planted} planted attacks caught; {alerted} of {twins} benign twins \
             alerted; {} alerts, {} of them false",
            self.alerts,
            self.false_alerts.len()
        )
    }
}

/// A duration for people: `12s`, `3m05s`.
fn format_span(ms: i64) -> String {
    let whole = ms / 1_000;
    match whole / 60 {
        0 if ms < 10_000 => format!("{:.1}s", ms as f64 / 1_000.0),
        0 => format!("{whole}s"),
        minutes => format!("{minutes}m{:02}s", whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::AttackKind;

    fn label(kind: AttackKind, agent: &str, ids: &[&str]) -> AttackLabel {
        AttackLabel {
            attack_id: "a1.0".into(),
            family: kind.family(),
            kind,
            benign: kind.is_benign(),
            scope_ids: Vec::new(),
            tenant: "acme".into(),
            agent_id: agent.into(),
            accomplices: vec!["helper".into()],
            first_event_id: ids[0].into(),
            event_ids: ids.iter().map(|id| Text::from(*id)).collect(),
            at_ms: 1_000,
            until_ms: 3_000,
            expected_rule: kind.expected_rule(),
        }
    }

    fn alert<'a>(rule: &'a str, agent: &'a str, ids: &'a [&'a str]) -> AlertView<'a> {
        AlertView {
            rule,
            also: &[],
            tenant: "acme",
            agent_id: agent,
            event_ids: ids,
            at_ms: 2_500,
            severity: "high",
            message: "m",
        }
    }

    #[test]
    fn an_attack_is_caught_only_by_an_alert_that_names_its_events() {
        let labels = [
            label(AttackKind::Tool, "bot", &["e1", "e2"]),
            label(AttackKind::Owner, "cat", &["e9"]),
        ];
        let mut score = AlertScorer::new();
        score.add_alert(&alert("scope/tool-outside-scope", "bot", &["e2"]));
        score.add_alert(&alert("scope/expired", "cat", &["other"]));
        let board = score.compare_with_labels(&labels);
        let caught = AttackVerdict::Caught {
            rule: "scope/tool-outside-scope".into(),
            delay_ms: 1_500,
            expected: true,
        };
        assert_eq!(board.rows[0].verdict, caught);
        assert_eq!(board.rows[1].verdict, AttackVerdict::Missed);
        assert_eq!(board.expected_and_caught(), (2, 1));
        assert!(
            board.false_alerts.is_empty(),
            "on an attack's own agent, within its wake"
        );
        assert!(board.to_string().contains("MISSED"));
    }

    #[test]
    fn the_same_event_id_in_another_tenant_names_nothing() {
        let mut score = AlertScorer::new();
        score.add_alert(&AlertView {
            tenant: "other",
            ..alert("r", "bot", &["e1"])
        });
        let board = score.compare_with_labels(&[label(AttackKind::Tool, "bot", &["e1"])]);
        assert_eq!(board.rows[0].verdict, AttackVerdict::Missed);
        assert_eq!(board.false_alerts.len(), 1);
    }

    #[test]
    fn a_later_kind_is_never_counted_and_its_helpers_are_not_false() {
        let mut score = AlertScorer::new();
        score.add_alert(&alert("scope/verb-outside-grant", "helper", &["x"]));
        score.add_alert(&alert("scope/verb-outside-grant", "bot", &["e1"]));
        score.add_alert(&alert("scope/verb-outside-grant", "stranger", &["y"]));
        let board = score.compare_with_labels(&[label(AttackKind::RecordSpike, "bot", &["e1"])]);
        assert_eq!(board.expected_and_caught(), (0, 0));
        let named_by = Some("scope/verb-outside-grant".into());
        assert_eq!(board.rows[0].verdict, AttackVerdict::Later { named_by });
        assert_eq!(board.false_alerts.len(), 1);
        assert_eq!(board.false_alerts[0].agent_id, "stranger");
    }

    #[test]
    fn every_alert_about_a_benign_twin_is_false_and_it_explains_none() {
        let twins = [AttackKind::TwinRotated, AttackKind::TwinGateway];
        let labels = [
            label(twins[0], "bot", &["e1"]),
            label(twins[1], "cat", &["e2"]),
        ];
        let mut score = AlertScorer::new();
        score.add_alert(&alert("credential/reused-across-tasks", "bot", &["e1"]));
        score.add_alert(&alert("scope/expired", "cat", &["of another task"]));
        let board = score.compare_with_labels(&labels);
        let rule = "credential/reused-across-tasks".into();
        assert_eq!(board.rows[0].verdict, AttackVerdict::Alerted { rule });
        assert_eq!(board.rows[1].verdict, AttackVerdict::Quiet);
        assert_eq!(board.false_alerts.len(), 2);
        assert_eq!(board.expected_and_caught(), (0, 0));
        assert_eq!(board.twins_and_alerted(), (2, 1));
    }

    #[test]
    fn a_wrong_scope_is_caught_by_the_expected_rule_about_its_agent() {
        let mut wide = label(AttackKind::ChildWider, "bot", &["e1"]);
        wide.scope_ids = vec!["sc-1".into()];
        wide.expected_rule = Some("delegation/child-wider-than-parent");
        let caught = |rule, agent| {
            let mut score = AlertScorer::new();
            score.add_alert(&alert(rule, agent, &["the scope record"]));
            let board = score.compare_with_labels(std::slice::from_ref(&wide));
            matches!(board.rows[0].verdict, AttackVerdict::Caught { .. })
        };
        assert!(caught("delegation/child-wider-than-parent", "bot"));
        assert!(!caught("delegation/child-wider-than-parent", "helper"));
        assert!(!caught("scope/tool-outside-scope", "bot"));
    }
}
