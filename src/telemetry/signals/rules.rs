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
