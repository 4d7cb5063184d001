//! The schema of actions has the fields of the table, each with the type that the table gives it.

use serde_json::{Value, json};

use crate::codec::avro::ACTION_SCHEMA;
use crate::event::{ActionField, FieldInfo, FieldKind};

/// The fields of a record's schema.
fn members(record: &Value) -> &[Value] {
    record["fields"].as_array().unwrap()
}

fn is_optional(of: &Value) -> bool {
    of[0] == "null"
}

/// The type, or what it is besides null.
fn inner(of: &Value) -> &Value {
    if is_optional(of) { &of[1] } else { of }
}

/// Every field of the schema with its dotted name and type.
fn schema_fields(schema: &Value) -> Vec<(String, &Value)> {
    let mut fields = Vec::new();
    for member in members(schema) {
        let (name, of) = (member["name"].as_str().unwrap(), &member["type"]);
        match inner(of) {
            record if record["type"] == "record" => {
                for field in members(record) {
                    let leaf = field["name"].as_str().unwrap();
                    fields.push((format!("{name}.{leaf}"), &field["type"]));
                }
            }
            _ => fields.push((name.to_owned(), of)),
        }
    }
    fields
}

fn check_type(field: &FieldInfo, of: &Value) {
    let found = inner(of);
    let expected = match field.kind {
        FieldKind::Text => json!("string"),
        FieldKind::Time => json!({ "type": "long", "logicalType": "timestamp-millis" }),
        FieldKind::Count => json!("long"),
        FieldKind::Amount => json!("double"),
        FieldKind::Flag => json!("boolean"),
        FieldKind::Texts => json!({ "type": "array", "items": "string" }),
        FieldKind::Word(words) => {
            let mut symbols = found["symbols"].as_array().unwrap().clone();
            // The symbol to which a reader with another version resolves unknown symbols.
            symbols.retain(|word| word != "unknown" || words.contains(&"unknown"));
            assert_eq!(json!(symbols), json!(words), "{}", field.path);
            return;
        }
    };
    assert_eq!(*found, expected, "{}", field.path);
}

#[test]
fn the_schema_of_actions_has_the_fields_of_the_table() {
    let schema: Value = serde_json::from_str(ACTION_SCHEMA).unwrap();
    let fields = schema_fields(&schema);
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let table: Vec<&str> = ActionField::ALL.iter().map(|field| field.path()).collect();
    assert_eq!(names, table);
    for (field, (_, of)) in ActionField::ALL.iter().zip(&fields) {
        let info = field.info();
        check_type(info, of);
        // Without these fields in the record, its position and its time are used.
        let has_substitute = [ActionField::EVENT_ID, ActionField::OCCURRED_AT].contains(field);
        assert_eq!(
            is_optional(of),
            !info.always || has_substitute,
            "{}",
            info.path
        );
    }
}
