//! The links of a delegation tree: a child declares itself to its parent, a parent lets its
//! children know of its scopes and of what is above, and each agent lets those above know who is
//! below.
//!
//! Each link goes one edge. What it changes at its target goes on from there, and what changes
//! nothing does not: so links end, also in a cycle.

use crate::event::{
    AddressedLink, AgentKey, Link, LinkBody, LinkCause, LinkTarget, MemberNotice, NoticedMember,
    ParentNotice, Text,
};

use super::delegation::{DelegationFacts, DelegationState, OwnAuthority, OwnScopes};
use super::effects::RecordEffects;
use super::subject::AgentState;
use super::tree_flow::inform_of_flow;

/// Members in one link: more go in several, so that a link stays far below the size of a record.
const MEMBERS_PER_LINK: usize = 64;

/// The agent that sends, and the record that leads to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TreeSender<'a> {
    pub agent: &'a AgentKey,
    pub cause: Option<&'a LinkCause>,
    /// Stream time of the agent's partition, epoch milliseconds.
    pub stream_ms: i64,
}

impl TreeSender<'_> {
    fn send(&self, to: &Text, body: LinkBody, effects: &mut RecordEffects) {
        effects.links.push(AddressedLink {
            target: LinkTarget::Agent(AgentKey {
                tenant: self.agent.tenant.clone(),
                agent: to.clone(),
            }),
            link: Link {
                cause: self.cause.cloned(),
                body,
            },
        });
    }

    fn at_ms(&self) -> i64 {
        self.cause.map_or(0, |cause| cause.at_ms)
    }

    /// Lets a parent know of this agent, and of the agents below it where `whole`.
    pub fn inform_parent(
        &self,
        state: &mut AgentState,
        parent: &Text,
        whole: bool,
        effects: &mut RecordEffects,
    ) {
        let credential = credential_of(state, self.at_ms());
        let Some(tree) = state.learned.delegation.as_deref_mut() else {
            return;
        };
        let number = tree.count_link();
        let notice = tree.child_notice(&self.agent.agent, parent, self.at_ms());
        let mut members = vec![NoticedMember {
            number,
            agent: self.agent.agent.clone(),
            parent: parent.clone(),
            depth: 1,
            credential,
            edge: notice.evidence,
            ended: notice.ended,
        }];
        if whole {
            members.extend(tree.noticed_members());
        }
        self.send(parent, LinkBody::ChildDeclared(Box::new(notice)), effects);
        self.inform_of_members(parent, members, effects);
    }

    /// Lets every proven parent know which credential the agent uses now.
    fn inform_of_credential(&self, state: &mut AgentState, effects: &mut RecordEffects) {
        let credential = credential_of(state, self.at_ms());
        let Some(tree) = state.learned.delegation.as_deref_mut() else {
            return;
        };
        let number = tree.count_link();
        for (parent, edge) in tree.proven_parents() {
            let member = NoticedMember {
                number,
                agent: self.agent.agent.clone(),
                parent: parent.clone(),
                depth: 1,
                credential: credential.clone(),
                edge,
                ended: false,
            };
            self.inform_of_members(parent, vec![member], effects);
        }
    }

    fn inform_of_members(
        &self,
        parent: &Text,
        members: Vec<NoticedMember>,
        effects: &mut RecordEffects,
    ) {
        for members in members.chunks(MEMBERS_PER_LINK) {
            let notice = MemberNotice {
                child: self.agent.agent.clone(),
                members: members.to_vec(),
            };
            self.send(parent, LinkBody::TreeMember(Box::new(notice)), effects);
        }
    }

    /// Lets the children know that `scope_id` changed; without one, that what is above changed.
    pub fn inform_children(
        &self,
        state: &mut AgentState,
        scope_id: Option<&str>,
        effects: &mut RecordEffects,
    ) {
        let tree = state.learned.delegation.as_deref();
        let children = tree.into_iter().flat_map(|tree| tree.children_of(scope_id));
        let children: Vec<Text> = children.cloned().collect();
        for child in children {
            self.send_own_scopes(state, &child, effects);
        }
    }

    /// Lets the children know of what requests took away from the agent, where that has changed.
    /// Returns whether it has.
    pub fn inform_of_requests(&self, state: &mut AgentState, effects: &mut RecordEffects) -> bool {
        let changed = self.note_taken(state);
        if changed {
            self.inform_children(state, None, effects);
        }
        changed
    }

    fn note_taken(&self, state: &mut AgentState) -> bool {
        let own = OwnAuthority {
            agent: &self.agent.agent,
            book: &state.learned.book,
            requests: state.live.incidents.requests(),
            newest: state.live.credentials.newest(),
            at_ms: self.at_ms(),
        };
        let tree = state.learned.delegation.as_deref_mut();
        tree.is_some_and(|tree| tree.note_taken(&own))
    }

    fn inform_child(&self, state: &mut AgentState, child: &Text, effects: &mut RecordEffects) {
        inform_of_flow(state, self.agent, child, effects);
        match self.note_taken(state) {
            true => self.inform_children(state, None, effects),
            false => self.send_own_scopes(state, child, effects),
        }
    }

    fn send_own_scopes(&self, state: &mut AgentState, child: &Text, effects: &mut RecordEffects) {
        if let Some(tree) = state.learned.delegation.as_deref_mut() {
            tree.count_link();
        }
        let own = OwnScopes {
            agent: &self.agent.agent,
            book: &state.learned.book,
            templated: state.known && !state.live.undeclared && state.learned.book.is_empty(),
            at_ms: self.at_ms(),
            stream_ms: self.stream_ms,
        };
        let tree = state.learned.delegation.as_deref();
        if let Some(notice) = tree.and_then(|tree| tree.parent_notice(child, &own)) {
            self.send(child, LinkBody::ParentScope(Box::new(notice)), effects);
        }
    }

    /// Sends what an action of the agent changed.
    pub fn inform_of_action(
        &self,
        state: &mut AgentState,
        news: &ActionNews<'_>,
        effects: &mut RecordEffects,
    ) {
        if let Some(child) = news.spawned {
            self.inform_child(state, child, effects);
        }
        if let Some(parent) = news.proven_parent {
            self.inform_parent(state, parent, true, effects);
        }
        for parent in news.asked {
            self.inform_parent(state, parent, false, effects);
        }
        if news.chain_added {
            self.inform_children(state, None, effects);
        }
        if news.new_credential {
            self.inform_of_credential(state, effects);
        }
    }

    /// Applies a link of the tree to the agent's state. Returns the facts by which rules evaluate
    /// it, where it changed what they read.
    pub fn apply_tree_link(
        &self,
        state: &mut AgentState,
        body: &LinkBody,
        fresh: bool,
        effects: &mut RecordEffects,
    ) -> Option<DelegationFacts> {
        let at_ms = self.at_ms();
        match body {
            LinkBody::ChildDeclared(notice) => {
                let known = state.learned.delegation.is_some();
                if known || notice.evidence.is_proven() {
                    let tree = state.learned.delegation.get_or_insert_default();
                    if tree.note_child(notice, at_ms) {
                        self.inform_child(state, &notice.child, effects);
                    }
                }
                None
            }
            LinkBody::ParentScope(notice) => self.apply_parent(state, notice, fresh, effects),
            LinkBody::TreeMember(notice) => {
                let tree = state.learned.delegation.as_deref_mut()?;
                let passed_on = tree.note_members(&self.agent.agent, notice);
                if !passed_on.is_empty() {
                    let parents: Vec<Text> = tree
                        .proven_parents()
                        .map(|(parent, _)| parent.clone())
                        .collect();
                    for parent in parents {
                        self.inform_of_members(&parent, passed_on.clone(), effects);
                    }
                }
                None
            }
            _ => None,
        }
    }

    fn apply_parent(
        &self,
        state: &mut AgentState,
        notice: &ParentNotice,
        fresh: bool,
        effects: &mut RecordEffects,
    ) -> Option<DelegationFacts> {
        if state.learned.delegation.is_none() && !notice.spawned {
            return None;
        }
        let at_ms = self.at_ms();
        let tree = state.learned.delegation.get_or_insert_default();
        let book = &state.learned.book;
        let own_scope = |id: &str| book.latest_of(id, at_ms).map(|version| version.scope);
        // An agent without a scope of its own passes on what is above it.
        let end_above =
            |tree: &DelegationState| book.is_empty().then(|| tree.end_above_undeclared());
        let above = end_above(tree);
        let news = tree.note_parent(notice, fresh, at_ms, own_scope);
        let passes_on = news.passes_on || above != end_above(tree);
        if news.newly_proven {
            self.inform_parent(state, &notice.parent, true, effects);
        }
        if passes_on {
            self.inform_children(state, None, effects);
        }
        let tree = state.learned.delegation.as_deref()?;
        news.is_event()
            .then(|| DelegationFacts::of_news(tree, &news))
    }
}

/// What an action of the agent says of its tree that others have to know.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ActionNews<'a> {
    /// A child that it spawned, for the first time.
    pub spawned: Option<&'a Text>,
    /// A parent whose edge its chain has proven.
    pub proven_parent: Option<&'a Text>,
    /// Its chain is further evidence of the edge from its parent.
    pub chain_added: bool,
    /// It was accepted with a credential for the first time.
    pub new_credential: bool,
    /// Parents whose scope is missed: they answer with what they have by now.
    pub asked: &'a [Text],
}

impl ActionNews<'_> {
    pub fn is_empty(&self) -> bool {
        self.spawned.is_none()
            && self.proven_parent.is_none()
            && !self.chain_added
            && !self.new_credential
            && self.asked.is_empty()
    }
}

/// Whether a link to an agent that nothing is known of rests on the claim of another agent alone.
pub(super) fn is_unproven(body: &LinkBody) -> bool {
    matches!(body, LinkBody::ParentScope(notice) if notice.spawned)
}

/// The credential that the agent was accepted with last; of an agent that has not acted, the one
/// that its scope lists.
fn credential_of(state: &AgentState, at_ms: i64) -> Option<(Text, Option<Text>)> {
    if let Some((id, issuer)) = state.live.credentials.newest() {
        return Some((id.clone(), issuer.cloned()));
    }
    let mut scopes = state.learned.book.latest_at(at_ms);
    scopes.find_map(|version| {
        let scope = version.scope;
        let id = scope.credential_ids.first()?;
        Some((id.clone(), scope.issuer.clone()))
    })
}
