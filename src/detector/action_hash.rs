//! The hash of an action's event id and of its content: everything by which it is judged.

use siphasher::sip::SipHasher13;
use smallvec::SmallVec;

use crate::event::{ActionField, AgentAction, FieldType, FieldValue, action_fields};

/// Half of the hash is the id's, the other half is the content's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ActionHash(pub u64);

impl ActionHash {
    /// Hashes the action numbered `index` within its record, under `key`. `agent` is the agent
    /// where several share one list of ids: an event id names an event of one agent only.
    pub(super) fn new(
        key: u64,
        event_id: &str,
        index: u32,
        agent: Option<&str>,
        action: &AgentAction,
    ) -> Self {
        let mut bytes = HashInput::new();
        add_text(&mut bytes, event_id);
        bytes.extend_from_slice(&index.to_le_bytes());
        if let Some(agent) = agent {
            add_text(&mut bytes, agent);
        }
        let id = SipHasher13::new_with_keys(key, 0).hash(&bytes);
        bytes.clear();
        add_fields(&mut bytes, action);
        for name in action.malformed.names() {
            add_text(&mut bytes, name);
        }
        let content = SipHasher13::new_with_keys(key, 1).hash(&bytes);
        let low = u64::from(u32::MAX);
        ActionHash(id & !low | content & low)
    }

    /// The half of the event id.
    pub(super) const fn id_part(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What is hashed, collected first: many small writes to a hasher cost twice as much as one large
/// one. Most actions fit without an allocation.
type HashInput = SmallVec<[u8; 512]>;

/// Declares `add_fields`, which adds every field but the event id. One line for every field
/// instead of a loop: this runs for every action, and a loop would branch on the type of each
/// field.
macro_rules! declare_add_fields {
    ($(#[$doc:meta] $id:ident $field:ident: $type:ty { $($row:tt)* })+) => {
        fn add_fields(bytes: &mut HashInput, action: &AgentAction) {
            $(add_field(bytes, ActionField::$id, action.$field.read_value());)+
        }
    };
}

action_fields!(declare_add_fields);

#[inline]
fn add_field(bytes: &mut HashInput, field: ActionField, value: Option<FieldValue<'_>>) {
    let Some(value) = value.filter(|_| field != ActionField::EVENT_ID) else {
        return;
    };
    bytes.push(field as u8);
    match value {
        FieldValue::Text(text) | FieldValue::Word(text) => add_text(bytes, text),
        FieldValue::Time(ms) => bytes.extend_from_slice(&ms.to_le_bytes()),
        FieldValue::Count(count) => bytes.extend_from_slice(&count.to_le_bytes()),
        FieldValue::Amount(amount) => bytes.extend_from_slice(&amount.to_bits().to_le_bytes()),
        FieldValue::Flag(flag) => bytes.push(u8::from(flag)),
        FieldValue::Texts(texts) => {
            add_length(bytes, texts.len());
            texts.iter().for_each(|text| add_text(bytes, text));
        }
    }
}

/// Adds a text behind its length, so that no two lists of texts give the same bytes.
#[inline]
fn add_text(bytes: &mut HashInput, text: &str) {
    add_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

#[inline]
fn add_length(bytes: &mut HashInput, length: usize) {
    bytes.extend_from_slice(&(length as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_but_the_id_and_the_index_and_the_agent_make_a_difference() {
        let action = AgentAction::new("a");
        let hash =
            |action: &AgentAction, index, agent| ActionHash::new(7, "e", index, agent, action);
        let plain = hash(&action, 0, None);
        for field in ActionField::ALL {
            let mut changed = action.clone();
            changed.malformed.insert_field(*field);
            assert_ne!(hash(&changed, 0, None), plain, "{}", field.path());
            assert_eq!(hash(&changed, 0, None).id_part(), plain.id_part());
        }
        let other = AgentAction {
            event_id: Some("other".into()),
            ..action.clone()
        };
        assert_eq!(hash(&other, 0, None), plain, "the id is hashed apart");
        let later = AgentAction {
            occurred_at_ms: Some(1),
            ..action.clone()
        };
        assert_ne!(hash(&later, 0, None), plain, "its time is judged too");
        assert_ne!(hash(&action, 1, None).id_part(), plain.id_part());
        assert_ne!(hash(&action, 0, Some("a")).id_part(), plain.id_part());
        assert_ne!(ActionHash::new(8, "e", 0, None, &action), plain);
    }
}
