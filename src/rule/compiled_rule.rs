//! A rule of a bundle, ready to be evaluated.

use crate::event::{EventKind, Text};

use super::evaluate::condition::Condition;
use super::model::catalogue::FactSlot;
use super::model::classification::{RuleConfidence, RuleFamily, RuleLevel, RuleStatus};
use super::model::inline_test::RuleTest;
use super::model::numbering::{MetricIndex, RuleIndex};
use super::model::rule_response::ResponseSpec;

/// A rule of a bundle.
#[derive(Debug, Clone)]
pub struct Rule {
    pub index: RuleIndex,
    /// UUID of the rule, in lower case.
    pub id: Text,
    pub title: String,
    pub description: String,
    /// What to do about a finding; empty where the file does not say it.
    pub remediation: String,
    pub confidence: RuleConfidence,
    pub family: RuleFamily,
    pub status: RuleStatus,
    pub level: RuleLevel,
    /// ATLAS technique ids, such as `AML.T0053`.
    pub atlas: Vec<Text>,
    /// OWASP agentic ids with their year, such as `ASI02:2026`.
    pub asi: Vec<Text>,
    pub falsepositives: Vec<String>,
    pub response: ResponseSpec,
    /// The metric of a baseline rule, which matches when the metric alarms.
    /// [`super::Bundle::match_rules`] never returns such a rule: its detection selects the actions
    /// that the metric counts.
    pub baseline: Option<MetricIndex>,
    /// Facts that the detection reads, in slot order.
    pub reads: Vec<FactSlot>,
    /// Whether a fact in `reads` depends on the agent's scope. Such a rule is not evaluated while
    /// an action is deferred.
    pub reads_scope_facts: bool,
    pub tests: Vec<RuleTest>,
    pub path: String,
    /// Line of the rule's document.
    pub line: usize,
    pub(super) condition: Condition,
}

impl Rule {
    /// Whether the rule may match an event of this kind that is no action. A rule that does not
    /// read `event.kind` matches actions only.
    #[must_use]
    pub fn may_match_kind(&self, kind: EventKind) -> bool {
        self.baseline.is_none() && self.condition.may_match_kind(kind.as_str())
    }
}

/// Which rules are evaluated for an action now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSet {
    /// All rules: the scope of the action is known.
    All,
    /// The rules that read no scope fact: the action is deferred until its scope arrives.
    WithoutScope,
    /// The rules that read a scope fact: the action is no longer deferred.
    OnlyScope,
}

impl RuleSet {
    pub(super) fn includes_rule(self, rule: &Rule) -> bool {
        match self {
            RuleSet::All => true,
            RuleSet::WithoutScope => !rule.reads_scope_facts,
            RuleSet::OnlyScope => rule.reads_scope_facts,
        }
    }
}
