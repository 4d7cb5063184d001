//! An agent's declared scopes with their versions: part of its learned state.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::resources::ResourceCatalogue;
use super::versions::{
    DeclareOutcome, LatestVersion, ScopeVersion, ScopeVersions, VersionAt, stored_bytes_of,
};
use crate::event::{AgentScope, DeclaredStatus, text_fingerprint};
use crate::scope::model::compile_cache::CompileCache;
use crate::scope::model::compiled::CompiledScope;
use crate::scope::model::limits::{HISTORY_BYTES_MAX, SCOPES_MAX};
use crate::scope::model::verdict_words::ScopeStatus;

/// How long a superseded version is kept for actions that arrive late.
pub const SUPERSEDED_KEPT_MS: i64 = 24 * 3_600_000;
/// How long an ended scope is kept, so that late use is judged as expired and not as undeclared. A
/// revoked scope without a task is kept until it is evicted: without it a template would return
/// the permissions that were revoked.
pub const ENDED_KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// An agent's declared scopes, by ascending scope id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeHistory {
    pub(super) scopes: Vec<ScopeVersions>,
}

impl ScopeHistory {
    /// Adds a scope record. Its own time `record_ms` replaces an absent `effective_from`. Adding
    /// the same record again changes nothing.
    pub fn declare(&mut self, scope: AgentScope, record_ms: i64) -> DeclareOutcome {
        self.declare_since(scope, record_ms, record_ms)
    }

    /// Adds a scope record; a new scope without `effective_from` takes effect at `since_ms`, so
    /// that it also judges actions that arrived before it.
    pub fn declare_since(
        &mut self,
        scope: AgentScope,
        record_ms: i64,
        since_ms: i64,
    ) -> DeclareOutcome {
        // An end counts even if its terms cannot be judged by.
        if scope.status == DeclaredStatus::Active
            && let Err(error) = CompiledScope::compile(&scope)
        {
            return DeclareOutcome::Invalid(error);
        }
        let begins = scope.status == DeclaredStatus::Active;
        let undated_ms = match self.index_of(&scope.scope_id) {
            Err(_) if begins => since_ms.min(record_ms),
            _ => record_ms,
        };
        let effective_ms = scope.effective_from_ms.unwrap_or(undated_ms);
        // Fields that later versions inherit are added to the record's own bytes.
        let bytes = self
            .stored_bytes()
            .saturating_add(stored_bytes_of(&scope) as usize);
        let before = (bytes > HISTORY_BYTES_MAX / 2).then(|| self.clone());
        let scope_id = scope.scope_id.clone();
        let ends = scope.status != DeclaredStatus::Active && self.index_of(&scope_id).is_ok();
        let outcome = self.insert_version(scope, effective_ms, record_ms);
        match before {
            Some(before) if !self.evict_until_fits(&scope_id, record_ms) => {
                // An end that were refused would leave the agent with its permissions.
                if let (true, Ok(index)) = (ends, self.index_of(&scope_id)) {
                    self.strip_ended(index);
                    outcome
                } else {
                    *self = before;
                    DeclareOutcome::RefusedFull
                }
            }
            _ => outcome,
        }
    }

    fn insert_version(
        &mut self,
        scope: AgentScope,
        effective_ms: i64,
        record_ms: i64,
    ) -> DeclareOutcome {
        let index = match self.index_of(&scope.scope_id) {
            Ok(index) => Some(index),
            Err(_) => self.open_scope(&scope, record_ms),
        };
        match index.and_then(|index| self.scopes.get_mut(index)) {
            Some(versions) => versions.insert_version(scope, effective_ms, record_ms),
            None => DeclareOutcome::RefusedFull,
        }
    }

    /// Whether there is no scope.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Whether there is a scope whose id has this fingerprint.
    #[must_use]
    pub fn names_scope(&self, fingerprint: u64) -> bool {
        let mut scopes = self.scopes.iter();
        scopes.any(|scope| text_fingerprint(&scope.scope_id) == fingerprint)
    }

    /// How many scopes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// The declared scopes in the versions valid at `at_ms`, by ascending id.
    pub fn scopes_at(&self, at_ms: i64) -> impl Iterator<Item = (&AgentScope, ScopeStatus)> {
        self.versions_at(at_ms)
            .map(|version| (version.scope(), version.status))
    }

    /// Each scope in the version that has taken effect last by `at_ms`, by ascending id. Without
    /// the time that an action may have been on its way: an end counts from its own time.
    pub fn latest_at(&self, at_ms: i64) -> impl Iterator<Item = LatestVersion<'_>> {
        self.scopes
            .iter()
            .filter_map(move |scope| scope.latest_at(at_ms))
    }

    /// The scope with this id in the version that has taken effect last by `at_ms`.
    #[must_use]
    pub fn latest_of(&self, scope_id: &str, at_ms: i64) -> Option<LatestVersion<'_>> {
        let index = self.index_of(scope_id).ok()?;
        self.scopes.get(index)?.latest_at(at_ms)
    }

    /// Forgets superseded versions after `SUPERSEDED_KEPT_MS` and ended scopes after
    /// `ENDED_KEPT_MS`. Returns whether anything was forgotten.
    pub fn prune(&mut self, now_ms: i64) -> bool {
        let before = self.version_count();
        for scope in &mut self.scopes {
            scope.forget_superseded(now_ms.saturating_sub(SUPERSEDED_KEPT_MS));
        }
        self.scopes.retain(|scope| match scope.ended_ms() {
            Some(_) if scope.is_revoked_for_good() => true,
            Some(ended_ms) => ended_ms.saturating_add(ENDED_KEPT_MS) >= now_ms,
            None => true,
        });
        self.version_count() != before
    }

    /// Applies the active bundle's resource-type aliases to stored scopes. Actions carry the new
    /// type names, so a grant under an old name would never match.
    pub fn apply_aliases(&mut self, resources: &ResourceCatalogue, cache: &mut CompileCache) {
        if resources.has_aliases() {
            let versions = self.scopes.iter_mut().flat_map(|scope| &mut scope.versions);
            for version in versions {
                let mut scope = AgentScope::clone(&version.scope);
                if resources.rename_grants(&mut scope) {
                    version.replace_scope(scope);
                }
            }
        }
        self.compile_with(cache);
    }

    /// Compiles the versions that are not compiled yet and shares equal terms with other agents.
    /// A version that was not compiled here is compiled for itself at its first use.
    pub fn compile_with(&self, cache: &mut CompileCache) {
        for version in self.versions() {
            version.terms.get_or_init(|| cache.get(&version.scope));
        }
    }

    /// Reads a word of what the next action will read and that lies `depth` pointers away, so that
    /// it is in the processor's cache by then. The sum means nothing.
    #[must_use]
    pub(crate) fn prefetch(&self, depth: u8) -> u64 {
        let Some(scope) = self.scopes.first() else {
            return 0;
        };
        match (depth, scope.versions.last()) {
            (1, _) => scope.versions.len() as u64,
            (2, Some(version)) => version.effective_ms as u64 ^ u64::from(version.bytes),
            (3, Some(version)) => {
                let (scope, terms) = (&version.scope, version.terms.get());
                let texts = scope.task_id.as_ref().map_or(0, |task| task.len())
                    + scope.scope_id.len()
                    + scope.credential_ids.len();
                scope.expires_at_ms.map_or(0, |ms| ms as u64)
                    ^ scope.status as u64
                    ^ texts as u64
                    ^ u64::from(scope.parent.is_some())
                    ^ terms.map_or(0, |terms| terms.limits.len() as u64)
            }
            _ => 0,
        }
    }

    /// The version of each scope valid at `at_ms`, with its status then.
    pub(super) fn versions_at(&self, at_ms: i64) -> impl Iterator<Item = VersionAt<'_>> {
        self.scopes
            .iter()
            .filter_map(move |scope| scope.version_at(at_ms))
    }

    pub(super) fn versions(&self) -> impl Iterator<Item = &ScopeVersion> {
        self.scopes.iter().flat_map(|scope| &scope.versions)
    }

    /// The index of a scope, or the index at which it would be inserted.
    fn index_of(&self, scope_id: &str) -> Result<usize, usize> {
        self.scopes
            .binary_search_by(|scope| scope.scope_id.as_str().cmp(scope_id))
    }

    /// Adds a scope without versions and returns its index. A full history first evicts the scope
    /// that [`ScopeHistory::first_ended`] names; `None` if there is none. A scope for the agent as
    /// a whole also replaces the last one that ended.
    fn open_scope(&mut self, scope: &AgentScope, now_ms: i64) -> Option<usize> {
        let scope_id = &scope.scope_id;
        if self.scopes.len() >= SCOPES_MAX {
            let last = || scope.task_id.is_none().then(|| self.last_ended(now_ms));
            let index = self.first_ended(now_ms, scope_id).or_else(|| last()?)?;
            self.scopes.remove(index);
        }
        let index = self.index_of(scope_id).unwrap_or_else(|index| index);
        self.scopes
            .insert(index, ScopeVersions::new(scope_id.clone()));
        Some(index)
    }

    fn version_count(&self) -> usize {
        self.versions().count()
    }
}
