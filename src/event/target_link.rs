//! What the agent with a plan over its tree and the members that the plan names let each other know
//! by links. Each of these sets what its sender knows as a whole, so a repeat changes nothing.

use serde::{Deserialize, Serialize};

use super::Text;

/// To a member of a tree: its revocation was requested, confirmed or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetNotice {
    /// The agent whose plan it is.
    pub planner: Text,
    /// The transaction of the request.
    pub txn: Text,
    /// The credential that is to be revoked, and who issued it; absent, if the member is to be
    /// revoked as an agent.
    #[serde(default)]
    pub credential: Option<(Text, Text)>,
    /// When it was requested, epoch milliseconds.
    pub asked_ms: i64,
    /// When it was revoked by the word of the identity system, epoch milliseconds.
    #[serde(default)]
    pub confirmed_ms: Option<i64>,
    /// How long it matters, epoch milliseconds.
    pub until_ms: i64,
    /// It is requested no longer.
    #[serde(default)]
    pub over: bool,
}

/// From the member to the agent whose plan it is: the member's own actions with the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsesNotice {
    pub member: Text,
    pub txn: Text,
    /// The time of the request, as in [`TargetNotice`].
    pub asked_ms: i64,
    /// Accepted actions after the request, in all.
    pub count: u32,
    /// Time of the last one, epoch milliseconds.
    pub last_ms: i64,
}
