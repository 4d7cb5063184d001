//! Classes of the agents that do people's work: research, support, finance, mail, campaigns.

use crate::event::{Sensitivity, Verb};

use super::{CLASS_DEFAULTS, LLM_CALL, MAIL, SITES, TaskClass, ToolCall, tool_call};

pub const RESEARCH: &[TaskClass] = &[
    TaskClass {
        name: "report",
        purpose: "write a market report",
        length: (12, 48),
        channel: true,
        calls: &[
            LLM_CALL,
            ToolCall {
                hosts: SITES,
                external: true,
                untrusted: true,
                bytes_in: 30_000,
                sensitivity: Sensitivity::Public,
                ..tool_call(
                    5,
                    "web.open",
                    Verb::Browse,
                    "GET",
                    "web.page",
                    "page/",
                    4_000,
                )
            },
            tool_call(
                3,
                "docs.read",
                Verb::Read,
                "files.get",
                "document.file",
                "doc/market/",
                300,
            ),
            tool_call(
                1,
                "docs.write",
                Verb::Create,
                "files.create",
                "document.file",
                "doc/market/",
                300,
            ),
        ],
        ..CLASS_DEFAULTS
    },
    TaskClass {
        name: "lookup",
        purpose: "answer a question from the library",
        length: (4, 14),
        calls: &[
            LLM_CALL,
            ToolCall {
                records: 12,
                ..tool_call(
                    4,
                    "docs.search",
                    Verb::Search,
                    "query",
                    "document.index",
                    "",
                    0,
                )
            },
            tool_call(
                3,
                "docs.read",
                Verb::Read,
                "files.get",
                "document.file",
                "doc/library/",
                900,
            ),
        ],
        ..CLASS_DEFAULTS
    },
];

pub const SUPPORT: &[TaskClass] = &[
    TaskClass {
        name: "ticket",
        purpose: "answer a customer's ticket",
        length: (6, 24),
        calls: &[
            LLM_CALL,
            ToolCall {
                owner: Some("support"),
                private: true,
                sensitivity: Sensitivity::Confidential,
                ..tool_call(
                    4,
                    "crm.lookup",
                    Verb::Read,
                    "customers.get",
                    "crm.customer",
                    "crm/cust/",
                    5_000,
                )
            },
            tool_call(
                4,
                "desk.read",
                Verb::Read,
                "tickets.get",
                "ticket.case",
                "ticket/",
                9_000,
            ),
            tool_call(
                2,
                "desk.update",
                Verb::Update,
                "tickets.patch",
                "ticket.case",
                "ticket/",
                9_000,
            ),
            ToolCall {
                hosts: MAIL,
                bytes_out: 3_000,
                ..tool_call(
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
        ..CLASS_DEFAULTS
    },
    TaskClass {
        name: "refund",
        purpose: "settle a refund",
        length: (4, 10),
        channel: true,
        calls: &[
            LLM_CALL,
            ToolCall {
                owner: Some("support"),
                sensitivity: Sensitivity::Confidential,
                ..tool_call(
                    3,
                    "crm.lookup",
                    Verb::Read,
                    "customers.get",
                    "crm.customer",
                    "crm/cust/",
                    5_000,
                )
            },
            ToolCall {
                owner: Some("finance"),
                sensitivity: Sensitivity::Confidential,
                ..tool_call(
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
        ..CLASS_DEFAULTS
    },
];

pub const FINANCE: &[TaskClass] = &[
    TaskClass {
        name: "reconcile",
        purpose: "match payments with the ledger",
        length: (15, 60),
        hours: Some((6, 20)),
        channel: true,
        calls: &[
            LLM_CALL,
            ToolCall {
                records: 40,
                owner: Some("finance"),
                private: true,
                sensitivity: Sensitivity::Confidential,
                bytes_in: 16_000,
                ..tool_call(
                    8,
                    "ledger.query",
                    Verb::Read,
                    "SELECT",
                    "database.table",
                    "ledger/",
                    24,
                )
            },
            ToolCall {
                owner: Some("finance"),
                ..tool_call(
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
        ..CLASS_DEFAULTS
    },
    TaskClass {
        name: "invoice",
        purpose: "pay approved invoices",
        length: (5, 16),
        hours: Some((6, 20)),
        channel: true,
        calls: &[
            LLM_CALL,
            ToolCall {
                owner: Some("finance"),
                ..tool_call(
                    4,
                    "invoice.read",
                    Verb::Read,
                    "invoices.get",
                    "invoice.file",
                    "invoice/",
                    3_000,
                )
            },
            ToolCall {
                owner: Some("finance"),
                sensitivity: Sensitivity::Confidential,
                hosts: &["bank.corp.example"],
                ..tool_call(
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
        ..CLASS_DEFAULTS
    },
];

pub const DESK: &[TaskClass] = &[
    TaskClass {
        name: "mail",
        purpose: "keep the inbox in order",
        length: (5, 20),
        limited: false,
        calls: &[
            LLM_CALL,
            tool_call(
                6,
                "mail.read",
                Verb::Read,
                "messages.get",
                "email.message",
                "mail/in/",
                8_000,
            ),
            tool_call(
                2,
                "mail.file",
                Verb::Update,
                "messages.move",
                "email.message",
                "mail/in/",
                8_000,
            ),
        ],
        ..CLASS_DEFAULTS
    },
    TaskClass {
        name: "calendar",
        purpose: "arrange meetings",
        length: (3, 12),
        limited: false,
        hours: Some((5, 21)),
        calls: &[
            LLM_CALL,
            tool_call(
                4,
                "calendar.list",
                Verb::List,
                "events.list",
                "calendar.event",
                "cal/",
                3_000,
            ),
            ToolCall {
                hosts: MAIL,
                ..tool_call(
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
        ..CLASS_DEFAULTS
    },
];

pub static WORKER: [TaskClass; 1] = [TaskClass {
    name: "collect",
    purpose: "collect one part for the campaign",
    length: (5, 16),
    calls: &[
        LLM_CALL,
        tool_call(
            5,
            "docs.read",
            Verb::Read,
            "files.get",
            "document.file",
            "doc/campaign/",
            400,
        ),
        ToolCall {
            records: 20,
            ..tool_call(
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
    ..CLASS_DEFAULTS
}];

pub static ORCHESTRATOR: [TaskClass; 1] = [TaskClass {
    name: "campaign",
    purpose: "prepare a campaign",
    length: (8, 20),
    child_class: Some(&WORKER[0]),
    calls: &[
        ToolCall {
            weight: 5,
            ..LLM_CALL
        },
        tool_call(
            3,
            "docs.read",
            Verb::Read,
            "files.get",
            "document.file",
            "doc/campaign/",
            400,
        ),
        tool_call(
            1,
            "docs.write",
            Verb::Create,
            "files.create",
            "document.file",
            "doc/campaign/",
            400,
        ),
        tool_call(
            3,
            "agents.spawn",
            Verb::Spawn,
            "create_agent",
            "agent.child",
            "",
            0,
        ),
    ],
    ..CLASS_DEFAULTS
}];
