//! Classes of the agents that work on machines and data: coding, operations, pipelines.

use crate::event::{Sensitivity, Verb};

use super::{CLASS_DEFAULTS, LLM_CALL, TaskClass, ToolCall, tool_call};

pub const CODING: &[TaskClass] = &[
    TaskClass {
        name: "fix",
        purpose: "fix a reported defect",
        length: (20, 80),
        calls: &[
            LLM_CALL,
            tool_call(
                8,
                "repo.read",
                Verb::Read,
                "contents.get",
                "code.file",
                "repo/app/",
                2_500,
            ),
            tool_call(
                3,
                "repo.edit",
                Verb::Update,
                "contents.put",
                "code.file",
                "repo/app/",
                2_500,
            ),
            ToolCall {
                latency_us: 9_000_000,
                ..tool_call(
                    3,
                    "shell.run",
                    Verb::Execute,
                    "exec",
                    "code.execution",
                    "sandbox/",
                    40,
                )
            },
            ToolCall {
                hosts: &["packages.example.net"],
                external: true,
                untrusted: true,
                sensitivity: Sensitivity::Public,
                bytes_in: 90_000,
                ..tool_call(
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
        ..CLASS_DEFAULTS
    },
    TaskClass {
        name: "review",
        purpose: "review a change",
        length: (8, 24),
        calls: &[
            LLM_CALL,
            tool_call(
                6,
                "repo.read",
                Verb::Read,
                "contents.get",
                "code.file",
                "repo/app/",
                2_500,
            ),
            tool_call(
                2,
                "review.note",
                Verb::Create,
                "comments.create",
                "code.review",
                "review/",
                1_200,
            ),
        ],
        ..CLASS_DEFAULTS
    },
];

pub const OPS: &[TaskClass] = &[
    TaskClass {
        name: "patrol",
        purpose: "watch the platform",
        length: (5, 20),
        instructed: false,
        limited: false,
        calls: &[
            ToolCall {
                records: 200,
                ..tool_call(
                    8,
                    "metrics.query",
                    Verb::Read,
                    "query_range",
                    "metric.series",
                    "metric/",
                    800,
                )
            },
            ToolCall {
                records: 50,
                ..tool_call(
                    4,
                    "logs.search",
                    Verb::Search,
                    "search",
                    "log.stream",
                    "log/",
                    120,
                )
            },
            LLM_CALL,
        ],
        ..CLASS_DEFAULTS
    },
    TaskClass {
        name: "remediate",
        purpose: "repair an unhealthy service",
        length: (6, 18),
        instructed: false,
        limited: false,
        calls: &[
            tool_call(
                4,
                "cluster.get",
                Verb::List,
                "pods.list",
                "cluster.workload",
                "svc/",
                140,
            ),
            tool_call(
                2,
                "cluster.apply",
                Verb::Update,
                "apply",
                "cluster.workload",
                "svc/",
                140,
            ),
            tool_call(
                1,
                "host.exec",
                Verb::Execute,
                "exec",
                "code.execution",
                "host/",
                60,
            ),
            LLM_CALL,
        ],
        ..CLASS_DEFAULTS
    },
];

pub const PIPELINE: &[TaskClass] = &[TaskClass {
    name: "load",
    purpose: "load the warehouse",
    length: (20, 60),
    instructed: false,
    limited: false,
    calls: &[
        ToolCall {
            records: 4_000,
            bytes_in: 400_000,
            ..tool_call(
                6,
                "sql.read",
                Verb::Read,
                "SELECT",
                "database.table",
                "wh/stage/",
                60,
            )
        },
        ToolCall {
            records: 4_000,
            bytes_out: 400_000,
            ..tool_call(
                4,
                "sql.load",
                Verb::Create,
                "INSERT",
                "database.table",
                "wh/mart/",
                60,
            )
        },
        tool_call(
            1,
            "store.put",
            Verb::Create,
            "PutObject",
            "object.blob",
            "blob/load/",
            500,
        ),
    ],
    ..CLASS_DEFAULTS
}];
