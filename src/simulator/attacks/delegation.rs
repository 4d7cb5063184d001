//! Attacks of the delegation family: child agents with more rights than their parent may delegate.

use crate::event::{AgentScope, DeclaredStatus, DelegationState, Grant, ParentScope, Verb};

use super::super::agent::numbered_text;
use super::super::agent_types::{TYPES, WORKERS};
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
    let mut parent = script.cast_declared(|class| class.child_class.is_some())?;
    script.declare_scope(&parent);
    script.add_benign_actions(&mut parent, 2);
    let mut child = script.invent_agent(&parent.agent, WORKERS, name);
    child.agent.parent = Some(parent.agent.index);
    child.task.instructor = crate::event::InstructionSource::ParentAgent;
    child.task.chain = vec![parent.agent.id.clone(), child.agent.id.clone()];
    child.task.expires_ms = parent.task.expires_ms;
    child.task.parent = Some(ParentScope {
        agent_id: parent.agent.id.clone(),
        scope_id: Some(parent.task.scope_id.clone()),
    });
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
        AttackKind::ChildWider => script.declare_changed_scope(&child, allow_payments),
        _ => script.declare_scope(&child),
    }
    script.add_benign_actions(&mut child, 3);
    match kind {
        AttackKind::ParentNarrowed => {
            let now_ms = script.now_ms;
            script.declare_changed_scope(&parent, |scope| {
                scope.effective_from_ms = Some(now_ms);
                scope
                    .grants
                    .retain(|g| !g.resource_types.iter().any(|t| t == "document.file"));
            });
        }
        AttackKind::Orphan => script.change_status(&parent, DeclaredStatus::Completed),
        _ => script.add_benign_actions(&mut parent, 1),
    }
    script.advance_time(MINUTE_MS);
    let deep = ["orchestrator-root", "planner-1", "planner-2", "planner-3"];
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
            AttackKind::Ambient => {
                action.delegation_chain = Vec::new();
                action.delegation_state = Some(DelegationState::Unattributed);
            }
            AttackKind::ChainCyclic => {
                action.delegation_chain = vec![root.clone(), own, root];
                action.delegation_state = Some(DelegationState::Malformed);
            }
            AttackKind::ChainTruncated => {
                action.delegation_chain = vec![own];
                action.delegation_state = Some(DelegationState::Truncated);
            }
            AttackKind::Depth => {
                action.delegation_chain = std::iter::once(root)
                    .chain(deep.map(Into::into))
                    .chain([own])
                    .collect();
            }
            _ => {}
        }
        script.add_wrong_action(&mut child, action);
        script.advance_time(10 * SECOND_MS);
    }
    script.add_accomplice(&parent);
    script.change_status(&child, DeclaredStatus::Completed);
    if kind != AttackKind::Orphan {
        script.change_status(&parent, DeclaredStatus::Completed);
    }
    Some(())
}

/// An orchestrator spawns `count` children, one every `pause_ms`: faster or more than declared.
pub fn write_spawns(script: &mut AttackScript<'_>, count: u32, pause_ms: i64) -> Option<()> {
    let mut parent = script.cast_declared(|class| class.child_class.is_some())?;
    script.declare_scope(&parent);
    script.add_benign_actions(&mut parent, 2);
    let class = TYPES.get(parent.agent.type_index)?.classes.first()?;
    let call = class.calls.iter().find(|call| call.verb == Verb::Spawn)?;
    let serial = script.serial();
    for index in 0..count {
        let mut action = script.compose_call(&mut parent, call);
        action.resource_id = Some(numbered_text("worker-s-", serial * 1_000 + index));
        script.add_wrong_action(&mut parent, action);
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
        script.add_wrong_action(&mut actor, action);
        script.advance_time(5 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}
