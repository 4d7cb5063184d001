//! What the records let each rule see: a rule whose facts are never carried is blind, and better
//! said so than silent.

use std::collections::BTreeSet;

use crate::event::AgentAction;

use super::bundle::Bundle;
use super::evaluate::facts::Facts;
use super::evaluate::record_facts::fill_record_facts;
use super::model::catalogue::{FactCatalogue, FactPresence, FactSlot, FactSource, fact};
use super::model::condition::{Condition, FieldTest, SelectionField};
use super::model::numbering::RuleIndex;

/// The record fields that were seen with a value.
#[derive(Debug, Clone)]
pub struct CarriedFacts {
    catalogue: FactCatalogue,
    carried: BTreeSet<FactSlot>,
}

/// Whether a rule can fire on such records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoverageState {
    /// Everything it reads is carried.
    CanFire,
    /// It can fire, but some of what it looks for is never carried.
    Weakened,
    /// It can never fire.
    Blind,
}

/// The coverage of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCoverage {
    pub rule: RuleIndex,
    pub state: CoverageState,
    /// Record fields it lacks, in slot order.
    pub missing: Vec<FactSlot>,
}

impl CoverageState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CoverageState::CanFire => "can fire",
            CoverageState::Weakened => "weakened",
            CoverageState::Blind => "blind",
        }
    }
}

impl Default for CarriedFacts {
    fn default() -> Self {
        CarriedFacts::new()
    }
}

impl CarriedFacts {
    #[must_use]
    pub fn new() -> Self {
        CarriedFacts {
            catalogue: FactCatalogue::new(),
            carried: BTreeSet::new(),
        }
    }

    /// Notes the fields of one action. Hand it over enriched: what `resources.yaml` fills in is
    /// carried, too. `unknown` and `other` stand for nothing.
    pub fn observe_action(&mut self, action: &AgentAction) {
        let mut facts = Facts::new(&self.catalogue);
        fill_record_facts(&mut facts, action);
        for info in self
            .catalogue
            .iter()
            .filter(|info| info.source == FactSource::Record)
        {
            let nothing = (info.slot == fact::RESOURCE_TYPE && action.resource_type_unmapped())
                || (info.slot == fact::ACTION_VERB && action.verb_unmapped());
            if !nothing && !facts.get(info.slot).is_absent() {
                self.carried.insert(info.slot);
            }
        }
    }

    /// Whether a record field was seen.
    #[must_use]
    pub fn contains(&self, slot: FactSlot) -> bool {
        self.carried.contains(&slot)
    }
}

/// The coverage of every rule, in rule order.
#[must_use]
pub fn rule_coverage(bundle: &Bundle, carried: &CarriedFacts) -> Vec<RuleCoverage> {
    bundle
        .rules
        .iter()
        .map(|rule| {
            let mut missing = BTreeSet::new();
            let possible = can_match(&rule.condition, bundle, carried, &mut missing);
            let state = match (possible, missing.is_empty()) {
                (false, _) => CoverageState::Blind,
                (true, false) => CoverageState::Weakened,
                (true, true) => CoverageState::CanFire,
            };
            RuleCoverage {
                rule: rule.index,
                state,
                missing: missing.into_iter().collect(),
            }
        })
        .collect()
}

/// Whether `condition` can hold; what it lacks goes to `missing` either way.
fn can_match(
    condition: &Condition,
    bundle: &Bundle,
    carried: &CarriedFacts,
    missing: &mut BTreeSet<FactSlot>,
) -> bool {
    let mut each = |part: &Condition| can_match(part, bundle, carried, missing);
    match condition {
        // Counted without a short cut: every part's missing fields are wanted.
        Condition::All(parts) => parts.iter().filter(|part| each(part)).count() == parts.len(),
        Condition::Any(parts) => parts.iter().filter(|part| each(part)).count() > 0,
        Condition::Not(inner) => {
            each(inner);
            true
        }
        Condition::Field(field) if field.test == FieldTest::Absent => true,
        Condition::Field(field) => field_can_match(field, bundle, carried, missing),
    }
}

fn field_can_match(
    field: &SelectionField,
    bundle: &Bundle,
    carried: &CarriedFacts,
    missing: &mut BTreeSet<FactSlot>,
) -> bool {
    if field.slot == fact::SCOPE_VIOLATIONS && !field.words.is_empty() {
        return field.words.iter().fold(false, |any, word| {
            let needs = violation_needs(word);
            let met = needs.is_empty() || needs.iter().any(|need| carried.contains(*need));
            if !met {
                missing.extend(needs);
            }
            met || any
        });
    }
    let mut met = true;
    for slot in std::iter::once(field.slot).chain(field.other) {
        let Some(info) = bundle.catalogue.fact_info(slot) else {
            continue;
        };
        let itself = [slot];
        let needs = match (info.source, info.presence) {
            (FactSource::Record, FactPresence::Always)
                if slot != fact::RESOURCE_TYPE && slot != fact::ACTION_VERB =>
            {
                continue;
            }
            (FactSource::Record, _) => &itself,
            _ => info.needs,
        };
        for need in needs.iter().filter(|need| !carried.contains(**need)) {
            missing.insert(*need);
            met = false;
        }
    }
    met
}

/// Record fields of which one must be carried for a violation to be seen. Hours and limits need
/// none beyond what every record has.
fn violation_needs(word: &str) -> &'static [FactSlot] {
    match word {
        "resource_type" => &[fact::RESOURCE_TYPE],
        "resource_id" => &[fact::RESOURCE_ID],
        "verb" | "delegation_not_allowed" | "delegation_children" => &[fact::ACTION_VERB],
        "sensitivity" => &[fact::RESOURCE_SENSITIVITY],
        "owner" => &[fact::RESOURCE_OWNER],
        "tool" => &[fact::TOOL_NAME],
        "destination" => &[fact::DESTINATION_HOST, fact::DESTINATION_ADDRESS],
        "instruction_source" => &[fact::INSTRUCTION_SOURCE],
        "channel" => &[fact::CHANNEL_ENCRYPTED, fact::CHANNEL_AUTHENTICATED],
        "delegation_depth" => &[fact::DELEGATION_CHAIN],
        _ => &[],
    }
}
