//! One target of a revocation request, as alerts and audit entries show it.

use super::id::DerivedId;
use super::request_state::RequestState;
use super::rule_view::RevocationMode;
use super::target::RevocationTarget;
use super::target_request::{RevokedTarget, TargetRequest, TargetUses};
use super::tree_plan::TreePart;

/// One target in an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTarget {
    pub target: RevocationTarget,
    pub reason: String,
    pub mode: RevocationMode,
    pub state: RequestState,
    /// The number of the incident's plan that has it, from 1.
    pub number: u32,
    /// Which request about the target it is, from 1.
    pub attempt: u32,
    /// Until when a person may decide, where the plan waits for that; epoch milliseconds.
    pub decide_by_ms: Option<i64>,
    /// Its position in that plan, from 1, and how many targets the plan has.
    pub order: (u32, u32),
    /// Its part in a delegation tree, where the plan is over one.
    pub part: Option<TreePart>,
    /// Stream time at which it was requested or planned, epoch milliseconds.
    pub asked_ms: i64,
    /// When the identity system says that it was revoked, epoch milliseconds.
    pub confirmed_ms: Option<i64>,
    /// From the request until nobody acted with it any more, milliseconds.
    pub effective_ms: Option<i64>,
    /// Who still acted after the request.
    pub uses: TargetUses,
    /// Somebody acted with it after it should have been revoked.
    pub still_acts: bool,
    /// Where this incident joined another's request: the transaction of that other incident.
    pub joined: Option<DerivedId>,
}

impl BlockTarget {
    /// A request's target as it is now.
    pub(super) fn of_request(entry: &TargetRequest) -> Self {
        let waits = entry.state == RequestState::Waiting;
        BlockTarget {
            target: entry.target.clone(),
            reason: entry.target_reason(),
            mode: entry.mode,
            state: entry.state,
            number: entry.number,
            attempt: entry.attempt,
            decide_by_ms: entry.decide_by_ms.filter(|_| waits),
            order: entry.order,
            part: entry.part.clone(),
            asked_ms: entry.asked_ms,
            confirmed_ms: entry.confirmed_ms,
            effective_ms: entry.effective_ms(),
            uses: entry.uses,
            still_acts: entry.still_acts(),
            joined: None,
        }
    }

    /// A revoked target that was withdrawn when nothing else of its request was remembered.
    pub(super) fn of_forgotten(known: RevokedTarget) -> Self {
        BlockTarget {
            target: known.target,
            reason: "its incident was closed before".to_owned(),
            mode: RevocationMode::Auto,
            state: RequestState::Withdrawn,
            number: 1,
            attempt: 1,
            decide_by_ms: None,
            order: (1, 1),
            part: None,
            asked_ms: known.at_ms,
            confirmed_ms: Some(known.at_ms),
            effective_ms: None,
            uses: TargetUses::default(),
            still_acts: false,
            joined: None,
        }
    }
}
