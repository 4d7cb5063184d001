//! The nested wire form of an action, which both encoders write. It borrows from the action; the
//! table of [`ActionField`] gives the fields and their groups.

use std::sync::LazyLock;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::decode::MALFORMED_LEAF;
use super::wire::{WireLong, WireWord};
use crate::event::{ActionField, ActionGroup, AgentAction, FieldValue};

/// An action as a record. Absent fields and empty groups are not written.
pub(super) struct WireAction<'a> {
    action: &'a AgentAction,
    /// Whether the names of malformed fields are written: JSON has them, the Avro schema has not.
    names_malformed: bool,
}

impl<'a> WireAction<'a> {
    /// The form in JSON.
    pub(super) fn for_json(action: &'a AgentAction) -> Self {
        WireAction {
            action,
            names_malformed: !action.malformed.is_empty(),
        }
    }

    /// The form in Avro, with the fields of its schema only.
    pub(super) fn for_avro(action: &'a AgentAction) -> Self {
        WireAction {
            action,
            names_malformed: false,
        }
    }
}

/// The members of a record in the order in which they are written: each field outside a group
/// alone, the fields of a group together. The members with a part of the record's key come first,
/// the others follow in the order of the table.
static MEMBERS: LazyLock<Vec<&[ActionField]>> = LazyLock::new(|| {
    let in_one_group = |a: &ActionField, b: &ActionField| {
        a.info().group.is_some() && a.info().group == b.info().group
    };
    let (mut members, others): (Vec<_>, Vec<_>) = ActionField::ALL
        .chunk_by(in_one_group)
        .partition(|fields| matches!(fields, [ActionField::TENANT | ActionField::AGENT_ID, ..]));
    members.extend(others);
    members
});

impl Serialize for WireAction<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("AgentAction", MEMBERS.len())?;
        for fields in MEMBERS.iter() {
            match fields.first().and_then(|field| field.info().group) {
                None => write_fields(&mut record, fields, self.action)?,
                Some(group) => {
                    let wire = WireGroup {
                        group,
                        fields,
                        action: self.action,
                        names_malformed: self.names_malformed && group == ActionGroup::event,
                    };
                    match wire.is_empty() {
                        true => record.skip_field(group.name())?,
                        // Avro writes which branch of a union follows; only the agent is no union.
                        false if group == ActionGroup::agent => {
                            record.serialize_field(group.name(), &wire)?;
                        }
                        false => record.serialize_field(group.name(), &Some(wire))?,
                    }
                }
            }
        }
        record.end()
    }
}

/// The fields of one group.
struct WireGroup<'a> {
    group: ActionGroup,
    fields: &'static [ActionField],
    action: &'a AgentAction,
    names_malformed: bool,
}

impl WireGroup<'_> {
    fn is_empty(&self) -> bool {
        let mut fields = self.fields.iter();
        !self.names_malformed && fields.all(|field| field.value_in(self.action).is_none())
    }
}

impl Serialize for WireGroup<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct(self.group.name(), self.fields.len())?;
        write_fields(&mut record, self.fields, self.action)?;
        if self.names_malformed {
            let names: Vec<&str> = self.action.malformed.names().collect();
            record.serialize_field(MALFORMED_LEAF, &names)?;
        }
        record.end()
    }
}

fn write_fields<S: SerializeStruct>(
    record: &mut S,
    fields: &[ActionField],
    action: &AgentAction,
) -> Result<(), S::Error> {
    fields.iter().try_for_each(|field| {
        let name = field.info().leaf;
        match field.value_in(action) {
            None => record.skip_field(name),
            // Words are symbols, which Avro looks for in the branch that is given only.
            Some(word @ FieldValue::Word(_)) if !field.info().always => {
                record.serialize_field(name, &Some(WireValue(word)))
            }
            Some(value) => record.serialize_field(name, &WireValue(value)),
        }
    })
}

struct WireValue<'a>(FieldValue<'a>);

impl Serialize for WireValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            FieldValue::Text(text) => serializer.serialize_str(text),
            FieldValue::Word(word) => WireWord(word).serialize(serializer),
            FieldValue::Time(ms) => serializer.serialize_i64(ms),
            FieldValue::Count(count) => WireLong(count).serialize(serializer),
            FieldValue::Amount(amount) => serializer.serialize_f64(amount),
            FieldValue::Flag(flag) => serializer.serialize_bool(flag),
            FieldValue::Texts(texts) => texts.serialize(serializer),
        }
    }
}
