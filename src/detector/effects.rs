//! What one record led to, besides new state.

use crate::event::{Link, Text};
use crate::response::ResponseOutcome;
use crate::rule::RuleIndex;
use crate::scope::DeclareOutcome;

/// Everything a record caused. Filled by [`super::Detector`], emptied by the engine.
#[derive(Debug, Default)]
pub struct Effects {
    pub outcomes: Vec<ResponseOutcome>,
    pub links: Vec<LinkOut>,
    /// The rules that matched, once per finding.
    pub fired: Vec<RuleIndex>,
    pub counts: Counts,
    /// The record's subject was not in memory, so it was not judged: the caller's mistake.
    pub absent: bool,
    /// Why the scope record was not taken; its agent is judged as if it had not come.
    pub refused: Option<DeclareOutcome>,
}

/// A link for every partition of the links topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkOut {
    pub key: Text,
    pub link: Link,
}

/// Declares the counts once, with their sum and their names.
macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What was done, for metrics and summaries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counts { $($(#[$doc])* pub $name: u64),+ }

        impl Counts {
            /// Adds other counts.
            pub fn add(&mut self, other: &Counts) {
                $(self.$name += other.$name;)+
            }

            /// Name and value of each count.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}

counts! {
    actions,
    /// Gateway retries: an event id seen among the agent's last ones.
    retries,
    /// Records at or before the last applied one.
    reapplied,
    clamped,
    held,
    hold_expired,
    /// Holds refused because the agent or the partition had its share.
    hold_full,
    scopes,
    /// Scope records refused: the agent's book was full, or the scope cannot be judged by.
    scopes_refused,
    controls,
    findings,
    /// Actions of undeclared agents that share one state.
    onboarding_full,
    /// Metrics refused because the agent had its share.
    metrics_full,
}
