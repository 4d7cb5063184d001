//! What a record means: aliases, absent values, unknown words and fields, refusals.

use std::sync::LazyLock;

use super::decoder;
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::event::limits::{CHAIN_MAX, ID_BYTES_MAX, TEXT_BYTES_MAX};
use crate::event::{
    ActionField, ActionGroup, AgentAction, DeclaredStatus, FieldKind, InstructionSource, Measure,
    Sensitivity, TextBound, Verb,
};

fn action(json: &str) -> Result<AgentAction, DecodeError> {
    decoder()
        .decode_action(json.as_bytes())
        .map(|decoded| *decoded.value)
}

fn refusal(json: &str) -> String {
    let error = action(json).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Contract, "{json}: {error}");
    error.message
}

/// The names of the malformed fields of an action that is read nevertheless.
fn malformed(json: &str) -> Vec<&'static str> {
    let action = action(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    action.malformed.names().collect()
}

#[test]
fn the_least_action_has_every_default() {
    assert_eq!(action(r#"{"agent":{"id":"a"}}"#), Ok(AgentAction::new("a")));
    assert_eq!(
        action(r#" {"agent.id":"a","tenant":"","task":null,"outcome":null} "#),
        Ok(AgentAction::new("a"))
    );
    assert!(refusal("{}").contains("agent.id"));
    assert!(refusal(r#"{"agent":{"id":""}}"#).contains("agent.id"));
    assert!(refusal(r#"{"agent":null}"#).contains("agent.id"));
}

#[test]
fn a_field_given_twice_is_malformed_however_it_is_written() {
    let mixed = action(r#"{"agent":{"id":"a"},"agent.type":"t","resource.type":"db.table"}"#);
    let mixed = mixed.unwrap();
    assert_eq!(mixed.agent_type.as_deref(), Some("t"));
    assert_eq!(mixed.resource_type, "db.table");
    assert!(mixed.malformed.is_empty());
    for (twice, names) in [
        (
            r#""action.verb":"read","action.verb":"read""#,
            &["action.verb"][..],
        ),
        (
            r#""action":{"verb":"delete","verb":"read"}"#,
            &["action.verb"],
        ),
        (
            r#""action":{"verb":"delete"},"action.verb":"read""#,
            &["action.verb"],
        ),
        (
            r#""action.verb":"delete","acti\u006fn":{"v\u0065rb":"read"}"#,
            &["action.verb"],
        ),
        (
            r#""action.verb":"delete","action.verb":null,"action.verb":"read""#,
            &["action.verb"],
        ),
        (
            r#""action":{"verb":"delete"},"action":{"operation":"x"}"#,
            &["action"],
        ),
        (r#""action":{"verb":"delete"},"action":null"#, &["action"]),
        (
            r#""action":null,"action":[],"action.verb":"delete""#,
            &["action"],
        ),
    ] {
        let json = format!(r#"{{"agent.id":"a",{twice}}}"#);
        assert_eq!(malformed(&json), names, "{twice}");
        let read = action(&json).unwrap();
        assert_eq!(
            read.action_verb,
            Verb::Other,
            "{twice}: neither value is used"
        );
        assert_eq!(read.action_operation, None, "{twice}");
    }
    let unread = r#"{"agent.id":"a","x":{"k":1,"k":2},"x":3,"agent":{"shoe":1,"shoe":2}}"#;
    assert_eq!(malformed(unread), [""; 0], "nobody reads these fields");
}

#[test]
fn whose_action_it_is_comes_from_the_value_or_else_from_the_key() {
    let read = |value: &str, key: Option<&str>| {
        let key = key.map(str::as_bytes);
        let decoded = decoder().decode_keyed_action(value.as_bytes(), key);
        decoded.map(|decoded| decoded.value.agent_key().to_string())
    };
    for (value, key, agent) in [
        (r#"{"agent.id":"a"}"#, None, "default/a"),
        (r#"{"agent.id":"a"}"#, Some("acme/a"), "acme/a"),
        (r#"{"agent.id":"a","tenant":"t"}"#, Some("acme/b"), "t/a"),
        (r#"{"agent.id":"a"}"#, Some("acme/b"), "default/a"),
        ("{}", Some("acme/a"), "acme/a"),
        (r#"{"agent.id":7,"tenant":[]}"#, Some("acme/a"), "acme/a"),
        (r#"{"agent.id":"a\u0000"}"#, Some("acme/a"), "acme/a"),
        (
            r#"{"agent.id":"a","agent.id":"b"}"#,
            Some("acme/c"),
            "acme/c",
        ),
        (
            r#"{"agent":{"id":"a"},"agent":{"id":"b"}}"#,
            Some("acme/c"),
            "acme/c",
        ),
        (
            r#"{"agent.id":"a","tenant":"x/y"}"#,
            Some("acme/a"),
            "acme/a",
        ),
        (r#"{"tenant":"acme"}"#, Some("acme/x/y"), "acme/x/y"),
    ] {
        assert_eq!(read(value, key).as_deref(), Ok(agent), "{value} {key:?}");
    }
    let long = "x".repeat(257);
    let cut = format!(r#"{{"agent.id":"{long}"}}"#);
    for (value, key) in [
        // An agent could act as the agent of another tenant.
        (cut.as_str(), None),
        (r#"{"agent.id":"a","agent.id":"a"}"#, None),
        (r#"{"agent.id":"a","tenant":7}"#, None),
        (r#"{"agent.id":"a","tenant":7}"#, Some("acme/b")),
        (r#"{"agent.id":7,"tenant":"t"}"#, Some("acme/a")),
        ("{}", Some("acme")),
        ("{}", Some("acme/")),
        ("{}", Some("acme/a\n")),
        ("{}", None),
    ] {
        let error = read(value, key).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Contract, "{value} {key:?}");
    }
}

#[test]
fn a_wrong_type_in_any_field_is_malformed_in_both_notations() {
    // A strange word of these is the catch-all.
    let with_other = [ActionField::INSTRUCTION_SOURCE, ActionField::CONTENT_SOURCE];
    for field in ActionField::ALL {
        let path = field.path();
        let identity = [ActionField::AGENT_ID, ActionField::TENANT].contains(field);
        for probe in [
            "[[1]]",
            "{\"x\":[]}",
            "1e400",
            "-1",
            "\"\\u0007\"",
            "true",
            "NaN",
        ] {
            let allowed = match field.info().kind {
                FieldKind::Text => field.info().bound == TextBound::Free && probe.contains("\\u"),
                FieldKind::Word(_) => field.info().always && probe.starts_with('"'),
                FieldKind::Flag => probe == "true",
                _ => false,
            } || with_other.contains(field) && probe.starts_with('"');
            let key = b"acme/a".as_slice();
            let read = |json: String| {
                let decoded = decoder().decode_keyed_action(json.as_bytes(), Some(key));
                decoded
                    .unwrap_or_else(|error| panic!("{json}: {error}"))
                    .value
            };
            let mut forms = vec![format!(r#"{{"{path}":{probe}}}"#)];
            if let Some((group, leaf)) = path.split_once('.') {
                forms.push(format!(r#"{{"{group}":{{"{leaf}":{probe}}}}}"#));
            }
            for json in forms {
                let action = read(json.clone());
                assert_eq!(action.is_malformed(*field), !allowed, "{json}");
                assert_eq!(action.agent_id, "a", "{json}");
                let listed = field.info().kind == FieldKind::Texts;
                if !allowed && !identity && !listed && !field.info().always {
                    assert_eq!(field.value_in(&action), None, "{json}");
                }
            }
        }
    }
}

#[test]
fn a_group_that_is_no_object_makes_all_its_fields_malformed() {
    for group in ActionGroup::ALL {
        for probe in ["3", "[]", "\"x\"", "true", "[{\"id\":\"a\"}]", "NaN"] {
            let json = format!(r#"{{"{}":{probe}}}"#, group.name());
            let decoded = decoder().decode_keyed_action(json.as_bytes(), Some(b"acme/a"));
            let action = decoded.unwrap().value;
            assert_eq!(action.malformed.names().collect::<Vec<_>>(), [group.name()]);
            let fields = ActionField::ALL.iter();
            for field in fields.filter(|field| field.info().group == Some(*group)) {
                assert!(action.is_malformed(*field), "{}", field.path());
            }
        }
        let json = format!(r#"{{"agent.id":"a","{}":null}}"#, group.name());
        assert_eq!(malformed(&json), [""; 0]);
    }
}

#[test]
fn a_text_that_is_too_long_keeps_its_beginning_and_a_mark() {
    let long = |end: &str| format!("prod.customers?{}{end}", "ü".repeat(3_000));
    let read = |path: &str, text: &str| {
        action(&format!(r#"{{"agent.id":"a","{path}":"{text}"}}"#)).unwrap()
    };
    let one = read("resource.id", &long("1"));
    let cut = one.resource_id.as_deref().unwrap();
    assert!(
        cut.starts_with("prod.customers?ü") && cut.contains("… [6016 bytes, "),
        "{cut}"
    );
    assert!(cut.len() <= TEXT_BYTES_MAX && cut.len() > TEXT_BYTES_MAX - 4);
    assert!(one.is_malformed(ActionField::RESOURCE_ID));
    let other = read("resource.id", &long("2"));
    assert_ne!(other.resource_id, one.resource_id, "the ends differ");
    assert_eq!(read("resource.id", &long("1")), one);
    let tool = read("tool.name", &"x".repeat(300));
    assert!(tool.tool_name.as_deref().unwrap().starts_with("xxx"));
    assert_eq!(tool.tool_name.as_deref().unwrap().len(), ID_BYTES_MAX);
    for path in ["credential.id", "credential.issuer", "session.id"] {
        let action = read(path, &"x".repeat(300));
        let field = ActionField::from_path(path).unwrap();
        assert_eq!(field.value_in(&action), None, "a request could name it");
        assert!(action.is_malformed(field));
    }
}

#[test]
fn a_chain_keeps_its_length_up_to_the_limit() {
    let chain = |entries: &str| {
        let json = format!(r#"{{"agent.id":"a","delegation.chain":[{entries}]}}"#);
        action(&json).unwrap()
    };
    let odd = chain(r#""root",7,"","a\u0000",null,["x"],{},"a""#);
    let mut expected = vec!["root"];
    expected.extend(["\u{fffd}"; 6]);
    expected.push("a");
    assert_eq!(odd.delegation_chain, expected);
    assert_eq!(
        odd.malformed.names().collect::<Vec<_>>(),
        ["delegation.chain"]
    );
    let long = chain(&vec!["\"x\""; CHAIN_MAX + 1].join(","));
    assert_eq!(long.delegation_chain.len(), CHAIN_MAX);
    assert!(long.is_malformed(ActionField::DELEGATION_CHAIN));
}

#[test]
fn the_names_of_malformed_fields_survive_a_second_record() {
    let odd = format!(
        r#"{{"agent.id":"a","task":3,"tool.name":"{}","volume.records":-1}}"#,
        "x".repeat(300)
    );
    let first = action(&odd).unwrap();
    let written = crate::codec::json::write_action(&first);
    assert_eq!(*decoder().decode_action(&written).unwrap().value, first);
    let names = r#""event.malformed":["tool.name",7,"shoe",["task.id"],null,"task"]"#;
    assert_eq!(
        malformed(&format!(r#"{{"agent.id":"a",{names}}}"#)),
        ["tool.name", "task"]
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = format!(r#"{{"agent.id":"a","event":{{"malformed":{deep}}}}}"#);
    assert_eq!(malformed(&json), [""; 0]);
}

#[test]
fn unknown_words_claim_nothing() {
    let strange = action(
        r#"{"agent.id":"a","action.verb":"frobnicate","instruction.source":"oracle",
            "resource.sensitivity":"cosmic","outcome":"maybe","channel.network":"carrier-pigeon",
            "delegation.state":"odd"}"#,
    )
    .unwrap();
    let mut expected = AgentAction {
        action_verb: Verb::Other,
        instruction_source: Some(InstructionSource::Unknown),
        ..AgentAction::new("a")
    };
    // The other lists have no word for what they lack.
    for name in [
        "resource.sensitivity",
        "outcome",
        "channel.network",
        "delegation.state",
    ] {
        expected.malformed.insert_name(name);
    }
    assert_eq!(strange, expected);
    let unsaid = r#"{"agent.id":"a","resource.sensitivity":"Unknown","outcome":"unknown"}"#;
    assert_eq!(action(unsaid), Ok(AgentAction::new("a")));
}

#[test]
fn words_are_read_without_case() {
    let action = |verb: &str, sensitivity: &str| {
        let json = format!(
            r#"{{"agent":{{"id":"a"}},"action":{{"verb":"{verb}"}},
                "resource":{{"sensitivity":"{sensitivity}"}}}}"#
        );
        let decoded = decoder().decode_action(json.as_bytes()).unwrap();
        let value = decoded.value;
        (
            value.action_verb,
            value.resource_sensitivity,
            decoded.unknown_fields,
        )
    };
    assert_eq!(
        action("DELETE", "Restricted"),
        (Verb::Delete, Some(Sensitivity::Restricted), 0)
    );
    assert_eq!(action("DELETED", "secret"), (Verb::Other, None, 0));
    let scope = r#"{"scope_id":"s","agent":{"id":"a"},"status":"Revoked","grants":[
        {"resource_types":["email"],"verbs":["Read"],"sensitivity_max":"INTERNAL"}]}"#;
    let scope = decoder().decode_scope(scope.as_bytes()).unwrap().value;
    assert_eq!(scope.status, DeclaredStatus::Revoked);
    assert_eq!(scope.grants[0].verbs, [Verb::Read]);
    assert_eq!(scope.grants[0].sensitivity_max, Some(Sensitivity::Internal));
}

#[test]
fn unknown_fields_are_ignored_and_counted_on_every_level() {
    let json = r#"{"agent":{"id":"a","shoe_size":41},"x":{"y":[1,{"z":null}]},"weird.name":true}"#;
    let decoded = decoder().decode_action(json.as_bytes()).unwrap();
    assert_eq!(
        (decoded.value, decoded.unknown_fields),
        (Box::new(AgentAction::new("a")), 3)
    );
}

#[test]
fn a_scope_takes_its_aliases_and_refuses_what_could_widen_it() {
    let scope = |json: &str| {
        decoder()
            .decode_scope(json.as_bytes())
            .map(|decoded| decoded.value)
    };
    let good = scope(
        r#"{"scope_id":"s","agent_id":"a","task.id":"t","expires_at":"2030-01-01T00:00:00Z",
            "limits":[{"measure":"sum: volume.bytes_out","window":"1h","max":5e7}],
            "hours":{"days":"mon-fri","from":"07:00","to":"19:00"}}"#,
    )
    .unwrap();
    assert_eq!(
        (good.agent_id.as_str(), good.task_id.as_deref()),
        ("a", Some("t"))
    );
    assert_eq!(
        good.limits[0].measure,
        Measure::parse("sum: volume.bytes_out").unwrap()
    );
    assert_eq!(good.hours.unwrap().days, [1, 2, 3, 4, 5]);
    for (bad, names) in [
        (r#""status":"paused""#, "status"),
        (
            r#""grants":[{"resource_types":["db"],"sensitivity_max":"cosmic"}]"#,
            "sensitivity_max",
        ),
        (
            r#""grants":[{"resource_types":[]}]"#,
            "grants[0].resource_types",
        ),
        (
            r#""grants":[{"resource_types":["db"],"verbs":[""]}]"#,
            "verbs",
        ),
        (r#""tools":[""]"#, "tools"),
        (
            r#""limits":[{"measure":"sum: agent.id","window":"1h","max":1}]"#,
            "measure",
        ),
        // A sum of numbers that only order records means nothing.
        (
            r#""limits":[{"measure":"sum: gateway.sequence","window":"1h","max":1}]"#,
            "measure",
        ),
        (
            r#""limits":[{"measure":"count","window":"40d","max":1}]"#,
            "window",
        ),
        (r#""limits":[{"measure":"count","window":"1h"}]"#, "max"),
        (r#""agent":{"id":"b"}"#, "given twice"),
        (r#""task":{"id":"x"},"task.id":"x""#, "given twice"),
        (r#""delegation":{"depth_max":-1}"#, "depth_max"),
        (r#""hours":{"from":"07:00"}"#, "hours.to"),
    ] {
        let error = scope(&format!(r#"{{"scope_id":"s","agent_id":"a",{bad}}}"#)).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Contract, "{bad}");
        assert!(error.message.contains(names), "{bad}: {error}");
    }
}

#[test]
fn a_control_record_has_exactly_one_known_command() {
    let head = r#""tenant":"t","agent":{"id":"a"},"by":"eve","at":"2026-01-01T00:00:00Z""#;
    let control =
        |rest: &str| decoder().decode_control(format!("{{{head},{rest}}}").as_bytes(), None);
    let two = r#""withdrawal":{"txn":"x"},"verdict":{"incident_id":"i","verdict":"true_positive"}"#;
    for bad in [
        r#""reason":"none""#,
        two,
        r#""decision":{"txn":"x","decision":"perhaps"}"#,
        r#""decision":{"decision":"approve"}"#,
    ] {
        assert_eq!(
            control(bad).unwrap_err().kind,
            DecodeErrorKind::Contract,
            "{bad}"
        );
    }
    let decoded = control(r#""withdrawal":{"txn":"x","colour":"red"}"#).unwrap();
    assert_eq!(decoded.unknown_fields, 1);
}

static CONTROL_VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let text = include_str!("../../../schemas/agent-control.schema.json");
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
});

proptest::proptest! {
    #![proptest_config(crate::property::config(256))]

    #[test]
    fn control_records_match_their_json_schema(control in super::generate::control()) {
        let json = crate::codec::json::write_control(&control);
        assert!(CONTROL_VALIDATOR.is_valid(&serde_json::from_slice(&json).unwrap()));
    }
}
