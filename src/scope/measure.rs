//! What a declared limit can count: which fields exist and how to read them from an action.

use std::borrow::Cow;

use super::host;
use crate::event::{ActionField, AgentAction, FieldInfo, FieldValue, Measure, MeasureKind, Text};
use crate::text::nearest;

/// A field's text; an empty one says as little as an absent one.
pub(crate) fn present(field: &Option<Text>) -> Option<&str> {
    field.as_deref().filter(|text| !text.is_empty())
}

/// How one action adds to a limit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    Actions,
    Sum(ActionField),
    Distinct(ActionField),
}

/// What one action adds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Share<'a> {
    Amount(f64),
    Member(Cow<'a, str>),
}

impl Counted {
    /// Finds the field; `Err` carries the nearest known name, if one is near.
    pub(crate) fn resolve(measure: &Measure) -> Result<Self, Option<&'static str>> {
        let field = measure.field.as_str();
        match measure.kind {
            MeasureKind::Count => Ok(Counted::Actions),
            MeasureKind::Sum => find(field, FieldInfo::is_summable).map(Counted::Sum),
            MeasureKind::Distinct => find(field, |info| info.distinct).map(Counted::Distinct),
        }
    }

    /// What `action` adds; `None` when it lacks the field or adds nothing.
    pub(crate) fn share<'a>(&self, action: &'a AgentAction) -> Option<Share<'a>> {
        match self {
            Counted::Actions => Some(Share::Amount(1.0)),
            Counted::Sum(field) => {
                let amount = match field.value_in(action)? {
                    FieldValue::Count(count) => count as f64,
                    FieldValue::Amount(amount) => amount,
                    _ => return None,
                };
                (amount.is_finite() && amount > 0.0).then_some(Share::Amount(amount))
            }
            Counted::Distinct(field) => {
                let text = match field.value_in(action)? {
                    FieldValue::Text(text) if !text.is_empty() => text,
                    _ => return None,
                };
                Some(Share::Member(match field {
                    ActionField::DESTINATION_HOST => host::host(text),
                    _ => Cow::Borrowed(text),
                }))
            }
        }
    }
}

/// The field named `path`, if a limit can count it.
fn find(
    path: &str,
    counts: impl Fn(&FieldInfo) -> bool,
) -> Result<ActionField, Option<&'static str>> {
    let countable = || ActionField::ALL.iter().filter(|field| counts(field.info()));
    match countable().find(|field| field.path() == path) {
        Some(field) => Ok(*field),
        None => Err(nearest(path, countable().map(|field| field.path()))),
    }
}
