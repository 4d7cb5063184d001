//! The facts of one action: one slot for each fact of the catalogue, with a borrowed value.
//!
//! Facts are sparse. A fact is absent when its value is empty or not known. A flag that the
//! catalogue declares as [`FactPresence::WhenTrue`] is also absent when it is false.

use crate::event::{FieldValue, Text};

use crate::rule::model::catalogue::{FactCatalogue, FactPresence, FactSlot, static_fact};

/// The value of a fact, borrowed from the action, the judgement of its scope or a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum FactValue<'a> {
    #[default]
    Absent,
    Text(&'a str),
    /// Whole numbers and times in epoch milliseconds.
    Int(i64),
    Float(f64),
    Flag(bool),
    /// A list of words, such as the names of violations.
    List(&'a [&'a str]),
    /// A list of texts as the record has them, such as the delegation chain.
    Texts(&'a [Text]),
}

impl<'a> From<&'a str> for FactValue<'a> {
    fn from(text: &'a str) -> Self {
        FactValue::Text(text)
    }
}

impl<'a> From<&'a Text> for FactValue<'a> {
    fn from(text: &'a Text) -> Self {
        FactValue::Text(text)
    }
}

impl From<bool> for FactValue<'_> {
    fn from(flag: bool) -> Self {
        FactValue::Flag(flag)
    }
}

impl From<i64> for FactValue<'_> {
    fn from(number: i64) -> Self {
        FactValue::Int(number)
    }
}

impl From<u64> for FactValue<'_> {
    /// Saturates at `i64::MAX`: no rule has a greater threshold.
    fn from(number: u64) -> Self {
        FactValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<f64> for FactValue<'_> {
    fn from(number: f64) -> Self {
        FactValue::Float(number)
    }
}

impl<'a> From<FieldValue<'a>> for FactValue<'a> {
    #[inline]
    fn from(value: FieldValue<'a>) -> Self {
        match value {
            FieldValue::Text(text) | FieldValue::Word(text) => text.into(),
            FieldValue::Time(ms) => ms.into(),
            FieldValue::Count(count) => count.into(),
            FieldValue::Amount(amount) => amount.into(),
            FieldValue::Flag(flag) => flag.into(),
            FieldValue::Texts(texts) => FactValue::Texts(texts),
        }
    }
}

impl<'a, T: Into<FactValue<'a>>> From<Option<T>> for FactValue<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(FactValue::Absent, Into::into)
    }
}

impl FactValue<'_> {
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, FactValue::Absent)
    }

    /// The value as JSON, for alerts; `null` when absent.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match *self {
            FactValue::Absent => Json::Null,
            FactValue::Text(text) => Json::from(text),
            FactValue::Int(number) => Json::from(number),
            FactValue::Float(number) => Json::from(number),
            FactValue::Flag(flag) => Json::from(flag),
            FactValue::List(items) => Json::from(items),
            FactValue::Texts(items) => items.iter().map(Text::as_str).collect(),
        }
    }
}

/// The facts of one action. The detector keeps one and recycles it, so that an action costs no
/// allocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts<'a> {
    slots: Vec<FactValue<'a>>,
}

impl<'a> Facts<'a> {
    /// A slot for every fact of `catalogue`, all absent.
    #[must_use]
    pub fn new(catalogue: &FactCatalogue) -> Self {
        Facts {
            slots: vec![FactValue::Absent; catalogue.len()],
        }
    }

    /// Makes every fact absent and reuses the memory for another action.
    #[must_use]
    pub fn recycle<'b>(self) -> Facts<'b> {
        // `collect` reuses the allocation of the same element size. `clear` and `resize` would not
        // do, because the lifetime of the values changes.
        Facts {
            slots: self.slots.into_iter().map(|_| FactValue::Absent).collect(),
        }
    }

    /// Sets a fact. It becomes absent when the value is an empty text, an empty list, a number that
    /// is not finite, or `false` for a [`FactPresence::WhenTrue`] flag. A slot outside the
    /// catalogue is ignored.
    pub fn set(&mut self, slot: FactSlot, value: impl Into<FactValue<'a>>) {
        let value = match value.into() {
            FactValue::Text("") | FactValue::List([]) | FactValue::Texts([]) => FactValue::Absent,
            FactValue::Float(number) if !number.is_finite() => FactValue::Absent,
            FactValue::Flag(false)
                if static_fact(slot)
                    .is_some_and(|fact| fact.presence == FactPresence::WhenTrue) =>
            {
                FactValue::Absent
            }
            value => value,
        };
        if let Some(current) = self.slots.get_mut(slot.index()) {
            *current = value;
        }
    }

    /// The value of a fact.
    #[must_use]
    pub fn get(&self, slot: FactSlot) -> FactValue<'a> {
        self.slots.get(slot.index()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::model::catalogue::fact;

    #[test]
    fn what_is_empty_or_a_false_sparse_flag_is_absent() {
        let catalogue = FactCatalogue::new();
        let mut facts = Facts::new(&catalogue);
        facts.set(fact::AGENT_ID, "");
        facts.set(fact::SCOPE_VIOLATIONS, FactValue::List(&[]));
        facts.set(fact::SCOPE_UNMAPPED, false);
        facts.set(fact::VOLUME_COST_USD, f64::NAN);
        facts.set(FactSlot(u16::MAX), true);
        assert_eq!(facts, Facts::new(&catalogue));
    }

    #[test]
    fn a_false_flag_that_was_reported_is_kept() {
        let catalogue = FactCatalogue::new();
        let mut facts = Facts::new(&catalogue);
        facts.set(fact::CHANNEL_ENCRYPTED, false);
        assert_eq!(facts.get(fact::CHANNEL_ENCRYPTED), FactValue::Flag(false));
        assert_eq!(
            facts.recycle().get(fact::CHANNEL_ENCRYPTED),
            FactValue::Absent
        );
    }
}
