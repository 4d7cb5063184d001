//! `lifecycle.end`: what ended before the action, in one word.

use crate::rule::{Facts, fact};
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
