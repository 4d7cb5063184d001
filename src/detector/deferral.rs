//! Deferred actions: they arrived before their scope and are kept until it comes or the wait is
//! over.
//!
//! At its arrival the rules that read no fact of a scope evaluate such an action, and baselines
//! count it. The other rules evaluate it here, once, at the action's own time.

use postcard::ser_flavors::Size;

use crate::event::{AgentAction, AgentScope, Input, TimeSource, text_fingerprint};
use crate::scope::{ScopeBasis, ScopeHistory, ScopeStatus, non_empty};

use super::action::Pass;
use super::dispatch::Detector;
use super::effects::RecordEffects;
use super::limits::{
    DEFERRED_AGENT_BYTES_MAX, DEFERRED_PARTITION_BYTES_MAX, DEFERRED_UNDECLARED_BYTES_MAX,
    EXPIRED_WAITS_MAX,
};
use super::partition_state::PartitionState;
use super::subject::{AgentState, DeferredAction, SubjectKey, TenantState};
use super::timed_action::{RecordOrigin, TimedAction};

/// How much is deferred in a partition, of agents in memory or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeferredTotals {
    pub count: u64,
    /// Stored bytes.
    pub bytes: u64,
}

/// What is deferred besides the actions of one agent.
pub(super) struct DeferralRoom<'a> {
    pub totals: DeferredTotals,
    /// The agent's tenant.
    pub tenant: Option<&'a TenantState>,
}

impl Detector {
    /// Whether the scope of an action may still be on its way.
    pub(super) fn awaits_scope(&self, state: &AgentState, timed: &TimedAction<'_>) -> bool {
        let (book, expired_waits) = (&state.learned.book, &state.live.expired_waits);
        self.settings.defer_ms > 0
            && self.lacks_scope(book, expired_waits, timed.action, timed.at_ms)
    }

    /// Whether one more action may be deferred, where there is `room` in the partition.
    pub(super) fn may_defer_more(
        &self,
        state: &AgentState,
        room: &DeferralRoom<'_>,
        action: &AgentAction,
    ) -> bool {
        let own = state.deferred.values().map(|one| u64::from(one.bytes));
        let own: u64 = own.sum();
        let bytes = u64::from(stored_bytes(action));
        let undeclared = room.tenant.map_or(0, |tenant| {
            let others = tenant.live.deferred_undeclared_bytes;
            u64::from(state.live.undeclared) * (others + bytes)
        });
        state.deferred.len() < self.settings.deferred_per_agent_max
            && room.totals.count < self.settings.deferred_per_partition_max
            && own + bytes <= DEFERRED_AGENT_BYTES_MAX
            && room.totals.bytes + bytes <= DEFERRED_PARTITION_BYTES_MAX
            && undeclared <= DEFERRED_UNDECLARED_BYTES_MAX
    }

    /// Whether an action should wait for its scope: no scope is declared for the agent yet, or the
    /// action names a task or credential that no scope names, or of its scope only a later version
    /// has arrived, or only its end.
    ///
    /// Never deferred: a task and credential whose wait expired; anything once
    /// [`EXPIRED_WAITS_MAX`] waits expired; or while the agent's scopes are revoked or suspended.
    /// Otherwise inventing task ids would postpone judgement.
    fn lacks_scope(
        &self,
        book: &ScopeHistory,
        expired_waits: &[u64],
        action: &AgentAction,
        at_ms: i64,
    ) -> bool {
        let template = || self.bundle.templates.for_action(action);
        if book.is_empty() {
            return expired_waits.is_empty() && template().is_none();
        }
        let waited = || expired_waits.contains(&wait_hash(action));
        if expired_waits.len() >= EXPIRED_WAITS_MAX || !expired_waits.is_empty() && waited() {
            return false;
        }
        let (task, credential) = (non_empty(&action.task_id), non_empty(&action.credential_id));
        // The common case, found without a selection.
        if task.is_some_and(|task| book.is_task_active(task, at_ms)) {
            return false;
        }
        let named = task.is_some() || credential.is_some();
        let found = book.select(action, at_ms, template);
        let for_others = |scope: &AgentScope| {
            (task.is_some() && scope.task_id.is_some())
                || (credential.is_some() && !scope.credential_ids.is_empty())
        };
        let none_of_its_own = || found.scopes.iter().all(|one| for_others(one.scope));
        match (found.status, found.basis) {
            // The version that was in force may be on its way.
            (ScopeStatus::NotYet | ScopeStatus::Missing, _) => true,
            (ScopeStatus::Revoked | ScopeStatus::Suspended, _) => false,
            (ScopeStatus::Active, Some(ScopeBasis::Union)) => named && none_of_its_own(),
            (_, Some(ScopeBasis::Union)) => task.is_some() || named && none_of_its_own(),
            _ => false,
        }
    }

    /// Keeps an action until [`super::DetectorSettings::defer_ms`] of stream time have passed.
    pub(super) fn defer_action(
        &self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        timed: &TimedAction<'_>,
    ) {
        let due_ms = partition.stream_ms.saturating_add(self.settings.defer_ms);
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let position = timed.origin.position.clone();
        let deferred = DeferredAction {
            action: timed.action.clone(),
            position: position.clone(),
            append_ms: timed.origin.append_ms,
            at_ms: timed.at_ms,
            counted_ms: timed.counted_ms,
            clamped: timed.clamped,
            id_reused: timed.id_reused,
            credential: timed.credential,
            due_ms,
            bytes: stored_bytes(timed.action),
            undeclared: state.live.undeclared,
        };
        partition.deferred.count += 1;
        partition.deferred.bytes += u64::from(deferred.bytes);
        let tenant = partition.tenants.get_mut(key.tenant());
        if let Some(tenant) = tenant.filter(|_| deferred.undeclared) {
            tenant.live.deferred_undeclared_bytes += u64::from(deferred.bytes);
            let tenant_key = SubjectKey::Tenant(key.tenant().clone());
            partition
                .changes
                .mark_changed(&tenant_key, &mut tenant.marks, false);
        }
        state.deferred.insert(position.clone(), deferred);
        state.note_deferred();
        state.marks.deferred.push(position);
        partition.set_timer(key);
    }

    /// Evaluates, oldest first, the deferred actions that a scope which came has made judgeable.
    /// Those that wait for another scope stay deferred.
    pub(super) fn release_deferred(
        &mut self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let AgentState {
            live,
            learned,
            deferred,
            ..
        } = state;
        let (book, expired_waits) = (&learned.book, &live.expired_waits);
        let has_scope =
            |one: &DeferredAction| !self.lacks_scope(book, expired_waits, &one.action, one.at_ms);
        let released: Vec<DeferredAction> = deferred
            .extract_if(.., |_, one| has_scope(one))
            .map(|(_, one)| one)
            .collect();
        self.evaluate_deferred(partition, key, released, effects);
    }

    /// Evaluates the deferred actions whose wait is over, without a scope of their own.
    pub(super) fn expire_deferred(
        &mut self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        effects: &mut RecordEffects,
    ) {
        let until_ms = partition.stream_ms;
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let expired: Vec<DeferredAction> = state
            .deferred
            .extract_if(.., |_, one| one.due_ms <= until_ms)
            .map(|(_, one)| one)
            .collect();
        if expired.is_empty() {
            return;
        }
        for one in &expired {
            let hash = wait_hash(&one.action);
            if !state.live.expired_waits.contains(&hash) {
                state.live.expired_waits.push(hash);
            }
        }
        effects.counts.waits_expired += expired.len() as u64;
        self.evaluate_deferred(partition, key, expired, effects);
    }

    /// Evaluates actions that are deferred no longer.
    fn evaluate_deferred(
        &mut self,
        partition: &mut PartitionState,
        key: &SubjectKey,
        released: Vec<DeferredAction>,
        effects: &mut RecordEffects,
    ) {
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        state.note_deferred();
        let positions = released.iter().map(|one| one.position.clone());
        state.marks.deferred.extend(positions);
        partition.free_deferred(key, &released);
        for one in released {
            let origin = RecordOrigin {
                // The input only matters to records that are to be applied, which this one was.
                input: Input::Actions,
                position: one.position,
                append_ms: one.append_ms,
                time: TimeSource::Append,
            };
            let timed = TimedAction {
                action: &one.action,
                origin: &origin,
                at_ms: one.at_ms,
                counted_ms: one.counted_ms,
                clamped: one.clamped,
                id_reused: one.id_reused,
                credential: one.credential,
                outage: None,
            };
            self.evaluate_action(partition, key, &timed, Pass::AfterScope, effects);
        }
    }
}

impl PartitionState {
    /// Frees the room of actions that are deferred no longer.
    fn free_deferred(&mut self, key: &SubjectKey, released: &[DeferredAction]) {
        let bytes = |one: &DeferredAction| u64::from(one.bytes);
        let all: u64 = released.iter().map(bytes).sum();
        let undeclared = released.iter().filter(|one| one.undeclared);
        let undeclared: u64 = undeclared.map(bytes).sum();
        let totals = &mut self.deferred;
        totals.count = totals.count.saturating_sub(released.len() as u64);
        totals.bytes = totals.bytes.saturating_sub(all);
        let tenant = self.tenants.get_mut(key.tenant());
        if let Some(tenant) = tenant.filter(|_| undeclared > 0) {
            let left = tenant.live.deferred_undeclared_bytes;
            tenant.live.deferred_undeclared_bytes = left.saturating_sub(undeclared);
            let tenant_key = SubjectKey::Tenant(key.tenant().clone());
            self.changes
                .mark_changed(&tenant_key, &mut tenant.marks, false);
        }
    }
}

/// The stored size of an action.
fn stored_bytes(action: &AgentAction) -> u32 {
    postcard::serialize_with_flavor(action, Size::default())
        .ok()
        .and_then(|bytes: usize| u32::try_from(bytes).ok())
        .unwrap_or(u32::MAX)
}

/// A hash of the task and credential by which an action names the scope it waits for.
fn wait_hash(action: &AgentAction) -> u64 {
    let task = non_empty(&action.task_id).unwrap_or_default();
    let credential = non_empty(&action.credential_id).unwrap_or_default();
    text_fingerprint(&format!("{task}\0{credential}"))
}
