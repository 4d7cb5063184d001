//! An action with the time it is judged at, and what its record says of position and time.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::baseline::Outage;
use crate::event::{AgentAction, ControlRecord, Input, LinkCause, RecordPosition, TimeSource};
use crate::response::CredentialSigns;
use crate::scope::SILENCE_MAX_MS;

use super::limits::{CLAMP_AFTER_MS, CLAMP_BEFORE_MS};

/// Where a record comes from and whose time counts for it.
#[derive(Debug, Clone)]
pub(super) struct RecordOrigin {
    pub input: Input,
    pub position: RecordPosition,
    /// Append time of the record, epoch milliseconds.
    pub append_ms: i64,
    pub time: TimeSource,
}

impl RecordOrigin {
    /// The origin of what a record led to somewhere else. Its input matters only to records that
    /// are to be applied.
    pub fn of_cause(cause: &LinkCause) -> Self {
        RecordOrigin {
            input: Input::Links,
            position: cause.position.clone(),
            append_ms: cause.append_ms,
            time: TimeSource::Append,
        }
    }

    /// When a command counts as given, epoch milliseconds. A record of a replay may have no append
    /// time. A person's own time could be one of the future, after which no command would count
    /// any more.
    pub fn command_ms(&self, control: &ControlRecord) -> i64 {
        match self.append_ms {
            0 => control.at_ms,
            append_ms => append_ms,
        }
    }
}

/// An action with the time it is judged at.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimedAction<'a> {
    pub action: &'a AgentAction,
    pub origin: &'a RecordOrigin,
    /// The action's own time, epoch milliseconds. Under an append source it lies within bounds of
    /// the append time.
    pub at_ms: i64,
    /// When limits and baselines count the action: at its own time, or earlier, see
    /// [`Self::time_in_silence`].
    pub counted_ms: i64,
    /// Whether the action's claim lay outside of these bounds.
    pub clamped: bool,
    /// Whether one of the agent's last records had the same event id with other content.
    pub id_reused: bool,
    /// How it differs from the earlier uses of its credential.
    pub credential: CredentialSigns,
    /// The last outage of its tenant; baselines skip it.
    pub outage: Option<Outage>,
}

impl<'a> TimedAction<'a> {
    /// Decides the time at which an action is judged. Under an append source a claim far from the
    /// append time moves to the nearest bound: an agent's clock may not choose its scope version
    /// or its pane. Under event time and in a backfill only a claim of the future moves.
    pub fn new(action: &'a AgentAction, origin: &'a RecordOrigin) -> Self {
        let claim_ms = claimed_ms(action, origin.append_ms);
        let at_ms = match (origin.time, origin.input) {
            (TimeSource::Event, _) | (_, Input::Backfill) => claim_ms,
            (TimeSource::Append, _) => {
                claim_ms.max(origin.append_ms.saturating_sub(CLAMP_BEFORE_MS))
            }
        };
        TimedAction {
            action,
            origin,
            at_ms,
            counted_ms: at_ms,
            clamped: action.occurred_at_ms.is_some_and(|claim| claim != at_ms),
            id_reused: false,
            credential: CredentialSigns::default(),
            outage: None,
        }
    }

    /// When limits and baselines count the action of an agent that did nothing after
    /// `acted_last_ms`. What claims a time before the bound at which it is judged may have waited
    /// for a gateway or a broker that was down: it is counted at the claimed time, but not before
    /// anything that was counted of the agent, nor more than [`SILENCE_MAX_MS`] before its append
    /// time. So an agent can spread a burst over hours in which it did nothing, which it may have
    /// used, and over no others.
    pub fn time_in_silence(&self, acted_last_ms: i64) -> i64 {
        let append_ms = self.origin.append_ms;
        claimed_ms(self.action, append_ms)
            .max(append_ms.saturating_sub(SILENCE_MAX_MS))
            .max(acted_last_ms)
            .min(self.at_ms)
    }

    /// The record as the cause of what it leads to elsewhere.
    pub fn cause(&self, event_id: &str) -> LinkCause {
        LinkCause {
            position: self.origin.position.clone(),
            append_ms: self.origin.append_ms,
            at_ms: self.at_ms,
            event_id: event_id.into(),
        }
    }

    /// The gateway's id of the event, else its position.
    pub fn event_id(&self) -> Cow<'a, str> {
        match &self.action.event_id {
            Some(id) => Cow::Borrowed(id.as_str()),
            None => Cow::Owned(self.origin.position.to_string()),
        }
    }
}

/// When an action says that it happened, but at most [`CLAMP_AFTER_MS`] after its append time.
/// Nothing happens after it was written down, except by a clock that is wrong, and one such record
/// would carry every agent of its partition into the future.
#[must_use]
pub fn claimed_ms(action: &AgentAction, append_ms: i64) -> i64 {
    let latest_ms = append_ms.saturating_add(CLAMP_AFTER_MS);
    action
        .occurred_at_ms
        .map_or(append_ms, |at_ms| at_ms.min(latest_ms))
}
