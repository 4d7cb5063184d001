//! Logical types of Avro: what is converted, and what is refused when the schema is loaded.

use serde_json::{Value, json};

use crate::codec::{Decoder, SchemaSet};
use crate::event::AgentAction;
use crate::text::SourceFile;

/// 2026-03-02T10:00:00.123Z.
const AT_MS: i64 = 1_772_445_600_123;

/// A decoder that knows this schema as number 1; the message of its refusal.
fn load(fields: &Value) -> Result<Decoder, String> {
    let schema = json!({"type": "record", "name": "Foreign", "fields": fields});
    let file = SourceFile {
        path: "f.avsc".into(),
        text: schema.to_string(),
    };
    SchemaSet::new([(1, file)])
        .map(Decoder::new)
        .map_err(|problems| problems[0].to_string())
}

/// The action of a record with `agent.id` and the field `name`, whose value is `bytes`.
fn read(name: &str, kind: &Value, bytes: &[u8]) -> Result<AgentAction, String> {
    // Names with a dot are not Avro's: the members stand in groups.
    let fields = match name.split_once('.') {
        None => json!([group("agent", "id", &json!("string")), {"name": name, "type": kind}]),
        Some((outer, inner)) => json!([
            group("agent", "id", &json!("string")),
            group(outer, inner, kind)
        ]),
    };
    let decoder = load(&fields)?;
    let mut record = vec![0, 0, 0, 0, 1, 2, b'a'];
    record.extend_from_slice(bytes);
    let decoded = decoder.decode_action(&record);
    decoded
        .map(|decoded| *decoded.value)
        .map_err(|error| error.to_string())
}

fn group(name: &str, member: &str, kind: &Value) -> Value {
    let record = json!({"type": "record", "name": format!("G{name}"),
        "fields": [{"name": member, "type": kind}]});
    json!({"name": name, "type": record})
}

/// A number as Avro writes it.
fn long(number: i64) -> Vec<u8> {
    let mut left = (number << 1 ^ number >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

#[test]
fn a_time_is_the_same_in_every_unit() {
    let logical = |name: &str| json!({"type": "long", "logicalType": name});
    let debezium =
        |name: &str| json!({"type": "long", "connect.name": format!("io.debezium.time.{name}")});
    for (kind, number, expected) in [
        (json!("long"), AT_MS, AT_MS),
        (logical("timestamp-millis"), AT_MS, AT_MS),
        (logical("timestamp-micros"), AT_MS * 1_000 + 999, AT_MS),
        (
            logical("timestamp-nanos"),
            AT_MS * 1_000_000 + 999_999,
            AT_MS,
        ),
        (debezium("MicroTimestamp"), AT_MS * 1_000, AT_MS),
        (debezium("NanoTimestamp"), AT_MS * 1_000_000, AT_MS),
        (
            json!({"type": logical("timestamp-micros")}),
            AT_MS * 1_000,
            AT_MS,
        ),
        (
            json!({"type": "long", "logicalType": "timestamp-micros", "x": 1}),
            1_000,
            1,
        ),
        (
            json!({"type": "int", "logicalType": "date"}),
            20_514,
            20_514 * 86_400_000,
        ),
    ] {
        let action = read("occurred_at", &kind, &long(number)).unwrap();
        assert_eq!(action.occurred_at_ms, Some(expected), "{kind}");
        let union = json!(["null", kind]);
        let bytes = [vec![2], long(number)].concat();
        let action = read("credential.issued_at", &union, &bytes).unwrap();
        assert_eq!(action.credential_issued_at_ms, Some(expected), "{union}");
    }
}

#[test]
fn a_decimal_is_its_number() {
    let bytes = |scale: u32| json!({"type": "bytes", "logicalType": "decimal", "scale": scale});
    let fixed = json!({"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal",
        "precision": 18, "scale": 4});
    let read_cost = |kind: &Value, bytes: &[u8]| {
        read("volume.cost_usd", kind, bytes)
            .unwrap()
            .volume_cost_usd
    };
    assert_eq!(read_cost(&bytes(4), &[6, 0x01, 0xe2, 0x40]), Some(12.3456));
    assert_eq!(read_cost(&bytes(0), &[2, 0x7f]), Some(127.0));
    assert_eq!(read_cost(&fixed, &123_456_i64.to_be_bytes()), Some(12.3456));
    let records = read("volume.records", &bytes(2), &[4, 0x01, 0x2c]).unwrap();
    assert_eq!(records.volume_records, Some(3));
}

#[test]
fn a_field_whose_logical_type_is_not_converted_refuses_the_schema() {
    let long = |name: &str| json!({"type": "long", "logicalType": name});
    let fixed = |size: u32, name: &str| {
        json!({"type": "fixed", "name": "F", "size": size,
                "logicalType": name})
    };
    for (name, kind, logical) in [
        (
            "occurred_at",
            long("local-timestamp-millis"),
            "local-timestamp-millis",
        ),
        (
            "occurred_at",
            long("local-timestamp-micros"),
            "local-timestamp-micros",
        ),
        (
            "occurred_at",
            long("timestamp-seconds"),
            "timestamp-seconds",
        ),
        ("occurred_at", long("time-micros"), "time-micros"),
        ("occurred_at", long("date"), "date"),
        ("occurred_at", fixed(12, "duration"), "duration"),
        (
            "occurred_at",
            json!({"type": "bytes", "logicalType": "decimal"}),
            "decimal",
        ),
        ("volume.records", long("timestamp-micros"), "of a time"),
        ("volume.cost_usd", fixed(17, "decimal"), "decimal"),
        ("tool.server", fixed(16, "uuid"), "uuid"),
        (
            "credential.expires_at",
            json!(["null", long("time-micros")]),
            "time-micros",
        ),
    ] {
        let refusal = read(name, &kind, &[]).unwrap_err();
        assert!(
            refusal.contains(name) && refusal.contains(logical),
            "{name} {kind}: {refusal}"
        );
    }
}

#[test]
fn what_nobody_reads_and_what_is_text_may_have_any_logical_type() {
    let odd = json!({"type": "long", "logicalType": "local-timestamp-micros"});
    assert!(read("unheard_of", &odd, &long(7)).is_ok());
    let text = json!({"type": "string", "logicalType": "uuid"});
    let action = read("event_id", &text, &[4, b'i', b'd']).unwrap();
    assert_eq!(action.event_id.as_deref(), Some("id"));
    let text = json!({"type": "string", "logicalType": "iso-8601"});
    let at = b"2026-03-02T10:00:00.123Z";
    let bytes = [&[at.len() as u8 * 2][..], at].concat();
    let action = read("occurred_at", &text, &bytes).unwrap();
    assert_eq!(action.occurred_at_ms, Some(AT_MS));
}

#[test]
fn a_scope_s_time_is_in_milliseconds_or_its_schema_is_refused() {
    let fields = |logical: &str| {
        let at = json!({"type": "long", "logicalType": logical});
        json!([{"name": "scope_id", "type": "string"}, {"name": "agent_id", "type": "string"},
            {"name": "effective_from", "type": ["null", at]}])
    };
    assert!(load(&fields("timestamp-millis")).is_ok());
    for logical in [
        "timestamp-micros",
        "timestamp-nanos",
        "local-timestamp-millis",
    ] {
        let refusal = load(&fields(logical)).unwrap_err();
        assert!(refusal.contains("effective_from"), "{refusal}");
    }
}
