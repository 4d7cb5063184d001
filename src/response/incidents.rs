//! The open incidents of one subject: found, opened, crowded out, closed.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, Text};

use super::id::Id;
use super::incident::{
    EVIDENCE_MAX, EVIDENCE_MIN, EVIDENCE_SUBJECT_MAX, Incident, MANY, day, group_of,
};
use super::request::{Effect, REQUEST_KEPT_MS, Requests, RevokedTarget};
use super::respond::{ActionContext, Finding};
use super::terms::Fold;

/// Open incidents a subject may have.
pub const OPEN_MAX: usize = 32;
/// Tasks of one agent of which a rule has incidents apart; further tasks share one.
pub const TASKS_MAX: usize = 8;
/// Classes, or tools, that one rule summarises apart in a day; further ones share one summary.
pub const CLASSES_MAX: usize = 12;

/// The incidents and requests of one subject: an agent, or a tenant for what folds wider. Part of
/// its live state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Incidents {
    open: Vec<Incident>,
    pub(super) requests: Requests,
}

/// What counting a finding led to.
pub(super) struct Counted {
    pub(super) incident: Id,
    /// A message is due.
    pub(super) tell: bool,
    /// The incident that had to make room.
    pub(super) crowded_out: Option<Incident>,
}

impl Incidents {
    /// The open incidents, oldest first.
    #[must_use]
    pub fn open(&self) -> &[Incident] {
        &self.open
    }

    /// The agent's requests.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// What the identity system has taken back from this agent.
    #[must_use]
    pub fn revoked(&self) -> &[RevokedTarget] {
        &self.requests.revoked
    }

    /// Nothing to remember: the value may be dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Incidents::default()
    }

    /// How long after a revocation should have taken effect `action` was done with its target;
    /// `None` within the grace or without one. The fact `lifecycle.after_revocation`.
    #[must_use]
    pub fn after_revocation(&self, action: &AgentAction, at_ms: i64) -> Option<i64> {
        match self.requests.effect(action, at_ms) {
            Effect::After { since_ms } => Some(since_ms),
            Effect::Untouched | Effect::InGrace { .. } => None,
        }
    }

    /// Notes an action for the time to effective revocation; call once per action.
    pub fn note_use(&mut self, action: &AgentAction, at_ms: i64) {
        self.requests.note_use(action, at_ms);
    }

    /// When [`super::close_due`] has something to do next, stream time.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<i64> {
        let incidents = self.open.iter().map(|incident| incident.due_ms);
        let requests = self.requests.entries.iter().filter_map(|request| {
            let waits = self.get(request.incident).is_some();
            (!waits).then(|| request.asked_ms.saturating_add(REQUEST_KEPT_MS))
        });
        incidents.chain(requests).min()
    }

    /// An open incident.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&Incident> {
        self.open.iter().find(|incident| incident.id == id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Incident> {
        self.open.iter_mut().find(|incident| incident.id == id)
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<Incident> {
        let index = self.open.iter().position(|incident| incident.id == id)?;
        Some(self.open.remove(index))
    }

    /// The incident due first at or before `stream_ms`, taken out.
    pub(super) fn take_due(&mut self, stream_ms: i64) -> Option<Incident> {
        let due = self
            .open
            .iter()
            .filter(|incident| incident.due_ms <= stream_ms);
        let (_, id) = due.map(|incident| (incident.due_ms, incident.id)).min()?;
        self.remove(id)
    }

    /// Forgets requests whose incident is over and that are old enough.
    pub(super) fn forget_requests(&mut self, stream_ms: i64) {
        let open: Vec<Id> = self.open.iter().map(|incident| incident.id).collect();
        self.requests.entries.retain(|request| {
            open.contains(&request.incident)
                || request.asked_ms.saturating_add(REQUEST_KEPT_MS) > stream_ms
        });
        self.requests
            .held
            .retain(|(_, until_ms)| *until_ms > stream_ms);
    }

    /// Counts a finding in its incident, opening one where there is none.
    pub(super) fn count(
        &mut self,
        finding: &Finding<'_>,
        also: &[&str],
        ctx: &ActionContext<'_>,
    ) -> Counted {
        let group = self.group(finding, ctx);
        let found = self.open.iter().position(|incident| {
            incident.rule == finding.rule.id
                && incident.fold == finding.rule.fold
                && incident.group == group
        });
        let mut crowded_out = None;
        let index = found.unwrap_or_else(|| {
            if self.open.len() >= OPEN_MAX {
                crowded_out = self.take_least_active();
            }
            self.open.push(Incident::open(finding, group, ctx));
            self.trim_evidence();
            self.open.len() - 1
        });
        let limit = self.evidence_limit();
        match self.open.get_mut(index) {
            Some(incident) => {
                let tell = incident.count(finding, also, ctx, limit);
                Counted {
                    incident: incident.id,
                    tell,
                    crowded_out,
                }
            }
            // Not reached: `index` was found or just pushed.
            None => Counted {
                incident: Id::of("none", &[]),
                tell: false,
                crowded_out,
            },
        }
    }

    /// The task, class or tool of a finding. One beyond [`TASKS_MAX`] or [`CLASSES_MAX`] shares an
    /// incident with all further ones, so that invented names cannot crowd out each other's and
    /// alert without end.
    fn group(&self, finding: &Finding<'_>, ctx: &ActionContext<'_>) -> Option<Text> {
        let fold = finding.rule.fold;
        let group = group_of(fold, ctx)?;
        let of_rule = |incident: &&Incident| {
            incident.fold == fold && incident.rule == finding.rule.id && incident.group.is_some()
        };
        let mut known = self.open.iter().filter(of_rule);
        if known.any(|incident| incident.group.as_ref() == Some(&group)) {
            return Some(group);
        }
        let groups = self.open.iter().filter(of_rule).count();
        match fold {
            Fold::Agent | Fold::Tenant if groups < TASKS_MAX => Some(group),
            Fold::Agent | Fold::Tenant => Some(MANY.into()),
            Fold::ClassDay | Fold::ToolDay if groups < CLASSES_MAX => Some(group),
            Fold::ClassDay | Fold::ToolDay => Some(format!("{MANY}@{}", day(ctx)).into()),
        }
    }

    fn take_least_active(&mut self) -> Option<Incident> {
        let oldest = self
            .open
            .iter()
            .map(|incident| (incident.last_ms, incident.id))
            .min();
        oldest.and_then(|(_, id)| self.remove(id))
    }

    fn evidence_limit(&self) -> usize {
        (EVIDENCE_SUBJECT_MAX / self.open.len().max(1)).clamp(EVIDENCE_MIN, EVIDENCE_MAX)
    }

    fn trim_evidence(&mut self) {
        let limit = self.evidence_limit();
        for incident in &mut self.open {
            incident.evidence.shrink(limit);
        }
    }
}
