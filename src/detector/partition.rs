//! The subjects of one partition in memory, their timers and the partition's stream time.
//!
//! A bounded cache: [`Partition::shrink`] drops clean subjects that were not touched for longest.
//! Timers are hints: a due entry whose subject has nothing due any more does nothing. The maps are
//! never iterated where the order could show: [`Partition::shrink`] decides on each agent alone.

use std::collections::{BTreeSet, HashMap};

// tidy: RandomState: by a known seed the names of agents could be made to collide
use foldhash::fast::RandomState as Seeded;

use crate::event::{LinkBody, Record, RecordBody, Text};

use super::subject::{
    AgentState, Held, Marks, StateError, Stored, SubjectKey, TenantState, decode, encode,
};

/// Agents that are made ready together before they are written: few enough to stay in the cache.
const WARMED: usize = 64;
/// Stored keys of timers start with this; they never go to the changelog.
pub const TIMER_PREFIX: &str = "#timer/";

/// One stored value that changed; `None` deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    /// Index entries live in the store only.
    pub local: bool,
}

/// The state of one partition.
#[derive(Debug)]
pub struct Partition {
    /// How many partitions share the tenants' budgets and caps.
    pub partitions: u32,
    /// Stream time; never goes back.
    pub stream_ms: i64,
    pub(super) agents: HashMap<SubjectKey, Box<AgentState>, Seeded>,
    pub(super) tenants: Tenants,
    /// Actions held by all agents, in memory or not.
    pub(super) held: u64,
    pub(super) timers: Timers,
    pub(super) changes: Changes,
}

/// The tenants in memory.
pub(super) type Tenants = HashMap<Text, TenantState, Seeded>;

/// The subjects that changed since the last commit, apart from the subjects themselves so that one
/// that is borrowed can be marked.
#[derive(Debug, Default)]
pub(super) struct Changes {
    listed: Vec<SubjectKey>,
    clock: u64,
    /// Where values are encoded, so that each is allocated once and at its size.
    scratch: Vec<u8>,
}

/// When subjects are due, apart from the subjects as well.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(i64, SubjectKey)>);

impl Changes {
    /// The next moment of the order in which subjects are touched.
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Lists the subject `key`, whose marks these are, among those to be written.
    pub(super) fn mark(&mut self, key: &SubjectKey, marks: &mut Marks, learned: bool) {
        marks.live = true;
        marks.learned |= learned;
        marks.touched = self.tick();
        if !std::mem::replace(&mut marks.listed, true) {
            self.listed.push(key.clone());
        }
    }
}

impl Timers {
    /// Moves the timer of the subject `key`, whose marks these are, to `due_ms`.
    pub(super) fn set(&mut self, key: &SubjectKey, marks: &mut Marks, due_ms: Option<i64>) {
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

impl Partition {
    #[must_use]
    pub fn new(partitions: u32, stream_ms: i64, held: u64) -> Self {
        Partition {
            partitions: partitions.max(1),
            stream_ms,
            agents: HashMap::default(),
            tenants: HashMap::default(),
            held,
            timers: Timers::default(),
            changes: Changes::default(),
        }
    }

    /// Whether the subject is in memory.
    #[must_use]
    pub fn has(&self, key: &SubjectKey) -> bool {
        match key {
            SubjectKey::Tenant(tenant) => self.tenants.contains_key(tenant),
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => self.agents.contains_key(key),
        }
    }

    /// The subjects that `records` need and that are not in memory; what is, is made ready.
    pub fn missing<'r>(&self, records: impl Iterator<Item = &'r Record>) -> Vec<SubjectKey> {
        let mut missing = Vec::new();
        let mut ready: Vec<&AgentState> = Vec::with_capacity(WARMED);
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
            // What its undeclared agents share is in memory where the tenant is.
            if !self.tenants.contains_key(&tenant) {
                let shared = SubjectKey::Overflow(tenant.clone());
                missing.push(SubjectKey::Tenant(tenant));
                missing.extend((!self.has(&shared)).then_some(shared));
            }
        }
        warm(&ready);
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

    /// Actions that wait for their scope, over all agents.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Takes a subject into memory, as it was stored or new. `true` asks for the same again with
    /// the held actions, which [`Stored::held`] lacked.
    ///
    /// # Errors
    /// When the stored bytes are not a state of this version.
    pub fn admit(&mut self, key: SubjectKey, stored: &Stored) -> Result<bool, StateError> {
        let touched = self.changes.tick();
        if let SubjectKey::Tenant(tenant) = &key {
            let mut state = TenantState::default();
            if let Some(bytes) = &stored.live {
                state.live = decode(&key, bytes)?;
            }
            state.marks.timer_stored_ms = state.live.incidents.next_due_ms();
            state.marks.touched = touched;
            self.tenants.insert(tenant.clone(), state);
        } else {
            let mut state = Box::<AgentState>::default();
            state.known = stored.live.is_some() || stored.learned.is_some();
            if let Some(bytes) = &stored.live {
                state.live = decode(&key, bytes)?;
            }
            if let Some(bytes) = &stored.learned {
                state.learned = decode(&key, bytes)?;
            }
            if state.live.held > 0 && stored.held.is_empty() {
                return Ok(true);
            }
            for (_, bytes) in &stored.held {
                let held: Held = decode(&key, bytes)?;
                state.held.insert(held.position.clone(), held);
            }
            state.marks.timer_stored_ms = state.due_ms();
            state.marks.touched = touched;
            self.agents.insert(key.clone(), state);
        }
        self.set_timer(&key);
        Ok(false)
    }

    /// Adds a stored timer, at open.
    pub fn admit_timer(&mut self, due_ms: i64, key: SubjectKey) {
        self.timers.0.insert((due_ms, key));
    }

    /// The subject whose timer is due first at or before `stream_ms`.
    #[must_use]
    pub fn due(&self, stream_ms: i64) -> Option<(i64, SubjectKey)> {
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

    /// Brings the timer of a subject in step with its state.
    pub(super) fn set_timer(&mut self, key: &SubjectKey) {
        match key {
            SubjectKey::Tenant(tenant) => {
                if let Some(state) = self.tenants.get_mut(tenant) {
                    let due_ms = state.live.incidents.next_due_ms();
                    self.timers.set(key, &mut state.marks, due_ms);
                }
            }
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                if let Some(state) = self.agents.get_mut(key) {
                    let due_ms = state.due_ms();
                    self.timers.set(key, &mut state.marks, due_ms);
                }
            }
        }
    }

    /// Lists the subject among those to be written.
    pub(super) fn mark(&mut self, key: &SubjectKey, learned: bool) {
        match key {
            SubjectKey::Tenant(tenant) => {
                if let Some(state) = self.tenants.get_mut(tenant) {
                    self.changes.mark(key, &mut state.marks, learned);
                }
            }
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                if let Some(state) = self.agents.get_mut(key) {
                    self.changes.mark(key, &mut state.marks, learned);
                }
            }
        }
    }

    /// Subjects changed since the last [`Self::take_changes`].
    #[must_use]
    pub fn changed(&self) -> usize {
        self.changes.listed.len()
    }

    /// The stored form of everything that changed, in the order of first change.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::with_capacity(self.changes.listed.len() * 2);
        let scratch = &mut self.changes.scratch;
        for keys in std::mem::take(&mut self.changes.listed).chunks(WARMED) {
            let ready = keys.iter().filter_map(|key| self.agents.get(key));
            warm(&ready.map(Box::as_ref).collect::<Vec<_>>());
            for key in keys {
                match key {
                    SubjectKey::Tenant(tenant) => {
                        if let Some(state) = self.tenants.get_mut(tenant) {
                            changes.push(put(key.live_key(), encode(&state.live, scratch)));
                            state.marks.write_timer(key, &mut changes);
                            state.marks.clean();
                        }
                    }
                    SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                        if let Some(state) = self.agents.get_mut(key) {
                            state.write(key, scratch, &mut changes);
                        }
                    }
                }
            }
        }
        changes
    }

    /// Keeps at most `subjects_max` agents and as many tenants in memory: of the clean ones, those
    /// touched last stay. What a tenant's undeclared agents share stays with their tenant.
    pub fn shrink(&mut self, subjects_max: usize) {
        if let Some(cut) = cut(self.tenants.values().map(|s| &s.marks), subjects_max) {
            self.tenants.retain(|_, state| state.marks.stays(cut));
        }
        if let Some(cut) = cut(self.agents.values().map(|s| &s.marks), subjects_max) {
            let tenants = &self.tenants;
            self.agents.retain(|key, state| match key {
                SubjectKey::Overflow(tenant) if tenants.contains_key(tenant) => true,
                _ => state.marks.stays(cut),
            });
        }
    }
}

/// Subjects touched before this go, so that at most `max` are left; `None` when all may stay.
fn cut<'a>(marks: impl ExactSizeIterator<Item = &'a Marks>, max: usize) -> Option<u64> {
    if marks.len() <= max {
        return None;
    }
    // Down to three quarters, so that the scan is paid once per many admissions.
    let keep = (max - max / 4).max(1);
    let mut touched: Vec<u64> = marks.map(|marks| marks.touched).collect();
    let oldest_kept = touched.len() - keep;
    Some(*touched.select_nth_unstable(oldest_kept).1)
}

impl AgentState {
    /// Reads a word of every part that an action reads. One agent in very many is not in the
    /// processor's cache, and action after action would wait for a dozen such reads in turn; those
    /// of many agents, one after the other, are under way together.
    fn warm(&self) -> u64 {
        let (live, learned) = (&self.live, &self.learned);
        let parts = live.metrics.len() + learned.metrics.len() + live.incidents.open().len();
        live.recent_ids.warm()
            ^ live.usage.prefetch()
            ^ learned.book.prefetch()
            ^ parts as u64
            ^ self.marks.touched
    }

    /// When this agent has something to do: a hold to end, an incident to close.
    pub(super) fn due_ms(&self) -> Option<i64> {
        self.live.due_ms()
    }

    /// Brings what the live value says of the held actions in step with them.
    pub(super) fn note_held(&mut self) {
        self.live.held = u16::try_from(self.held.len()).unwrap_or(u16::MAX);
        self.live.held_due_ms = self.held.values().map(|held| held.due_ms).min();
    }

    fn write(&mut self, key: &SubjectKey, scratch: &mut Vec<u8>, changes: &mut Vec<Change>) {
        changes.push(put(key.live_key(), encode(&self.live, scratch)));
        if self.marks.learned {
            changes.push(put(key.learned_key(), encode(&self.learned, scratch)));
        }
        for position in std::mem::take(&mut self.marks.held) {
            let held = self.held.get(&position);
            changes.push(Change {
                key: key.held_key(&position),
                value: held.map(|held| encode(held, scratch)),
                local: false,
            });
        }
        self.marks.write_timer(key, changes);
        self.marks.clean();
    }
}

impl Marks {
    /// Whether the subject stays in memory when those touched before `cut` go.
    fn stays(&self, cut: u64) -> bool {
        self.listed || self.touched >= cut
    }

    fn write_timer(&mut self, key: &SubjectKey, changes: &mut Vec<Change>) {
        if self.timer_ms == self.timer_stored_ms {
            return;
        }
        if let Some(old_ms) = self.timer_stored_ms {
            changes.push(Change {
                key: timer_key(old_ms, key),
                value: None,
                local: true,
            });
        }
        if let Some(new_ms) = self.timer_ms {
            let value = Some(Vec::new());
            changes.push(Change {
                key: timer_key(new_ms, key),
                value,
                local: true,
            });
        }
        self.timer_stored_ms = self.timer_ms;
    }

    fn clean(&mut self) {
        (self.live, self.learned, self.listed) = (false, false, false);
    }
}

/// Brings what is kept of these agents into the processor's cache.
fn warm(states: &[&AgentState]) {
    let sum = states.iter().fold(0, |sum, state| sum ^ state.warm());
    std::hint::black_box(sum);
}

fn put(key: Vec<u8>, value: Vec<u8>) -> Change {
    Change {
        key,
        value: Some(value),
        local: false,
    }
}

/// Key of a timer in the store: due time in fixed width, so that keys sort by it.
#[must_use]
pub fn timer_key(due_ms: i64, key: &SubjectKey) -> Vec<u8> {
    format!("{TIMER_PREFIX}{:020}/{}", due_ms.max(0), key.prefix()).into_bytes()
}

/// Reads `timer_key` back.
#[must_use]
pub fn parse_timer_key(key: &[u8]) -> Option<(i64, SubjectKey)> {
    let rest = std::str::from_utf8(key).ok()?.strip_prefix(TIMER_PREFIX)?;
    let (due_ms, subject) = rest.split_once('/')?;
    Some((due_ms.parse().ok()?, SubjectKey::parse(subject)?))
}

/// The timer that belongs to a live value, for a store that was rebuilt from the changelog. Other
/// values have none: the live one knows when the first held action is due.
#[must_use]
pub fn timer_of(key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let prefix = std::str::from_utf8(key).ok()?.strip_suffix("#live")?;
    let subject = SubjectKey::parse(prefix)?;
    let due_ms = match &subject {
        SubjectKey::Tenant(_) => decode::<super::subject::TenantLive>(&subject, value)
            .ok()?
            .incidents
            .next_due_ms(),
        SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
            decode::<super::subject::AgentLive>(&subject, value)
                .ok()?
                .due_ms()
        }
    };
    Some(timer_key(due_ms?, &subject))
}
