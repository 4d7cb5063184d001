//! The meaning of a name at the top of a record.

use crate::event::{ActionField, ActionGroup};

/// The meaning of a name at the top of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopName {
    Field(ActionField),
    Group(ActionGroup),
    /// The names of fields that were malformed before the record was mapped.
    Malformed,
    Unknown,
}

/// The dotted name of the malformed fields.
pub(crate) const MALFORMED_PATH: &str = "event.malformed";
/// Its name in the group `event`.
pub(crate) const MALFORMED_LEAF: &str = "malformed";

impl TopName {
    /// Looks up a group, a field, or a field by its dotted name `group.field`.
    pub(crate) fn from_name(name: &str) -> Self {
        if let Some(group) = ActionGroup::from_name(name) {
            return TopName::Group(group);
        }
        match ActionField::from_path(name) {
            Some(field) => TopName::Field(field),
            None if name == MALFORMED_PATH => TopName::Malformed,
            None => TopName::Unknown,
        }
    }
}
