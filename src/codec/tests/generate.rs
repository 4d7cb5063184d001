//! Random values of every record, within the contract.

use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::event::{
    AgentAction, AgentScope, ChannelRule, CommandKind, Confirmation, Control, Decision,
    DeclaredStatus, DelegationRule, DelegationState, Grant, Hours, InstructionSource, Limit,
    Measure, Network, Outcome, Parent, Sensitivity, Text, Verb, Verdict,
};

fn id() -> impl Strategy<Value = Text> {
    "[a-zA-Z0-9:/_.é -]{1,40}".prop_map(Text::from)
}

fn tenant() -> impl Strategy<Value = Text> {
    "[a-z0-9.-]{1,20}".prop_map(Text::from)
}

fn free() -> impl Strategy<Value = Text> {
    "[ -~\\n\\t\"\\\\äß漢]{1,60}".prop_map(Text::from)
}

fn time() -> impl Strategy<Value = i64> {
    0..253_402_300_799_999_i64
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..1_000_u64, Just(i64::MAX as u64)]
}

fn amount() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..1e9_f64,
        Just(f64::MIN_POSITIVE),
        Just(f64::MAX),
        Just(0.1 + 0.2)
    ]
}

type Who = (
    Option<Text>,
    Option<i64>,
    Text,
    Text,
    Option<Text>,
    Option<Text>,
    Option<Text>,
    Option<Text>,
);

fn who() -> impl Strategy<Value = Who> {
    (
        of(id()),
        of(time()),
        tenant(),
        id(),
        of(id()),
        of(free()),
        of(id()),
        of(id()),
    )
}

type Why = (
    Option<Text>,
    Option<Text>,
    Option<Text>,
    Option<Text>,
    Option<InstructionSource>,
    Option<Text>,
);

fn why() -> impl Strategy<Value = Why> {
    (
        of(id()),
        of(id()),
        of(free()),
        of(id()),
        of(select(InstructionSource::ALL)),
        of(free()),
    )
}

type Credential = (
    Option<Text>,
    Option<Text>,
    Option<Text>,
    Option<i64>,
    Option<i64>,
    Option<Text>,
);

fn credential() -> impl Strategy<Value = Credential> {
    (
        of(id()),
        of(id()),
        of(free()),
        of(time()),
        of(time()),
        of(free()),
    )
}

fn chain() -> impl Strategy<Value = Vec<Text>> {
    vec(id(), 0..4)
}

type Tool = (Option<Text>, Option<Text>, Verb, Option<Text>);
type Resource = (Text, Option<Text>, Option<Text>, Option<Sensitivity>);

fn what() -> impl Strategy<Value = (Tool, Resource)> {
    (
        (of(id()), of(id()), select(Verb::ALL), of(free())),
        (id(), of(free()), of(free()), of(select(Sensitivity::ALL))),
    )
}

type Much = (
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Option<f64>,
);

fn much() -> impl Strategy<Value = Much> {
    (
        of(count()),
        of(count()),
        of(count()),
        of(count()),
        of(count()),
        of(amount()),
    )
}

pub fn action() -> impl Strategy<Value = AgentAction> {
    let with = (credential(), chain(), of(select(DelegationState::ALL)));
    let flag = proptest::bool::ANY;
    let place = (of(free()), of(free()), of(flag));
    let rest = (
        (of(count()), of(select(Outcome::ALL)), of(free())),
        (of(flag), of(flag), of(free()), of(select(Network::ALL))),
        (of(flag), of(flag), of(id()), of(id()), of(free())),
    );
    (who(), why(), with, what(), place, much(), rest).prop_map(
        |(who, why, (cred, chain, state), (tool, res), place, much, (end, chan, tail))| {
            AgentAction {
                event_id: who.0,
                occurred_at_ms: who.1,
                tenant: who.2,
                agent_id: who.3,
                agent_type: who.4,
                agent_version: who.5,
                principal_id: who.6,
                gateway_id: who.7,
                task_id: why.0,
                task_class: why.1,
                task_purpose: why.2,
                session_id: why.3,
                instruction_source: why.4,
                instruction_ref: why.5,
                credential_id: cred.0,
                credential_issuer: cred.1,
                credential_kind: cred.2,
                credential_issued_at_ms: cred.3,
                credential_expires_at_ms: cred.4,
                credential_bound_to: cred.5,
                delegation_chain: chain,
                delegation_state: state,
                tool_name: tool.0,
                tool_server: tool.1,
                action_verb: tool.2,
                action_operation: tool.3,
                resource_type: res.0,
                resource_id: res.1,
                resource_owner: res.2,
                resource_sensitivity: res.3,
                destination_host: place.0,
                destination_address: place.1,
                destination_external: place.2,
                volume_records: much.0,
                volume_bytes_in: much.1,
                volume_bytes_out: much.2,
                volume_tokens_in: much.3,
                volume_tokens_out: much.4,
                volume_cost_usd: much.5,
                latency_us: end.0,
                outcome: end.1,
                policy_decision_id: end.2,
                channel_encrypted: chan.0,
                channel_authenticated: chan.1,
                channel_peer_id: chan.2,
                channel_network: chan.3,
                content_untrusted: tail.0,
                content_private: tail.1,
                trace_id: tail.2,
                span_id: tail.3,
                event_schema_version: tail.4,
            }
        },
    )
}

fn grant() -> impl Strategy<Value = Grant> {
    let lists = (
        vec(id(), 1..4),
        vec(free(), 0..3),
        vec(select(Verb::ALL), 0..4),
    );
    (lists, of(select(Sensitivity::ALL)), vec(free(), 0..3)).prop_map(
        |((resource_types, resource_ids, verbs), sensitivity_max, owners)| Grant {
            resource_types,
            resource_ids,
            verbs,
            sensitivity_max,
            owners,
        },
    )
}

fn limit() -> impl Strategy<Value = Limit> {
    let measure = select(vec![
        "count",
        "sum: volume.bytes_out",
        "distinct: resource.id",
    ])
    .prop_map(|text| Measure::parse(text).unwrap());
    (measure, 1_000..=2_678_400_000_i64, amount()).prop_map(|(measure, window_ms, max)| Limit {
        measure,
        window_ms,
        max,
    })
}

fn hours() -> impl Strategy<Value = Hours> {
    (
        btree_set(1..=7_u8, 0..7),
        0..1440_u16,
        0..=1440_u16,
        of(id()),
    )
        .prop_map(|(days, from_min, to_min, zone)| Hours {
            days: days.into_iter().collect(),
            from_min,
            to_min,
            zone,
        })
}

pub fn scope() -> impl Strategy<Value = AgentScope> {
    let who = (
        id(),
        tenant(),
        id(),
        of(id()),
        of(id()),
        of(id()),
        of(free()),
        of(free()),
        of(id()),
    );
    let parent =
        of((id(), of(id())).prop_map(|(agent_id, scope_id)| Parent { agent_id, scope_id }));
    let when = (
        vec(id(), 0..3),
        parent,
        of(time()),
        of(time()),
        select(DeclaredStatus::ALL),
    );
    let what = (vec(grant(), 0..4), vec(free(), 0..3), vec(free(), 0..3));
    let sources = vec(select(InstructionSource::ALL), 0..3);
    let flag = proptest::bool::ANY;
    let channel = of(
        (flag, flag).prop_map(|(encrypted, authenticated)| ChannelRule {
            encrypted,
            authenticated,
        }),
    );
    let maximum = || of(0..=i32::MAX as u32);
    let delegation = of((flag, maximum(), maximum()).prop_map(
        |(allowed, depth_max, children_max)| DelegationRule {
            allowed,
            depth_max,
            children_max,
        },
    ));
    let rest = (
        sources,
        vec(limit(), 0..3),
        channel,
        delegation,
        of(hours()),
    );
    (who, when, what, rest).prop_map(|(who, when, what, rest)| AgentScope {
        scope_id: who.0,
        tenant: who.1,
        agent_id: who.2,
        agent_type: who.3,
        task_id: who.4,
        task_class: who.5,
        purpose: who.6,
        issuer: who.7,
        principal_id: who.8,
        credential_ids: when.0,
        parent: when.1,
        effective_from_ms: when.2,
        expires_at_ms: when.3,
        status: when.4,
        grants: what.0,
        tools: what.1,
        destinations: what.2,
        instruction_sources: rest.0,
        limits: rest.1,
        channel: rest.2,
        delegation: rest.3,
        hours: rest.4,
    })
}

pub fn control() -> impl Strategy<Value = Control> {
    let results = vec![
        Confirmation::Done,
        Confirmation::NotFound,
        Confirmation::Refused,
        Confirmation::Partial,
        Confirmation::Failed,
    ];
    let command = prop_oneof![
        (id(), select(vec![Decision::Approve, Decision::Deny]))
            .prop_map(|(txn, decision)| CommandKind::Decision { txn, decision }),
        (id(), of(id()), select(results)).prop_map(|(txn, target, result)| {
            CommandKind::Confirmation {
                txn,
                target,
                result,
            }
        }),
        id().prop_map(|txn| CommandKind::Withdrawal { txn }),
        (
            id(),
            select(vec![Verdict::TruePositive, Verdict::FalsePositive])
        )
            .prop_map(|(incident_id, verdict)| CommandKind::Verdict {
                incident_id,
                verdict
            }),
    ];
    (tenant(), id(), id(), time(), of(free()), command).prop_map(
        |(tenant, agent_id, by, at_ms, reason, command)| Control {
            tenant,
            agent_id,
            by,
            at_ms,
            reason,
            command,
        },
    )
}
