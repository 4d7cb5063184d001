//! Rule bundles: loaded, activated, refused.

use tracing::{error, info};

use crate::telemetry::metrics::Metrics;

/// A rule bundle became active.
#[derive(Debug)]
pub struct BundleActivated<'a> {
    /// In hex.
    pub hash: &'a str,
    pub rules: usize,
}

impl BundleActivated<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.bundles.add("activated", 1);
        metrics.set_bundle(self.hash);
        metrics
            .rules_active
            .set(i64::try_from(self.rules).unwrap_or(i64::MAX));
        info!(bundle = self.hash, rules = self.rules, "bundle activated");
    }
}

/// A rule bundle was refused; the active bundle stays.
#[derive(Debug)]
pub struct BundleRefused<'a> {
    pub path: &'a str,
    pub problems: usize,
}

impl BundleRefused<'_> {
    pub fn emit(&self, metrics: &Metrics) {
        metrics.bundles.add("refused", 1);
        error!(
            path = self.path,
            problems = self.problems,
            "bundle refused, active bundle kept"
        );
    }
}

log_signals! {
    /// The default rules directory does not exist, so the shipped rules are used.
    warn ShippedRulesUsed<'a> "shipped rules in use, no rules directory" {
        path: &'a str,
    }

    /// A problem in a file of the rules directory.
    warn RuleProblem<'a> "rule problem" {
        path: &'a str,
        /// The problem with its location and source line.
        problem: &'a str,
    }

    /// The rules directory has no rule, so no action is judged by rules.
    warn RulesEmpty<'a> "rules directory without a rule" {
        path: &'a str,
    }

    /// The rules directory cannot be read; it is tried again.
    warn RulesUnreadable<'a> "unreadable rules directory" {
        error: &'a str,
    }

    /// Changes of the rules directory are not noticed in this run.
    warn RulesUnwatched<'a> "rules directory not watched" {
        error: &'a str,
    }
}
