//! What requests took away from an agent, as it matters to its children: a plan of ours that was
//! requested, or that the identity system confirmed.
//!
//! A child has its task by a scope of its parent, and a request names a credential or the agent.
//! A scope is taken away with the agent, or with the credential by which the agent acts under it:
//! of those that the scope lists the one that the agent was accepted with last, so that a new
//! credential in the same scope is new authority. A credential that no scope lists counts for the
//! only scope of its agent; with several nobody knows which of them it belongs to. A session is
//! smaller than a task, and its end takes no scope away.

use serde::{Deserialize, Serialize};

use super::DelegationState;
use crate::event::{TakenAway, Text};
use crate::response::RequestLedger;
use crate::scope::{LatestVersion, ScopeHistory};

/// What an agent acts with, and the requests about it.
#[derive(Debug, Clone, Copy)]
pub(in crate::detector) struct OwnAuthority<'a> {
    pub agent: &'a str,
    pub book: &'a ScopeHistory,
    pub requests: &'a RequestLedger,
    /// The credential that the agent was accepted with last, and who issued it.
    pub newest: Option<(&'a Text, Option<&'a Text>)>,
    /// Epoch milliseconds.
    pub at_ms: i64,
}

/// What was taken away with one scope; without a scope from an agent that has none. As many as the
/// agent has scopes at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TakenScope {
    scope_id: Option<Text>,
    taken: TakenAway,
}

impl OwnAuthority<'_> {
    fn taken_scopes(&self) -> Vec<TakenScope> {
        if !self.requests.takes_anything() {
            return Vec::new();
        }
        if self.book.is_empty() {
            let taken = weightier(self.taken_agent(), self.taken_newest());
            let scope_id = None;
            return taken
                .map(|taken| TakenScope { scope_id, taken })
                .into_iter()
                .collect();
        }
        let is_only = self.book.latest_at(self.at_ms).nth(1).is_none();
        let of_scope = |version: LatestVersion<'_>| {
            Some(TakenScope {
                scope_id: Some(version.scope.scope_id.clone()),
                taken: self.taken_of_scope(&version, is_only)?,
            })
        };
        self.book
            .latest_at(self.at_ms)
            .filter_map(of_scope)
            .collect()
    }

    fn taken_of_scope(&self, version: &LatestVersion<'_>, is_only: bool) -> Option<TakenAway> {
        let listed = &version.scope.credential_ids;
        let issuer = version.scope.issuer.as_ref();
        let newest = self.newest.filter(|(id, _)| listed.contains(id));
        let credential = match newest {
            Some(_) => self.taken_newest(),
            None if listed.is_empty() => self.taken_newest().filter(|_| is_only),
            None => {
                let taken = |id: &Text| self.requests.taken_credential(id, issuer);
                listed.iter().map(taken).fold(None, weightier)
            }
        };
        // What the identity system declares after the revocation of an agent is new authority.
        let agent = self.taken_agent();
        let agent = agent.filter(|taken| version.effective_ms <= taken.since_ms);
        weightier(agent, credential)
    }

    fn taken_agent(&self) -> Option<TakenAway> {
        self.requests.taken_agent(self.agent)
    }

    fn taken_newest(&self) -> Option<TakenAway> {
        let (id, issuer) = self.newest?;
        self.requests.taken_credential(id, issuer)
    }
}

/// A confirmed revocation goes before one that is requested, of two alike the earlier one.
fn weightier(one: Option<TakenAway>, other: Option<TakenAway>) -> Option<TakenAway> {
    let both = one.into_iter().chain(other);
    both.min_by_key(|taken| (!taken.confirmed, taken.since_ms))
}

impl DelegationState {
    /// Takes over what requests took away. Returns whether that has changed.
    pub(in crate::detector) fn note_taken(&mut self, own: &OwnAuthority<'_>) -> bool {
        let taken = own.taken_scopes();
        let before = std::mem::replace(&mut self.taken, taken);
        before != self.taken
    }

    /// Whether a request took the scope away; without one, from an agent that has no scope.
    pub(super) fn taken_of(&self, scope_id: Option<&str>) -> Option<TakenAway> {
        let mut taken = self.taken.iter();
        let found = taken.find(|one| one.scope_id.as_deref() == scope_id);
        found.map(|one| one.taken)
    }
}
