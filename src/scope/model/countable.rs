//! The fields that a declared limit can count, and how much one action adds.

use std::borrow::Cow;

use crate::event::{
    ActionField, ActionOutcome, AgentAction, FieldInfo, FieldValue, Measure, MeasureKind, Text,
};
use crate::text::nearest;
use crate::text::normal::Destination;

/// A field's text; an empty text counts as absent.
pub(crate) fn non_empty(field: &Option<Text>) -> Option<&str> {
    field.as_deref().filter(|text| !text.is_empty())
}

/// Whether the gateway denied the action: then it did not happen, and counts nowhere.
pub(crate) fn is_denied(action: &AgentAction) -> bool {
    action.outcome == Some(ActionOutcome::Denied)
}

/// How one action adds to a limit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CountedField {
    Actions,
    Sum(ActionField),
    Distinct(ActionField),
}

/// The amount or value that one action adds to a limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FieldShare<'a> {
    Amount(f64),
    Member(Cow<'a, str>),
}

impl CountedField {
    /// Finds the field; `Err` carries the nearest known name, if one is near.
    pub(crate) fn resolve_field(measure: &Measure) -> Result<Self, Option<&'static str>> {
        let field = measure.field.as_str();
        match measure.kind {
            MeasureKind::Count => Ok(CountedField::Actions),
            MeasureKind::Sum => {
                find_countable(field, FieldInfo::is_summable).map(CountedField::Sum)
            }
            MeasureKind::Distinct => CountedField::find_text(field).map(CountedField::Distinct),
            // A cap on a share says nothing while there are few actions.
            MeasureKind::Rate => Err(None),
        }
    }

    /// Finds a field whose different values can be counted; `Err` as of
    /// [`Self::resolve_field`].
    pub(crate) fn find_text(path: &str) -> Result<ActionField, Option<&'static str>> {
        find_countable(path, |info| info.distinct)
    }

    /// What `action` adds; `None` when it lacks the field or adds nothing.
    pub(crate) fn share_of<'a>(&self, action: &'a AgentAction) -> Option<FieldShare<'a>> {
        match self {
            CountedField::Actions => Some(FieldShare::Amount(1.0)),
            CountedField::Sum(field) => {
                let amount = match field.value_in(action)? {
                    FieldValue::Count(count) => count as f64,
                    FieldValue::Amount(amount) => amount,
                    _ => return None,
                };
                (amount.is_finite() && amount > 0.0).then_some(FieldShare::Amount(amount))
            }
            // An unknown type may be one that is counted already.
            CountedField::Distinct(ActionField::RESOURCE_TYPE)
                if action.resource_type_unmapped() =>
            {
                None
            }
            CountedField::Distinct(field) => {
                let text = match field.value_in(action)? {
                    FieldValue::Text(text) if !text.is_empty() => text,
                    _ => return None,
                };
                Some(FieldShare::Member(match field {
                    ActionField::DESTINATION_HOST | ActionField::DESTINATION_ADDRESS => {
                        let normal = Destination::normalise(text);
                        normal.unwrap_or(Cow::Borrowed(text))
                    }
                    _ => Cow::Borrowed(text),
                }))
            }
        }
    }
}

/// The field named `path`, if a limit can count it.
fn find_countable(
    path: &str,
    counts: impl Fn(&FieldInfo) -> bool,
) -> Result<ActionField, Option<&'static str>> {
    let countable = || ActionField::ALL.iter().filter(|field| counts(field.info()));
    match countable().find(|field| field.path() == path) {
        Some(field) => Ok(*field),
        None => Err(nearest(path, countable().map(|field| field.path()))),
    }
}
