//! Attacks of the delegation family: child agents with more rights than their parent may delegate.

use crate::event::{
    AgentAction, AgentScope, DeclaredStatus, DelegationState, Grant, ParentScope, Text, Verb,
};

use super::super::agent::numbered_text;
use super::super::agent_types::WORKERS;
use super::super::attack_kind::AttackKind;
use super::super::schedule::{MINUTE_MS, SECOND_MS};
use super::script::{AttackActor, AttackScript};

/// Number of wrong actions in one attack.
const BAD: u32 = 4;
/// Number of children in a fan-out (the declared limit is 8) and in a spawn storm.
const FAN_OUT: u32 = 12;
const STORM: u32 = 60;

pub fn write_delegation_attack(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    match kind {
        AttackKind::FanOut => write_spawns(script, FAN_OUT, 20 * SECOND_MS),
        AttackKind::SpawnStorm => write_spawns(script, STORM, SECOND_MS),
        AttackKind::WidenThenUse => write_widen_then_use(script),
        _ => write_child_attack(kind, script),
    }
}

/// Casts an orchestrator that has a child agent at work.
pub fn cast_parent_and_child(
    script: &mut AttackScript<'_>,
    name: &str,
) -> Option<(AttackActor, AttackActor)> {
    let parent = script.cast_declared(|class| class.child_class.is_some())?;
    spawn_child(script, parent, name)
}

/// Invents an orchestrator of its own for the attack, and a child agent at work.
pub fn invent_parent_and_child(
    script: &mut AttackScript<'_>,
    parent_name: &str,
    name: &str,
) -> Option<(AttackActor, AttackActor)> {
    let model = script.cast_declared(|class| class.child_class.is_some())?;
    let parent = script.invent_agent(&model.agent, model.agent.type_index, parent_name);
    spawn_child(script, parent, name)
}

fn spawn_child(
    script: &mut AttackScript<'_>,
    parent: AttackActor,
    name: &str,
) -> Option<(AttackActor, AttackActor)> {
    script.declare_scope(&parent);
    spawn_below(script, parent, name)
}

/// A child agent below a parent whose scope is declared.
pub fn spawn_below(
    script: &mut AttackScript<'_>,
    mut parent: AttackActor,
    name: &str,
) -> Option<(AttackActor, AttackActor)> {
    script.add_benign_actions(&mut parent, 2);
    let mut child = script.invent_agent(&parent.agent, WORKERS, name);
    child.agent.parent = Some(parent.agent.index);
    child.task.instructor = crate::event::InstructionSource::ParentAgent;
    child.task.chain = vec![parent.agent.id.clone(), child.agent.id.clone()];
    child.task.expires_ms = parent.task.expires_ms;
    child.task.parent = Some(ParentScope {
        agent_id: parent.agent.id.clone(),
        scope_id: Some(parent.task.scope_id.clone()),
        act_chain: Vec::new(),
    });
    script.add_spawn(&mut parent, &child)?;
    Some((parent, child))
}

fn payment_grant() -> Grant {
    Grant {
        resource_types: vec!["payment.transfer".into()],
        verbs: vec![Verb::Transfer],
        ..Grant::default()
    }
}

fn allow_payments(scope: &mut AgentScope) {
    scope.grants.push(payment_grant());
    scope.tools.push("pay.send".into());
}

fn write_child_attack(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    let (mut parent, mut child) = cast_parent_and_child(script, "worker-x")?;
    match kind {
        AttackKind::ChildWider => {
            let declared = child.clone();
            script.declare_wrong_scope(&declared, &mut child, allow_payments);
        }
        AttackKind::Ambient => {
            // The child has a scope from elsewhere, and nothing says who delegated to it.
            child.task.parent = None;
            child.task.chain = Vec::new();
            script.declare_scope(&child);
        }
        _ => script.declare_scope(&child),
    }
    if kind != AttackKind::Ambient {
        script.add_benign_actions(&mut child, 3);
    }
    let now_ms = script.now_ms;
    match kind {
        AttackKind::ParentNarrowed => {
            script.declare_wrong_scope(&parent, &mut child, |scope| {
                scope.effective_from_ms = Some(now_ms);
                scope
                    .grants
                    .retain(|g| !g.resource_types.iter().any(|t| t == "document.file"));
            });
        }
        AttackKind::Orphan => script.change_status(&parent, DeclaredStatus::Completed),
        AttackKind::ParentRevoked => script.change_status(&parent, DeclaredStatus::Revoked),
        _ => script.add_benign_actions(&mut parent, 1),
    }
    script.advance_time(MINUTE_MS);
    for _ in 0..BAD {
        let mut action =
            script.compose_benign_action(&mut child, |call| call.tool == "docs.read")?;
        let (root, own) = (parent.agent.id.clone(), child.agent.id.clone());
        match kind {
            AttackKind::ChildWider => {
                action.tool_name = Some("pay.send".into());
                action.action_verb = Verb::Transfer;
                action.resource_type = "payment.transfer".into();
                action.resource_id = Some(numbered_text("pay/out/", script.rng.uniform_below(900)));
            }
            _ => alter_chain(kind, &mut action, root, own),
        }
        script.add_labelled_action(&mut child, action);
        script.advance_time(10 * SECOND_MS);
    }
    script.add_accomplice(&parent);
    script.change_status(&child, DeclaredStatus::Completed);
    if !matches!(kind, AttackKind::Orphan | AttackKind::ParentRevoked) {
        script.change_status(&parent, DeclaredStatus::Completed);
    }
    Some(())
}

/// Makes the chain of an action what the kind says. `root` is the parent, `own` the child.
fn alter_chain(kind: AttackKind, action: &mut AgentAction, root: Text, own: Text) {
    let (chain, state) = match kind {
        AttackKind::Ambient => (Vec::new(), DelegationState::Unattributed),
        AttackKind::ChainMalformed => (
            vec!["planner-nobody-knows".into(), own],
            DelegationState::Delegated,
        ),
        AttackKind::ChainCyclic => (vec![root.clone(), own, root], DelegationState::Malformed),
        AttackKind::ChainTruncated => (vec![own], DelegationState::Truncated),
        AttackKind::Depth => {
            let between = ["planner-1", "planner-2", "planner-3"].map(Into::into);
            let mut chain: Vec<Text> = std::iter::once(root).chain(between).collect();
            chain.push(own);
            (chain, DelegationState::Delegated)
        }
        _ => return,
    };
    action.delegation_chain = chain;
    action.delegation_state = Some(state);
}

/// An orchestrator spawns `count` children, one every `pause_ms`: faster or more than declared.
pub fn write_spawns(script: &mut AttackScript<'_>, count: u32, pause_ms: i64) -> Option<()> {
    let mut parent = script.cast_declared(|class| class.child_class.is_some())?;
    script.declare_scope(&parent);
    script.add_benign_actions(&mut parent, 2);
    let serial = script.serial();
    for index in 0..count {
        let mut action = script.compose_spawn(&mut parent)?;
        action.resource_id = Some(numbered_text("worker-s-", serial * 1_000 + index));
        script.add_labelled_action(&mut parent, action);
        script.advance_time(pause_ms);
    }
    script.change_status(&parent, DeclaredStatus::Completed);
    Some(())
}

/// An agent's scope is widened in the middle of its task, and the new grant is used at once.
fn write_widen_then_use(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| class.child_class.is_none() && !class.channel)?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 4);
    let now_ms = script.now_ms;
    script.declare_changed_scope(&actor, |scope| {
        scope.effective_from_ms = Some(now_ms);
        allow_payments(scope);
    });
    for _ in 0..BAD {
        let mut action = script.compose_benign_action(&mut actor, |_| true)?;
        action.tool_name = Some("pay.send".into());
        action.action_verb = Verb::Transfer;
        action.resource_type = "payment.transfer".into();
        script.add_labelled_action(&mut actor, action);
        script.advance_time(5 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}
