//! Sets one field of an action from a wire value. A value that cannot be used marks the field as
//! malformed, and the action is judged without it: an agent that could keep an action from being
//! read would keep it from being judged.
//!
//! Both forms call these functions for every value of every record. The field is an
//! [`ActionField`], so a call costs one jump by the field and one by its type; a call through a
//! trait object for each field would cost more.

use super::bounds::{self, TextFault};
use crate::event::{ActionField, AgentAction, FieldMut, Text};

/// The word by which a gateway says that it does not know. Where a closed list lacks it, the field
/// is absent.
const UNKNOWN: &str = "unknown";
/// Stands for an entry of a list that cannot be read, so that the list keeps its length.
const UNREADABLE_ENTRY: &str = "\u{fffd}";

/// Sets a field from text. An empty text is an absent value. A word outside a closed list becomes
/// the catch-all of the list; if the list has none, the field is malformed.
pub(crate) fn assign_text(action: &mut AgentAction, field: ActionField, text: &str) {
    if text.is_empty() {
        return;
    }
    let info = field.info();
    match field.value_mut(action) {
        FieldMut::OptionalText(value) => match bounds::text_fault(text, info.bound) {
            None => *value = Some(Text::new(text)),
            Some(fault) => {
                if let (TextFault::TooLong(limit), false) = (fault, names_target(field)) {
                    *value = Some(bounds::cut_text(text, limit));
                }
                mark_malformed(action, field);
            }
        },
        FieldMut::Text(value) => match bounds::text_fault(text, info.bound) {
            None => *value = Text::new(text),
            Some(fault) => {
                if let (TextFault::TooLong(limit), false) = (fault, is_identity(field)) {
                    *value = bounds::cut_text(text, limit);
                }
                mark_malformed(action, field);
            }
        },
        FieldMut::Time(value) => match bounds::parse_time_text(info.path, text) {
            Ok(ms) => *value = Some(ms),
            Err(_) => mark_malformed(action, field),
        },
        FieldMut::Word => {
            if !field.set_word(action, text) && !text.eq_ignore_ascii_case(UNKNOWN) {
                mark_malformed(action, field);
            }
        }
        _ => mark_malformed(action, field),
    }
}

/// Whether the field says whose action it is: no part of it may stand for the whole.
fn is_identity(field: ActionField) -> bool {
    matches!(field, ActionField::TENANT | ActionField::AGENT_ID)
}

/// Whether a revocation request may name the field's value. The beginning of an id names nothing
/// that could be revoked, or something else.
fn names_target(field: ActionField) -> bool {
    matches!(
        field,
        ActionField::CREDENTIAL_ID | ActionField::CREDENTIAL_ISSUER | ActionField::SESSION_ID
    )
}

/// Sets a field from a whole number.
pub(crate) fn assign_integer(action: &mut AgentAction, field: ActionField, number: i64) {
    let path = field.path();
    let set = match field.value_mut(action) {
        FieldMut::Time(value) => bounds::check_time_ms(path, number).map(|ms| *value = Some(ms)),
        FieldMut::Count(value) => bounds::check_count(path, number).map(|n| *value = Some(n)),
        // Amounts of money are far below 2^53, from where the conversion rounds.
        FieldMut::Amount(value) => {
            bounds::check_amount(path, number as f64).map(|n| *value = Some(n))
        }
        _ => Err(String::new()),
    };
    if set.is_err() {
        mark_malformed(action, field);
    }
}

/// Sets a field from a floating-point number. A number that is none, such as `NaN`, is malformed.
pub(crate) fn assign_float(action: &mut AgentAction, field: ActionField, number: f64) {
    if let FieldMut::Amount(value) = field.value_mut(action)
        && let Ok(amount) = bounds::check_amount(field.path(), number)
    {
        *value = Some(amount);
        return;
    }
    match bounds::whole_number(number) {
        Some(whole) => assign_integer(action, field, whole),
        None => mark_malformed(action, field),
    }
}

/// Sets a field from `true` or `false`.
pub(crate) fn assign_flag(action: &mut AgentAction, field: ActionField, flag: bool) {
    match field.value_mut(action) {
        FieldMut::Flag(value) => *value = Some(flag),
        _ => mark_malformed(action, field),
    }
}

/// Adds an entry to a list; `None` for an entry that is no text. A list keeps the length it has in
/// the record, up to its limit.
pub(crate) fn assign_entry(action: &mut AgentAction, field: ActionField, text: Option<&str>) {
    let info = field.info();
    let FieldMut::Texts(entries) = field.value_mut(action) else {
        return mark_malformed(action, field);
    };
    if entries.len() >= info.entries_max {
        return mark_malformed(action, field);
    }
    let text = text.filter(|text| !text.is_empty());
    match text.map(|text| (text, bounds::text_fault(text, info.bound))) {
        Some((text, None)) => return entries.push(Text::new(text)),
        Some((text, Some(TextFault::TooLong(limit)))) => {
            entries.push(bounds::cut_text(text, limit));
        }
        _ => entries.push(Text::new(UNREADABLE_ENTRY)),
    }
    mark_malformed(action, field);
}

/// Marks a field whose value cannot be used.
#[cold]
pub(crate) fn mark_malformed(action: &mut AgentAction, field: ActionField) {
    action.malformed.insert_field(field);
}
