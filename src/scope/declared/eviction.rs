//! How many bytes a history may take, and what is evicted from it.

use std::sync::Arc;

use super::history::ScopeHistory;
use super::versions::{ScopeVersion, ScopeVersions, stored_bytes_of};
use crate::event::{AgentScope, DeclaredStatus};
use crate::scope::model::limits::HISTORY_BYTES_MAX;

impl ScopeHistory {
    /// Stored bytes of all versions.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.versions()
            .map(|version| version.bytes as usize)
            .fold(0, usize::saturating_add)
    }

    /// Evicts until the history fits its bytes: superseded versions first, oldest first, then
    /// ended scopes by their end, except `current`. Returns whether it fits.
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
            } else {
                return false;
            }
        }
        true
    }

    /// The index of the scope that ended first, `current` left out.
    pub(super) fn first_ended(&self, now_ms: i64, current: &str) -> Option<usize> {
        let others = self.scopes.iter().enumerate();
        let ended = others
            .filter(|(_, scope)| scope.scope_id != current)
            .filter_map(|(index, scope)| Some((scope.ended_ms()?, index)));
        let (_, index) = ended.filter(|(ended_ms, _)| *ended_ms <= now_ms).min()?;
        Some(index)
    }

    /// Makes a record that ends or suspends a scope fit: keeps the status and whom it is for, and
    /// drops the terms, which judge nothing, then the credentials.
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
            drop_part(Arc::make_mut(&mut version.scope));
            version.terms.take();
            version.bytes = stored_bytes_of(&version.scope);
        }
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
