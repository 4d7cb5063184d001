//! The spawned children of an agent, for `delegation.children_max`.

use serde::{Deserialize, Serialize};

use crate::event::{ActionOutcome, AgentAction, Verb, text_fingerprint};
use crate::scope::model::countable::non_empty;
use crate::scope::model::limits::CHILDREN_MAX;

/// Hashes of scope and child, the child spawned last at the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SpawnedChildren(Vec<(u64, u64)>);

impl SpawnedChildren {
    /// Distinct children spawned under the scope, the one of `action` counted in. A spawn that
    /// does not name its child adds none: it may be one that is counted already.
    pub(crate) fn with_action(&self, scope_id: &str, action: &AgentAction) -> u32 {
        let scope = text_fingerprint(scope_id);
        let child = non_empty(&action.resource_id).map(text_fingerprint);
        let others = self
            .0
            .iter()
            .filter(|(of, known)| *of == scope && Some(*known) != child)
            .count();
        u32::try_from(others + usize::from(child.is_some())).unwrap_or(u32::MAX)
    }

    /// Remembers the child of a spawn that the gateway did not deny.
    pub(crate) fn record_spawn(&mut self, scope_id: &str, action: &AgentAction) {
        if action.action_verb != Verb::Spawn || action.outcome == Some(ActionOutcome::Denied) {
            return;
        }
        let Some(child) = non_empty(&action.resource_id) else {
            return;
        };
        let pair = (text_fingerprint(scope_id), text_fingerprint(child));
        self.0.retain(|known| *known != pair);
        if self.0.len() >= CHILDREN_MAX {
            self.0.remove(0);
        }
        self.0.push(pair);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawn(child: &str) -> AgentAction {
        AgentAction {
            action_verb: Verb::Spawn,
            resource_id: Some(child.into()),
            ..AgentAction::new("a")
        }
    }

    #[test]
    fn children_count_once_per_scope_and_denied_spawns_not_at_all() {
        let mut children = SpawnedChildren::default();
        for child in ["x", "y", "x"] {
            children.record_spawn("s1", &spawn(child));
        }
        let denied = AgentAction {
            outcome: Some(ActionOutcome::Denied),
            ..spawn("w")
        };
        children.record_spawn("s1", &denied);
        children.record_spawn("s1", &AgentAction::new("a"));
        assert_eq!(children.with_action("s1", &spawn("x")), 2);
        assert_eq!(children.with_action("s1", &spawn("z")), 3);
        assert_eq!(children.with_action("s2", &spawn("z")), 1);
        let unnamed = AgentAction {
            resource_id: None,
            ..spawn("")
        };
        assert_eq!(children.with_action("s1", &unnamed), 2);
    }

    #[test]
    fn the_child_longest_unseen_is_forgotten() {
        let mut children = SpawnedChildren::default();
        for n in 0..=CHILDREN_MAX {
            children.record_spawn("s", &spawn(&n.to_string()));
            children.record_spawn("s", &spawn("0"));
        }
        assert_eq!(children.0.len(), CHILDREN_MAX);
        let with = |child: &str| children.with_action("s", &spawn(child)) as usize;
        assert_eq!(with("0"), CHILDREN_MAX, "seen again and again");
        assert_eq!(with("1"), CHILDREN_MAX + 1, "forgotten");
    }
}
