//! Puts targets into a numbered plan: within the room, the modes and the budget that there are.
//!
//! Two callers: `plan` for the findings on an action, `cascade` for agents that joined a tree which
//! is being revoked. Both say in a [`PlanCause`] what led to the plan.

use crate::event::{EdgeSource, Text};

use super::budget::{BudgetDecision, TenantBudgets, share_of};
use super::id::DerivedId;
use super::incident::FirstEvent;
use super::incident_store::IncidentStore;
use super::input::{BundleContext, IncidentStores};
use super::open_cascade::Cascade;
use super::proof::USERS_MAX;
use super::request_ledger::{MEMBER_REQUESTS_MAX, REQUESTS_MAX, RequestStatus};
use super::request_state::{AnnouncedState, RequestState};
use super::revocation_plan::{PLAN_TARGETS_MAX, RevocationPlan};
use super::rule_view::{RevocationMode, RuleLevel};
use super::target::{PlannedTarget, RevocationTarget, TargetKind};
use super::target_request::{
    APPROVAL_MS, AwaitedUsers, KEPT_UNKNOWN_MS, RequestCause, TargetRequest, TargetUses,
    USERS_AWAITED_MS, kept_until_ms, shorten_reason,
};
use super::tree_plan::TreePart;

/// A target that is to be planned.
#[derive(Debug, Clone)]
pub(super) struct PlannedRequest {
    pub(super) mode: RevocationMode,
    pub(super) target: RevocationTarget,
    pub(super) rule: Text,
    /// Its part in a delegation tree, where a rule asks for one.
    pub(super) part: Option<TreePart>,
    /// Targets for which the rule asks together with this one.
    pub(super) together: usize,
}

impl PlannedRequest {
    /// Edges between it and the agent whose incident it is.
    fn depth(&self) -> u8 {
        self.part.as_ref().map_or(0, TreePart::depth)
    }

    fn is_of_member(&self) -> bool {
        self.part
            .as_ref()
            .is_some_and(|part| part.member().is_some())
    }
}

/// What led to a plan.
pub(super) struct PlanCause<'a> {
    pub(super) bundle: &'a BundleContext<'a>,
    pub(super) tenant: &'a Text,
    /// The agent whose incident it is.
    pub(super) agent: &'a Text,
    /// The agent has a scope record of its own.
    pub(super) declared: bool,
    pub(super) stream_ms: i64,
    pub(super) append_ms: i64,
    pub(super) first: FirstEvent,
    pub(super) event_id: Text,
    pub(super) task: Option<Text>,
    pub(super) severity: RuleLevel,
    /// The alert that will show the plan.
    pub(super) message: DerivedId,
    /// Agents that are known to use the credential of the action.
    pub(super) users: u32,
    /// What is to be waited for until all users of that credential are known.
    pub(super) awaits: AwaitedUsers,
    /// When the credential of the action expires, epoch milliseconds.
    pub(super) expires_ms: Option<i64>,
    /// Why, in one sentence; called for every target that is added.
    pub(super) reason: &'a dyn Fn() -> String,
    /// The agent as a whole, for a ledger that has no room for its credentials.
    pub(super) whole: &'a dyn Fn() -> Option<RevocationTarget>,
}

impl PlanCause<'_> {
    /// The tree that the plan is about, for members that are seen later.
    pub(super) fn open_cascade(&self, incident: DerivedId, rule: Text) -> Cascade {
        Cascade {
            incident,
            rule,
            number: 0,
            until_ms: self.stream_ms.saturating_add(KEPT_UNKNOWN_MS),
            task: self.task.clone(),
            severity: self.severity,
            reason: shorten_reason(&(self.reason)()),
        }
    }
}

/// A plan in the making, with what it reads and changes.
pub(super) struct Planner<'a> {
    pub(super) store: &'a mut IncidentStore,
    pub(super) budgets: &'a mut TenantBudgets,
    pub(super) incident: DerivedId,
    pub(super) cause: &'a PlanCause<'a>,
    /// The number of the plan in its incident.
    pub(super) number: u32,
    /// Targets that wait only for the other users of their credential.
    pub(super) awaited: Vec<RevocationTarget>,
    pub(super) plan: RevocationPlan,
}

impl<'a> Planner<'a> {
    /// Begins the next plan of an incident after `plans_before`.
    pub(super) fn new(
        stores: &'a mut IncidentStores<'_>,
        incident: DerivedId,
        plans_before: u32,
        cause: &'a PlanCause<'a>,
    ) -> Self {
        Planner {
            store: &mut *stores.agent,
            budgets: &mut *stores.budgets,
            incident,
            cause,
            number: plans_before.saturating_add(1),
            awaited: Vec::new(),
            plan: RevocationPlan::default(),
        }
    }
}

impl Planner<'_> {
    /// Puts the requests into plan and ledger, in their order; joins those that are open already.
    pub(super) fn plan_requests(&mut self, requests: Vec<PlannedRequest>) {
        let mut modes = vec![None; requests.len()];
        let mut by_depth: Vec<usize> = (0..requests.len()).collect();
        // What is nearest to the agent spends the budget first, whatever the order of the plan:
        // those below it must not leave it free.
        by_depth.sort_by_key(|index| requests.get(*index).map(PlannedRequest::depth));
        for index in by_depth {
            if let (Some(request), Some(mode)) = (requests.get(index), modes.get_mut(index)) {
                *mode = self.decide_mode(request);
            }
        }
        let mut no_room = 0_usize;
        for (request, mode) in requests.into_iter().zip(modes) {
            if let Some(mode) = mode {
                no_room += usize::from(!self.keep_request(request, mode));
            }
        }
        if no_room > 0 {
            self.note(format!(
                "{no_room} agents of the tree are left out: requests for {MEMBER_REQUESTS_MAX} are \
                 kept"
            ));
        }
        self.number_targets();
    }

    /// The mode of a request; `None` where it is not planned.
    fn decide_mode(&mut self, request: &PlannedRequest) -> Option<RevocationMode> {
        // Before the budget: what is asked already must not spend it.
        if self.is_known(request.mode, &request.target) {
            return None;
        }
        let mode = self.permitted_mode(request);
        if mode != request.mode && self.is_known(mode, &request.target) {
            return None;
        }
        Some(mode)
    }

    /// Adds a request where there is room. `false` for a member of a tree without room.
    fn keep_request(&mut self, request: PlannedRequest, mode: RevocationMode) -> bool {
        let open: Vec<DerivedId> = self.store.open().iter().map(|one| one.id).collect();
        let of_member = request.is_of_member();
        if self.store.requests.make_room(mode, &open, of_member) {
            self.add_request(request, mode);
        } else if of_member {
            return false;
        } else if mode < RevocationMode::Approve {
            self.note("no request: this agent has as many as are kept");
        } else {
            self.plan_whole_agent(request);
        }
        true
    }

    /// Plans the agent as a whole, where requests for its credentials fill the ledger: nobody
    /// waits for a room that will not come. A person decides.
    fn plan_whole_agent(&mut self, request: PlannedRequest) {
        let Some(target) = (self.cause.whole)() else {
            return;
        };
        self.note("this agent has as many requests as are kept: the agent as a whole is planned");
        let whole = PlannedRequest { target, ..request };
        let own = |entry: &&TargetRequest| !entry.is_of_member();
        let full = self.store.requests.entries.iter().filter(own).count() > REQUESTS_MAX;
        if !self.is_known(RevocationMode::Approve, &whole.target) && !full {
            self.add_request(whole, RevocationMode::Approve);
        }
    }

    /// Adds a request to the ledger: as sent, as waiting for a decision, or only to be shown.
    fn add_request(&mut self, request: PlannedRequest, mode: RevocationMode) {
        let stream_ms = self.cause.stream_ms;
        let attempt = self.store.requests.next_attempt(&request.target);
        let state = match mode {
            RevocationMode::Auto => RequestState::Sent,
            RevocationMode::Approve => RequestState::Waiting,
            RevocationMode::Off | RevocationMode::Shadow => RequestState::Planned,
        };
        let waits = state == RequestState::Waiting;
        let awaited = waits && self.awaited.contains(&request.target);
        let decide_by_ms = stream_ms.saturating_add(match awaited {
            true => USERS_AWAITED_MS,
            false => APPROVAL_MS,
        });
        self.plan.alert_due = true;
        if waits && !awaited {
            self.note(format!(
                "waits until {} for a person to approve or deny it",
                show_time(decide_by_ms)
            ));
        }
        let of_member = request.is_of_member();
        let expires_ms = self.cause.expires_ms.filter(|_| !of_member);
        let cause = self.request_cause(of_member);
        self.store.requests.add_request(TargetRequest {
            kept_until_ms: kept_until_ms(&request.target, expires_ms, stream_ms),
            target: request.target,
            rule: request.rule,
            incident: self.incident,
            number: self.number,
            order: (1, 1),
            part: request.part,
            // Nobody has to approve what waits only for the users of its credential.
            mode: match awaited {
                true => RevocationMode::Auto,
                false => mode,
            },
            state,
            asked_ms: stream_ms,
            attempt,
            sent: state == RequestState::Sent,
            repeats: 0,
            decide_by_ms: waits.then_some(decide_by_ms),
            joined: Vec::new(),
            confirmed_ms: None,
            uses: TargetUses::default(),
            announced: AnnouncedState::default(),
            awaits: match awaited {
                true => self.cause.awaits,
                false => AwaitedUsers::Not,
            },
            cause,
        });
    }

    /// What the request says where it is sent later than its alert. Of the members of a tree only
    /// the first in the ledger keeps the sentence, which is the same for all.
    fn request_cause(&self, of_member: bool) -> RequestCause {
        let cause = self.cause;
        let kept = of_member
            && (self.store.requests.entries.iter())
                .any(|entry| entry.incident == self.incident && entry.number == self.number);
        RequestCause {
            agent: cause.agent.clone(),
            task: cause.task.clone(),
            severity: cause.severity,
            message: cause.message,
            event_id: cause.event_id.clone(),
            reason: match kept {
                true => Text::default(),
                false => shorten_reason(&(cause.reason)()),
            },
            append_ms: cause.append_ms,
            first: cause.first.clone(),
        }
    }

    /// Numbers the targets of this plan, and lists them in it. What is only shown is numbered apart
    /// from what is requested or waits.
    fn number_targets(&mut self) {
        let (incident, number) = (self.incident, self.number);
        let of_plan = |entry: &TargetRequest| entry.incident == incident && entry.number == number;
        let entries = &mut self.store.requests.entries;
        for shown in [true, false] {
            let alike = |entry: &TargetRequest| {
                of_plan(entry) && (entry.state == RequestState::Planned) == shown
            };
            let of = entries.iter().filter(|entry| alike(entry)).count();
            let of = u32::try_from(of).unwrap_or(u32::MAX);
            let listed = entries.iter_mut().filter(|entry| alike(entry));
            for (order, entry) in (1..).zip(listed) {
                entry.order = (order, of);
            }
        }
        for entry in entries.iter().filter(|entry| of_plan(entry)) {
            let list: &mut Vec<PlannedTarget> = match entry.state {
                RequestState::Sent => &mut self.plan.sent,
                RequestState::Waiting => &mut self.plan.waiting,
                _ => &mut self.plan.shadow,
            };
            list.push(entry.planned());
        }
    }

    /// Whether the ledger has the target already, so that nothing is planned; joins the incident
    /// to another's request or plan.
    fn is_known(&mut self, mode: RevocationMode, target: &RevocationTarget) -> bool {
        if let Some(watched) = self.store.requests.find_watched(target) {
            let note = format!(
                "no request: it is requested with the tree of agent {} (txn {})",
                watched.planner, watched.txn
            );
            self.note(note);
            return true;
        }
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
    fn permitted_mode(&mut self, request: &PlannedRequest) -> RevocationMode {
        if request.mode != RevocationMode::Auto {
            return request.mode;
        }
        let own_credential =
            request.target.kind == TargetKind::Credential && !request.is_of_member();
        if own_credential && self.cause.users > USERS_MAX {
            self.note("needs approval: more than 3 agents use the credential");
            return RevocationMode::Approve;
        }
        if request.together > PLAN_TARGETS_MAX {
            self.note("needs approval: the plan has more than 10 targets");
            return RevocationMode::Approve;
        }
        let bundle = self.cause.bundle;
        let share = share_of(bundle.policy.agents_per_hour(), bundle.partitions);
        let (agent, declared) = match &request.part {
            Some(TreePart::Member { agent, edge, .. }) => {
                let declared = edge.has(EdgeSource::Scope) || edge.has(EdgeSource::Token);
                (agent, declared)
            }
            Some(TreePart::Top) | None => (self.cause.agent, self.cause.declared),
        };
        let budget = self.budgets.of_agents(declared);
        let spent = budget.spend_on(agent, self.cause.stream_ms, share);
        if spent == BudgetDecision::Tripped {
            self.plan.budgets_used_up.push(declared);
        }
        if spent == BudgetDecision::Granted {
            if own_credential && self.cause.awaits != AwaitedUsers::Not {
                self.note("the request waits until it is known who else has the credential");
                self.awaited.push(request.target.clone());
                return RevocationMode::Approve;
            }
            self.note_unanswered();
            return RevocationMode::Auto;
        }
        self.note("needs approval: this hour's revocation budget is used up");
        RevocationMode::Approve
    }

    /// Says that an earlier request of the agent has no answer: this one goes the same way.
    fn note_unanswered(&mut self) {
        let asked_ms = self.store.requests.unanswered_since(self.cause.stream_ms);
        if let Some(asked_ms) = asked_ms {
            let since = show_time(asked_ms);
            self.note(format!(
                "the identity system has not answered the request of {since}, and may not answer \
                 this one: revoke by hand"
            ));
        }
    }

    /// Adds a note, once.
    pub(super) fn note(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.plan.notes.contains(&why) {
            self.plan.notes.push(why);
        }
    }
}

/// A time for people, in UTC.
pub(super) fn show_time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| "no time".to_owned(), |time| format!("{time:.0}"))
}
