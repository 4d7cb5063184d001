//! One request about one target: how far it has come, and how long it matters.

use serde::{Deserialize, Serialize};

use crate::event::Text;

use super::id::DerivedId;
use super::incident::FirstEvent;
use super::proof::CredentialProof;
use super::request_state::{AnnouncedState, RequestState};
use super::rule_view::{RevocationMode, RuleLevel};
use super::target::{PlannedTarget, RevocationTarget, TargetKind};
use super::tree_plan::{TreePart, part_reason};

/// A request that is over outlives its incident until it is this old, so that an incident that is
/// closed and opened again does not ask anew. Milliseconds of stream time.
pub const REQUEST_KEPT_MS: i64 = 3_600_000;
/// How long a sent request is remembered without a confirmation if nothing says when its target
/// expires. Milliseconds.
pub const KEPT_UNKNOWN_MS: i64 = 30 * DAY_MS;
/// How long a sent request is remembered at most, whatever a record says. Milliseconds.
pub const KEPT_MAX_MS: i64 = 366 * DAY_MS;
/// How long a plan waits for a person's decision. Milliseconds of stream time.
pub const APPROVAL_MS: i64 = 15 * 60_000;
/// How long a plan waits for the users of its credential. The answer comes with the second commit
/// after the plan; between partitions that catch up that may be hours of stream time. Milliseconds
/// of stream time.
pub const USERS_AWAITED_MS: i64 = DAY_MS;
/// How long nothing is planned for a target after a person denied it. Milliseconds of stream time.
pub const DENIED_MS: i64 = DAY_MS;
/// How long the identity system may take for an answer. Then a request is sent again, and the next
/// time after twice as long. Milliseconds of stream time.
pub const UNANSWERED_MS: i64 = 300_000;
/// How often the time until a request is sent again doubles.
const DOUBLINGS_MAX: u32 = 14;
/// How long after a request the first report comes of who still acted. Milliseconds of stream time.
pub const USES_REPORT_MS: i64 = 60_000;
/// How often the time until the next report doubles.
const USES_DOUBLINGS_MAX: u32 = 6;
/// Bytes of the reason that a request keeps for being sent later.
pub const REASON_BYTES_MAX: usize = 256;

const DAY_MS: i64 = 86_400_000;

/// What a plan waits for until the credential has said who else has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AwaitedUsers {
    /// For nothing of the kind.
    #[default]
    Not,
    /// That no other agent has it: nothing else proves that it is the agent's own.
    NoOther,
    /// That not too many have it: the scope names it.
    Few,
}

impl AwaitedUsers {
    /// What is awaited for the credential of an action.
    #[must_use]
    pub(super) fn of_proof(proof: &CredentialProof<'_>) -> Self {
        match (proof.others, proof.listed) {
            (Some(_), _) => AwaitedUsers::Not,
            (None, true) => AwaitedUsers::Few,
            (None, false) => AwaitedUsers::NoOther,
        }
    }
}

/// A target that an incident asked to revoke, planned to ask for in shadow, or waits to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRequest {
    pub target: RevocationTarget,
    pub rule: Text,
    pub incident: DerivedId,
    /// The number of the incident's plan that has it, from 1.
    pub number: u32,
    /// Its position in that plan, from 1, and how many targets the plan has.
    pub order: (u32, u32),
    /// Its part in a delegation tree, where the plan is over one.
    pub part: Option<TreePart>,
    /// [`RevocationMode::Shadow`], [`RevocationMode::Approve`] or [`RevocationMode::Auto`].
    pub mode: RevocationMode,
    pub state: RequestState,
    /// Stream time at which it was sent, or planned; epoch milliseconds.
    pub asked_ms: i64,
    /// Which request about the target it is, from 1. One that failed is followed by another.
    pub attempt: u32,
    /// Whether the identity system ever got it.
    pub sent: bool,
    /// How often it was sent again because nobody answered.
    pub repeats: u32,
    /// Stream time at which the plan lapses unless a person decides, epoch milliseconds.
    pub decide_by_ms: Option<i64>,
    /// Until when it matters: that it was sent, refused or denied. Epoch milliseconds.
    pub kept_until_ms: i64,
    /// Later incidents that asked for the same target.
    pub joined: Vec<DerivedId>,
    /// When the identity system says that it revoked the target, epoch milliseconds.
    pub confirmed_ms: Option<i64>,
    /// Who still acted after the request.
    pub uses: TargetUses,
    /// What the member of a tree was let know of it.
    pub announced: AnnouncedState,
    /// Whether the plan waits for the users of its credential and not for a person.
    pub awaits: AwaitedUsers,
    pub cause: RequestCause,
}

/// A target that the identity system says is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedTarget {
    pub target: RevocationTarget,
    pub txn: DerivedId,
    /// When it was revoked, epoch milliseconds.
    pub at_ms: i64,
}

/// The actions that were done with a target after its revocation was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetUses {
    /// Actions of the agent whose incident it is.
    own: u32,
    /// Actions of the member of its tree that is the target.
    of_member: u32,
    /// Time of the last one, epoch milliseconds.
    last_ms: Option<i64>,
    /// How many the audit topic knows.
    reported: u32,
    /// How often they were reported, and when last, epoch milliseconds.
    reports: (u32, Option<i64>),
}

impl TargetUses {
    /// Counts an action of the agent whose incident it is.
    pub(super) fn count_own(&mut self, at_ms: i64) {
        self.own = self.own.saturating_add(1);
        self.last_ms = self.last_ms.max(Some(at_ms));
    }

    /// Sets how often the member of its tree acted, as it says itself. A notice that was overtaken
    /// by a later one changes nothing.
    pub(super) fn set_of_member(&mut self, count: u32, last_ms: i64) {
        if count > self.of_member {
            self.of_member = count;
            self.last_ms = self.last_ms.max(Some(last_ms));
        }
    }

    /// Whether nothing was reported yet.
    pub(super) fn is_unreported(&self) -> bool {
        self.reports.0 == 0
    }

    /// Notes that the audit topic knows all of them.
    pub(super) fn note_reported(&mut self, at_ms: i64) {
        self.reported = self.count();
        self.reports = (self.reports.0.saturating_add(1), Some(at_ms));
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.own.saturating_add(self.of_member)
    }

    /// Time of the last one, epoch milliseconds.
    #[must_use]
    pub fn last_ms(&self) -> Option<i64> {
        self.last_ms
    }
}

/// What a request says when it is sent later than its alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCause {
    pub agent: Text,
    pub task: Option<Text>,
    pub severity: RuleLevel,
    /// The alert that shows it.
    pub message: DerivedId,
    pub event_id: Text,
    /// Why, in one sentence; at most `REASON_BYTES_MAX` bytes.
    pub reason: Text,
    /// Append time of the record that caused it, epoch milliseconds.
    pub append_ms: i64,
    pub first: FirstEvent,
}

impl TargetRequest {
    /// The agent that a request about it hits.
    pub(super) fn agent(&self) -> &Text {
        let member = self.part.as_ref().and_then(TreePart::member);
        member.unwrap_or(&self.cause.agent)
    }

    /// Whether `incident` asked for it, or joined it.
    pub(super) fn is_about(&self, incident: DerivedId) -> bool {
        self.incident == incident || self.joined.contains(&incident)
    }

    /// Whether the target belongs to another agent than the one whose incident it is.
    pub(super) fn is_of_member(&self) -> bool {
        matches!(self.part, Some(TreePart::Member { .. }))
    }

    /// Why the target is in its plan, for people.
    pub(super) fn target_reason(&self) -> String {
        match &self.part {
            Some(part) => part_reason(&self.rule, &self.target, part),
            None => {
                let kind = self.target.kind.as_str();
                format!("rule {} asks to revoke the {kind}", self.rule)
            }
        }
    }

    /// The target as a message to the identity system names it.
    pub(super) fn planned(&self) -> PlannedTarget {
        PlannedTarget {
            target: self.target.clone(),
            reason: self.target_reason(),
            attempt: self.attempt,
            order: self.order,
        }
    }

    /// From the request until nobody acted with the target any more, in milliseconds; `None` while
    /// the identity system has not confirmed it.
    #[must_use]
    pub fn effective_ms(&self) -> Option<i64> {
        let ended_ms = self.confirmed_ms.max(self.uses.last_ms());
        let confirmed = self.confirmed_ms.and(ended_ms);
        confirmed.map(|ended_ms| ended_ms.saturating_sub(self.asked_ms).max(0))
    }

    /// Whether somebody acted with the target after it should have been revoked: after the
    /// confirmation, or where there is none after the request.
    #[must_use]
    pub fn still_acts(&self) -> bool {
        let last_ms = self.uses.last_ms();
        last_ms.is_some_and(|last_ms| self.confirmed_ms.is_none_or(|at_ms| last_ms > at_ms))
    }

    /// Whether it may make room for another: it is over, and its incident is closed.
    pub(super) fn is_spare(&self, incident_open: bool) -> bool {
        let over = match self.state {
            RequestState::Sent
            | RequestState::Waiting
            | RequestState::Refused
            | RequestState::Denied
            | RequestState::Planned => false,
            RequestState::Done
            | RequestState::NotFound
            | RequestState::Partial
            | RequestState::Failed
            | RequestState::Withdrawn
            | RequestState::Lapsed => true,
        };
        over && !incident_open
    }

    /// Stream time at which it is forgotten once its incident is closed.
    fn forgotten_ms(&self) -> i64 {
        match self.state {
            RequestState::Sent | RequestState::Refused | RequestState::Denied => self.kept_until_ms,
            RequestState::Waiting => self.kept_until_ms.max(self.decide_by_ms.unwrap_or(0)),
            // The tree still has the agent: forgotten, it would be taken for one that came later.
            RequestState::Done if self.part.is_some() => self.kept_until_ms,
            _ => self.asked_ms.saturating_add(REQUEST_KEPT_MS),
        }
    }

    /// Whether nothing depends on it any more.
    pub(super) fn is_forgotten(&self, incident_open: bool, stream_ms: i64) -> bool {
        !incident_open && self.forgotten_ms() <= stream_ms
    }

    /// Stream time at which it is sent again unless the identity system answers.
    pub(super) fn repeat_due_ms(&self) -> Option<i64> {
        let wait_ms = UNANSWERED_MS << self.repeats.min(DOUBLINGS_MAX);
        let due_ms = self.asked_ms.saturating_add(wait_ms);
        let waits = self.state == RequestState::Sent && self.repeats <= DOUBLINGS_MAX;
        (waits && due_ms < self.kept_until_ms).then_some(due_ms)
    }

    /// Stream time at which its further uses are due in the audit topic: a minute after the
    /// request, then after twice as long each time.
    pub(super) fn uses_due_ms(&self) -> Option<i64> {
        let open = matches!(self.state, RequestState::Sent | RequestState::Done);
        let (reports, last_ms) = self.uses.reports;
        let wait_ms = USES_REPORT_MS << reports.min(USES_DOUBLINGS_MAX);
        let due_ms = last_ms.unwrap_or(self.asked_ms).saturating_add(wait_ms);
        (open && self.uses.count() > self.uses.reported).then_some(due_ms)
    }

    /// Stream time at which something is to be done about it.
    pub(super) fn next_due_ms(&self, incident_open: bool) -> Option<i64> {
        let lapses_ms = self
            .decide_by_ms
            .filter(|_| self.state == RequestState::Waiting);
        let forgotten_ms = (!incident_open).then(|| self.forgotten_ms());
        let all = [
            lapses_ms,
            self.repeat_due_ms(),
            self.uses_due_ms(),
            forgotten_ms,
        ];
        all.into_iter().flatten().min()
    }
}

/// How long a request about `target`, sent at `asked_ms`, is remembered: until the credential
/// expires, at `expires_ms` by its record. One that was used after the end that its record names
/// expires at an unknown time.
pub(super) fn kept_until_ms(
    target: &RevocationTarget,
    expires_ms: Option<i64>,
    asked_ms: i64,
) -> i64 {
    let claimed_ms =
        expires_ms.filter(|end_ms| target.kind == TargetKind::Credential && *end_ms > asked_ms);
    match claimed_ms {
        Some(end_ms) => end_ms.clamp(
            asked_ms.saturating_add(REQUEST_KEPT_MS),
            asked_ms.saturating_add(KEPT_MAX_MS),
        ),
        None => asked_ms.saturating_add(KEPT_UNKNOWN_MS),
    }
}

/// The beginning of a sentence, as far as a request keeps it.
pub(super) fn shorten_reason(sentence: &str) -> Text {
    if sentence.len() <= REASON_BYTES_MAX {
        return sentence.into();
    }
    let mut end = REASON_BYTES_MAX.saturating_sub('…'.len_utf8());
    while !sentence.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &sentence[..end]).into()
}
