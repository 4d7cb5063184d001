//! Decodes an action from a serde deserializer of JSON or Avro, field by field, without building a
//! tree of values first. A value that a field cannot have marks the field as malformed; only a
//! fault of the form itself is an error.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::action_draft::ActionDraft;
use super::assign;
use super::context::DecodeContext;
use super::name_seed::{NameSeed, read_symbol};
use super::top_name::{MALFORMED_LEAF, MALFORMED_PATH, TopName};
use crate::event::{ActionField, ActionGroup, AgentAction, FieldKind};

/// Decodes one action. Its agent id and tenant may be empty.
pub(crate) struct ActionSeed<'c>(pub(crate) &'c mut DecodeContext);

struct ActionBuilder<'c> {
    draft: ActionDraft,
    context: &'c mut DecodeContext,
}

impl<'de> DeserializeSeed<'de> for ActionSeed<'_> {
    type Value = Box<AgentAction>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(ActionBuilder {
            draft: ActionDraft::new(),
            context: self.0,
        })
    }
}

impl ActionBuilder<'_> {
    fn read_field<'de, A: MapAccess<'de>>(
        &mut self,
        field: ActionField,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        if !self.draft.begin_field(field) {
            return skip_entry(entries);
        }
        let action = &mut *self.draft.action;
        entries.next_value_seed(FieldValue { action, field })
    }

    fn read_group<'de, A: MapAccess<'de>>(
        &mut self,
        group: ActionGroup,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        if !self.draft.begin_group(group) {
            return skip_entry(entries);
        }
        entries.next_value_seed(GroupValue { build: self, group })
    }

    fn skip_unknown<'de, A: MapAccess<'de>>(&mut self, entries: &mut A) -> Result<(), A::Error> {
        self.context.count_unknown();
        skip_entry(entries)
    }
}

/// Skips a value unread.
fn skip_entry<'de, A: MapAccess<'de>>(entries: &mut A) -> Result<(), A::Error> {
    entries.next_value::<IgnoredAny>().map(drop)
}

fn skip_items<'de, A: SeqAccess<'de>>(mut items: A) -> Result<(), A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_entries<'de, A: MapAccess<'de>>(mut entries: A) -> Result<(), A::Error> {
    while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de> Visitor<'de> for ActionBuilder<'_> {
    type Value = Box<AgentAction>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an action: an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Self::Value, A::Error> {
        while let Some(name) = entries.next_key_seed(NameSeed(TopName::from_name))? {
            match name {
                TopName::Field(field) => self.read_field(field, &mut entries)?,
                TopName::Group(group) => self.read_group(group, &mut entries)?,
                TopName::Malformed => {
                    entries.next_value_seed(MalformedNames::new(&mut self.draft.action))?;
                }
                TopName::Unknown => self.skip_unknown(&mut entries)?,
            }
        }
        Ok(self.draft.finish())
    }
}

struct GroupValue<'b, 'c> {
    build: &'b mut ActionBuilder<'c>,
    group: ActionGroup,
}

/// The methods of a visitor for scalars, none of which the visitor takes.
macro_rules! mark_scalars {
    ($self:ident => $mark:expr) => {
        fn visit_bool<E: Error>($self, _: bool) -> Result<(), E> { Ok($mark) }
        fn visit_i64<E: Error>($self, _: i64) -> Result<(), E> { Ok($mark) }
        fn visit_u64<E: Error>($self, _: u64) -> Result<(), E> { Ok($mark) }
        fn visit_f64<E: Error>($self, _: f64) -> Result<(), E> { Ok($mark) }
        fn visit_bytes<E: Error>($self, _: &[u8]) -> Result<(), E> { Ok($mark) }
    };
}

impl<'de> DeserializeSeed<'de> for GroupValue<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl GroupValue<'_, '_> {
    #[cold]
    fn mark(self) {
        self.build.draft.mark_group(self.group);
    }
}

impl<'de> Visitor<'de> for GroupValue<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the fields of {}", self.group.name())
    }

    mark_scalars!(self => self.mark());

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.mark();
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        self.mark();
        read_symbol(choice, |_| ())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.mark();
        skip_items(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let group = self.group;
        let member = |leaf: &str| match ActionField::in_group(Some(group), leaf) {
            Some(field) => TopName::Field(field),
            None if group == ActionGroup::event && leaf == MALFORMED_LEAF => TopName::Malformed,
            None => TopName::Unknown,
        };
        while let Some(name) = entries.next_key_seed(NameSeed(member))? {
            match name {
                TopName::Field(field) => self.build.read_field(field, &mut entries)?,
                TopName::Malformed => {
                    entries.next_value_seed(MalformedNames::new(&mut self.build.draft.action))?;
                }
                _ => self.build.skip_unknown(&mut entries)?,
            }
        }
        Ok(())
    }
}

/// The value of one field. Which type a value has is found out by reading it.
struct FieldValue<'b> {
    action: &'b mut AgentAction,
    field: ActionField,
}

impl FieldValue<'_> {
    #[cold]
    fn mark(self) {
        assign::mark_malformed(self.action, self.field);
    }
}

impl<'de> DeserializeSeed<'de> for FieldValue<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FieldValue<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a value of {}", self.field.path())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        assign::assign_flag(self.action, self.field, value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        assign::assign_integer(self.action, self.field, value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            // An amount takes it; it is beyond what a count or a time can be.
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        assign::assign_float(self.action, self.field, value);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        assign::assign_text(self.action, self.field, value);
        Ok(())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        self.mark();
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        read_symbol(choice, |symbol| self.visit_str(symbol))?
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.field.info().kind != FieldKind::Texts {
            self.mark();
            return skip_items(items);
        }
        let Self { action, field } = self;
        while let Some(()) = items.next_element_seed(ListEntry { action, field })? {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        self.mark();
        skip_entries(entries)
    }
}

/// One entry of a list.
struct ListEntry<'b> {
    action: &'b mut AgentAction,
    field: ActionField,
}

impl ListEntry<'_> {
    #[cold]
    fn mark(self) {
        assign::assign_entry(self.action, self.field, None);
    }
}

impl<'de> DeserializeSeed<'de> for ListEntry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListEntry<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an agent's id")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<(), E> {
        assign::assign_entry(self.action, self.field, Some(id));
        Ok(())
    }

    mark_scalars!(self => self.mark());

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.mark();
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.mark();
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        read_symbol(choice, |symbol| self.visit_str(symbol))?
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.mark();
        skip_items(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        self.mark();
        skip_entries(entries)
    }
}

/// The names of malformed fields, as a raw input writes them of a record that it mapped. Anything
/// else says nothing.
struct MalformedNames<'b> {
    action: &'b mut AgentAction,
    /// Whether this is an entry of the list, which is no list itself.
    is_entry: bool,
}

impl<'b> MalformedNames<'b> {
    fn new(action: &'b mut AgentAction) -> Self {
        MalformedNames {
            action,
            is_entry: false,
        }
    }
}

impl<'de> DeserializeSeed<'de> for MalformedNames<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MalformedNames<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the names of {MALFORMED_PATH}")
    }

    mark_scalars!(self => ());

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.action.malformed.insert_name(name);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        read_symbol(choice, |_| ())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.is_entry {
            return skip_items(items);
        }
        while let Some(()) = items.next_element_seed(MalformedNames {
            action: &mut *self.action,
            is_entry: true,
        })? {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        skip_entries(entries)
    }
}
