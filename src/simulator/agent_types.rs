//! The types of agents of the simulated fleet: what each task class calls, touches and moves.
//!
//! Scopes are derived from these tables (see `scope_skeletons`), so a benign agent keeps to its
//! scope by construction.

mod office;
mod technical;

use crate::event::{Sensitivity, Verb};

use super::schedule::WorkSchedule;
use office::{DESK, FINANCE, ORCHESTRATOR, RESEARCH, SUPPORT, WORKER};
use technical::{CODING, OPS, PIPELINE};

/// How agents of a type are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclarationMode {
    /// One scope record per task. Another record completes the scope when the task ends.
    PerTask,
    /// One scope record per day without a task id. It covers every task of that day.
    Daily,
    /// By a class template (see [`super::scope_templates`]), without scope records.
    Template,
}

/// A type of agent.
#[derive(Debug)]
pub struct AgentType {
    pub name: &'static str,
    /// Weight of the type in the fleet, relative to the other types.
    pub share: u32,
    /// Actions per second, relative to the other types.
    pub tempo: f64,
    pub schedule: WorkSchedule,
    pub declared: DeclarationMode,
    /// Share of open time that the agent spends inside a task, 0 to 1.
    pub duty: f64,
    pub classes: &'static [TaskClass],
}

/// A class of tasks.
#[derive(Debug)]
pub struct TaskClass {
    pub name: &'static str,
    pub purpose: &'static str,
    /// Fewest and most actions of a task.
    pub length: (u32, u32),
    pub calls: &'static [ToolCall],
    /// The class of the children that a task of this class spawns. The scope covers it too.
    pub child_class: Option<&'static TaskClass>,
    /// Declared hours in UTC. They exceed the schedule by the duration of the longest task.
    pub hours: Option<(u8, u8)>,
    /// The scope lists the allowed instruction sources.
    pub instructed: bool,
    /// The scope requires an encrypted and authenticated channel.
    pub channel: bool,
    /// The scope limits calls and bytes out per hour.
    pub limited: bool,
}

/// One kind of tool call that a task makes.
#[derive(Debug)]
pub struct ToolCall {
    pub weight: u32,
    pub tool: &'static str,
    pub server: &'static str,
    pub verb: Verb,
    pub operation: &'static str,
    pub resource_type: &'static str,
    /// Resource ids are `prefix` and a number below `pool`. Without a resource id when `pool` is 0.
    pub prefix: &'static str,
    pub pool: u32,
    pub sensitivity: Sensitivity,
    pub owner: Option<&'static str>,
    pub hosts: &'static [&'static str],
    pub external: bool,
    pub untrusted: bool,
    pub private: bool,
    /// Medians of the volumes. 0 means that the volume is not reported.
    pub records: u32,
    pub bytes_in: u32,
    pub bytes_out: u32,
    pub tokens: u32,
    pub latency_us: u32,
}

const CALL_DEFAULTS: ToolCall = ToolCall {
    weight: 1,
    tool: "",
    server: "mcp-core",
    verb: Verb::Read,
    operation: "call",
    resource_type: "",
    prefix: "",
    pool: 0,
    sensitivity: Sensitivity::Internal,
    owner: None,
    hosts: &[],
    external: false,
    untrusted: false,
    private: false,
    records: 1,
    bytes_in: 2_000,
    bytes_out: 400,
    tokens: 0,
    latency_us: 40_000,
};

const CLASS_DEFAULTS: TaskClass = TaskClass {
    name: "",
    purpose: "",
    length: (8, 30),
    calls: &[],
    child_class: None,
    hours: None,
    instructed: true,
    channel: false,
    limited: true,
};

const LLM_CALL: ToolCall = ToolCall {
    weight: 3,
    tool: "llm.chat",
    server: "model-gateway",
    verb: Verb::Infer,
    operation: "chat",
    resource_type: "llm.inference",
    records: 0,
    bytes_in: 3_000,
    bytes_out: 1_500,
    tokens: 900,
    latency_us: 1_800_000,
    ..CALL_DEFAULTS
};

const fn tool_call(
    weight: u32,
    tool: &'static str,
    verb: Verb,
    operation: &'static str,
    resource_type: &'static str,
    prefix: &'static str,
    pool: u32,
) -> ToolCall {
    ToolCall {
        weight,
        tool,
        verb,
        operation,
        resource_type,
        prefix,
        pool,
        ..CALL_DEFAULTS
    }
}

const SITES: &[&str] = &[
    "news.example.org",
    "papers.example.org",
    "wiki.example.org",
    "data.example.net",
];
const MAIL: &[&str] = &["mail.corp.example"];

/// Index of the orchestrator type in [`TYPES`].
pub const ORCHESTRATORS: usize = 7;
/// Index of the type of the orchestrators' children in [`TYPES`].
pub const WORKERS: usize = 8;
/// The most children of one orchestrator.
pub const CHILDREN: u32 = 3;

/// Every agent type. Office hours are in UTC.
pub static TYPES: [AgentType; 9] = [
    AgentType {
        name: "research",
        share: 14,
        tempo: 1.0,
        schedule: WorkSchedule::OfficeHours { from: 8, to: 17 },
        declared: DeclarationMode::PerTask,
        duty: 0.35,
        classes: RESEARCH,
    },
    AgentType {
        name: "support",
        share: 20,
        tempo: 1.4,
        schedule: WorkSchedule::AroundTheClock,
        declared: DeclarationMode::PerTask,
        duty: 0.4,
        classes: SUPPORT,
    },
    AgentType {
        name: "coding",
        share: 18,
        tempo: 1.6,
        schedule: WorkSchedule::OfficeHours { from: 7, to: 19 },
        declared: DeclarationMode::PerTask,
        duty: 0.5,
        classes: CODING,
    },
    AgentType {
        name: "finance",
        share: 8,
        tempo: 0.6,
        schedule: WorkSchedule::OfficeHours { from: 8, to: 16 },
        declared: DeclarationMode::PerTask,
        duty: 0.3,
        classes: FINANCE,
    },
    AgentType {
        name: "ops",
        share: 10,
        tempo: 1.2,
        schedule: WorkSchedule::AroundTheClock,
        declared: DeclarationMode::Daily,
        duty: 0.4,
        classes: OPS,
    },
    AgentType {
        name: "pipeline",
        share: 6,
        tempo: 1.5,
        schedule: WorkSchedule::Cron,
        declared: DeclarationMode::Daily,
        duty: 0.4,
        classes: PIPELINE,
    },
    AgentType {
        name: "desk",
        share: 12,
        tempo: 0.5,
        schedule: WorkSchedule::OfficeHours { from: 7, to: 18 },
        declared: DeclarationMode::Template,
        duty: 0.2,
        classes: DESK,
    },
    AgentType {
        name: "orchestrator",
        share: 3,
        tempo: 1.0,
        schedule: WorkSchedule::AroundTheClock,
        declared: DeclarationMode::PerTask,
        duty: 0.3,
        classes: &ORCHESTRATOR,
    },
    AgentType {
        name: "worker",
        share: 0,
        tempo: 0.5,
        schedule: WorkSchedule::Spawned,
        declared: DeclarationMode::PerTask,
        duty: 1.0,
        classes: &WORKER,
    },
];

/// The class at index `class` of the type at `type_index`. An index out of range gives the first.
#[must_use]
pub fn class_of(type_index: usize, class: usize) -> &'static TaskClass {
    let agent_type = TYPES.get(type_index).unwrap_or(&TYPES[0]);
    agent_type
        .classes
        .get(class)
        .unwrap_or(&agent_type.classes[0])
}
