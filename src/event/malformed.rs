//! Which fields a record has whose values cannot be used.

use serde::{Deserialize, Serialize};

use super::action::ActionField;
use super::field::ActionGroup;

const _: () = assert!(
    ActionField::ALL.len() <= u64::BITS as usize && ActionGroup::ALL.len() <= u32::BITS as usize,
    "one bit for each field and each group"
);

/// The fields that a record has, but whose values cannot be used: of a wrong type, out of range,
/// given twice, too long, or with forbidden characters.
///
/// An agent chooses much of what stands in its records, so an unusable value must not be treated as
/// an absent one: a declared list allows an absent value and forbids an unusable one. The value
/// itself is absent from the action. A text that is too long keeps its beginning, for people; it
/// equals nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct MalformedFields {
    /// One bit for each field.
    fields: u64,
    /// One bit for each group that is no object or is given twice: all of its fields are malformed.
    groups: u32,
}

impl MalformedFields {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields == 0 && self.groups == 0
    }

    /// Whether `field` or its group is malformed.
    #[must_use]
    pub const fn contains(&self, field: ActionField) -> bool {
        let in_group = match field.info().group {
            Some(group) => self.groups & group_bit(group) != 0,
            None => false,
        };
        in_group || self.fields & field_bit(field) != 0
    }

    pub(crate) const fn insert_field(&mut self, field: ActionField) {
        self.fields |= field_bit(field);
    }

    pub(crate) const fn insert_group(&mut self, group: ActionGroup) {
        self.groups |= group_bit(group);
    }

    /// Adds the field or group of this name; a name that is none is ignored.
    pub(crate) fn insert_name(&mut self, name: &str) {
        if let Some(field) = ActionField::from_path(name) {
            self.insert_field(field);
        } else if let Some(group) = ActionGroup::from_name(name) {
            self.insert_group(group);
        }
    }

    /// The names: of the fields in the order of their table, then of the groups.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let Self { fields, groups } = *self;
        let of_fields = ActionField::ALL.iter().copied();
        let of_groups = ActionGroup::ALL.iter().copied();
        of_fields
            .filter(move |field| fields & field_bit(*field) != 0)
            .map(ActionField::path)
            .chain(
                of_groups
                    .filter(move |group| groups & group_bit(*group) != 0)
                    .map(ActionGroup::name),
            )
    }
}

const fn field_bit(field: ActionField) -> u64 {
    1 << field as u8
}

const fn group_bit(group: ActionGroup) -> u32 {
    1 << group as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_a_group_stands_for_its_fields() {
        let mut malformed = MalformedFields::default();
        assert!(malformed.is_empty());
        malformed.insert_group(ActionGroup::credential);
        malformed.insert_field(ActionField::TOOL_NAME);
        let names: Vec<_> = malformed.names().collect();
        assert_eq!(names, ["tool.name", "credential"]);
        assert!(malformed.contains(ActionField::CREDENTIAL_ID));
        assert!(!malformed.contains(ActionField::TOOL_SERVER));
        let mut again = MalformedFields::default();
        names.iter().for_each(|name| again.insert_name(name));
        again.insert_name("shoe");
        assert_eq!(again, malformed);
    }
}
