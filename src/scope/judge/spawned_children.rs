//! The spawned children of an agent by scope, for `delegation.children_max`.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, Verb, text_fingerprint};
use crate::scope::model::countable::{is_denied, non_empty};
use crate::scope::model::limits::{CHILDREN_MAX, SCOPES_MAX};

/// Scopes of one agent whose children are counted: its own, and as many templates. A further one
/// replaces the one in which nothing was spawned for the longest time.
pub const CHILDREN_SCOPES_MAX: usize = 2 * SCOPES_MAX;

/// The children by scope, the scope of the last spawn at the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SpawnedChildren(Vec<ScopeChildren>);

/// The children spawned under one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ScopeChildren {
    /// Hash of the scope's id.
    scope: u64,
    /// Hashes of children, at most [`CHILDREN_MAX`].
    known: Vec<u64>,
    /// Spawns that named no child, and those beyond the known ones.
    further: u32,
}

impl ScopeChildren {
    fn with_child(&self, child: Option<u64>) -> u32 {
        let known = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let is_known = child.is_some_and(|child| self.known.contains(&child));
        known
            .saturating_add(self.further)
            .saturating_add(u32::from(!is_known))
    }
}

impl SpawnedChildren {
    /// Children spawned under the scope, the one of `action` counted in. A child that is named
    /// counts once, a spawn without a name each time: otherwise an agent would only have to leave
    /// the name out. A denied spawn adds none.
    pub(crate) fn with_action(&self, scope_id: &str, action: &AgentAction) -> u32 {
        let scope = text_fingerprint(scope_id);
        let child = non_empty(&action.resource_id).map(text_fingerprint);
        let known = self.0.iter().find(|known| known.scope == scope);
        match (known, is_denied(action)) {
            (_, true) => 0,
            (None, false) => 1,
            (Some(known), false) => known.with_child(child),
        }
    }

    /// Remembers the child of a spawn.
    pub(crate) fn record_spawn(&mut self, scope_id: &str, action: &AgentAction) {
        if action.action_verb != Verb::Spawn || is_denied(action) {
            return;
        }
        let scope = text_fingerprint(scope_id);
        let mut children = match self.0.iter().position(|known| known.scope == scope) {
            Some(index) => self.0.remove(index),
            None => ScopeChildren {
                scope,
                known: Vec::new(),
                further: 0,
            },
        };
        match non_empty(&action.resource_id).map(text_fingerprint) {
            Some(child) if children.known.contains(&child) => {}
            Some(child) if children.known.len() < CHILDREN_MAX => children.known.push(child),
            _ => children.further = children.further.saturating_add(1),
        }
        if self.0.len() >= CHILDREN_SCOPES_MAX {
            self.0.remove(0);
        }
        self.0.push(children);
    }

    /// Forgets the children of scopes that `is_known` denies by their hash.
    pub(crate) fn retain_scopes(&mut self, is_known: impl Fn(u64) -> bool) {
        self.0.retain(|children| is_known(children.scope));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ActionOutcome;

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
        assert_eq!(children.with_action("s1", &denied), 0, "it did not happen");
    }

    #[test]
    fn a_spawn_without_a_name_counts_each_time() {
        let unnamed = AgentAction {
            resource_id: None,
            ..spawn("")
        };
        let mut children = SpawnedChildren::default();
        for n in 1..=100 {
            assert_eq!(children.with_action("s", &unnamed), n);
            children.record_spawn("s", &unnamed);
        }
        assert_eq!(children.with_action("s", &spawn("x")), 101);
    }

    #[test]
    fn the_children_of_a_scope_are_not_forgotten_for_those_of_others() {
        let mut children = SpawnedChildren::default();
        for n in 0..5 {
            children.record_spawn("s", &spawn(&n.to_string()));
        }
        for n in 0..1_000 {
            children.record_spawn("busy", &spawn(&n.to_string()));
        }
        for n in 0..SCOPES_MAX {
            children.record_spawn(&format!("t{n}"), &spawn("x"));
        }
        assert_eq!(children.with_action("s", &spawn("new")), 6);
        assert_eq!(children.with_action("s", &spawn("0")), 5);
        assert!(children.with_action("busy", &spawn("new")) > 1_000);
        let kept = postcard::to_stdvec(&children).unwrap().len();
        assert!(kept < 64 * 1024, "{kept}");
        let hash = text_fingerprint("s");
        children.retain_scopes(|scope| scope == hash);
        assert_eq!(children.0.len(), 1);
    }
}
