//! What the profiles of a class and of its agent type learn in every partition: what a clean task
//! did, and what a person commands.

use serde::{Deserialize, Serialize};

use super::{AgentSelection, LearningChange, ProfileName, TaskClass, Text, UsualVolume};

/// Members of each list of a [`TaskNotice`]. What a task does beyond is not learned.
pub const TASK_SET_MAX: usize = 64;

/// A task that ended clean, and what it did. The lists hold hashes: a profile need only recognise
/// what it knows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskNotice {
    pub tenant: Text,
    /// A hash of the agent: a profile counts by how many agents something was used.
    pub agent: u32,
    /// Empty for an agent without a type.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub agent_type: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_class: Option<Text>,
    /// Stream time of the end, epoch milliseconds.
    pub ended_ms: i64,
    /// The task ended in the learning time of a replay: what it did is known at once.
    #[serde(default)]
    pub teaching: bool,
    /// A person accepted the use: it counts whatever is frozen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// What the task used, each once.
    #[serde(flatten)]
    pub used: TaskUse,
    /// What the agent usually does: once a day, with the first task that ends clean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<UsualVolume>,
}

/// A person's command about a class of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassNotice {
    pub tenant: Text,
    #[serde(flatten)]
    pub class: TaskClass,
    /// When it was given, epoch milliseconds: it tells a repeat from a later command.
    pub at_ms: i64,
    /// Offset and index of its record: all commands about the classes of a tenant come from one
    /// partition.
    pub order: (i64, u32),
    pub change: LearningChange,
}

/// A person's command about a selection of the agents of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentsNotice {
    pub tenant: Text,
    #[serde(flatten)]
    pub selection: AgentSelection,
    /// As in [`ClassNotice`].
    pub at_ms: i64,
    pub order: (i64, u32),
    pub change: LearningChange,
}

/// A profile that was learned elsewhere, for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileNotice {
    pub tenant: Text,
    pub name: ProfileName,
    /// As in [`ClassNotice`].
    pub at_ms: i64,
    pub order: (i64, u32),
    /// As in [`super::LearnedImport`].
    pub state: String,
}

/// What a task used, each thing once and in rising order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskUse {
    /// Pairs of resource type and verb.
    #[serde(default)]
    pub pairs: Vec<u64>,
    #[serde(default)]
    pub destinations: Vec<u64>,
    /// Resources by type and id.
    #[serde(default)]
    pub resources: Vec<u64>,
    #[serde(default)]
    pub tools: Vec<u64>,
    #[serde(default)]
    pub models: Vec<u64>,
    /// What left or was destroyed: a pair with a resource.
    #[serde(default)]
    pub objects: Vec<u64>,
    /// Bit n: hour n of the day, in the tenant's zone.
    #[serde(default)]
    pub hours: u32,
}

impl TaskUse {
    /// Every list.
    #[must_use]
    pub fn lists(&self) -> [&Vec<u64>; 6] {
        [
            &self.pairs,
            &self.destinations,
            &self.resources,
            &self.tools,
            &self.models,
            &self.objects,
        ]
    }
}
