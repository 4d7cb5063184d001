//! What requests took away from an agent: what its children have to know. A request that waits for
//! a decision, was taken back or failed takes nothing away.

use crate::event::{TakenAway, Text};

use super::request_ledger::RequestLedger;
use super::target::{RevocationTarget, TargetKind, TargetName};

impl RequestLedger {
    /// Whether anything was asked for or revoked; most agents need no closer look.
    #[must_use]
    pub fn takes_anything(&self) -> bool {
        self.watched_targets().next().is_some()
    }

    /// Whether the agent as a whole was taken away.
    #[must_use]
    pub fn taken_agent(&self, agent: &str) -> Option<TakenAway> {
        self.find_taken(|target| target.kind == TargetKind::Agent && target.agent_name() == agent)
    }

    /// Whether a credential was taken away. An issuer that both name is the same.
    #[must_use]
    pub fn taken_credential(&self, id: &str, issuer: Option<&Text>) -> Option<TakenAway> {
        self.find_taken(|target| match &target.name {
            TargetName::JwtId { iss, jti } => {
                jti == id && issuer.is_none_or(|issuer| issuer == iss)
            }
            TargetName::IssSub { .. } | TargetName::Opaque { .. } => false,
        })
    }

    /// The confirmed one of several, else the one that was requested first.
    fn find_taken(&self, is_it: impl Fn(&RevocationTarget) -> bool) -> Option<TakenAway> {
        let taken = self.watched_targets();
        let taken = taken.filter(|(target, ..)| is_it(target));
        let taken = taken.map(|(_, since_ms, confirmed)| TakenAway {
            since_ms,
            confirmed,
        });
        taken.min_by_key(|one| (!one.confirmed, one.since_ms))
    }
}
