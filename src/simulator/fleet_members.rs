//! The agents of a fleet and the skeletons of their scopes, shared by event loop and attacks.

use crate::event::AgentScope;

use super::agent::SimAgent;

/// The agents of a fleet.
#[derive(Debug)]
pub(super) struct FleetMembers {
    /// The seed of the fleet.
    pub(super) seed: u64,
    pub(super) agents: Vec<SimAgent>,
    /// Scope skeletons by type and class.
    pub(super) skeletons: Vec<Vec<AgentScope>>,
}

/// The scope skeleton of a class.
pub(super) fn class_skeleton(
    skeletons: &[Vec<AgentScope>],
    type_index: usize,
    class: usize,
) -> Option<&AgentScope> {
    skeletons
        .get(type_index)
        .and_then(|classes| classes.get(class))
}
