//! The subjects of one partition in memory, their timers and the partition's stream time.
//!
//! A bounded cache: [`PartitionState::evict_subjects`] drops unchanged subjects, the least recently
//! used first. A timer may be out of date: when its subject has nothing due any more, nothing
//! happens. The maps are never iterated where their order could show in a result:
//! `evict_subjects` decides on each agent alone.

use std::collections::{BTreeMap, HashMap};

// tidy: RandomState: by a known seed the names of agents could be made to collide
use foldhash::fast::RandomState as Seeded;

use crate::baseline::Outage;
use crate::behaviour::ClassCheck;
use crate::event::{CredentialKey, LinkBody, LinkTarget, Record, RecordBody, Text};

use super::agent_map::AgentMap;
use super::credential_state::CredentialState;
use super::deferral::DeferredTotals;
use super::delegation::DelegationState;
use super::state_changes::{ChangeList, TimerIndex, put_change};
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
    /// Number of the partition.
    pub number: i32,
    /// How many partitions share the tenants' budgets and caps.
    pub partitions: u32,
    /// Stream time; never goes back.
    pub stream_ms: i64,
    pub(super) agents: AgentMap,
    pub(super) tenants: TenantStates,
    pub(super) credentials: CredentialStates,
    /// Deferred actions of all agents, in memory or not.
    pub(super) deferred: DeferredTotals,
    pub(super) timers: TimerIndex,
    pub(super) changes: ChangeList,
    /// What the checks of classes have found, at the end of a learning time.
    pub(super) class_checks: Vec<ClassCheck>,
}

/// What became of a subject that was to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Loaded,
    /// It has deferred actions, blocks of event ids or profiles, which [`StoredSubject::others`]
    /// lacks: load it again with them.
    NeedsOthers,
}

/// The tenants in memory.
pub(super) type TenantStates = HashMap<Text, TenantState, Seeded>;
/// The credentials in memory.
pub(super) type CredentialStates = HashMap<CredentialKey, CredentialState, Seeded>;

impl PartitionState {
    #[must_use]
    pub fn new(partitions: u32, stream_ms: i64, deferred: DeferredTotals) -> Self {
        PartitionState {
            number: 0,
            partitions: partitions.max(1),
            stream_ms,
            agents: AgentMap::default(),
            tenants: HashMap::default(),
            credentials: HashMap::default(),
            deferred,
            timers: TimerIndex::default(),
            changes: ChangeList::default(),
            class_checks: Vec::new(),
        }
    }

    /// Whether the subject is in memory.
    #[must_use]
    pub fn is_loaded(&self, key: &SubjectKey) -> bool {
        match key {
            SubjectKey::Tenant(tenant) => self.tenants.contains_key(tenant),
            SubjectKey::Credential(credential) => self.credentials.contains_key(credential),
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
        let mut agents: Vec<SubjectKey> = Vec::with_capacity(WARMED_TOGETHER);
        for record in records {
            let tenant = match (&record.body, record.body.agent_key()) {
                (RecordBody::Link(addressed), _) => {
                    let subject = match (&addressed.target, &addressed.link.body) {
                        (LinkTarget::Agent(key), _) => SubjectKey::Agent(key.clone()),
                        (LinkTarget::Credential(key), _) => SubjectKey::Credential(key.clone()),
                        (
                            LinkTarget::AllPartitions,
                            LinkBody::TenantManaged { tenant }
                            | LinkBody::BudgetRearmed { tenant, .. },
                        ) => SubjectKey::Tenant(tenant.clone()),
                        (
                            LinkTarget::AllPartitions,
                            LinkBody::TaskEndedClean(notice) | LinkBody::TaskSetAside(notice),
                        ) => SubjectKey::Tenant(notice.tenant.clone()),
                        (LinkTarget::AllPartitions, LinkBody::ClassChanged(notice)) => {
                            SubjectKey::Tenant(notice.tenant.clone())
                        }
                        (LinkTarget::AllPartitions, LinkBody::AgentsChanged(notice)) => {
                            SubjectKey::Tenant(notice.tenant.clone())
                        }
                        (LinkTarget::AllPartitions, LinkBody::ProfileImported(notice)) => {
                            SubjectKey::Tenant(notice.tenant.clone())
                        }
                        (LinkTarget::AllPartitions, _) => continue,
                    };
                    let tenant = subject.tenant().clone();
                    missing.extend((!self.is_loaded(&subject)).then_some(subject));
                    tenant
                }
                (_, None) => continue,
                (_, Some(agent)) => {
                    let tenant = agent.tenant.clone();
                    agents.push(SubjectKey::Agent(agent));
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
        let found = self.agents.find_each(&agents);
        let ready: Vec<&AgentState> = found.iter().flatten().copied().collect();
        warm_cache(&ready, self.stream_ms);
        let absent = found
            .iter()
            .zip(agents)
            .filter(|(state, _)| state.is_none());
        missing.extend(absent.map(|(_, agent)| agent));
        missing
    }

    /// Subjects in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.agents.len() + self.tenants.len() + self.credentials.len()
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
            if state.live.profiles > 0 {
                let Some(others) = &stored.others else {
                    return Ok(Admission::NeedsOthers);
                };
                state.admit_profiles(&key, others)?;
            }
            state.marks.timer_stored_ms = state.live.due_ms();
            state.marks.touched = touched;
            self.tenants.insert(tenant.clone(), state);
        } else if let SubjectKey::Credential(credential) = &key {
            let mut state = CredentialState::default();
            if let Some(bytes) = &stored.live {
                state.live = decode_value(&key, bytes)?;
            }
            state.marks.timer_stored_ms = state.live.due_ms();
            state.marks.touched = touched;
            self.credentials.insert(credential.clone(), state);
        } else {
            let mut state = AgentState {
                known: stored.live.is_some() || stored.learned.is_some(),
                ..AgentState::default()
            };
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

    /// Takes a timer that fires out of the index.
    pub(super) fn drop_timer(&mut self, due_ms: i64, key: &SubjectKey) {
        self.timers.0.remove(&(due_ms, key.clone()));
        let (agents, tenants) = (&mut self.agents, &mut self.tenants);
        if let Some(marks) = marks_of(agents, tenants, &mut self.credentials, key) {
            marks.timer_ms = None;
        }
    }

    /// Stream time at which a subject in memory has something due.
    pub(super) fn due_ms_of(&self, key: &SubjectKey) -> Option<i64> {
        match key {
            SubjectKey::Tenant(tenant) => self.tenants.get(tenant)?.due_ms(),
            SubjectKey::Credential(credential) => self.credentials.get(credential)?.live.due_ms(),
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => self.agents.get(key)?.due_ms(),
        }
    }

    /// Sets the timer of a subject to what its state says is due next.
    pub(super) fn set_timer(&mut self, key: &SubjectKey) {
        let due_ms = self.due_ms_of(key);
        let (agents, tenants) = (&mut self.agents, &mut self.tenants);
        if let Some(marks) = marks_of(agents, tenants, &mut self.credentials, key) {
            self.timers.set_due(key, marks, due_ms);
        }
    }

    /// Lists the subject among those to be written. `learned`: its learned value changed too.
    pub(super) fn mark_changed(&mut self, key: &SubjectKey, learned: bool) {
        let (agents, tenants) = (&mut self.agents, &mut self.tenants);
        if let Some(marks) = marks_of(agents, tenants, &mut self.credentials, key) {
            self.changes.mark_changed(key, marks, learned);
        }
    }

    /// Notes that an agent of its own state acts now. Returns the last outage of its tenant.
    pub(super) fn note_agent_acts(&mut self, key: &SubjectKey) -> Option<Outage> {
        let SubjectKey::Agent(agent) = key else {
            return None;
        };
        let tenant = self.tenants.get_mut(&agent.tenant)?;
        if tenant.live.pauses.note_action(&agent.agent, self.stream_ms) {
            let key = SubjectKey::Tenant(agent.tenant.clone());
            self.changes.mark_changed(&key, &mut tenant.marks, false);
        }
        tenant.live.pauses.outage()
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
        let mut listed = std::mem::take(&mut self.changes.listed);
        for keys in listed.chunks(WARMED_TOGETHER) {
            let ready: Vec<&AgentState> =
                self.agents.find_each(keys).into_iter().flatten().collect();
            // What is written are the fast halves: no pane counts as over.
            warm_cache(&ready, i64::MIN);
            for key in keys {
                match key {
                    SubjectKey::Tenant(tenant) => {
                        if let Some(state) = self.tenants.get_mut(tenant) {
                            changes.push(put_change(
                                key.live_key(),
                                encode_value(&state.live, scratch),
                            ));
                            state.write_profiles(key, scratch, &mut changes);
                            state.marks.write_timer(key, &mut changes);
                            state.marks.mark_clean();
                        }
                    }
                    SubjectKey::Credential(credential) => {
                        if let Some(state) = self.credentials.get_mut(credential) {
                            state.write_changes(key, scratch, &mut changes);
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
        // The list keeps its memory: every commit would have it grow anew.
        listed.clear();
        self.changes.listed = listed;
        changes
    }

    /// Keeps at most `subjects_max` agents in memory, as many tenants and as many credentials, so
    /// that none of them takes the room of the others. Changed subjects stay, and of the unchanged
    /// ones those used last. The shared state of a tenant's undeclared agents
    /// stays as long as the tenant.
    pub fn evict_subjects(&mut self, subjects_max: usize) {
        if let Some(cut) = eviction_cut(self.tenants.values().map(|s| &s.marks), subjects_max) {
            self.tenants
                .retain(|_, state| state.marks.is_kept(cut) || state.learning.is_some());
        }
        let credentials = self.credentials.values().map(|s| &s.marks);
        if let Some(cut) = eviction_cut(credentials, subjects_max) {
            self.credentials.retain(|_, state| state.marks.is_kept(cut));
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

/// The write marks of a subject in memory.
fn marks_of<'s>(
    agents: &'s mut AgentMap,
    tenants: &'s mut TenantStates,
    credentials: &'s mut CredentialStates,
    key: &SubjectKey,
) -> Option<&'s mut WriteMarks> {
    Some(match key {
        SubjectKey::Tenant(tenant) => &mut tenants.get_mut(tenant)?.marks,
        SubjectKey::Credential(credential) => &mut credentials.get_mut(credential)?.marks,
        SubjectKey::Agent(_) | SubjectKey::Overflow(_) => &mut agents.get_mut(key)?.marks,
    })
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
    /// Reads one word of every part of the state that an action reads and that lies `depth`
    /// pointers away. The sum means nothing. `stream_ms`: by when its metrics close their panes.
    fn prefetch(&self, depth: u8, stream_ms: i64) -> u64 {
        let (live, learned) = (&self.live, &self.learned);
        if depth > 1 {
            // By now the fast halves are in the cache, which say whether the slow ones are needed.
            let halves = live.metrics.iter().zip(&learned.metrics);
            let closing = halves.filter(|(live, _)| live.closes_by(stream_ms));
            let closing = closing.fold(0, |sum, (_, (_, slow))| sum ^ slow.prefetch(depth - 2));
            std::hint::black_box(closing);
        }
        if depth > 0 {
            let tags = live.recent_ids.prefetch(depth);
            let metrics = live.metrics.iter();
            let metrics = metrics.fold(0, |sum, metric| sum ^ metric.prefetch(depth - 1));
            let judged = live.usage.prefetch(depth) ^ learned.book.prefetch(depth);
            return tags ^ metrics ^ judged ^ live.tasks.prefetch(depth);
        }
        let parts = live.expired_waits.len()
            + live.applied.0.len()
            + self.metric_slots.len()
            + live.metrics.len()
            + learned.metrics.len()
            + live.incidents.open().len();
        live.recent_ids.prefetch(depth)
            ^ live.credentials.prefetch()
            ^ live.shares.prefetch()
            ^ live.tasks.prefetch(depth)
            ^ live.incidents.requests().prefetch()
            ^ live.acted_last_ms as u64
            ^ parts as u64
            ^ self.marks.touched
            ^ self.bundle_mark
    }

    /// Stream time at which the agent has something due: a deferral that expires, an incident that
    /// closes, a scope that takes effect.
    pub(super) fn due_ms(&self) -> Option<i64> {
        let tree = self.learned.delegation.as_deref();
        let coming_ms = tree.and_then(DelegationState::coming_due_ms);
        self.live.due_ms().into_iter().chain(coming_ms).min()
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
}

/// Pointers from an agent's state to the farthest part that an action reads: the channel of a
/// metric that closes a pane.
const PREFETCH_DEPTH: u8 = 4;

/// Brings the states of these agents into the processor's cache. With many agents a state is never
/// there, and an action would wait for two dozen reads of main memory one by one. The reads for
/// many agents overlap, as long as none needs what another one has just read: so one pointer after
/// the other is followed for all agents.
///
/// `stream_ms`: the time of their next actions.
fn warm_cache(states: &[&AgentState], stream_ms: i64) {
    for depth in 0..=PREFETCH_DEPTH {
        let sum = states
            .iter()
            .fold(0, |sum, state| sum ^ state.prefetch(depth, stream_ms));
        std::hint::black_box(sum);
    }
}
