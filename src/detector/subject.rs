//! The state of a subject, and its stored form.
//!
//! An agent's state is two values that change at different speeds: [`AgentLive`] with every
//! action, [`AgentLearned`] when a scope or a folded baseline changes. Deferred actions and blocks
//! of recent event ids are values of their own. A tenant's state is one value, local to the
//! partition. Each value is one format byte, a postcard encoding and a checksum; another format is
//! refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::baseline::{MetricLearned, MetricLive};
use crate::behaviour::{AgentCommands, ClassCommands, ClassTable, LearningLog, OpenTasks, Profile};
use crate::event::{AgentAction, AgentKey, CredentialKey, Input, RecordPosition, Text};
use crate::response::{
    CredentialHolders, CredentialShares, CredentialSigns, CredentialUses, IncidentStore,
    TenantBudgets,
};
use crate::scope::{LimitUsage, ScopeHistory};

use super::delegation::DelegationState;
use super::effects::DetectorCounts;
use super::gateway_numbers::GatewayNumbers;
use super::gateway_watch::GatewayWatch;
use super::links::LinksSent;
use super::metric_slots::MetricSlots;
use super::recent_ids::RecentIds;
use super::stream_pauses::StreamPauses;
use super::tree_reads::TreeReads;

/// Format of every stored value of this version.
pub const FORMAT: u8 = 6;

/// What state is keyed by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKey {
    Agent(AgentKey),
    /// The undeclared agents of a tenant beyond the onboarding cap, together.
    Overflow(Text),
    /// A tenant, as far as this partition knows it.
    Tenant(Text),
    /// A credential, in the partition of its key.
    Credential(CredentialKey),
}

/// The bytes of a subject's values, as they come from the store.
#[derive(Debug, Clone, Default)]
pub struct StoredSubject {
    pub live: Option<Vec<u8>>,
    pub learned: Option<Vec<u8>>,
    /// Its other values by their keys: deferred actions and blocks of event ids, or the profiles
    /// of a tenant. `None` when they were not read.
    pub others: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
}

/// Why stored bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("state of {key} is empty")]
    Empty { key: String },
    #[error("state of {key} has format {found}; this version reads format {FORMAT} only")]
    OtherFormat { key: String, found: u8 },
    #[error("state of {key} is damaged: its checksum does not hold")]
    Damaged { key: String },
    #[error("state of {key} counts deferred actions of which none is stored")]
    DeferredMissing { key: String },
    #[error("state of {key} does not decode: {source}")]
    Corrupt {
        key: String,
        source: postcard::Error,
    },
}

/// The fast half of an agent's state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AgentLive {
    /// Last record applied per input, so that a repeated record changes nothing.
    pub(super) applied: AppliedRecords,
    pub(super) recent_ids: RecentIds,
    /// When the last of its actions is counted, epoch milliseconds; 0 before the first.
    pub(super) acted_last_ms: i64,
    pub(super) usage: LimitUsage,
    pub(super) incidents: IncidentStore,
    pub(super) credentials: CredentialUses,
    pub(super) shares: CredentialShares,
    /// In the order of the learned half, which has their names.
    pub(super) metrics: Vec<MetricLive>,
    /// Counted among the tenant's undeclared agents.
    pub(super) undeclared: bool,
    /// Hashes of the tasks and credentials whose wait for a scope expired: no action waits for
    /// their scope again until some scope of the agent comes.
    pub(super) expired_waits: SmallVec<[u64; 1]>,
    /// How many actions are deferred: whether their values must be loaded.
    pub(super) deferred: u16,
    /// Stream time at which the first of these waits expires.
    pub(super) deferred_due_ms: Option<i64>,
    /// Links that its actions led to.
    pub(super) links_sent: LinksSent,
    /// Stream time at which the silence of one of its metrics is looked at.
    pub(super) silence_due_ms: Option<i64>,
    pub(super) tasks: OpenTasks,
    /// Absent for most agents: nobody in their tree has read what matters.
    pub(super) tree_reads: Option<Box<TreeReads>>,
    /// A person froze it: its baselines and its habits learn nothing, and its tasks teach nobody.
    pub(super) frozen: bool,
    /// The type by its last action, that of its scope before the one that it claims; `None` before
    /// the first action.
    pub(super) agent_type: Option<Text>,
    /// Number of the last command about selected agents that it has carried out.
    pub(super) commands_done: u64,
    /// What is known of a gateway's numbers, where the subject is that of a gateway.
    pub(super) gateway: Option<Box<GatewayWatch>>,
}

/// The slow half of an agent's state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AgentLearned {
    pub(super) book: ScopeHistory,
    pub(super) metrics: Vec<(Text, MetricLearned)>,
    /// Absent for most agents: nobody delegated to them, and they delegated nothing.
    pub(super) delegation: Option<Box<DelegationState>>,
    /// What its clean tasks used; absent before the first.
    pub(super) habits: Option<Box<Profile>>,
}

/// The last record of each input that was applied to a subject: input, offset, index.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AppliedRecords(pub(super) SmallVec<[(u8, i64, u32); 2]>);

/// An action that waits for its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeferredAction {
    pub action: AgentAction,
    pub position: RecordPosition,
    pub append_ms: i64,
    pub at_ms: i64,
    pub counted_ms: i64,
    pub clamped: bool,
    pub id_reused: bool,
    /// How it differed from the earlier uses of its credential when it arrived.
    pub credential: CredentialSigns,
    /// Stream time at which its wait expires.
    pub due_ms: i64,
    /// Stored bytes of the action, about.
    pub bytes: u32,
    /// Whether its agent was undeclared.
    pub undeclared: bool,
}

/// A tenant's state in this partition.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TenantLive {
    pub(super) incidents: IncidentStore,
    pub(super) budgets: TenantBudgets,
    /// Which agents have which credentials, as far as this partition knows: for the members of a
    /// tree that is revoked.
    pub(super) holders: CredentialHolders,
    /// A scope of this tenant has been seen, here or in another partition.
    pub(super) managed: bool,
    /// Undeclared agents with a state of their own.
    pub(super) undeclared: u32,
    /// Stored bytes of the deferred actions of undeclared agents.
    pub(super) deferred_undeclared_bytes: u64,
    /// How many profiles of classes are stored: whether they must be loaded.
    pub(super) profiles: u32,
    /// The last link and the last command that the profiles learned from.
    pub(super) tasks_applied: AppliedRecords,
    /// Which classes learn nothing, by a person's command.
    pub(super) class_commands: ClassCommands,
    /// What selections of agents are to learn or to forget, by a person's command.
    pub(super) agent_commands: AgentCommands,
    /// When all of its agents in this partition paused.
    pub(super) pauses: StreamPauses,
    /// Which numbers of its gateways' records came to this partition.
    pub(super) gateways: GatewayNumbers,
}

/// An agent's state in memory.
#[derive(Debug, Default)]
pub(super) struct AgentState {
    pub live: AgentLive,
    pub learned: AgentLearned,
    pub deferred: BTreeMap<RecordPosition, DeferredAction>,
    pub known: bool,
    /// The bundle that its scopes and metrics were adapted to.
    pub bundle_mark: u64,
    /// Which of the bundle's metrics each of its metrics is.
    pub metric_slots: MetricSlots,
    pub marks: WriteMarks,
}

impl AgentState {
    /// Counts what the bounds of the agent's tree have cut off.
    pub(super) fn count_cuts(&mut self, counts: &mut DetectorCounts) {
        if let Some(tree) = self.learned.delegation.as_deref_mut() {
            counts.add_cuts(&tree.take_cuts());
        }
    }
}

/// A tenant's state in memory.
#[derive(Debug, Default)]
pub(super) struct TenantState {
    pub live: TenantLive,
    pub classes: ClassTable,
    /// The tasks of the learning time of a replay, until they are checked. Never stored.
    pub learning: Option<Box<LearningLog>>,
    pub marks: WriteMarks,
}

/// What of a subject must be written at the next commit, and its timer.
#[derive(Debug, Default)]
pub(super) struct WriteMarks {
    pub live: bool,
    pub learned: bool,
    pub listed: bool,
    /// Positions of actions that were deferred, or are deferred no longer, since the last commit.
    pub deferred: Vec<RecordPosition>,
    /// The due time in the partition's timer index.
    pub timer_ms: Option<i64>,
    /// The due time in the stored index.
    pub timer_stored_ms: Option<i64>,
    pub touched: u64,
}

/// A name without `#`, which ends a name in a key: the keys of an agent `a#deferred/x` would
/// otherwise be among those of the deferred actions of agent `a`.
fn escape_name(name: &str) -> Cow<'_, str> {
    match name.contains(['#', '%']) {
        true => Cow::Owned(name.replace('%', "%25").replace('#', "%23")),
        false => Cow::Borrowed(name),
    }
}

impl SubjectKey {
    /// Prefix of the subject's keys in store and changelog.
    #[must_use]
    pub fn key_prefix(&self) -> String {
        self.key_with("")
    }

    /// The prefix with `suffix` after it.
    fn key_with(&self, suffix: &str) -> String {
        let (tenant, name) = match self {
            SubjectKey::Agent(key) => (escape_name(&key.tenant), escape_name(&key.agent)),
            SubjectKey::Credential(key) => (escape_name(&key.tenant), escape_name(&key.id)),
            SubjectKey::Overflow(tenant) | SubjectKey::Tenant(tenant) => {
                (escape_name(tenant), Cow::Borrowed(""))
            }
        };
        match self {
            SubjectKey::Agent(_) => ["a:", &tenant, "/", &name, suffix].concat(),
            SubjectKey::Credential(_) => ["c:", &tenant, "/", &name, suffix].concat(),
            SubjectKey::Overflow(_) => ["u:", &tenant, suffix].concat(),
            SubjectKey::Tenant(_) => ["t:", &tenant, suffix].concat(),
        }
    }

    /// Reads [`Self::key_prefix`] back.
    #[must_use]
    pub fn parse(prefix: &str) -> Option<Self> {
        let (kind, name) = prefix.split_once(':')?;
        let name = name.replace("%23", "#").replace("%25", "%");
        match kind {
            "a" => AgentKey::parse(&name).map(SubjectKey::Agent),
            "c" => CredentialKey::parse(&name).map(SubjectKey::Credential),
            "u" => Some(SubjectKey::Overflow(name.into())),
            "t" => Some(SubjectKey::Tenant(name.into())),
            _ => None,
        }
    }

    /// Key of the live value.
    #[must_use]
    pub fn live_key(&self) -> Vec<u8> {
        self.key_with("#live").into_bytes()
    }

    /// Key of the learned value.
    #[must_use]
    pub fn learned_key(&self) -> Vec<u8> {
        self.key_with("#learned").into_bytes()
    }

    /// Prefix of the keys of deferred actions.
    #[must_use]
    pub fn deferred_prefix(&self) -> Vec<u8> {
        self.key_with("#deferred/").into_bytes()
    }

    /// Prefix of the keys of the blocks of event ids.
    #[must_use]
    pub fn ids_prefix(&self) -> Vec<u8> {
        self.key_with("#ids/").into_bytes()
    }

    /// Prefix of the keys of a tenant's profiles.
    #[must_use]
    pub fn profiles_prefix(&self) -> Vec<u8> {
        self.key_with("#profile/").into_bytes()
    }

    /// Key of one block of event ids.
    #[must_use]
    pub fn ids_key(&self, number: u32) -> Vec<u8> {
        format!("{}#ids/{number}", self.key_prefix()).into_bytes()
    }

    /// Key of one deferred action.
    #[must_use]
    pub fn deferred_key(&self, position: &RecordPosition) -> Vec<u8> {
        format!("{}#deferred/{position}", self.key_prefix()).into_bytes()
    }

    /// The tenant the subject belongs to.
    #[must_use]
    pub fn tenant(&self) -> &Text {
        match self {
            SubjectKey::Agent(key) => &key.tenant,
            SubjectKey::Credential(key) => &key.tenant,
            SubjectKey::Overflow(tenant) | SubjectKey::Tenant(tenant) => tenant,
        }
    }
}

/// Encodes a value with its format byte and a checksum, by way of `scratch`. Encoding a state type
/// into a growing buffer does not fail; if it did, the value would be refused when it is read.
pub(super) fn encode_value<T: Serialize>(value: &T, scratch: &mut Vec<u8>) -> Vec<u8> {
    scratch.clear();
    scratch.push(FORMAT);
    *scratch = postcard::to_extend(value, std::mem::take(scratch)).unwrap_or_default();
    let sum = checksum(scratch);
    scratch.extend_from_slice(&sum);
    scratch.clone()
}

/// The checksum at the end of every value: a flipped bit may decode to a wrong state, by which
/// every later action would be judged.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

/// Decodes a value of this format.
pub(super) fn decode_value<T: DeserializeOwned>(
    key: &SubjectKey,
    bytes: &[u8],
) -> Result<T, StateError> {
    match bytes.split_first() {
        None => Err(StateError::Empty {
            key: key.key_prefix(),
        }),
        Some((&FORMAT, _)) => match bytes.split_last_chunk::<4>() {
            Some((body, sum)) if checksum(body) == *sum => postcard::from_bytes(&body[1..])
                .map_err(|source| StateError::Corrupt {
                    key: key.key_prefix(),
                    source,
                }),
            _ => Err(StateError::Damaged {
                key: key.key_prefix(),
            }),
        },
        Some((&found, _)) => Err(StateError::OtherFormat {
            key: key.key_prefix(),
            found,
        }),
    }
}

impl TenantLive {
    /// Stream time at which the tenant has something due, as far as its stored value knows.
    pub(super) fn due_ms(&self) -> Option<i64> {
        let incidents_ms = self.incidents.next_due_ms();
        incidents_ms.into_iter().chain(self.gateways.due_ms()).min()
    }

    /// Notes that an agent's scope names these credentials.
    pub(super) fn note_holders(&mut self, agent: &SubjectKey, credentials: &[Text]) {
        if let SubjectKey::Agent(agent) = agent {
            for id in credentials {
                self.holders.note_holder(id, &agent.agent);
            }
        }
    }
}

impl AgentLive {
    /// Stream time at which the agent has something due: a wait that expires, an incident that
    /// closes.
    pub(super) fn due_ms(&self) -> Option<i64> {
        self.deferred_due_ms
            .into_iter()
            .chain(self.incidents.next_due_ms())
            .chain(self.silence_due_ms)
            .chain(self.tasks.check_ms())
            .min()
    }
}

impl AppliedRecords {
    /// Notes a record as applied; `false` when it or a later one of its input was applied before.
    pub(super) fn apply_once(&mut self, input: Input, position: &RecordPosition) -> bool {
        let input = input as u8;
        let next = (position.offset, position.index);
        match self.0.iter_mut().find(|(known, _, _)| *known == input) {
            Some((_, offset, index)) if next <= (*offset, *index) => false,
            Some(entry) => {
                *entry = (input, next.0, next.1);
                true
            }
            None => {
                self.0.push((input, next.0, next.1));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64, index: u32) -> RecordPosition {
        RecordPosition {
            topic: "t".into(),
            partition: 0,
            offset,
            index,
        }
    }

    #[test]
    fn a_record_is_applied_once_and_inputs_do_not_mix() {
        let mut live = AppliedRecords::default();
        assert!(live.apply_once(Input::Actions, &at(5, 0)));
        assert!(live.apply_once(Input::Actions, &at(5, 1)));
        assert!(!live.apply_once(Input::Actions, &at(5, 1)));
        assert!(!live.apply_once(Input::Actions, &at(4, 9)));
        assert!(live.apply_once(Input::Scopes, &at(0, 0)));
    }

    #[test]
    fn keys_read_back_and_another_format_is_refused() {
        for key in [
            SubjectKey::Agent(AgentKey::new("acme", "a/b#live")),
            SubjectKey::Agent(AgentKey::new("acme", "a%23#%")),
            SubjectKey::Credential(CredentialKey::new("acme", "a/b#live%23")),
            SubjectKey::Tenant("acme".into()),
            SubjectKey::Overflow("acme".into()),
        ] {
            assert_eq!(SubjectKey::parse(&key.key_prefix()), Some(key.clone()));
            for other in [FORMAT - 1, FORMAT + 1] {
                let error = decode_value::<TenantLive>(&key, &[other, 0]).unwrap_err();
                assert!(matches!(error, StateError::OtherFormat { found, .. } if found == other));
            }
        }
    }
}
