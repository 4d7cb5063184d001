//! The facts of an action's credential: what the judging scope, the agent's own revocations and the
//! earlier uses of the credential say of it.

use crate::event::{ActionField, AgentAction, AgentScope, LinkBody};
use crate::response::{CredentialSigns, SharedUse, TargetKind, is_other_end_name};
use crate::rule::{Bundle, FactValue, Facts, fact};
use crate::scope::{
    END_GRACE_MS, Judgement, ResourceCatalogue, ScopeBasis, ScopeHistory, ScopeStatus,
};

use super::subject::AgentState;
use super::timed_action::TimedAction;

/// How long before the issue of its credential an action may happen, milliseconds: the clocks of
/// issuer and gateway differ.
pub const ISSUE_SKEW_MS: i64 = 60_000;

/// What is known of an action's credential besides the action.
pub(super) struct CredentialKnowledge<'k> {
    /// How the action differs from the earlier uses of its credential.
    pub signs: CredentialSigns,
    pub judgement: &'k Judgement,
    /// The agent's scopes.
    pub book: &'k ScopeHistory,
    /// The largest target that was taken away before the action, and that the action used.
    pub taken: Option<TargetKind>,
    pub resources: &'k ResourceCatalogue,
    /// The users of the credential, where there are several.
    pub shared: Option<SharedUse>,
}

impl<'k> CredentialKnowledge<'k> {
    /// What the agent's state, the judgement and the bundle say of the credential.
    pub(super) fn of_action(
        state: &'k AgentState,
        timed: &TimedAction<'_>,
        judgement: &'k Judgement,
        bundle: &'k Bundle,
    ) -> Self {
        let requests = state.live.incidents.requests();
        CredentialKnowledge {
            signs: timed.credential,
            judgement,
            book: &state.learned.book,
            taken: requests.taken_away(timed.action, timed.at_ms),
            resources: &bundle.resources,
            shared: timed
                .action
                .credential_id
                .as_deref()
                .and_then(|id| state.live.shares.shared_use(id)),
        }
    }
}

/// Sets the facts of the credential.
pub(super) fn fill_credential(
    facts: &mut Facts<'_>,
    timed: &TimedAction<'_>,
    known: &CredentialKnowledge<'_>,
) {
    let action = timed.action;
    let before_issue = action
        .credential_issued_at_ms
        .is_some_and(|issued_ms| timed.at_ms < issued_ms.saturating_sub(ISSUE_SKEW_MS));
    facts.set(fact::CREDENTIAL_BEFORE_ISSUE, before_issue);
    facts.set(fact::CREDENTIAL_VERDICT, verdict(timed, known));
    let elsewhere = is_bound_elsewhere(timed);
    facts.set(fact::CREDENTIAL_OTHER_PEER, elsewhere);
    facts.set(fact::CREDENTIAL_BINDING_MISMATCH, elsewhere);
    facts.set(
        fact::CREDENTIAL_USERS,
        known.shared.map(|shared| i64::from(shared.users)),
    );
    let forwarded = known.shared.is_some_and(|shared| shared.forwarded);
    let signs = known.signs;
    let shared = || {
        let id = action.credential_id.as_deref();
        id.is_some_and(|id| known.resources.is_shared_credential(id))
    };
    // Most actions are as the one before: no pattern is tried for them.
    if signs == CredentialSigns::default() && !forwarded || shared() {
        return;
    }
    facts.set(fact::CREDENTIAL_FORWARDED, forwarded);
    let reused: &[&str] = match (signs.other_task, signs.other_session) {
        (false, false) => &[],
        (true, false) => &["task"],
        (false, true) => &["session"],
        (true, true) => &["task", "session"],
    };
    facts.set(fact::CREDENTIAL_REUSED, FactValue::List(reused));
    facts.set(fact::CREDENTIAL_TWO_NETWORKS, signs.two_networks);
    facts.set(
        fact::CREDENTIAL_BINDING_MISMATCH,
        elsewhere || signs.rebound,
    );
    // A peer that the credential is bound to has it, whoever used it before.
    let holder = action.credential_bound_to.is_some()
        && action.credential_bound_to == action.channel_peer_id;
    let other_peer = elsewhere || signs.other_peer && !holder;
    facts.set(fact::CREDENTIAL_OTHER_PEER, other_peer);
}

/// Sets what a link says of a credential to the agent of `action`.
pub(super) fn fill_shared<'a>(
    facts: &mut Facts<'a>,
    action: &'a AgentAction,
    body: &LinkBody,
    resources: &ResourceCatalogue,
) {
    let LinkBody::CredentialShared {
        credential,
        users,
        forwarded,
        ..
    } = body
    else {
        return;
    };
    facts.set(fact::CREDENTIAL_ID, action.credential_id.as_deref());
    facts.set(fact::CREDENTIAL_ISSUER, action.credential_issuer.as_deref());
    facts.set(fact::CREDENTIAL_USERS, i64::from(*users));
    let forwarded = *forwarded && !resources.is_shared_credential(credential);
    facts.set(fact::CREDENTIAL_FORWARDED, forwarded);
}

/// Whether the credential is bound to another key or workload than the peer of the channel.
fn is_bound_elsewhere(timed: &TimedAction<'_>) -> bool {
    let action = timed.action;
    let (Some(bound_to), Some(peer)) = (&action.credential_bound_to, &action.channel_peer_id)
    else {
        return false;
    };
    let readable = !action.is_malformed(ActionField::CREDENTIAL_BOUND_TO)
        && !action.is_malformed(ActionField::CHANNEL_PEER_ID);
    readable && is_other_end_name(bound_to, peer)
}

/// What is known of the credential at the time of the action, the gravest first. `None` where
/// nothing is known of it.
fn verdict(timed: &TimedAction<'_>, known: &CredentialKnowledge<'_>) -> Option<&'static str> {
    let action = timed.action;
    let unreadable = action.is_malformed(ActionField::CREDENTIAL_ID);
    let id = action.credential_id.as_ref().filter(|_| !unreadable);
    let scope = known.judgement.scope.as_deref();
    let lists = |scope: &AgentScope| id.is_some_and(|id| scope.credential_ids.contains(id));
    let listed = scope.is_some_and(lists);
    let revoked = listed && known.judgement.status == ScopeStatus::Revoked;
    if revoked
        || matches!(
            known.taken,
            Some(TargetKind::Credential | TargetKind::Agent)
        )
    {
        return id.map(|_| "revoked");
    }
    let expires_ms = action.credential_expires_at_ms;
    if expires_ms.is_some_and(|expires_ms| expires_ms <= timed.at_ms) {
        return Some("expired");
    }
    if id.is_none() && !unreadable {
        return None;
    }
    if scope.is_some_and(|scope| !scope.credential_ids.is_empty() && !lists(scope)) {
        // A credential that was replaced a moment ago was on its way.
        let before_ms = timed.at_ms.saturating_sub(END_GRACE_MS);
        let was_listed = known
            .book
            .scopes_at(before_ms)
            .any(|(scope, _)| lists(scope));
        // Of several scopes that judge together, one without a list allows any credential.
        let any_allowed = known.judgement.basis == Some(ScopeBasis::Union)
            && known
                .book
                .scopes_at(timed.at_ms)
                .any(|(scope, _)| scope.credential_ids.is_empty());
        return (!was_listed && !any_allowed).then_some("not_in_scope");
    }
    (listed || expires_ms.is_some() && !unreadable).then_some("valid")
}
