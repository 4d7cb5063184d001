//! What the bounds of a tree cut off. What is left out is counted, so that an attacker who invents
//! agents is seen in the metrics.

use super::DelegationState;

/// How often each bound of the tree cut something off since it was counted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::detector) struct TreeCuts {
    pub children: u64,
    pub members: u64,
    pub parents: u64,
    /// Agents that only claim to have spawned this one.
    pub claims: u64,
    /// Scopes that name a parent.
    pub scopes: u64,
    /// Versions of scopes that take effect later.
    pub coming: u64,
    /// Agents too far below.
    pub depth: u64,
}

impl DelegationState {
    /// What was cut off since the last call.
    pub(in crate::detector) fn take_cuts(&mut self) -> TreeCuts {
        std::mem::take(&mut self.cuts)
    }
}
