//! Reduces a writer schema to what reading needs: types, names, members, symbols and sizes.
//!
//! apache-avro was made for schemas that can be trusted. Defaults that do not fit, sizes beyond
//! `i64` and attributes with the names of its own can make it panic; an attribute can make it read
//! a record as a list; a `{"type": "record"}` without fields becomes a copy of an earlier type, so
//! that a short text grows without bound. None of this says how a value is written, and the
//! canonical form, whose fingerprint names a schema, leaves it out as well. Logical types go too,
//! after `logical_types` has read them.

use serde_json::{Map, Value};

use crate::event::limits::RECORD_BYTES_MAX;

/// The schema without what reading does not need.
///
/// # Errors
/// What is wrong with it, when it is no schema or has a type without members.
pub(super) fn reduce_schema(schema: &Value) -> Result<Value, String> {
    match schema {
        Value::String(_) => Ok(schema.clone()),
        Value::Array(branches) => branches.iter().map(reduce_schema).collect(),
        Value::Object(object) => reduce_object(object),
        _ => Err("a type is a name, a list of branches or an object".into()),
    }
}

fn reduce_object(object: &Map<String, Value>) -> Result<Value, String> {
    let mut reduced = Map::new();
    match object.get("type") {
        None => return Err("an object without a type".into()),
        Some(Value::String(word)) => match word.as_str() {
            "record" => {
                copy_name(object, &mut reduced);
                reduced.insert("fields".into(), reduce_fields(object)?);
            }
            "enum" => {
                copy_name(object, &mut reduced);
                reduced.insert("symbols".into(), list_of(object, "symbols")?.into());
            }
            "fixed" => {
                copy_name(object, &mut reduced);
                reduced.insert("size".into(), fixed_size(object)?.into());
            }
            "array" => reduced
                .insert("items".into(), reduce_member(object, "items")?)
                .map_or((), drop),
            "map" => reduced
                .insert("values".into(), reduce_member(object, "values")?)
                .map_or((), drop),
            _ => return Ok(word.as_str().into()),
        },
        Some(inner) => return reduce_schema(inner),
    }
    copy_text(object, &mut reduced, "type");
    Ok(Value::Object(reduced))
}

fn reduce_member(object: &Map<String, Value>, name: &str) -> Result<Value, String> {
    let member = object.get(name).map(reduce_schema);
    member.unwrap_or_else(|| Err(format!("a type without {name}")))
}

fn reduce_fields(record: &Map<String, Value>) -> Result<Value, String> {
    let fields = list_of(record, "fields")?.into_iter().map(|field| {
        let Value::Object(field) = field else {
            return Err("a field that is no object".to_owned());
        };
        let mut reduced = Map::new();
        copy_text(&field, &mut reduced, "name");
        reduced.insert("type".into(), reduce_member(&field, "type")?);
        Ok(Value::Object(reduced))
    });
    fields.collect()
}

fn list_of(object: &Map<String, Value>, name: &str) -> Result<Vec<Value>, String> {
    let list = object.get(name).and_then(Value::as_array);
    list.cloned()
        .ok_or_else(|| format!("a type without {name}"))
}

fn fixed_size(object: &Map<String, Value>) -> Result<u64, String> {
    let size = object.get("size").and_then(Value::as_u64);
    let size = size.ok_or("a fixed type without a size")?;
    if size > RECORD_BYTES_MAX as u64 {
        return Err(format!(
            "a fixed type of {size} bytes, at most {RECORD_BYTES_MAX} are read"
        ));
    }
    Ok(size)
}

fn copy_name(object: &Map<String, Value>, reduced: &mut Map<String, Value>) {
    copy_text(object, reduced, "name");
    copy_text(object, reduced, "namespace");
}

fn copy_text(object: &Map<String, Value>, reduced: &mut Map<String, Value>, name: &str) {
    if let Some(Value::String(text)) = object.get(name) {
        reduced.insert(name.into(), text.as_str().into());
    }
}
