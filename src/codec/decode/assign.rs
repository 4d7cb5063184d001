//! Puts one wire value into its field of an action, or says why it does not fit.

use super::check::{self, TextRule};
use super::field::Field;
use crate::event::{
    AgentAction, DelegationState, InstructionSource, Network, Outcome, Sensitivity, Text, Verb,
};

/// Sets a field from text. Empty text is an absent value. A word outside a closed list becomes the
/// list's catch-all; where the list has none that claims nothing, the field stays absent.
pub(crate) fn text(action: &mut AgentAction, field: Field, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let path = field.path();
    if let Some((slot, rule)) = text_slot(action, field) {
        check::text(path, text, rule)?;
        *slot = Some(Text::new(text));
        return Ok(());
    }
    if let Some(slot) = time_slot(action, field) {
        *slot = Some(check::time_text(path, text)?);
        return Ok(());
    }
    let (slot, rule) = match field {
        Field::Tenant => (&mut action.tenant, TextRule::Tenant),
        Field::AgentId => (&mut action.agent_id, TextRule::Id),
        Field::ResourceType => (&mut action.resource_type, TextRule::Id),
        _ => return word(action, field, text),
    };
    check::text(path, text, rule)?;
    *slot = Text::new(text);
    Ok(())
}

/// Whether `text` was a word outside its closed list that left the field absent: the record said
/// something that nobody understood, which should be counted.
pub(crate) fn is_lost(action: &AgentAction, field: Field, text: &str) -> bool {
    let absent = match field {
        Field::DelegationState => action.delegation_state.is_none(),
        Field::ResourceSensitivity => action.resource_sensitivity.is_none(),
        Field::Outcome => action.outcome.is_none(),
        Field::ChannelNetwork => action.channel_network.is_none(),
        _ => return false,
    };
    absent && !text.is_empty()
}

fn word(action: &mut AgentAction, field: Field, text: &str) -> Result<(), String> {
    match field {
        Field::ActionVerb => action.action_verb = Verb::known(text).unwrap_or_default(),
        Field::InstructionSource => {
            action.instruction_source = Some(InstructionSource::known(text).unwrap_or_default());
        }
        Field::DelegationState => action.delegation_state = DelegationState::known(text),
        Field::ResourceSensitivity => action.resource_sensitivity = Sensitivity::known(text),
        Field::Outcome => action.outcome = Outcome::known(text),
        Field::ChannelNetwork => action.channel_network = Network::known(text),
        _ => return Err(mismatch(field, "text")),
    }
    Ok(())
}

/// Sets a field from a whole number.
pub(crate) fn integer(action: &mut AgentAction, field: Field, value: i64) -> Result<(), String> {
    if let Some(slot) = time_slot(action, field) {
        *slot = Some(check::time_ms(field.path(), value)?);
    } else if let Some(slot) = count_slot(action, field) {
        *slot = Some(check::count(field.path(), value)?);
    } else if field == Field::VolumeCostUsd {
        // Amounts of money are far below the 2^53 where this would round.
        let amount = value as f64;
        action.volume_cost_usd = Some(check::amount(field.path(), amount)?);
    } else {
        return Err(mismatch(field, "a number"));
    }
    Ok(())
}

/// Sets a field from a floating-point number.
pub(crate) fn float(action: &mut AgentAction, field: Field, value: f64) -> Result<(), String> {
    if field == Field::VolumeCostUsd {
        action.volume_cost_usd = Some(check::amount(field.path(), value)?);
        return Ok(());
    }
    match check::whole(value) {
        Some(whole) => integer(action, field, whole),
        None => Err(mismatch(field, "a number that is not whole")),
    }
}

/// Sets a field from `true` or `false`.
pub(crate) fn flag(action: &mut AgentAction, field: Field, value: bool) -> Result<(), String> {
    let slot = flag_slot(action, field).ok_or_else(|| mismatch(field, "a boolean"))?;
    *slot = Some(value);
    Ok(())
}

/// The message of a value of the wrong type.
#[cold]
pub(crate) fn mismatch(field: Field, found: &str) -> String {
    format!(
        "{}: expected {}, found {found}",
        field.path(),
        expected(field)
    )
}

fn expected(field: Field) -> &'static str {
    let mut probe = AgentAction::default();
    if field == Field::DelegationChain {
        "a list of ids"
    } else if time_slot(&mut probe, field).is_some() {
        "a time"
    } else if count_slot(&mut probe, field).is_some() {
        "a whole number"
    } else if field == Field::VolumeCostUsd {
        "a number"
    } else if flag_slot(&mut probe, field).is_some() {
        "true or false"
    } else {
        "text"
    }
}

fn text_slot(a: &mut AgentAction, field: Field) -> Option<(&mut Option<Text>, TextRule)> {
    let id = match field {
        Field::EventId => &mut a.event_id,
        Field::AgentType => &mut a.agent_type,
        Field::PrincipalId => &mut a.principal_id,
        Field::GatewayId => &mut a.gateway_id,
        Field::TaskId => &mut a.task_id,
        Field::TaskClass => &mut a.task_class,
        Field::SessionId => &mut a.session_id,
        Field::CredentialId => &mut a.credential_id,
        Field::CredentialIssuer => &mut a.credential_issuer,
        Field::ToolName => &mut a.tool_name,
        Field::ToolServer => &mut a.tool_server,
        Field::TraceId => &mut a.trace_id,
        Field::SpanId => &mut a.span_id,
        _ => return free_text_slot(a, field).map(|slot| (slot, TextRule::Free)),
    };
    Some((id, TextRule::Id))
}

fn free_text_slot(a: &mut AgentAction, field: Field) -> Option<&mut Option<Text>> {
    Some(match field {
        Field::AgentVersion => &mut a.agent_version,
        Field::TaskPurpose => &mut a.task_purpose,
        Field::InstructionRef => &mut a.instruction_ref,
        Field::CredentialKind => &mut a.credential_kind,
        Field::CredentialBoundTo => &mut a.credential_bound_to,
        Field::ActionOperation => &mut a.action_operation,
        Field::ResourceId => &mut a.resource_id,
        Field::ResourceOwner => &mut a.resource_owner,
        Field::DestinationHost => &mut a.destination_host,
        Field::DestinationAddress => &mut a.destination_address,
        Field::PolicyDecisionId => &mut a.policy_decision_id,
        Field::ChannelPeerId => &mut a.channel_peer_id,
        Field::EventSchemaVersion => &mut a.event_schema_version,
        _ => return None,
    })
}

fn time_slot(a: &mut AgentAction, field: Field) -> Option<&mut Option<i64>> {
    Some(match field {
        Field::OccurredAt => &mut a.occurred_at_ms,
        Field::CredentialIssuedAt => &mut a.credential_issued_at_ms,
        Field::CredentialExpiresAt => &mut a.credential_expires_at_ms,
        _ => return None,
    })
}

fn count_slot(a: &mut AgentAction, field: Field) -> Option<&mut Option<u64>> {
    Some(match field {
        Field::VolumeRecords => &mut a.volume_records,
        Field::VolumeBytesIn => &mut a.volume_bytes_in,
        Field::VolumeBytesOut => &mut a.volume_bytes_out,
        Field::VolumeTokensIn => &mut a.volume_tokens_in,
        Field::VolumeTokensOut => &mut a.volume_tokens_out,
        Field::LatencyUs => &mut a.latency_us,
        _ => return None,
    })
}

fn flag_slot(a: &mut AgentAction, field: Field) -> Option<&mut Option<bool>> {
    Some(match field {
        Field::DestinationExternal => &mut a.destination_external,
        Field::ChannelEncrypted => &mut a.channel_encrypted,
        Field::ChannelAuthenticated => &mut a.channel_authenticated,
        Field::ContentUntrusted => &mut a.content_untrusted,
        Field::ContentPrivate => &mut a.content_private,
        _ => return None,
    })
}

/// The field holds a number that can be summed: a count, an amount or a duration.
pub(super) fn is_summable(field: Field) -> bool {
    field == Field::VolumeCostUsd || count_slot(&mut AgentAction::default(), field).is_some()
}
