//! The requests of one agent: what was asked, by which incident, and what became of it.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, Text};

use super::alert::{BlockTarget, RequestState, RevocationBlock};
use super::id::Id;
use super::target::Target;
use super::terms::Mode;

/// Requests an agent may have at once. Beyond it nothing new is asked: the safe side for a stage
/// that takes credentials away.
pub const REQUESTS_MAX: usize = 16;
/// Incidents that one request remembers as joined.
pub const JOINED_MAX: usize = 16;
/// Revoked targets an agent remembers; the oldest is forgotten first.
pub const REVOKED_MAX: usize = 8;
/// Rules held in shadow for an agent after a withdrawal.
pub const HELD_MAX: usize = 16;

/// A request outlives its incident until it is this old, so that an incident that is closed and
/// opened again does not ask anew. Milliseconds of stream time.
pub const REQUEST_KEPT_MS: i64 = 3_600_000;
/// How long a rule stays in shadow for an agent after a withdrawal, milliseconds of stream time.
pub const HELD_MS: i64 = 86_400_000;
/// After a confirmation, actions in this time were still on their way. Milliseconds.
pub const GRACE_CONFIRMED_MS: i64 = 5_000;
/// A request without an answer counts as carried out after this time. Milliseconds.
pub const GRACE_UNCONFIRMED_MS: i64 = 300_000;

/// A target that an incident asked to take back, or would have asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub target: Target,
    pub rule: Text,
    pub incident: Id,
    /// Which plan of the incident holds it, from 1.
    pub number: u32,
    /// [`Mode::Shadow`] or [`Mode::Auto`].
    pub mode: Mode,
    pub state: RequestState,
    /// Stream time of the request, epoch milliseconds.
    pub asked_ms: i64,
    /// Later incidents that wanted the same.
    pub joined: Vec<Id>,
    /// Stream time of the last action done with the target before the revocation took effect.
    pub last_use_ms: Option<i64>,
}

/// A target that the identity system says is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedTarget {
    pub target: Target,
    pub txn: Id,
    /// Since when, epoch milliseconds.
    pub at_ms: i64,
}

/// Whether an action was done with something taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// With nothing of the kind.
    Untouched,
    /// While the revocation was still on its way.
    InGrace { since_ms: i64 },
    /// When it should have been impossible.
    After { since_ms: i64 },
}

/// The requests of one agent. Part of its live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Requests {
    pub(super) entries: Vec<Request>,
    pub(super) revoked: Vec<RevokedTarget>,
    /// Rules in shadow for this agent, with the stream time until which.
    pub(super) held: Vec<(Text, i64)>,
}

/// Where a target stands for an incident that wants it; the order is the order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Nobody asked yet, or what was asked came to nothing.
    Free,
    /// Another incident showed it in shadow.
    TheirShadow,
    /// This incident showed it in shadow, or joined who did; it may still be asked for in earnest.
    Shadowed,
    /// Another incident's open request.
    Theirs,
    /// Asked by this incident, or joined by it.
    Ours,
}

impl Requests {
    /// Where `target` stands for `incident`.
    pub(super) fn standing(&self, target: &Target, incident: Id) -> Standing {
        let about = self
            .entries
            .iter()
            .filter(|entry| entry.target.same(target));
        about
            .map(|entry| {
                let joined = entry.joined.contains(&incident);
                match entry.state {
                    RequestState::Planned if joined || entry.incident == incident => {
                        Standing::Shadowed
                    }
                    RequestState::Planned => Standing::TheirShadow,
                    _ if entry.incident == incident => Standing::Ours,
                    RequestState::Sent | RequestState::Done if joined => Standing::Ours,
                    RequestState::Sent | RequestState::Done => Standing::Theirs,
                    // Refused, failed or withdrawn: another incident may ask anew.
                    _ => Standing::Free,
                }
            })
            .max()
            .unwrap_or(Standing::Free)
    }

    /// Joins another incident's open request or shadow plan for `target`, the request first. False
    /// when it has as many as it remembers.
    pub(super) fn join(&mut self, target: &Target, incident: Id) -> bool {
        let live = |entry: &&mut Request| {
            let open = [
                RequestState::Planned,
                RequestState::Sent,
                RequestState::Done,
            ];
            entry.target.same(target) && open.contains(&entry.state)
        };
        let entry = self
            .entries
            .iter_mut()
            .filter(live)
            .max_by_key(|entry| entry.mode);
        match entry {
            Some(entry) if entry.joined.len() < JOINED_MAX => {
                entry.joined.push(incident);
                true
            }
            _ => false,
        }
    }

    /// Makes room for one more request of `mode` and says whether there is any. What must not be
    /// asked twice stays: a request to be sent displaces a shadow plan, a shadow plan nothing.
    pub(super) fn make_room(&mut self, mode: Mode) -> bool {
        if self.entries.len() < REQUESTS_MAX {
            return true;
        }
        let planned = |entry: &Request| entry.state == RequestState::Planned;
        let spare = self
            .entries
            .iter()
            .position(planned)
            .filter(|_| mode == Mode::Auto);
        spare.map(|index| self.entries.remove(index)).is_some()
    }

    /// Records a request; a shadow plan of the same target by the same incident becomes it.
    pub(super) fn record(&mut self, request: Request) {
        self.entries.retain(|entry| {
            !(entry.state == RequestState::Planned
                && entry.incident == request.incident
                && entry.target.same(&request.target))
        });
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.target.same(&request.target))
        {
            entry.joined.retain(|joined| *joined != request.incident);
        }
        self.entries.push(request);
    }

    /// Whether a withdrawal holds `rule` in shadow for this agent.
    #[must_use]
    pub fn is_held(&self, rule: &str, stream_ms: i64) -> bool {
        self.held
            .iter()
            .any(|(held, until_ms)| held == rule && stream_ms < *until_ms)
    }

    pub(super) fn hold(&mut self, rule: &Text, stream_ms: i64) {
        self.held
            .retain(|(held, until_ms)| held != rule && stream_ms < *until_ms);
        if self.held.len() == HELD_MAX {
            self.held.remove(0);
        }
        self.held
            .push((rule.clone(), stream_ms.saturating_add(HELD_MS)));
    }

    pub(super) fn remember_revoked(&mut self, revoked: RevokedTarget) {
        self.revoked
            .retain(|known| !known.target.same(&revoked.target));
        if self.revoked.len() == REVOKED_MAX {
            self.revoked.remove(0);
        }
        self.revoked.push(revoked);
    }

    /// Whether `action` was done with something revoked, at its own time `at_ms`. A confirmation
    /// counts from when it was given, a request without an answer from when it was sent; a later
    /// credential is a new one.
    #[must_use]
    pub fn effect(&self, action: &AgentAction, at_ms: i64) -> Effect {
        let confirmed = self
            .revoked
            .iter()
            .map(|known| (&known.target, known.at_ms, GRACE_CONFIRMED_MS));
        let sent = self
            .entries
            .iter()
            .filter(|entry| entry.state == RequestState::Sent)
            .map(|entry| (&entry.target, entry.asked_ms, GRACE_UNCONFIRMED_MS));
        let mut effect = Effect::Untouched;
        for (target, from_ms, grace_ms) in confirmed.chain(sent) {
            let since_ms = at_ms.saturating_sub(from_ms);
            if since_ms < 0 || !target.used_by(action, from_ms) {
                continue;
            }
            effect = match effect {
                Effect::After { since_ms: known } if since_ms <= grace_ms || known >= since_ms => {
                    Effect::After { since_ms: known }
                }
                _ if since_ms > grace_ms => Effect::After { since_ms },
                Effect::InGrace { since_ms: known } => Effect::InGrace {
                    since_ms: known.max(since_ms),
                },
                _ => Effect::InGrace { since_ms },
            };
        }
        effect
    }

    /// Notes an action done with a target before its revocation took effect; the distance from the
    /// request is the time to effective revocation.
    pub fn note_use(&mut self, action: &AgentAction, at_ms: i64) {
        for entry in &mut self.entries {
            let open = matches!(entry.state, RequestState::Sent | RequestState::Done);
            if open && at_ms >= entry.asked_ms && entry.target.used_by(action, entry.asked_ms) {
                entry.last_use_ms = entry.last_use_ms.max(Some(at_ms));
            }
        }
    }

    /// What an incident's messages show of its requests; `None` when there is nothing to show.
    pub(super) fn block(
        &self,
        incident: Id,
        mode: Option<Mode>,
        notes: Vec<String>,
    ) -> Option<RevocationBlock> {
        let targets: Vec<BlockTarget> = self
            .entries
            .iter()
            .filter(|entry| entry.incident == incident || entry.joined.contains(&incident))
            .map(|entry| BlockTarget {
                target: entry.target.clone(),
                reason: reason(&entry.rule, &entry.target),
                mode: entry.mode,
                state: entry.state,
                number: entry.number,
                joined: (entry.incident != incident).then(|| Id::txn(entry.incident)),
            })
            .collect();
        if targets.is_empty() && notes.is_empty() {
            return None;
        }
        let strongest = targets.iter().map(|target| target.mode).max();
        let mode = strongest.or(mode).unwrap_or(Mode::Shadow);
        Some(RevocationBlock {
            txn: Id::txn(incident),
            mode,
            targets,
            notes,
        })
    }
}

/// Why a target stands in a plan.
pub(super) fn reason(rule: &str, target: &Target) -> String {
    format!("rule {rule} asks to revoke the {}", target.kind.as_str())
}
