//! What one record led to, besides new state.

use crate::event::{AddressedLink, Link, LinkBody, LinkTarget};
use crate::response::ResponseOutcome;
use crate::rule::RuleIndex;
use crate::scope::DeclareOutcome;

use super::agent_map::AgentMap;
use super::delegation::TreeCuts;
use super::subject::{AgentState, SubjectKey};
use super::timed_action::RecordOrigin;

/// Everything a record caused besides new state. Filled by [`super::Detector`], emptied by the
/// engine.
#[derive(Debug, Default)]
pub struct RecordEffects {
    pub outcomes: Vec<ResponseOutcome>,
    pub links: Vec<OutgoingLink>,
    /// The rules that matched, once per finding.
    pub fired: Vec<RuleIndex>,
    pub counts: DetectorCounts,
    /// The record's subject was not in memory, so it was not judged: the caller's mistake.
    pub absent: bool,
    /// Why the scope record was refused. Its agent is judged as if the record had not come.
    pub refused: Option<DeclareOutcome>,
}

impl RecordEffects {
    /// Counts the rules that matched an event.
    pub(super) fn note_fired(&mut self, matched: &[RuleIndex]) {
        self.counts.findings += matched.len() as u64;
        self.fired.extend_from_slice(matched);
    }

    /// Lets every partition know something that no rule evaluates.
    pub(super) fn inform_all_partitions(&mut self, body: LinkBody) {
        self.links.push(AddressedLink {
            target: LinkTarget::AllPartitions,
            link: Link { cause: None, body },
        });
    }

    /// The state of the record's subject, with the record noted as applied. `None` when the subject
    /// is not in memory, or when the record or a later one of its input was applied before.
    pub(super) fn apply_record_once<'s>(
        &mut self,
        agents: &'s mut AgentMap,
        key: &SubjectKey,
        origin: &RecordOrigin,
    ) -> Option<&'s mut AgentState> {
        let Some(state) = agents.get_mut(key) else {
            self.absent = true;
            return None;
        };
        if !state
            .live
            .applied
            .apply_once(origin.input, &origin.position)
        {
            self.counts.reapplied += 1;
            return None;
        }
        Some(state)
    }
}

/// A link that a record led to.
pub type OutgoingLink = AddressedLink;

/// Declares the counts once, with their sum and their names.
macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What the detector did, in numbers, for metrics and summaries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct DetectorCounts { $($(#[$doc])* pub $name: u64),+ }

        impl DetectorCounts {
            /// Adds other counts.
            pub fn add(&mut self, other: &DetectorCounts) {
                $(self.$name += other.$name;)+
            }

            /// Name and value of each count.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}

counts! {
    actions,
    /// Gateway retries: event id and content are those of one of the agent's last actions.
    retries,
    /// Records at or before the last applied one.
    reapplied,
    clamped,
    deferred,
    waits_expired,
    /// Actions that were not deferred because the agent or the partition had as many as may be.
    deferrals_refused,
    scopes,
    /// Scope records refused: the agent had as many scopes as may be, or the scope is invalid.
    scopes_refused,
    controls,
    findings,
    /// Links applied to agents and credentials.
    links,
    /// Links delivered within the partition, right after the record that led to them.
    links_local,
    /// Links that went by the topic although their target is in the same partition: the record
    /// led to more than may be delivered at once.
    links_overflowed,
    /// Links dropped because the agent's actions have led to as many within the hour as may be.
    links_cut,
    /// Links dropped because they have more bytes than a link may have.
    links_too_large,
    /// Links to unknown agents of a tenant that has as many undeclared ones as may be.
    links_refused,
    /// Credentials that were not let know of a new user, because the agent had as many links in
    /// this hour as may be.
    credential_links_cut,
    /// Users of a credential for which it had no room.
    credential_users_full,
    /// Requests of agents above that an agent watches no longer, because further ones came.
    requests_unwatched,
    /// Children of an agent that are counted and not known by name.
    tree_children_full,
    /// Agents below an agent that are counted and not known by name.
    tree_members_full,
    /// Agents that are too far below another one to be known to it.
    tree_depth_cut,
    /// Parents that gave way to a further one.
    tree_parents_full,
    /// Agents that claim to have spawned another one, beyond those that it knows.
    tree_claims_full,
    /// Scopes with a parent that are compared no longer, because further ones came.
    tree_scopes_full,
    /// Versions of a scope that count at once although they take effect later.
    tree_coming_full,
    /// Actions of undeclared agents beyond the cap, which share one state.
    onboarding_full,
    /// Tasks that ended clean, and were learned.
    tasks_learned,
    /// Tasks of a learning time that were too strange to teach, and are forgotten.
    tasks_set_aside,
    /// Tasks of a learning time that taught unchecked, because there were too many.
    tasks_unchecked,
    /// Tasks that ended with a finding, or with nothing done.
    tasks_unclean,
    /// Clean tasks that taught nothing because their agent or their class was frozen, or because
    /// their class had to forget them.
    tasks_frozen,
    /// Commands about a class that were refused, because the tenant has as many as may be.
    class_commands_full,
    /// Commands about selected agents that were refused, because the tenant has as many as may be.
    agent_commands_full,
    /// Open tasks that had to end because their agent began more than may be open.
    tasks_full,
    /// Things that a profile forgot because it learned more than it has room for.
    profile_entries_dropped,
    /// Profiles that were forgotten, or not begun, because the tenant has as many as may be.
    profiles_full,
    /// Records whose numbers were not noted, because the tenant has as many gateways as may be.
    gateways_full,
    /// How often the numbers of a gateway were forgotten unjudged, because they took too much room.
    gateway_numbers_dropped,
    /// Metrics not counted because the agent had as many as may be.
    metrics_full,
    metric_groups_full,
    metrics_ungrouped,
}

impl DetectorCounts {
    /// Adds what the bounds of a tree cut off.
    pub(super) fn add_cuts(&mut self, cuts: &TreeCuts) {
        self.tree_children_full += cuts.children;
        self.tree_members_full += cuts.members;
        self.tree_depth_cut += cuts.depth;
        self.tree_parents_full += cuts.parents;
        self.tree_claims_full += cuts.claims;
        self.tree_scopes_full += cuts.scopes;
        self.tree_coming_full += cuts.coming;
    }
}
