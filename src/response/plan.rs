//! From the findings on one action to a revocation plan: who may ask for what, and is it asked
//! already.

use crate::event::Text;

use super::alert::{PlannedTarget, RequestState};
use super::budget::{Budget, Spent, share};
use super::id::Id;
use super::incidents::Incidents;
use super::request::{Request, Standing, reason};
use super::respond::{ActionContext, Finding, Setting};
use super::target::Target;
use super::terms::{Mode, RevokeTarget};

/// What one action added to its incident's plan.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// The mode that holds, whether or not something came of it.
    pub(super) mode: Option<Mode>,
    /// To be sent now.
    pub(super) sent: Vec<PlannedTarget>,
    /// To be shown only.
    pub(super) shadow: Vec<PlannedTarget>,
    /// The number of this plan, when it has targets.
    pub(super) number: u32,
    /// Why something was not planned.
    pub(super) notes: Vec<String>,
    /// Something an alert must tell now.
    pub(super) news: bool,
    /// The budget of this hour was used up by this action.
    pub(super) tripped: bool,
}

struct Want {
    mode: Mode,
    target: Target,
    rule: Text,
}

/// Plans for the findings of one action, strongest first, on behalf of the open incident
/// `incident` of the agent.
pub(super) fn plan(
    setting: &Setting<'_>,
    incidents: &mut Incidents,
    budget: &mut Budget,
    incident: Id,
    findings: &[&Finding<'_>],
    ctx: &ActionContext<'_>,
) -> Planned {
    let mut planned = Planned::default();
    let wants = wants(setting, incidents, findings, ctx, &mut planned);
    let number = incidents
        .get(incident)
        .map_or(1, |open| open.plan_n.saturating_add(1));
    for want in wants {
        place(
            setting,
            incidents,
            budget,
            incident,
            number,
            want,
            ctx,
            &mut planned,
        );
    }
    if planned.sent.len() + planned.shadow.len() > 0 {
        planned.number = number;
        if let Some(open) = incidents.get_mut(incident) {
            open.plan_n = number;
        }
    }
    planned.notes.dedup();
    planned
}

/// What the findings may ask for: one want per target, the most powerful mode first.
fn wants(
    setting: &Setting<'_>,
    incidents: &Incidents,
    findings: &[&Finding<'_>],
    ctx: &ActionContext<'_>,
    planned: &mut Planned,
) -> Vec<Want> {
    let tenant = &ctx.action.tenant;
    let mut wants: Vec<Want> = Vec::new();
    for finding in findings {
        let rule = &finding.rule;
        let mut mode = setting.policy.mode(tenant, rule);
        if rule.revoke == RevokeTarget::None || mode == Mode::Off {
            continue;
        }
        if incidents.requests.is_held(rule.id, ctx.stream_ms) {
            mode = Mode::Shadow;
        }
        planned.mode = planned.mode.max(Some(mode));
        if ctx.undeclared && !setting.policy.is_strict(tenant) {
            planned
                .notes
                .push("no request: the agent is undeclared and being onboarded".into());
        } else if setting.policy.never_revokes(ctx.action) {
            planned
                .notes
                .push("no request: the never-revoke list covers it".into());
        } else {
            match Target::of(rule.revoke, ctx.action, setting.policy.issuer(tenant)) {
                Ok(target) => wants.push(Want {
                    mode,
                    target,
                    rule: rule.id.into(),
                }),
                Err(why) => planned.notes.push(why.into()),
            }
        }
    }
    // Stable: among equal modes the stronger finding still comes first.
    wants.sort_by_key(|want| std::cmp::Reverse(want.mode));
    let mut kept: Vec<Want> = Vec::new();
    for want in wants {
        if !kept.iter().any(|known| known.target.same(&want.target)) {
            kept.push(want);
        }
    }
    kept
}

/// Puts one want into the plan, joins a request that is open, or notes why neither.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, each borrowed apart"
)]
fn place(
    setting: &Setting<'_>,
    incidents: &mut Incidents,
    budget: &mut Budget,
    incident: Id,
    number: u32,
    want: Want,
    ctx: &ActionContext<'_>,
    planned: &mut Planned,
) {
    let standing = incidents.requests.standing(&want.target, incident);
    match (standing, want.mode) {
        (Standing::Ours, _) | (Standing::Shadowed, Mode::Shadow) => return,
        (Standing::Theirs, _) | (Standing::TheirShadow, Mode::Shadow) => {
            planned.news |= incidents.requests.join(&want.target, incident);
            return;
        }
        (Standing::Free | Standing::Shadowed | Standing::TheirShadow, _) => {}
    }
    let mut mode = want.mode;
    if mode == Mode::Auto {
        let share = share(setting.policy.agents_per_hour(), setting.partitions);
        let spent = budget.spend(&ctx.action.agent_id, ctx.stream_ms, share);
        planned.tripped |= spent == Spent::Tripped;
        if spent != Spent::Granted {
            planned
                .notes
                .push("shown only: this hour's revocation budget is used up".into());
            mode = Mode::Shadow;
        }
    }
    match standing {
        Standing::Shadowed if mode == Mode::Shadow => return,
        Standing::TheirShadow if mode == Mode::Shadow => {
            planned.news |= incidents.requests.join(&want.target, incident);
            return;
        }
        _ => {}
    }
    if !incidents.requests.make_room(mode) {
        planned
            .notes
            .push("no request: this agent has as many as are kept".into());
        return;
    }
    let entry = PlannedTarget {
        reason: reason(&want.rule, &want.target),
        target: want.target.clone(),
    };
    let state = if mode == Mode::Auto {
        planned.sent.push(entry);
        RequestState::Sent
    } else {
        planned.shadow.push(entry);
        RequestState::Planned
    };
    planned.news = true;
    incidents.requests.record(Request {
        target: want.target,
        rule: want.rule,
        incident,
        number,
        mode,
        state,
        asked_ms: ctx.stream_ms,
        joined: Vec::new(),
        last_use_ms: None,
    });
}
