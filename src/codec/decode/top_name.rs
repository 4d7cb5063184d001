//! What a name at the top of a record stands for.

use crate::event::{ActionField, ActionGroup};

/// What a name at the top of a record stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopName {
    Field(ActionField),
    Group(ActionGroup),
    Unknown,
}

impl TopName {
    /// Reads a field, a group, or a dotted `group.field`.
    pub(crate) fn from_name(name: &str) -> Self {
        if let Some(group) = ActionGroup::from_name(name) {
            return TopName::Group(group);
        }
        ActionField::from_path(name).map_or(TopName::Unknown, TopName::Field)
    }
}
