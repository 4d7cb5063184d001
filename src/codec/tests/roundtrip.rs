//! One value through every form comes back as it was, and means the same to independent readers.

use proptest::prelude::*;

use super::decoder;
use super::generate::{action, control, scope};
use crate::codec::avro::{
    ACTION_SCHEMA, ActionFileWriter, Compression, Encoder, SCOPE_SCHEMA, ScopeFileWriter, open_file,
};
use crate::codec::json;
use crate::event::limits::{LINK_BYTES_MAX, RECORD_BYTES_MAX};
use crate::event::{
    AddressedLink, AgentAction, AgentKey, AgentScope, AgentSelection, AgentsNotice, ClassNotice,
    CredentialKey, LearningChange, Link, LinkBody, LinkCause, LinkTarget, LogNumber, ProfileKind,
    ProfileName, ProfileNotice, RecordPosition, TargetNotice, TaskClass, TaskNotice, TaskUse,
    USUAL_VOLUMES_MAX, UsesNotice, UsualSum, UsualVolume,
};

/// An independent reader of the Avro format, with the schema resolved by it.
fn by_apache_avro(schema: &str, datum: &[u8]) -> apache_avro::types::Value {
    let schema = apache_avro::Schema::parse_str(schema).unwrap();
    let mut rest = datum;
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema)
        .build()
        .unwrap();
    let value = reader.read_value(&mut rest).unwrap();
    assert!(rest.is_empty());
    value
}

proptest! {
    #![proptest_config(crate::property::config(200))]

    #[test]
    fn an_action_comes_back_from_every_form(action in action()) {
        let decoder = decoder();
        let encoder = Encoder::new(decoder.schemas());
        let forms = [
            json::write_action(&action),
            encoder.action_single_object(&action).unwrap(),
            encoder.action_confluent(7, &action).unwrap(),
        ];
        for form in forms {
            let decoded = decoder.decode_action(&form).unwrap();
            prop_assert_eq!(&*decoded.value, &action);
            prop_assert_eq!(decoded.unknown_fields, 0);
        }
        by_apache_avro(ACTION_SCHEMA, &encoder.action_confluent(7, &action).unwrap()[5..]);
    }

    #[test]
    fn a_scope_comes_back_from_every_form(scope in scope()) {
        let decoder = decoder();
        let encoder = Encoder::new(decoder.schemas());
        let forms = [
            json::write_scope(&scope),
            encoder.scope_single_object(&scope).unwrap(),
            encoder.scope_confluent(8, &scope).unwrap(),
        ];
        for form in forms {
            let decoded = decoder.decode_scope(&form).unwrap();
            prop_assert_eq!(&decoded.value, &scope);
            prop_assert_eq!(decoded.unknown_fields, 0);
        }
        by_apache_avro(SCOPE_SCHEMA, &encoder.scope_confluent(8, &scope).unwrap()[5..]);
    }

    #[test]
    fn a_control_record_comes_back(control in control()) {
        let decoded = decoder().decode_control(&json::write_control(&control), None).unwrap();
        prop_assert_eq!(decoded.value, control);
        prop_assert_eq!(decoded.unknown_fields, 0);
    }

    #[test]
    fn files_come_back_under_every_compression(
        actions in proptest::collection::vec(action(), 0..40),
        scopes in proptest::collection::vec(scope(), 0..10),
    ) {
        let decoder = decoder();
        for compression in [Compression::None, Compression::Deflate, Compression::Zstandard] {
            let mut file =
                ActionFileWriter::new(Vec::new(), decoder.schemas(), compression).unwrap();
            for action in &actions {
                file.append(action).unwrap();
            }
            let bytes = file.finish().unwrap();
            let read: Vec<AgentAction> = open_file(bytes.as_slice())
                .unwrap()
                .map(|record| record.unwrap().value)
                .collect();
            prop_assert_eq!(&read, &actions);

            let mut file =
                ScopeFileWriter::new(Vec::new(), decoder.schemas(), compression).unwrap();
            for scope in &scopes {
                file.append(scope).unwrap();
            }
            let bytes = file.finish().unwrap();
            let read: Vec<AgentScope> = open_file(bytes.as_slice())
                .unwrap()
                .map(|record| record.unwrap().value)
                .collect();
            prop_assert_eq!(&read, &scopes);
        }
    }
}

#[test]
fn a_file_of_many_blocks_is_read_whole_and_by_an_independent_reader() {
    let decoder = decoder();
    let action = AgentAction {
        task_purpose: Some("p".repeat(4_000).into()),
        ..AgentAction::new("a")
    };
    for (compression, independent) in [(Compression::None, true), (Compression::Deflate, true)] {
        let mut file = ActionFileWriter::new(Vec::new(), decoder.schemas(), compression).unwrap();
        for _ in 0..100 {
            file.append(&action).unwrap();
        }
        let bytes = file.finish().unwrap();
        let read = open_file::<AgentAction, _>(bytes.as_slice()).unwrap();
        assert_eq!(
            read.filter(|record| record.as_ref().unwrap().value == action)
                .count(),
            100
        );
        if independent {
            let reader = apache_avro::Reader::new(bytes.as_slice()).unwrap();
            assert_eq!(reader.filter(|value| value.is_ok()).count(), 100);
        }
    }
}

/// Reference values computed with an independent implementation of the specification's canonical
/// form and CRC-64-AVRO. They change with the schemas, on purpose: a changed fingerprint means that
/// gateways must write with the new schema or register the old one.
#[test]
fn our_fingerprints_are_those_of_the_specification() {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let decoder = decoder();
    assert_eq!(
        hex(&decoder.schemas().action_fingerprint()),
        "c0725bc11e49fffd"
    );
    assert_eq!(
        hex(&decoder.schemas().scope_fingerprint()),
        "c756fe86fc9c27a0"
    );
}

fn task_notice() -> TaskNotice {
    TaskNotice {
        tenant: "acme".into(),
        agent: 7,
        agent_type: "desk".into(),
        task_class: Some("refund".into()),
        ended_ms: 1,
        teaching: true,
        accepted: true,
        used: TaskUse {
            pairs: vec![1, u64::MAX],
            models: vec![7],
            hours: 1 << 23,
            ..TaskUse::default()
        },
        volumes: vec![UsualVolume {
            metric: "actions".into(),
            pane_ms: 60_000,
            active: LogNumber::of(0.25),
            sums: [UsualSum {
                mean: LogNumber::of(4.0),
                variance: LogNumber::of(16.0),
            }; 3],
        }],
    }
}

fn class_notice() -> ClassNotice {
    ClassNotice {
        tenant: "acme".into(),
        class: TaskClass {
            agent_type: "desk".into(),
            task_class: Some("refund".into()),
        },
        at_ms: 7,
        order: (3, 1),
        change: LearningChange::Reset { since_ms: Some(5) },
    }
}

fn agents_notice() -> AgentsNotice {
    AgentsNotice {
        tenant: "acme".into(),
        selection: AgentSelection {
            agent_type: "desk".into(),
        },
        at_ms: 7,
        order: (3, 1),
        change: LearningChange::Freeze,
    }
}

fn profile_notice() -> ProfileNotice {
    ProfileNotice {
        tenant: "acme".into(),
        name: ProfileName {
            agent_type: "desk".into(),
            part: ProfileKind::Class("refund".into()),
        },
        at_ms: 7,
        order: (3, 1),
        state: r#"{"tasks": 1}"#.into(),
    }
}

/// The links that come back: every target, with and without a cause.
fn links() -> Vec<AddressedLink> {
    let cause = LinkCause {
        position: RecordPosition {
            topic: "agent.actions".into(),
            partition: 3,
            offset: i64::MAX,
            index: 7,
        },
        append_ms: 1_772_442_000_000,
        at_ms: 1_772_442_000_001,
        event_id: "evt-1 \u{e9}".into(),
    };
    let bodies = [
        LinkBody::Tick,
        LinkBody::BudgetRearmed {
            tenant: "acme".into(),
            at_ms: 1,
        },
        LinkBody::TenantManaged {
            tenant: "acme".into(),
        },
        LinkBody::TaskEndedClean(Box::new(task_notice())),
        LinkBody::TaskSetAside(Box::new(task_notice())),
        LinkBody::ProfileImported(Box::new(profile_notice())),
        LinkBody::ClassChanged(Box::new(class_notice())),
        LinkBody::AgentsChanged(Box::new(agents_notice())),
        LinkBody::TargetRequested(Box::new(TargetNotice {
            planner: "top".into(),
            txn: "0".repeat(32).into(),
            credential: Some(("tok".into(), "https://idp".into())),
            asked_ms: 1,
            confirmed_ms: Some(2),
            until_ms: 3,
            over: true,
        })),
        LinkBody::TargetUsed(Box::new(UsesNotice {
            member: "leaf".into(),
            txn: "0".repeat(32).into(),
            asked_ms: 1,
            count: 7,
            last_ms: 9,
        })),
        LinkBody::Probe {
            reply_to: Some(AgentKey::new("acme", "a/1")),
        },
    ];
    let targets = [
        LinkTarget::AllPartitions,
        LinkTarget::Agent(AgentKey::new("acme", "bot/1#x")),
        LinkTarget::Credential(CredentialKey::new("acme", "urn:cred/1")),
    ];
    let mut links = Vec::new();
    for body in bodies {
        for target in &targets {
            for cause in [None, Some(cause.clone())] {
                links.push(AddressedLink {
                    target: target.clone(),
                    link: Link {
                        cause,
                        body: body.clone(),
                    },
                });
            }
        }
    }
    links
}

#[test]
fn links_come_back_with_target_and_cause() {
    for link in links() {
        let bytes = json::write_link(&link);
        assert_eq!(decoder().decode_link(&bytes).unwrap().value, link);
    }
}

#[test]
fn a_link_may_have_more_bytes_than_a_record_of_an_input_and_no_more_than_its_own_bound() {
    let padded = |bytes: usize| {
        let mut link = b"{\"body\":\"tick\"}".to_vec();
        link.resize(bytes, b' ');
        decoder().decode_link(&link)
    };
    assert!(padded(RECORD_BYTES_MAX + 1).is_ok());
    assert!(padded(LINK_BYTES_MAX).is_ok());
    let error = padded(LINK_BYTES_MAX + 1).unwrap_err();
    assert_eq!(error.kind.as_str(), "too_large");
}

#[test]
fn a_strange_link_is_refused() {
    let long = "x".repeat(257);
    let tick = |rest: String| format!("{{\"body\":\"tick\",{rest}}}");
    let to_agent = |tenant: &str, agent: &str| {
        tick(format!(
            "\"target\":{{\"agent\":{{\"tenant\":\"{tenant}\",\"agent\":\"{agent}\"}}}}"
        ))
    };
    let to_credential = |tenant: &str, id: &str| {
        tick(format!(
            "\"target\":{{\"credential\":{{\"tenant\":\"{tenant}\",\"id\":\"{id}\"}}}}"
        ))
    };
    let caused = |topic: &str, at_ms: i64, event_id: &str| {
        tick(format!(
            "\"cause\":{{\"position\":{{\"topic\":\"{topic}\",\"partition\":0,\"offset\":1,\
             \"index\":0}},\"append_ms\":1,\"at_ms\":{at_ms},\"event_id\":\"{event_id}\"}}"
        ))
    };
    let good = [
        to_agent("t", "a"),
        to_credential("t", "c"),
        caused("t", 1, "e"),
    ];
    for good in good {
        decoder().decode_link(good.as_bytes()).unwrap();
    }
    let requested = |planner: &str, until_ms: i64| {
        format!(
            "{{\"body\":{{\"target_requested\":{{\"planner\":\"{planner}\",\"txn\":\"x\",\
             \"asked_ms\":1,\"until_ms\":{until_ms}}}}}}}"
        )
    };
    let used = |member: &str, last_ms: i64| {
        format!(
            "{{\"body\":{{\"target_used\":{{\"member\":\"{member}\",\"txn\":\"x\",\
             \"asked_ms\":1,\"count\":1,\"last_ms\":{last_ms}}}}}}}"
        )
    };
    for good in [requested("p", 1), used("m", 1)] {
        decoder().decode_link(good.as_bytes()).unwrap();
    }
    for bad in [
        requested("", 1),
        requested(&long, 1),
        requested("p", i64::MAX),
        used("", 1),
        used(&long, 1),
        used("m", i64::MAX),
        "{\"body\":\"nonsense\"}".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "{\"body\":{\"tenant_managed\":{\"tenant\":\"a/b\"}}}".to_owned(),
        to_agent("", "a"),
        to_agent("t", ""),
        to_agent("t/u", "a"),
        to_agent("t", &long),
        to_credential("", "c"),
        to_credential("t", ""),
        to_credential("t/u", "c"),
        to_credential("t", &long),
        caused(&long, 1, "e"),
        caused("t", -1, "e"),
        caused("t", 1, &"e".repeat(5_000)),
    ] {
        assert!(decoder().decode_link(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn usual_volumes_that_nobody_can_have_are_refused() {
    let decode = |change: &dyn Fn(&mut TaskNotice)| {
        let mut notice = task_notice();
        change(&mut notice);
        let link = AddressedLink {
            target: LinkTarget::AllPartitions,
            link: Link {
                cause: None,
                body: LinkBody::TaskEndedClean(Box::new(notice)),
            },
        };
        decoder().decode_link(&json::write_link(&link))
    };
    let repeated = |notice: &mut TaskNotice, times: usize| {
        notice.volumes = vec![notice.volumes[0].clone(); times];
    };
    let too_large: LogNumber = serde_json::from_str("2000000").unwrap();
    assert!(decode(&|notice| repeated(notice, USUAL_VOLUMES_MAX)).is_ok());
    assert!(decode(&|notice| repeated(notice, USUAL_VOLUMES_MAX + 1)).is_err());
    assert!(decode(&|notice| notice.volumes[0].pane_ms = 0).is_err());
    assert!(decode(&|notice| notice.volumes[0].active = too_large).is_err());
    assert!(decode(&|notice| notice.volumes[0].sums[2].variance = too_large).is_err());
    assert!(decode(&|notice| notice.volumes[0].metric = "x".repeat(257).into()).is_err());
}

#[test]
fn a_notice_of_a_gateway_is_bounded() {
    let read = |gateway: &str, numbers: usize| {
        let steps = vec!["1"; numbers].join(",");
        let link = format!(
            "{{\"body\":{{\"gateway_numbers\":{{\"gateway\":\"{gateway}\",\"partition\":0,\
             \"as_of_ms\":1,\"steps\":[{steps}]}}}}}}"
        );
        decoder().decode_link(link.as_bytes())
    };
    read("g", 0).unwrap();
    read("g", 512).unwrap();
    for (gateway, numbers) in [("", 1), (&*"g".repeat(257), 1), ("g", 513)] {
        assert!(read(gateway, numbers).is_err(), "{gateway}: {numbers}");
    }
}
