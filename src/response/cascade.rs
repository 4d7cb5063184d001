//! Trees that are being revoked: an agent that is seen in one later is added to its plan.

use crate::event::{AgentKey, RecordPosition};

use super::alert_draft::{AlertDraft, next_alert, rule_note};
use super::block_target::BlockTarget;
use super::emit::{emit_alert, emit_audit, emit_request};
use super::id::DerivedId;
use super::incident::FirstEvent;
use super::input::{BundleContext, IncidentStores};
use super::open_cascade::{CASCADES_MAX, Cascade};
use super::outcome::{AuditEntry, AuditKind, RequestKind, ResponseOutcome, RevocationRequest};
use super::plan::{distinct_targets, tree_requests};
use super::planner::{PlanCause, PlannedRequest, Planner};
use super::request_ledger::RequestLedger;
use super::request_state::RequestState;
use super::revocation_plan::RevocationPlan;
use super::rule_view::{RevocationMode, RuleFamily};
use super::target::{RevocationTarget, TargetKind, TargetName};
use super::target_request::{AwaitedUsers, TargetRequest, shorten_reason};
use super::tree_view::TreeView;

/// What led to members that are seen later.
#[derive(Clone, Copy)]
pub struct TreeArrival<'a> {
    pub bundle: &'a BundleContext<'a>,
    /// The agent at the top.
    pub agent: &'a AgentKey,
    /// The agent has a scope record of its own.
    pub declared: bool,
    /// The record from which the member is known.
    pub position: &'a RecordPosition,
    /// Its append time, epoch milliseconds.
    pub append_ms: i64,
    /// Its own time, epoch milliseconds.
    pub at_ms: i64,
    /// Stream time of the partition, epoch milliseconds.
    pub stream_ms: i64,
    pub event_id: &'a str,
}

impl RequestLedger {
    /// Whether any tree is being revoked.
    #[must_use]
    pub fn has_cascades(&self) -> bool {
        !self.cascades.is_empty()
    }

    /// Remembers that a tree is being revoked.
    pub(super) fn remember_cascade(&mut self, mut cascade: Cascade) {
        let known = |known: &mut Cascade| known.incident == cascade.incident;
        for known in self.cascades.extract_if(.., known) {
            cascade.number = cascade.number.max(known.number);
        }
        if self.cascades.len() >= CASCADES_MAX {
            self.cascades.remove(0);
        }
        self.cascades.push(cascade);
    }

    /// Notes the number of the last plan of an incident over a tree.
    pub(super) fn number_cascade(&mut self, incident: DerivedId, number: u32) {
        let mut cascades = self.cascades.iter_mut();
        if let Some(known) = cascades.find(|known| known.incident == incident) {
            known.number = number;
        }
    }

    /// Forgets the trees that are revoked no longer, and those of which nothing is asked.
    pub(super) fn forget_cascades(&mut self, stream_ms: i64) {
        let entries = &self.entries;
        self.cascades.retain(|cascade| {
            let asked = |entry: &TargetRequest| entry.is_about(cascade.incident);
            cascade.until_ms > stream_ms && entries.iter().any(asked)
        });
    }

    /// The most powerful mode in which anything of an incident was asked and not taken back.
    fn mode_reached(&self, incident: DerivedId) -> Option<RevocationMode> {
        let about = self.entries.iter().filter(|entry| entry.is_about(incident));
        let modes = about.filter_map(|entry| match entry.state {
            RequestState::Planned => Some(RevocationMode::Shadow),
            RequestState::Waiting => Some(RevocationMode::Approve),
            RequestState::Sent
            | RequestState::Done
            | RequestState::NotFound
            | RequestState::Partial
            | RequestState::Failed => Some(RevocationMode::Auto),
            RequestState::Refused
            | RequestState::Withdrawn
            | RequestState::Denied
            | RequestState::Lapsed => None,
        });
        modes.max()
    }
}

/// Adds the members of `tree` that no plan has yet to the trees of the agent that are being
/// revoked, as a further plan under the same transaction. To be called when a member is seen.
pub fn extend_cascades(
    stores: &mut IncidentStores<'_>,
    arrival: &TreeArrival<'_>,
    tree: &TreeView,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    for cascade in stores.agent.requests.cascades.clone() {
        if let Some(reached) = stores.agent.requests.mode_reached(cascade.incident) {
            extend_cascade(stores, &cascade, reached, (arrival, tree), outcomes);
        }
    }
}

/// Adds members to one tree, where at most the mode `reached` applies.
fn extend_cascade(
    stores: &mut IncidentStores<'_>,
    cascade: &Cascade,
    reached: RevocationMode,
    (arrival, tree): (&TreeArrival<'_>, &TreeView),
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let (bundle, tenant) = (arrival.bundle, &arrival.agent.tenant);
    let mode = addition_mode(stores, cascade, reached, arrival);
    if mode == RevocationMode::Off {
        return;
    }
    let incident = cascade.incident;
    let open = stores.agent.get(incident);
    let (messages, plans) = open.map_or((0, 0), |open| (open.message_n, open.plan_n));
    let reason = || {
        format!(
            "A member of a tree that is being revoked: {}",
            cascade.reason
        )
    };
    let cause = PlanCause {
        bundle,
        tenant,
        agent: &arrival.agent.agent,
        declared: arrival.declared,
        stream_ms: arrival.stream_ms,
        append_ms: arrival.append_ms,
        first: FirstEvent {
            position: arrival.position.clone(),
            occurred_at_ms: arrival.at_ms,
            append_ms: arrival.append_ms,
        },
        event_id: shorten_reason(arrival.event_id),
        task: cascade.task.clone(),
        severity: cascade.severity,
        message: DerivedId::message(incident, messages.saturating_add(1)),
        users: 1,
        awaits: AwaitedUsers::Not,
        expires_ms: None,
        reason: &reason,
        whole: &|| None,
    };
    let plans = plans.max(cascade.number);
    let mut planner = Planner::new(stores, incident, plans, &cause);
    let requests = new_requests(&mut planner, cascade, mode, tree);
    planner.plan_requests(requests);
    let (number, mut plan) = (planner.number, planner.plan);
    if plan.is_empty() {
        return;
    }
    plan.number = number;
    if let Some(open) = stores.agent.get_mut(incident) {
        open.plan_n = number;
    }
    stores.agent.requests.number_cascade(incident, number);
    report_addition(stores, cascade, plan, &cause, outcomes);
}

/// The mode in which members are added to a cascade that reached the mode `reached`.
fn addition_mode(
    stores: &IncidentStores<'_>,
    cascade: &Cascade,
    reached: RevocationMode,
    arrival: &TreeArrival<'_>,
) -> RevocationMode {
    let (policy, agent) = (arrival.bundle.policy, arrival.agent);
    let rule = arrival.bundle.rule_view(&cascade.rule);
    let Some(rule) = rule.filter(|_| !policy.never_revokes(&agent.agent, None)) else {
        return RevocationMode::Off;
    };
    let requests = &stores.agent.requests;
    let muted = requests.is_muted(&cascade.rule, arrival.stream_ms);
    let ceiling = if muted {
        RevocationMode::Shadow
    } else {
        reached
    };
    policy.mode(&agent.tenant, &rule).min(ceiling)
}

/// What is to be asked of the members that no plan of the incident has yet.
fn new_requests(
    planner: &mut Planner<'_>,
    cascade: &Cascade,
    mode: RevocationMode,
    tree: &TreeView,
) -> Vec<PlannedRequest> {
    let like = PlannedRequest {
        mode,
        // Each member has its own.
        target: RevocationTarget {
            kind: TargetKind::Agent,
            name: TargetName::Opaque {
                id: planner.cause.agent.clone(),
            },
        },
        rule: cascade.rule.clone(),
        part: None,
        together: 0,
    };
    let mut requests = distinct_targets(tree_requests(planner, &like, tree));
    // A member was planned once, also where its credential is another one now: what it does with
    // that is a finding of its own.
    let entries = &planner.store.requests.entries;
    requests.retain(|request| {
        let member = request.part.as_ref().and_then(|part| part.member());
        !entries.iter().any(|entry| {
            let same_agent = entry.is_of_member() && Some(entry.agent()) == member;
            entry.is_about(cascade.incident)
                && (same_agent || entry.target.is_same(&request.target))
        })
    });
    let before = entries
        .iter()
        .filter(|entry| entry.is_about(cascade.incident));
    // Added one by one they must not stay below what needs a person together.
    let together = before.count() + requests.len();
    for request in &mut requests {
        request.together = together;
    }
    // Notes about those that are left out stand in the first plan.
    planner.plan.notes.clear();
    requests
}

/// Emits the alert, the request and the audit entries of an addition.
fn report_addition(
    stores: &mut IncidentStores<'_>,
    cascade: &Cascade,
    plan: RevocationPlan,
    cause: &PlanCause<'_>,
    outcomes: &mut Vec<ResponseOutcome>,
) {
    let incident = cascade.incident;
    let of_plan =
        |entry: &&TargetRequest| entry.incident == incident && entry.number == plan.number;
    let added: Vec<TargetRequest> = stores
        .agent
        .requests
        .entries
        .iter()
        .filter(of_plan)
        .cloned()
        .collect();
    let names: Vec<&str> = added.iter().map(|entry| entry.agent().as_str()).collect();
    let message = format!(
        "Added to the revocation of the tree of agent {} as plan {}: {}",
        cause.agent,
        plan.number,
        names.join(", ")
    );
    let draft = AlertDraft {
        mode: None,
        notes: plan.notes.clone(),
        ..AlertDraft::without_action(cause.tenant, cause.stream_ms, message.clone())
    };
    let alert = next_alert(cause.bundle, stores.agent, incident, draft);
    let message_id = alert.as_ref().map(|alert| alert.message_id);
    if let Some(alert) = alert {
        emit_alert(alert, outcomes);
    }
    let addition = Addition {
        cascade,
        cause,
        plan: &plan,
        message,
    };
    for (kind, state) in [
        (AuditKind::ShadowPlan, RequestState::Planned),
        (AuditKind::PlanWaiting, RequestState::Waiting),
        (AuditKind::RequestSent, RequestState::Sent),
    ] {
        let of_state = added.iter().filter(|entry| entry.state == state);
        let targets: Vec<BlockTarget> = of_state.map(BlockTarget::of_request).collect();
        if targets.is_empty() {
            continue;
        }
        if state == RequestState::Sent {
            emit_request(addition.request(message_id), outcomes);
        }
        emit_audit(addition.audit(kind, targets), outcomes);
    }
}

/// A plan that was added, with the sentence about it.
struct Addition<'a> {
    cascade: &'a Cascade,
    cause: &'a PlanCause<'a>,
    plan: &'a RevocationPlan,
    message: String,
}

impl Addition<'_> {
    fn request(&self, message_id: Option<DerivedId>) -> RevocationRequest {
        let (cascade, cause) = (self.cascade, self.cause);
        RevocationRequest {
            kind: RequestKind::Requested,
            txn: DerivedId::txn(cascade.incident),
            number: self.plan.number,
            tenant: cause.tenant.clone(),
            agent_id: cause.agent.clone(),
            task_id: cause.task.clone(),
            incident_id: cascade.incident,
            message_id,
            rule: rule_note(cause.bundle, &cascade.rule, RuleFamily::Policy),
            severity: cause.severity,
            reason: self.message.clone(),
            targets: self.plan.sent.clone(),
            event_ids: vec![cause.event_id.clone()],
            requested_at_ms: cause.append_ms,
            bundle: cause.bundle.bundle.into(),
        }
    }

    fn audit(&self, what: AuditKind, targets: Vec<BlockTarget>) -> AuditEntry {
        AuditEntry {
            at_ms: self.cause.append_ms,
            tenant: self.cause.tenant.clone(),
            agent_id: self.cause.agent.clone(),
            incident_id: Some(self.cascade.incident),
            txn: Some(DerivedId::txn(self.cascade.incident)),
            what,
            by: None,
            targets,
            detail: self.message.clone(),
        }
    }
}
