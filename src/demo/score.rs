//! Alerts held against the truth: which planted attacks were caught, by which rule, how soon, and
//! which alerts no attack explains.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::event::Text;
use crate::simulator::AttackLabel;

/// Alerts kept for the score; further ones are only counted.
pub const ALERTS_MAX: usize = 100_000;
/// An alert on an attack's agent counts as its consequence until this long after its last event.
const WAKE_MS: i64 = 3_600_000;

/// The parts of an alert that the demo needs.
#[derive(Debug, Clone, Copy)]
pub struct AlertView<'a> {
    /// Slug of the rule's file, such as `scope/verb-outside-grant`.
    pub rule: &'a str,
    /// Slugs of the weaker rules that fired on the action.
    pub also: &'a [&'a str],
    pub tenant: &'a str,
    pub agent_id: &'a str,
    pub event_ids: &'a [&'a str],
    /// Stream time, epoch ms.
    pub at_ms: i64,
    pub severity: &'a str,
    pub message: &'a str,
}

/// Collects alerts while the demo runs.
#[derive(Debug, Default)]
pub struct Score {
    alerts: Vec<Kept>,
    uncounted: u64,
}

#[derive(Debug)]
struct Kept {
    rule: Text,
    also: Vec<Text>,
    tenant: Text,
    agent_id: Text,
    event_ids: Vec<Text>,
    at_ms: i64,
    message: String,
}

/// What became of a planted attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// An alert names one of its events. `expected`: the rule meant for it fired.
    Caught {
        rule: Text,
        delay_ms: i64,
        expected: bool,
    },
    Missed,
    /// Its rule ships with a later version; `named_by` is the rule whose alert names its events all
    /// the same.
    Later {
        named_by: Option<Text>,
    },
}

/// One attack of the final table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub attack_id: Text,
    /// `family/kind`.
    pub attack: String,
    pub tenant: Text,
    pub agent_id: Text,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// An alert that no attack explains.
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
    pub rows: Vec<Row>,
    pub false_alerts: Vec<FalseAlert>,
    pub alerts: u64,
}

impl Score {
    #[must_use]
    pub fn new() -> Self {
        Score::default()
    }

    /// Takes one alert message, creating or updating.
    pub fn alert(&mut self, alert: &AlertView<'_>) {
        if self.alerts.len() == ALERTS_MAX {
            self.uncounted += 1;
            return;
        }
        self.alerts.push(Kept {
            rule: alert.rule.into(),
            also: alert.also.iter().copied().map(Text::from).collect(),
            tenant: alert.tenant.into(),
            agent_id: alert.agent_id.into(),
            event_ids: alert.event_ids.iter().copied().map(Text::from).collect(),
            at_ms: alert.at_ms,
            message: alert.message.to_owned(),
        });
    }

    /// Holds the alerts against `labels`.
    #[must_use]
    pub fn finish(&self, labels: &[AttackLabel]) -> Scoreboard {
        let mut owner: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (index, label) in labels.iter().enumerate() {
            for id in &label.event_ids {
                owner.insert((&label.tenant, id), index);
            }
        }
        let mut named: BTreeMap<usize, Vec<&Kept>> = BTreeMap::new();
        let mut false_alerts = Vec::new();
        for alert in &self.alerts {
            let hits: BTreeSet<usize> = alert
                .event_ids
                .iter()
                .filter_map(|id| owner.get(&(alert.tenant.as_str(), id.as_str())).copied())
                .collect();
            if hits.is_empty() && !labels.iter().any(|label| explains(label, alert)) {
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
        let rows = labels.iter().enumerate().map(|(index, label)| Row {
            attack_id: label.attack_id.clone(),
            attack: label.kind.to_string(),
            tenant: label.tenant.clone(),
            agent_id: label.agent_id.clone(),
            verdict: verdict(label, named.get(&index).map_or(&[][..], Vec::as_slice)),
        });
        let alerts = self.alerts.len() as u64 + self.uncounted;
        Scoreboard {
            rows: rows.collect(),
            false_alerts,
            alerts,
        }
    }
}

/// The attack's agent, or one that helped, alerted about while the attack still resounds.
fn explains(label: &AttackLabel, alert: &Kept) -> bool {
    label.tenant == alert.tenant
        && (label.agent_id == alert.agent_id || label.accomplices.contains(&alert.agent_id))
        && (label.at_ms..=label.until_ms + WAKE_MS).contains(&alert.at_ms)
}

fn verdict(label: &AttackLabel, alerts: &[&Kept]) -> Verdict {
    let first = alerts.iter().min_by_key(|alert| alert.at_ms);
    let (Some(first), Some(meant)) = (first, label.expected_rule) else {
        return match label.expected_rule {
            Some(_) => Verdict::Missed,
            None => Verdict::Later {
                named_by: first.map(|alert| alert.rule.clone()),
            },
        };
    };
    let fired = |alert: &&Kept| alert.rule == meant || alert.also.iter().any(|rule| rule == meant);
    Verdict::Caught {
        rule: first.rule.clone(),
        delay_ms: (first.at_ms - label.at_ms).max(0),
        expected: alerts.iter().any(fired),
    }
}

impl Scoreboard {
    /// Attacks this version should catch, and how many of them it caught.
    #[must_use]
    pub fn expected(&self) -> (usize, usize) {
        let count = |caught: bool| {
            self.rows
                .iter()
                .filter(|row| match row.verdict {
                    Verdict::Caught { .. } => true,
                    Verdict::Missed => !caught,
                    Verdict::Later { .. } => false,
                })
                .count()
        };
        (count(false), count(true))
    }
}

impl fmt::Display for Scoreboard {
    /// The final table: one line per attack, then the false alerts, then the sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<7} {:<42} {:<24} {:>8}  rule",
            "", "planted attack", "agent", "after"
        )?;
        for row in &self.rows {
            let (word, delay, rule) = match &row.verdict {
                Verdict::Caught { rule, delay_ms, .. } => {
                    ("caught", seconds(*delay_ms), rule.as_str())
                }
                Verdict::Missed => ("MISSED", String::new(), ""),
                Verdict::Later { named_by } => (
                    "later",
                    String::new(),
                    named_by.as_deref().unwrap_or("not in this version"),
                ),
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
        let (planted, caught) = self.expected();
        write!(
            f,
            "\n{caught} of {planted} planted attacks caught; {} alerts, {} of them false",
            self.alerts,
            self.false_alerts.len()
        )
    }
}

/// A time span for people: `12s`, `3m05s`.
fn seconds(ms: i64) -> String {
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
        let mut score = Score::new();
        score.alert(&alert("scope/tool-outside-scope", "bot", &["e2"]));
        score.alert(&alert("scope/expired", "cat", &["other"]));
        let board = score.finish(&labels);
        let caught = Verdict::Caught {
            rule: "scope/tool-outside-scope".into(),
            delay_ms: 1_500,
            expected: true,
        };
        assert_eq!(board.rows[0].verdict, caught);
        assert_eq!(board.rows[1].verdict, Verdict::Missed);
        assert_eq!(board.expected(), (2, 1));
        assert!(
            board.false_alerts.is_empty(),
            "on an attack's own agent, within its wake"
        );
        assert!(board.to_string().contains("MISSED"));
    }

    #[test]
    fn the_same_event_id_in_another_tenant_names_nothing() {
        let mut score = Score::new();
        score.alert(&AlertView {
            tenant: "other",
            ..alert("r", "bot", &["e1"])
        });
        let board = score.finish(&[label(AttackKind::Tool, "bot", &["e1"])]);
        assert_eq!(board.rows[0].verdict, Verdict::Missed);
        assert_eq!(board.false_alerts.len(), 1);
    }

    #[test]
    fn a_later_kind_is_never_counted_and_its_helpers_are_not_false() {
        let mut score = Score::new();
        score.alert(&alert("scope/verb-outside-grant", "helper", &["x"]));
        score.alert(&alert("scope/verb-outside-grant", "bot", &["e1"]));
        score.alert(&alert("scope/verb-outside-grant", "stranger", &["y"]));
        let board = score.finish(&[label(AttackKind::Forwarded, "bot", &["e1"])]);
        assert_eq!(board.expected(), (0, 0));
        let named_by = Some("scope/verb-outside-grant".into());
        assert_eq!(board.rows[0].verdict, Verdict::Later { named_by });
        assert_eq!(board.false_alerts.len(), 1);
        assert_eq!(board.false_alerts[0].agent_id, "stranger");
    }
}
