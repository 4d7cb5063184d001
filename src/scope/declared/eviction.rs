//! How many bytes a history may take, and what is evicted from it.

use smallvec::SmallVec;

use super::history::ScopeHistory;
use super::versions::{ScopeVersion, ScopeVersions};
use crate::event::{AgentScope, DeclaredStatus};
use crate::scope::model::limits::HISTORY_BYTES_MAX;

/// What an ended scope still bars, and when it ended.
type EvictionRank = (u8, i64);

impl ScopeHistory {
    /// Stored bytes of all versions.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.versions()
            .map(|version| version.bytes as usize)
            .fold(0, usize::saturating_add)
    }

    /// Evicts until the history fits its bytes: superseded versions first, oldest first, then
    /// ended scopes in the order of [`ScopeHistory::first_ended`], except `current`. The last one
    /// that still bars a template loses its terms instead. Returns whether the history fits.
    pub(super) fn evict_until_fits(&mut self, current: &str, now_ms: i64) -> bool {
        while self.stored_bytes() > HISTORY_BYTES_MAX {
            let superseded = self.scopes.iter_mut().filter_map(|scope| {
                let next_ms = scope.versions.get(1)?.effective_ms;
                (next_ms <= now_ms).then_some((scope.versions.first()?.effective_ms, scope))
            });
            if let Some((_, scope)) = superseded.min_by_key(|(effective_ms, _)| *effective_ms) {
                scope.versions.remove(0);
            } else if let Some(index) = self.first_ended(now_ms, current) {
                self.scopes.remove(index);
            } else if !self.strip_last_ended(now_ms, current) {
                return false;
            }
        }
        true
    }

    /// The index of the ended scope that is evicted first, `current` left out: completed scopes
    /// before those that expired or were revoked, those of a task before those of the whole agent,
    /// and among equals the one that ended first.
    ///
    /// Neither the agent nor its completed tasks may push out what was taken from it: of the scopes
    /// that expired or were revoked the last one is not evicted, for without it a template would
    /// return the permissions.
    pub(super) fn first_ended(&self, now_ms: i64, current: &str) -> Option<usize> {
        let ended = self.ended_scopes(now_ms).filter(|(_, index)| {
            let scope = self.scopes.get(*index);
            scope.is_some_and(|scope| scope.scope_id != current)
        });
        let barring = |(importance, _): &(EvictionRank, usize)| importance.0 > 0;
        let barring_count = self.ended_scopes(now_ms).filter(barring).count();
        let first = ended.min()?;
        (!barring(&first) || barring_count > 1).then_some(first.1)
    }

    /// The index of the ended scope that is evicted last.
    pub(super) fn last_ended(&self, now_ms: i64) -> Option<usize> {
        self.ended_scopes(now_ms).max().map(|(_, index)| index)
    }

    /// The ended scopes with their order of eviction.
    fn ended_scopes(&self, now_ms: i64) -> impl Iterator<Item = (EvictionRank, usize)> {
        let scopes = self.scopes.iter().enumerate();
        scopes.filter_map(move |(index, scope)| {
            let ended_ms = scope.ended_ms().filter(|ended_ms| *ended_ms <= now_ms)?;
            let last = scope.versions.last()?;
            let class = match (last.scope.status, last.scope.task_id.is_some()) {
                (DeclaredStatus::Completed, _) => 0,
                (DeclaredStatus::Active, true) => 1,
                (_, true) => 2,
                (DeclaredStatus::Active, false) => 3,
                (_, false) => 4,
            };
            Some(((class, ended_ms), index))
        })
    }

    /// Drops the terms of the ended scopes that are left; whether there were any.
    fn strip_last_ended(&mut self, now_ms: i64, current: &str) -> bool {
        let indexes: SmallVec<[usize; 2]> = self.ended_scopes(now_ms).map(|one| one.1).collect();
        let mut stripped = false;
        for index in indexes {
            let scope = self.scopes.get_mut(index);
            if let Some(scope) = scope.filter(|scope| scope.scope_id != current) {
                stripped |= scope.strip_terms();
            }
        }
        stripped
    }

    /// Makes a record that ends or suspends a scope fit: keeps the status and whom it is for, and
    /// drops the terms, then the credentials.
    pub(super) fn strip_ended(&mut self, index: usize) {
        for drop_part in [drop_terms, drop_credentials] {
            if self.stored_bytes() > HISTORY_BYTES_MAX
                && let Some(scope) = self.scopes.get_mut(index)
            {
                scope.strip_ended(drop_part);
            }
        }
    }
}

impl ScopeVersions {
    fn strip_ended(&mut self, drop_part: fn(&mut AgentScope)) {
        let ends = |v: &&mut ScopeVersion| v.scope.status != DeclaredStatus::Active;
        for version in self.versions.iter_mut().filter(ends) {
            version.drop_part(drop_part);
        }
    }

    /// Drops the terms of all versions; whether some had any.
    fn strip_terms(&mut self) -> bool {
        let mut stripped = false;
        for version in self.versions.iter_mut().filter(|v| !v.without_terms) {
            version.drop_part(drop_terms);
            stripped = true;
        }
        stripped
    }
}

impl ScopeVersion {
    fn drop_part(&mut self, drop_part: fn(&mut AgentScope)) {
        let mut scope = AgentScope::clone(&self.scope);
        drop_part(&mut scope);
        self.without_terms = true;
        self.replace_scope(scope);
    }
}

fn drop_terms(scope: &mut AgentScope) {
    let bare = AgentScope {
        scope_id: scope.scope_id.clone(),
        tenant: scope.tenant.clone(),
        agent_id: scope.agent_id.clone(),
        agent_type: scope.agent_type.take(),
        task_id: scope.task_id.take(),
        task_class: scope.task_class.take(),
        credential_ids: std::mem::take(&mut scope.credential_ids),
        effective_from_ms: scope.effective_from_ms,
        expires_at_ms: scope.expires_at_ms,
        status: scope.status,
        ..AgentScope::default()
    };
    *scope = bare;
}

fn drop_credentials(scope: &mut AgentScope) {
    scope.credential_ids.clear();
}
