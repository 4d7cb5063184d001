//! Reads one field of a selection, `fact|modifier: value`, and checks that the fact is known, that
//! the modifiers have a meaning for its type, and that the fact can have the value.

use crate::text::{Problems, YamlNode, suggest_near};

use crate::rule::evaluate::condition::{Condition, FieldTest, SelectionField};
use crate::rule::evaluate::value_test::{ComparedPart, FactReference, ValueMatcher, ValueTest};
use crate::rule::model::catalogue::{FactCatalogue, FactInfo, FactPresence, FactType};

use super::field_value::{ReadValue, read_value};
use super::modifiers::{FieldModifiers, FieldOperator, MODIFIERS, read_modifiers};

/// The modifiers that mean something for a number, and those for a flag.
const NUMBER_MODIFIERS: &[&str] = &["exists", "gt", "gte", "lt", "lte", "neq"];
const FLAG_MODIFIERS: &[&str] = &["exists"];

/// Reads one field; `None` when it has errors.
pub(in crate::rule) fn read_selection_field(
    key: &YamlNode,
    value: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Option<Condition> {
    let text = key.as_str().unwrap_or_default();
    let mut parts = text.split('|');
    let name = parts.next().unwrap_or_default();
    let chain: Vec<&str> = parts.collect();
    let modifiers = match read_modifiers(&chain) {
        Ok(modifiers) => Some(modifiers),
        Err(fault) => {
            report(key, fault.message, fault.help, problems);
            None
        }
    };
    if name.is_empty() {
        problems.error_with_help(
            key.location,
            "keyword searches are not evaluated",
            "write `fact.name: value`",
        );
        return None;
    }
    let Some(info) = catalogue.find_fact(name) else {
        unknown_fact(name, key, catalogue, problems);
        return None;
    };
    let modifiers = modifiers?;
    refuse_other_modifiers(info, &chain, value, problems)?;
    let reader = FieldReader {
        info,
        modifiers,
        key,
        catalogue,
    };
    reader.read_values(value, problems)
}

/// Reports a name that is not a fact of this version.
pub(in crate::rule) fn unknown_fact(
    name: &str,
    key: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) {
    let near = suggest_near(name, catalogue.iter().map(|info| info.name.as_ref()));
    let help = match near {
        Some(near) => near,
        None if name.starts_with("baseline.") => {
            "a rule with `name:` and `baseline:` declares a metric".to_owned()
        }
        None => "`scopewatch rules fields` lists the facts of this version".to_owned(),
    };
    problems.error_with_help(key.location, format!("unknown fact `{name}`"), help);
}

pub(super) fn report(
    node: &YamlNode,
    message: String,
    help: Option<String>,
    problems: &mut Problems<'_>,
) {
    match help {
        Some(help) => problems.error_with_help(node.location, message, help),
        None => problems.error(node.location, message),
    }
}

/// Refuses a modifier that has no meaning for the type of the fact.
fn refuse_other_modifiers(
    info: &FactInfo,
    chain: &[&str],
    value: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<()> {
    let allowed = match info.fact_type {
        FactType::Text | FactType::List => MODIFIERS,
        FactType::Number | FactType::Float | FactType::TimeMs => NUMBER_MODIFIERS,
        FactType::Flag => FLAG_MODIFIERS,
    };
    let numeric = ["gt", "gte", "lt", "lte"];
    let textual = allowed == MODIFIERS;
    let refused = chain
        .iter()
        .find(|modifier| !allowed.contains(modifier) || (textual && numeric.contains(modifier)));
    let Some(modifier) = refused else {
        return Some(());
    };
    let kind = info.fact_type.as_str();
    problems.error(
        value.location,
        format!(
            "modifier `{modifier}` means nothing for `{}`, a {kind} fact",
            info.name
        ),
    );
    None
}

/// A field of which everything but its values has been read.
struct FieldReader<'r> {
    info: &'r FactInfo,
    modifiers: FieldModifiers,
    key: &'r YamlNode,
    catalogue: &'r FactCatalogue,
}

impl FieldReader<'_> {
    fn read_values(&self, value: &YamlNode, problems: &mut Problems<'_>) -> Option<Condition> {
        let one = std::slice::from_ref(value);
        let values = value.as_sequence().unwrap_or(one);
        if values.is_empty() {
            problems.error(value.location, "an empty list of values never matches");
            return None;
        }
        match self.modifiers.operator {
            FieldOperator::Exists => self.read_exists(value, problems),
            FieldOperator::Fact(part) => self.read_reference(part, value, problems),
            _ => self.read_value_list(values, problems),
        }
    }

    fn field(&self, test: FieldTest) -> Condition {
        Condition::Field(SelectionField {
            slot: self.info.slot,
            location: self.key.location,
            test,
        })
    }

    fn read_exists(&self, value: &YamlNode, problems: &mut Problems<'_>) -> Option<Condition> {
        let Some(exists) = value.as_bool() else {
            problems.error(value.location, "|exists takes true or false");
            return None;
        };
        if self.info.presence == FactPresence::Always {
            self.refuse_presence(value, problems);
            return None;
        }
        Some(self.field(if exists {
            FieldTest::Exists
        } else {
            FieldTest::Absent
        }))
    }

    fn refuse_presence(&self, value: &YamlNode, problems: &mut Problems<'_>) {
        problems.error_with_help(
            value.location,
            format!("`{}` is always there", self.info.name),
            "leave this line out",
        );
    }

    fn read_reference(
        &self,
        part: ComparedPart,
        value: &YamlNode,
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        if self.info.fact_type != FactType::Text {
            problems.error(
                value.location,
                "|fieldref compares one text fact with another",
            );
            return None;
        }
        let Some(name) = value.as_str() else {
            problems.error(value.location, "|fieldref takes the name of one fact");
            return None;
        };
        let Some(other) = self.catalogue.find_fact(name) else {
            unknown_fact(name, value, self.catalogue, problems);
            return None;
        };
        if other.fact_type != FactType::Text {
            let kind = other.fact_type.as_str();
            let message = format!("`{name}` is a {kind} fact, not text");
            problems.error(value.location, message);
            return None;
        }
        let reference = ValueMatcher::Fact(FactReference {
            slot: other.slot,
            part,
            cased: self.modifiers.cased,
        });
        let test = ValueTest::new(vec![reference], self.modifiers.neq);
        Some(self.field(FieldTest::Value(test)))
    }

    /// Reads the values to compare with. `null` and an empty text among them match when the fact
    /// is absent.
    fn read_value_list(
        &self,
        values: &[YamlNode],
        problems: &mut Problems<'_>,
    ) -> Option<Condition> {
        let errors_before = problems.error_count();
        let mut matchers = Vec::with_capacity(values.len());
        let mut absent = None;
        for value in values {
            match read_value(self.info, &self.modifiers, value, problems) {
                Some(ReadValue::Present(read)) => matchers.push(read),
                Some(ReadValue::Absent) => absent = Some(value),
                None => {}
            }
        }
        if let Some(value) = absent {
            if self.info.presence == FactPresence::Always {
                self.refuse_presence(value, problems);
            } else if self.modifiers.all {
                let message = "a fact that is absent has no other value: this never matches";
                problems.error(value.location, message);
            }
        }
        if self.modifiers.all && values.len() < 2 {
            let message = "`all` needs a list of at least two values";
            problems.error(self.key.location, message);
        }
        if problems.error_count() > errors_before {
            return None;
        }
        Some(self.combine(matchers, absent.is_some()))
    }

    /// Each inner list is one value of the rule.
    fn combine(&self, values: Vec<Vec<ValueMatcher>>, or_absent: bool) -> Condition {
        let neq = self.modifiers.neq;
        let compare =
            |matchers, negated| self.field(FieldTest::Value(ValueTest::new(matchers, negated)));
        if values.is_empty() {
            return self.field(match neq {
                true => FieldTest::Exists,
                false => FieldTest::Absent,
            });
        }
        if self.modifiers.all {
            let each = values.into_iter().map(|matchers| compare(matchers, false));
            let all = Condition::All(each.collect());
            return match neq {
                true => Condition::All(vec![
                    self.field(FieldTest::Exists),
                    Condition::Not(Box::new(all)),
                ]),
                false => all,
            };
        }
        let test = compare(values.into_iter().flatten().collect(), neq);
        // `neq` compares with a value: it is false for an absent fact whatever the list.
        if or_absent && !neq {
            Condition::Any(vec![self.field(FieldTest::Absent), test])
        } else {
            test
        }
    }
}
