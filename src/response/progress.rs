//! How far the revocation of an incident has come, over all its targets.

use crate::event::Text;

use super::block_target::BlockTarget;
use super::request_state::RequestState;

/// The requests of one incident in numbers. What is only shown is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevocationProgress {
    /// Targets that were sent to the identity system.
    pub requested: u32,
    /// Those that it says are revoked.
    pub confirmed: u32,
    /// Targets that wait for a person.
    pub waiting: u32,
    /// Requested targets with which somebody acted after they should have been revoked.
    pub still_acting: u32,
    /// From the first request until nobody acted any more, milliseconds; `None` until every
    /// requested target is confirmed.
    pub effective_ms: Option<i64>,
    /// The same for the targets of each issuer, in the order of the issuers.
    pub issuers: Vec<IssuerProgress>,
}

/// The requests to one issuer in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerProgress {
    /// `None` for targets without an issuer.
    pub issuer: Option<Text>,
    pub requested: u32,
    pub confirmed: u32,
    /// As for all targets.
    pub effective_ms: Option<i64>,
}

/// Whether a target was sent and not taken back.
fn is_requested(target: &BlockTarget) -> bool {
    match target.state {
        RequestState::Sent
        | RequestState::Done
        | RequestState::NotFound
        | RequestState::Refused
        | RequestState::Partial
        | RequestState::Failed => true,
        RequestState::Planned
        | RequestState::Withdrawn
        | RequestState::Waiting
        | RequestState::Denied
        | RequestState::Lapsed => false,
    }
}

impl RevocationProgress {
    /// Counts the targets of an incident.
    #[must_use]
    pub fn of_targets(targets: &[BlockTarget]) -> RevocationProgress {
        let requested: Vec<&BlockTarget> = targets
            .iter()
            .filter(|target| is_requested(target))
            .collect();
        let mut issuers: Vec<Option<&Text>> =
            requested.iter().map(|one| one.target.issuer()).collect();
        issuers.sort();
        issuers.dedup();
        let of_issuer = |issuer: Option<&Text>| {
            let own = requested.iter().filter(|one| one.target.issuer() == issuer);
            let own: Vec<&BlockTarget> = own.copied().collect();
            IssuerProgress {
                issuer: issuer.cloned(),
                requested: count(&own, |_| true),
                confirmed: count(&own, |one| one.state == RequestState::Done),
                effective_ms: effective_ms(&own),
            }
        };
        RevocationProgress {
            requested: count(&requested, |_| true),
            confirmed: count(&requested, |one| one.state == RequestState::Done),
            waiting: count(&targets.iter().collect::<Vec<_>>(), |one| {
                one.state == RequestState::Waiting
            }),
            still_acting: count(&requested, |one| one.still_acts),
            effective_ms: effective_ms(&requested),
            issuers: issuers.into_iter().map(of_issuer).collect(),
        }
    }

    /// The numbers as the end of a sentence; nothing for a single target.
    #[must_use]
    pub fn remark(&self) -> String {
        if self.requested <= 1 {
            return String::new();
        }
        let mut remark = format!(
            " ({} of {} targets confirmed",
            self.confirmed, self.requested
        );
        if self.still_acting > 0 {
            remark.push_str(&format!(", {} still acting", self.still_acting));
        }
        remark.push(')');
        remark
    }
}

fn count(targets: &[&BlockTarget], counts: impl Fn(&BlockTarget) -> bool) -> u32 {
    let counted = targets.iter().filter(|one| counts(one)).count();
    u32::try_from(counted).unwrap_or(u32::MAX)
}

/// From the first request about the targets until nobody acted with any of them.
fn effective_ms(targets: &[&BlockTarget]) -> Option<i64> {
    let first_ms = targets.iter().map(|one| one.asked_ms).min()?;
    let ended = targets.iter().map(|one| {
        let effective_ms = one.effective_ms?;
        Some(one.asked_ms.saturating_add(effective_ms))
    });
    let ended: Option<Vec<i64>> = ended.collect();
    let last_ms = ended?.into_iter().max()?;
    Some(last_ms.saturating_sub(first_ms))
}
