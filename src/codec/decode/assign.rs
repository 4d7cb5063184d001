//! Puts one wire value into its field of an action, or says why it does not fit.
//!
//! Both forms call these functions for every value of every record. The field is a value of
//! [`ActionField`], so each call is one jump by the field and one by its type.

use super::bounds;
use crate::event::{ActionField, AgentAction, FieldKind, FieldMut, Text};

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextAssignment {
    Understood,
    /// A word outside its closed list left the field absent: the record said something that nobody
    /// understood, which should be counted.
    UnknownWord,
}

/// Sets a field from text. Empty text is an absent value. A word outside a closed list becomes the
/// list's catch-all; where the list has none that claims nothing, the field stays absent.
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
        // Amounts of money are far below the 2^53 where this would round.
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

/// The message of a value of the wrong type.
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

/// The message of a list's entry that is no text, or an empty one.
#[cold]
pub(crate) fn entry_mismatch(field: ActionField) -> String {
    format!("{}: every entry is an agent's id", field.path())
}
