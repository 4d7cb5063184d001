//! Scripts of the scope family: each breaks one dimension of a declared scope.

use crate::event::{
    ActionEffect, AgentAction, CommandKind, ControlRecord, DeclaredStatus, Grant,
    InstructionSource, RecordBody, RevocationResult, Sensitivity, Verb,
};

use super::super::agent::{joined, numbered};
use super::super::catalogue::{Call, Declared, TaskClass};
use super::super::rhythm::{HOUR_MS, MINUTE_MS, SECOND_MS, minute_of_day};
use super::Kind;
use super::stage::{Actor, Stage};

/// Wrong actions of one script.
const BAD: u32 = 3;

pub fn perform(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    match kind {
        Kind::UndeclaredAgent => undeclared(stage),
        Kind::LimitExceeded => limit(stage),
        Kind::Expired => expired(stage),
        Kind::NotYetValid => not_yet(stage),
        Kind::Suspended | Kind::AfterTaskEnd => ended(kind, stage),
        Kind::AfterRevocation => revoked(stage),
        Kind::OutsideHours => hours(stage),
        Kind::ResourceId => bend(
            stage,
            |call| call.pool > 0,
            |action, serial| {
                action.resource_id = Some(numbered("vault/board/", serial));
            },
        ),
        Kind::Owner => bend(
            stage,
            |call| call.owner.is_some(),
            |action, _| {
                action.resource_owner = Some("executive".into());
            },
        ),
        Kind::Destination | Kind::EgressDestination => {
            let egress = kind == Kind::EgressDestination;
            let fit = move |call: &Call| {
                !call.hosts.is_empty()
                    && (call.verb.effect_class() == ActionEffect::Egress) == egress
            };
            bend(stage, fit, |action, _| {
                action.destination_host = Some("drop.example.io".into());
                action.destination_external = Some(true);
            })
        }
        // No class may run its data, and none of the plain ones deletes.
        Kind::VerbOutsideGrant => bend(
            stage,
            |call| call.verb != Verb::Execute,
            |action, _| wrong(kind, action),
        ),
        Kind::ChannelBelow => channel(stage),
        Kind::InstructionSource => instructed(stage),
        Kind::DelegationOutside => delegated(stage),
        _ => bend(stage, |_| true, |action, _| wrong(kind, action)),
    }
}

/// The one thing that is wrong with an otherwise ordinary action.
fn wrong(kind: Kind, action: &mut AgentAction) {
    match kind {
        Kind::UnmappedTool => {
            action.action_verb = Verb::Other;
            action.action_operation = Some("vendor.beta.call".into());
            action.resource_type = "unknown".into();
            action.resource_id = None;
        }
        Kind::ResourceType => {
            action.resource_type = "hr.record".into();
            action.resource_id = Some("hr/salary/7".into());
        }
        Kind::VerbOutsideGrant => action.action_verb = Verb::Execute,
        Kind::DestructiveVerb => action.action_verb = Verb::Delete,
        Kind::Sensitivity => action.resource_sensitivity = Some(Sensitivity::Restricted),
        _ => action.tool_name = Some("shell.raw".into()),
    }
}

/// An ordinary task in which some actions of a call that `fit`s are bent.
fn bend(
    stage: &mut Stage<'_>,
    fit: impl Fn(&Call) -> bool,
    bent: impl Fn(&mut AgentAction, u32),
) -> Option<()> {
    let able = |class: &TaskClass| class.calls.iter().any(&fit) && class.hands_on.is_none();
    let mut actor =
        stage.cast(|agent, class| agent.kind().declared != Declared::Standing && able(class))?;
    stage.declare(&actor);
    stage.cover(&mut actor, 3);
    let serial = stage.serial();
    for _ in 0..BAD {
        let mut action = stage.ordinary(&mut actor, &fit)?;
        bent(&mut action, serial);
        stage.bad(&mut actor, action);
        stage.pass(4 * SECOND_MS);
    }
    close(stage, &actor);
    Some(())
}

/// The task ends in order.
fn close(stage: &mut Stage<'_>, actor: &Actor) {
    if actor.agent.kind().declared != Declared::Template {
        stage.change_status(actor, DeclaredStatus::Completed);
    }
}

fn bad_actions(stage: &mut Stage<'_>, actor: &mut Actor, pause_ms: i64) -> Option<()> {
    for _ in 0..BAD {
        let action = stage.ordinary(actor, |_| true)?;
        stage.bad(actor, action);
        stage.pass(pause_ms);
    }
    Some(())
}

/// An agent nobody declared, of a type that no template names.
fn undeclared(stage: &mut Stage<'_>) -> Option<()> {
    let model = stage.cast_declared(|class| class.hands_on.is_none() && !class.channel)?;
    let mut actor = stage.invent(&model.agent, model.agent.kind, "shadow");
    let kind = numbered("unlisted-", stage.serial());
    for _ in 0..=BAD {
        let mut action = stage.ordinary(&mut actor, |_| true)?;
        action.agent_type = Some(kind.clone());
        stage.bad(&mut actor, action);
        stage.pass(15 * SECOND_MS);
    }
    Some(())
}

/// More bytes out in an hour than declared.
fn limit(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.limited)?;
    stage.declare(&actor);
    stage.cover(&mut actor, 2);
    for _ in 0..6 {
        let mut action = stage.ordinary(&mut actor, |call| call.bytes_out > 0)?;
        action.volume_bytes_out = Some(4_500_000);
        stage.bad(&mut actor, action);
        stage.pass(10 * SECOND_MS);
    }
    close(stage, &actor);
    Some(())
}

/// The task goes on after its scope's end.
fn expired(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hours.is_none())?;
    let expires_ms = stage.now_ms + 2 * MINUTE_MS;
    stage.declare_as(&actor, |scope| scope.expires_at_ms = Some(expires_ms));
    stage.cover(&mut actor, 3);
    stage.pass(4 * MINUTE_MS);
    bad_actions(stage, &mut actor, 20 * SECOND_MS)
}

/// The task starts before its scope does.
fn not_yet(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hours.is_none())?;
    let from_ms = stage.now_ms + 30 * MINUTE_MS;
    stage.declare_as(&actor, |scope| {
        scope.effective_from_ms = Some(from_ms);
        scope.expires_at_ms = Some(from_ms + HOUR_MS);
    });
    bad_actions(stage, &mut actor, 20 * SECOND_MS)
}

/// The task goes on after its scope was suspended or completed.
fn ended(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hours.is_none())?;
    stage.declare(&actor);
    stage.cover(&mut actor, 3);
    let status = if kind == Kind::Suspended {
        DeclaredStatus::Suspended
    } else {
        DeclaredStatus::Completed
    };
    stage.pass(20 * SECOND_MS);
    stage.change_status(&actor, status);
    stage.pass(3 * MINUTE_MS);
    bad_actions(stage, &mut actor, 20 * SECOND_MS)
}

/// The task goes on after its scope and credential were revoked and the identity system said so.
fn revoked(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hours.is_none())?;
    stage.declare(&actor);
    stage.cover(&mut actor, 3);
    stage.pass(20 * SECOND_MS);
    stage.change_status(&actor, DeclaredStatus::Revoked);
    let control = ControlRecord {
        tenant: actor.agent.tenant.clone(),
        agent_id: actor.agent.id.clone(),
        by: "identity-system".into(),
        at_ms: stage.now_ms,
        reason: Some("revoked by the task broker".into()),
        command: CommandKind::Confirmation {
            txn: joined("sim-", &actor.task.credential),
            target: Some(actor.task.credential.clone()),
            result: RevocationResult::Done,
        },
    };
    stage.record(RecordBody::Control(Box::new(control)), None);
    stage.pass(MINUTE_MS);
    bad_actions(stage, &mut actor, 20 * SECOND_MS)
}

/// The task acts at an hour that its scope excludes.
fn hours(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hands_on.is_none())?;
    let now_min = minute_of_day(stage.now_ms);
    stage.declare_as(&actor, |scope| {
        scope.hours = Some(crate::event::WorkingHours {
            days: Vec::new(),
            from_min: (now_min + 180) % 1_440,
            to_min: (now_min + 480) % 1_440,
            zone: Some("UTC".into()),
        });
    });
    bad_actions(stage, &mut actor, 20 * SECOND_MS)?;
    close(stage, &actor);
    Some(())
}

/// An ordinary task of a class that `fit`s, with some actions bent.
fn bent_task(
    stage: &mut Stage<'_>,
    fit: impl Fn(&TaskClass) -> bool,
    bent: impl Fn(&mut AgentAction),
) -> Option<()> {
    let mut actor = stage.cast_declared(fit)?;
    stage.declare(&actor);
    stage.cover(&mut actor, 2);
    for _ in 0..BAD {
        let mut action = stage.ordinary(&mut actor, |_| true)?;
        bent(&mut action);
        stage.bad(&mut actor, action);
        stage.pass(4 * SECOND_MS);
    }
    close(stage, &actor);
    Some(())
}

/// Clear text where the scope demands an encrypted channel.
fn channel(stage: &mut Stage<'_>) -> Option<()> {
    bent_task(
        stage,
        |class| class.channel,
        |action| action.channel_encrypted = Some(false),
    )
}

/// Told by a document what to do, where the scope names who may instruct.
fn instructed(stage: &mut Stage<'_>) -> Option<()> {
    bent_task(
        stage,
        |class| class.instructed && class.hands_on.is_none(),
        |action| {
            action.instruction_source = Some(InstructionSource::RetrievedData);
        },
    )
}

/// An agent that may create children by its grants, and may not delegate.
fn delegated(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hands_on.is_none())?;
    stage.declare_as(&actor, |scope| {
        scope.tools.push("agents.spawn".into());
        scope.grants.push(Grant {
            resource_types: vec!["agent.child".into()],
            verbs: vec![Verb::Spawn],
            ..Grant::default()
        });
    });
    let serial = stage.serial();
    for index in 0..BAD {
        let mut action = stage.ordinary(&mut actor, |_| true)?;
        action.tool_name = Some("agents.spawn".into());
        action.action_verb = Verb::Spawn;
        action.resource_type = "agent.child".into();
        action.resource_id = Some(numbered("helper-", serial * 10 + index));
        action.resource_owner = None;
        action.destination_host = None;
        action.destination_external = None;
        stage.bad(&mut actor, action);
        stage.pass(4 * SECOND_MS);
    }
    close(stage, &actor);
    Some(())
}
