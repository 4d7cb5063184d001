//! The subjects of one partition in memory, their timers and the partition's stream time.
//!
//! A bounded cache: [`PartitionState::evict_subjects`] drops unchanged subjects, the least recently
//! used first. A timer may be out of date: when its subject has nothing due any more, nothing
//! happens. The maps are never iterated where their order could show in a result:
//! `evict_subjects` decides on each agent alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

// tidy: RandomState: by a known seed the names of agents could be made to collide
use foldhash::fast::RandomState as Seeded;

use crate::event::{LinkBody, Record, RecordBody, Text};

use super::deferral::DeferredTotals;
use super::stored_timers::timer_key;
use super::subject::{
    AgentState, DeferredAction, StateError, StoredSubject, SubjectKey, TenantState, WriteMarks,
    decode_value, encode_value,
};

/// Agents whose states are read together into the processor's cache: few enough to stay there.
const WARMED_TOGETHER: usize = 64;

/// One stored value that changed; `None` deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    /// Whether the value goes to the store only: an index entry, not state.
    pub local: bool,
}

/// The state of one partition.
#[derive(Debug)]
pub struct PartitionState {
    /// How many partitions share the tenants' budgets and caps.
    pub partitions: u32,
    /// Stream time; never goes back.
    pub stream_ms: i64,
    pub(super) agents: AgentStates,
    pub(super) tenants: TenantStates,
    /// Deferred actions of all agents, in memory or not.
    pub(super) deferred: DeferredTotals,
    pub(super) timers: TimerIndex,
    pub(super) changes: ChangeList,
}

/// What became of a subject that was to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Loaded,
    /// It has deferred actions or blocks of event ids, which [`StoredSubject::others`] lacks: load
    /// it again with them.
    NeedsOthers,
}

/// The tenants in memory.
pub(super) type AgentStates = HashMap<SubjectKey, Box<AgentState>, Seeded>;
pub(super) type TenantStates = HashMap<Text, TenantState, Seeded>;

/// The subjects that changed since the last commit. Kept apart from the subjects themselves, so
/// that a subject can be marked while it is borrowed.
#[derive(Debug, Default)]
pub(super) struct ChangeList {
    listed: Vec<SubjectKey>,
    /// Counts up with every use of a subject, for the order of eviction.
    touches: u64,
    /// Where values are encoded, so that each result is allocated once and at its size.
    scratch: Vec<u8>,
}

/// When subjects are due. Kept apart from the subjects for the same reason.
#[derive(Debug, Default)]
pub(super) struct TimerIndex(pub(super) BTreeSet<(i64, SubjectKey)>);

impl ChangeList {
    /// The next number in the order in which subjects are used.
    fn next_touch(&mut self) -> u64 {
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

impl PartitionState {
    #[must_use]
    pub fn new(partitions: u32, stream_ms: i64, deferred: DeferredTotals) -> Self {
        PartitionState {
            partitions: partitions.max(1),
            stream_ms,
            agents: HashMap::default(),
            tenants: HashMap::default(),
            deferred,
            timers: TimerIndex::default(),
            changes: ChangeList::default(),
        }
    }

    /// Whether the subject is in memory.
    #[must_use]
    pub fn is_loaded(&self, key: &SubjectKey) -> bool {
        match key {
            SubjectKey::Tenant(tenant) => self.tenants.contains_key(tenant),
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => self.agents.contains_key(key),
        }
    }

    /// Brings the states that `records` need into the processor's cache, and returns the keys of
    /// those that are not in memory. One function for both, because both need the same look-ups.
    pub fn prepare_subjects<'r>(
        &self,
        records: impl Iterator<Item = &'r Record>,
    ) -> Vec<SubjectKey> {
        let mut missing = Vec::new();
        let mut ready: Vec<&AgentState> = Vec::with_capacity(WARMED_TOGETHER);
        for record in records {
            let tenant = match (&record.body, record.body.agent_key()) {
                (RecordBody::Link(link), _) => match &link.body {
                    LinkBody::Tick => continue,
                    LinkBody::TenantManaged { tenant } => tenant.clone(),
                },
                (_, None) => continue,
                (_, Some(agent)) => {
                    let tenant = agent.tenant.clone();
                    let agent = SubjectKey::Agent(agent);
                    match self.agents.get(&agent) {
                        Some(state) => ready.push(state),
                        None => missing.push(agent),
                    }
                    tenant
                }
            };
            // The shared state of undeclared agents is in memory whenever the tenant is.
            if !self.tenants.contains_key(&tenant) {
                let shared = SubjectKey::Overflow(tenant.clone());
                missing.push(SubjectKey::Tenant(tenant));
                missing.extend((!self.is_loaded(&shared)).then_some(shared));
            }
        }
        warm_cache(&ready);
        missing
    }

    /// Subjects in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.agents.len() + self.tenants.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The deferred actions of all agents.
    #[must_use]
    pub fn deferred_totals(&self) -> DeferredTotals {
        self.deferred
    }

    /// Loads a subject into memory, as it was stored or new.
    ///
    /// # Errors
    /// When the stored bytes are not a state of this version.
    pub fn admit_subject(
        &mut self,
        key: SubjectKey,
        stored: &StoredSubject,
    ) -> Result<Admission, StateError> {
        let touched = self.changes.next_touch();
        if let SubjectKey::Tenant(tenant) = &key {
            let mut state = TenantState::default();
            if let Some(bytes) = &stored.live {
                state.live = decode_value(&key, bytes)?;
            }
            state.marks.timer_stored_ms = state.live.incidents.next_due_ms();
            state.marks.touched = touched;
            self.tenants.insert(tenant.clone(), state);
        } else {
            let mut state = Box::<AgentState>::default();
            state.known = stored.live.is_some() || stored.learned.is_some();
            if let Some(bytes) = &stored.live {
                state.live = decode_value(&key, bytes)?;
            }
            if let Some(bytes) = &stored.learned {
                state.learned = decode_value(&key, bytes)?;
            }
            let has_blocks = state.live.recent_ids.missing_blocks().next().is_some();
            match &stored.others {
                Some(others) => state.admit_others(&key, others)?,
                None if has_blocks || state.live.deferred > 0 => return Ok(Admission::NeedsOthers),
                None => {}
            }
            if state.live.deferred > 0 && state.deferred.is_empty() {
                return Ok(Admission::NeedsOthers);
            }
            state.marks.timer_stored_ms = state.due_ms();
            state.marks.touched = touched;
            self.agents.insert(key.clone(), state);
        }
        self.set_timer(&key);
        Ok(Admission::Loaded)
    }

    /// Adds a stored timer when the partition is opened.
    pub fn admit_timer(&mut self, due_ms: i64, key: SubjectKey) {
        self.timers.0.insert((due_ms, key));
    }

    /// The first timer that is due at or before `stream_ms`, and its subject.
    #[must_use]
    pub fn first_due(&self, stream_ms: i64) -> Option<(i64, SubjectKey)> {
        self.timers
            .0
            .first()
            .filter(|(due_ms, _)| *due_ms <= stream_ms)
            .cloned()
    }

    pub(super) fn drop_timer(&mut self, due_ms: i64, key: &SubjectKey) {
        self.timers.0.remove(&(due_ms, key.clone()));
        match key {
            SubjectKey::Tenant(tenant) => self
                .tenants
                .get_mut(tenant)
                .map(|state| state.marks.timer_ms = None),
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => self
                .agents
                .get_mut(key)
                .map(|state| state.marks.timer_ms = None),
        };
    }

    /// Sets the timer of a subject to what its state says is due next.
    pub(super) fn set_timer(&mut self, key: &SubjectKey) {
        match key {
            SubjectKey::Tenant(tenant) => {
                if let Some(state) = self.tenants.get_mut(tenant) {
                    let due_ms = state.live.incidents.next_due_ms();
                    self.timers.set_due(key, &mut state.marks, due_ms);
                }
            }
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                if let Some(state) = self.agents.get_mut(key) {
                    let due_ms = state.due_ms();
                    self.timers.set_due(key, &mut state.marks, due_ms);
                }
            }
        }
    }

    /// Lists the subject among those to be written. `learned`: its learned value changed too.
    pub(super) fn mark_changed(&mut self, key: &SubjectKey, learned: bool) {
        match key {
            SubjectKey::Tenant(tenant) => {
                if let Some(state) = self.tenants.get_mut(tenant) {
                    self.changes.mark_changed(key, &mut state.marks, learned);
                }
            }
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                if let Some(state) = self.agents.get_mut(key) {
                    self.changes.mark_changed(key, &mut state.marks, learned);
                }
            }
        }
    }

    /// Subjects changed since the last [`Self::take_changes`].
    #[must_use]
    pub fn changed_count(&self) -> usize {
        self.changes.listed.len()
    }

    /// The stored form of everything that changed, in the order of first change.
    pub fn take_changes(&mut self) -> Vec<StateChange> {
        let mut changes = Vec::with_capacity(self.changes.listed.len() * 2);
        let scratch = &mut self.changes.scratch;
        for keys in std::mem::take(&mut self.changes.listed).chunks(WARMED_TOGETHER) {
            let ready = keys.iter().filter_map(|key| self.agents.get(key));
            warm_cache(&ready.map(Box::as_ref).collect::<Vec<_>>());
            for key in keys {
                match key {
                    SubjectKey::Tenant(tenant) => {
                        if let Some(state) = self.tenants.get_mut(tenant) {
                            changes.push(put_change(
                                key.live_key(),
                                encode_value(&state.live, scratch),
                            ));
                            state.marks.write_timer(key, &mut changes);
                            state.marks.mark_clean();
                        }
                    }
                    SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                        if let Some(state) = self.agents.get_mut(key) {
                            state.write_changes(key, scratch, &mut changes);
                        }
                    }
                }
            }
        }
        changes
    }

    /// Keeps at most `subjects_max` agents and as many tenants in memory. Changed subjects stay,
    /// and of the unchanged ones those used last. The shared state of a tenant's undeclared agents
    /// stays as long as the tenant.
    pub fn evict_subjects(&mut self, subjects_max: usize) {
        if let Some(cut) = eviction_cut(self.tenants.values().map(|s| &s.marks), subjects_max) {
            self.tenants.retain(|_, state| state.marks.is_kept(cut));
        }
        if let Some(cut) = eviction_cut(self.agents.values().map(|s| &s.marks), subjects_max) {
            let tenants = &self.tenants;
            self.agents.retain(|key, state| match key {
                SubjectKey::Overflow(tenant) if tenants.contains_key(tenant) => true,
                _ => state.marks.is_kept(cut),
            });
        }
    }
}

/// Subjects last used before this number are evicted, so that at most `max` are left; `None` when
/// all may stay.
fn eviction_cut<'a>(
    marks: impl ExactSizeIterator<Item = &'a WriteMarks>,
    max: usize,
) -> Option<u64> {
    if marks.len() <= max {
        return None;
    }
    // Down to three quarters of `max`, so that one scan serves many loads.
    let kept = (max - max / 4).max(1);
    let mut touched: Vec<u64> = marks.map(|marks| marks.touched).collect();
    let oldest_kept = touched.len() - kept;
    Some(*touched.select_nth_unstable(oldest_kept).1)
}

impl AgentState {
    /// Reads one word of every part of the state that an action reads, to bring it into the
    /// processor's cache. With many agents a state is never there, and an action would wait for a
    /// dozen reads of main memory one by one; the reads for many agents overlap.
    fn warm_cache(&self) -> u64 {
        let (live, learned) = (&self.live, &self.learned);
        let parts = live.metrics.len() + learned.metrics.len() + live.incidents.open().len();
        live.recent_ids.warm_cache()
            ^ live.usage.prefetch()
            ^ learned.book.prefetch()
            ^ parts as u64
            ^ self.marks.touched
    }

    /// Stream time at which the agent has something due: a deferral that expires, an incident that
    /// closes.
    pub(super) fn due_ms(&self) -> Option<i64> {
        self.live.due_ms()
    }

    /// Updates what the live value says of the deferred actions.
    pub(super) fn note_deferred(&mut self) {
        self.live.deferred = u16::try_from(self.deferred.len()).unwrap_or(u16::MAX);
        self.live.deferred_due_ms = self.deferred.values().map(|deferred| deferred.due_ms).min();
    }

    /// Takes over what was stored apart from the live and the learned value.
    fn admit_others(
        &mut self,
        key: &SubjectKey,
        others: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<(), StateError> {
        let deferred_prefix = key.deferred_prefix();
        for (_, bytes) in others
            .iter()
            .filter(|(name, _)| name.starts_with(&deferred_prefix))
        {
            let deferred: DeferredAction = decode_value(key, bytes)?;
            self.deferred.insert(deferred.position.clone(), deferred);
        }
        let missing = self.live.recent_ids.missing_blocks();
        let blocks = missing.filter_map(|number| others.get(&key.ids_key(number)));
        let blocks = blocks.map(|bytes| decode_value(key, bytes));
        let blocks = blocks.collect::<Result<_, StateError>>()?;
        self.live.recent_ids.admit_blocks(blocks);
        Ok(())
    }

    fn write_changes(
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

impl WriteMarks {
    /// Whether the subject stays in memory when those last used before `cut` are evicted.
    fn is_kept(&self, cut: u64) -> bool {
        self.listed || self.touched >= cut
    }

    fn write_timer(&mut self, key: &SubjectKey, changes: &mut Vec<StateChange>) {
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

    fn mark_clean(&mut self) {
        (self.live, self.learned, self.listed) = (false, false, false);
    }
}

/// Brings the states of these agents into the processor's cache.
fn warm_cache(states: &[&AgentState]) {
    let sum = states.iter().fold(0, |sum, state| sum ^ state.warm_cache());
    std::hint::black_box(sum);
}

fn put_change(key: Vec<u8>, value: Vec<u8>) -> StateChange {
    StateChange {
        key,
        value: Some(value),
        local: false,
    }
}
