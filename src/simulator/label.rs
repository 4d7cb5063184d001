//! What the simulator knows about its own attacks: the truth that alerts are scored against.

use serde::Serialize;

use crate::event::Text;

use super::attacks::Kind;

/// One planted attack, as far as its events have been emitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Label {
    /// Unique; attacks over several agents have one label per agent, `a12.0`, `a12.1`, …
    pub attack_id: Text,
    /// Family of DESIGN 8: scope, delegation, credential, …
    pub family: &'static str,
    /// What was done, such as `verb-outside-grant`.
    #[serde(serialize_with = "kind_name")]
    pub kind: Kind,
    pub tenant: Text,
    /// The agent an alert should name.
    pub agent_id: Text,
    /// Other agents who took part without being the one to blame.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accomplices: Vec<Text>,
    /// The first event that is wrong.
    pub first_event_id: Text,
    /// Every event that is wrong, in the order of emission.
    pub event_ids: Vec<Text>,
    /// When the first of them was delivered, epoch ms.
    pub at_ms: i64,
    /// When the last of them was delivered, epoch ms.
    pub until_ms: i64,
    /// The shipped rule that should fire; `None` when the rule comes with a later version.
    pub expected_rule: Option<&'static str>,
}

/// The mark on a record that belongs to an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelRef {
    /// Index into [`super::Fleet::planned`].
    pub index: u32,
    pub kind: Kind,
}

fn kind_name<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}
