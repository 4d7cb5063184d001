//! Ids that survive the loss of state: each is a hash of the thing it names, never a counter or a
//! random number.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{AgentKey, RecordPosition};

use super::target::RevocationTarget;

/// The first 16 bytes of a BLAKE3 hash over length-prefixed parts; 32 hex digits in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DerivedId([u8; 16]);

impl DerivedId {
    /// Hashes `kind` and `parts`. `kind` keeps the kinds of id apart; each part is prefixed with
    /// its length, so that no two lists of parts have one encoding.
    #[must_use]
    pub fn of(kind: &str, parts: &[&[u8]]) -> DerivedId {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        DerivedId(bytes)
    }

    /// Reads 32 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<DerivedId> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16)
            .ok()
            .map(|number| DerivedId(number.to_be_bytes()))
    }

    /// The incident that the action at position `first` opens. `group`: the task, or the class or
    /// tool with the day.
    #[must_use]
    pub fn incident(
        key: &AgentKey,
        rule: &str,
        group: Option<&str>,
        first: &RecordPosition,
        append_ms: i64,
    ) -> DerivedId {
        let group_known = [u8::from(group.is_some())];
        DerivedId::of(
            "incident",
            &[
                key.tenant.as_bytes(),
                key.agent.as_bytes(),
                rule.as_bytes(),
                &group_known,
                group.unwrap_or_default().as_bytes(),
                first.topic.as_bytes(),
                &first.partition.to_le_bytes(),
                &first.offset.to_le_bytes(),
                &first.index.to_le_bytes(),
                &append_ms.to_le_bytes(),
            ],
        )
    }

    /// The incident's `n`-th alert, from 1.
    #[must_use]
    pub fn message(incident: DerivedId, n: u32) -> DerivedId {
        DerivedId::of("message", &[&incident.0, &n.to_le_bytes()])
    }

    /// The transaction of an incident: all its requests and withdrawals carry it.
    #[must_use]
    pub fn txn(incident: DerivedId) -> DerivedId {
        DerivedId::of("txn", &[&incident.0])
    }

    /// The `jti` of a security event of `event_type` about `target`, which `incident` asked for
    /// first. A request that follows a failed one has the next `attempt`, from 1, and so another
    /// id; one that is sent again without an answer has the same.
    #[must_use]
    pub fn jti(
        target: &RevocationTarget,
        incident: DerivedId,
        event_type: &str,
        attempt: u32,
    ) -> DerivedId {
        let [kind, first, second] = target.hash_parts();
        let number = attempt.to_le_bytes();
        let parts: [&[u8]; 6] = [
            kind.as_bytes(),
            first.as_bytes(),
            second.as_bytes(),
            &incident.0,
            event_type.as_bytes(),
            &number,
        ];
        // The first request has no number, as before there were others.
        let used = if attempt > 1 { &parts[..] } else { &parts[..5] };
        DerivedId::of("jti", used)
    }
}

impl fmt::Display for DerivedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_parts_do_not_run_together() {
        let id = DerivedId::of("k", &[b"ab", b"c"]);
        assert_eq!(DerivedId::parse(&id.to_string()), Some(id));
        assert_ne!(id, DerivedId::of("k", &[b"a", b"bc"]));
        assert_eq!(DerivedId::parse("xyz"), None);
        assert_eq!(DerivedId::parse("+0000000000000000000000000000000"), None);
    }

    #[test]
    fn no_task_and_an_empty_task_are_two_incidents() {
        let key = AgentKey::new("acme", "bot");
        let first = RecordPosition {
            topic: "t".into(),
            partition: 0,
            offset: 1,
            index: 0,
        };
        assert_ne!(
            DerivedId::incident(&key, "r", None, &first, 5),
            DerivedId::incident(&key, "r", Some(""), &first, 5)
        );
        assert_ne!(
            DerivedId::incident(&key, "r", None, &first, 5),
            DerivedId::incident(&key, "r", None, &first, 6)
        );
    }
}
