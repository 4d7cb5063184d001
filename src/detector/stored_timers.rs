//! Timers as they are stored: an index of due times, which the live values of the subjects restore.

use super::credential_state::CredentialLive;
use super::subject::{AgentLive, SubjectKey, TenantLive, decode_value};

/// Prefix of the keys of stored timers. They never go to the changelog, which can restore them.
pub const TIMER_PREFIX: &str = "#timer/";

/// Key of a timer in the store: due time in fixed width, so that keys sort by it.
#[must_use]
pub fn timer_key(due_ms: i64, key: &SubjectKey) -> Vec<u8> {
    format!("{TIMER_PREFIX}{:020}/{}", due_ms.max(0), key.key_prefix()).into_bytes()
}

/// Reads `timer_key` back.
#[must_use]
pub fn parse_timer_key(key: &[u8]) -> Option<(i64, SubjectKey)> {
    let rest = std::str::from_utf8(key).ok()?.strip_prefix(TIMER_PREFIX)?;
    let (due_ms, subject) = rest.split_once('/')?;
    Some((due_ms.parse().ok()?, SubjectKey::parse(subject)?))
}

/// The stored timer that belongs to a stored value, for a store that is rebuilt from the changelog.
/// Only live values have one: they know when the first deferred action is due, too.
#[must_use]
pub fn timer_of(key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let prefix = std::str::from_utf8(key).ok()?.strip_suffix("#live")?;
    let subject = SubjectKey::parse(prefix)?;
    let due_ms = match &subject {
        SubjectKey::Tenant(_) => decode_value::<TenantLive>(&subject, value).ok()?.due_ms(),
        SubjectKey::Credential(_) => decode_value::<CredentialLive>(&subject, value)
            .ok()?
            .due_ms(),
        SubjectKey::Agent(_) | SubjectKey::Overflow(_) => {
            decode_value::<AgentLive>(&subject, value).ok()?.due_ms()
        }
    };
    Some(timer_key(due_ms?, &subject))
}
