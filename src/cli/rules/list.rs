//! The rules as a table.

use serde_json::json;

use super::super::exit::{Exit, Outcome};
use super::super::output::{Format, Output, Table};
use super::super::rules_args::{LoadedRules, RulesArgs};
use crate::rule::{ForeignRule, Rule};

const COLUMNS: &[&str] = &[
    "id",
    "title",
    "family",
    "level",
    "status",
    "mode_max",
    "revoke",
    "tests",
    "path",
    "line",
    "unmapped_fields",
];

pub(super) fn list(args: &RulesArgs, format: Format, out: &mut Output) -> Outcome {
    let loaded = args.load()?;
    let mut table = Table::new(COLUMNS);
    for rule in &loaded.rules.bundle.rules {
        table.row(row(&loaded, rule));
    }
    for rule in &loaded.rules.bundle.foreign {
        table.row(foreign_row(&loaded, rule));
    }
    out.table(&table, format)?;
    Ok(Exit::Ok)
}

fn row(loaded: &LoadedRules, rule: &Rule) -> Vec<serde_json::Value> {
    vec![
        json!(rule.id),
        json!(rule.title),
        json!(rule.family.as_str()),
        json!(rule.level.as_str()),
        json!(rule.status.as_str()),
        json!(rule.response.mode_max.as_str()),
        json!(rule.response.revoke.as_str()),
        json!(rule.tests.len()),
        json!(loaded.shown(&rule.path)),
        json!(rule.line),
        json!([]),
    ]
}

/// A rule for another log source: listed so that it is not missed, never evaluated.
fn foreign_row(loaded: &LoadedRules, rule: &ForeignRule) -> Vec<serde_json::Value> {
    vec![
        json!(null),
        json!(rule.title),
        json!(format!("foreign: {}", rule.logsource)),
        json!(null),
        json!(null),
        json!(null),
        json!(null),
        json!(0),
        json!(loaded.shown(&rule.path)),
        json!(rule.line),
        json!(rule.unmapped_fields),
    ]
}
