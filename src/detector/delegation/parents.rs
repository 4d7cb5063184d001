//! The edges up: whose tasks this agent has, and what the parent's scopes permit.

use serde::{Deserialize, Serialize};

use super::{ANCESTORS_MAX, PARENT_END_GRACE_MS};
use crate::event::{
    AgentScope, Ancestor, AncestorEnd, DeclaredStatus, EdgeEvidence, NoticedScope, ParentNotice,
    TakenAway, Text,
};
use crate::response::GRACE_UNCONFIRMED_MS;
use crate::scope::{WiderDimensions, compare_scopes};

/// The edge to one parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ParentEdge {
    pub agent: Text,
    pub evidence: EdgeEvidence,
    /// The spawn is the first thing that is known of this agent. Only then does it say on whose
    /// authority the agent acts: whoever spawns the name of an agent that exists proves nothing.
    pub spawned_first: bool,
    /// The agents above the parent as the token's `act` chain names them, root first.
    pub act_above: Vec<Text>,
    /// What the parent's last link said; kept of proven parents only.
    pub notice: Option<ParentNotice>,
    /// Stream time at which the parent was asked for its missing scope, epoch milliseconds.
    pub asked_ms: Option<i64>,
}

/// A scope of this agent that names a parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DelegatedScope {
    pub scope_id: Text,
    pub parent: Text,
    pub parent_scope: Option<Text>,
    pub declared_ms: i64,
    pub expires_ms: Option<i64>,
    pub ended: bool,
    /// What it permits beyond the scopes of its parent, as they are known.
    pub widened: WiderDimensions,
}

/// How it stands with what the parent was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParentStatus {
    /// The parent has no such scope, or has not been heard of.
    Unknown,
    InForce,
    Over(ParentEnd),
}

/// How what the parent was allowed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParentEnd {
    /// Completed also where it expired.
    pub status: DeclaredStatus,
    /// Epoch milliseconds.
    pub since_ms: i64,
    /// It is revoked by a request that the identity system has not confirmed.
    pub requested: bool,
}

/// From when on an end counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndsCount {
    /// From its own time.
    AtOnce,
    /// After the time that an action may be on its way. After a request that is the time that the
    /// identity system has for its answer, as for the actions of the agent that it is about.
    AfterGrace,
}

impl ParentEnd {
    fn is_past(self, at_ms: i64, count: EndsCount) -> bool {
        let grace_ms = match (count, self.requested) {
            (EndsCount::AtOnce, _) => 0,
            (EndsCount::AfterGrace, false) => PARENT_END_GRACE_MS,
            (EndsCount::AfterGrace, true) => GRACE_UNCONFIRMED_MS,
        };
        self.since_ms.saturating_add(grace_ms) <= at_ms
    }

    fn of_ancestor(end: &AncestorEnd) -> Self {
        ParentEnd {
            status: end.status,
            since_ms: end.since_ms,
            requested: end.requested,
        }
    }

    fn of_request(taken: TakenAway) -> Self {
        ParentEnd {
            status: DeclaredStatus::Revoked,
            since_ms: taken.since_ms,
            requested: !taken.confirmed,
        }
    }

    /// What weighs more comes first: a confirmed revocation, one that is requested, another end; of
    /// two alike the earlier one.
    fn rank(self) -> (bool, bool, i64) {
        let is_revoked = self.status == DeclaredStatus::Revoked;
        (!is_revoked, self.requested, self.since_ms)
    }
}

impl ParentEdge {
    pub fn new(agent: Text) -> Self {
        ParentEdge {
            agent,
            evidence: EdgeEvidence::default(),
            spawned_first: false,
            act_above: Vec::new(),
            notice: None,
            asked_ms: None,
        }
    }

    /// Whether the parent said that it does not have `scope_id`, when its partition had come to
    /// `at_ms`: a scope of that time is missing and not on its way.
    pub fn misses(&self, scope_id: &Text, at_ms: i64) -> bool {
        let notice = self.notice.as_ref();
        notice.is_some_and(|notice| notice.as_of_ms >= at_ms && notice.missing.contains(scope_id))
    }

    pub fn is_proven(&self) -> bool {
        self.evidence.is_proven()
    }

    /// The agents from the root to this parent. The parent's own line is known from its links;
    /// until one arrives, from the token.
    pub fn line(&self) -> Vec<Ancestor> {
        use crate::event::EdgeSource::Token;
        let of_token = |(n, agent): (usize, &Text)| Ancestor {
            agent: agent.clone(),
            edge: match n {
                0 => EdgeEvidence::default(),
                _ => EdgeEvidence::of(Token),
            },
        };
        let noticed = self.notice.as_ref().map(|notice| &notice.ancestors);
        let mut line = match noticed.filter(|line| !line.is_empty()) {
            Some(line) => line.clone(),
            None => self.act_above.iter().enumerate().map(of_token).collect(),
        };
        let top = line.is_empty();
        line.push(Ancestor {
            agent: self.agent.clone(),
            // How the parent's own edge is known, its notice says with its line.
            edge: match (&self.notice, top) {
                (Some(notice), false) if !notice.ancestors.is_empty() => notice.edge,
                (_, false) => EdgeEvidence::of(Token),
                (_, true) => EdgeEvidence::default(),
            },
        });
        line.drain(..line.len().saturating_sub(ANCESTORS_MAX));
        line
    }

    /// The status at `at_ms` of the parent's scope `parent_scope`; without one, of all its scopes.
    pub fn status_at(
        &self,
        parent_scope: Option<&str>,
        at_ms: i64,
        count: EndsCount,
    ) -> ParentStatus {
        let Some(notice) = &self.notice else {
            return ParentStatus::Unknown;
        };
        let above = notice.ended_above.as_ref().map(ParentEnd::of_ancestor);
        let above = above.filter(|end| end.is_past(at_ms, count));
        let revoked = above.filter(|end| end.status == DeclaredStatus::Revoked);
        let taken = notice.taken.map(ParentEnd::of_request);
        let taken = taken.filter(|end| end.is_past(at_ms, count));
        if let Some(end) = revoked
            .into_iter()
            .chain(taken)
            .min_by_key(|end| end.rank())
        {
            return ParentStatus::Over(end);
        }
        let found = notice.scopes_of(parent_scope);
        let found = found.map(|one| one.status_at(at_ms, count));
        let own = found.reduce(better_status);
        match (own, above) {
            // Also of a parent without a scope of its own, which acts for what is above it.
            (None | Some(ParentStatus::InForce), Some(end)) => ParentStatus::Over(end),
            (None, None) if notice.templated && parent_scope.is_none() => ParentStatus::InForce,
            (None, None) => ParentStatus::Unknown,
            (Some(status), _) => status,
        }
    }

    /// What `scope` permits beyond the parent's scopes. After their end it is compared with what
    /// they permitted last: the end itself is another matter.
    pub fn compare(&self, parent_scope: Option<&str>, scope: &AgentScope) -> WiderDimensions {
        let Some(notice) = &self.notice else {
            return WiderDimensions::default();
        };
        let known = || notice.scopes_of(parent_scope).filter(|one| one.terms_known);
        let in_force = known().filter(|one| one.scope.status == DeclaredStatus::Active);
        let mut parents: Vec<&AgentScope> = in_force.map(|one| &*one.scope).collect();
        let left_out = notice.scopes_of(parent_scope).any(|one| !one.terms_known);
        if left_out {
            // A scope whose terms are not known may permit anything.
            return WiderDimensions::default();
        }
        if parents.is_empty() {
            parents = known().map(|one| &*one.scope).collect();
        }
        compare_scopes(&parents, scope)
    }
}

impl ParentNotice {
    /// The scopes that the child's scope was delegated from.
    fn scopes_of(&self, parent_scope: Option<&str>) -> impl Iterator<Item = &NoticedScope> {
        let named =
            move |one: &&NoticedScope| parent_scope.is_none_or(|id| one.scope.scope_id == id);
        self.scopes.iter().filter(named)
    }
}

impl NoticedScope {
    fn status_at(&self, at_ms: i64, count: EndsCount) -> ParentStatus {
        let ends = [self.declared_end(), self.taken.map(ParentEnd::of_request)];
        let past = ends.into_iter().flatten();
        let past = past.filter(|end| end.is_past(at_ms, count));
        let first = past.min_by_key(|end| end.rank());
        first.map_or(ParentStatus::InForce, ParentStatus::Over)
    }

    /// The end that its record declares.
    fn declared_end(&self) -> Option<ParentEnd> {
        let (status, since_ms) = match self.scope.status {
            DeclaredStatus::Active => (DeclaredStatus::Completed, self.scope.expires_at_ms?),
            status => (status, self.since_ms),
        };
        Some(ParentEnd {
            status,
            since_ms,
            requested: false,
        })
    }

    /// How it ends or ended, as far as it is known.
    fn end(&self) -> Option<ParentEnd> {
        let taken = self.taken.map(ParentEnd::of_request);
        let ends = self.declared_end().into_iter().chain(taken);
        ends.min_by_key(|end| end.rank())
    }
}

/// Of two scopes of one parent, what permits more; of two that are over, what ended last.
fn better_status(one: ParentStatus, other: ParentStatus) -> ParentStatus {
    match (one, other) {
        (ParentStatus::Over(one), ParentStatus::Over(last)) if last.since_ms > one.since_ms => {
            other
        }
        (ParentStatus::Over(_), ParentStatus::InForce) => other,
        _ => one,
    }
}

impl DelegatedScope {
    /// From when on a scope of the parent that nobody knows is missing: a late one would have come.
    pub fn conclusive_ms(&self, wait_ms: i64) -> i64 {
        self.declared_ms
            .saturating_add(wait_ms.max(PARENT_END_GRACE_MS))
    }

    /// Whether the scope gives the agent nothing any more at `now_ms`.
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.ended || self.expires_ms.is_some_and(|until_ms| until_ms <= now_ms)
    }
}

impl ParentEdge {
    /// When the parent's scope, or what is above it, ends or ended, as far as it is known.
    pub fn end_of(&self, parent_scope: Option<&str>) -> Option<AncestorEnd> {
        let notice = self.notice.as_ref()?;
        let own = notice.scopes_of(parent_scope).map(NoticedScope::end);
        // Of several scopes the one that ends last decides; one without an end goes on.
        let own = own.reduce(|one, other| Some(later(one?, other?))).flatten();
        let taken = notice.taken.map(ParentEnd::of_request);
        let own = own.into_iter().chain(taken).map(|end| AncestorEnd {
            agent: self.agent.clone(),
            status: end.status,
            since_ms: end.since_ms,
            requested: end.requested,
        });
        let ends = own.chain(notice.ended_above.clone());
        ends.min_by_key(|end| ParentEnd::of_ancestor(end).rank())
    }
}

fn later(one: ParentEnd, other: ParentEnd) -> ParentEnd {
    match other.since_ms > one.since_ms {
        true => other,
        false => one,
    }
}
