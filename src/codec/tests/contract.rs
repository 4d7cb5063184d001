//! What a record means: aliases, absent values, unknown words and fields, refusals.

use std::sync::LazyLock;

use super::decoder;
use crate::codec::avro::Encoder;
use crate::codec::{DecodeError, DecodeErrorKind};
use crate::event::{
    ActionField, AgentAction, DeclaredStatus, InstructionSource, Measure, Sensitivity, Verb,
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
fn dotted_and_nested_names_mix_and_a_field_given_twice_is_refused() {
    let mixed = action(r#"{"agent":{"id":"a"},"agent.type":"t","resource.type":"db.table"}"#);
    let mixed = mixed.unwrap();
    assert_eq!(mixed.agent_type.as_deref(), Some("t"));
    assert_eq!(mixed.resource_type, "db.table");
    for twice in [
        r#"{"agent":{"id":"a"},"agent.id":"a"}"#,
        r#"{"agent":{"id":"a","id":"b"}}"#,
        r#"{"agent":{"id":"a"},"agent":{"type":"t"}}"#,
        r#"{"agent.id":"a","tenant":null,"tenant":"b"}"#,
    ] {
        assert!(refusal(twice).contains("given twice"), "{twice}");
    }
}

#[test]
fn every_field_of_the_table_is_taken_in_both_notations() {
    for path in ActionField::ALL.iter().map(|field| field.path()) {
        // A value of the wrong type shows that the name reaches its field.
        let probe = if path == "delegation.chain" {
            "1"
        } else {
            "[1]"
        };
        let refused = refusal(
            &format!(r#"{{"agent.id":"a","{path}":{probe}}}"#)
                .replace(r#""agent.id":"a","agent.id""#, r#""agent.id""#),
        );
        assert!(refused.starts_with(path), "{refused}");
        if let Some((group, leaf)) = path.split_once('.') {
            let refused = refusal(&format!(r#"{{"{group}":{{"{leaf}":{probe}}}}}"#));
            assert!(refused.starts_with(path), "{refused}");
        }
    }
}

#[test]
fn unknown_words_claim_nothing() {
    let strange = action(
        r#"{"agent.id":"a","action.verb":"frobnicate","instruction.source":"oracle",
            "resource.sensitivity":"cosmic","outcome":"maybe","channel.network":"carrier-pigeon",
            "delegation.state":"odd"}"#,
    )
    .unwrap();
    let expected = AgentAction {
        action_verb: Verb::Other,
        instruction_source: Some(InstructionSource::Unknown),
        ..AgentAction::new("a")
    };
    assert_eq!(strange, expected);
}

#[test]
fn words_are_read_without_case_and_a_lost_one_is_counted() {
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
    assert_eq!(action("DELETED", "secret"), (Verb::Other, None, 1));
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
fn times_are_epoch_milliseconds_or_rfc_3339() {
    let at = |value: &str| {
        action(&format!(r#"{{"agent.id":"a","occurred_at":{value}}}"#)).map(|a| a.occurred_at_ms)
    };
    assert_eq!(at("1688990125000"), Ok(Some(1_688_990_125_000)));
    assert_eq!(at("1688990125000.0"), Ok(Some(1_688_990_125_000)));
    assert_eq!(at("\"2023-07-10T11:55:25Z\""), Ok(Some(1_688_990_125_000)));
    assert_eq!(
        at("\"2023-07-10T13:55:25.0019+02:00\""),
        Ok(Some(1_688_990_125_001))
    );
    assert_eq!(at("253402300799999"), Ok(Some(253_402_300_799_999)));
    for bad in [
        "-1",
        "253402300800000",
        "1.5",
        "\"yesterday\"",
        "\"2023-07-10\"",
        "true",
        "1e300",
    ] {
        assert_eq!(
            at(bad).unwrap_err().kind,
            DecodeErrorKind::Contract,
            "{bad}"
        );
    }
}

#[test]
fn volumes_are_finite_and_not_negative() {
    for bad in [
        r#""volume.records":-1"#,
        r#""volume.bytes_out":1.5"#,
        r#""volume.cost_usd":-0.01"#,
        r#""latency_us":9223372036854775808"#,
        r#""volume.tokens_in":"7""#,
    ] {
        refusal(&format!(r#"{{"agent.id":"a",{bad}}}"#));
    }
    let good = r#"{"agent.id":"a","volume":{"records":9223372036854775807,"cost_usd":3}}"#;
    let good = action(good).unwrap();
    assert_eq!(good.volume_records, Some(i64::MAX as u64));
    assert_eq!(good.volume_cost_usd, Some(3.0));
    let decoder = decoder();
    for cost in [f64::NAN, f64::INFINITY, -1.0] {
        let action = AgentAction {
            volume_cost_usd: Some(cost),
            ..AgentAction::new("a")
        };
        let bytes = Encoder::new(decoder.schemas())
            .action_single_object(&action)
            .unwrap();
        assert_eq!(
            decoder.decode_action(&bytes).unwrap_err().kind,
            DecodeErrorKind::Contract,
            "{cost}"
        );
    }
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    let message = refusal(r#"{"agent.id":"a","resource.id":7}"#);
    assert_eq!(message, "resource.id: expected text, found a number");
    assert!(refusal(r#"{"agent":"a"}"#).contains("expected an object"));
    assert!(refusal(r#"{"agent.id":"a","delegation.chain":["x",7]}"#).contains("delegation.chain"));
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
