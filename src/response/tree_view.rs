//! The delegation tree below an agent, as a plan over it needs it.

use crate::event::{EdgeEvidence, Text};

/// The agents below one agent, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeView {
    /// In any order; an agent is at most once among them.
    pub members: Vec<TreeMember>,
    /// Further members that are counted only, because a tree keeps so many by name.
    pub further: u32,
}

/// An agent below another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeMember {
    pub agent: Text,
    /// The agent from which it has its task: the agent at the top, or another member.
    pub parent: Text,
    /// Edges between the agent at the top and this one, from 1.
    pub depth: u8,
    /// The credential that it was accepted with last, and who issued it.
    pub credential: Option<(Text, Option<Text>)>,
    /// How the edge from `parent` is known.
    pub edge: EdgeEvidence,
}
