//! What numbers and times a record may hold.

use super::decoder;
use crate::codec::DecodeError;
use crate::codec::avro::Encoder;
use crate::event::{ActionField, AgentAction};

fn action(json: &str) -> Result<AgentAction, DecodeError> {
    decoder()
        .decode_action(json.as_bytes())
        .map(|decoded| *decoded.value)
}

/// The names of the malformed fields of an action that is read nevertheless.
fn malformed(json: &str) -> Vec<&'static str> {
    let action = action(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    action.malformed.names().collect()
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
        assert_eq!(at(bad), Ok(None), "{bad}");
        let json = format!(r#"{{"agent.id":"a","occurred_at":{bad}}}"#);
        assert_eq!(malformed(&json), ["occurred_at"]);
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
        assert_eq!(
            malformed(&format!(r#"{{"agent.id":"a",{bad}}}"#)).len(),
            1,
            "{bad}"
        );
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
        let read = decoder.decode_action(&bytes).unwrap().value;
        assert!(read.is_malformed(ActionField::VOLUME_COST_USD), "{cost}");
        assert_eq!(read.volume_cost_usd, None, "{cost}");
    }
}

#[test]
fn a_record_number_is_whole_and_a_malformed_one_is_no_reason_not_to_judge() {
    for (value, number) in [
        ("0", Some(0)),
        ("7.0", Some(7)),
        ("9007199254740993", Some(9_007_199_254_740_993)),
        ("9223372036854775807", Some(i64::MAX as u64)),
        ("9223372036854775808", None),
        ("-1", None),
        ("1.5", None),
        ("\"7\"", None),
        ("[7]", None),
    ] {
        for json in [
            format!(r#"{{"agent.id":"a","gateway.sequence":{value}}}"#),
            format!(r#"{{"agent.id":"a","gateway":{{"id":"g","sequence":{value}}}}}"#),
        ] {
            let read = action(&json).unwrap();
            assert_eq!(read.gateway_sequence, number, "{json}");
            let names: Vec<_> = read.malformed.names().collect();
            let expected: &[&str] = if number.is_some() {
                &[]
            } else {
                &["gateway.sequence"]
            };
            assert_eq!(names, expected, "{json}");
        }
    }
}
