//! Stage 4: writes the alerts, requests and audit entries that a fold and a plan call for.
//!
//! An alert takes its incident's evidence and the incident's next message number with it, so every
//! alert made here must be emitted.

use crate::event::Text;
use crate::text::units::show_duration;

use super::alert::{Alert, AlertActivity, CloseReason, RuleNote};
use super::alert_draft::{AlertDraft, next_alert, rule_note, write_alert};
use super::block_target::BlockTarget;
use super::budget::{HOUR_MS, share_of};
use super::fold::FoldedGroup;
use super::id::DerivedId;
use super::incident::{Incident, NEWS_DAY_MAX, NameNews};
use super::incident_store::{ClosedIncident, IncidentStore, OPEN_MAX};
use super::input::{ActionContext, BundleContext, BurstNote, Finding, IncidentStores};
use super::outcome::{AuditEntry, AuditKind, RequestKind, RevocationRequest};
use super::rank::{FindingGroup, GroupCause};
use super::request_state::RequestState;
use super::revocation_plan::RevocationPlan;
use super::rule_view::IncidentFold;

/// Everything that one group of findings gives to the outside.
#[derive(Debug, Default)]
pub(super) struct GroupMessages {
    pub(super) alert: Option<Alert>,
    /// A plan that is only shown.
    pub(super) shadow_plan: Option<AuditEntry>,
    /// A plan that waits for a person's decision.
    pub(super) waiting_plan: Option<AuditEntry>,
    pub(super) request: Option<RevocationRequest>,
    /// The audit entry of `request`.
    pub(super) request_sent: Option<AuditEntry>,
    /// The budgets of this hour that were used up.
    pub(super) budgets_used_up: Vec<AuditEntry>,
}

/// Writes the messages of one group.
pub(super) fn write_messages(
    stores: &mut IncidentStores<'_>,
    group: &FindingGroup<'_>,
    folded: FoldedGroup,
    plan: RevocationPlan,
    ctx: &ActionContext<'_>,
) -> GroupMessages {
    let mut messages = GroupMessages {
        budgets_used_up: (plan.budgets_used_up.iter())
            .map(|declared| budget_audit(*declared, ctx))
            .collect(),
        ..GroupMessages::default()
    };
    let store = stores.store_of(group.lead.rule.fold);
    match group.cause {
        // Whatever the incident's count: a budget is used up once an hour at most.
        GroupCause::BudgetUsedUp { declared } => {
            let draft = AlertDraft::of_budget(group.lead.rule, budget_sentence(declared, ctx), ctx);
            messages.alert = next_alert(ctx.bundle, store, folded.incident, draft);
        }
        GroupCause::RuleMatches if folded.alert_due || plan.alert_due => {
            let detail = (ctx.detail)(group.lead.rule.id);
            let reason = detail.explanation.clone();
            let mut draft = AlertDraft::of_finding(group, &plan, detail, ctx);
            draft.message.push_str(&folding_remark(&folded));
            messages.alert = next_alert(ctx.bundle, store, folded.incident, draft);
            let report = PlanReport {
                incident: folded.incident,
                alert: messages.alert.as_ref(),
                reason: &reason,
                ctx,
            };
            let requests = &store.requests;
            let listed = |state| requests.block_targets(folded.incident, plan.number, state);
            if !plan.shadow.is_empty() {
                let targets = listed(RequestState::Planned);
                messages.shadow_plan = Some(report.audit(AuditKind::ShadowPlan, targets));
            }
            if !plan.waiting.is_empty() {
                let targets = listed(RequestState::Waiting);
                messages.waiting_plan = Some(report.audit(AuditKind::PlanWaiting, targets));
            }
            if !plan.sent.is_empty() {
                let targets = listed(RequestState::Sent);
                messages.request_sent = Some(report.audit(AuditKind::RequestSent, targets));
                messages.request = Some(report.request(&group.lead, plan));
            }
        }
        GroupCause::RuleMatches => {}
    }
    messages
}

/// The incident, alert and sentence that a plan is reported with.
struct PlanReport<'a> {
    incident: DerivedId,
    alert: Option<&'a Alert>,
    reason: &'a str,
    ctx: &'a ActionContext<'a>,
}

impl PlanReport<'_> {
    fn request(&self, lead: &Finding<'_>, plan: RevocationPlan) -> RevocationRequest {
        let (action, alert) = (self.ctx.action, self.alert);
        RevocationRequest {
            kind: RequestKind::Requested,
            txn: DerivedId::txn(self.incident),
            number: plan.number,
            tenant: action.tenant.clone(),
            agent_id: action.agent_id.clone(),
            task_id: alert.and_then(|alert| alert.task_id.clone()),
            incident_id: self.incident,
            message_id: alert.map(|alert| alert.message_id),
            rule: RuleNote::from(&lead.rule),
            severity: lead.severity,
            reason: self.reason.to_owned(),
            targets: plan.sent,
            event_ids: alert.map_or_else(Vec::new, |alert| alert.event_ids.clone()),
            requested_at_ms: self.ctx.append_ms,
            bundle: self.ctx.bundle.bundle.into(),
        }
    }

    fn audit(&self, what: AuditKind, targets: Vec<BlockTarget>) -> AuditEntry {
        let action = self.ctx.action;
        AuditEntry {
            at_ms: self.ctx.append_ms,
            tenant: action.tenant.clone(),
            agent_id: action.agent_id.clone(),
            incident_id: Some(self.incident),
            txn: Some(DerivedId::txn(self.incident)),
            what,
            by: None,
            targets,
            detail: self.reason.to_owned(),
        }
    }
}

/// The audit entry about a budget that this action used up.
fn budget_audit(declared: bool, ctx: &ActionContext<'_>) -> AuditEntry {
    AuditEntry {
        at_ms: ctx.append_ms,
        tenant: ctx.action.tenant.clone(),
        agent_id: ctx.action.agent_id.clone(),
        incident_id: None,
        txn: None,
        what: AuditKind::BudgetTripped,
        by: None,
        targets: Vec::new(),
        detail: budget_sentence(declared, ctx),
    }
}

fn budget_sentence(declared: bool, ctx: &ActionContext<'_>) -> String {
    let bundle = ctx.bundle;
    let share = share_of(bundle.policy.agents_per_hour(), bundle.partitions);
    let next_hour = ctx.stream_ms.div_euclid(HOUR_MS) + 1;
    format!(
        "Revocation requests in tenant {} reached this partition's budget of {share} {} agents an \
         hour; further plans wait for approval until {:02}:00 UTC",
        ctx.action.tenant,
        if declared { "declared" } else { "undeclared" },
        next_hour.rem_euclid(24),
    )
}

/// How an incident ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct IncidentEnd<'a> {
    pub reason: CloseReason,
    pub time_ms: i64,
    /// What the burst that opened it has become.
    pub burst: Option<&'a BurstNote>,
}

/// Writes the last alert of an incident that was closed.
pub(super) fn closing_alert(
    bundle: &BundleContext<'_>,
    closed: ClosedIncident,
    tenant: &Text,
    end: IncidentEnd<'_>,
) -> Alert {
    let mut incident = closed.incident;
    let findings = findings_in_words(incident.count);
    let what = incident_in_words(bundle, &incident, tenant);
    let became = end.burst.map(burst_in_words).unwrap_or_default();
    let how = match end.reason {
        CloseReason::Quiet => format!("Quiet after {findings}; nobody has resolved it"),
        CloseReason::FalsePositive => {
            format!("Closed after {findings}, because a person called it a false positive")
        }
    };
    let message = format!("{how}: {what}{became}");
    let mut draft = AlertDraft::without_action(tenant, end.time_ms, message);
    if let Some(burst) = end.burst {
        let name = format!("baseline.{}.observed", burst.metric);
        draft.facts.insert(name, burst.observed.into());
    }
    let activity = AlertActivity::Close(end.reason);
    write_alert(bundle, &mut incident, activity, closed.revocation, draft)
}

/// Writes the alert that lists the events since the last alert of an incident that stays open;
/// `None` when that alert listed all.
pub(super) fn pending_alert(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    incident: DerivedId,
    tenant: &Text,
    time_ms: i64,
) -> Option<Alert> {
    let open = store.get(incident)?;
    if open.evidence.ids().is_empty() {
        return None;
    }
    let findings = findings_in_words(open.count);
    let what = incident_in_words(bundle, open, tenant);
    let message = format!("Still open at the end of the recording, after {findings}: {what}");
    let draft = AlertDraft::without_action(tenant, time_ms, message);
    next_alert(bundle, store, incident, draft)
}

/// `; it became 110 actions in 1m`.
fn burst_in_words(burst: &BurstNote) -> String {
    let (metric, window) = (&burst.metric, show_duration(burst.window_ms));
    let observed = match burst.observed.fract() == 0.0 {
        true => format!("{:.0}", burst.observed),
        false => format!("{:.1}", burst.observed),
    };
    format!("; it became {observed} {metric} in {window}")
}

fn findings_in_words(count: u64) -> String {
    match count {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    }
}

/// The rule's title, and whom the incident is about.
fn incident_in_words(bundle: &BundleContext<'_>, incident: &Incident, tenant: &Text) -> String {
    let title = rule_note(bundle, &incident.rule, incident.family).title;
    match incident.fold {
        IncidentFold::Agent => format!("{title}, agent {}", incident.agent),
        IncidentFold::ClassDay | IncidentFold::ToolDay | IncidentFold::Tenant => {
            format!("{title}, tenant {tenant}")
        }
    }
}

/// What a reader must know of the way in which a finding was folded.
fn folding_remark(folded: &FoldedGroup) -> String {
    let mut remark = String::new();
    if folded.shared {
        remark.push_str(&format!(
            " (counted in this incident, because {OPEN_MAX} are open)"
        ));
    }
    if folded.news == NameNews::LastNew {
        remark.push_str(&format!(
            " (the {NEWS_DAY_MAX}th name that this summary reports today; further ones are counted)"
        ));
    }
    remark
}
