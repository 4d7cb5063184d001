//! Reads a declared scope from its tree of values. An unknown word refuses the record wherever
//! ignoring the word could widen the scope.

use super::bounds::TENANT_DEFAULT;
use super::object::{RecordObject, Refusal};
use super::scope_times::{clock_min, days_of, window_ms};
use super::tree::TreeNode;
use crate::event::TextBound::{Free, Id, Tenant};
use crate::event::limits::{CHAIN_MAX, GRANTS_MAX, SCOPE_LIMITS_MAX, SCOPE_LIST_MAX};
use crate::event::{
    ActionField, AgentScope, ChannelRule, DeclaredStatus, DelegationRule, Grant, InstructionSource,
    Limit, Measure, MeasureKind, ParentScope, Sensitivity, Verb, WorkingHours,
};

/// Reads a scope and adds the number of its unknown fields to `unknown`.
pub(super) fn read_scope(node: TreeNode, unknown: &mut u32) -> Result<AgentScope, Refusal> {
    let mut top = RecordObject::from_record(node)?;
    let mut scope = AgentScope {
        scope_id: top.required_text("scope_id", Id)?,
        tenant: top
            .take_text("tenant", Tenant)?
            .unwrap_or_else(|| TENANT_DEFAULT.into()),
        purpose: top.take_text("purpose", Free)?,
        issuer: top.take_text("issuer", Free)?,
        credential_ids: top.take_texts("credential_ids", SCOPE_LIST_MAX, Id)?,
        effective_from_ms: top.take_time("effective_from")?,
        expires_at_ms: top.take_time("expires_at")?,
        status: read_status(&mut top)?,
        tools: top.take_texts("tools", SCOPE_LIST_MAX, Free)?,
        destinations: top.take_texts("destinations", SCOPE_LIST_MAX, Free)?,
        ..AgentScope::default()
    };
    read_parties(&mut top, &mut scope, unknown)?;
    scope.instruction_sources = read_words(&mut top, "instruction_sources", |word| {
        InstructionSource::from_word(word).unwrap_or_default()
    })?;
    for grant in top.take_objects("grants", GRANTS_MAX)? {
        scope.grants.push(read_grant(grant, unknown)?);
    }
    for limit in top.take_objects("limits", SCOPE_LIMITS_MAX)? {
        scope.limits.push(read_limit(limit, unknown)?);
    }
    if let Some(mut channel) = top.take_object("channel")? {
        scope.channel = Some(ChannelRule {
            encrypted: channel.take_flag("encrypted")?.unwrap_or_default(),
            authenticated: channel.take_flag("authenticated")?.unwrap_or_default(),
        });
        channel.count_unknown(unknown);
    }
    if let Some(delegation) = top.take_object("delegation")? {
        scope.delegation = Some(read_delegation(delegation, unknown)?);
    }
    if let Some(hours) = top.take_object("hours")? {
        scope.hours = Some(read_hours(hours, unknown)?);
    }
    top.count_unknown(unknown);
    Ok(scope)
}

/// Reads the agent (`agent.id` or its alias `agent_id`), its task, its principal and its parent.
fn read_parties(
    top: &mut RecordObject,
    scope: &mut AgentScope,
    unknown: &mut u32,
) -> Result<(), Refusal> {
    let flat = top.take_text("agent_id", Id)?;
    let mut nested = None;
    if let Some(mut agent) = top.take_object("agent")? {
        nested = agent.take_text("id", Id)?;
        scope.agent_type = agent.take_text("type", Id)?;
        agent.count_unknown(unknown);
    }
    scope.agent_id = one_agent(flat, nested)?;
    if let Some(mut task) = top.take_object("task")? {
        scope.task_id = task.take_text("id", Id)?;
        scope.task_class = task.take_text("class", Id)?;
        task.count_unknown(unknown);
    }
    if let Some(mut principal) = top.take_object("principal")? {
        scope.principal_id = principal.take_text("id", Id)?;
        principal.count_unknown(unknown);
    }
    if let Some(mut parent) = top.take_object("parent")? {
        scope.parent = Some(ParentScope {
            agent_id: parent.required_text("agent_id", Id)?,
            scope_id: parent.take_text("scope_id", Id)?,
            act_chain: parent.take_texts("act_chain", CHAIN_MAX, Id)?,
        });
        parent.count_unknown(unknown);
    }
    Ok(())
}

/// The agent's id from `agent.id` or its alias `agent_id`; both together are an error.
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

fn read_status(top: &mut RecordObject) -> Result<DeclaredStatus, Refusal> {
    let Some(word) = top.take_text("status", Id)? else {
        return Ok(DeclaredStatus::default());
    };
    DeclaredStatus::from_word(&word)
        .ok_or_else(|| format!("status: `{word}` is not active, completed, suspended or revoked"))
}

fn read_words<T>(
    top: &mut RecordObject,
    name: &str,
    read: impl Fn(&str) -> T,
) -> Result<Vec<T>, Refusal> {
    let words = top.take_texts(name, SCOPE_LIST_MAX, Id)?;
    Ok(words.iter().map(|word| read(word)).collect())
}

fn read_grant(mut object: RecordObject, unknown: &mut u32) -> Result<Grant, Refusal> {
    let path = object.path_of("sensitivity_max");
    let sensitivity_max = match object.take_text("sensitivity_max", Id)? {
        None => None,
        Some(word) => Some(Sensitivity::from_word(&word).ok_or_else(|| {
            format!("{path}: `{word}` is not public, internal, confidential or restricted")
        })?),
    };
    let grant = Grant {
        resource_types: object.take_texts("resource_types", SCOPE_LIST_MAX, Id)?,
        resource_ids: object.take_texts("resource_ids", SCOPE_LIST_MAX, Free)?,
        verbs: read_words(&mut object, "verbs", |word| {
            Verb::from_word(word).unwrap_or_default()
        })?,
        sensitivity_max,
        owners: object.take_texts("owners", SCOPE_LIST_MAX, Free)?,
    };
    if grant.resource_types.is_empty() {
        return Err(format!(
            "{}: names no type",
            object.path_of("resource_types")
        ));
    }
    object.count_unknown(unknown);
    Ok(grant)
}

fn read_limit(mut object: RecordObject, unknown: &mut u32) -> Result<Limit, Refusal> {
    let measure_path = object.path_of("measure");
    let measure_text = object.required_text("measure", Free)?;
    let measure = Measure::parse(&measure_text)
        .filter(is_measurable)
        .ok_or_else(|| {
            format!("{measure_path}: `{measure_text}` is not count, sum: FIELD or distinct: FIELD")
        })?;
    let path = object.path_of("window");
    let window_ms = window_ms(&path, object.take_field("window"))?;
    let max = object.take_amount("max")?;
    let max = max.ok_or_else(|| format!("{}: required", object.path_of("max")))?;
    object.count_unknown(unknown);
    Ok(Limit {
        measure,
        window_ms,
        max,
    })
}

/// Whether a measure is a count, a sum of a numeric field, or names a field whose distinct values
/// are counted.
fn is_measurable(measure: &Measure) -> bool {
    match (measure.kind, ActionField::from_path(&measure.field)) {
        (MeasureKind::Count, _) | (MeasureKind::Distinct, Some(_)) => true,
        (MeasureKind::Sum, Some(field)) => field.info().is_summable(),
        (MeasureKind::Sum | MeasureKind::Distinct, None) | (MeasureKind::Rate, _) => false,
    }
}

fn read_delegation(mut object: RecordObject, unknown: &mut u32) -> Result<DelegationRule, Refusal> {
    let mut maximum = |name: &str| -> Result<Option<u32>, Refusal> {
        let path = object.path_of(name);
        let value = object.take_integer(name)?;
        value
            .map(|value| u32::try_from(value).map_err(|_| format!("{path}: {value} is no count")))
            .transpose()
    };
    let (depth_max, children_max) = (maximum("depth_max")?, maximum("children_max")?);
    let allowed = object.take_flag("allowed")?.unwrap_or_default();
    object.count_unknown(unknown);
    Ok(DelegationRule {
        allowed,
        depth_max,
        children_max,
    })
}

fn read_hours(mut object: RecordObject, unknown: &mut u32) -> Result<WorkingHours, Refusal> {
    let days = days_of(&object.path_of("days"), object.take_field("days"))?;
    let (from, to) = (object.path_of("from"), object.path_of("to"));
    let hours = WorkingHours {
        days,
        from_min: clock_min(&from, &object.required_text("from", Id)?, 1439)?,
        to_min: clock_min(&to, &object.required_text("to", Id)?, 1440)?,
        zone: object.take_text("zone", Id)?,
    };
    object.count_unknown(unknown);
    Ok(hours)
}
