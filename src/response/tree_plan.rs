//! The targets of `revoke: tree`: the agent itself and the agents below it.
//!
//! A member is a target only if every edge from the agent down to it is proven. Who merely says
//! that an agent is its parent, or names another as its child, is no part of a plan over that
//! agent: it could make others lose what is theirs, or push its own fall into theirs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::{AgentKey, EdgeEvidence, Text, words};

use super::credential_holders::CredentialHolders;
use super::proof::is_same_issuer;
use super::target::{RevocationTarget, TargetKind, TargetName};
use super::tree_view::{TreeMember, TreeView};

/// Members of a tree that one plan may have; further ones are counted in the alert.
pub const TREE_TARGETS_MAX: usize = 256;

words! {
    /// The order in which a tree is revoked.
    CascadeOrder {
        /// The agent at the top first: it spawns no new agents while those below it are revoked.
        RootFirst = "root-first",
        /// The agents at the bottom first: each can still report to its parent until it is revoked.
        LeavesFirst = "leaves-first",
    }
}

impl Default for CascadeOrder {
    /// The order where the policy names none: what still spawns is stopped first.
    fn default() -> Self {
        CascadeOrder::RootFirst
    }
}

/// The part of a target in a plan over a delegation tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TreePart {
    /// The agent at the top, whose incident it is.
    Top,
    /// An agent below it.
    Member {
        agent: Text,
        parent: Text,
        /// Edges between the top and this agent.
        depth: u8,
        edge: EdgeEvidence,
    },
}

impl TreePart {
    /// Edges between the top and this part.
    #[must_use]
    pub fn depth(&self) -> u8 {
        match self {
            TreePart::Top => 0,
            TreePart::Member { depth, .. } => *depth,
        }
    }

    /// The member's name; `None` for the top.
    #[must_use]
    pub fn member(&self) -> Option<&Text> {
        match self {
            TreePart::Top => None,
            TreePart::Member { agent, .. } => Some(agent),
        }
    }
}

/// The members of a tree that a plan may hit, from the top down, each with its target.
#[derive(Debug, Default)]
pub(super) struct TreeTargets {
    pub(super) members: Vec<(TreePart, RevocationTarget)>,
    /// Agents that are left out, because no proven edges lead to them.
    pub(super) unproven: usize,
    /// Agents that are left out, because the tree or the plan has no room for them.
    pub(super) further: u32,
}

impl TreeView {
    /// Leaves out the credentials that an agent outside the tree of `top` has too: its members are
    /// targets as agents then, and nobody else loses a credential.
    #[must_use]
    pub fn without_shared(mut self, top: &str, holders: &CredentialHolders) -> TreeView {
        let members = self.members.iter().map(|member| member.agent.clone());
        let inside: Vec<Text> = std::iter::once(top.into()).chain(members).collect();
        for member in &mut self.members {
            let outside = |(id, _): &(Text, Option<Text>)| holders.has_outside(id, &inside);
            member.credential.take_if(|credential| outside(credential));
        }
        self
    }
}

/// The members below `top` that a plan may hit: those to which proven edges lead, the nearest to
/// the top first, then by name. `configured` is the issuer that the response policy names.
pub(super) fn find_members(
    top: &AgentKey,
    tree: &TreeView,
    configured: Option<&Text>,
) -> TreeTargets {
    let mut members: Vec<(TreePart, RevocationTarget)> = Vec::new();
    let mut reached: BTreeSet<&str> = BTreeSet::from([top.agent.as_str()]);
    let mut above: BTreeSet<&str> = reached.clone();
    let mut depth = 0_u8;
    // Level by level, so that a circle of claims ends: each agent is reached once.
    while !above.is_empty() {
        depth = depth.saturating_add(1);
        let below = |member: &&TreeMember| {
            member.edge.is_proven()
                && above.contains(member.parent.as_str())
                && !reached.contains(member.agent.as_str())
        };
        let mut level: Vec<&TreeMember> = tree.members.iter().filter(below).collect();
        level.sort_by_key(|member| &member.agent);
        level.dedup_by_key(|member| &member.agent);
        above = level.iter().map(|member| member.agent.as_str()).collect();
        reached.extend(&above);
        members.extend(level.into_iter().map(|member| {
            let part = TreePart::Member {
                agent: member.agent.clone(),
                parent: member.parent.clone(),
                depth,
                edge: member.edge,
            };
            (part, member_target(&top.tenant, member, configured))
        }));
    }
    let all: BTreeSet<&str> = tree.members.iter().map(|one| one.agent.as_str()).collect();
    let unproven = all.iter().filter(|name| !reached.contains(*name)).count();
    let beyond = members.len().saturating_sub(TREE_TARGETS_MAX);
    members.truncate(TREE_TARGETS_MAX);
    TreeTargets {
        members,
        unproven,
        further: tree
            .further
            .saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX)),
    }
}

/// What to ask for of a member: the credential with which it does the work of this tree, where it
/// is known who issued it; else the agent.
fn member_target(
    tenant: &Text,
    member: &TreeMember,
    configured: Option<&Text>,
) -> RevocationTarget {
    let claimed = member
        .credential
        .as_ref()
        .and_then(|(_, issuer)| issuer.as_ref());
    let issuer = match (configured, claimed) {
        // Under the configured issuer the same id would name a credential of somebody else.
        (Some(configured), Some(claimed)) if !is_same_issuer(configured, claimed) => None,
        (configured, claimed) => configured.or(claimed),
    };
    if let (Some((id, _)), Some(iss)) = (&member.credential, issuer) {
        return RevocationTarget {
            kind: TargetKind::Credential,
            name: TargetName::JwtId {
                iss: iss.clone(),
                jti: id.clone(),
            },
        };
    }
    let name = match configured.or(claimed) {
        Some(iss) => TargetName::IssSub {
            iss: iss.clone(),
            sub: member.agent.clone(),
        },
        None => TargetName::Opaque {
            id: AgentKey::new(tenant, &member.agent).to_string().into(),
        },
    };
    RevocationTarget {
        kind: TargetKind::Agent,
        name,
    }
}

/// Why a part of a tree is in the plan, for people.
pub(super) fn part_reason(rule: &str, target: &RevocationTarget, part: &TreePart) -> String {
    let kind = target.kind.as_str();
    match part {
        TreePart::Top => {
            format!("rule {rule} asks to revoke the tree: the {kind} at its top")
        }
        TreePart::Member {
            agent,
            parent,
            depth,
            edge,
        } => {
            let evidence: Vec<&str> = edge.words().collect();
            format!(
                "rule {rule} asks to revoke the tree: the {kind} of {agent}, child of {parent} at \
                 depth {depth} (evidence: {})",
                evidence.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EdgeSource;

    fn member(agent: &str, parent: &str, source: EdgeSource) -> TreeMember {
        TreeMember {
            agent: agent.into(),
            parent: parent.into(),
            depth: 9,
            credential: None,
            edge: EdgeEvidence::of(source),
        }
    }

    fn names(tree: &TreeView) -> Vec<String> {
        let found = find_members(&AgentKey::new("acme", "top"), tree, None);
        let named = found.members.iter().map(|(part, _)| {
            let depth = part.depth();
            format!("{} {depth}", part.member().unwrap())
        });
        named.collect()
    }

    #[test]
    fn only_proven_edges_lead_down_and_a_circle_ends() {
        use EdgeSource::{Chain, Scope, Token};
        let tree = TreeView {
            members: vec![
                member("c", "b", Scope),
                member("b", "top", Scope),
                member("a", "top", Token),
                member("claims", "top", Chain),
                member("below-claims", "claims", Scope),
                member("x", "y", Scope),
                member("y", "x", Scope),
                member("top", "c", Scope),
            ],
            further: 3,
        };
        assert_eq!(names(&tree), ["a 1", "b 1", "c 2"]);
        let found = find_members(&AgentKey::new("acme", "top"), &tree, None);
        assert_eq!((found.unproven, found.further), (4, 3));
    }

    #[test]
    fn the_target_of_a_member_is_its_credential_where_an_issuer_is_known() {
        let idp: Text = "https://idp".into();
        let other: Text = "https://other".into();
        let tenant: Text = "acme".into();
        for (credential, configured, shown) in [
            (None, None, "agent acme/a"),
            (None, Some(&idp), "agent https://idp a"),
            (Some(("tok", None)), None, "agent acme/a"),
            (
                Some(("tok", None)),
                Some(&idp),
                "credential https://idp tok",
            ),
            (
                Some(("tok", Some(&idp))),
                None,
                "credential https://idp tok",
            ),
            (
                Some(("tok", Some(&other))),
                Some(&idp),
                "agent https://idp a",
            ),
        ] {
            let credential =
                credential.map(|(id, iss): (&str, Option<&Text>)| (id.into(), iss.cloned()));
            let member = TreeMember {
                credential,
                ..member("a", "top", EdgeSource::Scope)
            };
            let target = member_target(&tenant, &member, configured);
            let named = match &target.name {
                TargetName::JwtId { iss, jti } => format!("{iss} {jti}"),
                TargetName::IssSub { iss, sub } => format!("{iss} {sub}"),
                TargetName::Opaque { id } => id.to_string(),
            };
            assert_eq!(format!("{} {named}", target.kind.as_str()), shown);
        }
    }

    #[test]
    fn a_credential_that_an_agent_outside_the_tree_has_is_no_target() {
        let mut holders = CredentialHolders::default();
        for (credential, agent) in [("t1", "a"), ("t1", "top"), ("t2", "b"), ("t2", "stranger")] {
            holders.note_holder(credential, agent);
        }
        let with = |agent: &str, id: &str| TreeMember {
            credential: Some((id.into(), None)),
            ..member(agent, "top", EdgeSource::Scope)
        };
        let tree = TreeView {
            members: vec![with("a", "t1"), with("b", "t2")],
            further: 0,
        };
        let tree = tree.without_shared("top", &holders);
        let known: Vec<bool> = tree
            .members
            .iter()
            .map(|one| one.credential.is_some())
            .collect();
        assert_eq!(known, [true, false]);
    }
}
