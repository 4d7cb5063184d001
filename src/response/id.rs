//! Ids that survive the loss of state: each is a hash of what it names, never a counter or chance.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::{AgentKey, Position};

use super::target::Target;

/// The first 16 bytes of a BLAKE3 hash over length-prefixed parts; 32 hex digits in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id([u8; 16]);

impl Id {
    /// Hashes `parts` under a word that keeps kinds of id apart. Each part is prefixed with its
    /// length, so that no two lists of parts read alike.
    #[must_use]
    pub fn of(kind: &str, parts: &[&[u8]]) -> Id {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Id(bytes)
    }

    /// Reads 32 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Id> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16)
            .ok()
            .map(|number| Id(number.to_be_bytes()))
    }

    /// The incident that the action at `first` opens. `group` is the task, class-day or nothing.
    #[must_use]
    pub fn incident(
        key: &AgentKey,
        rule: &str,
        group: Option<&str>,
        first: &Position,
        append_ms: i64,
    ) -> Id {
        let group_known = [u8::from(group.is_some())];
        Id::of(
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

    /// The incident's `n`-th message, from 1.
    #[must_use]
    pub fn message(incident: Id, n: u32) -> Id {
        Id::of("message", &[&incident.0, &n.to_le_bytes()])
    }

    /// The transaction under which everything about an incident's requests is sent.
    #[must_use]
    pub fn txn(incident: Id) -> Id {
        Id::of("txn", &[&incident.0])
    }

    /// The `jti` of one security event about `target`, first asked for by `incident`.
    #[must_use]
    pub fn jti(target: &Target, incident: Id, event_type: &str) -> Id {
        let [kind, first, second] = target.parts();
        Id::of(
            "jti",
            &[
                kind.as_bytes(),
                first.as_bytes(),
                second.as_bytes(),
                &incident.0,
                event_type.as_bytes(),
            ],
        )
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_parts_do_not_run_together() {
        let id = Id::of("k", &[b"ab", b"c"]);
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_ne!(id, Id::of("k", &[b"a", b"bc"]));
        assert_eq!(Id::parse("xyz"), None);
        assert_eq!(Id::parse("+0000000000000000000000000000000"), None);
    }

    #[test]
    fn no_task_and_an_empty_task_are_two_incidents() {
        let key = AgentKey::new("acme", "bot");
        let first = Position {
            topic: "t".into(),
            partition: 0,
            offset: 1,
            index: 0,
        };
        assert_ne!(
            Id::incident(&key, "r", None, &first, 5),
            Id::incident(&key, "r", Some(""), &first, 5)
        );
        assert_ne!(
            Id::incident(&key, "r", None, &first, 5),
            Id::incident(&key, "r", None, &first, 6)
        );
    }
}
