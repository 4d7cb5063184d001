//! A bundle: all rules of a directory, loaded whole or not at all.

use crate::event::diagnostic::{Diagnostic, SourceFile};

use super::catalogue::FactCatalogue;
use super::{Facts, ForeignRule, MetricIx, MetricSpec, Rule, RuleIx, RuleSet};

/// Everything a directory of rules says, compiled.
#[derive(Debug)]
pub struct Bundle {
    pub rules: Vec<Rule>,
    pub metrics: Vec<MetricSpec>,
    pub foreign: Vec<ForeignRule>,
    pub catalogue: FactCatalogue,
    /// blake3 over the sorted, length-prefixed paths and texts of all files.
    pub hash: [u8; 32],
}

impl Bundle {
    /// Reads every file; `None` when any of them has an error. All problems of all files are
    /// returned, in the order of the files.
    #[must_use]
    pub fn parse(files: &[SourceFile]) -> (Option<Bundle>, Vec<Diagnostic>) {
        let _ = files;
        (None, Vec::new())
    }

    /// The rules of `set` that match, in rule order, into `out`, which is emptied first. Baseline
    /// rules are not among them.
    pub fn evaluate(&self, facts: &Facts<'_>, set: RuleSet, out: &mut Vec<RuleIx>) {
        let _ = (facts, set);
        out.clear();
    }

    /// The metrics that count this action, in metric order, into `out`, which is emptied first.
    pub fn counted(&self, facts: &Facts<'_>, out: &mut Vec<MetricIx>) {
        let _ = facts;
        out.clear();
    }

    #[must_use]
    pub fn rule(&self, ix: RuleIx) -> Option<&Rule> {
        self.rules.get(ix.index())
    }

    #[must_use]
    pub fn metric(&self, ix: MetricIx) -> Option<&MetricSpec> {
        self.metrics.get(ix.index())
    }
}
