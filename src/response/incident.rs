//! One incident: what is kept of the findings of one rule until they stop.

use serde::{Deserialize, Serialize};

use crate::event::{RecordPosition, Text};

use super::id::DerivedId;
use super::rule_view::{IncidentFold, RuleFamily, RuleLevel, RuleView};

/// Event ids that one alert lists.
pub const EVIDENCE_MAX: usize = 32;
/// Event ids that a subject keeps over all its open incidents, so that an agent cannot fill memory
/// by straying in many tasks; each incident keeps at least [`EVIDENCE_MIN`].
pub const EVIDENCE_SUBJECT_MAX: usize = 96;
/// Event ids that an incident may keep however many incidents are open.
pub const EVIDENCE_MIN: usize = 4;
/// Bytes of an event id kept as evidence; of an event with a longer one the position is kept.
pub const EVIDENCE_ID_BYTES_MAX: usize = 64;
/// Other rules an incident remembers; a finding of one more is counted, not named.
pub const ALSO_MAX: usize = 16;
/// Agents that an incident names when it spans agents.
pub const AGENTS_MAX: usize = 16;
/// Agents, and as many tools, that a summary reports by name on one day; further ones are counted.
/// So nobody hides in a summary, and invented names cannot cause alerts without end.
pub const NEWS_DAY_MAX: usize = 32;

/// An incident of one agent closes after this long without a finding, milliseconds of stream time.
pub const QUIET_AGENT_MS: i64 = 3_600_000;
/// The same for an incident of a whole tenant: a day, so that it closes and opens again at most
/// once a day.
pub const QUIET_TENANT_MS: i64 = DAY_MS;
pub(super) const DAY_MS: i64 = 86_400_000;

/// The event that opened an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstEvent {
    pub position: RecordPosition,
    pub occurred_at_ms: i64,
    pub append_ms: i64,
}

/// Which events of an incident its alerts list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EvidenceKeep {
    /// As many as the subject's state has room for; the others are counted.
    #[default]
    Bounded,
    /// Every one: an alert is due as soon as an incident can keep no more ids. For recordings,
    /// where every event must be found again, and nobody reads the alerts one by one.
    Every,
}

/// An open incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: DerivedId,
    /// The case that it belongs to; absent where it spans agents.
    pub case: Option<DerivedId>,
    pub rule: Text,
    pub family: RuleFamily,
    pub fold: IncidentFold,
    /// The task, or the class or tool with the day, that the incident is about.
    pub group: Option<Text>,
    /// The agent that opened it.
    pub agent: Text,
    pub agent_type: Option<Text>,
    pub first: FirstEvent,
    pub severity: RuleLevel,
    /// Findings so far.
    pub count: u64,
    /// Stream time of the latest finding, epoch milliseconds.
    pub last_ms: i64,
    /// Stream time at which it closes unless a further finding comes.
    pub due_ms: i64,
    /// Alerts sent so far.
    pub message_n: u32,
    /// Revocation plans made so far.
    pub plan_n: u32,
    /// Other rules that fired on its actions.
    pub also: Vec<Text>,
    /// Agents with findings, where the incident spans agents: the first [`AGENTS_MAX`].
    pub agents: Vec<Text>,
    pub evidence: Evidence,
    pub news: DayNews,
}

/// The names that a summary has reported on one day, as hashes: names come from outside and may be
/// long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayNews {
    /// Days since the epoch.
    day: i64,
    agents: Vec<u64>,
    tools: Vec<u64>,
}

/// Whether a name is new in a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameNews {
    /// Reported today, or one of more than [`NEWS_DAY_MAX`].
    Known,
    New,
    /// The last name of the day that is reported.
    LastNew,
}

impl DayNews {
    /// Notes the agent, and the tool where the summary is about tools; the greater news counts. A
    /// new day forgets the names of the day before.
    pub(super) fn note_names(&mut self, day: i64, agent: &str, tool: Option<&str>) -> NameNews {
        if day > self.day {
            *self = DayNews {
                day,
                ..DayNews::default()
            };
        }
        let tool = tool.map_or(NameNews::Known, |tool| note_name(&mut self.tools, tool));
        tool.max(note_name(&mut self.agents, agent))
    }
}

fn note_name(known: &mut Vec<u64>, name: &str) -> NameNews {
    let hash = blake3::hash(name.as_bytes());
    let hash = hash.as_bytes().first_chunk().copied();
    let hash = u64::from_le_bytes(hash.unwrap_or_default());
    if known.len() >= NEWS_DAY_MAX || known.contains(&hash) {
        return NameNews::Known;
    }
    known.push(hash);
    match known.len() {
        NEWS_DAY_MAX => NameNews::LastNew,
        _ => NameNews::New,
    }
}

/// Ids of the events since the last alert: the first of them, then the newest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    ids: Vec<Text>,
    dropped: u64,
}

impl Evidence {
    /// Adds an event and keeps at most `limit`.
    pub(super) fn push(&mut self, id: Text, limit: usize) {
        self.ids.push(id);
        self.shrink(limit);
    }

    /// Drops the oldest but the first until `limit` remain, at least two. The first shows how it
    /// began, the newest how it goes on.
    pub(super) fn shrink(&mut self, limit: usize) {
        let excess = self.ids.len().saturating_sub(limit.max(2));
        if excess > 0 {
            self.ids.drain(1..1 + excess);
            self.dropped += excess as u64;
        }
    }

    /// Empties it: the ids that the next alert lists, and how many were dropped.
    pub(super) fn take_all(&mut self) -> (Vec<Text>, u64) {
        (
            std::mem::take(&mut self.ids),
            std::mem::take(&mut self.dropped),
        )
    }

    /// The ids, oldest first.
    pub(super) fn ids(&self) -> &[Text] {
        &self.ids
    }
}

impl Incident {
    /// An incident of `rule` that has counted nothing yet. `at_ms` is in stream time, epoch
    /// milliseconds.
    pub(super) fn without_findings(
        id: DerivedId,
        rule: &RuleView<'_>,
        agent: Text,
        first: FirstEvent,
        at_ms: i64,
    ) -> Incident {
        Incident {
            id,
            case: None,
            rule: rule.id.into(),
            family: rule.family,
            fold: rule.fold,
            group: None,
            agent,
            agent_type: None,
            first,
            severity: rule.level,
            count: 0,
            last_ms: at_ms,
            due_ms: i64::MAX,
            message_n: 0,
            plan_n: 0,
            also: Vec::new(),
            agents: Vec::new(),
            evidence: Evidence::default(),
            news: DayNews::default(),
        }
    }

    /// The task that an agent's incident is about.
    #[must_use]
    pub fn task(&self) -> Option<&Text> {
        let group = self.group.as_ref().filter(|group| *group != OVERFLOW_GROUP);
        group.filter(|_| self.fold == IncidentFold::Agent)
    }
}

/// The group of all tasks, classes or tools beyond the number that a rule keeps apart.
pub(super) const OVERFLOW_GROUP: &str = "*";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_keeps_the_first_and_the_newest_and_counts_the_rest() {
        let mut evidence = Evidence::default();
        for n in 0..40 {
            evidence.push(format!("e{n}").into(), EVIDENCE_MAX);
        }
        let (ids, dropped) = evidence.take_all();
        assert_eq!((ids.len(), dropped), (32, 8));
        assert_eq!(
            (ids[0].as_str(), ids[1].as_str(), ids[31].as_str()),
            ("e0", "e9", "e39")
        );
        assert_eq!(evidence.take_all(), (Vec::new(), 0));
        evidence.shrink(EVIDENCE_MIN);
        evidence.push("e40".into(), EVIDENCE_MAX);
        evidence.shrink(EVIDENCE_MIN);
        assert_eq!(evidence.ids(), ["e40"]);
    }
}
