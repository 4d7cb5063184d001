//! How many bytes a book may take, and what gives way in it.

use std::sync::Arc;

use postcard::ser_flavors::Size;

use super::{ScopeBook, Version, Versions};
use crate::event::{AgentScope, DeclaredStatus};

/// Bytes of one agent's declared scopes, versions included, as they are stored. One record of the
/// largest size fits; more would not fit a changelog record, and a task that cannot write ends.
pub const BOOK_BYTES_MAX: usize = 256 * 1024;

/// The stored size of a scope.
pub(super) fn encoded_bytes(scope: &AgentScope) -> u32 {
    postcard::serialize_with_flavor(scope, Size::default())
        .ok()
        .and_then(|bytes: usize| u32::try_from(bytes).ok())
        .unwrap_or(u32::MAX)
}

impl ScopeBook {
    /// Stored bytes of all versions.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let versions = self.scopes.iter().flat_map(|held| &held.versions);
        versions
            .map(|version| version.bytes as usize)
            .fold(0, usize::saturating_add)
    }

    /// Brings the book within its bytes: superseded versions go first, the oldest before others,
    /// then ended scopes by their end, but not `current`. Tells whether that was enough.
    pub(super) fn shrink(&mut self, current: &str, now_ms: i64) -> bool {
        while self.bytes() > BOOK_BYTES_MAX {
            let superseded = self.scopes.iter_mut().filter_map(|held| {
                let next_ms = held.versions.get(1)?.effective_ms;
                (next_ms <= now_ms).then_some((held.versions.first()?.effective_ms, held))
            });
            if let Some((_, held)) = superseded.min_by_key(|(effective_ms, _)| *effective_ms) {
                held.versions.remove(0);
            } else if let Some(index) = self.ended_first(now_ms, current) {
                self.scopes.remove(index);
            } else {
                return false;
            }
        }
        true
    }

    /// Of the scopes that have ended, `current` left out, the place of the one that ended first.
    pub(super) fn ended_first(&self, now_ms: i64, current: &str) -> Option<usize> {
        let others = self.scopes.iter().enumerate();
        let ended = others
            .filter(|(_, held)| held.scope_id != current)
            .filter_map(|(index, held)| Some((held.ended_ms()?, index)));
        let (_, index) = ended.filter(|(ended_ms, _)| *ended_ms <= now_ms).min()?;
        Some(index)
    }

    /// For a record that ends or suspends a scope and does not fit: keeps that it did and for
    /// whom, without what nobody is judged by.
    pub(super) fn strip(&mut self, place: usize) {
        for only in [terms, credentials] {
            if self.bytes() > BOOK_BYTES_MAX
                && let Some(held) = self.scopes.get_mut(place)
            {
                held.strip(only);
            }
        }
    }
}

impl Versions {
    fn strip(&mut self, only: fn(&mut AgentScope)) {
        let ends = |v: &&mut Version| v.scope.status != DeclaredStatus::Active;
        for version in self.versions.iter_mut().filter(ends) {
            only(Arc::make_mut(&mut version.scope));
            version.terms.take();
            version.bytes = encoded_bytes(&version.scope);
        }
    }
}

fn terms(scope: &mut AgentScope) {
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

fn credentials(scope: &mut AgentScope) {
    scope.credential_ids.clear();
}
