//! A rule as the rest of the detector sees it: who it is, what it reads, how it answers.

use crate::event::{Measure, Text, words};

use super::FactSlot;
use super::catalogue::MetricFacts;
use super::compiled::Compiled;
use super::detection::Cond;
use super::test_case::RuleTest;

/// Index of a rule in its bundle; the order of `(path, document)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIx(pub u16);

impl RuleIx {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a metric in its bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricIx(pub u16);

impl MetricIx {
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

words! {
    /// The family of a rule: the name of its folder under `rules/`.
    Family {
        Scope = "scope", Delegation = "delegation", Credential = "credential",
        Instruction = "instruction", Channel = "channel", Volume = "volume",
        Behaviour = "behaviour", Policy = "policy", Risk = "risk", Fleet = "fleet",
    }
}

impl Family {
    /// Rank among findings of equal severity: a scope verdict is certain, so it speaks first.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Family::Scope => 0,
            _ => 1,
        }
    }
}

words! {
    /// Severity of a rule's findings, lowest first.
    Level {
        Informational = "informational", Low = "low", Medium = "medium", High = "high",
        Critical = "critical",
    }
}

words! {
    /// Maturity of a rule. Only a stable rule may revoke; deprecated and unsupported rules are
    /// refused, because they would not be evaluated.
    Status { Stable = "stable", Test = "test", Experimental = "experimental" }
}

words! {
    /// What a rule asks to have revoked.
    RevokeTarget {
        None = "none",
        /// The credential the action used.
        Credential = "credential",
        Session = "session",
        Agent = "agent",
        /// The agent and everything it delegated to.
        Tree = "tree",
    }
}

words! {
    /// What may become of a revocation, weakest first: the lower of the rule's and the policy's
    /// mode holds.
    Mode { Off = "off", Shadow = "shadow", Approve = "approve", Auto = "auto" }
}

words! {
    /// Where a rule's incidents are folded.
    Fold {
        /// One incident per agent and task.
        Agent = "agent",
        /// One summary per class and day of the tenant.
        ClassDay = "class-day",
        /// One summary per tool and day of the tenant.
        ToolDay = "tool-day",
        /// One for the tenant.
        Tenant = "tenant",
    }
}

words! {
    /// Which side of the expectation a baseline rule alarms on.
    Direction { Above = "above" }
}

/// A rule's `response:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseSpec {
    /// Points added to the agent's risk score, 0 to 100.
    pub risk: u8,
    pub revoke: RevokeTarget,
    /// The most this rule may do.
    pub mode_max: Mode,
    pub fold: Fold,
}

impl Default for ResponseSpec {
    fn default() -> Self {
        ResponseSpec {
            risk: 0,
            revoke: RevokeTarget::None,
            mode_max: Mode::Auto,
            fold: Fold::Agent,
        }
    }
}

/// A loaded rule.
#[derive(Debug, Clone)]
pub struct Rule {
    pub ix: RuleIx,
    /// UUID of the rule, lower case.
    pub id: Text,
    pub title: String,
    pub description: String,
    pub family: Family,
    pub status: Status,
    pub level: Level,
    /// ATLAS technique ids, such as `AML.T0053`.
    pub atlas: Vec<Text>,
    /// OWASP agentic ids with their year, such as `ASI02:2026`.
    pub asi: Vec<Text>,
    pub falsepositives: Vec<String>,
    pub response: ResponseSpec,
    /// The metric whose alarm fires this rule. Such a rule is never returned by
    /// [`super::Bundle::evaluate`]: its detection selects what the metric counts.
    pub baseline: Option<MetricIx>,
    /// Facts that the detection reads, in slot order.
    pub reads: Vec<FactSlot>,
    /// Some of them need the agent's scope, so a held action cannot be judged by this rule yet.
    pub reads_scope_facts: bool,
    pub tests: Vec<RuleTest>,
    pub path: String,
    /// Line of the rule's document.
    pub line: usize,
    pub(super) cond: Cond,
    pub(super) compiled: Compiled,
}

/// What a baseline rule counts and when its count is an alarm.
#[derive(Debug, Clone)]
pub struct MetricSpec {
    pub ix: MetricIx,
    /// The `<metric>` of `baseline.<metric>.*`.
    pub name: Text,
    /// The rule that fires on its alarm.
    pub rule: RuleIx,
    pub measure: Measure,
    /// Length of the smallest pane that is judged.
    pub pane_ms: i64,
    pub direction: Direction,
    /// False alarms allowed per agent in 30 days, over all scales.
    pub false_alarms_per_30d: f64,
    /// No alarm below this count.
    pub min_count: u64,
    /// No alarm below this multiple of the expectation.
    pub min_ratio: f64,
    /// Where its facts stand.
    pub facts: MetricFacts,
    /// A rule besides its own reads them: they are wanted on every action it counts, not on an
    /// alarm alone.
    pub watched: bool,
}

/// A rule for another log source: listed, never evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRule {
    pub path: String,
    pub line: usize,
    pub title: String,
    /// `product/category/service`, as far as given.
    pub logsource: String,
    /// Its fields that are not facts, sorted.
    pub unmapped_fields: Vec<String>,
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
