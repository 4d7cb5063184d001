//! Scripts of the instruction, behaviour, risk and fleet families: in scope, and yet not itself.

use crate::event::{ActionOutcome, AgentAction, DeclaredStatus, Grant, InstructionSource, Verb};

use super::super::agent::numbered;
use super::super::catalogue::{Call, Declared};
use super::super::rhythm::{MINUTE_MS, SECOND_MS};
use super::stage::{Actor, Stage};
use super::{Kind, delegation};

/// Agents of a storm.
const STORM_AGENTS: usize = 24;
/// Steps of a burst.
const BURST: u32 = 30;

pub fn perform(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    match kind.family() {
        "instruction" if kind == Kind::TreeTrifecta => tree_trifecta(stage),
        "instruction" => injected(kind, stage),
        "risk" => build_up(stage),
        "fleet" => storm(stage),
        _ => strange(kind, stage),
    }
}

/// A task with a wider scope than its class has: what it does is allowed, and new.
fn allowed(stage: &mut Stage<'_>, fit: impl Fn(&Call) -> bool) -> Option<Actor> {
    let mut actor = stage.cast_declared(|class| {
        class.hands_on.is_none() && class.hours.is_none() && class.calls.iter().any(&fit)
    })?;
    stage.declare_as(&actor, |scope| {
        scope.limits.clear();
        scope.tools.clear();
        scope.destinations.clear();
        scope.instruction_sources.clear();
        scope.grants = vec![Grant {
            resource_types: vec!["*".into()],
            ..Grant::default()
        }];
    });
    stage.cover(&mut actor, 3);
    Some(actor)
}

fn untrusted_read(action: &mut AgentAction) {
    action.tool_name = Some("web.open".into());
    action.action_verb = Verb::Browse;
    action.resource_type = "web.page".into();
    action.resource_id = Some("page/forum/77".into());
    action.content_untrusted = Some(true);
}

fn private_read(action: &mut AgentAction) {
    action.action_verb = Verb::Read;
    action.content_private = Some(true);
}

fn egress(action: &mut AgentAction, host: &str) {
    action.action_verb = Verb::Send;
    action.resource_type = "email.message".into();
    action.resource_id = Some("mail/out/1".into());
    action.destination_host = Some(host.into());
    action.destination_external = Some(true);
    action.volume_bytes_out = Some(40_000);
}

fn injected(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = allowed(stage, |call| call.tokens == 0)?;
    let mut read = stage.ordinary(&mut actor, |call| call.tokens == 0)?;
    untrusted_read(&mut read);
    stage.bad(&mut actor, read);
    stage.pass(5 * SECOND_MS);
    if kind == Kind::Trifecta {
        let mut read = stage.ordinary(&mut actor, |call| call.tokens == 0)?;
        private_read(&mut read);
        stage.bad(&mut actor, read);
        stage.pass(5 * SECOND_MS);
    }
    for _ in 0..3 {
        let mut action = stage.ordinary(&mut actor, |call| call.tokens == 0)?;
        match kind {
            Kind::UntrustedInstruction => {
                action.instruction_source = Some(InstructionSource::RetrievedData);
                action.action_verb = Verb::Update;
            }
            Kind::NewDestination => egress(&mut action, "collect.example.info"),
            _ => egress(&mut action, "mail.corp.example"),
        }
        stage.bad(&mut actor, action);
        stage.pass(5 * SECOND_MS);
    }
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// One agent reads from outside, its parent reads what is private and sends.
fn tree_trifecta(stage: &mut Stage<'_>) -> Option<()> {
    let (mut parent, mut child) = delegation::family(stage, "worker-t")?;
    for actor in [&parent, &child] {
        stage.declare_as(actor, |scope| {
            scope.tools.clear();
            scope.destinations.clear();
            scope.grants = vec![Grant {
                resource_types: vec!["*".into()],
                ..Grant::default()
            }];
        });
    }
    let mut read = stage.ordinary(&mut child, |call| call.tokens == 0)?;
    untrusted_read(&mut read);
    stage.bad(&mut child, read);
    stage.pass(10 * SECOND_MS);
    let mut read = stage.ordinary(&mut parent, |call| call.tokens == 0)?;
    private_read(&mut read);
    stage.bad(&mut parent, read);
    stage.pass(10 * SECOND_MS);
    let mut send = stage.ordinary(&mut parent, |call| call.tokens == 0)?;
    egress(&mut send, "mail.corp.example");
    stage.bad(&mut parent, send);
    stage.pass(10 * SECOND_MS);
    stage.change_status(&child, DeclaredStatus::Completed);
    stage.change_status(&parent, DeclaredStatus::Completed);
    Some(())
}

fn strange(kind: Kind, stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = allowed(stage, |call| call.pool > 0)?;
    let steps = match kind {
        Kind::Enumeration | Kind::Loop | Kind::PurposeDrift => 4 * BURST,
        Kind::DeniedThenSuccess | Kind::DestroyBurst => BURST,
        _ => 3,
    };
    let one = stage.ordinary(&mut actor, |call| call.pool > 0)?;
    for step in 0..steps {
        let mut action = stage.ordinary(&mut actor, |call| call.pool > 0)?;
        match kind {
            Kind::Enumeration => {
                action.action_verb = Verb::Read;
                action.resource_type = "crm.customer".into();
                action.resource_id = Some(numbered("crm/cust/", 10_000 + step));
            }
            Kind::DeniedThenSuccess => {
                action.resource_type = "credential.key".into();
                action.resource_id = Some("key/prod/1".into());
                let last = step + 1 == steps;
                action.outcome = Some(if last {
                    ActionOutcome::Allowed
                } else {
                    ActionOutcome::Denied
                });
            }
            Kind::DestroyBurst => action.action_verb = Verb::Delete,
            Kind::PurposeDrift => {
                action.action_verb = Verb::Execute;
                action.resource_type = "gpu.job".into();
                action.resource_id = Some(numbered("job/", step));
            }
            Kind::Loop => {
                action.tool_name = one.tool_name.clone();
                action.action_verb = one.action_verb;
                action.action_operation = one.action_operation.clone();
                action.resource_type = one.resource_type.clone();
                action.resource_id = one.resource_id.clone();
            }
            Kind::FirstTool => action.tool_name = Some("beta.helper".into()),
            Kind::FirstResource => action.resource_id = Some("repo/secret/1".into()),
            Kind::FirstTypeVerb => {
                action.action_verb = Verb::Share;
                action.resource_type = "document.file".into();
            }
            Kind::FirstDestination => egress(&mut action, "files.example.biz"),
            _ => {}
        }
        stage.bad(&mut actor, action);
        stage.pass(SECOND_MS);
    }
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// Several small things that no rule takes seriously alone.
fn build_up(stage: &mut Stage<'_>) -> Option<()> {
    let mut actor = allowed(stage, |call| call.tokens == 0)?;
    for step in 0..12 {
        let mut action = stage.ordinary(&mut actor, |call| call.tokens == 0)?;
        match step % 4 {
            0 => action.channel_authenticated = Some(false),
            1 => action.outcome = Some(ActionOutcome::Denied),
            2 => action.policy_decision_id = None,
            _ => egress(&mut action, "files.example.biz"),
        }
        stage.bad(&mut actor, action);
        stage.pass(MINUTE_MS);
    }
    stage.change_status(&actor, DeclaredStatus::Completed);
    Some(())
}

/// Many agents after one bad release: the same strange tool in all of them within minutes.
fn storm(stage: &mut Stage<'_>) -> Option<()> {
    let lead = stage.cast_declared(|class| class.hands_on.is_none())?;
    let tenant = lead.agent.tenant.clone();
    let mut actors = vec![lead];
    while actors.len() < STORM_AGENTS {
        let next = stage.cast(|agent, class| {
            agent.kind().declared == Declared::PerTask
                && class.hands_on.is_none()
                && agent.tenant == tenant
        });
        let Some(actor) = next else { break };
        actors.push(actor);
    }
    for actor in &mut actors {
        stage.declare(actor);
        for _ in 0..2 {
            let mut action = stage.ordinary(actor, |_| true)?;
            action.agent_version = Some("4.0-rc1".into());
            action.tool_name = Some("telemetry.push".into());
            stage.bad(actor, action);
            stage.pass(3 * SECOND_MS);
        }
        stage.pass(5 * SECOND_MS);
    }
    for actor in &actors {
        stage.change_status(actor, DeclaredStatus::Completed);
    }
    Some(())
}
