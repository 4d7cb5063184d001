//! The hash of an action's event id and of its content: everything by which it is judged.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

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
        let mut id = SipHasher13::new_with_keys(key, 0);
        hash_text(&mut id, 0, event_id);
        id.write_u64(u64::from(index));
        if let Some(agent) = agent {
            hash_text(&mut id, 0, agent);
        }
        let mut content = SipHasher13::new_with_keys(key, 1);
        hash_fields(&mut content, action);
        for name in action.malformed.names() {
            hash_text(&mut content, NAME, name);
        }
        let low = u64::from(u32::MAX);
        ActionHash(id.finish() & !low | content.finish() & low)
    }

    /// The half of the event id.
    pub(super) const fn id_part(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Hashes every field but the event id, with one line for every field instead of a loop: this runs
/// for every action, and a loop would branch on the type of each field.
macro_rules! declare_hash_fields {
    ($(#[$doc:meta] $id:ident $field:ident: $type:ty { $($row:tt)* })+) => {
        fn hash_fields(content: &mut SipHasher13, action: &AgentAction) {
            $(hash_field(content, ActionField::$id, action.$field.read_value());)+
        }
    };
}

action_fields!(declare_hash_fields);

/// What a text in the content is, where it is not that of a field: a name of what is malformed.
const NAME: u8 = u8::MAX;

#[inline]
fn hash_field(content: &mut SipHasher13, field: ActionField, value: Option<FieldValue<'_>>) {
    let Some(value) = value.filter(|_| field != ActionField::EVENT_ID) else {
        return;
    };
    let what = field as u8;
    let number = match value {
        FieldValue::Text(text) | FieldValue::Word(text) => return hash_text(content, what, text),
        FieldValue::Texts(texts) => {
            content.write_u64(header(what, texts.len()));
            return texts.iter().for_each(|text| hash_text(content, what, text));
        }
        FieldValue::Time(ms) => ms as u64,
        FieldValue::Count(count) => count,
        FieldValue::Amount(amount) => amount.to_bits(),
        FieldValue::Flag(flag) => u64::from(flag),
    };
    content.write_u64(u64::from(what));
    content.write_u64(number);
}

/// What comes next, and how much of it: no two actions lead to the same words.
const fn header(what: u8, length: usize) -> u64 {
    (length as u64) << u8::BITS | what as u64
}

/// Hashes a text in whole words, which takes half the time of its bytes: the last word is filled up
/// with zeros, and the length tells them from the text.
#[inline]
fn hash_text(hasher: &mut SipHasher13, what: u8, text: &str) {
    hasher.write_u64(header(what, text.len()));
    let (words, rest) = text.as_bytes().as_chunks();
    for word in words {
        hasher.write_u64(u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let bytes = rest.iter().rev();
        hasher.write_u64(bytes.fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }
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
