//! One agent action, as a gateway reported it: the fields of `schemas/agent-action.avsc`.

use serde::{Deserialize, Serialize};

use super::action_fields::action_fields;
use super::field::{ActionGroup, FieldInfo, FieldMut, FieldType, FieldValue};
use super::limits::{CHAIN_MAX, FLAGS_MAX};
use super::malformed::MalformedFields;
use super::{
    ActionEffect, ActionOutcome, AgentKey, ContentSource, DelegationState, InstructionSource,
    Network, Sensitivity, Text, Verb,
};

/// A group by its name; `None` for a field that has no group.
macro_rules! group_of {
    () => {
        None
    };
    ($group:ident) => {
        Some(ActionGroup::$group)
    };
}

/// Makes the struct and [`ActionField`] of the table.
macro_rules! declare_action {
    ($(
        #[doc = $doc:literal]
        $id:ident $field:ident: $type:ty {
            $($group:ident)?.$leaf:ident $(, $property:ident $(($value:expr))?)*
        }
    )+) => {
        /// An agent action. Only `agent_id` is required. An absent field can remove a violation
        /// from a verdict, never add one. Times are epoch milliseconds.
        ///
        /// Field `group_name` here is `group.name` in records and rules. The serde form is that of
        /// deferred actions in stored state only; `codec` writes the wire forms.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        pub struct AgentAction {
            $(#[doc = $doc] pub $field: $type,)+
            /// The fields that the record has, but whose values cannot be used.
            pub malformed: MalformedFields,
        }

        /// A field of an action, as a value: how the rooms above handle any field.
        #[allow(
            non_camel_case_types,
            clippy::upper_case_acronyms,
            reason = "named as the constants of the facts are"
        )]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ActionField { $(#[doc = $doc] $id,)+ }

        impl ActionField {
            /// Every field, in the order of the table.
            pub const ALL: &'static [ActionField] = &[$(ActionField::$id),+];

            /// Its row of the table.
            #[must_use]
            pub const fn info(self) -> &'static FieldInfo {
                match self {
                    $(ActionField::$id => const {
                        &FieldInfo::new::<$type>(
                            concat!($(stringify!($group), ".",)? stringify!($leaf)),
                            group_of!($($group)?),
                            stringify!($leaf),
                            $doc,
                        )$(.$property($($value)?))*
                    },)+
                }
            }

            /// The field named `leaf` in a group, or in none.
            #[must_use]
            pub fn in_group(group: Option<ActionGroup>, leaf: &str) -> Option<Self> {
                match (group, leaf) {
                    $((group_of!($($group)?), stringify!($leaf)) => Some(ActionField::$id),)+
                    _ => None,
                }
            }

            /// Its value in `action`, unless it is absent.
            #[must_use]
            pub fn value_in(self, action: &AgentAction) -> Option<FieldValue<'_>> {
                match self { $(ActionField::$id => action.$field.read_value(),)+ }
            }

            /// Makes it absent from `action`; a field that is always present becomes empty, or the
            /// catch-all of its words.
            #[cold]
            pub(crate) fn clear_in(self, action: &mut AgentAction) {
                match self { $(ActionField::$id => action.$field = Default::default(),)+ }
            }

            /// Access to set it in `action`.
            #[inline]
            pub(crate) fn value_mut(self, action: &mut AgentAction) -> FieldMut<'_> {
                match self { $(ActionField::$id => action.$field.value_mut(),)+ }
            }

            /// Sets a field of kind [`super::FieldKind::Word`]. `false` when the field's list does
            /// not have the word and the field stays absent.
            #[inline]
            pub(crate) fn set_word(self, action: &mut AgentAction, word: &str) -> bool {
                match self { $(ActionField::$id => action.$field.set_word(word),)+ }
            }
        }
    };
}

action_fields!(declare_action);

impl ActionField {
    /// The field with this dotted name.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        match path.split_once('.') {
            None => ActionField::in_group(None, path),
            Some((group, leaf)) => {
                ActionField::in_group(Some(ActionGroup::from_name(group)?), leaf)
            }
        }
    }

    /// The dotted name in records and rules.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.info().path
    }
}

/// The resource type of an action that names none.
pub const RESOURCE_TYPE_UNKNOWN: &str = "unknown";
/// The tenant of a record that names none.
pub const TENANT_DEFAULT: &str = "default";

impl AgentAction {
    /// Whether the delegation chain is the wrong way round: it begins with the acting agent and
    /// does not end with it, while a chain names the root first. Nothing is concluded from such a
    /// chain.
    #[must_use]
    pub fn chain_is_reversed(&self) -> bool {
        let chain = &self.delegation_chain;
        let is_agent = |id: Option<&Text>| id.is_some_and(|id| *id == self.agent_id);
        is_agent(chain.first()) && !is_agent(chain.last())
    }

    /// The agent that the record is about.
    #[must_use]
    pub fn agent_key(&self) -> AgentKey {
        AgentKey {
            tenant: self.tenant.clone(),
            agent: self.agent_id.clone(),
        }
    }

    /// An action of `agent_id` with every default of the schema.
    #[must_use]
    pub fn new(agent_id: &str) -> Self {
        AgentAction {
            tenant: TENANT_DEFAULT.into(),
            agent_id: agent_id.into(),
            resource_type: RESOURCE_TYPE_UNKNOWN.into(),
            ..AgentAction::default()
        }
    }

    /// The record names the field, but its value cannot be used: here it is absent, or the
    /// beginning of a text that is too long. Such a value equals nothing.
    #[must_use]
    pub const fn is_malformed(&self, field: ActionField) -> bool {
        self.malformed.contains(field)
    }

    /// `action.effect`, which follows from the verb.
    #[must_use]
    pub fn effect_class(&self) -> ActionEffect {
        self.action_verb.effect_class()
    }

    /// The verb is `other`: neither grants nor verbs can judge this action.
    #[must_use]
    pub fn verb_unmapped(&self) -> bool {
        self.action_verb == Verb::Other
    }

    /// The resource type is `unknown`: no grant can judge this action.
    #[must_use]
    pub fn resource_type_unmapped(&self) -> bool {
        self.resource_type == RESOURCE_TYPE_UNKNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_the_fields_of_a_group_follow_each_other() {
        let mut groups = Vec::new();
        for field in ActionField::ALL {
            assert_eq!(ActionField::from_path(field.path()), Some(*field));
            let group = field.info().group;
            if group.is_some() && groups.last() != Some(&group) {
                assert!(!groups.contains(&group), "{group:?} is interrupted");
                groups.push(group);
            }
        }
        for unknown in ["", "id", "agent", "agent.shoe", "agent.id.x", "shoe.id"] {
            assert_eq!(ActionField::from_path(unknown), None, "{unknown}");
        }
    }
}
