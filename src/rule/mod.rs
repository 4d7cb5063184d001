//! Rules: what the operators wrote, checked, compiled and matched against the facts of an action.
//!
//! Place in the flow: `detector` judges an action, fills [`Facts`] and asks [`Bundle::match_rules`]
//! which rules match; `response` answers for them. Sigma files are parsed and matched by rsigma;
//! names, types, locations, the candidate index and everything else is ours.
//!
//! This room knows nothing of files, state, time or the wire. It owns no state: a [`Bundle`] never
//! changes. Its limits: [`limits`].
//!
//! Read first: `tests/refused_rules.rs` (what is refused, and where), then the tests of
//! `evaluate/candidate_index` (no rule that matches is ever missed).

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
pub use model::classification::{Family, RuleLevel, RuleStatus};
pub use model::inline_test::{GivenState, RuleTest, TEST_START_MS, TestEvent, TestExpectation};
pub use model::metric::{AlarmDirection, MetricSpec};
pub use model::numbering::{MetricIndex, RuleIndex};
pub use model::rule_response::{Fold, Mode, ResponseSpec, RevokeTarget};
pub use parse::foreign_rule::ForeignRule;
