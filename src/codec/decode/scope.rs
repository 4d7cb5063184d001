//! Reads a declared scope from its tree. A scope decides what is allowed, so a word that cannot be
//! read refuses the record wherever reading over it could widen the scope.

use super::check::TENANT_DEFAULT;
use super::object::{Object, Refusal};
use super::span::{clock_min, days_of, window_ms};
use super::tree::Node;
use crate::event::TextBound::{Free, Id, Tenant};
use crate::event::limits::{GRANTS_MAX, SCOPE_LIMITS_MAX, SCOPE_LIST_MAX};
use crate::event::{
    ActionField, AgentScope, ChannelRule, DeclaredStatus, DelegationRule, Grant, InstructionSource,
    Limit, Measure, MeasureKind, ParentScope, Sensitivity, Verb, WorkingHours,
};

/// Reads a scope; the number of unknown fields is added to `unknown`.
pub(super) fn read(node: Node, unknown: &mut u32) -> Result<AgentScope, Refusal> {
    let mut top = Object::record(node)?;
    let mut scope = AgentScope {
        scope_id: top.required("scope_id", Id)?,
        tenant: top
            .text("tenant", Tenant)?
            .unwrap_or_else(|| TENANT_DEFAULT.into()),
        purpose: top.text("purpose", Free)?,
        issuer: top.text("issuer", Free)?,
        credential_ids: top.texts("credential_ids", SCOPE_LIST_MAX, Id)?,
        effective_from_ms: top.time("effective_from")?,
        expires_at_ms: top.time("expires_at")?,
        status: status(&mut top)?,
        tools: top.texts("tools", SCOPE_LIST_MAX, Free)?,
        destinations: top.texts("destinations", SCOPE_LIST_MAX, Free)?,
        ..AgentScope::default()
    };
    who(&mut top, &mut scope, unknown)?;
    scope.instruction_sources = words(&mut top, "instruction_sources", |word| {
        InstructionSource::from_word(word).unwrap_or_default()
    })?;
    for grant in top.objects("grants", GRANTS_MAX)? {
        scope.grants.push(read_grant(grant, unknown)?);
    }
    for limit in top.objects("limits", SCOPE_LIMITS_MAX)? {
        scope.limits.push(read_limit(limit, unknown)?);
    }
    if let Some(mut channel) = top.object("channel")? {
        scope.channel = Some(ChannelRule {
            encrypted: channel.flag("encrypted")?.unwrap_or_default(),
            authenticated: channel.flag("authenticated")?.unwrap_or_default(),
        });
        channel.finish(unknown);
    }
    if let Some(delegation) = top.object("delegation")? {
        scope.delegation = Some(read_delegation(delegation, unknown)?);
    }
    if let Some(hours) = top.object("hours")? {
        scope.hours = Some(read_hours(hours, unknown)?);
    }
    top.finish(unknown);
    Ok(scope)
}

/// The agent (also as `agent_id`), its task, its principal and its parent.
fn who(top: &mut Object, scope: &mut AgentScope, unknown: &mut u32) -> Result<(), Refusal> {
    let flat = top.text("agent_id", Id)?;
    let mut nested = None;
    if let Some(mut agent) = top.object("agent")? {
        nested = agent.text("id", Id)?;
        scope.agent_type = agent.text("type", Id)?;
        agent.finish(unknown);
    }
    scope.agent_id = one_agent(flat, nested)?;
    if let Some(mut task) = top.object("task")? {
        scope.task_id = task.text("id", Id)?;
        scope.task_class = task.text("class", Id)?;
        task.finish(unknown);
    }
    if let Some(mut principal) = top.object("principal")? {
        scope.principal_id = principal.text("id", Id)?;
        principal.finish(unknown);
    }
    if let Some(mut parent) = top.object("parent")? {
        scope.parent = Some(ParentScope {
            agent_id: parent.required("agent_id", Id)?,
            scope_id: parent.text("scope_id", Id)?,
        });
        parent.finish(unknown);
    }
    Ok(())
}

/// `agent.id` or its alias `agent_id`, not both.
pub(super) fn one_agent(
    flat: Option<crate::event::Text>,
    nested: Option<crate::event::Text>,
) -> Result<crate::event::Text, Refusal> {
    match (flat, nested) {
        (Some(_), Some(_)) => Err("agent.id: given twice, also as agent_id".into()),
        (flat, nested) => flat
            .or(nested)
            .ok_or_else(|| "agent.id: required, and missing or empty".into()),
    }
}

fn status(top: &mut Object) -> Result<DeclaredStatus, Refusal> {
    let Some(word) = top.text("status", Id)? else {
        return Ok(DeclaredStatus::default());
    };
    DeclaredStatus::from_word(&word)
        .ok_or_else(|| format!("status: `{word}` is not active, completed, suspended or revoked"))
}

fn words<T>(top: &mut Object, name: &str, read: impl Fn(&str) -> T) -> Result<Vec<T>, Refusal> {
    let words = top.texts(name, SCOPE_LIST_MAX, Id)?;
    Ok(words.iter().map(|word| read(word)).collect())
}

fn read_grant(mut object: Object, unknown: &mut u32) -> Result<Grant, Refusal> {
    let path = object.path_of("sensitivity_max");
    let sensitivity_max = match object.text("sensitivity_max", Id)? {
        None => None,
        Some(word) => Some(Sensitivity::from_word(&word).ok_or_else(|| {
            format!("{path}: `{word}` is not public, internal, confidential or restricted")
        })?),
    };
    let grant = Grant {
        resource_types: object.texts("resource_types", SCOPE_LIST_MAX, Id)?,
        resource_ids: object.texts("resource_ids", SCOPE_LIST_MAX, Free)?,
        verbs: words(&mut object, "verbs", |word| {
            Verb::from_word(word).unwrap_or_default()
        })?,
        sensitivity_max,
        owners: object.texts("owners", SCOPE_LIST_MAX, Free)?,
    };
    if grant.resource_types.is_empty() {
        return Err(format!(
            "{}: names no type",
            object.path_of("resource_types")
        ));
    }
    object.finish(unknown);
    Ok(grant)
}

fn read_limit(mut object: Object, unknown: &mut u32) -> Result<Limit, Refusal> {
    let measure_path = object.path_of("measure");
    let measure_text = object.required("measure", Free)?;
    let measure = Measure::parse(&measure_text)
        .filter(is_measurable)
        .ok_or_else(|| {
            format!("{measure_path}: `{measure_text}` is not count, sum: FIELD or distinct: FIELD")
        })?;
    let path = object.path_of("window");
    let window_ms = window_ms(&path, object.take("window"))?;
    let max = object.amount("max")?;
    let max = max.ok_or_else(|| format!("{}: required", object.path_of("max")))?;
    object.finish(unknown);
    Ok(Limit {
        measure,
        window_ms,
        max,
    })
}

/// A sum needs a field of numbers; distinct takes any field of the vocabulary.
fn is_measurable(measure: &Measure) -> bool {
    match (measure.kind, ActionField::from_path(&measure.field)) {
        (MeasureKind::Count, _) | (MeasureKind::Distinct, Some(_)) => true,
        (MeasureKind::Sum, Some(field)) => field.info().is_summable(),
        (MeasureKind::Sum | MeasureKind::Distinct, None) => false,
    }
}

fn read_delegation(mut object: Object, unknown: &mut u32) -> Result<DelegationRule, Refusal> {
    let mut maximum = |name: &str| -> Result<Option<u32>, Refusal> {
        let path = object.path_of(name);
        let value = object.integer(name)?;
        value
            .map(|value| u32::try_from(value).map_err(|_| format!("{path}: {value} is no count")))
            .transpose()
    };
    let (depth_max, children_max) = (maximum("depth_max")?, maximum("children_max")?);
    let allowed = object.flag("allowed")?.unwrap_or_default();
    object.finish(unknown);
    Ok(DelegationRule {
        allowed,
        depth_max,
        children_max,
    })
}

fn read_hours(mut object: Object, unknown: &mut u32) -> Result<WorkingHours, Refusal> {
    let days = days_of(&object.path_of("days"), object.take("days"))?;
    let (from, to) = (object.path_of("from"), object.path_of("to"));
    let hours = WorkingHours {
        days,
        from_min: clock_min(&from, &object.required("from", Id)?, 1439)?,
        to_min: clock_min(&to, &object.required("to", Id)?, 1440)?,
        zone: object.text("zone", Id)?,
    };
    object.finish(unknown);
    Ok(hours)
}
