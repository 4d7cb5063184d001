//! Stage 3: turns the findings on one action into a revocation plan.
//!
//! **Alert and request are two decisions.** Every finding of the group may ask for its own target
//! in its own mode, whichever rule leads the alert. What one action can cause is limited here:
//! `proof` says whom a request may hit at all, and what may hit many waits for a person.

use std::cmp::Reverse;

use crate::event::Text;

use super::alert::{FirstEvent, RequestState};
use super::budget::{BudgetDecision, RevocationBudget, share_of};
use super::fold::evidence_id;
use super::id::DerivedId;
use super::incident_store::IncidentStore;
use super::input::{ActionContext, Finding, IncidentStores};
use super::outcome::PlannedTarget;
use super::proof::{USERS_MAX, cap_target, name_target};
use super::rank::FindingGroup;
use super::request_ledger::{REQUESTS_MAX, RequestStatus, target_reason};
use super::rule_view::{IncidentFold, RevocationMode, RevokeTarget};
use super::target::{RevocationTarget, TargetKind};
use super::target_request::{
    APPROVAL_MS, RequestCause, TargetRequest, kept_until_ms, shorten_reason,
};

/// A plan over more targets than this waits for a person.
pub const PLAN_TARGETS_MAX: usize = 10;

/// What one action adds to its incident's plan.
#[derive(Debug, Default)]
pub(super) struct RevocationPlan {
    /// The most powerful mode among the findings, also where nothing was planned.
    pub(super) mode: Option<RevocationMode>,
    /// Targets to be requested now.
    pub(super) sent: Vec<PlannedTarget>,
    /// Targets that are only shown.
    pub(super) shadow: Vec<PlannedTarget>,
    /// Targets that wait for a person's decision.
    pub(super) waiting: Vec<PlannedTarget>,
    /// The number of this plan in its incident, from 1; 0 for a plan without targets.
    pub(super) number: u32,
    /// Why a finding's target was not planned.
    pub(super) notes: Vec<String>,
    /// The plan changed what the incident's alerts show, so an alert is due.
    pub(super) alert_due: bool,
    /// This action used up the budget of this hour.
    pub(super) budget_used_up: bool,
}

/// A target that a finding asks for.
struct PlannedRequest {
    mode: RevocationMode,
    target: RevocationTarget,
    rule: Text,
}

/// Plans for a group of findings whose incident is `incident`. Only groups of one agent plan.
pub(super) fn plan_revocations(
    stores: &mut IncidentStores<'_>,
    group: &FindingGroup<'_>,
    incident: DerivedId,
    ctx: &ActionContext<'_>,
) -> RevocationPlan {
    if group.lead.rule.fold != IncidentFold::Agent {
        return RevocationPlan::default();
    }
    let plans_before = stores.agent.get(incident).map_or(0, |open| open.plan_n);
    let mut planner = Planner {
        budget: stores.budgets.of_agents(ctx.declared),
        store: &mut *stores.agent,
        incident,
        lead: &group.lead,
        ctx,
        number: plans_before.saturating_add(1),
        plan: RevocationPlan::default(),
    };
    let requests = planner.collect_requests(group);
    let targets = requests.len();
    for request in requests {
        planner.plan_request(request, targets);
    }
    let number = planner.number;
    let mut plan = planner.plan;
    if plan.sent.len() + plan.shadow.len() + plan.waiting.len() > 0 {
        plan.number = number;
        if let Some(open) = stores.agent.get_mut(incident) {
            open.plan_n = number;
        }
    }
    plan.notes.dedup();
    plan
}

/// A plan in the making, with what it reads and changes.
struct Planner<'a> {
    store: &'a mut IncidentStore,
    budget: &'a mut RevocationBudget,
    incident: DerivedId,
    lead: &'a Finding<'a>,
    ctx: &'a ActionContext<'a>,
    /// The number of the plan in its incident.
    number: u32,
    plan: RevocationPlan,
}

impl Planner<'_> {
    /// What the findings may ask for: one request per target, the most powerful mode first.
    fn collect_requests(&mut self, group: &FindingGroup<'_>) -> Vec<PlannedRequest> {
        let (action, policy) = (self.ctx.action, self.ctx.bundle.policy);
        let tenant = &action.tenant;
        let mut requests: Vec<PlannedRequest> = Vec::new();
        for finding in &group.asking {
            let rule = &finding.rule;
            let mut mode = policy.mode(tenant, rule);
            if rule.revoke == RevokeTarget::None || mode == RevocationMode::Off {
                continue;
            }
            if self.store.requests.is_muted(rule.id, self.ctx.stream_ms) {
                mode = mode.min(RevocationMode::Shadow);
            }
            self.plan.mode = self.plan.mode.max(Some(mode));
            let asked = cap_target(rule.revoke, finding.taken);
            let credential = action.credential_id.as_deref();
            if self.ctx.undeclared && !policy.is_strict(tenant) {
                self.note("no request: the agent is undeclared and being onboarded");
            } else if policy.never_revokes(&action.agent_id, credential) {
                self.note("no request: the never-revoke list covers it");
            } else {
                match name_target(asked, action, &self.ctx.proof, policy.issuer(tenant)) {
                    Ok(target) => requests.push(PlannedRequest {
                        mode,
                        target,
                        rule: rule.id.into(),
                    }),
                    Err(why) => self.note(why),
                }
            }
        }
        // The sort is stable: among equal modes the stronger finding stays first.
        requests.sort_by_key(|request| Reverse(request.mode));
        let mut distinct: Vec<PlannedRequest> = Vec::new();
        for request in requests {
            if !distinct
                .iter()
                .any(|known| known.target.is_same(&request.target))
            {
                distinct.push(request);
            }
        }
        distinct
    }

    /// Puts one request of a plan over `targets` into the plan, joins it to one that is open, or
    /// notes why neither.
    fn plan_request(&mut self, request: PlannedRequest, targets: usize) {
        // Before the budget: what is asked already must not spend it.
        if self.is_known(request.mode, &request.target) {
            return;
        }
        let mode = self.permitted_mode(&request, targets);
        if mode != request.mode && self.is_known(mode, &request.target) {
            return;
        }
        let open: Vec<DerivedId> = self.store.open().iter().map(|one| one.id).collect();
        if self.store.requests.make_room(mode, &open) {
            self.add_request(request, mode);
        } else if mode < RevocationMode::Approve {
            self.note("no request: this agent has as many as are kept");
        } else {
            self.plan_whole_agent(request);
        }
    }

    /// Plans the agent as a whole, where requests for its credentials fill the ledger: nobody
    /// waits for a room that will not come. A person decides.
    fn plan_whole_agent(&mut self, request: PlannedRequest) {
        let ctx = self.ctx;
        let issuer = ctx.bundle.policy.issuer(&ctx.action.tenant);
        let whole = name_target(RevokeTarget::Agent, ctx.action, &ctx.proof, issuer);
        let Ok(target) = whole else { return };
        self.note("this agent has as many requests as are kept: the agent as a whole is planned");
        let whole = PlannedRequest { target, ..request };
        let full = self.store.requests.entries.len() > REQUESTS_MAX;
        if !self.is_known(RevocationMode::Approve, &whole.target) && !full {
            self.add_request(whole, RevocationMode::Approve);
        }
    }

    /// Adds a request to plan and ledger: as sent, as waiting for a decision, or only to be shown.
    fn add_request(&mut self, request: PlannedRequest, mode: RevocationMode) {
        let stream_ms = self.ctx.stream_ms;
        let attempt = self.store.requests.next_attempt(&request.target);
        let planned = PlannedTarget {
            reason: target_reason(&request.rule, &request.target),
            target: request.target.clone(),
            attempt,
        };
        let decide_by_ms = stream_ms.saturating_add(APPROVAL_MS);
        let (list, state) = match mode {
            RevocationMode::Auto => (&mut self.plan.sent, RequestState::Sent),
            RevocationMode::Approve => (&mut self.plan.waiting, RequestState::Waiting),
            RevocationMode::Off | RevocationMode::Shadow => {
                (&mut self.plan.shadow, RequestState::Planned)
            }
        };
        list.push(planned);
        self.plan.alert_due = true;
        let waits = state == RequestState::Waiting;
        if waits {
            self.plan.notes.push(format!(
                "waits until {} for a person to approve or deny it",
                show_time(decide_by_ms)
            ));
        }
        let cause = self.cause();
        self.store.requests.add_request(TargetRequest {
            kept_until_ms: kept_until_ms(&request.target, self.ctx.action, stream_ms),
            target: request.target,
            rule: request.rule,
            incident: self.incident,
            number: self.number,
            mode,
            state,
            asked_ms: stream_ms,
            attempt,
            sent: state == RequestState::Sent,
            repeats: 0,
            decide_by_ms: waits.then_some(decide_by_ms),
            joined: Vec::new(),
            last_use_ms: None,
            cause,
        });
    }

    /// What the request says where it is sent later than its alert.
    fn cause(&self) -> RequestCause {
        let (ctx, open) = (self.ctx, self.store.get(self.incident));
        let messages = open.map_or(0, |open| open.message_n);
        RequestCause {
            agent: ctx.action.agent_id.clone(),
            task: open.and_then(|open| open.task().cloned()),
            severity: self.lead.severity,
            // The alert of this action comes next.
            message: DerivedId::message(self.incident, messages.saturating_add(1)),
            event_id: evidence_id(ctx),
            reason: shorten_reason(&(ctx.detail)(self.lead.rule.id).explanation),
            append_ms: ctx.append_ms,
            first: FirstEvent {
                position: ctx.position.clone(),
                occurred_at_ms: ctx.action.occurred_at_ms.unwrap_or(ctx.append_ms),
                append_ms: ctx.append_ms,
            },
        }
    }

    /// Whether the ledger has the target already, so that nothing is planned; joins the incident
    /// to another's request or plan.
    fn is_known(&mut self, mode: RevocationMode, target: &RevocationTarget) -> bool {
        let status = self.store.requests.status_of(target, self.incident);
        match (status, mode) {
            (RequestStatus::Ours, _) => true,
            (RequestStatus::OurShadow, RevocationMode::Shadow) => true,
            (RequestStatus::OurWaiting, RevocationMode::Shadow | RevocationMode::Approve) => true,
            (RequestStatus::Theirs, _)
            | (RequestStatus::TheirShadow, RevocationMode::Shadow)
            | (RequestStatus::TheirWaiting, RevocationMode::Shadow | RevocationMode::Approve) => {
                self.plan.alert_due |= self.store.requests.join_request(target, self.incident);
                true
            }
            (RequestStatus::Denied, _) => {
                self.note("no request: a person denied it");
                true
            }
            (RequestStatus::Refused, _) => {
                self.note("no request: the identity system refused it before");
                true
            }
            _ => false,
        }
    }

    /// The mode after what one action may cause was checked: what would hit many, or more than the
    /// budget allows, waits for a person.
    fn permitted_mode(&mut self, request: &PlannedRequest, targets: usize) -> RevocationMode {
        if request.mode != RevocationMode::Auto {
            return request.mode;
        }
        let users = self.ctx.proof.users();
        if request.target.kind == TargetKind::Credential && users > USERS_MAX {
            self.note("needs approval: more than 3 agents use the credential");
            return RevocationMode::Approve;
        }
        if targets > PLAN_TARGETS_MAX {
            self.note("needs approval: the plan has more than 10 targets");
            return RevocationMode::Approve;
        }
        let bundle = self.ctx.bundle;
        let share = share_of(bundle.policy.agents_per_hour(), bundle.partitions);
        let agent = &self.ctx.action.agent_id;
        let spent = self.budget.spend_on(agent, self.ctx.stream_ms, share);
        self.plan.budget_used_up |= spent == BudgetDecision::Tripped;
        if spent == BudgetDecision::Granted {
            return RevocationMode::Auto;
        }
        self.note("needs approval: this hour's revocation budget is used up");
        RevocationMode::Approve
    }

    fn note(&mut self, why: &str) {
        self.plan.notes.push(why.into());
    }
}

/// A time for people, in UTC.
pub(super) fn show_time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| "no time".to_owned(), |time| format!("{time:.0}"))
}
