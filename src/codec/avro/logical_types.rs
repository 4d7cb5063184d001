//! The logical types of a writer schema: what a number or some bytes mean beyond their Avro type.
//!
//! A time in microseconds that is read as one in milliseconds is another time, thousands of years
//! from now. So the logical type of a field that we read is either converted, or the schema is
//! refused when it is loaded, by the names of field and type. The logical types of fields that
//! nobody reads do not matter.

use serde_json::{Map, Value};

use super::action_plan::{ActionPlan, GroupShape, PlannedField};
use super::type_table::{AvroType, TypeTable};
use crate::event::{ActionField, FieldKind};

/// Bytes of the widest decimal that is read.
pub(super) const DECIMAL_BYTES_MAX: usize = 16;
/// Digits behind the point of a decimal, at most.
const SCALE_MAX: u64 = 38;

/// Types without parts and without a name of their own.
const PRIMITIVES: [&str; 8] = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
];

/// Members of a scope that hold a time or an amount.
const SCOPE_MEMBERS: [&str; 4] = ["effective_from", "expires_at", "limits", "hours"];

/// The logical type of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LogicalType {
    /// A point in time; how many units make a millisecond.
    Timestamp(i64),
    /// Days since 1970.
    Date,
    /// Digits behind the point.
    Decimal(u32),
    /// Not converted.
    Other(String),
}

/// The logical types of a schema, in the order in which [`TypeTable`] numbers its types: a type
/// before its parts.
pub(super) fn logical_types(schema: &Value) -> Vec<Option<LogicalType>> {
    let mut found = Vec::new();
    collect_types(schema, None, &mut found);
    found
}

/// Adds the types of `schema`. `beside` is the logical type that stands beside it, in a wrapping
/// object or in its field: some writers put it there.
fn collect_types(
    schema: &Value,
    beside: Option<LogicalType>,
    found: &mut Vec<Option<LogicalType>>,
) {
    match schema {
        Value::String(name) if name == "null" => found.push(None),
        Value::String(name) if PRIMITIVES.contains(&name.as_str()) => found.push(beside),
        Value::Array(branches) => {
            found.push(None);
            for branch in branches {
                collect_types(branch, beside.clone(), found);
            }
        }
        Value::Object(object) => {
            let own = read_logical(object).or(beside);
            match object.get("type") {
                Some(Value::String(word)) => collect_object(word, object, own, found),
                Some(inner) => collect_types(inner, own, found),
                None => {}
            }
        }
        // The name of a type that was added before.
        _ => {}
    }
}

fn collect_object(
    word: &str,
    object: &Map<String, Value>,
    own: Option<LogicalType>,
    found: &mut Vec<Option<LogicalType>>,
) {
    match word {
        "record" => {
            found.push(None);
            let fields = object.get("fields").and_then(Value::as_array);
            let fields = fields.into_iter().flatten().filter_map(Value::as_object);
            for field in fields {
                if let Some(kind) = field.get("type") {
                    collect_types(kind, read_logical(field), found);
                }
            }
        }
        "array" | "map" => {
            found.push(None);
            let part = if word == "array" { "items" } else { "values" };
            if let Some(part) = object.get(part) {
                collect_types(part, None, found);
            }
        }
        "enum" => found.push(None),
        "fixed" => found.push(own),
        _ => collect_types(&Value::from(word), own, found),
    }
}

fn read_logical(object: &Map<String, Value>) -> Option<LogicalType> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let Some(name) = text("logicalType") else {
        // Debezium names the unit in an attribute of its own.
        return match text("connect.name")? {
            "io.debezium.time.MicroTimestamp" => Some(LogicalType::Timestamp(1_000)),
            "io.debezium.time.NanoTimestamp" => Some(LogicalType::Timestamp(1_000_000)),
            "io.debezium.time.Date" => Some(LogicalType::Date),
            _ => None,
        };
    };
    let scale = || object.get("scale").map_or(Some(0), Value::as_u64);
    Some(match name {
        "timestamp-millis" => LogicalType::Timestamp(1),
        "timestamp-micros" => LogicalType::Timestamp(1_000),
        "timestamp-nanos" => LogicalType::Timestamp(1_000_000),
        "date" => LogicalType::Date,
        "decimal" => match scale().filter(|scale| *scale <= SCALE_MAX) {
            Some(scale) => LogicalType::Decimal(u32::try_from(scale).unwrap_or_default()),
            None => LogicalType::Other(name.to_owned()),
        },
        _ => LogicalType::Other(name.to_owned()),
    })
}

impl LogicalType {
    /// The type with this logical type; `Err` with its name where nothing converts it. A text is
    /// read as text whatever it means.
    pub(super) fn apply_to(&self, kind: AvroType) -> Result<AvroType, (AvroType, String)> {
        match (kind, self) {
            (AvroType::Text, _) => Ok(AvroType::Text),
            (AvroType::Long, LogicalType::Timestamp(1)) => Ok(AvroType::Long),
            (AvroType::Long, LogicalType::Timestamp(per_ms)) => Ok(AvroType::Timestamp(*per_ms)),
            (AvroType::Int, LogicalType::Date) => Ok(AvroType::Days),
            (AvroType::Bytes, LogicalType::Decimal(scale)) => Ok(AvroType::Decimal(*scale)),
            (AvroType::Fixed(size), LogicalType::Decimal(scale)) if size <= DECIMAL_BYTES_MAX => {
                Ok(AvroType::FixedDecimal(size, *scale))
            }
            (kind, logical) => Err((kind, logical.name().to_owned())),
        }
    }

    fn name(&self) -> &str {
        match self {
            LogicalType::Timestamp(1) => "timestamp-millis",
            LogicalType::Timestamp(1_000) => "timestamp-micros",
            LogicalType::Timestamp(_) => "timestamp-nanos",
            LogicalType::Date => "date",
            LogicalType::Decimal(_) => "decimal",
            LogicalType::Other(name) => name,
        }
    }
}

/// Refuses a schema of which a field that we read has a logical type that is not converted.
pub(super) fn check_logical_types(plan: &ActionPlan, types: &TypeTable) -> Result<(), String> {
    for planned in &plan.fields {
        match planned {
            PlannedField::Field(field, kind) => check_field(*field, *kind, types)?,
            PlannedField::Group(_, shape) => check_group(shape, types)?,
            PlannedField::Unknown(_) => {}
        }
    }
    check_scope(types)
}

fn check_group(shape: &GroupShape, types: &TypeTable) -> Result<(), String> {
    match shape {
        GroupShape::Union(branches) => branches
            .iter()
            .try_for_each(|branch| check_group(branch, types)),
        GroupShape::Record(fields) => fields
            .iter()
            .filter_map(|(field, kind)| Some(((*field)?, *kind)))
            .try_for_each(|(field, kind)| check_field(field, kind, types)),
        GroupShape::Other(kind) => match types.get(*kind) {
            AvroType::Map(values) => match types.unread_name(*values) {
                Some(name) => Err(not_read("the values of a map", name)),
                None => Ok(()),
            },
            _ => Ok(()),
        },
    }
}

fn check_field(field: ActionField, kind: usize, types: &TypeTable) -> Result<(), String> {
    if let Some(name) = types.unread_name(kind) {
        return Err(not_read(field.path(), name));
    }
    let kind_of_field = field.info().kind;
    match types.get(kind) {
        AvroType::Union(branches) => branches
            .iter()
            .try_for_each(|branch| check_field(field, *branch, types)),
        AvroType::Timestamp(_) | AvroType::Days if kind_of_field != FieldKind::Time => {
            Err(not_read(field.path(), "of a time"))
        }
        AvroType::Decimal(_) | AvroType::FixedDecimal(..)
            if !matches!(kind_of_field, FieldKind::Amount | FieldKind::Count) =>
        {
            Err(not_read(field.path(), "decimal"))
        }
        _ => Ok(()),
    }
}

/// Scopes are read by apache-avro, which converts nothing.
fn check_scope(types: &TypeTable) -> Result<(), String> {
    let AvroType::Record(members) = types.get(TypeTable::ROOT) else {
        return Ok(());
    };
    if !members.iter().any(|member| &*member.name == "scope_id") {
        return Ok(());
    }
    let mut read = members.iter();
    read.try_for_each(|member| match SCOPE_MEMBERS.contains(&&*member.name) {
        true => check_unconverted(&member.name, member.kind, types),
        false => Ok(()),
    })
}

fn check_unconverted(name: &str, kind: usize, types: &TypeTable) -> Result<(), String> {
    let below = |kind: &usize| check_unconverted(name, *kind, types);
    if let Some(logical) = types.unread_name(kind) {
        return Err(not_read(name, logical));
    }
    match types.get(kind) {
        AvroType::Timestamp(_) => Err(not_read(name, "timestamp-micros or -nanos of a scope")),
        AvroType::Days => Err(not_read(name, "date of a scope")),
        AvroType::Decimal(_) | AvroType::FixedDecimal(..) => {
            Err(not_read(name, "decimal of a scope"))
        }
        AvroType::Union(branches) => branches.iter().try_for_each(below),
        AvroType::Array(part) | AvroType::Map(part) => below(part),
        AvroType::Record(members) => members.iter().try_for_each(|member| below(&member.kind)),
        _ => Ok(()),
    }
}

fn not_read(field: &str, logical: &str) -> String {
    format!("{field}: the logical type {logical} is not read; write timestamp-millis or a number")
}

/// The number that the bytes of a decimal are: big-endian, two's complement. `None` if it is empty
/// or too wide.
pub(super) fn read_decimal(bytes: &[u8], scale: u32) -> Option<f64> {
    let first = *bytes.first()?;
    if bytes.len() > DECIMAL_BYTES_MAX {
        return None;
    }
    let fill = if first >= 0x80 { 0xff } else { 0 };
    let mut wide = [fill; DECIMAL_BYTES_MAX];
    for (to, from) in wide.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    let power = i32::try_from(scale).ok()?;
    Some(i128::from_be_bytes(wide) as f64 / 10_f64.powi(power))
}
