//! Benign twins: what honest agents and brokers do and what looks like an attack of the delegation,
//! credential or instruction family. Every alert about a twin is false.

use crate::event::{AgentAction, Text, Verb};

use super::super::agent::{MODELS, concat_text, numbered_text};
use super::super::agent_types::{DeclarationMode, ToolCall};
use super::super::attack_kind::AttackKind;
use super::super::schedule::{MINUTE_MS, SECOND_MS};
use super::delegation::cast_parent_and_child;
use super::parent_revocation::{declare_delegating_scope, spawn_grandchild};
use super::reply_twins::{write_reply, write_tree_reply};
use super::script::{AttackActor, AttackScript};
use crate::event::{ActionOutcome, DeclaredStatus};

/// Number of actions that look wrong.
const ACTIONS: u32 = 5;
/// Calls that ask for one resource until it is there, and that ask whether something has finished.
const RETRIES: u32 = 8;
const POLLS: u32 = 10;
/// Calls of one kind.
const ONE_KIND: u32 = 24;
/// Prefix of the ids of credentials that are declared as shared.
pub const SHARED_PREFIX: &str = "svc-shared-";

pub fn write_twin(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    match kind {
        AttackKind::TwinNarrower => write_narrower_grandchild(script),
        AttackKind::TwinParentLast => write_parent_that_ends_last(script),
        AttackKind::TwinRotated => write_rotated_credential(script),
        AttackKind::TwinShared => write_shared_credential(script),
        AttackKind::TwinReordered => write_reordered_work(script),
        AttackKind::TwinReply => write_reply(script),
        AttackKind::TwinRetry => write_retry_after_denial(script),
        AttackKind::TwinRetrySame => write_retry_of_one_resource(script),
        AttackKind::TwinPoller => write_poller(script),
        AttackKind::TwinRollOut => write_roll_out(script),
        AttackKind::TwinRouted => write_routed_calls(script),
        AttackKind::TwinOneKind => write_one_kind_of_call(script),
        AttackKind::TwinTreeReply => write_tree_reply(script),
        _ => write_retry_through_gateway(script),
    }
}

/// Adds labelled actions that the actor's scope allows.
fn add_labelled(script: &mut AttackScript<'_>, actor: &mut AttackActor, count: u32) -> Option<()> {
    for _ in 0..count {
        let action = script.compose_benign_action(actor, |_| true)?;
        script.add_labelled_action(actor, action);
        script.advance_time(4 * SECOND_MS);
    }
    Some(())
}

/// A child passes on a part of what it may do: each scope is narrower than the one above it, and
/// each hop is in the chain.
fn write_narrower_grandchild(script: &mut AttackScript<'_>) -> Option<()> {
    let (parent, mut child) = cast_parent_and_child(script, "planner-y")?;
    declare_delegating_scope(script, &child);
    script.add_benign_actions(&mut child, 2);
    let mut grandchild = spawn_grandchild(script, &mut child, "worker-y")?;
    // Only documents, and no segments of the customer system.
    script.declare_changed_scope(&grandchild, |scope| {
        let segment = |text: &Text| text.as_str() != "crm.segment";
        scope.tools.retain(segment);
        scope
            .grants
            .retain(|grant| grant.resource_types.iter().all(segment));
    });
    for _ in 0..ACTIONS {
        let action =
            script.compose_benign_action(&mut grandchild, |call| call.tool == "docs.read")?;
        script.add_labelled_action(&mut grandchild, action);
        script.advance_time(4 * SECOND_MS);
    }
    for actor in [&grandchild, &child, &parent] {
        script.change_status(actor, DeclaredStatus::Completed);
        script.advance_time(10 * SECOND_MS);
    }
    Some(())
}

/// The child's task ends, and then that of its parent. The parent acts on in between.
fn write_parent_that_ends_last(script: &mut AttackScript<'_>) -> Option<()> {
    let (mut parent, mut child) = cast_parent_and_child(script, "worker-z")?;
    script.declare_scope(&child);
    add_labelled(script, &mut child, ACTIONS)?;
    script.advance_time(10 * SECOND_MS);
    script.change_status(&child, DeclaredStatus::Completed);
    script.advance_time(20 * SECOND_MS);
    add_labelled(script, &mut parent, 2)?;
    script.change_status(&parent, DeclaredStatus::Completed);
    Some(())
}

/// The broker replaces the credential in the middle of the task, in a new version of the scope.
fn write_rotated_credential(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| class.child_class.is_none())?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 3);
    actor.task.credential = concat_text(&actor.task.credential, "-r");
    let rotated_ms = script.now_ms;
    script.declare_changed_scope(&actor, |scope| scope.effective_from_ms = Some(rotated_ms));
    // Whoever rotates a credential declares the new one before it is used.
    script.advance_time(3 * SECOND_MS);
    for _ in 0..ACTIONS {
        let mut action = script.compose_benign_action(&mut actor, |_| true)?;
        action.credential_issued_at_ms = Some(rotated_ms);
        script.add_labelled_action(&mut actor, action);
        script.advance_time(6 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// Two agents use one service credential, which is declared as shared.
fn write_shared_credential(script: &mut AttackScript<'_>) -> Option<()> {
    let mut first = script.cast_declared(|class| class.child_class.is_none())?;
    let tenant = first.agent.tenant.clone();
    let mut second = script.cast_agent(|agent, class| {
        agent.agent_type().declared == DeclarationMode::PerTask
            && class.child_class.is_none()
            && agent.tenant == tenant
    })?;
    let shared = numbered_text(SHARED_PREFIX, script.serial());
    let issued_ms = script.now_ms - MINUTE_MS;
    for actor in [&mut first, &mut second] {
        actor.task.credential = shared.clone();
        script.declare_scope(actor);
    }
    for _ in 0..ACTIONS {
        for actor in [&mut first, &mut second] {
            let mut action = script.compose_benign_action(actor, |_| true)?;
            action.credential_issued_at_ms = Some(issued_ms);
            // It is bound to the service, and to no agent.
            action.credential_bound_to = None;
            action.channel_peer_id = None;
            script.add_labelled_action(actor, action);
            script.advance_time(3 * SECOND_MS);
        }
    }
    script.change_status(&first, DeclaredStatus::Completed);
    script.change_status(&second, DeclaredStatus::Completed);
    Some(())
}

/// Each call is repeated within a second, through another gateway of the same network.
fn write_retry_through_gateway(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| class.child_class.is_none())?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 2);
    let other = concat_text(&actor.agent.gateway_id, "-standby");
    for _ in 0..ACTIONS {
        let mut action =
            script.compose_benign_action(&mut actor, |call| call.bytes_out < 10_000)?;
        script.add_labelled_action(&mut actor, action.clone());
        script.advance_time(400);
        action.gateway_id = Some(other.clone());
        action.occurred_at_ms = action.occurred_at_ms.map(|at_ms| at_ms + 400);
        script.add_labelled_action(&mut actor, action);
        script.advance_time(5 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// Reads untrusted content and changes something right after it, again and again: each as usual for
/// the class, and seldom in this order.
fn write_reordered_work(script: &mut AttackScript<'_>) -> Option<()> {
    let changes = |call: &ToolCall| matches!(call.verb, Verb::Create | Verb::Update);
    let mut actor = script.cast_declared(|class| {
        let has = |fit: fn(&ToolCall) -> bool| class.calls.iter().any(fit);
        class.child_class.is_none() && has(|call| call.untrusted) && has(changes)
    })?;
    script.declare_scope(&actor);
    for _ in 0..ACTIONS {
        for fit in [changes, |call: &ToolCall| call.untrusted] {
            let action = script.compose_benign_action(&mut actor, fit)?;
            script.add_labelled_action(&mut actor, action);
            script.advance_time(4 * SECOND_MS);
        }
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// A call is denied twice, and allowed when the user has agreed.
fn write_retry_after_denial(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| class.child_class.is_none())?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 2);
    for outcome in [
        ActionOutcome::Denied,
        ActionOutcome::Denied,
        ActionOutcome::Allowed,
    ] {
        let mut action = script.compose_benign_action(&mut actor, |call| call.pool > 0)?;
        action.outcome = Some(outcome);
        script.add_labelled_action(&mut actor, action);
        script.advance_time(20 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// The same call again and again, `every_ms`, each with the outcome that `outcome_of` says.
fn add_same_calls(
    script: &mut AttackScript<'_>,
    calls: u32,
    every_ms: i64,
    outcome_of: impl Fn(u32) -> ActionOutcome,
) -> Option<()> {
    let mut actor = script.cast_declared(|class| {
        class.child_class.is_none() && class.calls.iter().any(|call| call.pool > 0)
    })?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 2);
    let one = script.compose_benign_action(&mut actor, |call| call.pool > 0)?;
    for number in 0..calls {
        let next = script.compose_benign_action(&mut actor, |call| call.pool > 0)?;
        let action = AgentAction {
            occurred_at_ms: next.occurred_at_ms,
            outcome: Some(outcome_of(number)),
            ..one.clone()
        };
        script.add_labelled_action(&mut actor, action);
        script.advance_time(every_ms);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// What is read is not there yet; at last it is.
fn write_retry_of_one_resource(script: &mut AttackScript<'_>) -> Option<()> {
    let outcome_of = |number| match number + 1 < RETRIES {
        true => ActionOutcome::Error,
        false => ActionOutcome::Allowed,
    };
    add_same_calls(script, RETRIES, 20 * SECOND_MS, outcome_of)
}

/// Asks once a minute whether something has finished.
fn write_poller(script: &mut AttackScript<'_>) -> Option<()> {
    add_same_calls(script, POLLS, MINUTE_MS, |_| ActionOutcome::Allowed)
}

/// The agent ends its task; its next version begins another one, with another credential.
fn write_roll_out(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| class.child_class.is_none())?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 3);
    script.change_status(&actor, DeclaredStatus::Completed);
    script.advance_time(5 * SECOND_MS);
    let mut next = script.start_new_task(&actor);
    next.agent.version = concat_text(&next.agent.version, ".1");
    script.declare_scope(&next);
    add_labelled(script, &mut next, ACTIONS)?;
    script.change_status(&next, DeclaredStatus::Completed);
    Some(())
}

/// Sends its calls to the models of its class by turns.
fn write_routed_calls(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| class.child_class.is_none())?;
    script.declare_scope(&actor);
    for model in MODELS.into_iter().cycle().take(2 * ACTIONS as usize) {
        let mut action = script.compose_benign_action(&mut actor, |_| true)?;
        action.agent_model = Some(model.into());
        script.add_labelled_action(&mut actor, action);
        script.advance_time(4 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// Makes one kind of the calls of its class, that which its tasks make least of those that are
/// small: an unusual amount would be another matter.
fn write_one_kind_of_call(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = script.cast_declared(|class| {
        class.child_class.is_none() && class.hours.is_none() && class.length.1 >= ONE_KIND
    })?;
    let calls = actor.agent.task_class(actor.task.class).calls.iter();
    let small = calls.filter(|call| call.bytes_out < 10_000 && call.tokens == 0);
    let seldom = small.min_by_key(|call| call.weight)?;
    script.declare_scope(&actor);
    for _ in 0..ONE_KIND {
        let action = script.compose_call(&mut actor, seldom);
        script.add_labelled_action(&mut actor, action);
        script.advance_time(15 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}
