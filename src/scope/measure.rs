//! What a declared limit can count: which fields exist and how to read them from an action.

use std::borrow::Cow;

use super::host;
use crate::event::diagnostic::nearest;
use crate::event::{AgentAction, Measure, MeasureKind, Text};

type NumberOf = fn(&AgentAction) -> Option<f64>;
type TextOf = fn(&AgentAction) -> Option<Cow<'_, str>>;

/// Fields that can be summed.
const NUMBERS: &[(&str, NumberOf)] = &[
    ("volume.records", |a| a.volume_records.map(|n| n as f64)),
    ("volume.bytes_in", |a| a.volume_bytes_in.map(|n| n as f64)),
    ("volume.bytes_out", |a| a.volume_bytes_out.map(|n| n as f64)),
    ("volume.tokens_in", |a| a.volume_tokens_in.map(|n| n as f64)),
    ("volume.tokens_out", |a| {
        a.volume_tokens_out.map(|n| n as f64)
    }),
    ("volume.cost_usd", |a| a.volume_cost_usd),
    ("latency_us", |a| a.latency_us.map(|n| n as f64)),
];

/// Fields whose distinct values can be counted.
const TEXTS: &[(&str, TextOf)] = &[
    ("resource.id", |a| plain(&a.resource_id)),
    ("resource.type", |a| Some(Cow::Borrowed(&a.resource_type))),
    ("resource.owner", |a| plain(&a.resource_owner)),
    ("destination.host", |a| {
        present(&a.destination_host).map(host::host)
    }),
    ("destination.address", |a| plain(&a.destination_address)),
    ("tool.name", |a| plain(&a.tool_name)),
    ("tool.server", |a| plain(&a.tool_server)),
    ("action.operation", |a| plain(&a.action_operation)),
    ("task.id", |a| plain(&a.task_id)),
    ("session.id", |a| plain(&a.session_id)),
    ("credential.id", |a| plain(&a.credential_id)),
    ("principal.id", |a| plain(&a.principal_id)),
];

/// A field's text; an empty one says as little as an absent one.
pub(crate) fn present(field: &Option<Text>) -> Option<&str> {
    field.as_deref().filter(|text| !text.is_empty())
}

fn plain(field: &Option<Text>) -> Option<Cow<'_, str>> {
    present(field).map(Cow::Borrowed)
}

/// How one action adds to a limit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    Actions,
    Sum(NumberOf),
    Distinct(TextOf),
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
            MeasureKind::Sum => find(NUMBERS, field).map(Counted::Sum),
            MeasureKind::Distinct => find(TEXTS, field).map(Counted::Distinct),
        }
    }

    /// What `action` adds; `None` when it lacks the field or adds nothing.
    pub(crate) fn share<'a>(&self, action: &'a AgentAction) -> Option<Share<'a>> {
        match self {
            Counted::Actions => Some(Share::Amount(1.0)),
            Counted::Sum(number) => {
                let amount = number(action)?;
                (amount.is_finite() && amount > 0.0).then_some(Share::Amount(amount))
            }
            Counted::Distinct(text) => text(action).map(Share::Member),
        }
    }
}

fn find<F: Copy>(fields: &[(&'static str, F)], field: &str) -> Result<F, Option<&'static str>> {
    match fields.iter().find(|(name, _)| *name == field) {
        Some((_, read)) => Ok(*read),
        None => Err(nearest_name(fields, field)),
    }
}

fn nearest_name<F>(fields: &[(&'static str, F)], field: &str) -> Option<&'static str> {
    // `nearest` gives back one of the candidates; look it up to keep its static life.
    let near = nearest(field, fields.iter().map(|(name, _)| *name))?;
    fields
        .iter()
        .map(|(name, _)| *name)
        .find(|name| *name == near)
}
