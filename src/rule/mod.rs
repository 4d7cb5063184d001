//! Rules: read from files, checked, compiled, and matched against the facts of an action.
//!
//! Place in the flow: `detector` sets the [`Facts`] of an action and asks [`Bundle::match_rules`]
//! which rules match; `response` makes findings of them. Rules are
//! written in Sigma; a construct of Sigma that this room does not evaluate is refused where it
//! stands.
//!
//! This room must not know files, state, time or the wire. It owns no state: a [`Bundle`] never
//! changes. Its limits are in [`limits`].
//!
//! Inside, each folder imports only from those above it in this list:
//!
//! - `model`: what a rule consists of, and the catalogue of facts;
//! - `evaluate`: from the facts of an action to the rules that match;
//! - `parse`: from files to checked rules;
//! - `bundle`, `compiled_rule` and `coverage`: what the other rooms use.
//!
//! ```
//! use scopewatch::event::{AgentAction, Verb};
//! use scopewatch::rule::{Bundle, Facts, RuleSet, fill_record_facts};
//! use scopewatch::text::SourceFile;
//!
//! let text = "
//! title: An agent sends mail
//! id: 3c1f2a7e-5d0b-4c8e-9b63-7a4e1d2f6c90
//! status: experimental
//! level: low
//! tags: [atlas.aml.t0086]
//! logsource: {product: scopewatch, category: agent_action}
//! detection:
//!   sending: {action.verb: send, tool.name: mail}
//!   condition: sending
//! ";
//! let file = SourceFile { path: "rules/policy/mail.yaml".into(), text: text.into() };
//! let (bundle, problems) = Bundle::parse(&[file]);
//! let bundle = bundle.ok_or_else(|| format!("{problems:?}"))?;
//!
//! let mut action = AgentAction::new("agent-1");
//! action.action_verb = Verb::Send;
//! action.tool_name = Some("mail".into());
//! let mut facts = Facts::new(&bundle.catalogue);
//! fill_record_facts(&mut facts, &action);
//!
//! let mut matching = Vec::new();
//! bundle.match_rules(&facts, RuleSet::All, &mut matching);
//! let titles: Vec<&str> = bundle.rules.iter()
//!     .filter(|rule| matching.contains(&rule.index))
//!     .map(|rule| rule.title.as_str())
//!     .collect();
//! assert_eq!(titles, ["An agent sends mail"]);
//! # Ok::<(), String>(())
//! ```
//!
//! Read first: `tests/refused_rules.rs` (which mistakes are refused, and where), then
//! `tests/sigma_differential.rs` (what a rule means, and that no rule which matches is missed).

#![deny(clippy::disallowed_methods)]

mod bundle;
mod compiled_rule;
mod coverage;
mod evaluate;
pub mod limits;
mod model;
mod parse;
#[cfg(test)]
mod tests;

pub use bundle::Bundle;
pub use compiled_rule::{Rule, RuleSet};
pub use coverage::{CarriedFacts, CoverageState, RuleCoverage, rule_coverage};
pub use evaluate::facts::{FactValue, Facts};
pub use evaluate::record_facts::{fill_record_facts, fill_time_facts};
pub use model::catalogue::{
    FactCatalogue, FactInfo, FactPresence, FactSlot, FactSource, FactType, MetricFacts, fact,
};
pub use model::classification::{RuleConfidence, RuleFamily, RuleLevel, RuleStatus};
pub use model::inline_test::{
    GivenState, RuleTest, TEST_START_MS, TestEvent, TestExpectation, TestRecordKind,
};
pub use model::metric::{AlarmDirection, MetricSpec};
pub use model::numbering::{MetricIndex, RuleIndex};
pub use model::rule_response::{IncidentFold, ResponseSpec, RevocationMode, RevokeTarget};
pub use parse::foreign_rule::ForeignRule;
