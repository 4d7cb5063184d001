//! Scripts of the credential, channel and policy families: ordinary work under the wrong papers.

use crate::event::{AgentAction, DeclaredStatus, Network, Verb};

use super::super::rhythm::{DAY_MS, MINUTE_MS, SECOND_MS};
use super::Kind;
use super::stage::{Actor, Stage};

/// Wrong actions of one script.
const BAD: u32 = 5;

pub fn perform(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    match kind {
        Kind::Forwarded => forwarded(stage),
        Kind::Reused => reused(stage),
        Kind::OtherKey | Kind::NotInScope => work(stage, |_| true, |action, _| wrong(kind, action)),
        // A class whose scope demands a secure channel would make this a scope finding.
        Kind::Unauthenticated | Kind::Unencrypted => {
            work(stage, |secure| !secure, |action, _| wrong(kind, action))
        }
        _ => work(
            stage,
            |_| true,
            |action, now_ms| {
                wrong(kind, action);
                let day = DAY_MS;
                match kind {
                    Kind::CredentialExpired => {
                        action.credential_issued_at_ms = Some(now_ms - day);
                        action.credential_expires_at_ms = Some(now_ms - 10 * MINUTE_MS);
                    }
                    Kind::LongLifetime => {
                        action.credential_issued_at_ms = Some(now_ms - day);
                        action.credential_expires_at_ms = Some(now_ms + 365 * day);
                    }
                    _ => {}
                }
            },
        ),
    }
}

fn wrong(kind: Kind, action: &mut AgentAction) {
    match kind {
        Kind::OtherKey => action.credential_bound_to = Some("key-stranger".into()),
        Kind::NotInScope => action.credential_id = Some("cr-from-another-place".into()),
        Kind::Unauthenticated => {
            action.channel_authenticated = Some(false);
            action.channel_network = Some(Network::Loopback);
        }
        Kind::Unencrypted => {
            action.channel_encrypted = Some(false);
            action.channel_network = Some(Network::Loopback);
        }
        Kind::EnforcementGap => action.action_verb = Verb::Delete,
        Kind::NoDecision => action.policy_decision_id = None,
        _ => {}
    }
}

/// An ordinary task; `fit` is asked with whether its class demands a secure channel.
fn work(
    stage: &mut Stage<'_>,
    fit: impl Fn(bool) -> bool,
    bent: impl Fn(&mut AgentAction, i64),
) -> Option<()> {
    let mut actor = stage.cast_declared(|class| class.hands_on.is_none() && fit(class.channel))?;
    stage.declare(&actor);
    stage.cover(&mut actor, 3);
    for _ in 0..BAD {
        let mut action = stage.ordinary(&mut actor, |_| true)?;
        bent(&mut action, stage.now_ms);
        stage.bad(&mut actor, action);
        stage.pass(6 * SECOND_MS);
    }
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

fn with_credential_of(action: &mut AgentAction, other: &Actor) {
    action.credential_id = Some(other.task.credential.clone());
    action.credential_issued_at_ms = Some(other.task.started_ms);
    action.credential_expires_at_ms = Some(other.task.expires_ms);
}

/// A second agent works with the credential of a first.
fn forwarded(stage: &mut Stage<'_>) -> Option<()> {
    let mut owner = stage.cast_declared(|class| class.hands_on.is_none())?;
    let tenant = owner.agent.tenant.clone();
    let mut user = stage.cast(|agent, class| {
        agent.kind().declared == super::super::catalogue::Declared::PerTask
            && class.hands_on.is_none()
            && agent.tenant == tenant
    })?;
    stage.declare(&owner);
    stage.cover(&mut owner, 3);
    let credential = owner.task.credential.clone();
    stage.declare_as(&user, |scope| scope.credential_ids.push(credential));
    for _ in 0..BAD {
        let mut action = stage.ordinary(&mut user, |_| true)?;
        with_credential_of(&mut action, &owner);
        stage.bad(&mut user, action);
        stage.pass(6 * SECOND_MS);
    }
    stage.accomplice(&owner);
    stage.change_status(&owner, DeclaredStatus::Completed);
    stage.change_status(&user, DeclaredStatus::Completed);
    Some(())
}

/// An agent's second task works with the credential of its first.
fn reused(stage: &mut Stage<'_>) -> Option<()> {
    let mut first = stage.cast_declared(|class| class.hands_on.is_none())?;
    stage.declare(&first);
    stage.cover(&mut first, 3);
    stage.change_status(&first, DeclaredStatus::Completed);
    let credential = first.task.credential.clone();
    let mut second = stage.again(&first);
    stage.declare_as(&second, |scope| scope.credential_ids = vec![credential]);
    for _ in 0..BAD {
        let mut action = stage.ordinary(&mut second, |_| true)?;
        with_credential_of(&mut action, &first);
        stage.bad(&mut second, action);
        stage.pass(6 * SECOND_MS);
    }
    stage.change_status(&second, DeclaredStatus::Completed);
    Some(())
}
