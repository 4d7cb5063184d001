//! Classes of the agents that work on machines and data: coding, operations, pipelines.

use crate::event::{Sensitivity, Verb};

use super::{CLASS, Call, THINK, TaskClass, call};

pub const CODING: &[TaskClass] = &[
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

pub const OPS: &[TaskClass] = &[
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

pub const PIPELINE: &[TaskClass] = &[TaskClass {
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
