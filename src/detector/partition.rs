//! The subjects of one partition in memory, their timers and the partition's stream time.
//!
//! A bounded cache: [`Partition::shrink`] drops clean subjects that were not touched for longest.
//! Timers are hints: a due entry whose subject has nothing due any more does nothing. The maps are
//! never iterated where the order could show: [`Partition::shrink`] decides on each agent alone.

use std::collections::{BTreeSet, HashMap};

use crate::event::Text;

use super::subject::{
    AgentState, Held, StateError, Stored, SubjectKey, TenantState, decode, encode,
};

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
    pub(super) agents: HashMap<SubjectKey, Box<AgentState>>,
    pub(super) tenants: HashMap<Text, TenantState>,
    /// Actions held by all agents, in memory or not.
    pub(super) held: u64,
    timers: BTreeSet<(i64, SubjectKey)>,
    changed: Vec<SubjectKey>,
    clock: u64,
}

impl Partition {
    #[must_use]
    pub fn new(partitions: u32, stream_ms: i64, held: u64) -> Self {
        Partition {
            partitions: partitions.max(1),
            stream_ms,
            agents: HashMap::new(),
            tenants: HashMap::new(),
            held,
            timers: BTreeSet::new(),
            changed: Vec::new(),
            clock: 0,
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
        if let SubjectKey::Tenant(tenant) = &key {
            let mut state = TenantState::default();
            if let Some(bytes) = &stored.live {
                state.live = decode(&key, bytes)?;
            }
            state.marks.timer_stored_ms = state.live.incidents.next_due_ms();
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
            self.agents.insert(key.clone(), state);
        }
        self.set_timer(&key);
        Ok(false)
    }

    /// Adds a stored timer, at open.
    pub fn admit_timer(&mut self, due_ms: i64, key: SubjectKey) {
        self.timers.insert((due_ms, key));
    }

    /// The subject whose timer is due first at or before `stream_ms`.
    #[must_use]
    pub fn due(&self, stream_ms: i64) -> Option<(i64, SubjectKey)> {
        self.timers
            .first()
            .filter(|(due_ms, _)| *due_ms <= stream_ms)
            .cloned()
    }

    pub(super) fn drop_timer(&mut self, due_ms: i64, key: &SubjectKey) {
        self.timers.remove(&(due_ms, key.clone()));
        if let Some(marks) = self.marks_mut(key) {
            marks.timer_ms = None;
        }
    }

    /// Brings the timer of a subject in step with its state.
    pub(super) fn set_timer(&mut self, key: &SubjectKey) {
        let due_ms = match key {
            SubjectKey::Tenant(tenant) => self
                .tenants
                .get(tenant)
                .and_then(|state| state.live.incidents.next_due_ms()),
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                self.agents.get(key).and_then(|state| state.due_ms())
            }
        };
        let Some(marks) = self.marks_mut(key) else {
            return;
        };
        let before_ms = std::mem::replace(&mut marks.timer_ms, due_ms);
        if before_ms == due_ms {
            return;
        }
        if let Some(before_ms) = before_ms {
            self.timers.remove(&(before_ms, key.clone()));
        }
        if let Some(due_ms) = due_ms {
            self.timers.insert((due_ms, key.clone()));
        }
    }

    /// Lists the subject among those to be written.
    pub(super) fn mark(&mut self, key: &SubjectKey, learned: bool) {
        self.clock += 1;
        let clock = self.clock;
        let Some(marks) = self.marks_mut(key) else {
            return;
        };
        marks.live = true;
        marks.learned |= learned;
        marks.touched = clock;
        if !std::mem::replace(&mut marks.listed, true) {
            self.changed.push(key.clone());
        }
    }

    fn marks_mut(&mut self, key: &SubjectKey) -> Option<&mut super::subject::Marks> {
        match key {
            SubjectKey::Tenant(tenant) => self.tenants.get_mut(tenant).map(|s| &mut s.marks),
            SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                self.agents.get_mut(key).map(|s| &mut s.marks)
            }
        }
    }

    /// Subjects changed since the last [`Self::take_changes`].
    #[must_use]
    pub fn changed(&self) -> usize {
        self.changed.len()
    }

    /// The stored form of everything that changed, in the order of first change.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::with_capacity(self.changed.len() * 2);
        for key in std::mem::take(&mut self.changed) {
            match &key {
                SubjectKey::Tenant(tenant) => {
                    if let Some(state) = self.tenants.get_mut(tenant) {
                        changes.push(put(key.live_key(), encode(&state.live)));
                        state.marks.write_timer(&key, &mut changes);
                        state.marks.clean();
                    }
                }
                SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
                    if let Some(state) = self.agents.get_mut(&key) {
                        state.write(&key, &mut changes);
                    }
                }
            }
        }
        changes
    }

    /// Keeps at most `agents_max` agents in memory: of the clean ones, those touched last stay.
    pub fn shrink(&mut self, agents_max: usize) {
        if self.agents.len() <= agents_max {
            return;
        }
        // Down to three quarters, so that the scan is paid once per many admissions.
        let keep = agents_max - agents_max / 4;
        let mut touched: Vec<u64> = self.agents.values().map(|s| s.marks.touched).collect();
        let cut = touched.len() - keep.max(1);
        let (_, threshold, _) = touched.select_nth_unstable(cut);
        let threshold = *threshold;
        self.agents
            .retain(|_, state| state.marks.listed || state.marks.touched >= threshold);
    }
}

impl AgentState {
    /// When this agent has something to do: a hold to end, an incident to close.
    pub(super) fn due_ms(&self) -> Option<i64> {
        self.live.due_ms()
    }

    /// Brings what the live value says of the held actions in step with them.
    pub(super) fn note_held(&mut self) {
        self.live.held = u16::try_from(self.held.len()).unwrap_or(u16::MAX);
        self.live.held_due_ms = self.held.values().map(|held| held.due_ms).min();
    }

    fn write(&mut self, key: &SubjectKey, changes: &mut Vec<Change>) {
        changes.push(put(key.live_key(), encode(&self.live)));
        if self.marks.learned {
            changes.push(put(key.learned_key(), encode(&self.learned)));
        }
        for (position, keep) in std::mem::take(&mut self.marks.held) {
            let value = match self.held.get(&position) {
                Some(held) if keep => Some(encode(held)),
                _ => None,
            };
            changes.push(Change {
                key: key.held_key(&position),
                value,
                local: false,
            });
        }
        self.marks.write_timer(key, changes);
        self.marks.clean();
    }
}

impl super::subject::Marks {
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
