//! One incident: findings of one rule gathered until they stop.

use serde::{Deserialize, Serialize};

use crate::event::{AgentKey, Text};

use super::alert::FirstEvent;
use super::id::Id;
use super::respond::{ActionContext, Finding};
use super::terms::{Family, Fold, Severity};

/// Event ids that one message lists.
pub const EVIDENCE_MAX: usize = 32;
/// Event ids that a subject keeps over all its open incidents, so that an agent cannot fill memory
/// by straying in many tasks; each incident keeps at least [`EVIDENCE_MIN`].
pub const EVIDENCE_SUBJECT_MAX: usize = 96;
/// Event ids that an incident keeps however many are open.
pub const EVIDENCE_MIN: usize = 4;
/// Bytes of an event id kept as evidence; of an event with a longer one the position is kept.
pub const EVIDENCE_ID_BYTES_MAX: usize = 64;
/// Other rules an incident remembers; a finding of one more is counted, not named.
pub const ALSO_MAX: usize = 16;
/// Agents that an incident folded wider than one agent names.
pub const AGENTS_MAX: usize = 16;

/// Quiet after which an incident of one agent closes, milliseconds of stream time.
pub const QUIET_AGENT_MS: i64 = 3_600_000;
/// Quiet after which an incident of a whole tenant closes: one alert says so, not one an hour.
pub const QUIET_TENANT_MS: i64 = DAY_MS;
const DAY_MS: i64 = 86_400_000;

/// An open incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: Id,
    pub rule: Text,
    pub family: Family,
    pub fold: Fold,
    /// The task, or the class and day, that the incident is about.
    pub group: Option<Text>,
    /// The agent that opened it.
    pub agent: Text,
    pub agent_type: Option<Text>,
    pub first: FirstEvent,
    pub severity: Severity,
    /// Findings so far.
    pub count: u64,
    /// Stream time of the latest finding, epoch milliseconds.
    pub last_ms: i64,
    /// When it closes if nothing more happens, stream time.
    pub due_ms: i64,
    /// Messages sent so far.
    pub message_n: u32,
    /// Revocation plans made so far.
    pub plan_n: u32,
    /// Other rules that fired on its actions.
    pub also: Vec<Text>,
    /// Agents of a wide fold.
    pub agents: Vec<Text>,
    pub evidence: Evidence,
}

/// The events since the last message: the first always, then the newest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    ids: Vec<Text>,
    dropped: u64,
}

impl Evidence {
    /// Adds an event, keeping at most `limit`.
    fn push(&mut self, id: Text, limit: usize) {
        self.ids.push(id);
        self.shrink(limit);
    }

    /// Drops from behind the first until `limit` remain.
    pub(super) fn shrink(&mut self, limit: usize) {
        let excess = self.ids.len().saturating_sub(limit.max(2));
        if excess > 0 {
            self.ids.drain(1..1 + excess);
            self.dropped += excess as u64;
        }
    }

    /// What the next message lists, and how many found no room.
    pub(super) fn take(&mut self) -> (Vec<Text>, u64) {
        (
            std::mem::take(&mut self.ids),
            std::mem::take(&mut self.dropped),
        )
    }

    /// The same without forgetting.
    pub(super) fn ids(&self) -> &[Text] {
        &self.ids
    }
}

impl Incident {
    /// The incident that `finding` opens; it has counted nothing yet.
    pub(super) fn open(
        finding: &Finding<'_>,
        group: Option<Text>,
        ctx: &ActionContext<'_>,
    ) -> Self {
        let rule = &finding.rule;
        let key = AgentKey::new(&ctx.action.tenant, &ctx.action.agent_id);
        Incident {
            id: Id::incident(&key, rule.id, group.as_deref(), ctx.position, ctx.append_ms),
            rule: rule.id.into(),
            family: rule.family,
            fold: rule.fold,
            group,
            agent: ctx.action.agent_id.clone(),
            agent_type: ctx.action.agent_type.clone(),
            first: FirstEvent {
                position: ctx.position.clone(),
                occurred_at_ms: ctx.action.occurred_at_ms.unwrap_or(ctx.append_ms),
                append_ms: ctx.append_ms,
            },
            severity: finding.severity,
            count: 0,
            last_ms: ctx.stream_ms,
            due_ms: i64::MAX,
            message_n: 0,
            plan_n: 0,
            also: Vec::new(),
            agents: Vec::new(),
            evidence: Evidence::default(),
        }
    }

    /// Counts one finding. True when its incident has something to say: it is the first, graver
    /// than before, the 2nd, 4th, 8th …, or another rule has joined, which no earlier message
    /// could have told.
    pub(super) fn count(
        &mut self,
        finding: &Finding<'_>,
        also: &[&str],
        ctx: &ActionContext<'_>,
        evidence_limit: usize,
    ) -> bool {
        let graver = finding.severity > self.severity;
        self.severity = self.severity.max(finding.severity);
        self.count = self.count.saturating_add(1);
        self.last_ms = self.last_ms.max(ctx.stream_ms);
        self.due_ms = self.quiet_until(ctx.at_ms);
        self.evidence.push(evidence_id(ctx), evidence_limit);
        if self.fold != Fold::Agent
            && self.agents.len() < AGENTS_MAX
            && !self.agents.contains(&ctx.action.agent_id)
        {
            self.agents.push(ctx.action.agent_id.clone());
        }
        let mut joined = false;
        for rule in also {
            if self.also.len() < ALSO_MAX && !self.also.iter().any(|known| known == rule) {
                self.also.push((*rule).into());
                joined = true;
            }
        }
        graver || joined || self.count.is_power_of_two()
    }

    fn quiet_until(&self, at_ms: i64) -> i64 {
        match self.fold {
            Fold::Agent => self.last_ms.saturating_add(QUIET_AGENT_MS),
            Fold::Tenant => self.last_ms.saturating_add(QUIET_TENANT_MS),
            // The day's summary is one incident: it stays open until the day is over.
            Fold::ClassDay | Fold::ToolDay => {
                let day_end_ms = (at_ms.div_euclid(DAY_MS) + 1).saturating_mul(DAY_MS);
                self.last_ms.max(day_end_ms).saturating_add(QUIET_AGENT_MS)
            }
        }
    }

    /// The task an agent's incident is about.
    #[must_use]
    pub fn task(&self) -> Option<&Text> {
        let group = self.group.as_ref().filter(|group| *group != MANY);
        group.filter(|_| self.fold == Fold::Agent)
    }
}

/// What stands where a record names no class or tool.
const NONE: &str = "-";
/// The group of what is too much to be told apart.
pub(super) const MANY: &str = "*";

/// What a finding is gathered under, beside its rule.
pub(super) fn group_of(fold: Fold, ctx: &ActionContext<'_>) -> Option<Text> {
    match fold {
        Fold::Agent => ctx.action.task_id.clone(),
        Fold::Tenant => None,
        Fold::ClassDay => {
            let agent = ctx.action.agent_type.as_deref().unwrap_or(NONE);
            let task = ctx.task_class.unwrap_or(NONE);
            Some(format!("{agent}/{task}@{}", day(ctx)).into())
        }
        Fold::ToolDay => {
            let tool = ctx.action.tool_name.as_deref().unwrap_or(NONE);
            Some(format!("{tool}@{}", day(ctx)).into())
        }
    }
}

/// Days since the epoch, of the action's own time.
pub(super) fn day(ctx: &ActionContext<'_>) -> i64 {
    ctx.at_ms.div_euclid(DAY_MS)
}

fn evidence_id(ctx: &ActionContext<'_>) -> Text {
    if ctx.event_id.len() <= EVIDENCE_ID_BYTES_MAX {
        ctx.event_id.into()
    } else {
        ctx.position.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_keeps_the_first_and_the_newest_and_counts_the_rest() {
        let mut evidence = Evidence::default();
        for n in 0..40 {
            evidence.push(format!("e{n}").into(), EVIDENCE_MAX);
        }
        let (ids, dropped) = evidence.take();
        assert_eq!((ids.len(), dropped), (32, 8));
        assert_eq!(
            (ids[0].as_str(), ids[1].as_str(), ids[31].as_str()),
            ("e0", "e9", "e39")
        );
        assert_eq!(evidence.take(), (Vec::new(), 0));
        evidence.shrink(EVIDENCE_MIN);
        evidence.push("e40".into(), EVIDENCE_MAX);
        evidence.shrink(EVIDENCE_MIN);
        assert_eq!(evidence.ids(), ["e40"]);
    }
}
