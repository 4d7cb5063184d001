//! The meaning of a name at the top of a record.

use crate::event::{ActionField, ActionGroup};

/// The meaning of a name at the top of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopName {
    Field(ActionField),
    Group(ActionGroup),
    Unknown,
}

impl TopName {
    /// Looks up a group, a field, or a field by its dotted name `group.field`.
    pub(crate) fn from_name(name: &str) -> Self {
        if let Some(group) = ActionGroup::from_name(name) {
            return TopName::Group(group);
        }
        ActionField::from_path(name).map_or(TopName::Unknown, TopName::Field)
    }
}
