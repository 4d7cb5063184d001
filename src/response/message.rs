//! Stage 4: writes the alerts, requests and audit entries that a fold and a plan call for.
//!
//! An alert takes its incident's evidence and the incident's next message number with it, so every
//! alert made here must be emitted.

use serde_json::{Map, Value};

use crate::event::{AgentAction, Text};
use crate::text::units::show_duration;

use super::alert::{
    Alert, AlertActivity, BaselineComparison, ChainEdge, CloseReason, EvidenceNote,
    RevocationBlock, RuleNote,
};
use super::block_target::BlockTarget;
use super::budget::{HOUR_MS, share_of};
use super::fold::FoldedGroup;
use super::id::DerivedId;
use super::incident::{Incident, NEWS_DAY_MAX, NameNews};
use super::incident_store::{ClosedIncident, IncidentStore, OPEN_MAX};
use super::input::{
    ActionContext, BundleContext, BurstNote, Finding, FindingDetail, IncidentStores,
};
use super::outcome::{AuditEntry, AuditKind, RequestKind, RevocationRequest};
use super::rank::{FindingGroup, GroupCause};
use super::request_state::RequestState;
use super::revocation_plan::RevocationPlan;
use super::rule_view::{IncidentFold, RevocationMode, RuleFamily, RuleView};

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
            let draft = AlertDraft::of_budget(group.lead.rule, declared, ctx);
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

/// What an alert says besides what its incident knows.
pub(super) struct AlertDraft<'a> {
    pub(super) tenant: &'a Text,
    /// The rule, where the caller has it; else it is looked up.
    pub(super) rule: Option<RuleView<'a>>,
    /// The weaker rules on the action; `None` where no action caused the alert, which then names
    /// every rule that ever joined.
    pub(super) also: Option<Vec<&'a str>>,
    pub(super) time_ms: i64,
    pub(super) message: String,
    pub(super) facts: Map<String, Value>,
    pub(super) expected: Option<BaselineComparison>,
    pub(super) evidence: Option<EvidenceNote>,
    pub(super) chain: &'a [Text],
    pub(super) edges: &'a [ChainEdge],
    pub(super) trigger: Option<&'a AgentAction>,
    /// The mode of the revocation block where it has no target.
    pub(super) mode: Option<RevocationMode>,
    pub(super) notes: Vec<String>,
}

impl<'a> AlertDraft<'a> {
    /// An alert that no action caused.
    pub(super) fn without_action(tenant: &'a Text, time_ms: i64, message: String) -> Self {
        AlertDraft {
            tenant,
            rule: None,
            also: None,
            time_ms,
            message,
            facts: Map::new(),
            expected: None,
            evidence: None,
            chain: &[],
            edges: &[],
            trigger: None,
            mode: None,
            notes: Vec::new(),
        }
    }

    /// The alert of a group of findings and of the plan made for them.
    fn of_finding(
        group: &'a FindingGroup<'a>,
        plan: &RevocationPlan,
        detail: FindingDetail,
        ctx: &'a ActionContext<'a>,
    ) -> Self {
        let also = group.also.iter().chain(&group.informs);
        AlertDraft {
            tenant: &ctx.action.tenant,
            rule: Some(group.lead.rule),
            also: Some(also.copied().collect()),
            time_ms: ctx.stream_ms,
            message: detail.explanation,
            facts: detail.facts,
            expected: detail.expected,
            evidence: detail.evidence,
            chain: ctx.chain,
            edges: ctx.edges,
            trigger: Some(ctx.action),
            mode: plan.mode,
            notes: plan.notes.clone(),
        }
    }

    /// The alert that the budget is used up.
    fn of_budget(rule: RuleView<'a>, declared: bool, ctx: &'a ActionContext<'a>) -> Self {
        let sentence = budget_sentence(declared, ctx);
        AlertDraft {
            rule: Some(rule),
            ..AlertDraft::without_action(&ctx.action.tenant, ctx.stream_ms, sentence)
        }
    }
}

/// Writes the next alert of an open incident; `None` when no such incident is open.
pub(super) fn next_alert(
    bundle: &BundleContext<'_>,
    store: &mut IncidentStore,
    incident: DerivedId,
    mut draft: AlertDraft<'_>,
) -> Option<Alert> {
    let notes = std::mem::take(&mut draft.notes);
    let revocation = store.requests.block_of(incident, draft.mode, notes);
    let open = store.get_mut(incident)?;
    let activity = if open.message_n == 0 {
        AlertActivity::Create
    } else {
        AlertActivity::Update
    };
    Some(write_alert(bundle, open, activity, revocation, draft))
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

/// The rule as an alert names it: from the bundle, or by what is known of a rule that the bundle no
/// longer has.
pub(super) fn rule_note(bundle: &BundleContext<'_>, id: &Text, family: RuleFamily) -> RuleNote {
    match bundle.rule_view(id) {
        Some(rule) => RuleNote::from(&rule),
        None => RuleNote {
            id: id.clone(),
            title: id.clone(),
            family,
        },
    }
}

/// The agents of an incident that spans agents, and the one that the alert is about.
fn agents_with_trigger(incident: &Incident, trigger: Option<&AgentAction>) -> Vec<Text> {
    let mut agents = incident.agents.clone();
    if let Some(action) = trigger
        && incident.fold != IncidentFold::Agent
        && !agents.contains(&action.agent_id)
    {
        agents.push(action.agent_id.clone());
    }
    agents
}

fn write_alert(
    bundle: &BundleContext<'_>,
    incident: &mut Incident,
    activity: AlertActivity,
    revocation: Option<RevocationBlock>,
    draft: AlertDraft<'_>,
) -> Alert {
    incident.message_n = incident.message_n.saturating_add(1);
    let (event_ids, event_ids_dropped) = incident.evidence.take_all();
    let also = match draft.also {
        // In a full store the strongest rule is not the one that named the incident.
        Some(fired) => draft
            .rule
            .iter()
            .map(|rule| rule.id)
            .chain(fired)
            .filter(|id| incident.rule != *id)
            .map(Text::from)
            .collect(),
        None => incident.also.clone(),
    };
    let rule = draft.rule.or_else(|| bundle.rule_view(&incident.rule));
    Alert {
        message_id: DerivedId::message(incident.id, incident.message_n),
        incident_id: incident.id,
        activity,
        time_ms: draft.time_ms,
        tenant: draft.tenant.clone(),
        agent_id: incident.agent.clone(),
        agent_type: incident.agent_type.clone(),
        task_id: incident.task().cloned(),
        rule: rule_note(bundle, &incident.rule, incident.family),
        also,
        severity: incident.severity,
        message: draft.message,
        event_ids,
        event_ids_dropped,
        first_event: incident.first.clone(),
        last_ms: incident.last_ms,
        count: incident.count,
        facts: draft.facts,
        expected: draft.expected,
        evidence: draft.evidence,
        chain: draft.chain.to_vec(),
        edges: draft.edges.to_vec(),
        atlas: rule.map(|rule| rule.atlas.to_vec()).unwrap_or_default(),
        asi: rule.map(|rule| rule.asi.to_vec()).unwrap_or_default(),
        agents: agents_with_trigger(incident, draft.trigger),
        revocation,
        bundle: bundle.bundle.into(),
        trigger: draft.trigger.map(|action| Box::new(action.clone())),
    }
}
