//! The agents below an agent, at any depth.

use serde::{Deserialize, Serialize};

use super::cuts::TreeCuts;
use super::further::FurtherNames;
use super::{ANCESTORS_MAX, MEMBERS_MAX};
use crate::event::{EdgeEvidence, NoticedMember, Text};
use crate::response::{TreeMember, TreeView};

/// The agents below one agent, the one that was noticed first at the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct TreeMembers {
    known: Vec<Member>,
    /// Members beyond the known ones.
    further: FurtherNames,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    agent: Text,
    parent: Text,
    depth: u8,
    credential: Option<(Text, Option<Text>)>,
    edge: EdgeEvidence,
    number: u64,
}

impl TreeMembers {
    /// Members, known or only counted.
    pub fn count(&self) -> u32 {
        let known = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        known.saturating_add(self.further.count())
    }

    /// Takes over what is said of one member. Returns whether that is new.
    pub fn note_member(&mut self, noticed: &NoticedMember, cuts: &mut TreeCuts) -> bool {
        let is_it = |member: &Member| member.agent == noticed.agent;
        let index = self.known.iter().position(is_it);
        if usize::from(noticed.depth) > ANCESTORS_MAX {
            cuts.depth += 1;
            return false;
        }
        let overtaken =
            |member: &Member| member.parent == noticed.parent && member.number > noticed.number;
        if index
            .and_then(|index| self.known.get(index))
            .is_some_and(overtaken)
        {
            return false;
        }
        if noticed.ended {
            // Of another parent it may still be a member.
            let ends = |index: &usize| {
                let member = self.known.get(*index);
                member.is_some_and(|member| member.parent == noticed.parent)
            };
            self.further.remove(&noticed.agent);
            return index
                .filter(ends)
                .map(|index| self.known.remove(index))
                .is_some();
        }
        let member = Member {
            agent: noticed.agent.clone(),
            parent: noticed.parent.clone(),
            depth: noticed.depth,
            credential: noticed.credential.clone(),
            edge: noticed.edge,
            number: noticed.number,
        };
        if let Some(known) = index.and_then(|index| self.known.get_mut(index)) {
            let news = *known != member;
            *known = member;
            return news;
        }
        if self.known.len() >= MEMBERS_MAX {
            cuts.members += 1;
            self.further.insert(&noticed.agent);
            return false;
        }
        self.further.remove(&noticed.agent);
        self.known.push(member);
        true
    }

    /// Every member, as an agent above has to be told of it.
    pub fn noticed(&self) -> Vec<NoticedMember> {
        let noticed = |member: &Member| NoticedMember {
            agent: member.agent.clone(),
            parent: member.parent.clone(),
            depth: member.depth.saturating_add(1),
            credential: member.credential.clone(),
            edge: member.edge,
            number: member.number,
            ended: false,
        };
        self.known.iter().map(noticed).collect()
    }

    pub fn view(&self) -> TreeView {
        let member = |member: &Member| TreeMember {
            agent: member.agent.clone(),
            parent: member.parent.clone(),
            depth: member.depth,
            credential: member.credential.clone(),
            edge: member.edge,
        };
        TreeView {
            members: self.known.iter().map(member).collect(),
            further: self.further.count(),
        }
    }
}
