//! What recorded actions let each rule see.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::super::actions::{ActionReader, Counts};
use super::super::diagnostics::tell;
use super::super::exit::{Exit, Failure, Outcome};
use super::super::output::{Format, Output, Table};
use super::super::rules_args::{LoadedRules, RulesArgs};
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
    pub(super) fn is_wanted(&self) -> bool {
        !self.coverage.is_empty()
    }

    pub(super) fn list(&self, rules: &RulesArgs, format: Format, out: &mut Output) -> Outcome {
        let loaded = rules.load()?;
        let bundle = &loaded.rules.bundle;
        let reader = ActionReader::new(self.mapping.as_deref())?;
        let mut carried = CarriedFacts::new();
        let counts = reader.read_actions(&self.coverage, |mut action| {
            bundle.resources.enrich_action(&mut action);
            carried.observe_action(&action);
        })?;
        if counts.actions == 0 {
            tell(&counts.to_string());
            return Err(Failure::input(
                "no action was read, so nothing is known of the records",
            ));
        }
        let covered = rule_coverage(bundle, &carried);
        let missing = bundle
            .catalogue
            .iter()
            .filter(|fact| is_missing(fact, &carried));
        let missing: Vec<&str> = missing.map(|fact| fact.name.as_ref()).collect();
        write(&loaded, &covered, &missing, counts, format, out)?;
        summarize(&covered, counts);
        Ok(if counts.refused == 0 {
            Exit::Ok
        } else {
            Exit::Input
        })
    }
}

fn is_missing(fact: &FactInfo, carried: &CarriedFacts) -> bool {
    fact.source == FactSource::Record && !carried.contains(fact.slot)
}

fn write(
    loaded: &LoadedRules,
    covered: &[RuleCoverage],
    missing: &[&str],
    counts: Counts,
    format: Format,
    out: &mut Output,
) -> Result<(), Failure> {
    let mut table = Table::new(COLUMNS);
    for of_rule in covered {
        table.row(row(loaded, of_rule));
    }
    match format {
        Format::Json => out.json(&json!({
            "records": counts.records,
            "actions": counts.actions,
            "skipped": counts.skipped,
            "refused": counts.refused,
            "rules": table.to_json(),
            "never_carried": missing,
        }))?,
        Format::Text => {
            out.table(&table, format)?;
            out.line("")?;
            out.line(&format!("never carried: {}", missing.join(", ")))?;
        }
    }
    Ok(())
}

fn row(loaded: &LoadedRules, of_rule: &RuleCoverage) -> Vec<Value> {
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
        json!(rule.map(|rule| loaded.shown(&rule.path))),
    ]
}

fn summarize(covered: &[RuleCoverage], counts: Counts) {
    let count = |state| {
        covered
            .iter()
            .filter(|of_rule| of_rule.state == state)
            .count()
    };
    tell(&counts.to_string());
    tell(&format!(
        "rules: {} can fire, {} weakened, {} blind",
        count(CoverageState::CanFire),
        count(CoverageState::Weakened),
        count(CoverageState::Blind),
    ));
}
