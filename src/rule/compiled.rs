//! The compiled detection of a rule: rsigma's, stripped of what a match would copy.

use rsigma_eval::{CompiledRule, Event, evaluate_rule};

/// A detection that decides whether an action matches.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub rule: CompiledRule,
}

impl Compiled {
    pub(super) fn matches(&self, event: &impl Event) -> bool {
        evaluate_rule(&self.rule, event).is_some()
    }
}
