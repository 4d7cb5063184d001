//! An action in the making: what both forms fill field by field, with one set of refusals.

use crate::event::{ActionField, ActionGroup, AgentAction};

const _: () = assert!(
    ActionField::ALL.len() <= 64,
    "one bit of `fields_seen` for each field"
);

/// An action that is being read.
pub(crate) struct ActionDraft {
    /// Boxed from the start: an action is large, and every move of it would copy all of it.
    pub(crate) action: Box<AgentAction>,
    /// Which fields were given, one bit each: the second time is an error, because the two readers
    /// of one record (the gateway and we) might not agree which one counts.
    fields_seen: u64,
    groups_seen: u64,
}

impl ActionDraft {
    /// Every default of the schema; the agent's id is filled in or refused.
    pub(crate) fn new() -> Self {
        ActionDraft {
            action: Box::new(AgentAction::new("")),
            fields_seen: 0,
            groups_seen: 0,
        }
    }

    /// Notes that `field` is given.
    pub(crate) fn begin_field(&mut self, field: ActionField) -> Result<(), String> {
        let bit = 1_u64 << (field as u8);
        if self.fields_seen & bit != 0 {
            return Err(format!("{}: given twice", field.path()));
        }
        self.fields_seen |= bit;
        Ok(())
    }

    /// Notes that `group` is given.
    pub(crate) fn begin_group(&mut self, group: ActionGroup) -> Result<(), String> {
        let bit = 1_u64 << (group as u8);
        if self.groups_seen & bit != 0 {
            return Err(format!("{}: given twice", group.name()));
        }
        self.groups_seen |= bit;
        Ok(())
    }

    /// The action, once all of it was read.
    pub(crate) fn finish(self) -> Result<Box<AgentAction>, String> {
        if self.action.agent_id.is_empty() {
            return Err("agent.id: required, and missing or empty".into());
        }
        Ok(self.action)
    }
}

/// The message of a group that is no object.
#[cold]
pub(crate) fn group_mismatch(group: ActionGroup) -> String {
    format!("{}: expected an object of its fields", group.name())
}
