//! What changes the state of a tree: the agent's own scope records and actions, and the links of
//! its parents and children.

use super::parents::{DelegatedScope, EndsCount, ParentEdge, ParentEnd, ParentStatus};
use super::{
    DELEGATED_SCOPES_MAX, DelegationState, PARENTS_MAX, SNAPSHOT_SCOPES_MAX, UNPROVEN_PARENTS_MAX,
};
use crate::event::{
    AgentScope, AncestorEnd, ChildNotice, DeclaredStatus, EdgeEvidence, EdgeSource, MemberNotice,
    NoticedMember, ParentNotice, Text,
};
use crate::scope::WiderDimensions;

/// A scope record of the agent itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::detector) struct OwnScope<'a> {
    pub scope: &'a AgentScope,
    /// Time of the record, epoch milliseconds.
    pub record_ms: i64,
}

/// What the chain of an action adds to the edge from the parent that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::detector) enum ChainNews {
    Nothing,
    /// It is one more evidence of a proven edge: the agents below show it in their chains.
    Added,
    /// It proves the edge: the parent's spawn of this agent was observed.
    Proven,
}

/// What a link of a parent changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::detector) struct NoticeNews {
    pub parent: Option<Text>,
    /// The scope that is wider now, where one is.
    pub scope_id: Option<Text>,
    /// Its dimensions, where a scope became wider than it was.
    pub widened: WiderDimensions,
    /// How what the parent was allowed is over now.
    pub(super) ended: Option<ParentEnd>,
    /// The agents below have to know of it.
    pub passes_on: bool,
    /// The edge is proven only now: the parents above have to know of the agents below.
    pub newly_proven: bool,
}

impl NoticeNews {
    /// Whether rules have something to evaluate.
    pub(in crate::detector) fn is_event(&self) -> bool {
        !self.widened.is_empty() || self.ended.is_some()
    }
}

impl NoticeNews {
    /// Adds what the parent's link changed for one scope of the agent.
    fn add_scope(
        &mut self,
        scope: &mut DelegatedScope,
        (earlier, edge): (&ParentEdge, &ParentEdge),
        own: Option<&AgentScope>,
        at_ms: i64,
    ) {
        let wanted = scope.parent_scope.as_deref();
        let status = edge.status_at(wanted, at_ms, EndsCount::AtOnce);
        let was = earlier.status_at(wanted, at_ms, EndsCount::AtOnce);
        self.passes_on |= was != status;
        if scope.is_over(at_ms) {
            return;
        }
        let how = |end: ParentEnd| (end.status, end.requested);
        if let ParentStatus::Over(end) = status
            && !matches!(was, ParentStatus::Over(known) if how(known) == how(end))
        {
            self.ended = Some(end);
        }
        let Some(own) = own else {
            return;
        };
        let widened = edge.compare(wanted, own);
        if widened != scope.widened && !widened.is_empty() {
            self.widened.violations = self.widened.violations.union(widened.violations);
            self.widened.expiry |= widened.expiry;
            self.scope_id = Some(scope.scope_id.clone());
        }
        scope.widened = widened;
    }
}

impl DelegationState {
    /// Takes over a scope record of the agent. Returns the parents that have to know of it.
    pub(in crate::detector) fn note_own_scope(&mut self, own: &OwnScope<'_>) -> Vec<Text> {
        let OwnScope { scope, record_ms } = *own;
        let same_id = |known: &DelegatedScope| known.scope_id == scope.scope_id;
        let index = self.scopes.iter().position(same_id);
        if scope.status != DeclaredStatus::Active {
            let ends = scope.status != DeclaredStatus::Suspended;
            let known = index.and_then(|index| self.scopes.get_mut(index));
            return known.filter(|_| ends).map_or_else(Vec::new, |known| {
                known.ended = true;
                vec![known.parent.clone()]
            });
        }
        let replaced = index.map(|index| self.scopes.remove(index));
        let mut changed: Vec<Text> = replaced.into_iter().map(|known| known.parent).collect();
        // Of an agent that names itself nothing can be known above it.
        let Some(parent) = scope
            .parent
            .as_ref()
            .filter(|one| one.agent_id != scope.agent_id)
        else {
            return changed;
        };
        if self.scopes.len() >= DELEGATED_SCOPES_MAX {
            let over = self
                .scopes
                .iter()
                .position(|known| known.is_over(record_ms));
            self.cuts.scopes += u64::from(over.is_none());
            self.scopes.remove(over.unwrap_or_default());
        }
        self.scopes.push(DelegatedScope {
            scope_id: scope.scope_id.clone(),
            parent: parent.agent_id.clone(),
            parent_scope: parent.scope_id.clone(),
            declared_ms: record_ms,
            expires_ms: scope.expires_at_ms,
            ended: false,
            widened: WiderDimensions::default(),
        });
        let Some(edge) = self.proven_edge(&parent.agent_id) else {
            return changed;
        };
        edge.evidence = edge.evidence.with(EdgeSource::Scope);
        if let Some((last, above)) = parent.act_chain.split_last()
            && *last == parent.agent_id
        {
            edge.evidence = edge.evidence.with(EdgeSource::Token);
            edge.act_above = above.to_vec();
        }
        let widened = edge.compare(parent.scope_id.as_deref(), scope);
        if let Some(last) = self.scopes.last_mut() {
            last.widened = widened;
        }
        changed.retain(|known| *known != parent.agent_id);
        changed.push(parent.agent_id.clone());
        changed
    }

    /// The edge to a parent that a record names. Where there is no room, the one that no scope
    /// names gives way, then the oldest.
    fn proven_edge(&mut self, parent: &Text) -> Option<&mut ParentEdge> {
        let known = self.parents.iter().position(|edge| edge.agent == *parent);
        let index = known.unwrap_or_else(|| {
            let scopes = &self.scopes;
            let proven = self
                .parents
                .iter()
                .enumerate()
                .filter(|(_, edge)| edge.is_proven());
            let proven: Vec<(usize, bool)> = proven
                .map(|(n, edge)| (n, scopes.iter().any(|scope| scope.parent == edge.agent)))
                .collect();
            if proven.len() >= PARENTS_MAX {
                let unnamed = proven.iter().find(|(_, named)| !named).or(proven.first());
                if let Some((index, _)) = unnamed {
                    self.parents.remove(*index);
                    self.cuts.parents += 1;
                }
            }
            self.parents.push(ParentEdge::new(parent.clone()));
            self.parents.len() - 1
        });
        // The newest is the last.
        let edge = self.parents.remove(index);
        self.parents.push(edge);
        self.parents.last_mut()
    }

    /// Notes that the agent's own accepted action names its parent.
    pub(in crate::detector) fn note_chain(&mut self, parent: &str) -> ChainNews {
        let Some(edge) = self.parents.iter_mut().find(|edge| edge.agent == parent) else {
            return ChainNews::Nothing;
        };
        let (evidence, was_proven) = (edge.evidence, edge.is_proven());
        edge.evidence = evidence.with(EdgeSource::Chain);
        match (was_proven, edge.is_proven()) {
            (false, true) => ChainNews::Proven,
            (true, _) if edge.evidence != evidence => ChainNews::Added,
            _ => ChainNews::Nothing,
        }
    }

    /// Notes an accepted spawn. Returns whether the child has to know of it.
    pub(in crate::detector) fn note_spawn(&mut self, child: Option<&Text>, at_ms: i64) -> bool {
        self.spawns.note_spawn(at_ms);
        match child {
            Some(child) => self.children.note_spawn(child, at_ms, &mut self.cuts),
            None => {
                self.children.note_unnamed();
                false
            }
        }
    }

    /// The parents that have to be asked for a scope: one of the agent's scopes names it, the wait
    /// for it is over, and what they said last was earlier. Each is asked once in the time that a
    /// late scope may take, or of an agent in a partition far behind every action would ask.
    pub(in crate::detector) fn take_missed_parents(
        &mut self,
        stream_ms: i64,
        wait_ms: i64,
    ) -> Vec<Text> {
        let mut missed = Vec::new();
        let live = |scope: &&DelegatedScope| !scope.is_over(stream_ms);
        for scope in self.scopes.iter().filter(live) {
            let conclusive_ms = scope.conclusive_ms(wait_ms);
            let mut edges = self.parents.iter_mut();
            let edge = edges.find(|edge| edge.agent == scope.parent);
            let Some((edge, named)) = edge.zip(scope.parent_scope.as_ref()) else {
                continue;
            };
            let status = edge.status_at(Some(named), stream_ms, EndsCount::AfterGrace);
            let due_ms = edge.asked_ms.map(|ms| ms.saturating_add(wait_ms.max(1)));
            if status == ParentStatus::Unknown
                && conclusive_ms <= stream_ms
                && !edge.misses(named, conclusive_ms)
                && due_ms.is_none_or(|due_ms| due_ms <= stream_ms)
            {
                edge.asked_ms = Some(stream_ms);
                missed.push(edge.agent.clone());
            }
        }
        missed
    }

    /// Counts a link that the agent sends.
    pub(in crate::detector) fn count_link(&mut self) -> u64 {
        self.sent = self.sent.saturating_add(1);
        self.sent
    }

    /// What a parent has to know of this agent.
    pub(in crate::detector) fn child_notice(
        &self,
        agent: &Text,
        parent: &str,
        now_ms: i64,
    ) -> ChildNotice {
        let of_parent = || self.scopes.iter().filter(|scope| scope.parent == parent);
        let live = || of_parent().filter(|scope| !scope.is_over(now_ms));
        let edge = self.parents.iter().find(|edge| edge.agent == parent);
        let evidence = edge.map_or_else(EdgeEvidence::default, |edge| edge.evidence);
        let named: Option<Vec<Text>> = live().map(|scope| scope.parent_scope.clone()).collect();
        let mut scopes = named.unwrap_or_default();
        scopes.sort_unstable();
        scopes.dedup();
        scopes.truncate(SNAPSHOT_SCOPES_MAX);
        let until: Option<Vec<i64>> = live().map(|scope| scope.expires_ms).collect();
        ChildNotice {
            number: self.sent,
            child: agent.clone(),
            evidence,
            scopes,
            until_ms: until.and_then(|times| times.into_iter().max()),
            ended: of_parent().next().is_some() && live().next().is_none(),
        }
    }

    /// Takes over what a child says. Returns whether it is a child that has to know of the scopes.
    pub(in crate::detector) fn note_child(&mut self, notice: &ChildNotice, at_ms: i64) -> bool {
        self.children.note_child(notice, at_ms, &mut self.cuts)
    }

    /// Takes over what a parent says. `fresh`: nothing was known of this agent before. `own_scope`:
    /// the agent's scope with an id, as it is now.
    pub(in crate::detector) fn note_parent<'s>(
        &mut self,
        notice: &ParentNotice,
        fresh: bool,
        at_ms: i64,
        own_scope: impl Fn(&str) -> Option<&'s AgentScope>,
    ) -> NoticeNews {
        let mut news = NoticeNews {
            parent: Some(notice.parent.clone()),
            ..NoticeNews::default()
        };
        let known = self
            .parents
            .iter()
            .position(|edge| edge.agent == notice.parent);
        let Some(index) = known.or_else(|| self.add_unproven(notice, fresh)) else {
            return news;
        };
        let Some(edge) = self.parents.get_mut(index) else {
            return news;
        };
        let (evidence, was_proven) = (edge.evidence, edge.is_proven());
        if notice.spawned {
            edge.evidence = edge.evidence.with(EdgeSource::Spawn);
        }
        if !edge.is_proven() {
            return news;
        }
        news.newly_proven = !was_proven;
        // The agents below show in their chains how this edge is known.
        news.passes_on = edge.evidence != evidence;
        if edge
            .notice
            .as_ref()
            .is_some_and(|known| known.number > notice.number)
        {
            return news;
        }
        let earlier = ParentEdge {
            notice: edge.notice.replace(notice.clone()),
            asked_ms: edge.asked_ms,
            ..ParentEdge::new(notice.parent.clone())
        };
        for scope in self
            .scopes
            .iter_mut()
            .filter(|scope| scope.parent == notice.parent)
        {
            let own = own_scope(&scope.scope_id);
            news.add_scope(scope, (&earlier, edge), own, at_ms);
        }
        let above = |notice: &ParentNotice| {
            (
                notice.ancestors.clone(),
                notice.edge,
                notice.ended_above.clone(),
            )
        };
        news.passes_on |= earlier.notice.as_ref().map(above) != Some(above(notice));
        news
    }

    /// Adds a parent whose spawn of this agent is all that is known of it.
    fn add_unproven(&mut self, notice: &ParentNotice, fresh: bool) -> Option<usize> {
        if !notice.spawned {
            return None;
        }
        let unproven = self.parents.iter().filter(|edge| !edge.is_proven()).count();
        if unproven >= UNPROVEN_PARENTS_MAX {
            self.parents_further = self.parents_further.saturating_add(1);
            self.cuts.claims += 1;
            return None;
        }
        let mut edge = ParentEdge::new(notice.parent.clone());
        edge.spawned_first = fresh;
        // Before the proven ones, of which the newest is the last.
        self.parents.insert(0, edge);
        Some(0)
    }

    /// Takes over what a child says of the agents below it. Returns what is new of that, as the
    /// agents above have to know it.
    pub(in crate::detector) fn note_members(
        &mut self,
        agent: &str,
        notice: &MemberNotice,
    ) -> Vec<NoticedMember> {
        let child = self.children.find(&notice.child);
        let mut passed_on = Vec::new();
        for member in &notice.members {
            // An end may arrive after the child is one no longer.
            let proven = child.is_some_and(|child| child.evidence.is_proven()) || member.ended;
            if proven && member.agent != agent && self.members.note_member(member, &mut self.cuts) {
                passed_on.push(NoticedMember {
                    depth: member.depth.saturating_add(1),
                    ..member.clone()
                });
            }
        }
        passed_on
    }

    /// Every agent below, as an agent above has to know it.
    pub(in crate::detector) fn noticed_members(&self) -> Vec<NoticedMember> {
        self.members.noticed()
    }

    /// The proven parents.
    pub(in crate::detector) fn proven_parents(
        &self,
    ) -> impl Iterator<Item = (&Text, EdgeEvidence)> {
        let proven = self.parents.iter().filter(|edge| edge.is_proven());
        proven.map(|edge| (&edge.agent, edge.evidence))
    }

    /// When what is above an agent without a scope of its own ends or ended: of several proven
    /// parents the one whose authority ends last decides, and one without an end goes on.
    pub(in crate::detector) fn end_above_undeclared(&self) -> Option<AncestorEnd> {
        let mut last: Option<AncestorEnd> = None;
        for edge in self.parents.iter().filter(|edge| edge.is_proven()) {
            let end = edge.end_of(None)?;
            if last
                .as_ref()
                .is_none_or(|known| known.since_ms < end.since_ms)
            {
                last = Some(end);
            }
        }
        last
    }

    /// When what is above this agent ends or ended, as it matters to a child that names these
    /// scopes of the agent; `None` where it goes on, or nothing is above.
    pub(super) fn end_above(&self, named: &[Text]) -> Option<AncestorEnd> {
        let of_child =
            |scope: &&DelegatedScope| named.is_empty() || named.contains(&scope.scope_id);
        let mut last: Option<AncestorEnd> = None;
        for scope in self.scopes.iter().filter(of_child) {
            let edge = self
                .parents
                .iter()
                .find(|edge| edge.agent == scope.parent)?;
            let end = edge.end_of(scope.parent_scope.as_deref())?;
            if last
                .as_ref()
                .is_none_or(|known| known.since_ms < end.since_ms)
            {
                last = Some(end);
            }
        }
        last
    }
}
