//! What the stages are given: the action, the findings on it, the active bundle, the stores.

use serde_json::{Map, Value};

use crate::event::{AgentAction, RecordPosition, Text};

use super::alert::{AlertContext, BaselineComparison, ChainEdge, EvidenceNote};
use super::budget::TenantBudgets;
use super::case::CaseAnchor;
use super::incident::EvidenceKeep;
use super::incident_store::IncidentStore;
use super::policy::Policy;
use super::proof::CredentialProof;
use super::rule_view::{IncidentFold, OWN_RULES, RuleLevel, RuleLookup, RuleView};
use super::target::TargetKind;
use super::tree_view::TreeView;

/// The active bundle, as far as the response to findings depends on it.
#[derive(Clone, Copy)]
pub struct BundleContext<'a> {
    pub policy: &'a Policy,
    /// Hash of the bundle, hex.
    pub bundle: &'a str,
    /// Partitions of the actions topic: the budget is shared among them.
    pub partitions: u32,
    pub rules: &'a dyn RuleLookup,
}

impl<'a> BundleContext<'a> {
    /// A rule of the bundle, or one of this room's own.
    pub(super) fn rule_view(&self, id: &str) -> Option<RuleView<'a>> {
        let own = OWN_RULES.iter().find(|rule| rule.id == id).copied();
        own.or_else(|| self.rules.rule_view(id))
    }
}

/// The state that one action may change.
#[derive(Debug)]
pub struct IncidentStores<'a> {
    /// The agent's incidents and requests.
    pub agent: &'a mut IncidentStore,
    /// The tenant's, in this partition: incidents that span agents.
    pub tenant: &'a mut IncidentStore,
    /// The tenant's revocation budgets, in this partition.
    pub budgets: &'a mut TenantBudgets,
}

impl IncidentStores<'_> {
    /// The store that keeps the incidents of `fold`.
    pub(super) fn store_of(&mut self, fold: IncidentFold) -> &mut IncidentStore {
        match fold {
            IncidentFold::Agent => self.agent,
            IncidentFold::ClassDay | IncidentFold::ToolDay | IncidentFold::Tenant => self.tenant,
        }
    }
}

/// A rule's match on one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding<'a> {
    pub rule: RuleView<'a>,
    /// The rule's level, unless the caller raises it.
    pub severity: RuleLevel,
    /// What was taken away before the action, where the rule is about acting after that: its
    /// request is for nothing larger.
    pub taken: Option<TargetKind>,
}

impl<'a> Finding<'a> {
    /// A finding of the rule's own level.
    #[must_use]
    pub fn new(rule: RuleView<'a>) -> Self {
        Finding {
            severity: rule.level,
            rule,
            taken: None,
        }
    }
}

/// One action with its position and times, and the bundle that judged it.
#[derive(Clone, Copy)]
pub struct ActionContext<'a> {
    pub bundle: &'a BundleContext<'a>,
    pub action: &'a AgentAction,
    pub position: &'a RecordPosition,
    /// Append time of its record, epoch milliseconds.
    pub append_ms: i64,
    /// The action's own time, epoch milliseconds.
    pub at_ms: i64,
    /// Stream time of the partition, epoch milliseconds.
    pub stream_ms: i64,
    /// The gateway's id, or the position as text.
    pub event_id: &'a str,
    /// The class of its task: from the judging scope, else from the record.
    pub task_class: Option<&'a str>,
    /// No scope is declared for the agent: it is being onboarded.
    pub undeclared: bool,
    /// The agent has a scope record of its own.
    pub declared: bool,
    /// What is known of its credential.
    pub proof: CredentialProof<'a>,
    pub evidence: EvidenceKeep,
    /// Delegation chain, root first.
    pub chain: &'a [Text],
    /// How each of its edges is known.
    pub edges: &'a [ChainEdge],
    /// By what the case of the agent's incidents is named.
    pub case: CaseAnchor<'a>,
    /// The agents below this one in its delegation tree. Called only when a rule asks to revoke
    /// the tree, because it may have many members.
    pub tree: &'a dyn Fn() -> TreeView,
    /// Explains a rule's match, by the rule's id. Called only when an alert is due, because the
    /// sentence and the facts cost more than the match itself.
    pub detail: &'a dyn Fn(&str) -> FindingDetail,
}

/// What a burst of a metric became, for the alert that closes its incident.
#[derive(Debug, Clone, PartialEq)]
pub struct BurstNote {
    /// The rule that alarmed.
    pub rule: Text,
    pub metric: Text,
    /// Length of the window that was summed, milliseconds.
    pub window_ms: i64,
    /// The greatest sum.
    pub observed: f64,
}

/// Why a rule matched an action, for people.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FindingDetail {
    /// One sentence: who did what to what, expected against observed.
    pub explanation: String,
    /// The facts the rule reads, with their values.
    pub facts: Map<String, Value>,
    pub expected: Option<BaselineComparison>,
    pub evidence: Option<EvidenceNote>,
    pub context: AlertContext,
}
