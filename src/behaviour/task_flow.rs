//! What an open task has read that may steer it or must not leave: untrusted content and private
//! data.

use serde::{Deserialize, Serialize};

use crate::event::{ContentSource, words};

/// The kinds of untrusted content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct ContentSources(u8);

words! {
    /// Who has read the untrusted content and the private data before something leaves.
    TrifectaSpan {
        /// The task itself.
        Task = "task",
        /// Other agents of the delegation tree have read one of them, or both.
        Tree = "tree",
    }
}

/// What the result of one action brought into its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContentRead {
    pub untrusted: Option<ContentSource>,
    pub private: bool,
}

/// What a task has read so far. A task that has read neither has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskFlow {
    pub sources: ContentSources,
    /// When it last read untrusted content, epoch milliseconds.
    pub untrusted_ms: Option<i64>,
    /// Actions of the task since then.
    pub actions_since: u32,
    /// When it last read private data, epoch milliseconds.
    pub private_ms: Option<i64>,
}

impl ContentSources {
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn with(self, source: ContentSource) -> Self {
        ContentSources(self.0 | 1 << source as u8)
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        ContentSources(self.0 | other.0)
    }

    /// The words of the kinds.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        let all = ContentSource::ALL.iter().copied();
        all.filter(move |source| self.0 >> *source as u8 & 1 == 1)
            .map(ContentSource::as_str)
    }
}

impl ContentRead {
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.untrusted.is_none() && !self.private
    }
}

impl TaskFlow {
    /// Notes what an action of the task brought into it.
    pub(super) fn note_action(&mut self, read: ContentRead, at_ms: i64) {
        self.actions_since = self.actions_since.saturating_add(1);
        if let Some(source) = read.untrusted {
            self.sources = self.sources.with(source);
            self.untrusted_ms = Some(at_ms);
            self.actions_since = 0;
        }
        if read.private {
            self.private_ms = Some(at_ms);
        }
    }

    /// The actions since untrusted content was read, the next one included.
    #[must_use]
    pub fn since_actions(&self) -> Option<u32> {
        self.untrusted_ms?;
        Some(self.actions_since.saturating_add(1))
    }

    /// How long ago untrusted content was read, milliseconds.
    #[must_use]
    pub fn since_ms(&self, at_ms: i64) -> Option<i64> {
        Some(at_ms.saturating_sub(self.untrusted_ms?).max(0))
    }
}
