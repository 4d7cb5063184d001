//! The fact catalogue as a table.

use serde_json::{Value, json};

use super::super::exit::{CommandResult, ExitStatus};
use super::super::output::{Output, Table, TableFormat};
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

pub(super) fn list_facts(args: &RulesArgs, format: TableFormat, out: &mut Output) -> CommandResult {
    let loaded = args.load_rules()?;
    let mut table = Table::new(COLUMNS);
    for fact in loaded.rules.bundle.catalogue.iter() {
        table.add_row(fact_row(fact));
    }
    out.write_table(&table, format)?;
    Ok(ExitStatus::Ok)
}

fn fact_row(fact: &FactInfo) -> Vec<Value> {
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
