//! The chain from the root to the acting agent, with the evidence of each edge, as alerts show it.

use super::DelegationState;
use super::verdict::ActionEvidence;
use crate::event::{EdgeEvidence, EdgeSource, Text};
use crate::response::ChainEdge;

/// The chain of an action, root first, with its edges. What is proven goes before what the record
/// says, unless the record knows more agents above; the edges of the proven line count in both.
pub(in crate::detector) fn chain_edges(
    tree: Option<&DelegationState>,
    evidence: &ActionEvidence<'_>,
) -> (Vec<Text>, Vec<ChainEdge>) {
    let action = evidence.action;
    let proven = proven_edges(tree, evidence);
    let said = &action.delegation_chain;
    let mut above: Vec<Text> = said.clone();
    if above.last() == Some(&action.agent_id) {
        above.pop();
    }
    let of_record = above.len() >= proven.len() && !said.is_empty() && !action.chain_is_reversed();
    let chain: Vec<Text> = match (of_record, proven.first()) {
        (false, Some(first)) => {
            let from = std::iter::once(first.from.clone());
            from.chain(proven.iter().map(|edge| edge.to.clone()))
                .collect()
        }
        // As the gateway sent it.
        _ => said.clone(),
    };
    if action.chain_is_reversed() && proven.is_empty() {
        return (chain, Vec::new());
    }
    let mut ids = chain.clone();
    if !ids.is_empty() && ids.last() != Some(&action.agent_id) {
        ids.push(action.agent_id.clone());
    }
    let said_by_record = |from: &Text, to: &Text| {
        let mut pairs = said
            .iter()
            .zip(said.iter().skip(1).chain([&action.agent_id]));
        pairs.any(|(one, next)| one == from && next == to && one != next)
    };
    let edges = ids.iter().zip(ids.iter().skip(1)).map(|(from, to)| {
        let known = proven
            .iter()
            .find(|edge| edge.from == *from && edge.to == *to);
        let mut evidence = known.map_or_else(EdgeEvidence::default, |edge| edge.evidence);
        if said_by_record(from, to) {
            evidence = evidence.with(EdgeSource::Chain);
        }
        ChainEdge {
            from: from.clone(),
            to: to.clone(),
            evidence,
        }
    });
    let edges = edges.collect();
    (chain, edges)
}

/// The edges from the root to the agent that records of the identity system prove, or both agents.
fn proven_edges(tree: Option<&DelegationState>, evidence: &ActionEvidence<'_>) -> Vec<ChainEdge> {
    let Some(tree) = tree else {
        return Vec::new();
    };
    // A scope that nobody delegated has nobody above it.
    if evidence.scope_id.is_some() && evidence.scope_parent.is_none() {
        return Vec::new();
    }
    let line = tree.ancestors(evidence.scope_id);
    let agent = &evidence.action.agent_id;
    let own = tree.parent_edge(evidence.scope_id).map(|(_, edge)| edge);
    let below = line.iter().skip(1).map(|one| (&one.agent, one.edge));
    let below = below.chain(own.map(|edge| (agent, edge)));
    let edges = line
        .iter()
        .zip(below)
        .map(|(from, (to, evidence))| ChainEdge {
            from: from.agent.clone(),
            to: to.clone(),
            evidence,
        });
    edges.collect()
}
