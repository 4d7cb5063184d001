//! A tree of agents that is being revoked, as the ledger of the agent at its top keeps it.

use serde::{Deserialize, Serialize};

use crate::event::Text;

use super::id::DerivedId;
use super::rule_view::RuleLevel;

/// Trees of one agent that are being revoked at once, each by another incident; the oldest is
/// forgotten first, and later members are not added to it any more.
pub const CASCADES_MAX: usize = 16;

/// A tree that is being revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cascade {
    pub(super) incident: DerivedId,
    /// The rule that asked for the tree.
    pub(super) rule: Text,
    /// The number of the last plan over it: its incident may be closed.
    pub(super) number: u32,
    /// Until when later members are added, epoch milliseconds.
    pub(super) until_ms: i64,
    pub(super) task: Option<Text>,
    pub(super) severity: RuleLevel,
    pub(super) reason: Text,
}
