//! Attacks of the instruction, behaviour, risk and fleet families. The actions are within the
//! declared scope, and unusual for the agent.

use crate::event::{
    ActionOutcome, AgentAction, AgentScope, DeclaredStatus, Grant, InstructionSource, Verb,
};

use super::super::agent::numbered_text;
use super::super::agent_types::{DeclarationMode, ToolCall};
use super::super::attack_kind::AttackKind;
use super::super::schedule::{MINUTE_MS, SECOND_MS};
use super::delegation;
use super::script::{AttackActor, AttackScript};

/// Number of agents in a fleet-wide attack.
const STORM_AGENTS: usize = 24;
/// Number of actions in a burst.
const BURST: u32 = 30;

pub fn write_behaviour_attack(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    match kind.family() {
        "instruction" if kind == AttackKind::TreeTrifecta => write_tree_trifecta(script),
        "instruction" => write_injection(kind, script),
        "risk" => write_risk_build_up(script),
        "fleet" => write_fleet_storm(script),
        _ => write_unusual_behaviour(kind, script),
    }
}

/// Casts an agent whose task has a scope wider than its class needs. Unusual actions are then
/// allowed by the scope.
fn cast_with_wide_scope(
    script: &mut AttackScript<'_>,
    fit: impl Fn(&ToolCall) -> bool,
) -> Option<AttackActor> {
    let widen = |scope: &mut AgentScope| {
        scope.limits.clear();
        scope.instruction_sources.clear();
        allow_everything(scope);
    };
    script.cast_with_scope(fit, widen, 3)
}

fn allow_everything(scope: &mut AgentScope) {
    scope.tools.clear();
    scope.destinations.clear();
    scope.grants.push(Grant {
        resource_types: vec!["*".into()],
        ..Grant::default()
    });
}

fn set_untrusted_read(action: &mut AgentAction) {
    action.tool_name = Some("web.open".into());
    action.action_verb = Verb::Browse;
    action.resource_type = "web.page".into();
    action.resource_id = Some("page/forum/77".into());
    action.content_untrusted = Some(true);
}

pub(super) fn set_private_read(action: &mut AgentAction) {
    action.action_verb = Verb::Read;
    action.content_private = Some(true);
}

fn set_egress(action: &mut AgentAction, host: &str) {
    action.action_verb = Verb::Send;
    action.resource_type = "email.message".into();
    action.resource_id = Some("mail/out/1".into());
    action.destination_host = Some(host.into());
    action.destination_external = Some(true);
    action.volume_bytes_out = Some(40_000);
}

fn write_injection(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = cast_with_wide_scope(script, |call| call.tokens == 0)?;
    let mut read = script.compose_benign_action(&mut actor, |call| call.tokens == 0)?;
    set_untrusted_read(&mut read);
    script.add_labelled_action(&mut actor, read);
    script.advance_time(5 * SECOND_MS);
    if kind == AttackKind::Trifecta {
        let mut read = script.compose_benign_action(&mut actor, |call| call.tokens == 0)?;
        set_private_read(&mut read);
        script.add_labelled_action(&mut actor, read);
        script.advance_time(5 * SECOND_MS);
    }
    for _ in 0..3 {
        let mut action = script.compose_benign_action(&mut actor, |call| call.tokens == 0)?;
        match kind {
            AttackKind::UntrustedInstruction => {
                action.instruction_source = Some(InstructionSource::RetrievedData);
                action.action_verb = Verb::Update;
            }
            AttackKind::DestroyAfterUntrusted => action.action_verb = Verb::Delete,
            AttackKind::ShareAfterUntrusted => {
                set_egress(&mut action, "share.example.info");
                action.action_verb = Verb::Share;
                action.resource_type = "document.file".into();
            }
            _ => set_egress(&mut action, "collect.example.info"),
        }
        script.add_labelled_action(&mut actor, action);
        script.advance_time(5 * SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// A child agent reads untrusted content. Its parent reads private content, then sends data out.
fn write_tree_trifecta(script: &mut AttackScript<'_>) -> Option<()> {
    let (mut parent, mut child) = delegation::cast_parent_and_child(script, "worker-t")?;
    script.declare_changed_scope(&parent, allow_everything);
    script.declare_scope(&child);
    let mut read = script.compose_benign_action(&mut child, |call| call.tool == "docs.read")?;
    read.content_untrusted = Some(true);
    script.add_unlabelled_action(&mut child, read);
    script.advance_time(10 * SECOND_MS);
    let mut read = script.compose_benign_action(&mut parent, |call| call.tokens == 0)?;
    set_private_read(&mut read);
    script.add_labelled_action(&mut parent, read);
    script.advance_time(10 * SECOND_MS);
    let mut send = script.compose_benign_action(&mut parent, |call| call.tokens == 0)?;
    set_egress(&mut send, "collect.example.info");
    script.add_labelled_action(&mut parent, send);
    script.advance_time(10 * SECOND_MS);
    script.change_status(&child, DeclaredStatus::Completed);
    script.change_status(&parent, DeclaredStatus::Completed);
    Some(())
}

fn write_unusual_behaviour(kind: AttackKind, script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = cast_with_wide_scope(script, |call| call.pool > 0)?;
    let steps = match kind {
        AttackKind::Loop | AttackKind::PurposeDrift => 4 * BURST,
        AttackKind::Enumeration => BURST + BURST / 2,
        AttackKind::DeniedThenSuccess | AttackKind::DestroyBurst => BURST,
        _ => 3,
    };
    let one = script.compose_benign_action(&mut actor, |call| call.pool > 0)?;
    for step in 0..steps {
        let mut action = script.compose_benign_action(&mut actor, |call| call.pool > 0)?;
        match kind {
            AttackKind::Enumeration => {
                action.action_verb = Verb::Read;
                action.resource_type = "crm.customer".into();
                action.resource_id = Some(numbered_text("crm/cust/", 10_000 + step));
                action.outcome = Some(match step % 5 {
                    0 => ActionOutcome::Allowed,
                    1 | 2 => ActionOutcome::Denied,
                    _ => ActionOutcome::Error,
                });
            }
            AttackKind::DeniedThenSuccess => {
                action.resource_type = "credential.key".into();
                action.resource_id = Some("key/prod/1".into());
                let last = step + 1 == steps;
                action.outcome = Some(if last {
                    ActionOutcome::Allowed
                } else {
                    ActionOutcome::Denied
                });
            }
            AttackKind::DestroyBurst => action.action_verb = Verb::Delete,
            AttackKind::PurposeDrift => {
                action.action_verb = Verb::Execute;
                action.resource_type = "gpu.job".into();
                action.resource_id = Some(numbered_text("job/", step));
            }
            AttackKind::Loop => {
                let occurred_at_ms = action.occurred_at_ms;
                action = AgentAction {
                    occurred_at_ms,
                    ..one.clone()
                };
            }
            AttackKind::VersionChanged => action.agent_version = Some("0.0.0-dev".into()),
            AttackKind::OtherModel => action.agent_model = Some("unlisted-7b".into()),
            AttackKind::FirstTool => action.tool_name = Some("beta.helper".into()),
            AttackKind::FirstResource => action.resource_id = Some("repo/secret/1".into()),
            AttackKind::FirstTypeVerb => {
                action.action_verb = Verb::Share;
                action.resource_type = "document.file".into();
            }
            AttackKind::FirstDestination => set_egress(&mut action, "files.example.biz"),
            _ => {}
        }
        script.add_labelled_action(&mut actor, action);
        script.advance_time(SECOND_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// Several weak signals. No rule reports one of them alone.
fn write_risk_build_up(script: &mut AttackScript<'_>) -> Option<()> {
    let mut actor = cast_with_wide_scope(script, |call| call.tokens == 0)?;
    for step in 0..12 {
        let mut action = script.compose_benign_action(&mut actor, |call| call.tokens == 0)?;
        match step % 4 {
            0 => action.channel_authenticated = Some(false),
            1 => action.outcome = Some(ActionOutcome::Denied),
            2 => action.policy_decision_id = None,
            _ => set_egress(&mut action, "files.example.biz"),
        }
        script.add_labelled_action(&mut actor, action);
        script.advance_time(MINUTE_MS);
    }
    script.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// Many agents run a bad release: within minutes all of them call the same unknown tool.
fn write_fleet_storm(script: &mut AttackScript<'_>) -> Option<()> {
    let lead = script.cast_declared(|class| class.child_class.is_none())?;
    let tenant = lead.agent.tenant.clone();
    let mut actors = vec![lead];
    while actors.len() < STORM_AGENTS {
        let next = script.cast_agent(|agent, class| {
            agent.agent_type().declared == DeclarationMode::PerTask
                && class.child_class.is_none()
                && agent.tenant == tenant
        });
        let Some(actor) = next else { break };
        actors.push(actor);
    }
    for actor in &mut actors {
        script.declare_scope(actor);
        for _ in 0..2 {
            let mut action = script.compose_benign_action(actor, |_| true)?;
            action.agent_version = Some("4.0-rc1".into());
            action.tool_name = Some("telemetry.push".into());
            script.add_labelled_action(actor, action);
            script.advance_time(3 * SECOND_MS);
        }
        script.advance_time(5 * SECOND_MS);
    }
    for actor in &actors {
        script.change_status(actor, DeclaredStatus::Completed);
    }
    Some(())
}
