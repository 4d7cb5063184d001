//! Series through the engine: one value an action, `pane: auto`, one set of defaults.

use std::collections::BTreeMap;

use scopewatch::event::{AgentAction, Verb};
use scopewatch::text::SourceFile;

use super::fleet::{MINUTE_MS, START_MS, Zone};
use super::gateway::{Gateway, shipped_rules};
use super::random::Random;
use super::series_families::{Series, SeriesFamily};
use super::series_score::{SeriesScores, score_series};

/// The rule of an operator who wants the level of a value: nothing is set but what must be.
const LEVEL_RULE: &str = "\
title: Level of a series
id: 5b7d8a0e-55a2-4c0e-8f39-3c6a7e0f1d21
status: test
description: The value is far from its level, or from what is usual at this hour.
author: Scopewatch
date: 2026-11-27
tags: [atlas.aml.t0034.002]
logsource: {product: scopewatch, category: agent_action}
detection:
  selection: {volume.cost_usd|exists: true}
  condition: selection
name: series_level
baseline:
  measure: 'sum: volume.cost_usd'
  group-by: [agent.id]
  pane: auto
  direction: both
falsepositives: [A change that was planned]
level: medium
response: {risk: 10, revoke: none}
tests:
  - name: stays silent while it learns
    given: {scopes: [{grants: [{resource_types: ['*']}]}]}
    events:
      - {resource.type: file.content, action.verb: read, volume.cost_usd: 3, repeat: 9}
    expect: silent
";

/// The title of [`LEVEL_RULE`].
const LEVEL_TITLE: &str = "Level of a series";

/// Scores of a number of series of each family.
pub fn judge_series(each: u64, seed: u64) -> BTreeMap<SeriesFamily, SeriesScores> {
    let mut scores: BTreeMap<SeriesFamily, SeriesScores> = BTreeMap::new();
    for family in SeriesFamily::ALL {
        for number in 0..each {
            let series = Series::new(family, number, seed);
            let alarms = alarm_rows(&series, number + 31 * seed);
            let sum = scores.entry(family).or_default();
            sum.add(&score_series(&series, &alarms));
        }
    }
    scores
}

/// The rows that alarmed.
pub fn alarm_rows(series: &Series, number: u64) -> Vec<usize> {
    let rule = SourceFile {
        path: "rules/volume/series-level.yaml".into(),
        text: LEVEL_RULE.into(),
    };
    let mut gateway = Gateway::new(shipped_rules(&[rule]));
    let agent = format!("series-{number}");
    gateway.declare(Zone::Utc.tenant(), &agent, "series");
    // Rows begin anywhere within their spacing, as those of a real collector do.
    let mut random = Random::new(number, 6_000_000);
    let offset_ms = random.below(series.spacing as u64 * 60) as i64 * 1_000;
    let at_ms = |row: usize| START_MS + offset_ms + row as i64 * series.spacing * MINUTE_MS;
    for (row, value) in series.values.iter().enumerate() {
        let mut action = AgentAction {
            tenant: Zone::Utc.tenant().into(),
            agent_id: agent.as_str().into(),
            agent_type: Some("series".into()),
            tool_name: Some("measure".into()),
            action_verb: Verb::Read,
            resource_type: "database.table".into(),
            volume_cost_usd: Some(*value),
            occurred_at_ms: Some(at_ms(row)),
            ..AgentAction::new("")
        };
        gateway.send(&mut action, at_ms(row));
    }
    let alerts = gateway.finish().into_iter();
    let of_level = alerts.filter(|alert| alert.rule == LEVEL_TITLE);
    // A row is judged when its pane has closed, so the alert comes with the next row.
    let row_of = |at_ms: i64| {
        let rows = (at_ms - START_MS - offset_ms) / (series.spacing * MINUTE_MS);
        usize::try_from(rows - 1).unwrap_or(0)
    };
    of_level.map(|alert| row_of(alert.at_ms)).collect()
}
