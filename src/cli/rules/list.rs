//! The rules as a table.

use serde_json::json;

use super::super::exit::{CommandResult, ExitStatus};
use super::super::output::{Output, Table, TableFormat};
use super::super::rules_args::{CheckedRules, RulesArgs};
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

pub(super) fn list_rules(args: &RulesArgs, format: TableFormat, out: &mut Output) -> CommandResult {
    let loaded = args.load_rules()?;
    let mut table = Table::new(COLUMNS);
    for rule in &loaded.rules.bundle.rules {
        table.add_row(rule_row(&loaded, rule));
    }
    for rule in &loaded.rules.bundle.foreign {
        table.add_row(foreign_row(&loaded, rule));
    }
    out.write_table(&table, format)?;
    Ok(ExitStatus::Ok)
}

fn rule_row(loaded: &CheckedRules, rule: &Rule) -> Vec<serde_json::Value> {
    vec![
        json!(rule.id),
        json!(rule.title),
        json!(rule.family.as_str()),
        json!(rule.level.as_str()),
        json!(rule.status.as_str()),
        json!(rule.response.mode_max.as_str()),
        json!(rule.response.revoke.as_str()),
        json!(rule.tests.len()),
        json!(loaded.user_path(&rule.path)),
        json!(rule.line),
        json!([]),
    ]
}

/// A rule for another log source: it is listed but never evaluated.
fn foreign_row(loaded: &CheckedRules, rule: &ForeignRule) -> Vec<serde_json::Value> {
    vec![
        json!(null),
        json!(rule.title),
        json!(format!("foreign: {}", rule.logsource)),
        json!(null),
        json!(null),
        json!(null),
        json!(null),
        json!(0),
        json!(loaded.user_path(&rule.path)),
        json!(rule.line),
        json!(rule.unmapped_fields),
    ]
}
