//! Links about revocation requests: the agent with a plan over its tree lets the members know, and
//! each member lets it know how often it acted after that.
//!
//! What an agent provokes otherwise has no part in the room of these links: it must not hide that
//! it, or an agent below it, acts on.

use crate::event::{AddressedLink, AgentKey, Link, LinkBody, LinkCause, LinkTarget, Text};

use super::effects::RecordEffects;
use super::partition_state::PartitionState;
use super::subject::{AgentState, SubjectKey};
use super::tree_links::TreeSender;

/// Lets others know what became of the requests about the agent and its tree: the members of the
/// tree, each of the requests about it, and the children, what was taken away from their parent.
/// To be called where requests may have changed. `cause`: the record that led to it.
pub(super) fn inform_of_requests(
    partition: &mut PartitionState,
    key: &SubjectKey,
    cause: impl FnOnce() -> LinkCause,
    effects: &mut RecordEffects,
) {
    let stream_ms = partition.stream_ms;
    let (SubjectKey::Agent(agent), Some(state)) = (key, partition.agents.get_mut(key)) else {
        return;
    };
    let notices = state.live.incidents.take_target_notices(&agent.agent);
    if notices.is_empty() && state.learned.delegation.is_none() {
        return;
    }
    let cause = cause();
    for (member, notice) in notices {
        let body = LinkBody::TargetRequested(Box::new(notice));
        let link = link_to(agent, member, body);
        effects.links.push(with_cause(link, &cause));
    }
    let sender = TreeSender {
        agent,
        cause: Some(&cause),
        stream_ms,
    };
    if sender.inform_of_requests(state, effects) {
        partition.mark_changed(key, true);
    }
}

/// Lets the agents above know of the agent's actions after their requests, where that is due.
pub(super) fn report_uses(
    state: &mut AgentState,
    key: &SubjectKey,
    stream_ms: i64,
    effects: &mut RecordEffects,
) {
    let SubjectKey::Agent(member) = key else {
        return;
    };
    let incidents = &mut state.live.incidents;
    for (planner, notice) in incidents.take_uses_notices(&member.agent, stream_ms) {
        let body = LinkBody::TargetUsed(Box::new(notice));
        effects.links.push(link_to(member, planner, body));
    }
}

/// Applies a link about a request at its agent.
pub(super) fn apply_target_link(
    partition: &mut PartitionState,
    key: &SubjectKey,
    body: &LinkBody,
    effects: &mut RecordEffects,
) {
    let (SubjectKey::Agent(agent), Some(state)) = (key, partition.agents.get_mut(key)) else {
        return;
    };
    let incidents = &mut state.live.incidents;
    match body {
        LinkBody::TargetRequested(notice) => {
            let room = incidents.note_requested(agent, notice);
            effects.counts.requests_unwatched += u64::from(!room);
        }
        LinkBody::TargetUsed(notice) => incidents.note_member_uses(notice),
        _ => {}
    }
}

fn with_cause(mut addressed: AddressedLink, cause: &LinkCause) -> AddressedLink {
    addressed.link.cause = Some(cause.clone());
    addressed
}

fn link_to(sender: &AgentKey, to: Text, body: LinkBody) -> AddressedLink {
    AddressedLink {
        target: LinkTarget::Agent(AgentKey {
            tenant: sender.tenant.clone(),
            agent: to,
        }),
        link: Link { cause: None, body },
    }
}
