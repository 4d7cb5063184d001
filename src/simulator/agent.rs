//! One simulated agent: who it is, what it is at, and how one of its actions looks on the wire.

use crate::event::{
    ActionOutcome, AgentAction, AgentScope, DeclaredStatus, DelegationState, InstructionSource,
    Network, ParentScope, Text,
};

use super::catalogue::{AgentType, Call, Declared, TYPES, TaskClass, class_of};
use super::dice::{Dice, hex16, mix};
use super::rhythm::{CronPlan, DAY_MS, HOUR_MS, MINUTE_MS};

/// How long a task's scope and credential last.
pub const TASK_MAX_MS: i64 = 4 * HOUR_MS;
/// A task ends this long before its scope does.
const TASK_MARGIN_MS: i64 = 2 * MINUTE_MS;
/// How long a standing scope lasts; it is renewed while a whole task still fits.
pub const STANDING_MS: i64 = 30 * HOUR_MS;
/// Bytes out after which a benign task sends nothing more, below its declared limit.
const BYTES_OUT_CALM: u64 = 12_000_000;

/// How much a gateway reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    /// Every field it has.
    Full,
    /// No session, trace, latency, owner, sensitivity or policy decision.
    Lean,
    /// Like lean, and no task id: the credential tells which scope judges.
    Bare,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Acting,
    Ending,
    /// A child that nobody has spawned.
    Dormant,
}

/// One agent of the fleet.
#[derive(Debug, Clone)]
pub struct Agent {
    pub ix: u32,
    /// Index into [`TYPES`].
    pub kind: usize,
    pub dice: Dice,
    pub tenant: Text,
    pub id: Text,
    pub version: Text,
    pub principal: Text,
    pub gateway: Gateway,
    pub gateway_id: Text,
    /// Mean pause between two actions of a task.
    pub gap_ms: f64,
    /// Mean open time between two tasks.
    pub idle_ms: f64,
    /// Tasks of a fast agent are this much longer than the class says.
    pub stretch: f64,
    pub cron: Option<CronPlan>,
    /// Fleet indices of an orchestrator's children: first and count.
    pub children: (u32, u32),
    pub parent: Option<u32>,
    pub phase: Phase,
    pub task: Option<Box<Task>>,
    pub events: u32,
    pub tasks: u32,
    pub children_busy: u32,
    /// When the standing scope ends.
    pub standing_until_ms: i64,
    /// No new task before this: an attack is under way in the agent's name.
    pub held_until_ms: i64,
}

/// A task under way.
#[derive(Debug, Clone)]
pub struct Task {
    pub id: Text,
    pub session: Text,
    /// Index of the class in the agent's type.
    pub class: usize,
    pub scope_id: Text,
    pub credential: Text,
    pub issuer: Text,
    pub started_ms: i64,
    pub deadline_ms: i64,
    pub expires_ms: i64,
    pub left: u32,
    pub bytes_out: u64,
    pub instructor: InstructionSource,
    /// Root first, this agent last; one entry when it acts for itself.
    pub chain: Vec<Text>,
    pub parent: Option<ParentScope>,
}

impl Agent {
    #[must_use]
    pub fn kind(&self) -> &'static AgentType {
        TYPES.get(self.kind).unwrap_or(&TYPES[0])
    }

    #[must_use]
    pub fn class(&self, class: usize) -> &'static TaskClass {
        class_of(self.kind, class)
    }

    /// The id of the agent's next event; no two of a fleet are equal.
    pub fn event_id(&mut self, seed: u64) -> Text {
        self.events = self.events.wrapping_add(1);
        hex16(mix(
            seed ^ (u64::from(self.ix) << 32 | u64::from(self.events))
        ))
    }

    /// The pause before a task's first action and before its completion.
    #[must_use]
    pub fn lead_ms(&self) -> i64 {
        ((self.gap_ms * 10.0) as i64).clamp(20, 1_000)
    }

    /// The most actions a task of `class` has.
    #[must_use]
    pub fn length_max(&self, class: &TaskClass) -> u32 {
        let usual = (f64::from(class.length.1) * self.stretch) as u32;
        self.cron
            .map_or(usual, |plan| plan.length.saturating_add(1))
    }

    /// A new task of `class`, `prefix` telling whose doing it is.
    pub fn begin(&mut self, class: usize, now_ms: i64, prefix: &str) -> Task {
        self.tasks = self.tasks.wrapping_add(1);
        let spec = self.class(class);
        let serial = u64::from(self.ix) << 24 | u64::from(self.tasks);
        let word = hex16(mix(serial));
        let (low, high) = spec.length;
        let drawn = f64::from(low + self.dice.below(high - low + 1)) * self.stretch;
        let sources = [
            InstructionSource::User,
            InstructionSource::Operator,
            InstructionSource::SystemPrompt,
            InstructionSource::User,
        ];
        let instructor = if self.parent.is_some() {
            InstructionSource::ParentAgent
        } else {
            sources
                .get(self.dice.below(4) as usize)
                .copied()
                .unwrap_or_default()
        };
        let mut deadline_ms = now_ms + TASK_MAX_MS - TASK_MARGIN_MS;
        if let Some((_, to)) = spec.hours {
            let close_ms = now_ms.div_euclid(DAY_MS) * DAY_MS + i64::from(to) * HOUR_MS;
            deadline_ms = deadline_ms.min(close_ms - MINUTE_MS);
        }
        Task {
            id: joined(prefix, &word),
            session: joined("s-", &word),
            class,
            scope_id: joined("sc-", &word),
            credential: joined("cr-", &word),
            issuer: joined("https://id.", &self.tenant),
            started_ms: now_ms,
            deadline_ms,
            expires_ms: now_ms + TASK_MAX_MS,
            left: self.cron.map_or(drawn as u32, |plan| plan.length).max(1),
            bytes_out: 0,
            instructor,
            chain: vec![self.id.clone()],
            parent: None,
        }
    }

    /// Fills a class's `skeleton` with this task.
    #[must_use]
    pub fn declare(&self, task: &Task, skeleton: &AgentScope) -> AgentScope {
        let mut scope = skeleton.clone();
        if let Some(calls) = scope.limits.first_mut() {
            calls.max = f64::from(self.length_max(self.class(task.class)) * 2);
        }
        AgentScope {
            scope_id: task.scope_id.clone(),
            tenant: self.tenant.clone(),
            agent_id: self.id.clone(),
            task_id: Some(task.id.clone()),
            issuer: Some("task-broker".into()),
            principal_id: Some(self.principal.clone()),
            credential_ids: vec![task.credential.clone()],
            parent: task.parent.clone(),
            effective_from_ms: Some(task.started_ms),
            expires_at_ms: Some(task.expires_ms),
            status: DeclaredStatus::Active,
            ..scope
        }
    }

    /// The scope of a day for an agent of the standing kind.
    #[must_use]
    pub fn declare_standing(&self, now_ms: i64, skeleton: &AgentScope) -> AgentScope {
        AgentScope {
            scope_id: joined(
                "day-",
                &hex16(mix(u64::from(self.ix) << 40 ^ now_ms as u64)),
            ),
            tenant: self.tenant.clone(),
            agent_id: self.id.clone(),
            issuer: Some("platform".into()),
            principal_id: Some(self.principal.clone()),
            effective_from_ms: Some(now_ms),
            expires_at_ms: Some(now_ms + STANDING_MS),
            ..skeleton.clone()
        }
    }

    /// One action of `task`, as this agent's gateway reports it; `event_id` is still missing.
    pub fn compose(&mut self, task: &mut Task, call: &Call, at_ms: i64) -> AgentAction {
        let kind = self.kind();
        let spec = self.class(task.class);
        let dice = &mut self.dice;
        let occurred_ms = (at_ms - dice.between(0, 120)).max(task.started_ms);
        let mut action = AgentAction {
            occurred_at_ms: Some(occurred_ms),
            tenant: self.tenant.clone(),
            agent_id: self.id.clone(),
            agent_type: Some(kind.name.into()),
            agent_version: Some(self.version.clone()),
            principal_id: Some(self.principal.clone()),
            gateway_id: Some(self.gateway_id.clone()),
            task_class: Some(spec.name.into()),
            credential_id: Some(task.credential.clone()),
            credential_issuer: Some(task.issuer.clone()),
            tool_name: Some(call.tool.into()),
            tool_server: Some(call.server.into()),
            action_verb: call.verb,
            action_operation: Some(call.operation.into()),
            resource_type: call.resource_type.into(),
            channel_encrypted: Some(true),
            channel_authenticated: Some(true),
            ..AgentAction::default()
        };
        if call.pool > 0 {
            action.resource_id = Some(numbered(call.prefix, dice.favourite(call.pool)));
        }
        if !call.hosts.is_empty() {
            let host = call
                .hosts
                .get(dice.favourite(call.hosts.len() as u32) as usize);
            action.destination_host = host.map(|host| Text::from(*host));
            action.destination_external = Some(call.external);
        }
        action.outcome = Some(match dice.below(1_000) {
            0..10 => ActionOutcome::Denied,
            10..30 => ActionOutcome::Error,
            _ => ActionOutcome::Allowed,
        });
        measure(&mut action, task, call, dice);
        if self.gateway != Gateway::Bare {
            action.task_id = Some(task.id.clone());
        }
        if self.gateway == Gateway::Full {
            report_in_full(&mut action, task, call, spec, dice);
        }
        action
    }
}

/// Volumes: nothing moves when the call was not allowed.
fn measure(action: &mut AgentAction, task: &mut Task, call: &Call, dice: &mut Dice) {
    if action.outcome != Some(ActionOutcome::Allowed) {
        return;
    }
    let mut draw = |median: u32| (median > 0).then(|| dice.size(median));
    action.volume_records = draw(call.records);
    action.volume_bytes_in = draw(call.bytes_in);
    action.volume_bytes_out = draw(call.bytes_out).filter(|_| task.bytes_out < BYTES_OUT_CALM);
    if let Some(tokens) = draw(call.tokens) {
        action.volume_tokens_in = Some(tokens);
        action.volume_tokens_out = Some(tokens / 3);
        action.volume_cost_usd = Some((tokens * 4 / 3) as f64 / 250_000.0);
    }
    task.bytes_out = task
        .bytes_out
        .saturating_add(action.volume_bytes_out.unwrap_or(0));
}

/// What only a gateway that reports everything says.
fn report_in_full(
    action: &mut AgentAction,
    task: &Task,
    call: &Call,
    spec: &TaskClass,
    dice: &mut Dice,
) {
    action.task_purpose = Some(spec.purpose.into());
    action.session_id = Some(task.session.clone());
    action.instruction_source = Some(task.instructor);
    action.credential_kind = Some("jwt".into());
    action.credential_issued_at_ms = Some(task.started_ms);
    action.credential_expires_at_ms = Some(task.expires_ms);
    action.credential_bound_to = Some(joined("key-", &action.agent_id));
    action.delegation_chain = task.chain.clone();
    action.delegation_state = Some(if task.chain.len() > 1 {
        DelegationState::Delegated
    } else {
        DelegationState::Direct
    });
    action.resource_owner = call.owner.map(Text::from);
    action.resource_sensitivity = Some(call.sensitivity);
    action.latency_us = Some(dice.size(call.latency_us));
    action.policy_decision_id = Some(hex16(dice.bits()));
    action.channel_network = Some(if call.external {
        Network::External
    } else {
        Network::Internal
    });
    action.content_untrusted = call.untrusted.then_some(true);
    action.content_private = call.private.then_some(true);
    action.trace_id = Some(hex16(dice.bits()));
    action.event_schema_version = Some("1".into());
}

/// `prefix` and `word` in one text.
#[must_use]
pub fn joined(prefix: &str, word: &str) -> Text {
    let mut text = Text::from(prefix);
    text.push_str(word);
    text
}

/// `prefix` and a number, without the formatter: this runs once per action.
#[must_use]
pub fn numbered(prefix: &str, number: u32) -> Text {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    let shown = digits.get(10 - length..).unwrap_or_default();
    joined(prefix, std::str::from_utf8(shown).unwrap_or_default())
}

/// Whether agents of this type may be declared after their first action.
#[must_use]
pub fn may_be_late(agent: &Agent) -> bool {
    agent.kind().declared == Declared::PerTask
        && agent.gateway != Gateway::Bare
        && agent.parent.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_padding() {
        assert_eq!(numbered("a/", 0), "a/0");
        assert_eq!(numbered("a/", 4_294_967_295), "a/4294967295");
        assert_eq!(numbered("", 120), "120");
    }
}
