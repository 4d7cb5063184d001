//! Sets the facts that follow from the record and its time alone. The detector sets the facts of
//! scope, life cycle and baselines.

use jiff::tz::TimeZone;

use crate::event::{
    AgentAction, DelegationState, EventKind, FieldType, InstructionSource, action_fields,
};
use crate::scope::{delegation_depth, local_time};

use crate::rule::model::catalogue::{FactSlot, fact};

use super::facts::{FactValue, Facts};

const MS_PER_S: i64 = 1_000;
const MIN_PER_HOUR: u16 = 60;

/// Sets the fact of every field of the record, and the facts that follow from one field:
/// `action.effect`, `event.kind`, `instruction.trusted` and `delegation.depth`. The caller sets
/// `event_id` when the record has none.
pub fn fill_record_facts<'a>(facts: &mut Facts<'a>, action: &'a AgentAction) {
    fill_fields(facts, action);
    facts.set(fact::EVENT_KIND, EventKind::Action.as_str());
    facts.set(fact::ACTION_EFFECT, action.effect_class().as_str());
    let trusted = action.instruction_source.and_then(is_trusted);
    facts.set(fact::INSTRUCTION_TRUSTED, trusted);
    if action.chain_is_reversed() {
        let malformed = DelegationState::Malformed.as_str();
        facts.set(fact::DELEGATION_STATE, malformed);
    } else if !action.delegation_chain.is_empty() {
        facts.set(fact::DELEGATION_DEPTH, i64::from(delegation_depth(action)));
    }
}

/// Sets the fact of each field, with one line for every field instead of a loop over
/// [`crate::event::ActionField::ALL`]: this runs for every action, and a loop would branch on the
/// type of each field.
macro_rules! declare_fill_fields {
    ($(#[$doc:meta] $id:ident $field:ident: $type:ty { $($row:tt)* })+) => {
        fn fill_fields<'a>(facts: &mut Facts<'a>, action: &'a AgentAction) {
            let mut set = |slot: FactSlot, value: FactValue<'a>| facts.set(slot, value);
            $(set(fact::$id, action.$field.read_value().into());)+
        }
    };
}

action_fields!(declare_fill_fields);

/// Whether a source may instruct an agent; `None` when the gateway did not know the source.
fn is_trusted(source: InstructionSource) -> Option<bool> {
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

/// Sets the facts that depend on the time of the action: `occurred_at`, `event.clamped`, `time.*`
/// in the tenant's `zone`, and age and lifetime of the credential. `at_ms` is the time
/// after clamping; `clamped` says whether the time of the record was changed.
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
    if let Some(expires_ms) = action.credential_expires_at_ms
        && let Some(issued_ms) = action.credential_issued_at_ms
    {
        let ttl_ms = expires_ms.saturating_sub(issued_ms);
        facts.set(fact::CREDENTIAL_TTL_S, ttl_ms.div_euclid(MS_PER_S));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::model::catalogue::{FactCatalogue, FactSource};

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
        assert_eq!(facts.get(fact::CREDENTIAL_AGE_S), FactValue::Int(59));
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        fill_time_facts(&mut facts, &action, at_ms, false, &berlin);
        assert_eq!(facts.get(fact::TIME_WEEKDAY), FactValue::Int(1));
        assert_eq!(facts.get(fact::TIME_HOUR), FactValue::Int(0));
        assert_eq!(facts.get(fact::CREDENTIAL_TTL_S), FactValue::Int(60));
    }

    /// Without a chain the depth is unknown, not zero.
    #[test]
    fn the_depth_is_known_only_with_a_chain() {
        let catalogue = FactCatalogue::new();
        let mut action = AgentAction::new("worker");
        for (chain, expected) in [
            (vec![], FactValue::Absent),
            (vec!["worker"], FactValue::Int(0)),
            (vec!["root", "worker"], FactValue::Int(1)),
            (vec!["root", "planner"], FactValue::Int(2)),
            (vec!["worker", "planner", "root"], FactValue::Absent),
            (vec!["worker", "planner", "worker"], FactValue::Int(2)),
        ] {
            action.delegation_chain = chain.into_iter().map(Into::into).collect();
            let mut facts = Facts::new(&catalogue);
            fill_record_facts(&mut facts, &action);
            assert_eq!(facts.get(fact::DELEGATION_DEPTH), expected);
            let state = match action.chain_is_reversed() {
                true => FactValue::Text("malformed"),
                false => FactValue::Absent,
            };
            assert_eq!(facts.get(fact::DELEGATION_STATE), state);
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

    /// Rules on a fact that is in the catalogue and never set would never match.
    #[test]
    fn a_full_record_fills_every_record_fact() {
        let action = crate::rule::tests::full_action();
        let catalogue = FactCatalogue::new();
        let mut facts = Facts::new(&catalogue);
        fill_record_facts(&mut facts, &action);
        fill_time_facts(&mut facts, &action, 1_800_000_000_000, true, &TimeZone::UTC);
        let by_detector = [
            fact::EVENT_MALFORMED,
            fact::EVENT_ID_REUSED,
            fact::EVENT_DEAD_LETTER,
        ];
        for info in catalogue
            .iter()
            .filter(|info| !by_detector.contains(&info.slot))
        {
            if matches!(info.source, FactSource::Record | FactSource::Derived) {
                assert!(
                    !facts.get(info.slot).is_absent(),
                    "{} is never filled",
                    info.name
                );
            }
        }
    }
}
