//! Random values of every record, within the contract.

use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::event::{
    AcceptedUse, ActionField, AgentAction, AgentScope, AgentSelection, ApprovalDecision,
    BudgetCommand, ChannelRule, CommandKind, ConfirmedTarget, ControlRecord, DeclaredStatus,
    DelegationRule, FieldInfo, Grant, IncidentVerdict, InstructionSource, LearnedImport,
    LearningChange, LearningCommand, LearningTarget, Limit, Measure, ParentScope, ProfileKind,
    ProfileName, RevocationResult, Sensitivity, SubjectForm, TaskClass, Text, TextBound, Verb,
    WordList, WorkingHours, action_fields,
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

/// A type that fields of an action have.
trait Generated: Sized {
    fn values(field: &FieldInfo) -> BoxedStrategy<Self>;
}

impl Generated for Text {
    fn values(field: &FieldInfo) -> BoxedStrategy<Self> {
        match field.bound {
            TextBound::Id => id().boxed(),
            TextBound::Tenant => tenant().boxed(),
            TextBound::Free => free().boxed(),
        }
    }
}

impl Generated for Vec<Text> {
    fn values(field: &FieldInfo) -> BoxedStrategy<Self> {
        vec(Text::values(field), 0..4).boxed()
    }
}

impl Generated for i64 {
    fn values(_: &FieldInfo) -> BoxedStrategy<Self> {
        time().boxed()
    }
}

impl Generated for u64 {
    fn values(_: &FieldInfo) -> BoxedStrategy<Self> {
        count().boxed()
    }
}

impl Generated for f64 {
    fn values(_: &FieldInfo) -> BoxedStrategy<Self> {
        amount().boxed()
    }
}

impl Generated for bool {
    fn values(_: &FieldInfo) -> BoxedStrategy<Self> {
        proptest::bool::ANY.boxed()
    }
}

impl<W: WordList + std::fmt::Debug + 'static> Generated for W {
    fn values(_: &FieldInfo) -> BoxedStrategy<Self> {
        select(W::WORDS)
            .prop_map(|word| W::from_record(word).unwrap())
            .boxed()
    }
}

impl<T: Generated + Clone + std::fmt::Debug + 'static> Generated for Option<T> {
    fn values(field: &FieldInfo) -> BoxedStrategy<Self> {
        of(T::values(field)).boxed()
    }
}

macro_rules! declare_action {
    ($(#[$doc:meta] $id:ident $field:ident: $type:ty { $($row:tt)* })+) => {
        /// An action with any value in any field.
        pub fn action() -> impl Strategy<Value = AgentAction> {
            let action = Just(AgentAction::default()).boxed();
            $(let action = (action, Generated::values(ActionField::$id.info()))
                .prop_map(|(action, $field)| AgentAction { $field, ..action })
                .boxed();)+
            action
        }
    };
}

action_fields!(declare_action);

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

fn hours() -> impl Strategy<Value = WorkingHours> {
    (
        btree_set(1..=7_u8, 0..7),
        0..1440_u16,
        0..=1440_u16,
        of(id()),
    )
        .prop_map(|(days, from_min, to_min, zone)| WorkingHours {
            days: days.into_iter().collect(),
            from_min,
            to_min,
            zone,
        })
}

fn parent() -> impl Strategy<Value = ParentScope> {
    let parts = (id(), of(id()), vec(id(), 0..3));
    parts.prop_map(|(agent_id, scope_id, act_chain)| ParentScope {
        agent_id,
        scope_id,
        act_chain,
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
    let when = (
        vec(id(), 0..3),
        of(parent()),
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

fn confirmed() -> impl Strategy<Value = ConfirmedTarget> {
    let subject = prop_oneof![
        id().prop_map(|iss| SubjectForm::JwtId { iss }),
        id().prop_map(|iss| SubjectForm::IssSub { iss }),
        Just(SubjectForm::Opaque),
    ];
    (id(), of(subject)).prop_map(|(id, subject)| ConfirmedTarget { id, subject })
}

fn class() -> impl Strategy<Value = TaskClass> {
    (id(), of(id()), any::<bool>()).prop_map(|(agent_type, task_class, untyped)| TaskClass {
        agent_type: match untyped && task_class.is_some() {
            true => Text::default(),
            false => agent_type,
        },
        task_class,
    })
}

fn learning_target() -> impl Strategy<Value = LearningTarget> {
    prop_oneof![
        Just(LearningTarget::Agent),
        class().prop_map(LearningTarget::Class),
        id().prop_map(|agent_type| LearningTarget::Agents(AgentSelection { agent_type })),
    ]
}

fn profile_name() -> impl Strategy<Value = ProfileName> {
    let part = prop_oneof![
        Just(ProfileKind::Peers),
        Just(ProfileKind::Unnamed),
        id().prop_map(ProfileKind::Class),
    ];
    (of(id()), part).prop_map(|(agent_type, part)| ProfileName {
        agent_type: agent_type.unwrap_or_default(),
        part,
    })
}

fn import() -> impl Strategy<Value = LearnedImport> {
    (of(profile_name()), free()).prop_map(|(profile, state)| LearnedImport {
        profile,
        state: state.into(),
    })
}

fn learning_change() -> impl Strategy<Value = LearningChange> {
    let since = time().prop_map(|ms| ms.max(946_684_800_000));
    prop_oneof![
        Just(LearningChange::Freeze),
        Just(LearningChange::Unfreeze),
        of(since).prop_map(|since_ms| LearningChange::Reset { since_ms }),
    ]
}

pub fn control() -> impl Strategy<Value = ControlRecord> {
    let results = vec![
        RevocationResult::Done,
        RevocationResult::NotFound,
        RevocationResult::Refused,
        RevocationResult::Partial,
        RevocationResult::Failed,
    ];
    let command = prop_oneof![
        (
            id(),
            select(vec![ApprovalDecision::Approve, ApprovalDecision::Deny])
        )
            .prop_map(|(txn, decision)| CommandKind::Decision { txn, decision }),
        (id(), of(confirmed()), select(results)).prop_map(|(txn, target, result)| {
            CommandKind::Confirmation {
                txn,
                target,
                result,
            }
        }),
        id().prop_map(|txn| CommandKind::Withdrawal { txn }),
        Just(CommandKind::Budget {
            command: BudgetCommand::Rearm
        }),
        (of(id()), id(), free()).prop_map(|(task_class, resource_type, tool)| {
            let verb = task_class.is_some().then_some(Verb::Share);
            CommandKind::Acceptance(Box::new(AcceptedUse {
                agent_type: task_class.clone(),
                task_class,
                resource_type: verb.map(|_| resource_type),
                verb,
                destination: Some("a@b.example".into()),
                tool: Some(tool),
                ..AcceptedUse::default()
            }))
        }),
        import().prop_map(|import| CommandKind::Import(Box::new(import))),
        (learning_target(), learning_change()).prop_map(|(target, change)| {
            CommandKind::Learning(Box::new(LearningCommand { target, change }))
        }),
        (
            id(),
            select(vec![
                IncidentVerdict::TruePositive,
                IncidentVerdict::FalsePositive
            ])
        )
            .prop_map(|(incident_id, verdict)| CommandKind::Verdict {
                incident_id,
                verdict
            }),
    ];
    (tenant(), id(), id(), time(), of(free()), command).prop_map(
        |(tenant, agent_id, by, at_ms, reason, command)| ControlRecord {
            tenant,
            agent_id: match command.is_of_tenant() {
                true => Text::default(),
                false => agent_id,
            },
            by,
            at_ms: at_ms.max(946_684_800_000),
            reason,
            command,
        },
    )
}
