//! The kinds of agents of the simulated fleet: what each task class calls, touches and moves.
//!
//! Scopes are derived from these tables ([`super::scope`]), so a benign agent keeps to its scope by
//! construction.

use crate::event::{Sensitivity, Verb};

use super::rhythm::Rhythm;

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

const RESEARCH: &[TaskClass] = &[
    TaskClass {
        name: "report",
        purpose: "write a market report",
        length: (12, 48),
        channel: true,
        calls: &[
            THINK,
            Call {
                hosts: SITES,
                external: true,
                untrusted: true,
                bytes_in: 30_000,
                sensitivity: Sensitivity::Public,
                ..call(
                    5,
                    "web.open",
                    Verb::Browse,
                    "GET",
                    "web.page",
                    "page/",
                    4_000,
                )
            },
            call(
                3,
                "docs.read",
                Verb::Read,
                "files.get",
                "document.file",
                "doc/market/",
                300,
            ),
            call(
                1,
                "docs.write",
                Verb::Create,
                "files.create",
                "document.file",
                "doc/market/",
                300,
            ),
        ],
        ..CLASS
    },
    TaskClass {
        name: "lookup",
        purpose: "answer a question from the library",
        length: (4, 14),
        calls: &[
            THINK,
            Call {
                records: 12,
                ..call(
                    4,
                    "docs.search",
                    Verb::Search,
                    "query",
                    "document.index",
                    "",
                    0,
                )
            },
            call(
                3,
                "docs.read",
                Verb::Read,
                "files.get",
                "document.file",
                "doc/library/",
                900,
            ),
        ],
        ..CLASS
    },
];

const SUPPORT: &[TaskClass] = &[
    TaskClass {
        name: "ticket",
        purpose: "answer a customer's ticket",
        length: (6, 24),
        calls: &[
            THINK,
            Call {
                owner: Some("support"),
                private: true,
                sensitivity: Sensitivity::Confidential,
                ..call(
                    4,
                    "crm.lookup",
                    Verb::Read,
                    "customers.get",
                    "crm.customer",
                    "crm/cust/",
                    5_000,
                )
            },
            call(
                4,
                "desk.read",
                Verb::Read,
                "tickets.get",
                "ticket.case",
                "ticket/",
                9_000,
            ),
            call(
                2,
                "desk.update",
                Verb::Update,
                "tickets.patch",
                "ticket.case",
                "ticket/",
                9_000,
            ),
            Call {
                hosts: MAIL,
                bytes_out: 3_000,
                ..call(
                    2,
                    "mail.reply",
                    Verb::Send,
                    "messages.send",
                    "email.message",
                    "mail/case/",
                    9_000,
                )
            },
        ],
        ..CLASS
    },
    TaskClass {
        name: "refund",
        purpose: "settle a refund",
        length: (4, 10),
        channel: true,
        calls: &[
            THINK,
            Call {
                owner: Some("support"),
                sensitivity: Sensitivity::Confidential,
                ..call(
                    3,
                    "crm.lookup",
                    Verb::Read,
                    "customers.get",
                    "crm.customer",
                    "crm/cust/",
                    5_000,
                )
            },
            Call {
                owner: Some("finance"),
                sensitivity: Sensitivity::Confidential,
                ..call(
                    1,
                    "pay.refund",
                    Verb::Create,
                    "refunds.create",
                    "payment.refund",
                    "pay/refund/",
                    2_000,
                )
            },
        ],
        ..CLASS
    },
];

const CODING: &[TaskClass] = &[
    TaskClass {
        name: "fix",
        purpose: "fix a reported defect",
        length: (20, 80),
        calls: &[
            THINK,
            call(
                8,
                "repo.read",
                Verb::Read,
                "contents.get",
                "code.file",
                "repo/app/",
                2_500,
            ),
            call(
                3,
                "repo.edit",
                Verb::Update,
                "contents.put",
                "code.file",
                "repo/app/",
                2_500,
            ),
            Call {
                latency_us: 9_000_000,
                ..call(
                    3,
                    "shell.run",
                    Verb::Execute,
                    "exec",
                    "code.execution",
                    "sandbox/",
                    40,
                )
            },
            Call {
                hosts: &["packages.example.net"],
                external: true,
                untrusted: true,
                sensitivity: Sensitivity::Public,
                bytes_in: 90_000,
                ..call(
                    1,
                    "packages.get",
                    Verb::Read,
                    "GET",
                    "code.package",
                    "pkg/",
                    600,
                )
            },
        ],
        ..CLASS
    },
    TaskClass {
        name: "review",
        purpose: "review a change",
        length: (8, 24),
        calls: &[
            THINK,
            call(
                6,
                "repo.read",
                Verb::Read,
                "contents.get",
                "code.file",
                "repo/app/",
                2_500,
            ),
            call(
                2,
                "review.note",
                Verb::Create,
                "comments.create",
                "code.review",
                "review/",
                1_200,
            ),
        ],
        ..CLASS
    },
];

const FINANCE: &[TaskClass] = &[
    TaskClass {
        name: "reconcile",
        purpose: "match payments with the ledger",
        length: (15, 60),
        hours: Some((6, 20)),
        channel: true,
        calls: &[
            THINK,
            Call {
                records: 40,
                owner: Some("finance"),
                private: true,
                sensitivity: Sensitivity::Confidential,
                bytes_in: 16_000,
                ..call(
                    8,
                    "ledger.query",
                    Verb::Read,
                    "SELECT",
                    "database.table",
                    "ledger/",
                    24,
                )
            },
            Call {
                owner: Some("finance"),
                ..call(
                    2,
                    "ledger.match",
                    Verb::Update,
                    "UPDATE",
                    "ledger.entry",
                    "entry/",
                    20_000,
                )
            },
        ],
        ..CLASS
    },
    TaskClass {
        name: "invoice",
        purpose: "pay approved invoices",
        length: (5, 16),
        hours: Some((6, 20)),
        channel: true,
        calls: &[
            THINK,
            Call {
                owner: Some("finance"),
                ..call(
                    4,
                    "invoice.read",
                    Verb::Read,
                    "invoices.get",
                    "invoice.file",
                    "invoice/",
                    3_000,
                )
            },
            Call {
                owner: Some("finance"),
                sensitivity: Sensitivity::Confidential,
                hosts: &["bank.corp.example"],
                ..call(
                    1,
                    "pay.send",
                    Verb::Transfer,
                    "transfers.create",
                    "payment.transfer",
                    "pay/out/",
                    3_000,
                )
            },
        ],
        ..CLASS
    },
];

const OPS: &[TaskClass] = &[
    TaskClass {
        name: "patrol",
        purpose: "watch the platform",
        length: (5, 20),
        instructed: false,
        limited: false,
        calls: &[
            Call {
                records: 200,
                ..call(
                    8,
                    "metrics.query",
                    Verb::Read,
                    "query_range",
                    "metric.series",
                    "metric/",
                    800,
                )
            },
            Call {
                records: 50,
                ..call(
                    4,
                    "logs.search",
                    Verb::Search,
                    "search",
                    "log.stream",
                    "log/",
                    120,
                )
            },
            THINK,
        ],
        ..CLASS
    },
    TaskClass {
        name: "remediate",
        purpose: "repair an unhealthy service",
        length: (6, 18),
        instructed: false,
        limited: false,
        calls: &[
            call(
                4,
                "cluster.get",
                Verb::List,
                "pods.list",
                "cluster.workload",
                "svc/",
                140,
            ),
            call(
                2,
                "cluster.apply",
                Verb::Update,
                "apply",
                "cluster.workload",
                "svc/",
                140,
            ),
            call(
                1,
                "host.exec",
                Verb::Execute,
                "exec",
                "code.execution",
                "host/",
                60,
            ),
            THINK,
        ],
        ..CLASS
    },
];

const PIPELINE: &[TaskClass] = &[TaskClass {
    name: "load",
    purpose: "load the warehouse",
    length: (20, 60),
    instructed: false,
    limited: false,
    calls: &[
        Call {
            records: 4_000,
            bytes_in: 400_000,
            ..call(
                6,
                "sql.read",
                Verb::Read,
                "SELECT",
                "database.table",
                "wh/stage/",
                60,
            )
        },
        Call {
            records: 4_000,
            bytes_out: 400_000,
            ..call(
                4,
                "sql.load",
                Verb::Create,
                "INSERT",
                "database.table",
                "wh/mart/",
                60,
            )
        },
        call(
            1,
            "store.put",
            Verb::Create,
            "PutObject",
            "object.blob",
            "blob/load/",
            500,
        ),
    ],
    ..CLASS
}];

const DESK: &[TaskClass] = &[
    TaskClass {
        name: "mail",
        purpose: "keep the inbox in order",
        length: (5, 20),
        limited: false,
        calls: &[
            THINK,
            call(
                6,
                "mail.read",
                Verb::Read,
                "messages.get",
                "email.message",
                "mail/in/",
                8_000,
            ),
            call(
                2,
                "mail.file",
                Verb::Update,
                "messages.move",
                "email.message",
                "mail/in/",
                8_000,
            ),
        ],
        ..CLASS
    },
    TaskClass {
        name: "calendar",
        purpose: "arrange meetings",
        length: (3, 12),
        limited: false,
        hours: Some((5, 21)),
        calls: &[
            THINK,
            call(
                4,
                "calendar.list",
                Verb::List,
                "events.list",
                "calendar.event",
                "cal/",
                3_000,
            ),
            Call {
                hosts: MAIL,
                ..call(
                    2,
                    "calendar.invite",
                    Verb::Send,
                    "events.invite",
                    "calendar.event",
                    "cal/",
                    3_000,
                )
            },
        ],
        ..CLASS
    },
];

static WORKER: [TaskClass; 1] = [TaskClass {
    name: "collect",
    purpose: "collect one part for the campaign",
    length: (5, 16),
    calls: &[
        THINK,
        call(
            5,
            "docs.read",
            Verb::Read,
            "files.get",
            "document.file",
            "doc/campaign/",
            400,
        ),
        Call {
            records: 20,
            ..call(
                3,
                "crm.segment",
                Verb::Search,
                "segments.query",
                "crm.segment",
                "seg/",
                80,
            )
        },
    ],
    ..CLASS
}];

static ORCHESTRATOR: [TaskClass; 1] = [TaskClass {
    name: "campaign",
    purpose: "prepare a campaign",
    length: (8, 20),
    hands_on: Some(&WORKER[0]),
    calls: &[
        Call { weight: 5, ..THINK },
        call(
            3,
            "docs.read",
            Verb::Read,
            "files.get",
            "document.file",
            "doc/campaign/",
            400,
        ),
        call(
            1,
            "docs.write",
            Verb::Create,
            "files.create",
            "document.file",
            "doc/campaign/",
            400,
        ),
        call(
            3,
            "agents.spawn",
            Verb::Spawn,
            "create_agent",
            "agent.child",
            "",
            0,
        ),
    ],
    ..CLASS
}];

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
