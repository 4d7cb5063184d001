//! Whether an action takes something out of the tenant, and to whom.

use super::class_table::ClassView;
use super::evidence::ActionContext;
use super::left_out::AskedProfile;
use super::limits::{PEER_USES, YOUNG_TASKS};
use super::profile::{Profile, ProfilePart};
use super::traits::ActionTraits;
use crate::event::words;

words! {
    /// How new the external destination of an action is, the newest of several.
    EgressTarget {
        /// The scope lists it.
        Declared = "declared",
        /// Clean tasks of the class used it.
        Known = "known",
        /// Only other classes of the agent type used it.
        OfPeers = "peers",
        /// Nobody used it, and the class often has a new one.
        Usual = "usual",
        /// Nobody used it.
        New = "new",
        /// The class has too few clean tasks to say it.
        Unlearned = "unlearned",
    }
}

impl EgressTarget {
    /// The target of an action that changes or fetches something outside. `None` for any other
    /// action, and for one that failed: nothing happened.
    #[must_use]
    pub fn of_action(
        traits: &ActionTraits,
        class: &ClassView<'_>,
        ctx: &ActionContext,
    ) -> Option<Self> {
        if traits.external.is_empty() || !traits.is_weighed() || ctx.failed {
            return None;
        }
        if ctx.declared_destinations {
            return Some(EgressTarget::Declared);
        }
        let part = ProfilePart::Destination;
        let profile = class.profile.filter(|one| one.tasks() >= YOUNG_TASKS);
        let Some(profile) = profile else {
            return Some(EgressTarget::Unlearned);
        };
        let mut newest = EgressTarget::Known;
        for hash in &traits.external {
            if profile.is_known(part, *hash, ctx.at_ms) {
                continue;
            }
            let of_peers =
                |peers: AskedProfile<'_>| peers.tasks_with(part, *hash, ctx.at_ms) >= PEER_USES;
            if !class.peers.is_some_and(of_peers) {
                return Some(match expects_new(profile.profile(), traits, ctx) {
                    true => EgressTarget::Usual,
                    false => EgressTarget::New,
                });
            }
            newest = EgressTarget::OfPeers;
        }
        Some(newest)
    }
}

/// Whether a new destination is nothing unusual: the class does such things, and often has one. A
/// class that only reads many pages does not often mail to new addresses.
fn expects_new(profile: &Profile, traits: &ActionTraits, ctx: &ActionContext) -> bool {
    profile.is_known(ProfilePart::Pair, traits.pair, ctx.at_ms)
        && profile.expects_new_destination(ctx.at_ms)
}
