//! One record of the simulated world.

use crate::event::RecordBody;

use super::attack_label::AttackLabelRef;

/// One record of the simulated world.
#[derive(Debug, Clone, PartialEq)]
pub struct SimRecord {
    /// Delivery time, epoch ms. Never earlier than that of the record before.
    pub at_ms: i64,
    /// An action, a scope or a control record. The simulator makes no link records.
    pub body: RecordBody,
    /// The attack that this record belongs to, if it is a wrong action or scope, or the benign twin
    /// that it belongs to.
    pub label: Option<AttackLabelRef>,
    /// Whether the gateway adds fields that the vocabulary does not know. Only JSON can carry them.
    pub unknown_fields: bool,
}
