//! Stage 3: turns the findings on one action into a revocation plan.
//!
//! **Alert and request are two decisions.** Every finding of the group may ask for its own target
//! in its own mode, whichever rule leads the alert.

use std::cmp::Reverse;

use crate::event::Text;

use super::alert::RequestState;
use super::budget::{BudgetDecision, RevocationBudget, share_of};
use super::id::DerivedId;
use super::input::{ActionContext, IncidentStores};
use super::outcome::PlannedTarget;
use super::rank::FindingGroup;
use super::request_ledger::{RequestLedger, RequestStatus, TargetRequest, target_reason};
use super::rule_view::{IncidentFold, RevocationMode, RevokeTarget};
use super::target::RevocationTarget;

/// What one action adds to its incident's plan.
#[derive(Debug, Default)]
pub(super) struct RevocationPlan {
    /// The most powerful mode among the findings, also where nothing was planned.
    pub(super) mode: Option<RevocationMode>,
    /// Targets to be requested now.
    pub(super) sent: Vec<PlannedTarget>,
    /// Targets that are only shown.
    pub(super) shadow: Vec<PlannedTarget>,
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
        requests: &mut stores.agent.requests,
        budget: &mut *stores.budget,
        incident,
        ctx,
        number: plans_before.saturating_add(1),
        plan: RevocationPlan::default(),
    };
    for request in planner.collect_requests(group) {
        planner.plan_request(request);
    }
    let number = planner.number;
    let mut plan = planner.plan;
    if plan.sent.len() + plan.shadow.len() > 0 {
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
    requests: &'a mut RequestLedger,
    budget: &'a mut RevocationBudget,
    incident: DerivedId,
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
            if self.requests.is_muted(rule.id, self.ctx.stream_ms) {
                mode = RevocationMode::Shadow;
            }
            self.plan.mode = self.plan.mode.max(Some(mode));
            if self.ctx.undeclared && !policy.is_strict(tenant) {
                self.note("no request: the agent is undeclared and being onboarded");
            } else if policy.never_revokes(action) {
                self.note("no request: the never-revoke list covers it");
            } else {
                match RevocationTarget::named_by(rule.revoke, action, policy.issuer(tenant)) {
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

    /// Puts one request into the plan, joins it to one that is open, or notes why neither.
    fn plan_request(&mut self, request: PlannedRequest) {
        let status = self.requests.status_of(&request.target, self.incident);
        // Before the budget: what is asked already must not spend it.
        if self.is_known(status, request.mode, &request.target) {
            return;
        }
        let mode = self.affordable_mode(request.mode);
        if mode != request.mode && self.is_known(status, mode, &request.target) {
            return;
        }
        if !self.requests.evict_for(mode) {
            self.note("no request: this agent has as many as are kept");
            return;
        }
        let planned = PlannedTarget {
            reason: target_reason(&request.rule, &request.target),
            target: request.target.clone(),
        };
        let state = if mode == RevocationMode::Auto {
            self.plan.sent.push(planned);
            RequestState::Sent
        } else {
            self.plan.shadow.push(planned);
            RequestState::Planned
        };
        self.plan.alert_due = true;
        self.requests.add_request(TargetRequest {
            target: request.target,
            rule: request.rule,
            incident: self.incident,
            number: self.number,
            mode,
            state,
            asked_ms: self.ctx.stream_ms,
            joined: Vec::new(),
            last_use_ms: None,
        });
    }

    /// Whether the ledger has the target already, so that nothing is planned; joins the incident
    /// to another's request or plan.
    fn is_known(
        &mut self,
        status: RequestStatus,
        mode: RevocationMode,
        target: &RevocationTarget,
    ) -> bool {
        match (status, mode) {
            (RequestStatus::Ours, _) | (RequestStatus::OurShadow, RevocationMode::Shadow) => true,
            (RequestStatus::Theirs, _) | (RequestStatus::TheirShadow, RevocationMode::Shadow) => {
                self.plan.alert_due |= self.requests.join_request(target, self.incident);
                true
            }
            (RequestStatus::Free | RequestStatus::OurShadow | RequestStatus::TheirShadow, _) => {
                false
            }
        }
    }

    /// The mode after the budget: a request beyond the budget is only shown.
    fn affordable_mode(&mut self, mode: RevocationMode) -> RevocationMode {
        if mode != RevocationMode::Auto {
            return mode;
        }
        let bundle = self.ctx.bundle;
        let share = share_of(bundle.policy.agents_per_hour(), bundle.partitions);
        let agent = &self.ctx.action.agent_id;
        let spent = self.budget.spend_on(agent, self.ctx.stream_ms, share);
        self.plan.budget_used_up |= spent == BudgetDecision::Tripped;
        if spent == BudgetDecision::Granted {
            return mode;
        }
        self.note("shown only: this hour's revocation budget is used up");
        RevocationMode::Shadow
    }

    fn note(&mut self, why: &str) {
        self.plan.notes.push(why.into());
    }
}
