//! The position of a record, the keys of agents and credentials, and the source of time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Text;

/// The position of a record in its topic, and of an action within its record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordPosition {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    /// Number of the action within the record, from 0; more than 0 only where a mapping made
    /// several actions of one record.
    pub index: u32,
}

impl std::fmt::Display for RecordPosition {
    /// `topic/partition/offset/index`, which is the event id of a record without one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.topic, self.partition, self.offset, self.index
        )
    }
}

/// The key of the input topics: `tenant/agent`. A tenant contains no `/`; an agent id may.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgentKey {
    pub tenant: Text,
    pub agent: Text,
}

impl AgentKey {
    #[must_use]
    pub fn new(tenant: &str, agent: &str) -> Self {
        AgentKey {
            tenant: tenant.into(),
            agent: agent.into(),
        }
    }

    /// The key of an agent's records: `tenant/agent`.
    #[must_use]
    pub fn record_key(tenant: &str, agent: &str) -> String {
        format!("{tenant}/{agent}")
    }

    /// Reads `tenant/agent`; `None` when either part is empty or there is no `/`.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (tenant, agent) = key.split_once('/')?;
        (!tenant.is_empty() && !agent.is_empty()).then(|| AgentKey::new(tenant, agent))
    }
}

/// A credential of a tenant. One credential may be used by agents of several partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CredentialKey {
    pub tenant: Text,
    pub id: Text,
}

impl CredentialKey {
    #[must_use]
    pub fn new(tenant: &str, id: &str) -> Self {
        CredentialKey {
            tenant: tenant.into(),
            id: id.into(),
        }
    }

    /// Reads `tenant/id`; `None` when either part is empty or there is no `/`.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let (tenant, id) = key.split_once('/')?;
        (!tenant.is_empty() && !id.is_empty()).then(|| CredentialKey::new(tenant, id))
    }
}

impl std::fmt::Display for CredentialKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.id)
    }
}

impl std::fmt::Display for AgentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.agent)
    }
}

/// Which time of its records moves the stream time of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The broker's append time, which an agent cannot forge.
    #[default]
    Append,
    /// The largest `occurred_at` of the partition so far: for backfills, corpora, demo and replay.
    Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_splits_at_the_first_slash_only() {
        assert_eq!(
            AgentKey::parse("acme/team/bot"),
            Some(AgentKey::new("acme", "team/bot"))
        );
        assert_eq!(AgentKey::parse("acme"), None);
        assert_eq!(AgentKey::parse("/bot"), None);
        assert_eq!(AgentKey::parse("acme/"), None);
    }

    #[test]
    fn a_position_shows_as_the_default_event_id() {
        let position = RecordPosition {
            topic: "t".into(),
            partition: 3,
            offset: 14,
            index: 0,
        };
        assert_eq!(position.to_string(), "t/3/14/0");
    }
}
