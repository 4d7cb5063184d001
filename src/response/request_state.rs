//! How far a request has come, and how much of that an agent below knows.

use serde::{Deserialize, Serialize};

use crate::event::RevocationResult;

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestState {
    /// In shadow: only shown.
    Planned,
    /// Sent, no answer yet.
    Sent,
    Done,
    NotFound,
    Refused,
    Partial,
    Failed,
    /// Withdrawn by a person.
    Withdrawn,
    /// It waits for a person's decision; nothing was sent.
    Waiting,
    /// A person decided that it is not sent.
    Denied,
    /// Nobody decided in time; nothing was sent.
    Lapsed,
}

impl RequestState {
    /// The word in alerts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestState::Planned => "planned",
            RequestState::Sent => "sent",
            RequestState::Done => "done",
            RequestState::NotFound => "not_found",
            RequestState::Refused => "refused",
            RequestState::Partial => "partial",
            RequestState::Failed => "failed",
            RequestState::Withdrawn => "withdrawn",
            RequestState::Waiting => "waiting",
            RequestState::Denied => "denied",
            RequestState::Lapsed => "lapsed",
        }
    }
}

impl From<RevocationResult> for RequestState {
    fn from(result: RevocationResult) -> Self {
        match result {
            RevocationResult::Done => RequestState::Done,
            RevocationResult::NotFound => RequestState::NotFound,
            RevocationResult::Refused => RequestState::Refused,
            RevocationResult::Partial => RequestState::Partial,
            RevocationResult::Failed => RequestState::Failed,
        }
    }
}

/// What the member of a tree was let know of a request about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AnnouncedState {
    #[default]
    Nothing,
    Requested,
    Confirmed,
    /// That it is requested no longer.
    Over,
}

impl AnnouncedState {
    /// What the member has to know, after this is what it knows.
    pub(super) fn after(self, state: RequestState) -> AnnouncedState {
        match (state, self) {
            (RequestState::Sent, _) => AnnouncedState::Requested,
            (RequestState::Done, _) => AnnouncedState::Confirmed,
            (_, AnnouncedState::Nothing) => AnnouncedState::Nothing,
            _ => AnnouncedState::Over,
        }
    }
}
