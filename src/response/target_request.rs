//! One request about one target: how far it has come, and how long it matters.

use serde::{Deserialize, Serialize};

use crate::event::{AgentAction, Text};

use super::alert::{FirstEvent, RequestState};
use super::id::DerivedId;
use super::rule_view::{RevocationMode, Severity};
use super::target::{RevocationTarget, TargetKind};

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
/// How long nothing is planned for a target after a person denied it. Milliseconds of stream time.
pub const DENIED_MS: i64 = DAY_MS;
/// How long the identity system may take for an answer. Then a request is sent again, and the next
/// time after twice as long. Milliseconds of stream time.
pub const UNANSWERED_MS: i64 = 300_000;
/// How often the time until a request is sent again doubles.
const DOUBLINGS_MAX: u32 = 14;
/// Bytes of the reason that a request keeps for being sent later.
pub const REASON_BYTES_MAX: usize = 256;

const DAY_MS: i64 = 86_400_000;

/// A target that an incident asked to revoke, planned to ask for in shadow, or waits to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRequest {
    pub target: RevocationTarget,
    pub rule: Text,
    pub incident: DerivedId,
    /// The number of the incident's plan that has it, from 1.
    pub number: u32,
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
    /// Stream time of the last action done with the target before the revocation took effect.
    pub last_use_ms: Option<i64>,
    pub cause: RequestCause,
}

/// What a request says when it is sent later than its alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCause {
    pub agent: Text,
    pub task: Option<Text>,
    pub severity: Severity,
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
            RequestState::Sent
            | RequestState::Waiting
            | RequestState::Refused
            | RequestState::Denied => self.kept_until_ms,
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

    /// Stream time at which something is to be done about it.
    pub(super) fn next_due_ms(&self, incident_open: bool) -> Option<i64> {
        let lapses_ms = self
            .decide_by_ms
            .filter(|_| self.state == RequestState::Waiting);
        let forgotten_ms = (!incident_open).then(|| self.forgotten_ms());
        let all = [lapses_ms, self.repeat_due_ms(), forgotten_ms];
        all.into_iter().flatten().min()
    }
}

/// How long a request about `target`, sent at `asked_ms`, is remembered: until the credential
/// expires. One that was used after the end that its record names expires at an unknown time.
pub(super) fn kept_until_ms(target: &RevocationTarget, action: &AgentAction, asked_ms: i64) -> i64 {
    let claimed_ms = action
        .credential_expires_at_ms
        .filter(|end_ms| target.kind == TargetKind::Credential && *end_ms > asked_ms);
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
