//! Actions that arrived before their scope: kept, then judged by it or without it.
//!
//! At arrival the rules that read no scope fact judge the action; the others do here, at its own
//! time. Baselines counted it once, at arrival.

use crate::rule::RuleSet;
use crate::scope::{ScopeBasis, ScopeStatus};

use super::action::{Judged, Stand};
use super::effects::Effects;
use super::machine::{Detector, Place};
use super::partition::Partition;
use super::subject::{AgentState, Held, SubjectKey};

impl Detector {
    /// Whether the action should wait for a scope: nothing was declared for the agent yet and its
    /// wait is not over, or it names a task that no scope knows while all others have ended.
    pub(super) fn should_hold(
        &self,
        state: &AgentState,
        stand: &Stand<'_>,
        held: u64,
        effects: &mut Effects,
    ) -> bool {
        if self.settings.hold_ms <= 0 {
            return false;
        }
        let template = self.bundle.templates.for_action(stand.action);
        let waits = match state.learned.book.is_empty() {
            true => template.is_none() && !state.live.hold_over,
            false => {
                let found = state
                    .learned
                    .book
                    .select(stand.action, stand.at_ms, template);
                stand.action.task_id.is_some()
                    && found.status != ScopeStatus::Active
                    && found.basis == Some(ScopeBasis::Union)
            }
        };
        let full = state.held.len() >= self.settings.held_agent_max
            || held >= self.settings.held_partition_max;
        effects.counts.hold_full += u64::from(waits && full);
        waits && !full
    }

    /// Puts an action aside until [`super::Settings::hold_ms`] of stream time have passed.
    pub(super) fn hold(&self, partition: &mut Partition, key: &SubjectKey, stand: &Stand<'_>) {
        let due_ms = partition.stream_ms.saturating_add(self.settings.hold_ms);
        let Some(state) = partition.agents.get_mut(key) else {
            return;
        };
        let position = stand.place.position.clone();
        let held = Held {
            action: stand.action.clone(),
            position: position.clone(),
            append_ms: stand.place.append_ms,
            at_ms: stand.at_ms,
            clamped: stand.clamped,
            due_ms,
        };
        state.held.insert(position.clone(), held);
        state.note_held();
        state.marks.held.push((position, true));
        partition.held += 1;
    }

    /// The scope came: judges everything held, oldest first.
    pub(super) fn release_holds(
        &mut self,
        partition: &mut Partition,
        key: &SubjectKey,
        effects: &mut Effects,
    ) {
        self.judge_held(partition, key, i64::MAX, effects);
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
        if !state.held.values().any(|held| held.due_ms <= until_ms) {
            return;
        }
        state.live.hold_over = true;
        let ended = self.judge_held(partition, key, until_ms, effects);
        effects.counts.hold_expired += ended;
    }

    fn judge_held(
        &mut self,
        partition: &mut Partition,
        key: &SubjectKey,
        until_ms: i64,
        effects: &mut Effects,
    ) -> u64 {
        let Some(state) = partition.agents.get_mut(key) else {
            return 0;
        };
        let due = state.held.extract_if(.., |_, held| held.due_ms <= until_ms);
        let due: Vec<Held> = due.map(|(_, held)| held).collect();
        state.note_held();
        state
            .marks
            .held
            .extend(due.iter().map(|held| (held.position.clone(), false)));
        let ended = due.len() as u64;
        partition.held = partition.held.saturating_sub(ended);
        for held in due {
            let place = Place {
                // The input only matters to records that are applied, which this one was.
                input: crate::event::Input::Actions,
                position: held.position,
                append_ms: held.append_ms,
                time: crate::event::TimeSource::Append,
            };
            let stand = Stand {
                action: &held.action,
                place: &place,
                at_ms: held.at_ms,
                clamped: held.clamped,
            };
            self.judge(
                partition,
                key,
                &stand,
                Judged {
                    pending: false,
                    set: RuleSet::OnlyScope,
                },
                effects,
            );
        }
        ended
    }
}
