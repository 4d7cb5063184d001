//! Actions that arrived before their scope: kept, then judged by it or without it.
//!
//! At arrival the rules that read no scope fact judge the action; the others do here, at its own
//! time. Baselines counted it once, at arrival.

use crate::event::{AgentAction, AgentScope, Text, text_fingerprint};
use crate::rule::RuleSet;
use crate::scope::{ScopeBasis, ScopeHistory, ScopeStatus, non_empty};

use super::action::Pass;
use super::effects::Effects;
use super::limits::VAIN_MAX;
use super::machine::Detector;
use super::partition::Partition;
use super::subject::{AgentState, Held, SubjectKey};
use super::timed_action::{RecordOrigin, TimedAction};

impl Detector {
    /// Whether the scope of an action may still be on its way.
    pub(super) fn awaits_scope(&self, state: &AgentState, timed: &TimedAction<'_>) -> bool {
        let waiting = Waiting {
            book: &state.learned.book,
            vain: &state.live.vain,
        };
        self.settings.hold_ms > 0 && self.awaits(&waiting, timed.action, timed.at_ms)
    }

    /// Whether one more action may wait, where `held` of the partition do.
    pub(super) fn has_room_to_hold(
        &self,
        state: &AgentState,
        held: u64,
        effects: &mut Effects,
    ) -> bool {
        let full = state.held.len() >= self.settings.held_agent_max
            || held >= self.settings.held_partition_max;
        effects.counts.hold_full += u64::from(full);
        !full
    }

    /// Whether the scope of an action may still be on its way: nothing was declared for the agent
    /// yet, or the action names a task or credential that no scope knows and would be judged by
    /// scopes of others. Not what an agent has waited for in vain, until something is declared for
    /// it, nor anything when that is [`VAIN_MAX`] things; and not while what it has is revoked or
    /// suspended. Otherwise new task ids would buy it time.
    fn awaits(&self, waiting: &Waiting<'_>, action: &AgentAction, at_ms: i64) -> bool {
        let book = waiting.book;
        let template = || self.bundle.templates.for_action(action);
        if book.is_empty() {
            return waiting.vain.is_empty() && template().is_none();
        }
        let (task, credential) = (non_empty(&action.task_id), non_empty(&action.credential_id));
        if task.is_none() && credential.is_none() || task.is_some_and(|task| book.names_task(task))
        {
            return false;
        }
        if waiting.vain.len() >= VAIN_MAX || waiting.vain.contains(&wanted(action)) {
            return false;
        }
        let found = book.select(action, at_ms, template);
        let for_others = |scope: &AgentScope| {
            (task.is_some() && scope.task_id.is_some())
                || (credential.is_some() && !scope.credential_ids.is_empty())
        };
        let none_of_its_own = || found.scopes.iter().all(|one| for_others(one.scope));
        found.basis == Some(ScopeBasis::Union)
            && match found.status {
                ScopeStatus::Active => none_of_its_own(),
                ScopeStatus::Revoked | ScopeStatus::Suspended => false,
                _ => task.is_some() || none_of_its_own(),
            }
    }

    /// Puts an action aside until [`super::Settings::hold_ms`] of stream time have passed.
    pub(super) fn hold(
        &self,
        partition: &mut Partition,
        key: &SubjectKey,
        timed: &TimedAction<'_>,
    ) {
        let due_ms = partition.stream_ms.saturating_add(self.settings.hold_ms);
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let position = timed.origin.position.clone();
        let held = Held {
            action: timed.action.clone(),
            position: position.clone(),
            append_ms: timed.origin.append_ms,
            at_ms: timed.at_ms,
            clamped: timed.clamped,
            due_ms,
        };
        state.held.insert(position.clone(), held);
        state.note_held();
        state.marks.held.push(position);
        partition.held += 1;
        partition.set_timer(key);
    }

    /// A scope came: judges what waited for it, oldest first. What waits for another stays.
    pub(super) fn release_holds(
        &mut self,
        partition: &mut Partition,
        key: &SubjectKey,
        effects: &mut Effects,
    ) {
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let AgentState {
            live,
            learned,
            held,
            ..
        } = &mut **state;
        let waiting = Waiting {
            book: &learned.book,
            vain: &live.vain,
        };
        let answered = |held: &Held| !self.awaits(&waiting, &held.action, held.at_ms);
        let due: Vec<Held> = held
            .extract_if(.., |_, held| answered(held))
            .map(|(_, held)| held)
            .collect();
        self.judge_held(partition, key, due, effects);
    }

    /// Time is up: what is due is judged as it is, undeclared.
    pub(super) fn end_holds(
        &mut self,
        partition: &mut Partition,
        key: &SubjectKey,
        effects: &mut Effects,
    ) {
        let until_ms = partition.stream_ms;
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let due: Vec<Held> = state
            .held
            .extract_if(.., |_, held| held.due_ms <= until_ms)
            .map(|(_, held)| held)
            .collect();
        if due.is_empty() {
            return;
        }
        for held in &due {
            let wanted = wanted(&held.action);
            if !state.live.vain.contains(&wanted) {
                state.live.vain.push(wanted);
            }
        }
        effects.counts.hold_expired += due.len() as u64;
        self.judge_held(partition, key, due, effects);
    }

    /// Judges actions that are held no longer.
    fn judge_held(
        &mut self,
        partition: &mut Partition,
        key: &SubjectKey,
        due: Vec<Held>,
        effects: &mut Effects,
    ) {
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        state.note_held();
        state
            .marks
            .held
            .extend(due.iter().map(|held| held.position.clone()));
        partition.held = partition.held.saturating_sub(due.len() as u64);
        for held in due {
            let origin = RecordOrigin {
                // The input only matters to records that are applied, which this one was.
                input: crate::event::Input::Actions,
                position: held.position,
                append_ms: held.append_ms,
                time: crate::event::TimeSource::Append,
            };
            let timed = TimedAction {
                action: &held.action,
                origin: &origin,
                at_ms: held.at_ms,
                clamped: held.clamped,
            };
            self.judge(
                partition,
                key,
                &timed,
                Pass {
                    pending: false,
                    set: RuleSet::OnlyScope,
                },
                effects,
            );
        }
    }
}

/// What decides whether an agent's actions wait for a scope.
struct Waiting<'a> {
    book: &'a ScopeHistory,
    /// What they waited for in vain.
    vain: &'a [u64],
}

/// What tells the scope that an action waits for from others: its task and credential.
fn wanted(action: &AgentAction) -> u64 {
    let part = |id: &Option<Text>| non_empty(id).unwrap_or_default().to_owned();
    let (task, credential) = (part(&action.task_id), part(&action.credential_id));
    text_fingerprint(&format!("{task}\0{credential}"))
}
