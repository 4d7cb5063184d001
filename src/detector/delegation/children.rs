//! The edges down: who has its task from this agent.

use serde::{Deserialize, Serialize};

use super::CHILDREN_KNOWN_MAX;
use super::cuts::TreeCuts;
use super::further::FurtherNames;
use crate::event::{ChildNotice, EdgeEvidence, EdgeSource, Text};

/// The children of an agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct ChildEdges {
    /// The oldest first.
    known: Vec<ChildEdge>,
    /// Children beyond the known ones.
    further: FurtherNames,
    /// Spawns that named no child.
    unnamed: u32,
}

/// The edge to one child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ChildEdge {
    pub agent: Text,
    pub evidence: EdgeEvidence,
    /// The scopes of this agent that the child names; empty: it names none.
    pub scopes: Vec<Text>,
    /// When the last of the child's delegated scopes expires, epoch milliseconds.
    pub until_ms: Option<i64>,
    pub since_ms: i64,
    /// Number of the child's last notice.
    pub number: u64,
}

impl ChildEdge {
    /// Whether the child is delegated nothing any more at `now_ms`.
    pub fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms.is_some_and(|until_ms| until_ms <= now_ms)
    }
}

impl ChildEdges {
    /// Children, known or only counted.
    pub fn count(&self) -> u32 {
        let known = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        known
            .saturating_add(self.further.count())
            .saturating_add(self.unnamed)
    }

    pub fn known(&self) -> &[ChildEdge] {
        &self.known
    }

    pub fn find(&self, child: &str) -> Option<&ChildEdge> {
        self.known.iter().find(|edge| edge.agent == child)
    }

    /// Notes a spawn that names the child. Returns whether the child has to
    /// know of it.
    pub fn note_spawn(&mut self, child: &Text, at_ms: i64, cuts: &mut TreeCuts) -> bool {
        if let Some(edge) = self.known.iter_mut().find(|edge| edge.agent == *child) {
            let known = edge.evidence.has(EdgeSource::Spawn);
            edge.evidence = edge.evidence.with(EdgeSource::Spawn);
            return !known;
        }
        let edge = ChildEdge {
            agent: child.clone(),
            evidence: EdgeEvidence::of(EdgeSource::Spawn),
            scopes: Vec::new(),
            until_ms: None,
            since_ms: at_ms,
            number: 0,
        };
        self.add(edge, cuts)
    }

    /// A spawn that names no child.
    pub fn note_unnamed(&mut self) {
        self.unnamed = self.unnamed.saturating_add(1);
    }

    /// Takes over what a child says. A chain alone proves nothing: it counts with a spawn that was
    /// observed here. Returns whether the child is known now.
    pub fn note_child(&mut self, notice: &ChildNotice, at_ms: i64, cuts: &mut TreeCuts) -> bool {
        let index = self
            .known
            .iter()
            .position(|edge| edge.agent == notice.child);
        let before = index.and_then(|index| self.known.get(index));
        let evidence = before.map_or_else(EdgeEvidence::default, |edge| edge.evidence);
        let evidence = evidence.union(notice.evidence);
        if !evidence.is_proven() || before.is_some_and(|edge| edge.number > notice.number) {
            return false;
        }
        if notice.ended {
            self.further.remove(&notice.child);
            if let Some(index) = index {
                self.known.remove(index);
            }
            return false;
        }
        let edge = ChildEdge {
            agent: notice.child.clone(),
            evidence,
            scopes: notice.scopes.clone(),
            until_ms: notice.until_ms,
            since_ms: before.map_or(at_ms, |edge| edge.since_ms),
            number: notice.number,
        };
        match index.and_then(|index| self.known.get_mut(index)) {
            Some(known) => {
                *known = edge;
                true
            }
            None => self.add(edge, cuts),
        }
    }

    /// Adds a child. Where there is no room, one whose scopes have expired gives way, and to a
    /// proven child the oldest unproven one; else it is counted.
    fn add(&mut self, edge: ChildEdge, cuts: &mut TreeCuts) -> bool {
        if self.known.len() >= CHILDREN_KNOWN_MAX {
            let now_ms = edge.since_ms;
            let over = self.known.iter().position(|known| known.is_over(now_ms));
            let unproven = || {
                let mut known = self.known.iter();
                let found = known.position(|known| !known.evidence.is_proven());
                found.filter(|_| edge.evidence.is_proven())
            };
            let gives_way = over.or_else(unproven);
            let Some(index) = gives_way else {
                cuts.children += 1;
                self.further.insert(&edge.agent);
                return false;
            };
            let left = self.known.remove(index);
            if !left.is_over(now_ms) {
                cuts.children += 1;
                self.further.insert(&left.agent);
            }
        }
        self.further.remove(&edge.agent);
        self.known.push(edge);
        true
    }
}
