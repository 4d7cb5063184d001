//! The versions of one scope: which is in force at a moment, and what a new record changes.

use std::sync::{Arc, OnceLock};

use postcard::ser_flavors::Size;
use serde::{Deserialize, Serialize};

use super::widening::permits_more;
use crate::event::{AgentScope, DeclaredStatus, Text};
use crate::scope::model::compiled::{CompiledScope, ScopeError};
use crate::scope::model::selection::SelectedScope;
use crate::scope::model::verdict_words::ScopeStatus;

/// Versions of one scope that have taken effect; a further one evicts the oldest.
pub const VERSIONS_MAX: usize = 4;
/// Versions of one scope that have not taken effect yet; a further one is refused.
pub const VERSIONS_AHEAD_MAX: usize = 60;
/// How long after the end of a scope an action may have been on its way. Such an action is judged
/// by what was in force before the end.
pub const END_GRACE_MS: i64 = 5_000;

/// The versions of one scope, ascending by when they take effect. Never empty outside
/// `ScopeHistory::declare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ScopeVersions {
    pub(super) scope_id: Text,
    pub(super) versions: Vec<ScopeVersion>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ScopeVersion {
    pub(super) scope: Arc<AgentScope>,
    pub(super) effective_ms: i64,
    /// Stored size of the scope.
    pub(super) bytes: u32,
    /// Whether it grants more than the active version before it did. Stays when that version is
    /// forgotten.
    widened: bool,
    /// Whether it is not known what the scope granted before it ended: the record that ends it came
    /// without terms, and no version before it is known.
    pub(super) without_terms: bool,
    #[serde(skip)]
    pub(super) terms: OnceLock<Arc<CompiledScope>>,
}

impl PartialEq for ScopeVersion {
    /// Leaves out the compiled form and the size, which follow from the scope.
    fn eq(&self, other: &Self) -> bool {
        (
            &self.scope,
            self.effective_ms,
            self.widened,
            self.without_terms,
        ) == (
            &other.scope,
            other.effective_ms,
            other.widened,
            other.without_terms,
        )
    }
}

/// The version of a scope valid at some moment, and the status of the scope then.
pub(super) struct VersionAt<'a> {
    versions: &'a [ScopeVersion],
    index: usize,
    version: &'a ScopeVersion,
    pub(super) status: ScopeStatus,
    /// When the scope ended; when the version takes effect, if it has not ended.
    pub(super) since_ms: i64,
}

/// The version of a scope that has taken effect last.
#[derive(Debug, Clone, Copy)]
pub struct LatestVersion<'a> {
    pub scope: &'a AgentScope,
    /// When it took effect, epoch milliseconds.
    pub effective_ms: i64,
    /// False if only the end of the scope is known, and not what it permitted.
    pub terms_known: bool,
}

/// What a scope record changed in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclareOutcome {
    /// Added a scope, or a version of a scope.
    Added,
    /// Replaced the version that takes effect at the same time.
    Replaced,
    /// Nothing: the record repeats what is known, or is older than every version kept.
    Unchanged,
    /// Nothing: the agent has `SCOPES_MAX` scopes or `HISTORY_BYTES_MAX` bytes of them, and none
    /// that has ended could be evicted.
    RefusedFull,
    /// Nothing: the terms cannot be judged as written.
    Invalid(ScopeError),
}

/// The stored size of a scope.
pub(super) fn stored_bytes_of(scope: &AgentScope) -> u32 {
    postcard::serialize_with_flavor(scope, Size::default())
        .ok()
        .and_then(|bytes: usize| u32::try_from(bytes).ok())
        .unwrap_or(u32::MAX)
}

/// Fills in whom a scope is for from the version before it, if the record ends or suspends the
/// scope without naming it: otherwise late use of an ended task would find no scope of its task.
/// Returns whether anything was filled.
fn inherit_subject(scope: &mut AgentScope, before: &AgentScope) -> bool {
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

/// Fills in the terms that were in force before the end, if the record that ends the scope names
/// none: what an action violates after the end is what it would have violated before it. Returns
/// whether anything was filled.
fn inherit_terms(scope: &mut AgentScope, before: &AgentScope) -> bool {
    if scope.status == DeclaredStatus::Active || has_terms(scope) || !has_terms(before) {
        return false;
    }
    scope.grants.clone_from(&before.grants);
    scope.tools.clone_from(&before.tools);
    scope.destinations.clone_from(&before.destinations);
    scope
        .instruction_sources
        .clone_from(&before.instruction_sources);
    scope.limits.clone_from(&before.limits);
    scope.channel = before.channel;
    scope.delegation = before.delegation;
    scope.hours.clone_from(&before.hours);
    true
}

/// Whether a record says anything of what the scope permits.
fn has_terms(scope: &AgentScope) -> bool {
    !scope.grants.is_empty()
        || !scope.tools.is_empty()
        || !scope.destinations.is_empty()
        || !scope.instruction_sources.is_empty()
        || !scope.limits.is_empty()
        || scope.channel.is_some()
        || scope.delegation.is_some()
        || scope.hours.is_some()
}

impl ScopeVersions {
    pub(super) fn new(scope_id: Text) -> Self {
        ScopeVersions {
            scope_id,
            versions: Vec::new(),
        }
    }

    pub(super) fn insert_version(
        &mut self,
        mut scope: AgentScope,
        effective_ms: i64,
        now_ms: i64,
    ) -> DeclareOutcome {
        // An end without a date ends the scope now, and with it every version still to come.
        if scope.status != DeclaredStatus::Active && scope.effective_from_ms.is_none() {
            let ahead = self
                .versions
                .partition_point(|v| v.effective_ms <= effective_ms);
            if let Some(last) = self.versions.drain(ahead..).next_back() {
                inherit_subject(&mut scope, &last.scope);
            }
        }
        let index = self
            .versions
            .partition_point(|v| v.effective_ms < effective_ms);
        let before = index.checked_sub(1).and_then(|i| self.versions.get(i));
        let replaced = self.versions.get(index);
        let replaced = replaced.filter(|v| v.effective_ms == effective_ms);
        let mut without_terms = scope.status != DeclaredStatus::Active && !has_terms(&scope);
        if let Some(known) = replaced.or(before) {
            inherit_subject(&mut scope, &known.scope);
            without_terms &= known.without_terms;
            inherit_terms(&mut scope, &known.scope);
        }
        // A record sent again without a time of its own would otherwise be a version each time.
        if scope.effective_from_ms.is_none() && before.is_some_and(|v| *v.scope == scope) {
            return DeclareOutcome::Unchanged;
        }
        let full = self.begun_count(now_ms) >= VERSIONS_MAX;
        let ahead = self.versions.len() - self.begun_count(now_ms);
        if effective_ms > now_ms && replaced.is_none() && ahead >= VERSIONS_AHEAD_MAX {
            return DeclareOutcome::RefusedFull;
        }
        let version = ScopeVersion {
            without_terms,
            ..ScopeVersion::new(scope, effective_ms)
        };
        let same = self
            .versions
            .get_mut(index)
            .filter(|v| v.effective_ms == effective_ms);
        let outcome = match same {
            Some(same) if same.scope == version.scope => return DeclareOutcome::Unchanged,
            Some(same) => {
                *same = version;
                DeclareOutcome::Replaced
            }
            None if index == 0 && full => return DeclareOutcome::Unchanged,
            None => {
                self.versions.insert(index, version);
                DeclareOutcome::Added
            }
        };
        self.pass_on_subject(index);
        self.mark_widening(index);
        self.mark_widening(index + 1);
        let extra = self.begun_count(now_ms).saturating_sub(VERSIONS_MAX);
        self.versions.drain(..extra);
        outcome
    }

    /// How many versions have taken effect.
    fn begun_count(&self, now_ms: i64) -> usize {
        self.versions.partition_point(|v| v.effective_ms <= now_ms)
    }

    /// Passes on whom the version at `from` is for, and its terms, to the later versions that end
    /// the scope without naming them: records may arrive out of order.
    fn pass_on_subject(&mut self, from: usize) {
        let mut versions = self.versions.iter_mut().skip(from);
        let Some(mut before) = versions.next() else {
            return;
        };
        for version in versions {
            if version.scope.status == DeclaredStatus::Active {
                return;
            }
            let mut filled = AgentScope::clone(&version.scope);
            let mut changed = inherit_subject(&mut filled, &before.scope);
            changed |= inherit_terms(&mut filled, &before.scope);
            if version.without_terms && !before.without_terms {
                version.without_terms = false;
                changed = true;
            }
            if !changed {
                return;
            }
            version.replace_scope(filled);
            before = version;
        }
    }

    /// Sets whether the version at `index` grants more than the active version before it. A record
    /// that ends or suspends a scope may leave the grants out, so it is not compared with.
    fn mark_widening(&mut self, index: usize) {
        let (before, rest) = self
            .versions
            .split_at_mut_checked(index)
            .unwrap_or_default();
        let active = |v: &&ScopeVersion| v.scope.status == DeclaredStatus::Active;
        let Some(version) = rest.first_mut() else {
            return;
        };
        if let Some(previous) = before.iter().rev().find(active) {
            version.widened = active(&&*version)
                && previous.scope.task_id == version.scope.task_id
                && permits_more(&previous.scope, &version.scope);
        }
    }

    /// The version that has taken effect last by `at_ms`.
    pub(super) fn latest_at(&self, at_ms: i64) -> Option<LatestVersion<'_>> {
        let index = self.begun_count(at_ms).checked_sub(1)?;
        let version = self.versions.get(index)?;
        Some(LatestVersion {
            scope: &version.scope,
            effective_ms: version.effective_ms,
            terms_known: !version.without_terms,
        })
    }

    /// Forgets the versions that were superseded before `before_ms`.
    pub(super) fn forget_superseded(&mut self, before_ms: i64) {
        let later = self.versions.iter().skip(1);
        let superseded = later.take_while(|next| next.effective_ms < before_ms);
        let count = superseded.count();
        self.versions.drain(..count);
    }

    /// The version valid at `at_ms`: the last that has taken effect, else the first still to come.
    /// For [`END_GRACE_MS`] after an end it is the version that was in force before.
    ///
    /// `None`: only the end of the scope is known and its beginning has not arrived, so nothing can
    /// be said of a time before that end.
    pub(super) fn version_at(&self, at_ms: i64) -> Option<VersionAt<'_>> {
        let Some(index) = self.begun_count(at_ms).checked_sub(1) else {
            let first = self.versions.first()?;
            let begins = first.scope.status == DeclaredStatus::Active;
            let status = ScopeStatus::NotYet;
            return begins
                .then(|| self.at_index(0, status, first.effective_ms))
                .flatten();
        };
        let version = self.versions.get(index)?;
        let status = version.status_at(at_ms);
        if status == ScopeStatus::Active {
            return self.at_index(index, status, version.effective_ms);
        }
        let (granting, ended_ms) = self.end_before(index)?;
        if at_ms > ended_ms.saturating_add(END_GRACE_MS) {
            return self.at_index(index, status, ended_ms);
        }
        let granting = granting?;
        let began_ms = self.versions.get(granting)?.effective_ms;
        // A version that was over before it began was never in force.
        match began_ms < ended_ms {
            true => self.at_index(granting, ScopeStatus::Active, began_ms),
            false => self.at_index(index, status, ended_ms),
        }
    }

    fn at_index(&self, index: usize, status: ScopeStatus, since_ms: i64) -> Option<VersionAt<'_>> {
        Some(VersionAt {
            versions: &self.versions,
            index,
            version: self.versions.get(index)?,
            status,
            since_ms,
        })
    }

    /// The last active version up to `index`, if its record has arrived, and when it ended.
    fn end_before(&self, index: usize) -> Option<(Option<usize>, i64)> {
        let begun = self.versions.get(..=index)?;
        let active = |v: &ScopeVersion| v.scope.status == DeclaredStatus::Active;
        let Some(granting) = begun.iter().rposition(active) else {
            return Some((None, begun.first()?.effective_ms));
        };
        let next_ms = begun.get(granting + 1).map(|next| next.effective_ms);
        let expires_ms = begun.get(granting)?.scope.expires_at_ms;
        let ended_ms = next_ms.into_iter().chain(expires_ms).min()?;
        Some((Some(granting), ended_ms))
    }

    /// Whether the last version revokes the scope and the scope is for no single task.
    pub(super) fn is_revoked_for_good(&self) -> bool {
        let last = self.versions.last().map(|version| &version.scope);
        last.is_some_and(|s| s.status == DeclaredStatus::Revoked && s.task_id.is_none())
    }

    /// When the last version ended or will end; absent if it has no end. A suspension is no end.
    pub(super) fn ended_ms(&self) -> Option<i64> {
        let last = self.versions.last()?;
        match last.scope.status {
            DeclaredStatus::Completed | DeclaredStatus::Revoked => Some(last.effective_ms),
            DeclaredStatus::Active | DeclaredStatus::Suspended => last.scope.expires_at_ms,
        }
    }
}

impl ScopeVersion {
    fn new(scope: AgentScope, effective_ms: i64) -> Self {
        ScopeVersion {
            bytes: stored_bytes_of(&scope),
            scope: Arc::new(scope),
            effective_ms,
            widened: false,
            without_terms: false,
            terms: OnceLock::new(),
        }
    }

    /// Replaces the scope, its size and its compiled form.
    pub(super) fn replace_scope(&mut self, scope: AgentScope) {
        self.bytes = stored_bytes_of(&scope);
        self.scope = Arc::new(scope);
        self.terms = OnceLock::new();
    }

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

impl<'a> VersionAt<'a> {
    pub(super) fn scope(&self) -> &'a AgentScope {
        &self.version.scope
    }

    pub(super) fn to_selected(&self) -> SelectedScope<'a> {
        let version = self.version;
        let alone = || Arc::new(CompiledScope::compile_lenient(&version.scope));
        let begun = self.versions.get(..=self.index).unwrap_or_default();
        let widened = begun.iter().rev().find(|v| v.widened);
        SelectedScope {
            scope: &version.scope,
            terms: version.terms.get_or_init(alone),
            terms_known: !version.without_terms,
            effective_ms: Some(version.effective_ms),
            begun_ms: self.versions.first().map(|v| v.effective_ms),
            widened_ms: widened.map(|v| v.effective_ms),
        }
    }
}
