//! The ground truth about planted attacks. Alerts are scored against it.

use serde::Serialize;

use crate::event::Text;

use super::attack_kind::AttackKind;

/// One planted attack, or a benign twin of one. It lists the events that the fleet has emitted so
/// far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttackLabel {
    /// Unique id. An attack by several agents has one label per agent: `a12.0`, `a12.1`, …
    pub attack_id: Text,
    /// Detection family, one of [`super::FAMILIES`]: scope, delegation, credential, …
    pub family: &'static str,
    /// Kind of attack, for example `verb-outside-grant`.
    #[serde(serialize_with = "kind_name")]
    pub kind: AttackKind,
    /// Whether this is a benign twin: every alert about it is false.
    #[serde(skip_serializing_if = "is_false")]
    pub benign: bool,
    pub tenant: Text,
    /// The agent that an alert should name.
    pub agent_id: Text,
    /// Other agents that took part, and that an alert need not name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accomplices: Vec<Text>,
    /// Id of the first event of the attack.
    pub first_event_id: Text,
    /// Ids of all events of the attack, in order of emission.
    pub event_ids: Vec<Text>,
    /// Ids of the scope records of the attack that are wrong by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope_ids: Vec<Text>,
    /// When the first event or wrong scope record was delivered, epoch ms.
    pub at_ms: i64,
    /// When the last event was delivered, epoch ms.
    pub until_ms: i64,
    /// The shipped rule that should fire; `None` if this version ships no rule for the attack.
    pub expected_rule: Option<&'static str>,
}

/// Links a record to the attack it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttackLabelRef {
    /// Index into [`super::Fleet::planned_attacks`].
    pub index: u32,
    pub kind: AttackKind,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn kind_name<S: serde::Serializer>(kind: &AttackKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}
