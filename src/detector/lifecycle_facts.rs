//! What ended before the action, and what was taken away with it.

use crate::response::TargetKind;
use crate::rule::{FactSlot, Facts, fact};
use crate::scope::{Judgement, ScopeStatus};

/// Fills the word for what ended: the scope that judges the action. What happened within the time
/// that an end may take was on its way, and nothing has ended for it.
pub(super) fn fill_end(facts: &mut Facts<'_>, judgement: &Judgement) {
    let end = match judgement.status {
        status @ (ScopeStatus::Completed
        | ScopeStatus::Expired
        | ScopeStatus::Suspended
        | ScopeStatus::Revoked) => Some(status.as_str()),
        _ => None,
    };
    facts.set(fact::LIFECYCLE_END, end);
}

/// The facts by which a rule sees that something was taken away from the agent.
pub(super) const AFTER_THE_END: [FactSlot; 5] = [
    fact::LIFECYCLE_AFTER_REVOCATION,
    fact::LIFECYCLE_SINCE_REVOCATION_S,
    fact::LIFECYCLE_AFTER_END,
    fact::LIFECYCLE_END,
    fact::SCOPE_STATUS,
];

/// What was taken away with the scope that judges an action: with the scope of a task or of
/// credentials only the credential, with that of the whole agent the agent.
pub(super) fn taken_with_scope(judgement: &Judgement) -> Option<TargetKind> {
    let ended = matches!(
        judgement.status,
        ScopeStatus::Expired
            | ScopeStatus::Completed
            | ScopeStatus::Suspended
            | ScopeStatus::Revoked
    );
    let scope = judgement.scope.as_ref().filter(|_| ended)?;
    if scope.task_id.is_none() && scope.credential_ids.is_empty() {
        Some(TargetKind::Agent)
    } else {
        Some(TargetKind::Credential)
    }
}
