//! Sets one field of an action from a wire value, or returns the message of the refusal.
//!
//! Both forms call these functions for every value of every record. The field is an
//! [`ActionField`], so a call costs one jump by the field and one by its type; a call through a
//! trait object for each field would cost more.

use super::bounds;
use crate::event::{ActionField, AgentAction, FieldKind, FieldMut, Text};

/// Whether a text was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextAssignment {
    Understood,
    /// The closed list of the field does not have the word, and the field stays absent. The caller
    /// counts it as an unknown field.
    UnknownWord,
}

/// Sets a field from text. An empty text is an absent value. A word outside a closed list becomes
/// the catch-all of the list; if the list has none, the field stays absent.
pub(crate) fn assign_text(
    action: &mut AgentAction,
    field: ActionField,
    text: &str,
) -> Result<TextAssignment, String> {
    if text.is_empty() {
        return Ok(TextAssignment::Understood);
    }
    let info = field.info();
    match field.value_mut(action) {
        FieldMut::OptionalText(value) => {
            bounds::check_text(info.path, text, info.bound)?;
            *value = Some(Text::new(text));
        }
        FieldMut::Text(value) => {
            bounds::check_text(info.path, text, info.bound)?;
            *value = Text::new(text);
        }
        FieldMut::Time(value) => *value = Some(bounds::parse_time_text(info.path, text)?),
        FieldMut::Word => {
            if !field.set_word(action, text) {
                return Ok(TextAssignment::UnknownWord);
            }
        }
        _ => return Err(type_mismatch(field, "text")),
    }
    Ok(TextAssignment::Understood)
}

/// Sets a field from a whole number.
pub(crate) fn assign_integer(
    action: &mut AgentAction,
    field: ActionField,
    number: i64,
) -> Result<(), String> {
    match field.value_mut(action) {
        FieldMut::Time(value) => *value = Some(bounds::check_time_ms(field.path(), number)?),
        FieldMut::Count(value) => *value = Some(bounds::check_count(field.path(), number)?),
        // Amounts of money are far below 2^53, from where the conversion rounds.
        FieldMut::Amount(value) => {
            *value = Some(bounds::check_amount(field.path(), number as f64)?)
        }
        _ => return Err(type_mismatch(field, "a number")),
    }
    Ok(())
}

/// Sets a field from a floating-point number.
pub(crate) fn assign_float(
    action: &mut AgentAction,
    field: ActionField,
    number: f64,
) -> Result<(), String> {
    if let FieldMut::Amount(value) = field.value_mut(action) {
        *value = Some(bounds::check_amount(field.path(), number)?);
        return Ok(());
    }
    match bounds::whole_number(number) {
        Some(whole) => assign_integer(action, field, whole),
        None => Err(type_mismatch(field, "a number that is not whole")),
    }
}

/// Sets a field from `true` or `false`.
pub(crate) fn assign_flag(
    action: &mut AgentAction,
    field: ActionField,
    flag: bool,
) -> Result<(), String> {
    match field.value_mut(action) {
        FieldMut::Flag(value) => *value = Some(flag),
        _ => return Err(type_mismatch(field, "a boolean")),
    }
    Ok(())
}

/// Adds an entry to a list.
pub(crate) fn assign_entry(
    action: &mut AgentAction,
    field: ActionField,
    text: &str,
) -> Result<(), String> {
    let info = field.info();
    let FieldMut::Texts(entries) = field.value_mut(action) else {
        return Err(type_mismatch(field, "a list"));
    };
    if text.is_empty() {
        return Err(entry_mismatch(field));
    }
    if entries.len() >= info.entries_max {
        let max = info.entries_max;
        return Err(format!("{}: more than {max} entries", info.path));
    }
    bounds::check_text(info.path, text, info.bound)?;
    entries.push(Text::new(text));
    Ok(())
}

/// The message for a value of the wrong type.
#[cold]
pub(crate) fn type_mismatch(field: ActionField, found: &str) -> String {
    let expected = match field.info().kind {
        FieldKind::Text | FieldKind::Word(_) => "text",
        FieldKind::Time => "a time",
        FieldKind::Count => "a whole number",
        FieldKind::Amount => "a number",
        FieldKind::Flag => "true or false",
        FieldKind::Texts => "a list of ids",
    };
    format!("{}: expected {expected}, found {found}", field.path())
}

/// The message for an entry of a list that is no text or is empty.
#[cold]
pub(crate) fn entry_mismatch(field: ActionField) -> String {
    format!("{}: every entry is an agent's id", field.path())
}
