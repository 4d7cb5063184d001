//! The results as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::attacks::AttackKind;
use super::behaviour::{BehaviourScores, Judge, JudgeScore};
use super::fleet::Family;
use super::hardship::{Poisoning, PoisoningScores};
use super::honest::HonestScores;
use super::score::{FalseAlarms, Share, quantile};
use super::series_families::SeriesFamily;
use super::series_score::SeriesScores;
use super::session_families::FAMILIES;
use super::simple::SimpleKind;
use super::volume::VolumeScores;

/// A row of a table.
fn row(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn head(out: &mut String, cells: &[&str]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(cells.len()));
}

/// Recall by attack: the engine, and the simple detectors beside it.
pub fn recall_table(engine: &VolumeScores, simple: &[(SimpleKind, VolumeScores)]) -> String {
    let mut out = String::new();
    let names: Vec<&str> = simple.iter().map(|(kind, _)| kind.name()).collect();
    head(
        &mut out,
        &[
            &["attack", "agents", "recall", "median delay, min"],
            &names[..],
        ]
        .concat(),
    );
    for kind in AttackKind::ALL {
        let share = engine.recall.get(&kind).copied().unwrap_or_default();
        let delay = median_text(&engine.delays_of(kind, None));
        let mut cells = vec![kind.name(), share.all.to_string(), share.text(), delay];
        cells.extend(simple.iter().map(|(_, scores)| {
            let share = scores.recall.get(&kind).copied().unwrap_or_default();
            format!("{:.2}", share.value())
        }));
        row(&mut out, &cells);
    }
    let mut cells = vec![
        "mean of the kinds".to_owned(),
        String::new(),
        format!("{:.2}", engine.mean_recall(|_| true)),
        String::new(),
    ];
    cells.extend(
        simple
            .iter()
            .map(|(_, scores)| format!("{:.2}", scores.mean_recall(|_| true))),
    );
    row(&mut out, &cells);
    let engine_alarms = engine.false_alarms();
    let mut cells = vec![
        "false incidents per agent and 30 d".to_owned(),
        engine_alarms.agents.to_string(),
        format!("{:.2}", engine_alarms.incidents),
        String::new(),
    ];
    cells.extend(
        simple
            .iter()
            .map(|(_, scores)| format!("{:.2}", scores.false_alarms().incidents)),
    );
    row(&mut out, &cells);
    out
}

/// Median delays of lasting attacks by family, minutes.
pub fn delay_table(scores: &VolumeScores) -> String {
    let lasting = [
        AttackKind::Shift(3),
        AttackKind::Shift(10),
        AttackKind::Even(3),
        AttackKind::Even(10),
        AttackKind::Ramp,
    ];
    let names = lasting.map(AttackKind::name);
    let mut out = String::new();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    head(&mut out, &[&["median delay, min"], &names[..]].concat());
    for family in Family::ALL {
        let mut cells = vec![family.name().to_owned()];
        cells.extend(lasting.map(|kind| median_text(&scores.delays_of(kind, Some(family)))));
        row(&mut out, &cells);
    }
    out
}

fn median_text(values: &[f64]) -> String {
    quantile(values, 0.5).map_or("–".into(), |median| format!("{median:.0}"))
}

/// False alarms and recall by family.
pub fn family_table(scores: &VolumeScores) -> String {
    let mut out = String::new();
    head(
        &mut out,
        &[
            "family",
            "agents",
            "incidents",
            "alerts",
            "p95 agent",
            "recall of attacks",
        ],
    );
    for family in Family::ALL {
        let times = scores.honest.get(&family).map_or(&[][..], |times| times);
        let recall = scores
            .family_recall
            .get(&family)
            .copied()
            .unwrap_or_default();
        let alarms = FalseAlarms::of(times);
        row(
            &mut out,
            &alarm_cells(family.name(), &alarms, &recall.text()),
        );
    }
    let all = scores.false_alarms();
    row(&mut out, &alarm_cells("all", &all, ""));
    out
}

fn alarm_cells(name: &str, alarms: &FalseAlarms, recall: &str) -> [String; 6] {
    [
        name.to_owned(),
        alarms.agents.to_string(),
        format!("{:.2}", alarms.incidents),
        format!("{:.2}", alarms.alerts),
        format!("{:.1}", alarms.p95),
        recall.to_owned(),
    ]
}

/// False alarms by family of an honest fleet.
pub fn honest_table(scores: &HonestScores) -> String {
    let mut out = String::new();
    head(
        &mut out,
        &["family", "agents", "incidents", "alerts", "p95 agent"],
    );
    for (family, times) in &scores.times {
        let cells = alarm_cells(family.name(), &FalseAlarms::of(times), "");
        row(&mut out, &cells[..5]);
    }
    row(
        &mut out,
        &alarm_cells("all", &scores.false_alarms(), "")[..5],
    );
    out
}

/// Incidents by rule.
pub fn rule_list(rules: &BTreeMap<String, u32>) -> String {
    let mut sorted: Vec<(&String, &u32)> = rules.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let listed = sorted
        .iter()
        .map(|(rule, count)| format!("{rule}: {count}"));
    match rules.is_empty() {
        true => "none".into(),
        false => listed.collect::<Vec<_>>().join("; "),
    }
}

pub fn poisoning_table(scores: &[(Poisoning, PoisoningScores)]) -> String {
    let mut out = String::new();
    head(
        &mut out,
        &[
            "poisoning",
            "agents",
            "alert at any time",
            "alert at the strike",
        ],
    );
    for (kind, scores) in scores {
        let cells = [
            kind.name().to_owned(),
            scores.any.all.to_string(),
            scores.any.text(),
            scores.strike.text(),
        ];
        row(&mut out, &cells);
    }
    out
}

/// A line about a share and the false alarms beside it.
pub fn cold_start_line(found: Share, honest: &HonestScores) -> String {
    let incidents: u32 = honest
        .times
        .values()
        .flatten()
        .map(|time| time.incidents)
        .sum();
    let agents: usize = honest.times.values().map(Vec::len).sum();
    format!(
        "{} of attacks by new agents found; {incidents} incidents of {agents} honest new agents \
         in three days ({})",
        found.text(),
        rule_list(&honest.rules)
    )
}

/// Series by family, and each group without one of its families.
pub fn series_table(scores: &BTreeMap<SeriesFamily, SeriesScores>) -> String {
    let mut out = String::new();
    head(
        &mut out,
        &[
            "family",
            "series",
            "windowed score",
            "precision",
            "recall",
            "F1",
            "alarms per 30 d",
            "without it: windowed",
            "without it: F1",
        ],
    );
    for monitoring in [false, true] {
        let group = || {
            scores
                .iter()
                .filter(move |(f, _)| f.is_monitoring() == monitoring)
        };
        let sum_without = |left_out: Option<SeriesFamily>| {
            let mut sum = SeriesScores::default();
            group()
                .filter(|(family, _)| Some(**family) != left_out)
                .for_each(|(_, scores)| sum.add(scores));
            sum
        };
        for (family, own) in group() {
            let others = sum_without(Some(*family));
            row(&mut out, &series_cells(family.name(), own, Some(&others)));
        }
        let name = match monitoring {
            true => "production counts, all",
            false => "novelty corpus, all",
        };
        row(&mut out, &series_cells(name, &sum_without(None), None));
    }
    out
}

fn series_cells(name: &str, own: &SeriesScores, others: Option<&SeriesScores>) -> [String; 9] {
    let without = |value: fn(&SeriesScores) -> f64, digits: usize| {
        others.map_or(String::new(), |others| {
            format!("{:.digits$}", value(others))
        })
    };
    [
        name.to_owned(),
        own.series.to_string(),
        format!("{:.1}", own.windowed()),
        format!("{:.2}", own.precision()),
        format!("{:.2}", own.recall()),
        format!("{:.2}", own.f1()),
        format!("{:.1}", own.alarms_per_30d()),
        without(SeriesScores::windowed, 1),
        without(SeriesScores::f1, 2),
    ]
}

/// Recall, precision and honest sessions flagged, by judge; of evidence also by family.
pub fn behaviour_table(scores: &BehaviourScores) -> String {
    let mut out = String::new();
    head(
        &mut out,
        &[
            "judge",
            "attacks",
            "attacker's action found",
            "honest sessions",
            "flagged",
            "precision",
        ],
    );
    let mut judge_row = |name: String, score: JudgeScore| {
        let cells = [
            name,
            score.attacks.all.to_string(),
            score.attacks.text(),
            score.honest.all.to_string(),
            percent(score.honest),
            format!("{:.3}", score.precision()),
        ];
        row(&mut out, &cells);
    };
    for judge in Judge::ALL {
        judge_row(judge.name().to_owned(), scores.of(judge, None));
    }
    for (number, family) in FAMILIES.iter().enumerate() {
        for judge in [Judge::EvidenceAlert, Judge::EvidenceRevoke] {
            let name = format!("{}: {}", family.name, judge.name());
            judge_row(name, scores.of(judge, Some(number)));
        }
    }
    out
}

/// What the check at the end of the learning time expected, and what it set aside.
pub fn self_check_text(scores: &BehaviourScores) -> String {
    let honest = |judge| percent(scores.of(judge, None).honest);
    format!(
        "The check at the end of the learning time expects that {} of the honest sessions alert \
         and {} ask for a revocation; {} and {} do. It set {} of the honest sessions of the \
         learning time aside, and {} of those that were attacked.\n",
        percent(scores.expected_alerts),
        percent(scores.expected_revocations),
        honest(Judge::EvidenceAlert),
        honest(Judge::EvidenceRevoke),
        percent(scores.honest_aside),
        percent(scores.hostile_aside),
    )
}

/// Where the engine differs from the description of evidence.
pub fn difference_text(scores: &BehaviourScores) -> String {
    let unexplained = scores.unexplained.iter().take(5);
    let listed: Vec<String> = unexplained.map(|one| format!("  - {one}\n")).collect();
    format!(
        "The engine differs from the naive evaluator in {} of {} sessions; in {} steps it does not \
         do what its departures say either.\n{}",
        scores.differ,
        scores.sessions,
        scores.unexplained.len(),
        listed.concat()
    )
}

fn percent(share: Share) -> String {
    let (low, high) = share.interval();
    format!(
        "{:.1} % [{:.1}–{:.1}]",
        100.0 * share.value(),
        100.0 * low,
        100.0 * high
    )
}
