//! Scripts of the delegation family: children that have, or do, what their parents may not give.

use crate::event::{AgentScope, DeclaredStatus, DelegationState, Grant, ParentScope, Verb};

use super::super::agent::numbered;
use super::super::catalogue::{TYPES, WORKERS};
use super::super::rhythm::{MINUTE_MS, SECOND_MS};
use super::Kind;
use super::stage::{Actor, Stage};

/// Wrong actions of one script.
const BAD: u32 = 4;
/// Children in a fan-out over the limit of eight, and in a storm.
const FAN_OUT: u32 = 12;
const STORM: u32 = 60;

pub fn perform(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    match kind {
        Kind::FanOut => spawns(stage, FAN_OUT, 20 * SECOND_MS),
        Kind::SpawnStorm => spawns(stage, STORM, SECOND_MS),
        Kind::WidenThenUse => widen_then_use(stage),
        _ => child(kind, stage),
    }
}

/// An orchestrator at work with a child of its own.
pub fn family(stage: &mut Stage<'_>, name: &str) -> Option<(Actor, Actor)> {
    let mut parent = stage.cast_declared(|class| class.hands_on.is_some())?;
    stage.declare(&parent);
    stage.cover(&mut parent, 2);
    let mut child = stage.invent(&parent.agent, WORKERS, name);
    child.agent.parent = Some(parent.agent.ix);
    child.task.instructor = crate::event::InstructionSource::ParentAgent;
    child.task.chain = vec![parent.agent.id.clone(), child.agent.id.clone()];
    child.task.expires_ms = parent.task.expires_ms;
    child.task.parent = Some(ParentScope {
        agent_id: parent.agent.id.clone(),
        scope_id: Some(parent.task.scope_id.clone()),
    });
    Some((parent, child))
}

fn payments() -> Grant {
    Grant {
        resource_types: vec!["payment.transfer".into()],
        verbs: vec![Verb::Transfer],
        ..Grant::default()
    }
}

fn allow_payments(scope: &mut AgentScope) {
    scope.grants.push(payments());
    scope.tools.push("pay.send".into());
}

fn child(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    let (mut parent, mut child) = family(stage, "worker-x")?;
    match kind {
        Kind::ChildWider => stage.declare_as(&child, allow_payments),
        _ => stage.declare(&child),
    }
    stage.cover(&mut child, 3);
    match kind {
        Kind::ParentNarrowed => {
            let now_ms = stage.now_ms;
            stage.declare_as(&parent, |scope| {
                scope.effective_from_ms = Some(now_ms);
                scope
                    .grants
                    .retain(|g| !g.resource_types.iter().any(|t| t == "document.file"));
            });
        }
        Kind::Orphan => stage.change_status(&parent, DeclaredStatus::Completed),
        _ => stage.cover(&mut parent, 1),
    }
    stage.pass(MINUTE_MS);
    let deep = ["orchestrator-root", "planner-1", "planner-2", "planner-3"];
    for _ in 0..BAD {
        let mut action = stage.ordinary(&mut child, |call| call.tool == "docs.read")?;
        let (root, own) = (parent.agent.id.clone(), child.agent.id.clone());
        match kind {
            Kind::ChildWider => {
                action.tool_name = Some("pay.send".into());
                action.action_verb = Verb::Transfer;
                action.resource_type = "payment.transfer".into();
                action.resource_id = Some(numbered("pay/out/", stage.dice.below(900)));
            }
            Kind::Ambient => {
                action.delegation_chain = Vec::new();
                action.delegation_state = Some(DelegationState::Unattributed);
            }
            Kind::ChainCyclic => {
                action.delegation_chain = vec![root.clone(), own, root];
                action.delegation_state = Some(DelegationState::Malformed);
            }
            Kind::ChainTruncated => {
                action.delegation_chain = vec![own];
                action.delegation_state = Some(DelegationState::Truncated);
            }
            Kind::Depth => {
                action.delegation_chain = std::iter::once(root)
                    .chain(deep.map(Into::into))
                    .chain([own])
                    .collect();
            }
            _ => {}
        }
        stage.bad(&mut child, action);
        stage.pass(10 * SECOND_MS);
    }
    stage.accomplice(&parent);
    stage.change_status(&child, DeclaredStatus::Completed);
    if kind != Kind::Orphan {
        stage.change_status(&parent, DeclaredStatus::Completed);
    }
    Some(())
}

/// Spawns faster or more than declared.
pub fn spawns(stage: &mut Stage<'_>, count: u32, pause_ms: i64) -> Option<()> {
    let mut parent = stage.cast_declared(|class| class.hands_on.is_some())?;
    stage.declare(&parent);
    stage.cover(&mut parent, 2);
    let class = TYPES.get(parent.agent.kind)?.classes.first()?;
    let call = class.calls.iter().find(|call| call.verb == Verb::Spawn)?;
    let serial = stage.serial();
    for index in 0..count {
        let mut action = stage.of_call(&mut parent, call);
        action.resource_id = Some(numbered("worker-s-", serial * 1_000 + index));
        stage.bad(&mut parent, action);
        stage.pass(pause_ms);
    }
    stage.change_status(&parent, DeclaredStatus::Completed);
    Some(())
}

/// An agent's own scope is widened in the middle of its task, and used at once.
fn widen_then_use(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hands_on.is_none() && !class.channel)?;
    stage.declare(&actor);
    stage.cover(&mut actor, 4);
    let now_ms = stage.now_ms;
    stage.declare_as(&actor, |scope| {
        scope.effective_from_ms = Some(now_ms);
        allow_payments(scope);
    });
    for _ in 0..BAD {
        let mut action = stage.ordinary(&mut actor, |_| true)?;
        action.tool_name = Some("pay.send".into());
        action.action_verb = Verb::Transfer;
        action.resource_type = "payment.transfer".into();
        stage.bad(&mut actor, action);
        stage.pass(5 * SECOND_MS);
    }
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}
