//! The facts of one action as an `Event` of rsigma.

use std::borrow::Cow;

use rsigma_eval::{Event, EventValue};

use crate::rule::model::catalogue::FactCatalogue;

use super::facts::{FactValue, Facts};

/// Finds the facts of one action by the names that rules use. The two methods that search all
/// values find nothing: rules with keyword searches are refused when they are loaded.
pub(in crate::rule) struct FactView<'v, 'f> {
    pub catalogue: &'v FactCatalogue,
    pub facts: &'v Facts<'f>,
}

impl Event for FactView<'_, '_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        let text = |text| EventValue::Str(Cow::Borrowed(text));
        match self.facts.get(self.catalogue.find_slot(path)?) {
            FactValue::Absent => None,
            FactValue::Text(value) => Some(text(value)),
            FactValue::Int(number) => Some(EventValue::Int(number)),
            FactValue::Float(number) => Some(EventValue::Float(number)),
            FactValue::Flag(flag) => Some(EventValue::Bool(flag)),
            FactValue::List(items) => Some(EventValue::Array(
                items.iter().map(|item| text(item)).collect(),
            )),
            FactValue::Texts(items) => Some(EventValue::Array(
                items.iter().map(|item| text(item)).collect(),
            )),
        }
    }

    fn any_string_value(&self, _pred: &dyn Fn(&str) -> bool) -> bool {
        false
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        Vec::new()
    }

    fn to_json(&self) -> serde_json::Value {
        self.catalogue
            .iter()
            .map(|info| {
                (
                    info.name.as_ref().to_owned(),
                    self.facts.get(info.slot).to_json(),
                )
            })
            .filter(|(_, value)| !value.is_null())
            .collect()
    }
}
