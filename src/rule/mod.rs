//! Rules: what the operators wrote, checked, compiled and matched against the facts of an action.
//!
//! Place in the flow: `detector` judges an action, fills [`Facts`] and asks [`Bundle::evaluate`]
//! which rules match; `response` answers for them. Sigma files are parsed and matched by rsigma;
//! names, types, locations, the candidate index and everything else is ours.
//!
//! This room knows nothing of files, state, time or the wire. It owns no state: a [`Bundle`] never
//! changes. Its limits: [`limits`].
//!
//! Read first: `load/tests/lint.rs` (what is refused, and where), then the tests of `index` (no
//! rule that matches is ever missed).

#![deny(clippy::disallowed_methods)]

mod anchor;
mod bundle;
pub mod catalogue;
mod compiled;
mod coverage;
mod detection;
mod event_view;
mod extension;
mod facts;
mod fill;
mod index;
mod item;
pub mod limits;
mod load;
mod metadata;
mod negation;
#[cfg(test)]
mod shipped;
mod test_case;
mod test_parse;
#[cfg(test)]
mod testing;
mod types;

pub use bundle::Bundle;
pub use catalogue::{FactCatalogue, FactInfo, FactType, MetricFacts, Presence, Source, fact};
pub use coverage::{CarriedFacts, CoverageState, RuleCoverage, coverage};
pub use facts::{FactSlot, FactValue, Facts};
pub use fill::{fill_record_facts, fill_time_facts};
pub use test_case::{Expect, Given, RuleTest, TEST_START_MS, TestEvent};
pub use types::{
    Direction, Family, Fold, ForeignRule, Level, MetricIx, MetricSpec, Mode, ResponseSpec,
    RevokeTarget, Rule, RuleIx, RuleSet, Status,
};
