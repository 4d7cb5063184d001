//! The stage itself: findings on one action become incidents, alerts and requests.
//!
//! **One action, one alert.** Among the findings that fold per agent the strongest speaks
//! (severity, then the scope family, then the rule's id); the others are named in its `also` and
//! open no incident of their own, unless they fire later without it. A rule that joins an incident
//! for the first time is news and sends an update, so that no rule's first finding waits for a
//! count. Findings that fold wider are summaries over many agents: they count in the tenant's
//! incidents and do not compete with an agent's own alert, which names them too.
//!
//! **Alert and request are two decisions.** Every finding may ask for its own target in its own
//! mode, whichever rule speaks.

use crate::event::{AgentAction, Position, Text};

use super::alert::{
    Activity, AuditEntry, Audited, CloseReason, Expected, Outcome, PlannedTarget, RequestKind,
    RevocationRequest,
};
use super::budget::{Budget, HOUR_MS};
use super::id::Id;
use super::incidents::Incidents;
use super::plan::{Planned, plan};
use super::policy::Policy;
use super::tell::{Telling, tell, tell_closed};
use super::terms::{Family, Fold, Mode, RevokeTarget, RuleFacts, Severity};

/// What holds for every record while one bundle is active.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    pub policy: &'a Policy,
    /// Hash of the bundle, hex.
    pub bundle: &'a str,
    /// Partitions of the actions topic: the budget is shared among them.
    pub partitions: u32,
    /// The rules of the bundle by id, for messages that no finding causes.
    pub rule: &'a dyn Fn(&str) -> Option<RuleFacts<'a>>,
}

/// The state that one action may change.
#[derive(Debug)]
pub struct Folders<'a> {
    /// The agent's incidents and requests.
    pub agent: &'a mut Incidents,
    /// The tenant's, in this partition: what folds wider than one agent.
    pub tenant: &'a mut Incidents,
    /// The tenant's revocation budget, in this partition.
    pub budget: &'a mut Budget,
}

/// A rule's match on one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding<'a> {
    pub rule: RuleFacts<'a>,
    /// The rule's level, unless the caller raises it.
    pub severity: Severity,
}

impl<'a> Finding<'a> {
    /// A finding of the rule's own level.
    #[must_use]
    pub fn new(rule: RuleFacts<'a>) -> Self {
        Finding {
            severity: rule.level,
            rule,
        }
    }
}

/// The action, its place and times.
#[derive(Clone, Copy)]
pub struct ActionContext<'a> {
    pub action: &'a AgentAction,
    pub position: &'a Position,
    /// Epoch milliseconds, all three.
    pub append_ms: i64,
    /// The action's own time.
    pub at_ms: i64,
    pub stream_ms: i64,
    /// The gateway's id, or the position as text.
    pub event_id: &'a str,
    /// The class of its task: of the judging scope, or else as the record says.
    pub task_class: Option<&'a str>,
    /// Nobody declared the agent: it is being onboarded.
    pub undeclared: bool,
    /// Delegation chain, root first.
    pub chain: &'a [Text],
    /// What a rule saw, asked for only when a message is due.
    pub detail: &'a dyn Fn(&str) -> Detail,
}

/// What a rule saw on an action, for people.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detail {
    /// One sentence: who did what to what, expected against observed.
    pub explanation: String,
    /// The facts the rule reads, with their values.
    pub facts: serde_json::Map<String, serde_json::Value>,
    pub expected: Option<Expected>,
}

/// The rule id of the alert that says a budget is used up.
pub const BUDGET_RULE: &str = "scopewatch.budget";

pub(super) const BUDGET_FACTS: RuleFacts<'static> = RuleFacts {
    id: BUDGET_RULE,
    title: "Revocation budget used up",
    family: Family::Policy,
    level: Severity::High,
    risk: 0,
    revoke: RevokeTarget::None,
    mode_max: Mode::Off,
    fold: Fold::Tenant,
    atlas: &[],
    asi: &[],
};

/// Answers the findings on one action. The order of `findings` does not matter.
pub fn respond(
    setting: &Setting<'_>,
    folders: &mut Folders<'_>,
    findings: &[Finding<'_>],
    ctx: &ActionContext<'_>,
    out: &mut Vec<Outcome>,
) {
    let mut ranked: Vec<&Finding<'_>> = findings.iter().collect();
    ranked.sort_by_key(|finding| {
        let rule = &finding.rule;
        (
            std::cmp::Reverse(finding.severity),
            rule.family.rank(),
            rule.id,
        )
    });
    ranked.dedup_by_key(|finding| finding.rule.id);
    for fold in [Fold::Agent, Fold::ClassDay, Fold::ToolDay, Fold::Tenant] {
        let Some(winner) = ranked.iter().find(|finding| finding.rule.fold == fold) else {
            continue;
        };
        // The agent's alert names all that fired; a summary only what it is a summary of.
        let named = |finding: &&&Finding<'_>| fold == Fold::Agent || finding.rule.fold == fold;
        let others = ranked.iter().filter(named).map(|finding| finding.rule.id);
        let also: Vec<&str> = others.filter(|id| *id != winner.rule.id).collect();
        answer(setting, folders, winner, &also, &ranked, ctx, out);
    }
}

/// Counts the speaking finding, plans for all, and says what is due.
fn answer(
    setting: &Setting<'_>,
    folders: &mut Folders<'_>,
    winner: &Finding<'_>,
    also: &[&str],
    ranked: &[&Finding<'_>],
    ctx: &ActionContext<'_>,
    out: &mut Vec<Outcome>,
) {
    let wide = winner.rule.fold != Fold::Agent;
    let incidents = if wide {
        &mut *folders.tenant
    } else {
        &mut *folders.agent
    };
    let counted = incidents.count(winner, also, ctx);
    if let Some(incident) = counted.crowded_out {
        tell_closed(
            setting,
            incidents,
            incident,
            &ctx.action.tenant,
            CloseReason::Crowded,
            ctx.stream_ms,
            out,
        );
    }
    let planned = if wide {
        Planned::default()
    } else {
        // Only what folds per agent may ask: `terms::supported` refuses the rest at load.
        let asking: Vec<&Finding<'_>> = ranked
            .iter()
            .copied()
            .filter(|finding| finding.rule.fold == Fold::Agent)
            .collect();
        plan(
            setting,
            folders.agent,
            folders.budget,
            counted.incident,
            &asking,
            ctx,
        )
    };
    let incidents = if wide {
        &mut *folders.tenant
    } else {
        &mut *folders.agent
    };
    if counted.tell || planned.news {
        say(
            setting,
            incidents,
            counted.incident,
            winner,
            also,
            &planned,
            ctx,
            out,
        );
    }
    if planned.tripped {
        tell_budget(setting, folders, ctx, out);
    }
}

/// The incident's message about this action, and the plan it tells of.
#[expect(
    clippy::too_many_arguments,
    reason = "each part is borrowed from a different owner"
)]
fn say(
    setting: &Setting<'_>,
    incidents: &mut Incidents,
    incident: Id,
    winner: &Finding<'_>,
    also: &[&str],
    planned: &Planned,
    ctx: &ActionContext<'_>,
    out: &mut Vec<Outcome>,
) {
    let detail = (ctx.detail)(winner.rule.id);
    let telling = Telling {
        tenant: &ctx.action.tenant,
        rule: Some(winner.rule),
        also: Some(also),
        time_ms: ctx.stream_ms,
        message: detail.explanation.clone(),
        facts: detail.facts,
        expected: detail.expected,
        chain: ctx.chain,
        trigger: Some(ctx.action),
        mode: planned.mode,
        notes: planned.notes.clone(),
    };
    let events = incidents
        .get(incident)
        .map(|open| open.evidence.ids().to_vec());
    let message_id = tell(setting, incidents, incident, telling, out);
    let made = Made {
        planned,
        message_id,
        reason: &detail.explanation,
    };
    made.send(setting, incidents, incident, winner, events, ctx, out);
}

/// A plan that was just made, to be sent or shown.
struct Made<'p> {
    planned: &'p Planned,
    message_id: Option<Id>,
    reason: &'p str,
}

impl Made<'_> {
    #[expect(
        clippy::too_many_arguments,
        reason = "each part is borrowed from a different owner"
    )]
    fn send(
        &self,
        setting: &Setting<'_>,
        incidents: &Incidents,
        incident: Id,
        winner: &Finding<'_>,
        events: Option<Vec<Text>>,
        ctx: &ActionContext<'_>,
        out: &mut Vec<Outcome>,
    ) {
        let audit = |what, targets: &[PlannedTarget]| {
            Outcome::Audit(Box::new(AuditEntry {
                at_ms: ctx.append_ms,
                tenant: ctx.action.tenant.clone(),
                agent_id: ctx.action.agent_id.clone(),
                incident_id: Some(incident),
                txn: Some(Id::txn(incident)),
                what,
                by: None,
                targets: targets
                    .iter()
                    .map(|planned| planned.target.clone())
                    .collect(),
                detail: self.reason.to_owned(),
            }))
        };
        if !self.planned.shadow.is_empty() {
            out.push(audit(Audited::ShadowPlan, &self.planned.shadow));
        }
        if self.planned.sent.is_empty() {
            return;
        }
        out.push(Outcome::Revocation(Box::new(RevocationRequest {
            kind: RequestKind::Requested,
            txn: Id::txn(incident),
            number: self.planned.number,
            tenant: ctx.action.tenant.clone(),
            agent_id: ctx.action.agent_id.clone(),
            task_id: incidents
                .get(incident)
                .and_then(|open| open.task().cloned()),
            incident_id: incident,
            message_id: self.message_id,
            rule: winner.rule.note(),
            severity: winner.severity,
            reason: self.reason.to_owned(),
            targets: self.planned.sent.clone(),
            event_ids: events.unwrap_or_default(),
            requested_at_ms: ctx.append_ms,
            bundle: setting.bundle.into(),
        })));
        out.push(audit(Audited::RequestSent, &self.planned.sent));
    }
}

/// The alert that the budget is used up: an incident of the tenant, a message for each hour.
fn tell_budget(
    setting: &Setting<'_>,
    folders: &mut Folders<'_>,
    ctx: &ActionContext<'_>,
    out: &mut Vec<Outcome>,
) {
    let finding = Finding::new(BUDGET_FACTS);
    let tenant = &ctx.action.tenant;
    let share = super::budget::share(setting.policy.agents_per_hour(), setting.partitions);
    let message = format!(
        "Revocation requests in tenant {tenant} reached this partition's budget of {share} agents \
         an hour; further plans are only shown until {} UTC",
        clock((ctx.stream_ms.div_euclid(HOUR_MS) + 1).saturating_mul(HOUR_MS)),
    );
    out.push(Outcome::Audit(Box::new(AuditEntry {
        at_ms: ctx.append_ms,
        tenant: tenant.clone(),
        agent_id: ctx.action.agent_id.clone(),
        incident_id: None,
        txn: None,
        what: Audited::BudgetTripped,
        by: None,
        targets: Vec::new(),
        detail: message.clone(),
    })));
    let counted = folders.tenant.count(&finding, &[], ctx);
    if let Some(incident) = counted.crowded_out {
        tell_closed(
            setting,
            folders.tenant,
            incident,
            tenant,
            CloseReason::Crowded,
            ctx.stream_ms,
            out,
        );
    }
    // Each trip is told, whatever its count: it happens at most once an hour.
    let telling = Telling {
        rule: Some(BUDGET_FACTS),
        ..Telling::plain(tenant, ctx.stream_ms, message)
    };
    tell(setting, folders.tenant, counted.incident, telling, out);
}

/// `15:00`: the hour of a day, for people.
fn clock(at_ms: i64) -> String {
    format!("{:02}:00", at_ms.div_euclid(HOUR_MS).rem_euclid(24))
}

/// Closes what has been quiet for long enough and forgets requests that are over, in order of
/// their due times. `tenant` is the subject's tenant.
pub fn close_due(
    setting: &Setting<'_>,
    incidents: &mut Incidents,
    tenant: &Text,
    stream_ms: i64,
    out: &mut Vec<Outcome>,
) {
    while let Some(incident) = incidents.take_due(stream_ms) {
        // The message bears its due time, so that it does not depend on when the next record came.
        let due_ms = incident.due_ms;
        tell_closed(
            setting,
            incidents,
            incident,
            tenant,
            CloseReason::Quiet,
            due_ms,
            out,
        );
    }
    incidents.forget_requests(stream_ms);
}

impl Activity {
    pub(super) const fn of_message(n: u32) -> Activity {
        if n == 1 {
            Activity::Create
        } else {
            Activity::Update
        }
    }
}
