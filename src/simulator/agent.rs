//! One simulated agent: its identity, its current task, and the composition of its actions.

use crate::event::{
    ActionOutcome, AgentAction, AgentScope, DeclaredStatus, DelegationState, InstructionSource,
    Network, ParentScope, Text, Verb,
};

use super::agent_types::{AgentType, DeclarationMode, TYPES, TaskClass, ToolCall, class_of};
use super::schedule::{CronPlan, DAY_MS, HOUR_MS, MINUTE_MS};
use super::seeded_rng::{SeededRng, hex16, mix_bits};

/// Lifetime of a task's scope and credential, ms.
pub const TASK_MAX_MS: i64 = 4 * HOUR_MS;
/// A task ends at least this long before its scope expires, ms.
const TASK_MARGIN_MS: i64 = 2 * MINUTE_MS;
/// Lifetime of a daily scope, ms. The agent declares a new one when less than a whole task's
/// lifetime is left.
pub const DAILY_SCOPE_MS: i64 = 30 * HOUR_MS;
/// The longest chain that the scope of a child allows, as that of its parent does.
pub const DEPTH_MAX: u32 = 2;
/// Once a benign task has sent this many bytes, it sends no more. This keeps it below its declared
/// limit.
const BYTES_OUT_CALM: u64 = 12_000_000;

/// Which optional fields an agent's gateway reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportingLevel {
    /// All fields.
    Full,
    /// No session, trace, latency, owner, sensitivity or policy decision.
    Lean,
    /// As `Lean`, and no task id. The scope is found by the credential id.
    Bare,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentPhase {
    Idle,
    Acting,
    Ending,
    /// A child agent that no parent has spawned yet, or whose last task has ended.
    Dormant,
}

/// The models of the fleet. Every agent works with the first, and sends each third call to the
/// second, as routers do.
pub const MODELS: [&str; 2] = ["hosted-large", "hosted-small"];

/// One agent of the fleet.
#[derive(Debug, Clone)]
pub struct SimAgent {
    pub index: u32,
    /// Index into [`TYPES`].
    pub type_index: usize,
    pub rng: SeededRng,
    pub tenant: Text,
    pub id: Text,
    pub version: Text,
    pub principal: Text,
    pub reporting: ReportingLevel,
    pub gateway_id: Text,
    /// Mean pause between two actions of a task, ms.
    pub gap_ms: f64,
    /// Mean pause between two tasks, ms of open time.
    pub idle_ms: f64,
    /// Factor on the number of actions per task. Fast agents have longer tasks.
    pub stretch: f64,
    pub cron: Option<CronPlan>,
    /// Fleet indices of an orchestrator's children: index of the first, and their number.
    pub children: (u32, u32),
    pub parent: Option<u32>,
    pub phase: AgentPhase,
    pub task: Option<Box<SimTask>>,
    pub events: u32,
    pub tasks: u32,
    pub children_busy: u32,
    /// When the current daily scope expires, epoch ms.
    pub daily_scope_until_ms: i64,
    /// The agent starts no task before this time, epoch ms, because an attack uses its name.
    pub busy_until_ms: i64,
}

/// A task under way.
#[derive(Debug, Clone)]
pub struct SimTask {
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
    /// Delegation chain, root first, this agent last. Only this agent when it acts for itself.
    pub chain: Vec<Text>,
    pub parent: Option<ParentScope>,
}

impl SimAgent {
    #[must_use]
    pub fn agent_type(&self) -> &'static AgentType {
        TYPES.get(self.type_index).unwrap_or(&TYPES[0])
    }

    #[must_use]
    pub fn task_class(&self, class: usize) -> &'static TaskClass {
        class_of(self.type_index, class)
    }

    /// The id of the agent's next event. Unique within a fleet.
    pub fn event_id(&mut self, seed: u64) -> Text {
        self.events = self.events.wrapping_add(1);
        hex16(mix_bits(
            seed ^ (u64::from(self.index) << 32 | u64::from(self.events)),
        ))
    }

    /// The pause before a task's first action and before its completion, ms.
    #[must_use]
    pub fn lead_ms(&self) -> i64 {
        ((self.gap_ms * 10.0) as i64).clamp(20, 1_000)
    }

    /// The most actions that a task of `class` can have.
    #[must_use]
    pub fn length_max(&self, class: &TaskClass) -> u32 {
        let usual = (f64::from(class.length.1) * self.stretch) as u32;
        self.cron
            .map_or(usual, |plan| plan.length.saturating_add(1))
    }

    /// Creates a new task of `class`. The task id begins with `prefix`.
    pub fn start_task(&mut self, class: usize, now_ms: i64, prefix: &str) -> SimTask {
        self.tasks = self.tasks.wrapping_add(1);
        let spec = self.task_class(class);
        let serial = u64::from(self.index) << 24 | u64::from(self.tasks);
        let word = hex16(mix_bits(serial));
        let (low, high) = spec.length;
        let drawn = f64::from(low + self.rng.uniform_below(high - low + 1)) * self.stretch;
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
                .get(self.rng.uniform_below(4) as usize)
                .copied()
                .unwrap_or_default()
        };
        let mut deadline_ms = now_ms + TASK_MAX_MS - TASK_MARGIN_MS;
        if let Some((_, to)) = spec.hours {
            let close_ms = now_ms.div_euclid(DAY_MS) * DAY_MS + i64::from(to) * HOUR_MS;
            deadline_ms = deadline_ms.min(close_ms - MINUTE_MS);
        }
        SimTask {
            id: concat_text(prefix, &word),
            session: concat_text("s-", &word),
            class,
            scope_id: concat_text("sc-", &word),
            credential: concat_text("cr-", &word),
            issuer: concat_text("https://id.", &self.tenant),
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

    /// The scope record of `task`: `skeleton`, the scope of its class, completed with the task's
    /// ids and times.
    #[must_use]
    pub fn declare_task_scope(&self, task: &SimTask, skeleton: &AgentScope) -> AgentScope {
        let mut scope = skeleton.clone();
        if let Some(calls) = scope.limits.first_mut() {
            calls.max = f64::from(self.length_max(self.task_class(task.class)) * 2);
        }
        if let (Some(rule), Some(_)) = (&mut scope.delegation, &task.parent) {
            rule.depth_max = Some(DEPTH_MAX);
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

    /// The daily scope record of this agent, valid from `now_ms` for [`DAILY_SCOPE_MS`].
    #[must_use]
    pub fn declare_daily_scope(&self, now_ms: i64, skeleton: &AgentScope) -> AgentScope {
        AgentScope {
            scope_id: concat_text(
                "day-",
                &hex16(mix_bits(u64::from(self.index) << 40 ^ now_ms as u64)),
            ),
            tenant: self.tenant.clone(),
            agent_id: self.id.clone(),
            issuer: Some("platform".into()),
            principal_id: Some(self.principal.clone()),
            effective_from_ms: Some(now_ms),
            expires_at_ms: Some(now_ms + DAILY_SCOPE_MS),
            ..skeleton.clone()
        }
    }

    /// Draws a call of `class` by weight. A spawn is drawn only if `may_spawn`.
    pub fn draw_call(&mut self, class: usize, may_spawn: bool) -> &'static ToolCall {
        let calls = self.task_class(class).calls;
        let open = |call: &&ToolCall| may_spawn || call.verb != Verb::Spawn;
        let total: u32 = calls.iter().filter(open).map(|call| call.weight).sum();
        let mut left = self.rng.uniform_below(total);
        for call in calls.iter().filter(open) {
            if left < call.weight {
                return call;
            }
            left -= call.weight;
        }
        &calls[0]
    }

    /// Composes one action of `task` as this agent's gateway reports it. The caller sets
    /// `event_id`.
    pub fn compose_action(
        &mut self,
        task: &mut SimTask,
        call: &ToolCall,
        at_ms: i64,
    ) -> AgentAction {
        let agent_type = self.agent_type();
        let spec = self.task_class(task.class);
        let rng = &mut self.rng;
        let occurred_ms = (at_ms - rng.uniform_between(0, 120)).max(task.started_ms);
        let mut action = AgentAction {
            occurred_at_ms: Some(occurred_ms),
            tenant: self.tenant.clone(),
            agent_id: self.id.clone(),
            agent_type: Some(agent_type.name.into()),
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
            action.resource_id = Some(numbered_text(call.prefix, rng.sample_low_biased(call.pool)));
        }
        if !call.hosts.is_empty() {
            let host = call
                .hosts
                .get(rng.sample_low_biased(call.hosts.len() as u32) as usize);
            action.destination_host = host.map(|host| Text::from(*host));
            action.destination_external = Some(call.external);
        }
        action.outcome = Some(match rng.uniform_below(1_000) {
            0..10 => ActionOutcome::Denied,
            10..30 => ActionOutcome::Error,
            _ => ActionOutcome::Allowed,
        });
        set_volumes(&mut action, task, call, rng);
        if self.reporting != ReportingLevel::Bare {
            action.task_id = Some(task.id.clone());
            action.agent_model = Some(MODELS[usize::from(self.events.is_multiple_of(3))].into());
        }
        if self.reporting == ReportingLevel::Full {
            report_in_full(&mut action, task, call, spec, rng);
        }
        action
    }
}

/// Sets the volumes. An action that was not allowed moves nothing and has none.
fn set_volumes(action: &mut AgentAction, task: &mut SimTask, call: &ToolCall, rng: &mut SeededRng) {
    if action.outcome != Some(ActionOutcome::Allowed) {
        return;
    }
    let mut draw_volume = |median: u32| (median > 0).then(|| rng.sample_skewed(median));
    action.volume_records = draw_volume(call.records);
    action.volume_bytes_in = draw_volume(call.bytes_in);
    action.volume_bytes_out =
        draw_volume(call.bytes_out).filter(|_| task.bytes_out < BYTES_OUT_CALM);
    if let Some(tokens) = draw_volume(call.tokens) {
        action.volume_tokens_in = Some(tokens);
        action.volume_tokens_out = Some(tokens / 3);
        action.volume_cost_usd = Some((tokens * 4 / 3) as f64 / 250_000.0);
    }
    task.bytes_out = task
        .bytes_out
        .saturating_add(action.volume_bytes_out.unwrap_or(0));
}

/// Sets the fields that only a gateway with [`ReportingLevel::Full`] reports.
fn report_in_full(
    action: &mut AgentAction,
    task: &SimTask,
    call: &ToolCall,
    spec: &TaskClass,
    rng: &mut SeededRng,
) {
    action.task_purpose = Some(spec.purpose.into());
    action.session_id = Some(task.session.clone());
    action.instruction_source = Some(task.instructor);
    action.credential_kind = Some("jwt".into());
    action.credential_issued_at_ms = Some(task.started_ms);
    action.credential_expires_at_ms = Some(task.expires_ms);
    let key = concat_text("key-", &action.agent_id);
    action.credential_bound_to = Some(key.clone());
    action.channel_peer_id = Some(key);
    action.delegation_chain = task.chain.clone();
    action.delegation_state = Some(if task.chain.len() > 1 {
        DelegationState::Delegated
    } else {
        DelegationState::Direct
    });
    action.resource_owner = call.owner.map(Text::from);
    action.resource_sensitivity = Some(call.sensitivity);
    action.latency_us = Some(rng.sample_skewed(call.latency_us));
    action.policy_decision_id = Some(hex16(rng.next_u64()));
    action.channel_network = Some(if call.external {
        Network::External
    } else {
        Network::Internal
    });
    action.content_untrusted = call.untrusted.then_some(true);
    action.content_private = call.private.then_some(true);
    action.trace_id = Some(hex16(rng.next_u64()));
    action.event_schema_version = Some("1".into());
}

/// `prefix` followed by `word`.
#[must_use]
pub fn concat_text(prefix: &str, word: &str) -> Text {
    let mut text = Text::from(prefix);
    text.push_str(word);
    text
}

/// `prefix` followed by `number` in decimal. Written without `format!`, because it runs once per
/// action.
#[must_use]
pub fn numbered_text(prefix: &str, number: u32) -> Text {
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
    concat_text(prefix, std::str::from_utf8(shown).unwrap_or_default())
}

/// Whether the agent's scope record may be delivered after its first action.
#[must_use]
pub fn may_be_late(agent: &SimAgent) -> bool {
    agent.agent_type().declared == DeclarationMode::PerTask
        && agent.reporting != ReportingLevel::Bare
        && agent.parent.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_padding() {
        assert_eq!(numbered_text("a/", 0), "a/0");
        assert_eq!(numbered_text("a/", 4_294_967_295), "a/4294967295");
        assert_eq!(numbered_text("", 120), "120");
    }
}
