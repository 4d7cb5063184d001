//! Attacks of the credential, channel and policy families: benign calls with wrong credentials or
//! channels.

use crate::event::{ActionEffect, AgentAction, DeclaredStatus, Network, Verb};

use super::super::agent::{concat_text, numbered_text};
use super::super::agent_types::ToolCall;
use super::super::attack_kind::AttackKind;
use super::super::schedule::{DAY_MS, MINUTE_MS, SECOND_MS};
use super::script::{AttackActor, AttackScript};

/// Number of wrong actions in one attack.
const BAD: u32 = 5;

pub fn write_credential_attack(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    match kind {
        AttackKind::Forwarded => write_forwarded_credential(script),
        AttackKind::Reused => write_reused_credential(script),
        AttackKind::SessionCarryOver => {
            let session = numbered_text("s-next-", script.serial());
            write_altered_task(
                script,
                |_| true,
                |action, _| action.session_id = Some(session.clone()),
            )
        }
        AttackKind::OtherKey | AttackKind::NotInScope => {
            write_altered_task(script, |_| true, |action, _| alter_action(kind, action))
        }
        // A class whose scope requires a secure channel would cause a scope finding too.
        AttackKind::Unauthenticated | AttackKind::Unencrypted => write_altered_task(
            script,
            |secure| !secure,
            |action, _| alter_action(kind, action),
        ),
        _ => write_altered_task(
            script,
            |_| true,
            |action, now_ms| {
                alter_action(kind, action);
                let day = DAY_MS;
                match kind {
                    AttackKind::CredentialExpired => {
                        action.credential_issued_at_ms = Some(now_ms - day);
                        action.credential_expires_at_ms = Some(now_ms - 10 * MINUTE_MS);
                    }
                    AttackKind::LongLifetime => {
                        action.credential_issued_at_ms = Some(now_ms - day);
                        action.credential_expires_at_ms = Some(now_ms + 365 * day);
                    }
                    _ => {}
                }
            },
        ),
    }
}

fn alter_action(kind: AttackKind, action: &mut AgentAction) {
    match kind {
        AttackKind::OtherKey => action.channel_peer_id = Some("key-stranger".into()),
        AttackKind::NotInScope => {
            action.credential_id = Some(concat_text("cr-by-", &action.agent_id))
        }
        AttackKind::Unauthenticated => {
            action.channel_authenticated = Some(false);
            action.channel_network = Some(Network::Loopback);
        }
        AttackKind::Unencrypted => {
            action.channel_encrypted = Some(false);
            action.channel_network = Some(Network::Loopback);
        }
        AttackKind::EnforcementGap => action.action_verb = Verb::Delete,
        AttackKind::NoDecision => action.policy_decision_id = None,
        _ => {}
    }
}

/// A benign task with some altered actions. `fit` selects the class; its argument says whether the
/// class requires a secure channel.
fn write_altered_task(
    script: &mut AttackScript<'_>,
    fit: impl Fn(bool) -> bool,
    alter: impl Fn(&mut AgentAction, i64),
) -> Option<()> {
    let mut actor =
        script.cast_declared(|class| class.child_class.is_none() && fit(class.channel))?;
    script.declare_scope(&actor);
    script.add_benign_actions(&mut actor, 3);
    for _ in 0..BAD {
        // Reading only: rules of higher level are for what has an effect.
        let observes = |call: &ToolCall| call.verb.effect_class() == ActionEffect::Observe;
        let mut action = script.compose_benign_action(&mut actor, observes)?;
        alter(&mut action, script.now_ms);
        script.add_labelled_action(&mut actor, action);
        script.advance_time(6 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

fn use_credential_of(action: &mut AgentAction, other: &AttackActor) {
    action.credential_id = Some(other.task.credential.clone());
    action.credential_issued_at_ms = Some(other.task.started_ms);
    action.credential_expires_at_ms = Some(other.task.expires_ms);
    // Who forwards a credential that is bound to a key forwards the key.
    let key = concat_text("key-", &other.agent.id);
    action.credential_bound_to = Some(key.clone());
    action.channel_peer_id = Some(key);
}

/// An agent uses the credential of another agent.
fn write_forwarded_credential(script: &mut AttackScript<'_>) -> Option<()> {
    let mut owner = script.cast_declared(|class| class.child_class.is_none())?;
    let tenant = owner.agent.tenant.clone();
    let mut user = script.cast_agent(|agent, class| {
        agent.agent_type().declared == super::super::agent_types::DeclarationMode::PerTask
            && class.child_class.is_none()
            && agent.tenant == tenant
    })?;
    script.declare_scope(&owner);
    script.add_benign_actions(&mut owner, 3);
    let credential = owner.task.credential.clone();
    script.declare_changed_scope(&user, |scope| scope.credential_ids.push(credential));
    for _ in 0..BAD {
        let mut action = script.compose_benign_action(&mut user, |_| true)?;
        use_credential_of(&mut action, &owner);
        script.add_labelled_action(&mut user, action);
        script.advance_time(6 * SECOND_MS);
    }
    script.add_accomplice(&owner);
    script.change_status(&owner, DeclaredStatus::Completed);
    script.change_status(&user, DeclaredStatus::Completed);
    Some(())
}

/// An agent's second task uses the credential of its first task.
fn write_reused_credential(script: &mut AttackScript<'_>) -> Option<()> {
    let mut first = script.cast_declared(|class| class.child_class.is_none())?;
    script.declare_scope(&first);
    script.add_benign_actions(&mut first, 3);
    script.change_status(&first, DeclaredStatus::Completed);
    let credential = first.task.credential.clone();
    let mut second = script.start_new_task(&first);
    script.declare_changed_scope(&second, |scope| scope.credential_ids = vec![credential]);
    for _ in 0..BAD {
        let mut action = script.compose_benign_action(&mut second, |_| true)?;
        use_credential_of(&mut action, &first);
        script.add_labelled_action(&mut second, action);
        script.advance_time(6 * SECOND_MS);
    }
    script.change_status(&second, DeclaredStatus::Completed);
    Some(())
}
