//! What joins incidents: those of one agent, of one credential or of one delegation tree within a
//! day are one case, because one attacker makes many of them.

use serde::{Deserialize, Serialize};

use crate::event::Text;

use super::id::DerivedId;
use super::incident::DAY_MS;

/// How long the incidents of an agent join its case, from the first one on, milliseconds of stream
/// time.
pub const CASE_MS: i64 = DAY_MS;

/// By what the case of an agent is named. Every partition names it alike, so that the incidents of
/// several agents join without a word between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseAnchor<'a> {
    /// The agent itself, or the root of its delegation tree.
    Agent(&'a str),
    /// A credential that other agents have too.
    Credential(&'a str),
}

/// The case that an agent's incidents join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenCase {
    id: DerivedId,
    /// Undeclared agents beyond the bound share a store, and no case.
    agent: Text,
    /// Stream time from which on incidents are of another case.
    until_ms: i64,
}

/// The case of an incident that is opened at `stream_ms`: the agent's case as long as it lasts,
/// else a new one.
pub(super) fn join_case(
    open: &mut Option<OpenCase>,
    (tenant, agent): (&Text, &Text),
    anchor: CaseAnchor<'_>,
    stream_ms: i64,
) -> DerivedId {
    if let Some(case) = open
        && stream_ms < case.until_ms
        && case.agent == *agent
    {
        return case.id;
    }
    let (kind, name) = match anchor {
        CaseAnchor::Agent(agent) => ("agent case", agent),
        CaseAnchor::Credential(credential) => ("credential case", credential),
    };
    let day = stream_ms.div_euclid(DAY_MS).to_le_bytes();
    let id = DerivedId::of(kind, &[tenant.as_bytes(), name.as_bytes(), &day]);
    *open = Some(OpenCase {
        id,
        agent: agent.clone(),
        until_ms: stream_ms.saturating_add(CASE_MS),
    });
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_keeps_its_case_for_a_day_and_others_of_the_same_anchor_have_it_too() {
        let tenant = Text::from("acme");
        let (mid, leaf) = ("mid".into(), "leaf".into());
        let (mid, leaf) = ((&tenant, &mid), (&tenant, &leaf));
        let noon = 20_000 * DAY_MS + DAY_MS / 2;
        let (mut one, mut other) = (None, None);
        let root = CaseAnchor::Agent("root");
        let first = join_case(&mut one, mid, root, noon);
        assert_eq!(join_case(&mut other, leaf, root, noon + 5), first);
        // What is learned of the agent later does not tear its case apart.
        let shared = CaseAnchor::Credential("c-1");
        let late = noon + CASE_MS - 1;
        assert_eq!(join_case(&mut one, mid, shared, late), first);
        assert_ne!(join_case(&mut one, mid, shared, noon + CASE_MS), first);
        // Another tenant, another kind of anchor: another case.
        let foreign = join_case(&mut None, (&"rival".into(), mid.1), root, noon);
        let kind = join_case(&mut None, mid, CaseAnchor::Credential("root"), noon);
        assert!(foreign != first && kind != first && foreign != kind);
    }

    #[test]
    fn agents_that_share_a_store_share_no_case() {
        let tenant = Text::from("acme");
        let (one, other) = (Text::from("one"), Text::from("other"));
        let mut store = None;
        let first = join_case(&mut store, (&tenant, &one), CaseAnchor::Agent("one"), 0);
        let second = join_case(&mut store, (&tenant, &other), CaseAnchor::Agent("other"), 1);
        assert_ne!(first, second);
    }
}
