//! The state of a credential: one value, in the partition of its key. Links change it, because the
//! agents that use a credential may be in any partition.

use serde::{Deserialize, Serialize};

use super::credential_users::CredentialUsers;
use super::limits::{CREDENTIAL_FORGET_MS, CREDENTIAL_SEEN_STEP_MS, DECLARED_FORGET_MS};
use super::partition_state::StateChange;
use super::subject::{AppliedRecords, SubjectKey, WriteMarks, encode_value};

/// A credential's state, as it is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CredentialLive {
    /// Last link applied, so that a repeated one changes nothing.
    pub(super) applied: AppliedRecords,
    /// Stream time at which a link last came, to within [`CREDENTIAL_SEEN_STEP_MS`].
    pub(super) seen_ms: Option<i64>,
    pub(super) users: CredentialUsers,
}

impl CredentialLive {
    /// Stream time at which the credential has something due: it is forgotten.
    pub(super) fn due_ms(&self) -> Option<i64> {
        let quiet_ms = match self.users.is_declared() {
            true => DECLARED_FORGET_MS,
            false => CREDENTIAL_FORGET_MS,
        };
        Some(self.seen_ms?.saturating_add(quiet_ms))
    }

    /// Notes that a link came.
    pub(super) fn note_seen(&mut self, stream_ms: i64) {
        let noted = self.seen_ms;
        if noted.is_none_or(|seen_ms| stream_ms.saturating_sub(seen_ms) >= CREDENTIAL_SEEN_STEP_MS)
        {
            self.seen_ms = Some(stream_ms);
        }
    }
}

/// A credential's state in memory.
#[derive(Debug, Default)]
pub(super) struct CredentialState {
    pub live: CredentialLive,
    pub marks: WriteMarks,
}

impl CredentialState {
    /// Forgets the credential when no link has come for long; the next commit deletes its value.
    pub(super) fn forget_if_due(&mut self, stream_ms: i64) {
        if self.live.due_ms().is_some_and(|due_ms| due_ms <= stream_ms) {
            self.live = CredentialLive::default();
        }
    }

    pub(super) fn write_changes(
        &mut self,
        key: &SubjectKey,
        scratch: &mut Vec<u8>,
        changes: &mut Vec<StateChange>,
    ) {
        let known = self.live.seen_ms.is_some();
        changes.push(StateChange {
            key: key.live_key(),
            value: known.then(|| encode_value(&self.live, scratch)),
            local: false,
        });
        self.marks.write_timer(key, changes);
        self.marks.mark_clean();
    }
}
