//! Which rules can match on the records of a source. A rule that reads fields which no record has
//! can never match, and `scopewatch rules coverage` reports it.

use std::collections::BTreeSet;

use crate::event::AgentAction;

use super::bundle::Bundle;
use super::evaluate::condition::{Condition, FieldTest, SelectionField};
use super::evaluate::facts::Facts;
use super::evaluate::record_facts::fill_record_facts;
use super::model::catalogue::{FactCatalogue, FactPresence, FactSlot, FactSource, fact};
use super::model::numbering::RuleIndex;

/// The record fields that had a value in at least one action.
#[derive(Debug, Clone)]
pub struct CarriedFacts {
    catalogue: FactCatalogue,
    carried: BTreeSet<FactSlot>,
}

/// Whether a rule can match on the records of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoverageState {
    /// The records have every field that the rule reads.
    CanFire,
    /// The rule can match, but the records lack some of the fields that it reads.
    Weakened,
    /// The rule can never match: the records lack a field that it needs.
    Blind,
}

/// The coverage of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCoverage {
    pub rule: RuleIndex,
    pub state: CoverageState,
    /// The record fields that the rule reads and the records lack, in slot order.
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

    /// Adds the fields of one action. The action must be enriched by `resources.yaml`, because the
    /// rules read it so. The resource type `unknown` and the verb `other` do not count as values.
    pub fn observe_action(&mut self, action: &AgentAction) {
        let mut facts = Facts::new(&self.catalogue);
        fill_record_facts(&mut facts, action);
        for info in self
            .catalogue
            .iter()
            .filter(|info| info.source == FactSource::Record)
        {
            let unmapped = (info.slot == fact::RESOURCE_TYPE && action.resource_type_unmapped())
                || (info.slot == fact::ACTION_VERB && action.verb_unmapped());
            if !unmapped && !facts.get(info.slot).is_absent() {
                self.carried.insert(info.slot);
            }
        }
    }

    /// Whether a record field had a value in at least one action.
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

/// Whether `condition` can be true. Adds the fields that the records lack to `missing`, even when
/// the condition can be true without them.
fn can_match(
    condition: &Condition,
    bundle: &Bundle,
    carried: &CarriedFacts,
    missing: &mut BTreeSet<FactSlot>,
) -> bool {
    let mut each = |part: &Condition| can_match(part, bundle, carried, missing);
    match condition {
        // `count` and not `all` or `any`, which stop early: every part must add its missing fields.
        Condition::All(parts) => parts.iter().filter(|part| each(part)).count() == parts.len(),
        Condition::Any(parts) => parts.iter().filter(|part| each(part)).count() > 0,
        Condition::Not(inner) => {
            each(inner);
            true
        }
        Condition::Field(field) if matches!(field.test, FieldTest::Absent) => true,
        Condition::Field(field) => field_can_match(field, bundle, carried, missing),
    }
}

fn field_can_match(
    field: &SelectionField,
    bundle: &Bundle,
    carried: &CarriedFacts,
    missing: &mut BTreeSet<FactSlot>,
) -> bool {
    if field.slot == fact::SCOPE_VIOLATIONS
        && let Some(words) = field.equal_words()
    {
        return words.iter().fold(false, |any, word| {
            let needs = violation_needs(word);
            let met = needs.is_empty() || needs.iter().any(|need| carried.contains(*need));
            if !met {
                missing.extend(needs);
            }
            met || any
        });
    }
    let mut met = true;
    for slot in field.all_slots() {
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

/// The record fields of which at least one is needed to find a violation. Empty when the fields of
/// every record are enough, as for hours and limits.
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
