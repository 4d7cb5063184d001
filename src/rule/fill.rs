//! Facts that follow from the record and its time alone. The facts of scope, life-cycle and
//! baseline are the detector's to set.

use jiff::tz::TimeZone;

use crate::event::{AgentAction, InstructionSource};
use crate::scope::{delegation_depth, local_time};

use super::catalogue::fact;
use super::{FactSlot, FactValue, Facts};

const MS_PER_S: i64 = 1_000;
const MIN_PER_HOUR: u16 = 60;

/// Sets every fact that is a field of the record, and what follows from one field alone:
/// `action.effect`, `event.kind`, `instruction.trusted` and `delegation.depth`. The caller sets
/// `event_id` when the record has none.
pub fn fill_record_facts<'a>(facts: &mut Facts<'a>, action: &'a AgentAction) {
    fill_who_and_why(facts, action);
    fill_what_and_where(facts, action);
    fill_volume_and_channel(facts, action);
}

fn fill_who_and_why<'a>(facts: &mut Facts<'a>, action: &'a AgentAction) {
    let mut set = |slot: FactSlot, value: FactValue<'a>| facts.set(slot, value);
    set(fact::EVENT_KIND, "action".into());
    set(fact::EVENT_ID, action.event_id.as_ref().into());
    set(fact::OCCURRED_AT, action.occurred_at_ms.into());
    set(fact::TENANT, (&action.tenant).into());
    set(fact::AGENT_ID, (&action.agent_id).into());
    set(fact::AGENT_TYPE, action.agent_type.as_ref().into());
    set(fact::AGENT_VERSION, action.agent_version.as_ref().into());
    set(fact::PRINCIPAL_ID, action.principal_id.as_ref().into());
    set(fact::GATEWAY_ID, action.gateway_id.as_ref().into());
    set(fact::TASK_ID, action.task_id.as_ref().into());
    set(fact::TASK_CLASS, action.task_class.as_ref().into());
    set(fact::TASK_PURPOSE, action.task_purpose.as_ref().into());
    set(fact::SESSION_ID, action.session_id.as_ref().into());
    let source = action.instruction_source;
    set(
        fact::INSTRUCTION_SOURCE,
        source.map(InstructionSource::as_str).into(),
    );
    set(fact::INSTRUCTION_TRUSTED, source.and_then(trusted).into());
    set(
        fact::INSTRUCTION_REF,
        action.instruction_ref.as_ref().into(),
    );
    set(fact::CREDENTIAL_ID, action.credential_id.as_ref().into());
    set(
        fact::CREDENTIAL_ISSUER,
        action.credential_issuer.as_ref().into(),
    );
    set(
        fact::CREDENTIAL_KIND,
        action.credential_kind.as_ref().into(),
    );
    set(
        fact::CREDENTIAL_ISSUED_AT,
        action.credential_issued_at_ms.into(),
    );
    set(
        fact::CREDENTIAL_EXPIRES_AT,
        action.credential_expires_at_ms.into(),
    );
    set(
        fact::CREDENTIAL_BOUND_TO,
        action.credential_bound_to.as_ref().into(),
    );
    set(
        fact::DELEGATION_CHAIN,
        FactValue::Texts(&action.delegation_chain),
    );
    set(
        fact::DELEGATION_STATE,
        action.delegation_state.map(|state| state.as_str()).into(),
    );
    if !action.delegation_chain.is_empty() {
        set(
            fact::DELEGATION_DEPTH,
            i64::from(delegation_depth(action)).into(),
        );
    }
}

/// Whether a known source may instruct an agent; `None` when the gateway did not know it.
fn trusted(source: InstructionSource) -> Option<bool> {
    match source {
        InstructionSource::Operator | InstructionSource::SystemPrompt | InstructionSource::User => {
            Some(true)
        }
        InstructionSource::ParentAgent
        | InstructionSource::ToolOutput
        | InstructionSource::RetrievedData
        | InstructionSource::Memory => Some(false),
        InstructionSource::Unknown => None,
    }
}

fn fill_what_and_where<'a>(facts: &mut Facts<'a>, action: &'a AgentAction) {
    let mut set = |slot: FactSlot, value: FactValue<'a>| facts.set(slot, value);
    set(fact::TOOL_NAME, action.tool_name.as_ref().into());
    set(fact::TOOL_SERVER, action.tool_server.as_ref().into());
    set(fact::ACTION_VERB, action.action_verb.as_str().into());
    set(fact::ACTION_EFFECT, action.effect().as_str().into());
    set(
        fact::ACTION_OPERATION,
        action.action_operation.as_ref().into(),
    );
    set(fact::RESOURCE_TYPE, (&action.resource_type).into());
    set(fact::RESOURCE_ID, action.resource_id.as_ref().into());
    set(fact::RESOURCE_OWNER, action.resource_owner.as_ref().into());
    set(
        fact::RESOURCE_SENSITIVITY,
        action.resource_sensitivity.map(|word| word.as_str()).into(),
    );
    set(
        fact::DESTINATION_HOST,
        action.destination_host.as_ref().into(),
    );
    set(
        fact::DESTINATION_ADDRESS,
        action.destination_address.as_ref().into(),
    );
    set(
        fact::DESTINATION_EXTERNAL,
        action.destination_external.into(),
    );
    set(
        fact::OUTCOME,
        action.outcome.map(|word| word.as_str()).into(),
    );
    set(
        fact::POLICY_DECISION_ID,
        action.policy_decision_id.as_ref().into(),
    );
}

fn fill_volume_and_channel<'a>(facts: &mut Facts<'a>, action: &'a AgentAction) {
    let mut set = |slot: FactSlot, value: FactValue<'a>| facts.set(slot, value);
    set(fact::VOLUME_RECORDS, action.volume_records.into());
    set(fact::VOLUME_BYTES_IN, action.volume_bytes_in.into());
    set(fact::VOLUME_BYTES_OUT, action.volume_bytes_out.into());
    set(fact::VOLUME_TOKENS_IN, action.volume_tokens_in.into());
    set(fact::VOLUME_TOKENS_OUT, action.volume_tokens_out.into());
    set(fact::VOLUME_COST_USD, action.volume_cost_usd.into());
    set(fact::LATENCY_US, action.latency_us.into());
    set(fact::CHANNEL_ENCRYPTED, action.channel_encrypted.into());
    set(
        fact::CHANNEL_AUTHENTICATED,
        action.channel_authenticated.into(),
    );
    set(
        fact::CHANNEL_PEER_ID,
        action.channel_peer_id.as_ref().into(),
    );
    set(
        fact::CHANNEL_NETWORK,
        action.channel_network.map(|word| word.as_str()).into(),
    );
    set(fact::CONTENT_UNTRUSTED, action.content_untrusted.into());
    set(fact::CONTENT_PRIVATE, action.content_private.into());
    set(fact::TRACE_ID, action.trace_id.as_ref().into());
    set(fact::SPAN_ID, action.span_id.as_ref().into());
    set(
        fact::EVENT_SCHEMA_VERSION,
        action.event_schema_version.as_ref().into(),
    );
}

/// Sets what depends on the action's own time `at_ms` (already clamped): `occurred_at`,
/// `event.clamped`, `time.*` in the tenant's `zone`, and the ages of the credential.
pub fn fill_time_facts(
    facts: &mut Facts<'_>,
    action: &AgentAction,
    at_ms: i64,
    clamped: bool,
    zone: &TimeZone,
) {
    facts.set(fact::OCCURRED_AT, at_ms);
    facts.set(fact::EVENT_CLAMPED, clamped);
    if let Some(local) = local_time(at_ms, zone) {
        facts.set(fact::TIME_WEEKDAY, i64::from(local.weekday));
        facts.set(fact::TIME_HOUR, i64::from(local.minute / MIN_PER_HOUR));
    }
    if let Some(issued_ms) = action.credential_issued_at_ms {
        facts.set(
            fact::CREDENTIAL_AGE_S,
            at_ms.saturating_sub(issued_ms).div_euclid(MS_PER_S),
        );
    }
    if let Some(expires_ms) = action.credential_expires_at_ms {
        if expires_ms <= at_ms {
            facts.set(fact::CREDENTIAL_VERDICT, "expired");
        }
        if let Some(issued_ms) = action.credential_issued_at_ms {
            let ttl_ms = expires_ms.saturating_sub(issued_ms);
            facts.set(fact::CREDENTIAL_TTL_S, ttl_ms.div_euclid(MS_PER_S));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{FactCatalogue, Source};

    #[test]
    fn time_follows_the_zone_and_ages_the_clock() {
        let catalogue = FactCatalogue::new();
        let mut action = AgentAction::new("a");
        action.credential_issued_at_ms = Some(1_772_407_740_000);
        action.credential_expires_at_ms = Some(1_772_407_800_000);
        let mut facts = Facts::new(&catalogue);
        // Sunday 2026-03-01 23:30 UTC is Monday 00:30 in Berlin.
        let at_ms = 1_772_407_800_000;
        fill_time_facts(&mut facts, &action, at_ms - 1, false, &TimeZone::UTC);
        assert_eq!(facts.get(fact::TIME_WEEKDAY), FactValue::Int(7));
        assert_eq!(facts.get(fact::TIME_HOUR), FactValue::Int(23));
        assert_eq!(facts.get(fact::CREDENTIAL_VERDICT), FactValue::Absent);
        assert_eq!(facts.get(fact::CREDENTIAL_AGE_S), FactValue::Int(59));
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        fill_time_facts(&mut facts, &action, at_ms, false, &berlin);
        assert_eq!(facts.get(fact::TIME_WEEKDAY), FactValue::Int(1));
        assert_eq!(facts.get(fact::TIME_HOUR), FactValue::Int(0));
        assert_eq!(
            facts.get(fact::CREDENTIAL_VERDICT),
            FactValue::Text("expired")
        );
        assert_eq!(facts.get(fact::CREDENTIAL_TTL_S), FactValue::Int(60));
    }

    /// No chain says nothing of the depth; it does not say zero.
    #[test]
    fn the_depth_is_known_only_with_a_chain() {
        let catalogue = FactCatalogue::new();
        let mut action = AgentAction::new("worker");
        for (chain, expected) in [
            (vec![], FactValue::Absent),
            (vec!["worker"], FactValue::Int(0)),
            (vec!["root", "worker"], FactValue::Int(1)),
            (vec!["root", "planner"], FactValue::Int(2)),
        ] {
            action.delegation_chain = chain.into_iter().map(Into::into).collect();
            let mut facts = Facts::new(&catalogue);
            fill_record_facts(&mut facts, &action);
            assert_eq!(facts.get(fact::DELEGATION_DEPTH), expected);
        }
    }

    #[test]
    fn an_unknown_instruction_is_neither_trusted_nor_untrusted() {
        let catalogue = FactCatalogue::new();
        for (source, expected) in [
            (InstructionSource::User, FactValue::Flag(true)),
            (InstructionSource::ToolOutput, FactValue::Flag(false)),
            (InstructionSource::Unknown, FactValue::Absent),
        ] {
            let mut action = AgentAction::new("a");
            action.instruction_source = Some(source);
            let mut facts = Facts::new(&catalogue);
            fill_record_facts(&mut facts, &action);
            assert_eq!(facts.get(fact::INSTRUCTION_TRUSTED), expected, "{source}");
        }
    }

    /// A record field that is in the catalogue and not filled would make rules silent for ever.
    #[test]
    fn a_full_record_fills_every_record_fact() {
        let action = crate::rule::testing::full_action();
        let catalogue = FactCatalogue::new();
        let mut facts = Facts::new(&catalogue);
        fill_record_facts(&mut facts, &action);
        fill_time_facts(&mut facts, &action, 1_800_000_000_000, true, &TimeZone::UTC);
        for info in catalogue.iter() {
            if matches!(info.source, Source::Record | Source::Derived) {
                assert!(
                    !facts.get(info.slot).is_absent(),
                    "{} is never filled",
                    info.name
                );
            }
        }
    }
}
