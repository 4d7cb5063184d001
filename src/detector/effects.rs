//! What one record led to, besides new state.

use crate::event::{Link, Text};
use crate::response::Outcome;
use crate::rule::RuleIx;

/// Everything a record caused. Filled by [`super::Detector`], emptied by the engine.
#[derive(Debug, Default)]
pub struct Effects {
    pub outcomes: Vec<Outcome>,
    pub links: Vec<LinkOut>,
    /// The rules that matched, once per finding.
    pub fired: Vec<RuleIx>,
    pub counts: Counts,
}

/// A link for every partition of the links topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOut {
    pub key: Text,
    pub link: Link,
}

/// What was done, for metrics and summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub actions: u64,
    /// Gateway retries: an event id seen among the agent's last ones.
    pub retries: u64,
    /// Records at or before the last applied one.
    pub reapplied: u64,
    pub clamped: u64,
    pub held: u64,
    pub hold_expired: u64,
    /// Holds refused because the agent or the partition had its share.
    pub hold_full: u64,
    pub scopes: u64,
    /// Scope records refused because the agent's book was full.
    pub scopes_refused: u64,
    pub controls: u64,
    pub findings: u64,
    /// Undeclared agents that share one state.
    pub onboarding_full: u64,
    /// Metrics refused because the agent had its share.
    pub metrics_full: u64,
}

impl Counts {
    /// Name and value of each count, for metrics.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 13] {
        [
            ("actions", self.actions),
            ("retries", self.retries),
            ("reapplied", self.reapplied),
            ("clamped", self.clamped),
            ("held", self.held),
            ("hold_expired", self.hold_expired),
            ("hold_full", self.hold_full),
            ("scopes", self.scopes),
            ("scopes_refused", self.scopes_refused),
            ("controls", self.controls),
            ("findings", self.findings),
            ("onboarding_full", self.onboarding_full),
            ("metrics_full", self.metrics_full),
        ]
    }
}
