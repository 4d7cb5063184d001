//! An action that is being decoded: both forms set its fields one by one, and the same refusals
//! apply to both.

use crate::event::{ActionField, ActionGroup, AgentAction};

const _: () = assert!(
    ActionField::ALL.len() <= 64,
    "one bit of `fields_given` for each field"
);

/// An action that is being decoded.
pub(crate) struct ActionDraft {
    /// Boxed from the start: an action has about 1 kB, and every move would copy it.
    pub(crate) action: Box<AgentAction>,
    /// The fields that the record has given, one bit each. A second value for a field is an error,
    /// because another reader of the same record might use the other value.
    fields_given: u64,
    groups_given: u64,
}

impl ActionDraft {
    /// An action with every default of the schema and an empty agent id.
    pub(crate) fn new() -> Self {
        ActionDraft {
            action: Box::new(AgentAction::new("")),
            fields_given: 0,
            groups_given: 0,
        }
    }

    /// Records that the record gives `field`.
    ///
    /// # Errors
    /// If it gave the field before.
    pub(crate) fn begin_field(&mut self, field: ActionField) -> Result<(), String> {
        let bit = 1_u64 << (field as u8);
        if self.fields_given & bit != 0 {
            return Err(format!("{}: given twice", field.path()));
        }
        self.fields_given |= bit;
        Ok(())
    }

    /// Records that the record gives `group`.
    ///
    /// # Errors
    /// If it gave the group before.
    pub(crate) fn begin_group(&mut self, group: ActionGroup) -> Result<(), String> {
        let bit = 1_u64 << (group as u8);
        if self.groups_given & bit != 0 {
            return Err(format!("{}: given twice", group.name()));
        }
        self.groups_given |= bit;
        Ok(())
    }

    /// The complete action.
    ///
    /// # Errors
    /// If the record gave no agent id.
    pub(crate) fn finish(self) -> Result<Box<AgentAction>, String> {
        if self.action.agent_id.is_empty() {
            return Err("agent.id: required, and missing or empty".into());
        }
        Ok(self.action)
    }
}

/// The message for a group that is no object.
#[cold]
pub(crate) fn group_mismatch(group: ActionGroup) -> String {
    format!("{}: expected an object of its fields", group.name())
}
