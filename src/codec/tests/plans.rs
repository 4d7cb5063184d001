//! Reading by a plan against the general reader: the same value or the same kind of refusal,
//! whatever the schema and the bytes.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::generate::action;
use super::schemas;
use crate::codec::avro::datum::{AvroDatum, decode_whole};
use crate::codec::avro::{ACTION_SCHEMA, Encoder};
use crate::codec::decode::{Decodable, DecodeContext, Decoded};
use crate::codec::{DecodeError, SchemaSet};
use crate::event::AgentAction;

/// An action read as scopes are.
#[derive(Debug)]
struct General(AgentAction);

impl Decodable for General {
    fn decode<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        AgentAction::decode(deserializer, context).map(General)
    }
}

impl AvroDatum for General {}

/// Every type in every role: groups as maps and unions, fields of the wrong type, unknown ones.
const ODD_SCHEMA: &str = r#"{"type":"record","name":"Odd","fields":[
  {"name":"agent","type":["null",{"type":"map","values":["null","string","long"]},
    {"type":"record","name":"A","fields":[{"name":"id","type":"string"},
      {"name":"type","type":{"type":"enum","name":"E","symbols":["x","y","z"]}},
      {"name":"shoe","type":{"type":"array","items":["null","boolean","float"]}}]}, "int"]},
  {"name":"occurred_at","type":["null","long","string","double","bytes"]},
  {"name":"tenant","type":["string","boolean",{"type":"fixed","name":"F","size":3}]},
  {"name":"delegation","type":{"type":"map","values":["null",{"type":"array","items":
    ["string","E","int","null",{"type":"map","values":"int"}]}]}},
  {"name":"volume","type":[{"type":"record","name":"V","fields":[
    {"name":"cost_usd","type":["float","int","double","A"]},
    {"name":"records","type":["int","double",{"type":"array","items":"int"}]}]},"null","string",
    {"type":"array","items":"V"}]},
  {"name":"extra","type":{"type":"map","values":["A","V","E","F","bytes"]}},
  {"name":"outcome","type":["null","E","boolean"]},
  {"name":"channel","type":["null","E","F",{"type":"map","values":"boolean"}]}]}"#;

fn set() -> &'static SchemaSet {
    static SET: LazyLock<SchemaSet> =
        LazyLock::new(|| schemas([(1, ACTION_SCHEMA), (2, ODD_SCHEMA)]));
    &SET
}

type Read = Result<(AgentAction, u32), DecodeError>;

/// By the plan, and by the general reader.
fn both(set: &SchemaSet, id: u32, bytes: &[u8]) -> (Read, Read) {
    let writer = set.by_id(id).unwrap();
    let plan = decode_whole::<Box<AgentAction>>(writer, bytes);
    let general = decode_whole::<General>(writer, bytes);
    (
        plan.map(
            |Decoded {
                 value,
                 unknown_fields,
             }| (*value, unknown_fields),
        ),
        general.map(
            |Decoded {
                 value,
                 unknown_fields,
             }| (value.0, unknown_fields),
        ),
    )
}

/// Malformed bytes may be described in other words; a breach of the contract may not.
fn agree(set: &SchemaSet, id: u32, bytes: &[u8]) -> Result<(), TestCaseError> {
    let (plan, general) = both(set, id, bytes);
    match (plan, general) {
        (Err(plan), Err(general)) => {
            prop_assert_eq!(plan.kind, general.kind, "{} / {}", plan, general);
            if general.kind == crate::codec::DecodeErrorKind::Contract {
                prop_assert_eq!(plan.message, general.message);
            }
        }
        // The plan reads bytes that are no text as U+FFFD.
        (Ok(_), Err(general)) if std::str::from_utf8(bytes).is_err() => {
            let unread = general.message.contains("apache-avro does not read it");
            prop_assert!(unread, "{}", general);
        }
        // A number that is none differs from itself; amounts refuse it, so equality is enough.
        (plan, general) => prop_assert_eq!(plan, general),
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::property::config(4_000))]

    #[test]
    fn random_bytes_are_read_alike(
        bytes in proptest::collection::vec(
            prop_oneof![8 => 0_u8..10, 1 => Just(b'a'), 1 => any::<u8>()], 0..60),
        id in 1..=2_u32,
    ) {
        agree(set(), id, &bytes)?;
    }

    #[test]
    fn mutated_actions_are_read_alike(
        action in action(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let set = set();
        let mut bytes = Encoder::new(set).action_confluent(1, &action).unwrap().split_off(5);
        agree(set, 1, &bytes)?;
        let position = at.index(bytes.len());
        bytes[position] = byte;
        agree(set, 1, &bytes)?;
        bytes.truncate(cut.index(bytes.len()));
        agree(set, 1, &bytes)?;
    }
}
