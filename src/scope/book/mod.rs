//! An agent's declared scopes with their versions: part of its learned state.

mod room;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

pub use room::BOOK_BYTES_MAX;
use room::encoded_bytes;

use super::cache::CompileCache;
use super::compiled::{CompiledScope, ScopeError};
use super::resources::Resources;
use super::select::Selected;
use super::verdict::ScopeStatus;
use super::widen::widens;
use crate::event::{AgentScope, DeclaredStatus, Text};

/// Scopes one agent may hold.
pub const SCOPES_MAX: usize = 256;
/// Versions kept of one scope that have taken effect; the oldest gives way.
pub const VERSIONS_MAX: usize = 4;
/// Versions kept of one scope that have not taken effect yet.
pub const VERSIONS_AHEAD_MAX: usize = 60;
/// How long a superseded version is kept for actions that arrive late.
pub const SUPERSEDED_KEPT_MS: i64 = 24 * 3_600_000;
/// How long an ended scope is kept, so that late use says expired and not undeclared. One that was
/// revoked and was for no task in particular is kept while there is room: without it a template
/// would give back what was taken away.
pub const ENDED_KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// An agent's declared scopes, by ascending scope id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeBook {
    scopes: Vec<Versions>,
}

/// The versions of one scope, ascending by when they take effect. Never empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Versions {
    scope_id: Text,
    versions: Vec<Version>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    scope: Arc<AgentScope>,
    effective_ms: i64,
    /// Stored size of the scope.
    bytes: u32,
    /// Grants more than the active version before it did; kept when that one is gone.
    widened: bool,
    #[serde(skip)]
    terms: OnceLock<Arc<CompiledScope>>,
}

impl PartialEq for Version {
    /// The compiled form follows from the scope.
    fn eq(&self, other: &Self) -> bool {
        (&self.scope, self.effective_ms, self.widened)
            == (&other.scope, other.effective_ms, other.widened)
    }
}

/// What became of a declared scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declared {
    /// A new scope, or a new version of one.
    Added,
    /// Took the place of the version with the same time of effect.
    Replaced,
    /// Says what was known, or is older than every version kept.
    Unchanged,
    /// The agent holds [`SCOPES_MAX`] scopes or [`BOOK_BYTES_MAX`] of them, and none that could
    /// give way has ended.
    RefusedFull,
    /// Cannot be judged by as written.
    Invalid(ScopeError),
}

/// A scope in the version valid at some moment, and its status then.
pub(crate) struct Standing<'a> {
    versions: &'a [Version],
    index: usize,
    version: &'a Version,
    pub(crate) status: ScopeStatus,
}

impl ScopeBook {
    /// Takes in a scope record with its own time `record_ms`, which stands in for an absent
    /// `effective_from`. Taking the same record again changes nothing.
    pub fn declare(&mut self, scope: AgentScope, record_ms: i64) -> Declared {
        self.declare_since(scope, record_ms, record_ms)
    }

    /// The same, where a scope that is new and names no `effective_from` holds from `since_ms`:
    /// it is also for the actions that were on their way with it.
    pub fn declare_since(&mut self, scope: AgentScope, record_ms: i64, since_ms: i64) -> Declared {
        // A record that ends a scope is never refused for terms nobody will judge by.
        if scope.status == DeclaredStatus::Active
            && let Err(error) = CompiledScope::compile(&scope)
        {
            return Declared::Invalid(error);
        }
        let undated_ms = match self.place_of(&scope.scope_id) {
            Ok(_) => record_ms,
            Err(_) => since_ms.min(record_ms),
        };
        let effective_ms = scope.effective_from_ms.unwrap_or(undated_ms);
        // What later versions inherit comes on top of the record's own bytes.
        let bytes = self.bytes().saturating_add(encoded_bytes(&scope) as usize);
        let before = (bytes > BOOK_BYTES_MAX / 2).then(|| self.clone());
        let scope_id = scope.scope_id.clone();
        let ends = scope.status != DeclaredStatus::Active && self.place_of(&scope_id).is_ok();
        let declared = self.insert(scope, effective_ms, record_ms);
        match before {
            Some(before) if !self.shrink(&scope_id, record_ms) => {
                if let (true, Ok(place)) = (ends, self.place_of(&scope_id)) {
                    self.strip(place);
                    declared
                } else {
                    *self = before;
                    Declared::RefusedFull
                }
            }
            _ => declared,
        }
    }

    fn insert(&mut self, scope: AgentScope, effective_ms: i64, record_ms: i64) -> Declared {
        let place = match self.place_of(&scope.scope_id) {
            Ok(place) => Some(place),
            Err(_) => self.open(&scope.scope_id, record_ms),
        };
        match place.and_then(|place| self.scopes.get_mut(place)) {
            Some(versions) => versions.insert(scope, effective_ms, record_ms),
            None => Declared::RefusedFull,
        }
    }

    /// Whether no scope is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Whether a scope of any status is bound to this task.
    #[must_use]
    pub fn names_task(&self, task: &str) -> bool {
        let mut versions = self.scopes.iter().flat_map(|held| &held.versions);
        versions.any(|version| version.scope.task_id.as_deref() == Some(task))
    }

    /// How many scopes are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// The declared scopes in the versions valid at `at_ms`, by ascending id.
    pub fn scopes_at(&self, at_ms: i64) -> impl Iterator<Item = (&AgentScope, ScopeStatus)> {
        self.standing(at_ms)
            .map(|standing| (&*standing.version.scope, standing.status))
    }

    /// Forgets superseded versions after [`SUPERSEDED_KEPT_MS`] and ended scopes after
    /// [`ENDED_KEPT_MS`]; tells whether anything was forgotten.
    pub fn prune(&mut self, now_ms: i64) -> bool {
        let before = self.count();
        for held in &mut self.scopes {
            let old =
                |next: &Version| next.effective_ms.saturating_add(SUPERSEDED_KEPT_MS) < now_ms;
            let drop = held
                .versions
                .iter()
                .skip(1)
                .take_while(|next| old(next))
                .count();
            held.versions.drain(..drop);
        }
        self.scopes.retain(|held| match held.ended_ms() {
            Some(_) if held.stays_revoked() => true,
            Some(ended_ms) => ended_ms.saturating_add(ENDED_KEPT_MS) >= now_ms,
            None => true,
        });
        self.count() != before
    }

    /// Makes a book that was read from state, or judged by other rules, fit for those that judge
    /// now: an old resource type in it would match nothing, as actions do not have it any more.
    pub fn adopt(&mut self, resources: &Resources, cache: &mut CompileCache) {
        let versions = self.scopes.iter_mut().flat_map(|held| &mut held.versions);
        for version in versions.filter(|_| resources.has_aliases()) {
            let mut scope = AgentScope::clone(&version.scope);
            if resources.rename_grants(&mut scope) {
                version.bytes = encoded_bytes(&scope);
                version.scope = Arc::new(scope);
                version.terms = OnceLock::new();
            }
        }
        self.attach(cache);
    }

    /// Compiles what is not compiled yet, sharing with other agents. Without it each scope
    /// compiles alone at first use.
    pub fn attach(&self, cache: &mut CompileCache) {
        for version in self.scopes.iter().flat_map(|held| &held.versions) {
            version.terms.get_or_init(|| cache.get(&version.scope));
        }
    }

    /// Reads a word of what the next action will read, so that it lies in the processor's cache by
    /// then. The sum means nothing.
    #[must_use]
    pub(crate) fn warm(&self) -> u64 {
        let newest = self.scopes.first().and_then(|held| held.versions.last());
        newest.map_or(0, |version| {
            version.effective_ms as u64 ^ version.scope.task_id.as_ref().map_or(0, |_| 1)
        })
    }

    pub(crate) fn standing(&self, at_ms: i64) -> impl Iterator<Item = Standing<'_>> {
        self.scopes
            .iter()
            .filter_map(move |held| held.standing(at_ms))
    }

    fn place_of(&self, scope_id: &str) -> Result<usize, usize> {
        self.scopes
            .binary_search_by(|held| held.scope_id.as_str().cmp(scope_id))
    }

    /// Makes room for a new scope: when the book is full, the scope that ended first gives way.
    fn open(&mut self, scope_id: &Text, now_ms: i64) -> Option<usize> {
        if self.scopes.len() >= SCOPES_MAX {
            let index = self.ended_first(now_ms, scope_id)?;
            self.scopes.remove(index);
        }
        let place = self.place_of(scope_id).unwrap_or_else(|place| place);
        self.scopes.insert(
            place,
            Versions {
                scope_id: scope_id.clone(),
                versions: Vec::new(),
            },
        );
        Some(place)
    }

    fn count(&self) -> usize {
        self.scopes.iter().map(|held| held.versions.len()).sum()
    }
}

/// A record that ends or suspends a scope may leave out whom it is for, which the version before it
/// says: without it late use of an ended task would find no scope of its task. Tells whether
/// anything was filled.
fn inherit(scope: &mut AgentScope, before: &AgentScope) -> bool {
    if scope.status == DeclaredStatus::Active {
        return false;
    }
    let fill = |own: &mut Option<Text>, known: &Option<Text>| {
        let absent = own.is_none() && known.is_some();
        if absent {
            own.clone_from(known);
        }
        absent
    };
    let mut filled = fill(&mut scope.task_id, &before.task_id);
    filled |= fill(&mut scope.task_class, &before.task_class);
    filled |= fill(&mut scope.agent_type, &before.agent_type);
    if scope.credential_ids.is_empty() && !before.credential_ids.is_empty() {
        scope.credential_ids.clone_from(&before.credential_ids);
        filled = true;
    }
    filled
}

impl Versions {
    fn insert(&mut self, mut scope: AgentScope, effective_ms: i64, now_ms: i64) -> Declared {
        // What was taken away without a date is taken away now, also where it was still to come.
        if scope.status != DeclaredStatus::Active && scope.effective_from_ms.is_none() {
            let ahead = self
                .versions
                .partition_point(|v| v.effective_ms <= effective_ms);
            if let Some(last) = self.versions.drain(ahead..).next_back() {
                inherit(&mut scope, &last.scope);
            }
        }
        let place = self
            .versions
            .partition_point(|v| v.effective_ms < effective_ms);
        let before = place.checked_sub(1).and_then(|i| self.versions.get(i));
        let replaced = self.versions.get(place);
        let replaced = replaced.filter(|v| v.effective_ms == effective_ms);
        if let Some(known) = replaced.or(before) {
            inherit(&mut scope, &known.scope);
        }
        // A record sent again without a time of its own would otherwise be a version each time.
        if scope.effective_from_ms.is_none() && before.is_some_and(|v| *v.scope == scope) {
            return Declared::Unchanged;
        }
        let version = Version {
            bytes: encoded_bytes(&scope),
            scope: Arc::new(scope),
            effective_ms,
            widened: false,
            terms: OnceLock::new(),
        };
        let begun = |versions: &[Version]| versions.partition_point(|v| v.effective_ms <= now_ms);
        let full = begun(&self.versions) >= VERSIONS_MAX;
        let ahead = self.versions.len() - begun(&self.versions);
        if effective_ms > now_ms && replaced.is_none() && ahead >= VERSIONS_AHEAD_MAX {
            return Declared::RefusedFull;
        }
        let same = self
            .versions
            .get_mut(place)
            .filter(|v| v.effective_ms == effective_ms);
        let declared = match same {
            Some(same) if same.scope == version.scope => return Declared::Unchanged,
            Some(same) => {
                *same = version;
                Declared::Replaced
            }
            None if place == 0 && full => return Declared::Unchanged,
            None => {
                self.versions.insert(place, version);
                Declared::Added
            }
        };
        self.hand_on(place);
        self.compare(place);
        self.compare(place + 1);
        let extra = begun(&self.versions).saturating_sub(VERSIONS_MAX);
        self.versions.drain(..extra);
        declared
    }

    /// Gives what the version at `from` says to those after it that end the scope without saying it
    /// themselves, for records that arrive out of order.
    fn hand_on(&mut self, from: usize) {
        let mut versions = self.versions.iter_mut().skip(from);
        let Some(mut before) = versions.next() else {
            return;
        };
        for version in versions {
            let mut filled = AgentScope::clone(&version.scope);
            if !inherit(&mut filled, &before.scope) {
                return;
            }
            version.bytes = encoded_bytes(&filled);
            version.scope = Arc::new(filled);
            before = version;
        }
    }

    /// Sets whether the version grants more than the active one before it. Records that only end
    /// or suspend a scope may leave the grants out, so they are not compared with.
    fn compare(&mut self, index: usize) {
        let (before, rest) = self
            .versions
            .split_at_mut_checked(index)
            .unwrap_or_default();
        let active = |v: &&Version| v.scope.status == DeclaredStatus::Active;
        let Some(version) = rest.first_mut() else {
            return;
        };
        if let Some(previous) = before.iter().rev().find(active) {
            version.widened = active(&&*version)
                && previous.scope.task_id == version.scope.task_id
                && widens(&previous.scope, &version.scope);
        }
    }

    fn standing(&self, at_ms: i64) -> Option<Standing<'_>> {
        let begun = self.versions.partition_point(|v| v.effective_ms <= at_ms);
        let index = begun.saturating_sub(1);
        let version = self.versions.get(index)?;
        let status = if begun == 0 {
            ScopeStatus::NotYet
        } else {
            version.status_at(at_ms)
        };
        Some(Standing {
            versions: &self.versions,
            index,
            version,
            status,
        })
    }

    fn stays_revoked(&self) -> bool {
        let last = self.versions.last().map(|version| &version.scope);
        last.is_some_and(|s| s.status == DeclaredStatus::Revoked && s.task_id.is_none())
    }

    /// When the last version ended or will; absent for one without end. A suspension is no end.
    fn ended_ms(&self) -> Option<i64> {
        let last = self.versions.last()?;
        match last.scope.status {
            DeclaredStatus::Completed | DeclaredStatus::Revoked => Some(last.effective_ms),
            DeclaredStatus::Active | DeclaredStatus::Suspended => last.scope.expires_at_ms,
        }
    }
}

impl Version {
    fn status_at(&self, at_ms: i64) -> ScopeStatus {
        match self.scope.status {
            DeclaredStatus::Completed => ScopeStatus::Completed,
            DeclaredStatus::Suspended => ScopeStatus::Suspended,
            DeclaredStatus::Revoked => ScopeStatus::Revoked,
            DeclaredStatus::Active => match self.scope.expires_at_ms {
                Some(expires_ms) if expires_ms <= at_ms => ScopeStatus::Expired,
                _ => ScopeStatus::Active,
            },
        }
    }
}

impl<'a> Standing<'a> {
    pub(crate) fn scope(&self) -> &'a AgentScope {
        &self.version.scope
    }

    pub(crate) fn effective_ms(&self) -> i64 {
        self.version.effective_ms
    }

    pub(crate) fn selected(&self) -> Selected<'a> {
        let version = self.version;
        let alone = || Arc::new(CompiledScope::compile_lenient(&version.scope));
        let begun = self.versions.get(..=self.index).unwrap_or_default();
        Selected {
            scope: &version.scope,
            terms: version.terms.get_or_init(alone),
            effective_ms: Some(version.effective_ms),
            widened_ms: begun
                .iter()
                .rev()
                .find(|v| v.widened)
                .map(|v| v.effective_ms),
        }
    }
}
