//! The kinds of agents of the simulated fleet: what each task class calls, touches and moves.
//!
//! Scopes are derived from these tables ([`super::scope`]), so a benign agent keeps to its scope by
//! construction.

mod machine;
mod office;

use crate::event::{Sensitivity, Verb};

use super::rhythm::Rhythm;
use machine::{CODING, OPS, PIPELINE};
use office::{DESK, FINANCE, ORCHESTRATOR, RESEARCH, SUPPORT, WORKER};

/// How agents of a type are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// One scope record per task, completed at its end.
    PerTask,
    /// One scope record per day without a task id, which every task is judged by.
    Standing,
    /// A class template (see [`super::templates`]) and no record at all.
    Template,
}

/// A type of agent.
#[derive(Debug)]
pub struct AgentType {
    pub name: &'static str,
    /// Share of the fleet, relative.
    pub share: u32,
    /// Actions per second, relative.
    pub tempo: f64,
    pub rhythm: Rhythm,
    pub declared: Declared,
    /// Share of open time inside a task.
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
    pub calls: &'static [Call],
    /// The scope also covers this class, which children get.
    pub hands_on: Option<&'static TaskClass>,
    /// Declared hours, UTC; wider than the rhythm by the longest task.
    pub hours: Option<(u8, u8)>,
    /// The scope names who may instruct.
    pub instructed: bool,
    /// The scope demands an encrypted, authenticated channel.
    pub channel: bool,
    /// The scope limits calls and bytes out per hour.
    pub limited: bool,
}

/// One thing a task does.
#[derive(Debug)]
pub struct Call {
    pub weight: u32,
    pub tool: &'static str,
    pub server: &'static str,
    pub verb: Verb,
    pub operation: &'static str,
    pub resource_type: &'static str,
    /// Resource ids are `prefix` and a number below `pool`; no id when `pool` is 0.
    pub prefix: &'static str,
    pub pool: u32,
    pub sensitivity: Sensitivity,
    pub owner: Option<&'static str>,
    pub hosts: &'static [&'static str],
    pub external: bool,
    pub untrusted: bool,
    pub private: bool,
    /// Medians of the volumes; 0 is not reported.
    pub records: u32,
    pub bytes_in: u32,
    pub bytes_out: u32,
    pub tokens: u32,
    pub latency_us: u32,
}

const CALL: Call = Call {
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

const CLASS: TaskClass = TaskClass {
    name: "",
    purpose: "",
    length: (8, 30),
    calls: &[],
    hands_on: None,
    hours: None,
    instructed: true,
    channel: false,
    limited: true,
};

const THINK: Call = Call {
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
    ..CALL
};

const fn call(
    weight: u32,
    tool: &'static str,
    verb: Verb,
    operation: &'static str,
    resource_type: &'static str,
    prefix: &'static str,
    pool: u32,
) -> Call {
    Call {
        weight,
        tool,
        verb,
        operation,
        resource_type,
        prefix,
        pool,
        ..CALL
    }
}

const SITES: &[&str] = &[
    "news.example.org",
    "papers.example.org",
    "wiki.example.org",
    "data.example.net",
];
const MAIL: &[&str] = &["mail.corp.example"];

/// Index of the orchestrators in [`TYPES`].
pub const ORCHESTRATORS: usize = 7;
/// Index of their children.
pub const WORKERS: usize = 8;
/// Children each orchestrator can have at work at once.
pub const CHILDREN: u32 = 3;

/// Every type of agent. Business hours are UTC.
pub static TYPES: [AgentType; 9] = [
    AgentType {
        name: "research",
        share: 14,
        tempo: 1.0,
        rhythm: Rhythm::Business { from: 8, to: 17 },
        declared: Declared::PerTask,
        duty: 0.35,
        classes: RESEARCH,
    },
    AgentType {
        name: "support",
        share: 20,
        tempo: 1.4,
        rhythm: Rhythm::Round,
        declared: Declared::PerTask,
        duty: 0.4,
        classes: SUPPORT,
    },
    AgentType {
        name: "coding",
        share: 18,
        tempo: 1.6,
        rhythm: Rhythm::Business { from: 7, to: 19 },
        declared: Declared::PerTask,
        duty: 0.5,
        classes: CODING,
    },
    AgentType {
        name: "finance",
        share: 8,
        tempo: 0.6,
        rhythm: Rhythm::Business { from: 8, to: 16 },
        declared: Declared::PerTask,
        duty: 0.3,
        classes: FINANCE,
    },
    AgentType {
        name: "ops",
        share: 10,
        tempo: 1.2,
        rhythm: Rhythm::Round,
        declared: Declared::Standing,
        duty: 0.4,
        classes: OPS,
    },
    AgentType {
        name: "pipeline",
        share: 6,
        tempo: 1.5,
        rhythm: Rhythm::Cron,
        declared: Declared::Standing,
        duty: 0.4,
        classes: PIPELINE,
    },
    AgentType {
        name: "desk",
        share: 12,
        tempo: 0.5,
        rhythm: Rhythm::Business { from: 7, to: 18 },
        declared: Declared::Template,
        duty: 0.2,
        classes: DESK,
    },
    AgentType {
        name: "orchestrator",
        share: 3,
        tempo: 1.0,
        rhythm: Rhythm::Round,
        declared: Declared::PerTask,
        duty: 0.3,
        classes: &ORCHESTRATOR,
    },
    AgentType {
        name: "worker",
        share: 0,
        tempo: 0.5,
        rhythm: Rhythm::Spawned,
        declared: Declared::PerTask,
        duty: 1.0,
        classes: &WORKER,
    },
];

/// The class at `class` of the type at `kind`; the first one when there is no such class.
#[must_use]
pub fn class_of(kind: usize, class: usize) -> &'static TaskClass {
    let kind = TYPES.get(kind).unwrap_or(&TYPES[0]);
    kind.classes.get(class).unwrap_or(&kind.classes[0])
}
