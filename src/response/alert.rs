//! The alert: one message about an incident, typed.

use serde_json::{Map, Value};

use crate::event::{AgentAction, EdgeEvidence, Text};

use super::block_target::BlockTarget;
use super::id::DerivedId;
use super::incident::FirstEvent;
use super::progress::RevocationProgress;
use super::rule_view::{RevocationMode, RuleConfidence, RuleFamily, RuleLevel, RuleView};

/// One message about an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub message_id: DerivedId,
    pub incident_id: DerivedId,
    /// Joins the incidents of one agent, credential or tree within a day; absent where the incident
    /// spans agents.
    pub case_id: Option<DerivedId>,
    pub activity: AlertActivity,
    /// Stream time of the alert, epoch milliseconds.
    pub time_ms: i64,
    pub tenant: Text,
    /// The agent. Of an incident that spans agents, the agent that opened it, so that all alerts
    /// of one incident have one key.
    pub agent_id: Text,
    pub agent_type: Option<Text>,
    pub task_id: Option<Text>,
    pub rule: RuleNote,
    /// What the rule's author says of it.
    pub advice: RuleAdvice,
    /// The weaker rules that matched the same action. Where no action caused the alert: all rules
    /// that ever joined the incident.
    pub also: Vec<RuleNote>,
    pub severity: RuleLevel,
    pub confidence: RuleConfidence,
    /// One sentence: who did what to what, expected against observed.
    pub message: String,
    /// The events since the last alert, oldest first: at most [`super::EVIDENCE_MAX`].
    pub event_ids: Vec<Text>,
    /// Events since the last alert that `event_ids` leaves out.
    pub event_ids_dropped: u64,
    pub first_event: FirstEvent,
    /// Stream time of the latest finding, epoch milliseconds.
    pub last_ms: i64,
    /// Findings so far.
    pub count: u64,
    /// The facts the rule read, with their values; empty where no action caused the alert.
    pub facts: Map<String, Value>,
    pub expected: Option<BaselineComparison>,
    /// What the action gives as evidence that somebody else steers the agent, where the rule is
    /// about that.
    pub evidence: Option<EvidenceNote>,
    pub context: AlertContext,
    /// Delegation chain, root first.
    pub chain: Vec<Text>,
    /// How each edge of the chain is known, down to the agent.
    pub edges: Vec<ChainEdge>,
    pub atlas: Vec<Text>,
    pub asi: Vec<Text>,
    /// The agents of an incident that spans agents: the first [`super::AGENTS_MAX`], and the agent
    /// of the action that caused this alert.
    pub agents: Vec<Text>,
    pub revocation: Option<RevocationBlock>,
    /// Hash of the rule bundle, hex.
    pub bundle: Text,
    /// The action that caused this alert, for formats that describe it.
    pub trigger: Option<Box<AgentAction>>,
}

/// One agent of a delegation chain and the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEdge {
    pub from: Text,
    pub to: Text,
    pub evidence: EdgeEvidence,
}

/// What an alert does to its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertActivity {
    Create,
    Update,
    Close(CloseReason),
}

/// Why an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// It had no finding for long enough.
    Quiet,
    /// A person called it a false positive.
    FalsePositive,
}

impl AlertActivity {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            AlertActivity::Create => "create",
            AlertActivity::Update => "update",
            // Nobody has looked at it because of that.
            AlertActivity::Close(CloseReason::Quiet) => "quiet",
            AlertActivity::Close(CloseReason::FalsePositive) => "close",
        }
    }
}

impl CloseReason {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CloseReason::Quiet => "quiet",
            CloseReason::FalsePositive => "false_positive",
        }
    }
}

/// A rule as an alert names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNote {
    pub id: Text,
    pub title: Text,
    pub family: RuleFamily,
}

impl From<&RuleView<'_>> for RuleNote {
    fn from(rule: &RuleView<'_>) -> Self {
        RuleNote {
            id: rule.id.into(),
            title: rule.title.into(),
            family: rule.family,
        }
    }
}

/// What the author of a rule says to whoever reads its alerts. Both texts may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleAdvice {
    /// What the rule sees, and why that matters.
    pub description: Text,
    /// What to do next.
    pub remediation: Text,
}

impl From<&RuleView<'_>> for RuleAdvice {
    fn from(rule: &RuleView<'_>) -> Self {
        RuleAdvice {
            description: rule.description.into(),
            remediation: rule.remediation.into(),
        }
    }
}

/// One of the baselines of a metric that is grouped by a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricGroup {
    pub field: Text,
    /// Absent: all values together that have no baseline of their own.
    pub value: Option<Text>,
}

/// What a baseline expected and what it observed.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineComparison {
    pub metric: Text,
    /// Which of its baselines, if the metric has one for each value of a field.
    pub group: Option<MetricGroup>,
    /// Length of the window that was judged, milliseconds.
    pub window_ms: i64,
    pub observed: f64,
    pub expected: f64,
    /// The largest value that is still usual.
    pub upper: f64,
    /// Observed over expected.
    pub ratio: f64,
    /// learning, active, frozen, stale or class.
    pub state: Text,
    /// The score in bans, and the one that alarms.
    pub score: f64,
    pub needed: f64,
    /// Days since the metric began.
    pub learned_days: f64,
    /// What no window of this length before was above; absent as long as none has closed.
    pub highest: Option<f64>,
    /// What was usual at this hour by the numbers of last week.
    pub last_week: Option<f64>,
}

/// What surrounds the action of an alert; empty where no action caused it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertContext {
    /// The scope that judged the action.
    pub scope: Option<ScopeNote>,
    /// The last actions of the agent in the task, this one included, oldest first.
    pub recent: Vec<RecentAction>,
}

/// A scope in a compact form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeNote {
    pub id: Text,
    /// How the scope was found: by the task, the agent or a template.
    pub basis: Text,
    pub status: Text,
    /// End of its version, epoch milliseconds.
    pub expires_at_ms: Option<i64>,
    /// What it permits, line by line.
    pub permits: Vec<String>,
    /// Lines that are left out.
    pub permits_further: usize,
}

/// An action before an alert, or several like it in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentAction {
    /// The time of the last one, epoch milliseconds.
    pub at_ms: i64,
    /// `delete database.table orders with sql`.
    pub action: String,
    pub outcome: Option<Text>,
    pub times: u32,
}

/// What an action gives as evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceNote {
    /// The sum of the signals, in bans.
    pub bans: f64,
    /// Clean tasks of the class.
    pub class_tasks: u32,
    /// The heaviest first.
    pub signals: Vec<SignalNote>,
}

/// One signal of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalNote {
    /// Its id, such as `DN`.
    pub signal: Text,
    /// In bans.
    pub weight: f64,
    /// What it is about, with the counts.
    pub about: String,
    /// Clean tasks of the class with the same, and in all; absent where nothing is counted.
    pub class: Option<(u32, u32)>,
    /// The same for the agent type.
    pub peers: Option<(u32, u32)>,
}

/// What an alert shows of its incident's revocation requests, also of those in shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationBlock {
    pub txn: DerivedId,
    /// The most powerful mode among the targets; without a target, the mode that would apply.
    pub mode: RevocationMode,
    /// In the order in which they are to be revoked.
    pub targets: Vec<BlockTarget>,
    /// Why a target was not planned.
    pub notes: Vec<String>,
    /// How far the requests have come.
    pub progress: RevocationProgress,
}
