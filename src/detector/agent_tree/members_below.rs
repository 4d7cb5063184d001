//! The agents below one agent, each child after its parent.

use std::collections::{BTreeMap, BTreeSet};

use super::super::delegation::DelegationState;
use crate::event::{EdgeEvidence, Text};
use crate::response::TreeMember;

/// An agent below another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AgentBelow {
    pub agent: Text,
    /// `None` where it is not known any more.
    pub parent: Option<Text>,
    pub edge: EdgeEvidence,
    /// Edges between the agent at the top and this one, from 1.
    pub depth: u32,
    pub credential: Option<Text>,
    /// It is below its parent no longer, and is listed because of those below it.
    pub ended: bool,
}

/// The members of a tree by their parents.
struct MemberWalk<'a> {
    children: BTreeMap<&'a str, Vec<&'a TreeMember>>,
    listed: BTreeSet<&'a str>,
    list: Vec<AgentBelow>,
}

/// The agents below `agent`: those to which proven edges lead, then its unproven children. A member
/// whose parent is none any more stays below it, at the end.
pub(super) fn list_below(agent: &str, state: &DelegationState) -> Vec<AgentBelow> {
    let view = state.tree_view();
    let mut walk = MemberWalk {
        children: BTreeMap::new(),
        listed: BTreeSet::from([agent]),
        list: Vec::new(),
    };
    for member in &view.members {
        walk.children
            .entry(&member.parent)
            .or_default()
            .push(member);
    }
    for siblings in walk.children.values_mut() {
        siblings.sort_by(|one, other| one.agent.cmp(&other.agent));
    }
    walk.list_children(agent, 1);
    let mut rest: Vec<&TreeMember> = view.members.iter().collect();
    rest.sort_by(|one, other| (one.depth, &one.agent).cmp(&(other.depth, &other.agent)));
    let members: BTreeSet<&str> = view.members.iter().map(|one| one.agent.as_str()).collect();
    for member in rest {
        if walk.listed.contains(member.agent.as_str()) {
            continue;
        }
        if members.contains(member.parent.as_str()) {
            // Members that are above each other.
            walk.list_member(member, 1);
        } else {
            walk.list_former(&member.parent);
            walk.list_children(&member.parent, 2);
        }
    }
    let mut unproven: Vec<_> = state.unproven_children().collect();
    unproven.sort_by(|one, other| one.0.cmp(other.0));
    let mut list = walk.list;
    for (child, edge) in unproven {
        if child.as_str() != agent && !members.contains(child.as_str()) {
            list.push(AgentBelow {
                agent: child.clone(),
                parent: Some(agent.into()),
                edge,
                depth: 1,
                credential: None,
                ended: false,
            });
        }
    }
    list
}

impl<'a> MemberWalk<'a> {
    /// Lists what is below `parent`, each member once.
    fn list_children(&mut self, parent: &str, depth: u32) {
        let Some(children) = self.children.remove(parent) else {
            return;
        };
        for member in children {
            self.list_member(member, depth);
        }
    }

    fn list_member(&mut self, member: &'a TreeMember, depth: u32) {
        if !self.listed.insert(&member.agent) {
            return;
        }
        self.list.push(AgentBelow {
            agent: member.agent.clone(),
            parent: Some(member.parent.clone()),
            edge: member.edge,
            depth,
            credential: member.credential.as_ref().map(|(id, _)| id.clone()),
            ended: false,
        });
        self.list_children(&member.agent, depth.saturating_add(1));
    }

    /// Lists an agent that is no member any more, for those that are still below it.
    fn list_former(&mut self, agent: &'a Text) {
        if self.listed.insert(agent) {
            self.list.push(AgentBelow {
                agent: agent.clone(),
                parent: None,
                edge: EdgeEvidence::default(),
                depth: 1,
                credential: None,
                ended: true,
            });
        }
    }
}
