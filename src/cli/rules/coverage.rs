//! Which rules can fire on recorded actions.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::super::actions::{ActionReader, RecordCounts};
use super::super::diagnostics::print_line;
use super::super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::super::output::{Output, Table, TableFormat};
use super::super::rules_args::{CheckedRules, RulesArgs};
use crate::rule::{CarriedFacts, CoverageState, FactInfo, FactSource, RuleCoverage, rule_coverage};

const COLUMNS: &[&str] = &["id", "title", "family", "coverage", "never_carried", "path"];

#[derive(Debug, Args)]
pub(in crate::cli) struct CoverageArgs {
    /// Say which rules can fire on these records: JSON lines or Avro; plain, gzip or zstd
    #[arg(long, value_name = "FILE", num_args = 1..)]
    coverage: Vec<PathBuf>,
    /// jq program that maps the records to actions
    #[arg(long, value_name = "M.jq", requires = "coverage")]
    mapping: Option<PathBuf>,
}

impl CoverageArgs {
    pub(super) fn is_requested(&self) -> bool {
        !self.coverage.is_empty()
    }

    pub(super) fn list_coverage(
        &self,
        rules: &RulesArgs,
        format: TableFormat,
        out: &mut Output,
    ) -> CommandResult {
        let loaded = rules.load_rules()?;
        let bundle = &loaded.rules.bundle;
        let reader = ActionReader::new(self.mapping.as_deref())?;
        let mut carried = CarriedFacts::new();
        let counts = reader.read_actions(&self.coverage, |mut action| {
            bundle.resources.enrich_action(&mut action);
            carried.observe_action(&action);
        })?;
        if counts.actions == 0 {
            print_line(&counts.to_string());
            return Err(CommandFailure::bad_input(
                "no action was read, so nothing is known of the records",
            ));
        }
        let covered = rule_coverage(bundle, &carried);
        let missing = bundle
            .catalogue
            .iter()
            .filter(|fact| is_missing(fact, &carried));
        let missing: Vec<&str> = missing.map(|fact| fact.name.as_ref()).collect();
        write_coverage(&loaded, &covered, &missing, counts, format, out)?;
        print_totals(&covered, counts);
        Ok(if counts.refused == 0 {
            ExitStatus::Ok
        } else {
            ExitStatus::Input
        })
    }
}

fn is_missing(fact: &FactInfo, carried: &CarriedFacts) -> bool {
    fact.source == FactSource::Record && !carried.contains(fact.slot)
}

fn write_coverage(
    loaded: &CheckedRules,
    covered: &[RuleCoverage],
    missing: &[&str],
    counts: RecordCounts,
    format: TableFormat,
    out: &mut Output,
) -> Result<(), CommandFailure> {
    let mut table = Table::new(COLUMNS);
    for of_rule in covered {
        table.add_row(coverage_row(loaded, of_rule));
    }
    match format {
        TableFormat::Json => out.write_json(&json!({
            "records": counts.records,
            "actions": counts.actions,
            "skipped": counts.skipped,
            "refused": counts.refused,
            "rules": table.to_json(),
            "never_carried": missing,
        }))?,
        TableFormat::Text => {
            out.write_table(&table, format)?;
            out.write_line("")?;
            out.write_line(&format!("never carried: {}", missing.join(", ")))?;
        }
    }
    Ok(())
}

fn coverage_row(loaded: &CheckedRules, of_rule: &RuleCoverage) -> Vec<Value> {
    let bundle = &loaded.rules.bundle;
    let missing = of_rule
        .missing
        .iter()
        .map(|slot| bundle.catalogue.fact_name(*slot));
    let missing: Vec<&str> = missing.collect();
    let rule = bundle.rule(of_rule.rule);
    vec![
        json!(rule.map(|rule| &rule.id)),
        json!(rule.map(|rule| &rule.title)),
        json!(rule.map(|rule| rule.family.as_str())),
        json!(of_rule.state.as_str()),
        json!(missing),
        json!(rule.map(|rule| loaded.user_path(&rule.path))),
    ]
}

fn print_totals(covered: &[RuleCoverage], counts: RecordCounts) {
    let count = |state| {
        covered
            .iter()
            .filter(|of_rule| of_rule.state == state)
            .count()
    };
    print_line(&counts.to_string());
    print_line(&format!(
        "rules: {} can fire, {} weakened, {} blind",
        count(CoverageState::CanFire),
        count(CoverageState::Weakened),
        count(CoverageState::Blind),
    ));
}
