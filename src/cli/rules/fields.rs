//! The fact catalogue as a table.

use serde_json::{Value, json};

use super::super::exit::{Exit, Outcome};
use super::super::output::{Format, Output, Table};
use super::super::rules_args::RulesArgs;
use crate::rule::FactInfo;

const COLUMNS: &[&str] = &[
    "name",
    "type",
    "unit",
    "present",
    "source",
    "description",
    "words",
];

pub(super) fn list(args: &RulesArgs, format: Format, out: &mut Output) -> Outcome {
    let loaded = args.load()?;
    let mut table = Table::new(COLUMNS);
    for fact in loaded.rules.bundle.catalogue.iter() {
        table.row(row(fact));
    }
    out.table(&table, format)?;
    Ok(Exit::Ok)
}

fn row(fact: &FactInfo) -> Vec<Value> {
    let unit = if fact.unit.is_empty() {
        Value::Null
    } else {
        json!(fact.unit)
    };
    vec![
        json!(fact.name),
        json!(fact.fact_type.as_str()),
        unit,
        json!(fact.presence.as_str()),
        json!(fact.source.as_str()),
        json!(fact.doc),
        json!(fact.words),
    ]
}
