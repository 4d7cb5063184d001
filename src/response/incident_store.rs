//! The incidents and revocation requests of one subject, as they are stored.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, AgentKey, TargetNotice, Text, UsesNotice};

use super::alert::RevocationBlock;
use super::case::OpenCase;
use super::id::DerivedId;
use super::incident::{EVIDENCE_MAX, EVIDENCE_MIN, EVIDENCE_SUBJECT_MAX, EvidenceKeep, Incident};
use super::request_ledger::{GRACE_CONFIRMED_MS, RequestLedger, RevocationEffect};
use super::rule_view::{IncidentFold, RuleView};
use super::target_request::RevokedTarget;
use super::watched_target::WatchedTarget;

/// Open incidents a subject may have.
pub const OPEN_MAX: usize = 32;
/// The incidents and requests of one subject: of an agent, or of a tenant for incidents that span
/// agents. Part of the subject's live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IncidentStore {
    open: Vec<Incident>,
    /// The case that the agent's incidents join.
    pub(super) case: Option<OpenCase>,
    pub(super) requests: RequestLedger,
}

/// An incident that was taken out of its store, for its last alert.
#[derive(Debug)]
pub(super) struct ClosedIncident {
    pub(super) incident: Incident,
    /// Its requests as they stood when it was closed: the store may change before the alert is
    /// written.
    pub(super) revocation: Option<RevocationBlock>,
}

impl IncidentStore {
    /// The open incidents, oldest first.
    #[must_use]
    pub fn open(&self) -> &[Incident] {
        &self.open
    }

    /// The agent's requests.
    #[must_use]
    pub fn requests(&self) -> &RequestLedger {
        &self.requests
    }

    /// The targets of this agent that the identity system says are revoked.
    #[must_use]
    pub fn revoked(&self) -> &[RevokedTarget] {
        &self.requests.revoked
    }

    /// Nothing to remember: the value may be dropped. A case without an open incident is not worth
    /// it: its name follows from the day.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.requests == RequestLedger::default()
    }

    /// Milliseconds from a revocation to `action`, where the action used the revoked target after
    /// the revocation should have taken effect; else `None`. The fact `lifecycle.after_revocation`.
    #[must_use]
    pub fn after_revocation(&self, action: &AgentAction, at_ms: i64) -> Option<i64> {
        match self.requests.effect_on(action, at_ms) {
            RevocationEffect::After { since_ms } => Some(since_ms),
            RevocationEffect::Untouched | RevocationEffect::InGrace { .. } => None,
        }
    }

    /// Whether the identity system confirmed a revocation that the action came after; else it was
    /// only requested. The fact `lifecycle.revocation`.
    #[must_use]
    pub fn revocation_confirmed(&self, action: &AgentAction, at_ms: i64) -> bool {
        let mut confirmed = self.requests.confirmed_targets();
        confirmed.any(|(target, confirmed_ms)| {
            let since_ms = at_ms.saturating_sub(confirmed_ms);
            since_ms > GRACE_CONFIRMED_MS && target.used_by(action, confirmed_ms)
        })
    }

    /// Notes that an action used a target that is being revoked, for the time to effective
    /// revocation. To be called once per action. Returns whether it did: then
    /// [`Self::next_due_ms`] may be another one.
    pub fn note_target_use(&mut self, action: &AgentAction, at_ms: i64) -> bool {
        self.requests.note_target_use(action, at_ms)
    }

    /// Notes what an agent above lets this agent know of a request about it. `false` when an older
    /// one was forgotten to make room for it.
    pub fn note_requested(&mut self, agent: &AgentKey, notice: &TargetNotice) -> bool {
        self.requests.note_requested(agent, notice)
    }

    /// Notes how often a member of this agent's tree acted after its revocation was requested.
    pub fn note_member_uses(&mut self, notice: &UsesNotice) {
        self.requests.note_member_uses(notice);
    }

    /// What the members of this agent's tree have to know of its requests, with their names.
    pub fn take_target_notices(&mut self, agent: &Text) -> Vec<(Text, TargetNotice)> {
        self.requests.take_target_notices(agent)
    }

    /// What the agents above have to know of this agent's actions by now, with their names.
    pub fn take_uses_notices(&mut self, agent: &Text, stream_ms: i64) -> Vec<(Text, UsesNotice)> {
        self.requests.take_uses_notices(agent, stream_ms)
    }

    /// Stream time at which [`super::close_due_incidents`] has something to do next.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<i64> {
        let incidents = self.open.iter().map(|incident| incident.due_ms);
        let requests = self.requests.entries.iter().filter_map(|request| {
            let incident_open = self.get(request.incident).is_some();
            request.next_due_ms(incident_open)
        });
        let watched = self.requests.watched.iter().map(WatchedTarget::due_ms);
        incidents.chain(requests).chain(watched).min()
    }

    /// An open incident.
    #[must_use]
    pub fn get(&self, id: DerivedId) -> Option<&Incident> {
        self.open.iter().find(|incident| incident.id == id)
    }

    pub(super) fn get_mut(&mut self, id: DerivedId) -> Option<&mut Incident> {
        self.open.iter_mut().find(|incident| incident.id == id)
    }

    /// Takes an incident out, with its requests as they stand.
    pub(super) fn close_incident(&mut self, id: DerivedId) -> Option<ClosedIncident> {
        let index = self.open.iter().position(|incident| incident.id == id)?;
        Some(ClosedIncident {
            incident: self.open.remove(index),
            revocation: self.requests.block_of(id, None, Vec::new()),
        })
    }

    /// Takes out the incident that is due first at or before `stream_ms`.
    pub(super) fn close_first_due(&mut self, stream_ms: i64) -> Option<ClosedIncident> {
        let due = self
            .open
            .iter()
            .filter(|incident| incident.due_ms <= stream_ms);
        let (_, id) = due.map(|incident| (incident.due_ms, incident.id)).min()?;
        self.close_incident(id)
    }

    /// Forgets requests that matter no longer and whose incident is closed, and rules that are
    /// muted no longer.
    pub(super) fn forget_requests(&mut self, stream_ms: i64) {
        let open: Vec<DerivedId> = self.open.iter().map(|incident| incident.id).collect();
        self.requests.entries.retain(|request| {
            let incident_open = open.contains(&request.incident);
            !request.is_forgotten(incident_open, stream_ms)
        });
        self.requests.forget_cascades(stream_ms);
        self.requests.forget_watched(stream_ms);
        self.requests
            .muted
            .retain(|(_, until_ms)| *until_ms > stream_ms);
    }

    /// The open incident of a rule and group.
    pub(super) fn find_open(
        &self,
        rule: &str,
        fold: IncidentFold,
        group: Option<&Text>,
    ) -> Option<DerivedId> {
        let found = self.open.iter().find(|incident| {
            incident.rule == rule && incident.fold == fold && incident.group.as_ref() == group
        });
        found.map(|incident| incident.id)
    }

    /// Adds an incident about the identity system. One of each kind may be open beside the others.
    pub(super) fn add_own_incident(&mut self, incident: Incident) {
        self.open.push(incident);
    }

    /// How many open incidents of a rule are about a group.
    pub(super) fn count_groups(&self, rule: &str, fold: IncidentFold) -> usize {
        let of_rule = |incident: &&Incident| {
            incident.fold == fold && incident.rule == rule && incident.group.is_some()
        };
        self.open.iter().filter(of_rule).count()
    }

    /// Where [`OPEN_MAX`] incidents are open, the one that counts the findings of a rule that has
    /// none: the gravest of the rule's fold and family, else of the fold, else of all; of equals
    /// the oldest. Nothing is closed to make room: each closed incident would be opened again by
    /// its next finding, and every finding would be two alerts.
    pub(super) fn shared_when_full(&self, rule: &RuleView<'_>) -> Option<DerivedId> {
        if self.open.len() < OPEN_MAX {
            return None;
        }
        let nearness = |incident: &&Incident| {
            let same_fold = incident.fold == rule.fold;
            (
                same_fold,
                same_fold && incident.family == rule.family,
                incident.severity,
            )
        };
        // The last of equals is taken, so the oldest comes last.
        let nearest = self.open.iter().rev().max_by_key(nearness);
        nearest.map(|incident| incident.id)
    }

    /// Adds an incident; each may now keep `evidence_limit` event ids.
    pub(super) fn add_incident(&mut self, incident: Incident, keep: EvidenceKeep) {
        self.open.push(incident);
        let limit = self.evidence_limit(keep);
        for incident in &mut self.open {
            incident.evidence.shrink(limit);
        }
    }

    /// Event ids that each open incident may keep.
    pub(super) fn evidence_limit(&self, keep: EvidenceKeep) -> usize {
        match keep {
            EvidenceKeep::Every => EVIDENCE_MAX,
            EvidenceKeep::Bounded => {
                (EVIDENCE_SUBJECT_MAX / self.open.len().max(1)).clamp(EVIDENCE_MIN, EVIDENCE_MAX)
            }
        }
    }
}
