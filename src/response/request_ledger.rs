//! The revocation requests of one agent: which incident asked for which target, and what the
//! identity system replied.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, ConfirmedTarget, Text};

use super::alert::RevocationBlock;
use super::block_target::BlockTarget;
use super::id::DerivedId;
use super::open_cascade::Cascade;
use super::progress::RevocationProgress;
use super::request_state::RequestState;
use super::rule_view::RevocationMode;
use super::target::{RevocationTarget, TargetKind};
use super::target_request::{RevokedTarget, TargetRequest, UNANSWERED_MS};
use super::watched_target::WatchedTarget;

/// Requests an agent may have at once. Those that are only shown make room for others, sent ones
/// never do. When sent and waiting ones fill it, the agent as a whole waits for approval, in one
/// place more.
pub const REQUESTS_MAX: usize = 64;
/// Requests about the members of its tree that an agent may have at once, besides its own.
pub const MEMBER_REQUESTS_MAX: usize = 256;
/// Incidents that one request remembers as joined.
pub const JOINED_MAX: usize = 16;
/// Revoked targets an agent remembers; the oldest is forgotten first.
pub const REVOKED_MAX: usize = 64;
/// Rules that may be muted for an agent; the one muted first is forgotten first.
pub const MUTED_MAX: usize = 16;

/// How long a withdrawal mutes a rule for an agent: its requests stay in shadow. Milliseconds of
/// stream time.
pub const MUTED_MS: i64 = 86_400_000;
/// Actions within this time after a confirmation were still on their way. Milliseconds.
pub const GRACE_CONFIRMED_MS: i64 = 5_000;
/// A request without a confirmation counts as carried out after this time. Milliseconds.
pub const GRACE_UNCONFIRMED_MS: i64 = UNANSWERED_MS;

/// Whether an action used a revoked target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationEffect {
    /// None of its targets is revoked.
    Untouched,
    /// Its target is revoked, and the revocation may still be on its way.
    InGrace { since_ms: i64 },
    /// Its target is revoked, and the action should have been impossible.
    After { since_ms: i64 },
}

/// The requests of one agent. Part of its live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestLedger {
    pub(super) entries: Vec<TargetRequest>,
    pub(super) revoked: Vec<RevokedTarget>,
    /// Rules that a withdrawal muted for this agent, and the stream time at which that ends.
    pub(super) muted: Vec<(Text, i64)>,
    /// The trees that are being revoked.
    pub(super) cascades: Vec<Cascade>,
    /// The agent's own targets in the plans of agents above it.
    pub(super) watched: Vec<WatchedTarget>,
}

/// What the ledger has of a target, seen from an incident that asks to revoke it. Where several
/// variants apply, the last in this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RequestStatus {
    /// No incident asked yet, or what was asked failed, lapsed or was withdrawn.
    Free,
    /// Another incident planned it in shadow.
    TheirShadow,
    /// This incident planned it in shadow, or joined such a plan; a request may still be sent.
    OurShadow,
    /// Another incident's plan for it waits for a decision.
    TheirWaiting,
    /// This incident's plan for it waits for a decision, or this incident joined one that does.
    OurWaiting,
    /// A person denied it.
    Denied,
    /// The identity system refused it, which is final.
    Refused,
    /// Another incident has an open request for it.
    Theirs,
    /// This incident asked for it, or joined an open request.
    Ours,
}

impl RequestLedger {
    /// Reads one word of every part that an action reads, to bring it into the processor's cache.
    pub(crate) fn prefetch(&self) -> u64 {
        (self.entries.len() + self.revoked.len() + self.watched.len()) as u64
    }

    /// What was asked about `target` so far, seen from `incident`.
    pub(super) fn status_of(
        &self,
        target: &RevocationTarget,
        incident: DerivedId,
    ) -> RequestStatus {
        let about = self
            .entries
            .iter()
            .filter(|entry| entry.target.is_same(target));
        about
            .map(|entry| {
                let own = entry.incident == incident;
                let ours = own || entry.joined.contains(&incident);
                match entry.state {
                    RequestState::Planned if ours => RequestStatus::OurShadow,
                    RequestState::Planned => RequestStatus::TheirShadow,
                    RequestState::Waiting if ours => RequestStatus::OurWaiting,
                    RequestState::Waiting => RequestStatus::TheirWaiting,
                    RequestState::Denied => RequestStatus::Denied,
                    RequestState::Refused => RequestStatus::Refused,
                    RequestState::Sent | RequestState::Done if ours => RequestStatus::Ours,
                    RequestState::Sent | RequestState::Done => RequestStatus::Theirs,
                    RequestState::NotFound | RequestState::Withdrawn if own => RequestStatus::Ours,
                    RequestState::NotFound
                    | RequestState::Withdrawn
                    | RequestState::Partial
                    | RequestState::Failed
                    | RequestState::Lapsed => RequestStatus::Free,
                }
            })
            .max()
            .unwrap_or(RequestStatus::Free)
    }

    /// The number of the next request about `target`: one more than that of the last that failed.
    pub(super) fn next_attempt(&self, target: &RevocationTarget) -> u32 {
        let about = self
            .entries
            .iter()
            .filter(|entry| entry.target.is_same(target));
        let numbers = about.map(|entry| match entry.state {
            RequestState::Failed | RequestState::Partial => entry.attempt.saturating_add(1),
            // It was not sent yet, but may follow one that failed.
            RequestState::Planned | RequestState::Waiting | RequestState::Lapsed => entry.attempt,
            _ => 1,
        });
        numbers.max().unwrap_or(1)
    }

    /// Joins `incident` to another incident's open request or plan for `target`; a request goes
    /// before a plan. `false` when [`JOINED_MAX`] incidents have joined it.
    pub(super) fn join_request(&mut self, target: &RevocationTarget, incident: DerivedId) -> bool {
        let live = |entry: &&mut TargetRequest| {
            let open = [
                RequestState::Planned,
                RequestState::Waiting,
                RequestState::Sent,
                RequestState::Done,
            ];
            entry.target.is_same(target) && open.contains(&entry.state)
        };
        let entry = self
            .entries
            .iter_mut()
            .filter(live)
            .max_by_key(|entry| (entry.sent, entry.mode));
        match entry {
            Some(entry) if entry.joined.len() < JOINED_MAX => {
                entry.joined.push(incident);
                true
            }
            _ => false,
        }
    }

    /// Whether one more request of `mode` may be kept; `of_member`: about a member of the agent's
    /// tree, for which there is room of its own. In a full ledger one that is only shown
    /// makes room for it, else one that is over and whose incident is not among `open`. A shadow
    /// plan takes nobody's room. Sent requests never make room, or they would be asked a second
    /// time and their targets watched no more.
    pub(super) fn make_room(
        &mut self,
        mode: RevocationMode,
        open: &[DerivedId],
        of_member: bool,
    ) -> bool {
        let alike = |entry: &TargetRequest| entry.is_of_member() == of_member;
        let capacity = if of_member {
            MEMBER_REQUESTS_MAX
        } else {
            REQUESTS_MAX
        };
        while self.entries.iter().filter(|entry| alike(entry)).count() >= capacity {
            if mode <= RevocationMode::Shadow {
                return false;
            }
            let planned =
                |entry: &TargetRequest| alike(entry) && entry.state == RequestState::Planned;
            let spare = |entry: &TargetRequest| {
                alike(entry) && entry.is_spare(open.contains(&entry.incident))
            };
            let entries = &self.entries;
            let index = entries.iter().position(planned);
            match index.or_else(|| entries.iter().position(spare)) {
                Some(index) => drop(self.entries.remove(index)),
                None => return false,
            }
        }
        true
    }

    /// Adds a request. It replaces what the same incident had of the same target and did not come
    /// to an end: a plan, or a request that failed.
    /// Where it is sent, other incidents' plans that wait for a decision about the target join it.
    pub(super) fn add_request(&mut self, mut request: TargetRequest) {
        self.entries.retain(|entry| {
            let replaced = matches!(
                entry.state,
                RequestState::Planned
                    | RequestState::Waiting
                    | RequestState::Lapsed
                    | RequestState::Failed
                    | RequestState::Partial
            );
            !(replaced
                && entry.incident == request.incident
                && entry.target.is_same(&request.target))
        });
        if request.sent {
            let waits = |entry: &TargetRequest| {
                entry.state == RequestState::Waiting && entry.target.is_same(&request.target)
            };
            let waiting: Vec<TargetRequest> =
                self.entries.extract_if(.., |entry| waits(entry)).collect();
            let incidents = waiting
                .iter()
                .flat_map(|entry| std::iter::once(&entry.incident).chain(&entry.joined));
            request.joined.extend(incidents);
            request.joined.retain(|joined| *joined != request.incident);
            request.joined.truncate(JOINED_MAX);
        }
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.target.is_same(&request.target))
        {
            entry.joined.retain(|joined| *joined != request.incident);
        }
        self.entries.push(request);
    }

    /// Whether a withdrawal muted `rule` for this agent.
    #[must_use]
    pub fn is_muted(&self, rule: &str, stream_ms: i64) -> bool {
        self.muted
            .iter()
            .any(|(muted, until_ms)| muted == rule && stream_ms < *until_ms)
    }

    /// When the oldest request was sent that has waited for an answer for longer than
    /// [`UNANSWERED_MS`], epoch milliseconds.
    pub(super) fn unanswered_since(&self, stream_ms: i64) -> Option<i64> {
        let sent = self
            .entries
            .iter()
            .filter(|entry| entry.state == RequestState::Sent);
        let asked = sent.map(|entry| entry.asked_ms);
        asked
            .filter(|asked_ms| stream_ms.saturating_sub(*asked_ms) >= UNANSWERED_MS)
            .min()
    }

    /// Mutes `rule` for this agent for [`MUTED_MS`].
    pub(super) fn mute_rule(&mut self, rule: &Text, stream_ms: i64) {
        self.muted
            .retain(|(muted, until_ms)| muted != rule && stream_ms < *until_ms);
        if self.muted.len() == MUTED_MAX {
            self.muted.remove(0);
        }
        self.muted
            .push((rule.clone(), stream_ms.saturating_add(MUTED_MS)));
    }

    /// Remembers a revoked target; the oldest beyond [`REVOKED_MAX`] is forgotten. `of_member`: one
    /// of another agent of the tree, which pushes out nothing.
    pub(super) fn remember_revoked(&mut self, revoked: RevokedTarget, of_member: bool) {
        self.revoked
            .retain(|known| !known.target.is_same(&revoked.target));
        if self.revoked.len() == REVOKED_MAX {
            if of_member {
                return;
            }
            self.revoked.remove(0);
        }
        self.revoked.push(revoked);
    }

    /// Whether `action`, at its own time `at_ms`, used a revoked target. A confirmed revocation
    /// counts from its confirmation, a request without an answer from when it was sent; a
    /// credential issued later is a new one.
    #[must_use]
    pub fn effect_on(&self, action: &AgentAction, at_ms: i64) -> RevocationEffect {
        let mut effect = RevocationEffect::Untouched;
        for (target, from_ms, confirmed) in self.watched_targets() {
            let grace_ms = grace_ms(confirmed);
            let since_ms = at_ms.saturating_sub(from_ms);
            if since_ms < 0 || !target.used_by(action, from_ms) {
                continue;
            }
            effect = match effect {
                RevocationEffect::After { since_ms: known }
                    if since_ms <= grace_ms || known >= since_ms =>
                {
                    RevocationEffect::After { since_ms: known }
                }
                _ if since_ms > grace_ms => RevocationEffect::After { since_ms },
                RevocationEffect::InGrace { since_ms: known } => RevocationEffect::InGrace {
                    since_ms: known.max(since_ms),
                },
                _ => RevocationEffect::InGrace { since_ms },
            };
        }
        effect
    }

    /// The largest target that was revoked and that `action` used after the revocation should have
    /// taken effect.
    #[must_use]
    pub fn taken_away(&self, action: &AgentAction, at_ms: i64) -> Option<TargetKind> {
        let late = self
            .watched_targets()
            .filter(|(target, from_ms, confirmed)| {
                at_ms.saturating_sub(*from_ms) > grace_ms(*confirmed)
                    && target.used_by(action, *from_ms)
            });
        late.map(|(target, ..)| target.kind).max()
    }

    /// The targets whose use is watched: when each was taken away, and whether that is confirmed.
    pub(super) fn watched_targets(&self) -> impl Iterator<Item = (&RevocationTarget, i64, bool)> {
        let confirmed = self
            .confirmed_targets()
            .map(|(target, at_ms)| (target, at_ms, true));
        let sent = self
            .entries
            .iter()
            .filter(|entry| entry.state == RequestState::Sent)
            .map(|entry| (&entry.target, entry.asked_ms, false));
        let watched = self.watched.iter().filter(|one| one.confirmed_ms.is_none());
        let watched = watched.map(|one| (&one.target, one.asked_ms, false));
        confirmed.chain(sent).chain(watched)
    }

    /// The targets that the identity system says are revoked, and since when.
    pub(super) fn confirmed_targets(&self) -> impl Iterator<Item = (&RevocationTarget, i64)> {
        let own = self
            .revoked
            .iter()
            .map(|known| (&known.target, known.at_ms));
        let watched = self.watched.iter();
        own.chain(watched.filter_map(|one| Some((&one.target, one.confirmed_ms?))))
    }

    /// Notes that an action used a target before its revocation took effect: the time from the
    /// request to the last such action is the time to effective revocation. Returns whether it did.
    pub fn note_target_use(&mut self, action: &AgentAction, at_ms: i64) -> bool {
        let mut counted = false;
        for entry in &mut self.entries {
            let open = matches!(entry.state, RequestState::Sent | RequestState::Done);
            if open && at_ms >= entry.asked_ms && entry.target.used_by(action, entry.asked_ms) {
                entry.uses.count_own(at_ms);
                counted = true;
            }
        }
        for watched in &mut self.watched {
            counted |= watched.note_use(action, at_ms);
        }
        counted
    }

    /// The longest time to effective revocation among the confirmed targets of a transaction that
    /// `target` names, or among all of them; milliseconds.
    #[must_use]
    pub fn effective_ms_of(&self, txn: &str, target: Option<&ConfirmedTarget>) -> Option<i64> {
        let txn = DerivedId::parse(txn)?;
        let meant = |entry: &&TargetRequest| {
            DerivedId::txn(entry.incident) == txn
                && target.is_none_or(|named| entry.target.is_named(named))
        };
        let entries = self.entries.iter().filter(meant);
        entries.filter_map(TargetRequest::effective_ms).max()
    }

    /// Why an entry was planned, in one sentence: of the members of a tree only the first keeps it.
    pub(super) fn reason_of<'l>(&'l self, entry: &'l TargetRequest) -> &'l Text {
        let of_plan = |other: &&TargetRequest| {
            other.incident == entry.incident
                && other.number == entry.number
                && !other.cause.reason.is_empty()
        };
        let first = self.entries.iter().find(of_plan);
        &first.unwrap_or(entry).cause.reason
    }

    /// How far the requests of an incident have come.
    pub(super) fn progress_of(&self, incident: DerivedId) -> RevocationProgress {
        let about = self.entries.iter().filter(|entry| entry.is_about(incident));
        let targets: Vec<BlockTarget> = about.map(BlockTarget::of_request).collect();
        RevocationProgress::of_targets(&targets)
    }

    /// The targets of one plan of an incident that are in `state`.
    pub(super) fn block_targets(
        &self,
        incident: DerivedId,
        number: u32,
        state: RequestState,
    ) -> Vec<BlockTarget> {
        let of_plan = |entry: &&TargetRequest| {
            entry.incident == incident && entry.number == number && entry.state == state
        };
        self.entries
            .iter()
            .filter(of_plan)
            .map(BlockTarget::of_request)
            .collect()
    }

    /// What an incident's alert shows of its requests; `None` when there is nothing to show.
    /// `mode` is shown if there is no target.
    pub(super) fn block_of(
        &self,
        incident: DerivedId,
        mode: Option<RevocationMode>,
        notes: Vec<String>,
    ) -> Option<RevocationBlock> {
        let targets: Vec<BlockTarget> = self
            .entries
            .iter()
            .filter(|entry| entry.is_about(incident))
            .map(|entry| BlockTarget {
                joined: (entry.incident != incident).then(|| DerivedId::txn(entry.incident)),
                ..BlockTarget::of_request(entry)
            })
            .collect();
        if targets.is_empty() && notes.is_empty() {
            return None;
        }
        let strongest = targets.iter().map(|target| target.mode).max();
        let mode = strongest.or(mode).unwrap_or(RevocationMode::Shadow);
        Some(RevocationBlock {
            txn: DerivedId::txn(incident),
            mode,
            progress: RevocationProgress::of_targets(&targets),
            targets,
            notes,
        })
    }
}

/// How long actions with a target may be on their way after it was taken away.
fn grace_ms(confirmed: bool) -> i64 {
    match confirmed {
        true => GRACE_CONFIRMED_MS,
        false => GRACE_UNCONFIRMED_MS,
    }
}
