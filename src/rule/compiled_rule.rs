//! A rule of a bundle, ready to be evaluated.

use crate::event::Text;

use super::evaluate::detection_matcher::DetectionMatcher;
use super::model::catalogue::FactSlot;
use super::model::classification::{Family, RuleLevel, RuleStatus};
use super::model::condition::Condition;
use super::model::inline_test::RuleTest;
use super::model::numbering::{MetricIndex, RuleIndex};
use super::model::rule_response::ResponseSpec;

/// A loaded rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub index: RuleIndex,
    /// UUID of the rule, lower case.
    pub id: Text,
    pub title: String,
    pub description: String,
    pub family: Family,
    pub status: RuleStatus,
    pub level: RuleLevel,
    /// ATLAS technique ids, such as `AML.T0053`.
    pub atlas: Vec<Text>,
    /// OWASP agentic ids with their year, such as `ASI02:2026`.
    pub asi: Vec<Text>,
    pub falsepositives: Vec<String>,
    pub response: ResponseSpec,
    /// The metric whose alarm fires this rule. Such a rule is never returned by
    /// [`super::Bundle::match_rules`]: its detection selects what the metric counts.
    pub baseline: Option<MetricIndex>,
    /// Facts that the detection reads, in slot order.
    pub reads: Vec<FactSlot>,
    /// Some of them need the agent's scope, so a held action cannot be judged by this rule yet.
    pub reads_scope_facts: bool,
    pub tests: Vec<RuleTest>,
    pub path: String,
    /// Line of the rule's document.
    pub line: usize,
    pub(super) condition: Condition,
    pub(super) matcher: DetectionMatcher,
}

/// Which rules judge an action now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSet {
    /// All of them: the action's scope is settled.
    All,
    /// Those that read no scope fact: the action waits for its scope.
    WithoutScope,
    /// The others: the action's wait is over.
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
