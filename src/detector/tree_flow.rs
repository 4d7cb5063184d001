//! The links by which the agents of a delegation tree let each other know that untrusted content or
//! private data were read: what one of them read may steer another, or leave by it.
//!
//! They go over proven edges only, up and down, and on to the whole tree. What is known already
//! goes no further, so they end, also in a cycle. Most actions read neither, and send nothing.

use crate::behaviour::{ContentRead, TaskFlow};
use crate::event::{
    AddressedLink, AgentKey, FlowNotice, Link, LinkBody, LinkTarget, NoticedRead, Text,
};

use super::effects::RecordEffects;
use super::subject::{AgentState, SubjectKey};

/// Lets the neighbours of an agent know what its action has read.
pub(super) fn share_read(
    state: &mut AgentState,
    key: &SubjectKey,
    (read, at_ms): (ContentRead, i64),
    effects: &mut RecordEffects,
) {
    if read.is_empty() {
        return;
    }
    let tree = state.learned.delegation.as_deref();
    let (Some(tree), SubjectKey::Agent(agent)) = (tree, key) else {
        return;
    };
    if tree.proven_neighbours(at_ms).next().is_none() {
        return;
    }
    let own = || NoticedRead {
        agent: agent.agent.clone(),
        at_ms,
    };
    let notice = FlowNotice {
        sender: agent.agent.clone(),
        untrusted: read.untrusted.map(|_| own()),
        private: read.private.then(own),
    };
    let reads = state.live.tree_reads.get_or_insert_default();
    let news = reads.take_news(notice);
    send_on(state, agent, &news, &agent.agent, effects);
}

/// Takes over what a neighbour sends, and passes on what is new of it.
pub(super) fn apply_flow_link(
    state: &mut AgentState,
    agent: &AgentKey,
    notice: &FlowNotice,
    effects: &mut RecordEffects,
) {
    let tree = state.learned.delegation.as_deref();
    // An agent that only claims to be a neighbour says nothing.
    let known = tree.is_some_and(|tree| {
        let mut neighbours = tree.proven_neighbours(i64::MIN);
        neighbours.any(|one| *one == notice.sender)
    });
    if !known {
        return;
    }
    let reads = state.live.tree_reads.get_or_insert_default();
    let news = FlowNotice {
        sender: agent.agent.clone(),
        ..reads.note_flow(&agent.agent, notice)
    };
    send_on(state, agent, &news, &notice.sender, effects);
}

/// Lets a new child know what the agent and those around it have read.
pub(super) fn inform_of_flow(
    state: &AgentState,
    agent: &AgentKey,
    child: &Text,
    effects: &mut RecordEffects,
) {
    let newest = |time: fn(&TaskFlow) -> Option<i64>| {
        let at_ms = state.live.tasks.flows().filter_map(time).max()?;
        Some(NoticedRead {
            agent: agent.agent.clone(),
            at_ms,
        })
    };
    let own = FlowNotice {
        sender: agent.agent.clone(),
        untrusted: newest(|flow| flow.untrusted_ms),
        private: newest(|flow| flow.private_ms),
    };
    let notice = match state.live.tree_reads.as_deref() {
        Some(reads) => reads.with_own(own),
        None => own,
    };
    send(agent, child, &notice, effects);
}

/// Sends to every neighbour but the one from which it came.
fn send_on(
    state: &AgentState,
    agent: &AgentKey,
    notice: &FlowNotice,
    from: &Text,
    effects: &mut RecordEffects,
) {
    let times = notice.untrusted.iter().chain(&notice.private);
    let (Some(tree), Some(at_ms)) = (
        state.learned.delegation.as_deref(),
        times.map(|read| read.at_ms).max(),
    ) else {
        return;
    };
    for neighbour in tree.proven_neighbours(at_ms).filter(|one| *one != from) {
        send(agent, neighbour, notice, effects);
    }
}

fn send(agent: &AgentKey, to: &Text, notice: &FlowNotice, effects: &mut RecordEffects) {
    if notice.is_empty() {
        return;
    }
    effects.links.push(AddressedLink {
        target: LinkTarget::Agent(AgentKey {
            tenant: agent.tenant.clone(),
            agent: to.clone(),
        }),
        link: Link {
            cause: None,
            body: LinkBody::TreeFlow(Box::new(notice.clone())),
        },
    });
}
