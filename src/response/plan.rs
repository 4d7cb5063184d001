//! Stage 3: turns the findings on one action into a revocation plan.
//!
//! **Alert and request are two decisions.** Every finding of the group may ask for its own target
//! in its own mode, whichever rule leads the alert. What one action can cause is limited: `proof`
//! and `tree_plan` say whom a request may hit at all, and what may hit many waits for a person.

use std::cmp::Reverse;

use crate::event::AgentKey;

use super::fold::evidence_id;
use super::id::DerivedId;
use super::incident::FirstEvent;
use super::input::{ActionContext, Finding, IncidentStores};
use super::planner::{PlanCause, PlannedRequest, Planner};
use super::proof::{cap_target, name_target};
use super::rank::FindingGroup;
use super::revocation_plan::RevocationPlan;
use super::rule_view::{IncidentFold, RevocationMode, RevokeTarget};
use super::target_request::AwaitedUsers;
use super::tree_plan::{CascadeOrder, TreePart, find_members};
use super::tree_view::TreeView;

/// Plans for a group of findings whose incident is `incident`. Only groups of one agent plan.
pub(super) fn plan_revocations(
    stores: &mut IncidentStores<'_>,
    group: &FindingGroup<'_>,
    incident: DerivedId,
    ctx: &ActionContext<'_>,
) -> RevocationPlan {
    let asks = |finding: &Finding<'_>| finding.rule.revoke != RevokeTarget::None;
    if group.lead.rule.fold != IncidentFold::Agent || !group.asking.iter().any(asks) {
        return RevocationPlan::default();
    }
    let open = stores.agent.get(incident);
    let (messages, plans_before) = open.map_or((0, 0), |open| (open.message_n, open.plan_n));
    let (action, policy) = (ctx.action, ctx.bundle.policy);
    let cause = PlanCause {
        bundle: ctx.bundle,
        tenant: &action.tenant,
        agent: &action.agent_id,
        declared: ctx.declared,
        stream_ms: ctx.stream_ms,
        append_ms: ctx.append_ms,
        first: FirstEvent {
            position: ctx.position.clone(),
            occurred_at_ms: action.occurred_at_ms.unwrap_or(ctx.append_ms),
            append_ms: ctx.append_ms,
        },
        event_id: evidence_id(ctx),
        task: open.and_then(|open| open.task().cloned()),
        severity: group.lead.severity,
        // The alert of this action comes next.
        message: DerivedId::message(incident, messages.saturating_add(1)),
        users: ctx.proof.users(),
        awaits: AwaitedUsers::of_proof(&ctx.proof),
        expires_ms: action.credential_expires_at_ms,
        reason: &|| (ctx.detail)(group.lead.rule.id).explanation,
        whole: &|| {
            let issuer = policy.issuer(&action.tenant);
            name_target(RevokeTarget::Agent, action, &ctx.proof, issuer).ok()
        },
    };
    let mut planner = Planner::new(stores, incident, plans_before, &cause);
    let requests = collect_requests(&mut planner, group, ctx);
    planner.plan_requests(requests);
    let number = planner.number;
    let mut plan = planner.plan;
    if !plan.is_empty() {
        plan.number = number;
        if let Some(open) = stores.agent.get_mut(incident) {
            open.plan_n = number;
        }
        stores.agent.requests.number_cascade(incident, number);
    }
    plan
}

/// What the findings may ask for: one request per target, the most powerful mode first.
fn collect_requests(
    planner: &mut Planner<'_>,
    group: &FindingGroup<'_>,
    ctx: &ActionContext<'_>,
) -> Vec<PlannedRequest> {
    let (action, policy) = (ctx.action, ctx.bundle.policy);
    let tenant = &action.tenant;
    let mut requests: Vec<PlannedRequest> = Vec::new();
    for finding in &group.asking {
        let rule = &finding.rule;
        let mut mode = policy.mode(tenant, rule);
        if rule.revoke == RevokeTarget::None || mode == RevocationMode::Off {
            continue;
        }
        if planner.store.requests.is_muted(rule.id, ctx.stream_ms) {
            mode = mode.min(RevocationMode::Shadow);
        }
        planner.plan.mode = planner.plan.mode.max(Some(mode));
        let asked = cap_target(rule.revoke, finding.taken);
        let credential = action.credential_id.as_deref();
        if ctx.undeclared && !policy.is_strict(tenant) {
            planner.note("no request: the agent is undeclared and being onboarded");
        } else if policy.never_revokes(&action.agent_id, credential) {
            planner.note("no request: the never-revoke list covers it");
        } else {
            match name_target(asked, action, &ctx.proof, policy.issuer(tenant)) {
                Ok(target) => {
                    let own = PlannedRequest {
                        mode,
                        target,
                        rule: rule.id.into(),
                        part: None,
                        together: 1,
                    };
                    if asked == RevokeTarget::Tree {
                        requests.extend(collect_tree(planner, own, ctx));
                    } else {
                        requests.push(own);
                    }
                }
                Err(why) => planner.note(why),
            }
        }
    }
    // The sort is stable: among equal modes the stronger finding stays first.
    requests.sort_by_key(|request| Reverse(request.mode));
    distinct_targets(requests)
}

/// Each target once, by the request that comes first.
pub(super) fn distinct_targets(requests: Vec<PlannedRequest>) -> Vec<PlannedRequest> {
    let mut distinct: Vec<PlannedRequest> = Vec::new();
    for request in requests {
        let same = |known: &PlannedRequest| known.target.is_same(&request.target);
        if !distinct.iter().any(same) {
            distinct.push(request);
        }
    }
    distinct
}

/// The requests for a whole tree: `top` and the members below it, in the order of the policy.
/// Remembers that the tree is being revoked, for members that come later.
fn collect_tree(
    planner: &mut Planner<'_>,
    top: PlannedRequest,
    ctx: &ActionContext<'_>,
) -> Vec<PlannedRequest> {
    let rule = top.rule.clone();
    let top = PlannedRequest {
        part: Some(TreePart::Top),
        ..top
    };
    let tree = (ctx.tree)();
    let members = tree_requests(planner, &top, &tree);
    let mut requests: Vec<PlannedRequest> = std::iter::once(top).chain(members).collect();
    // A credential that two agents of the tree share is one target.
    requests = distinct_targets(requests);
    let together = requests.len();
    for request in &mut requests {
        request.together = together;
    }
    if ctx.bundle.policy.cascade_order() == CascadeOrder::LeavesFirst {
        requests.reverse();
    }
    let cascade = planner.cause.open_cascade(planner.incident, rule);
    planner.store.requests.remember_cascade(cascade);
    requests
}

/// The requests for the members of a tree, from the top down; `like` has their mode and rule.
/// Notes who is left out, and why.
pub(super) fn tree_requests(
    planner: &mut Planner<'_>,
    like: &PlannedRequest,
    tree: &TreeView,
) -> Vec<PlannedRequest> {
    let (cause, policy) = (planner.cause, planner.cause.bundle.policy);
    let top = AgentKey::new(cause.tenant, cause.agent);
    let found = find_members(&top, tree, policy.issuer(cause.tenant));
    if found.unproven > 0 {
        planner.note(format!(
            "{} agents are left out: that they belong to the tree is only claimed",
            found.unproven
        ));
    }
    if found.further > 0 {
        planner.note(format!(
            "{} agents of the tree are left out: only their number is known",
            found.further
        ));
    }
    let all = found.members.len();
    let credential_of = |agent: &str| {
        let mut members = tree.members.iter();
        let member = members.find(|member| member.agent == agent)?;
        member.credential.as_ref().map(|(id, _)| id.as_str())
    };
    let members: Vec<PlannedRequest> = found
        .members
        .into_iter()
        .filter(|(part, _)| {
            let agent = part.member().map_or("", |agent| agent.as_str());
            !policy.never_revokes(agent, credential_of(agent))
        })
        .map(|(part, target)| PlannedRequest {
            target,
            part: Some(part),
            ..like.clone()
        })
        .collect();
    if members.len() < all {
        planner.note(format!(
            "{} agents of the tree are left out: the never-revoke list covers them",
            all - members.len()
        ));
    }
    members
}
