//! What is written at the next commit: which subjects changed, and the stored form of their values
//! and timers.

use std::collections::{BTreeMap, BTreeSet};

use super::partition_state::StateChange;
use super::stored_timers::timer_key;
use super::subject::{
    AgentState, StateError, SubjectKey, TenantState, WriteMarks, decode_value, encode_value,
};

/// The subjects that changed since the last commit. Kept apart from the subjects themselves, so
/// that a subject can be marked while it is borrowed.
#[derive(Debug, Default)]
pub(super) struct ChangeList {
    pub(super) listed: Vec<SubjectKey>,
    /// Counts up with every use of a subject, for the order of eviction.
    touches: u64,
    /// Where values are encoded, so that each result is allocated once and at its size.
    pub(super) scratch: Vec<u8>,
}

/// When subjects are due. Kept apart from the subjects for the same reason.
#[derive(Debug, Default)]
pub(super) struct TimerIndex(pub(super) BTreeSet<(i64, SubjectKey)>);

impl ChangeList {
    /// The next number in the order in which subjects are used.
    pub(super) fn next_touch(&mut self) -> u64 {
        self.touches += 1;
        self.touches
    }

    /// Lists the subject `key` among those to be written; `marks` are its own. `learned`: its
    /// learned value changed too.
    pub(super) fn mark_changed(&mut self, key: &SubjectKey, marks: &mut WriteMarks, learned: bool) {
        marks.live = true;
        marks.learned |= learned;
        marks.touched = self.next_touch();
        if !std::mem::replace(&mut marks.listed, true) {
            self.listed.push(key.clone());
        }
    }
}

impl TimerIndex {
    /// Moves the timer of the subject `key` to `due_ms`; `marks` are its own.
    pub(super) fn set_due(
        &mut self,
        key: &SubjectKey,
        marks: &mut WriteMarks,
        due_ms: Option<i64>,
    ) {
        let before_ms = std::mem::replace(&mut marks.timer_ms, due_ms);
        if before_ms == due_ms {
            return;
        }
        if let Some(before_ms) = before_ms {
            self.0.remove(&(before_ms, key.clone()));
        }
        if let Some(due_ms) = due_ms {
            self.0.insert((due_ms, key.clone()));
        }
    }
}

impl AgentState {
    pub(super) fn write_changes(
        &mut self,
        key: &SubjectKey,
        scratch: &mut Vec<u8>,
        changes: &mut Vec<StateChange>,
    ) {
        changes.push(put_change(
            key.live_key(),
            encode_value(&self.live, scratch),
        ));
        if self.marks.learned {
            changes.push(put_change(
                key.learned_key(),
                encode_value(&self.learned, scratch),
            ));
        }
        for (number, block) in self.live.recent_ids.take_unstored() {
            let value = encode_value(&block, scratch);
            changes.push(put_change(key.ids_key(number), value));
        }
        for position in std::mem::take(&mut self.marks.deferred) {
            let deferred = self.deferred.get(&position);
            changes.push(StateChange {
                key: key.deferred_key(&position),
                value: deferred.map(|deferred| encode_value(deferred, scratch)),
                local: false,
            });
        }
        self.marks.write_timer(key, changes);
        self.marks.mark_clean();
    }
}

impl TenantState {
    /// Takes over the stored profiles of a tenant.
    pub(super) fn admit_profiles(
        &mut self,
        key: &SubjectKey,
        others: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), StateError> {
        let prefix = key.profiles_prefix();
        let found = others.iter().filter(|(name, _)| name.starts_with(&prefix));
        for (_, bytes) in found {
            self.classes.admit(decode_value(key, bytes)?);
        }
        Ok(())
    }

    /// The stored form of the profiles that changed.
    pub(super) fn write_profiles(
        &mut self,
        key: &SubjectKey,
        scratch: &mut Vec<u8>,
        changes: &mut Vec<StateChange>,
    ) {
        for (name, profile) in self.classes.take_changed() {
            let mut full = key.profiles_prefix();
            full.extend_from_slice(name.as_bytes());
            changes.push(StateChange {
                key: full,
                value: profile.map(|profile| encode_value(&profile, scratch)),
                local: false,
            });
        }
    }
}

impl WriteMarks {
    /// Whether the subject stays in memory when those last used before `cut` are evicted.
    pub(super) fn is_kept(&self, cut: u64) -> bool {
        self.listed || self.touched >= cut
    }

    pub(super) fn write_timer(&mut self, key: &SubjectKey, changes: &mut Vec<StateChange>) {
        if self.timer_ms == self.timer_stored_ms {
            return;
        }
        if let Some(old_ms) = self.timer_stored_ms {
            changes.push(StateChange {
                key: timer_key(old_ms, key),
                value: None,
                local: true,
            });
        }
        if let Some(new_ms) = self.timer_ms {
            let value = Some(Vec::new());
            changes.push(StateChange {
                key: timer_key(new_ms, key),
                value,
                local: true,
            });
        }
        self.timer_stored_ms = self.timer_ms;
    }

    pub(super) fn mark_clean(&mut self) {
        (self.live, self.learned, self.listed) = (false, false, false);
    }
}

pub(super) fn put_change(key: Vec<u8>, value: Vec<u8>) -> StateChange {
    StateChange {
        key,
        value: Some(value),
        local: false,
    }
}
