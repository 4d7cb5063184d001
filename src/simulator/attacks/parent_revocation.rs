//! Attacks after the revocation of a parent was confirmed or requested, and their benign twins.

use crate::event::{
    AgentScope, DeclaredStatus, DelegationRule, Grant, ParentScope, Sensitivity, Verb,
};

use super::super::agent::DEPTH_MAX;
use super::super::agent_types::WORKERS;
use super::super::attack_kind::AttackKind;
use super::super::schedule::{MINUTE_MS, SECOND_MS};
use super::delegation::{cast_parent_and_child, invent_parent_and_child};
use super::script::{AttackActor, AttackScript};

/// The kinds that this file writes.
pub const KINDS: [AttackKind; 4] = [
    AttackKind::ParentRevokedTree,
    AttackKind::ParentRequested,
    AttackKind::TwinNewParent,
    AttackKind::TwinRefusedParent,
];
/// Number of actions of the child that look wrong.
const ACTIONS: u32 = 4;
/// The child acts this long after the request about its parent, ms: the identity system has 5
/// minutes, and the request may wait for the other users of the credential.
const UNCONFIRMED_MS: i64 = 7 * MINUTE_MS;

pub fn write_parent_revocation(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    match kind {
        AttackKind::ParentRevokedTree => write_revoked_above_a_tree(script),
        AttackKind::TwinNewParent => write_new_parent_before_revocation(script),
        _ => write_requested_parent(kind, script),
    }
}

/// Declares the scope of a child that may delegate a part of its task to one agent.
pub fn declare_delegating_scope(script: &mut AttackScript<'_>, child: &AttackActor) {
    script.declare_changed_scope(child, may_delegate);
}

fn may_delegate(scope: &mut AgentScope) {
    scope.delegation = Some(DelegationRule {
        allowed: true,
        depth_max: Some(DEPTH_MAX),
        children_max: Some(1),
    });
    scope.tools.push("agents.spawn".into());
    scope.grants.push(Grant {
        resource_types: vec!["agent.child".into()],
        verbs: vec![Verb::Spawn],
        sensitivity_max: Some(Sensitivity::Internal),
        ..Grant::default()
    });
}

/// The child creates an agent for a part of its task. The caller declares its scope.
pub fn spawn_grandchild(
    script: &mut AttackScript<'_>,
    child: &mut AttackActor,
    name: &str,
) -> Option<AttackActor> {
    let mut grandchild = script.invent_agent(&child.agent, WORKERS, name);
    grandchild.agent.parent = child.agent.parent;
    grandchild.task.instructor = child.task.instructor;
    grandchild.task.chain = child.task.chain.clone();
    grandchild.task.chain.push(grandchild.agent.id.clone());
    grandchild.task.expires_ms = child.task.expires_ms - MINUTE_MS;
    grandchild.task.parent = Some(ParentScope {
        agent_id: child.agent.id.clone(),
        scope_id: Some(child.task.scope_id.clone()),
        act_chain: Vec::new(),
    });
    script.add_spawn(child, &grandchild)?;
    Some(grandchild)
}

fn add_labelled(script: &mut AttackScript<'_>, actor: &mut AttackActor) -> Option<()> {
    for _ in 0..ACTIONS {
        let action = script.compose_benign_action(actor, |call| call.tool == "docs.read")?;
        script.add_labelled_action(actor, action);
        script.advance_time(10 * SECOND_MS);
    }
    Some(())
}

/// The parent's scope is revoked, and a child that has a child of its own acts on.
fn write_revoked_above_a_tree(script: &mut AttackScript<'_>) -> Option<()> {
    let (parent, mut child) = cast_parent_and_child(script, "planner-r")?;
    declare_delegating_scope(script, &child);
    script.add_benign_actions(&mut child, 2);
    let mut grandchild = spawn_grandchild(script, &mut child, "worker-r")?;
    script.declare_scope(&grandchild);
    script.add_benign_actions(&mut grandchild, 2);
    script.change_status(&parent, DeclaredStatus::Revoked);
    script.advance_time(MINUTE_MS);
    add_labelled(script, &mut child)?;
    script.add_accomplice(&parent);
    script.add_accomplice(&grandchild);
    script.change_status(&grandchild, DeclaredStatus::Completed);
    script.change_status(&child, DeclaredStatus::Completed);
    Some(())
}

/// A child that has a child of its own gets its task from another parent, and then the first one's
/// scope is revoked. It acts on, under the new parent.
fn write_new_parent_before_revocation(script: &mut AttackScript<'_>) -> Option<()> {
    let (parent, mut child) = cast_parent_and_child(script, "planner-n")?;
    declare_delegating_scope(script, &child);
    script.add_benign_actions(&mut child, 2);
    let mut grandchild = spawn_grandchild(script, &mut child, "worker-n")?;
    script.declare_scope(&grandchild);
    script.add_benign_actions(&mut grandchild, 2);

    let mut other = script.invent_agent(&parent.agent, parent.agent.type_index, "planner-o");
    other.task.expires_ms = parent.task.expires_ms;
    script.declare_scope(&other);
    script.add_benign_actions(&mut other, 2);
    let now_ms = script.now_ms;
    for (actor, above) in [(&mut child, None), (&mut grandchild, Some(()))] {
        if above.is_none() {
            actor.task.parent = Some(ParentScope {
                agent_id: other.agent.id.clone(),
                scope_id: Some(other.task.scope_id.clone()),
                act_chain: Vec::new(),
            });
        }
        if let Some(root) = actor.task.chain.first_mut() {
            root.clone_from(&other.agent.id);
        }
    }
    script.declare_changed_scope(&child, |scope| {
        scope.effective_from_ms = Some(now_ms);
        may_delegate(scope);
    });
    script.advance_time(20 * SECOND_MS);
    script.change_status(&parent, DeclaredStatus::Revoked);
    script.advance_time(MINUTE_MS);
    add_labelled(script, &mut child)?;
    add_labelled(script, &mut grandchild)?;
    for actor in [&grandchild, &child, &other] {
        script.change_status(actor, DeclaredStatus::Completed);
        script.advance_time(10 * SECOND_MS);
    }
    Some(())
}

/// The parent destroys something outside its scope, so that its credential is requested. The child
/// acts on for minutes. It is an attack if the identity system stays silent, and a benign twin if
/// it refuses the request: then nothing was taken away from the child.
fn write_requested_parent(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    // An agent of its own: the identity system is silent about this one and no other.
    let (mut parent, mut child) = invent_parent_and_child(script, "planner-q", "worker-q")?;
    script.declare_scope(&child);
    script.add_benign_actions(&mut child, 3);
    let mut deed = script.compose_benign_action(&mut parent, |_| true)?;
    deed.action_verb = Verb::Delete;
    // The deed is an attack of its own, also where the child's part is benign.
    script.add_action_of_kind(&mut parent, deed, AttackKind::DestructiveVerb);
    script.advance_time(UNCONFIRMED_MS);
    add_labelled(script, &mut child)?;
    if kind == AttackKind::ParentRequested {
        script.add_accomplice(&parent);
    }
    script.change_status(&child, DeclaredStatus::Completed);
    script.change_status(&parent, DeclaredStatus::Completed);
    Some(())
}
