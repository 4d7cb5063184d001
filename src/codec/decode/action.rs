//! Decodes an action from a serde deserializer of JSON or Avro, field by field, without building a
//! tree of values first.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::action_draft::{self, ActionDraft};
use super::assign::{self, TextAssignment};
use super::bounds::COUNT_MAX;
use super::context::DecodeContext;
use super::ignored_value::IgnoredValue;
use super::name_seed::{NameSeed, read_symbol};
use super::top_name::TopName;
use crate::event::{ActionField, ActionGroup, AgentAction, FieldKind};

/// Decodes one action.
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
    fn set_value<T, E: Error>(
        &mut self,
        apply: impl FnOnce(&mut AgentAction) -> Result<T, String>,
    ) -> Result<T, E> {
        apply(&mut self.draft.action).map_err(|message| self.context.refuse(message))
    }

    fn read_field<'de, A: MapAccess<'de>>(
        &mut self,
        field: ActionField,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        self.draft
            .begin_field(field)
            .map_err(|message| self.context.refuse(message))?;
        entries.next_value_seed(FieldValue { build: self, field })
    }

    fn read_group<'de, A: MapAccess<'de>>(
        &mut self,
        group: ActionGroup,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        self.draft
            .begin_group(group)
            .map_err(|message| self.context.refuse(message))?;
        entries.next_value_seed(GroupValue { build: self, group })
    }

    fn skip_unknown<'de, A: MapAccess<'de>>(
        &mut self,
        entries: &mut A,
        depth: usize,
    ) -> Result<(), A::Error> {
        self.context.count_unknown();
        entries.next_value_seed(IgnoredValue {
            context: self.context,
            depth,
        })
    }

    fn finish<E: Error>(self) -> Result<Box<AgentAction>, E> {
        self.draft
            .finish()
            .map_err(|message| self.context.refuse(message))
    }
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
                TopName::Unknown => self.skip_unknown(&mut entries, 1)?,
            }
        }
        self.finish()
    }
}

struct GroupValue<'b, 'c> {
    build: &'b mut ActionBuilder<'c>,
    group: ActionGroup,
}

/// The methods of a visitor for scalars, which refuse each as a breach of the contract.
macro_rules! refuse_scalars {
    ($self:ident => $refusal:expr) => {
        fn visit_bool<E: Error>($self, _: bool) -> Result<(), E> { Err($refusal) }
        fn visit_i64<E: Error>($self, _: i64) -> Result<(), E> { Err($refusal) }
        fn visit_u64<E: Error>($self, _: u64) -> Result<(), E> { Err($refusal) }
        fn visit_f64<E: Error>($self, _: f64) -> Result<(), E> { Err($refusal) }
        fn visit_str<E: Error>($self, _: &str) -> Result<(), E> { Err($refusal) }
        fn visit_bytes<E: Error>($self, _: &[u8]) -> Result<(), E> { Err($refusal) }
    };
}

impl GroupValue<'_, '_> {
    #[cold]
    fn refuse_value<E: Error>(self) -> E {
        self.build
            .context
            .refuse(action_draft::group_mismatch(self.group))
    }
}

impl<'de> DeserializeSeed<'de> for GroupValue<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for GroupValue<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the fields of {}", self.group.name())
    }

    refuse_scalars!(self => self.refuse_value());

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        read_symbol(choice, |_| ())?;
        Err(self.refuse_value())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.refuse_value())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let group = self.group;
        let field = |leaf: &str| ActionField::in_group(Some(group), leaf);
        while let Some(field) = entries.next_key_seed(NameSeed(field))? {
            match field {
                Some(field) => self.build.read_field(field, &mut entries)?,
                None => self.build.skip_unknown(&mut entries, 2)?,
            }
        }
        Ok(())
    }
}

struct FieldValue<'b, 'c> {
    build: &'b mut ActionBuilder<'c>,
    field: ActionField,
}

impl FieldValue<'_, '_> {
    #[cold]
    fn refuse_value<E: Error>(self, found: &str) -> E {
        self.build
            .context
            .refuse(assign::type_mismatch(self.field, found))
    }
}

impl<'de> DeserializeSeed<'de> for FieldValue<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FieldValue<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a value of {}", self.field.path())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.build
            .set_value(|action| assign::assign_flag(action, self.field, value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.build
            .set_value(|action| assign::assign_integer(action, self.field, value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(self.refuse_value(&format!("{value}, more than {COUNT_MAX}"))),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.build
            .set_value(|action| assign::assign_float(action, self.field, value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let assigned = self
            .build
            .set_value(|action| assign::assign_text(action, self.field, value))?;
        if assigned == TextAssignment::UnknownWord {
            self.build.context.count_unknown();
        }
        Ok(())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Err(self.refuse_value("bytes"))
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
            return Err(self.refuse_value("a list"));
        }
        while let Some(()) = items.next_element_seed(ListEntry {
            build: &mut *self.build,
            field: self.field,
        })? {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.refuse_value("an object"))
    }
}

/// One entry of a list.
struct ListEntry<'b, 'c> {
    build: &'b mut ActionBuilder<'c>,
    field: ActionField,
}

impl ListEntry<'_, '_> {
    #[cold]
    fn refuse_value<E: Error>(self) -> E {
        self.build
            .context
            .refuse(assign::entry_mismatch(self.field))
    }
}

impl<'de> DeserializeSeed<'de> for ListEntry<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListEntry<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an agent's id")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<(), E> {
        self.build
            .set_value(|action| assign::assign_entry(action, self.field, id))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Err(self.refuse_value())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Err(self.refuse_value())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Err(self.refuse_value())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Err(self.refuse_value())
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Err(self.refuse_value())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Err(self.refuse_value())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Err(self.refuse_value())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<(), A::Error> {
        read_symbol(choice, |symbol| self.visit_str(symbol))?
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.refuse_value())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.refuse_value())
    }
}
