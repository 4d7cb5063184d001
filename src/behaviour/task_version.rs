//! By which version of the agent a task is done: a version that changes within a task, under the
//! same credential, is another program with the identity of the first.

use serde::{Deserialize, Serialize};

/// A version of an agent with the credential that it uses: hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskVersion {
    pub version: u64,
    pub credential: u64,
}

impl TaskVersion {
    /// Whether `self` is another version than `before` under the same credential. Whoever rolls a
    /// version out begins it anew: with another task, or with another credential.
    #[must_use]
    pub fn replaces(&self, before: &TaskVersion) -> bool {
        self.credential == before.credential && self.version != before.version
    }
}
