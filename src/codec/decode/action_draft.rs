//! An action that is being decoded: both forms set its fields one by one, and the same marks and
//! refusals apply to both.

use super::super::error::DecodeError;
use super::bounds::{self, TENANT_DEFAULT};
use crate::event::{
    ActionField, ActionGroup, AgentAction, AgentKey, RESOURCE_TYPE_UNKNOWN, TextBound,
};

/// An action that is being decoded.
pub(crate) struct ActionDraft {
    /// Boxed from the start: an action has about 1 kB, and every move would copy it.
    pub(crate) action: Box<AgentAction>,
    /// The fields that the record has given, one bit each.
    fields_given: u64,
    groups_given: u32,
    /// Groups that the record gives more than once. Another reader of the same record might use
    /// any of them, so none of their fields is used.
    groups_repeated: u32,
}

impl ActionDraft {
    /// An action with every default of the schema, and without agent id and tenant.
    pub(crate) fn new() -> Self {
        let mut action = Box::new(AgentAction::new(""));
        action.tenant.clear();
        ActionDraft {
            action,
            fields_given: 0,
            groups_given: 0,
            groups_repeated: 0,
        }
    }

    /// Records that the record gives `field`; `false` if it gave the field before. Then the field
    /// is malformed and has no value: another reader might use either.
    #[inline]
    pub(crate) fn begin_field(&mut self, field: ActionField) -> bool {
        let bit = 1_u64 << (field as u8);
        let first = self.fields_given & bit == 0;
        self.fields_given |= bit;
        if !first {
            self.drop_value(field);
            self.action.malformed.insert_field(field);
        }
        first
    }

    /// Records that the record gives `group`; `false` if it gave the group before. Then the group
    /// is malformed and its fields have no value.
    #[inline]
    pub(crate) fn begin_group(&mut self, group: ActionGroup) -> bool {
        let bit = 1_u32 << (group as u8);
        let first = self.groups_given & bit == 0;
        self.groups_given |= bit;
        if !first {
            self.groups_repeated |= bit;
            self.mark_group(group);
        }
        first
    }

    /// Marks a group that is no object of its fields.
    #[cold]
    pub(crate) fn mark_group(&mut self, group: ActionGroup) {
        self.action.malformed.insert_group(group);
    }

    #[cold]
    fn drop_value(&mut self, field: ActionField) {
        field.clear_in(&mut self.action);
        if field == ActionField::RESOURCE_TYPE {
            self.action.resource_type = RESOURCE_TYPE_UNKNOWN.into();
        }
    }

    /// The action as far as its value says. Agent id and tenant may be empty.
    pub(crate) fn finish(mut self) -> Box<AgentAction> {
        if self.groups_repeated != 0 {
            for field in ActionField::ALL {
                let group = field.info().group;
                if group.is_some_and(|group| self.groups_repeated & 1 << (group as u8) != 0) {
                    self.drop_value(*field);
                }
            }
        }
        self.action
    }
}

/// Completes the identity of a decoded action. What the value does not say, or not readably, is
/// taken from the record's key, unless what it says contradicts the key. Without a key an absent
/// tenant is `default`.
///
/// # Errors
/// If the action has no agent: neither value nor key names one.
pub(crate) fn complete_identity(
    action: &mut AgentAction,
    key: Option<&[u8]>,
) -> Result<(), DecodeError> {
    if !action.agent_id.is_empty() && !action.tenant.is_empty() {
        return Ok(());
    }
    if let Some(key) = key.and_then(parse_record_key)
        && (action.agent_id.is_empty() || action.agent_id == key.agent)
        && (action.tenant.is_empty() || action.tenant == key.tenant)
    {
        (action.tenant, action.agent_id) = (key.tenant, key.agent);
        return Ok(());
    }
    let missing = |field: ActionField| {
        let problem = match action.is_malformed(field) {
            true => "unreadable, and no key of the record names its agent",
            false if field == ActionField::AGENT_ID => {
                "required, and missing or empty; a field `agent_id` is not read as this one"
            }
            false => "required, and missing or empty",
        };
        Err(DecodeError::contract(format!(
            "{}: {problem}",
            field.path()
        )))
    };
    if action.agent_id.is_empty() {
        return missing(ActionField::AGENT_ID);
    }
    // The agent of another tenant may have the same id.
    if action.is_malformed(ActionField::TENANT) {
        return missing(ActionField::TENANT);
    }
    action.tenant = TENANT_DEFAULT.into();
    Ok(())
}

/// The agent that a record's key names, if both of its parts may be an id.
pub(crate) fn parse_record_key(key: &[u8]) -> Option<AgentKey> {
    let key = AgentKey::parse(std::str::from_utf8(key).ok()?)?;
    let is_id = |text, bound| bounds::text_fault(text, bound).is_none();
    (is_id(&key.tenant, TextBound::Tenant) && is_id(&key.agent, TextBound::Id)).then_some(key)
}
