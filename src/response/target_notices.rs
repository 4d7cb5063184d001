//! What agents of one tree let each other know of their requests.
//!
//! The agent above announces its requests about a member, and what became of them; the member
//! reports how often it acted with the target since.

use crate::event::{AgentKey, TargetNotice, Text, UsesNotice};

use super::id::DerivedId;
use super::request_ledger::RequestLedger;
use super::request_state::AnnouncedState;
use super::target::{RevocationTarget, TargetKind, TargetName};
use super::target_request::TargetRequest;
use super::watched_target::{WATCHED_MAX, WatchedTarget};

impl RequestLedger {
    /// The request of an agent above about `target`.
    pub(super) fn find_watched(&self, target: &RevocationTarget) -> Option<&WatchedTarget> {
        let mut watched = self.watched.iter();
        watched.find(|one| one.target.is_same(target))
    }

    pub(super) fn note_requested(&mut self, agent: &AgentKey, notice: &TargetNotice) -> bool {
        let Some(txn) = DerivedId::parse(&notice.txn) else {
            return true;
        };
        let is_it = |one: &WatchedTarget| one.is_of(&notice.planner, txn, notice.asked_ms);
        if notice.over {
            self.watched.retain(|one| !is_it(one));
            return true;
        }
        if let Some(known) = self.watched.iter_mut().find(|one| is_it(one)) {
            known.confirmed_ms = notice.confirmed_ms;
            known.until_ms = notice.until_ms;
            return true;
        }
        let full = self.watched.len() >= WATCHED_MAX;
        if full {
            self.watched.remove(0);
        }
        self.watched.push(WatchedTarget {
            target: noticed_target(agent, notice),
            planner: notice.planner.clone(),
            txn,
            asked_ms: notice.asked_ms,
            confirmed_ms: notice.confirmed_ms,
            until_ms: notice.until_ms,
            count: 0,
            last_ms: i64::MIN,
            reported: (0, i64::MIN),
        });
        !full
    }

    pub(super) fn forget_watched(&mut self, stream_ms: i64) {
        self.watched.retain(|one| one.until_ms > stream_ms);
    }

    pub(super) fn take_uses_notices(
        &mut self,
        agent: &Text,
        stream_ms: i64,
    ) -> Vec<(Text, UsesNotice)> {
        let mut notices = Vec::new();
        for watched in &mut self.watched {
            if !watched.is_report_due(stream_ms) {
                continue;
            }
            watched.reported = (watched.count, stream_ms);
            let notice = UsesNotice {
                member: agent.clone(),
                txn: watched.txn.to_string().into(),
                asked_ms: watched.asked_ms,
                count: watched.count,
                last_ms: watched.last_ms,
            };
            notices.push((watched.planner.clone(), notice));
        }
        notices
    }

    pub(super) fn note_member_uses(&mut self, notice: &UsesNotice) {
        let Some(txn) = DerivedId::parse(&notice.txn) else {
            return;
        };
        let is_it = |entry: &&mut TargetRequest| {
            entry.is_of_member()
                && *entry.agent() == notice.member
                && DerivedId::txn(entry.incident) == txn
                && entry.asked_ms == notice.asked_ms
        };
        if let Some(entry) = self.entries.iter_mut().find(is_it) {
            entry.uses.set_of_member(notice.count, notice.last_ms);
        }
    }

    pub(super) fn take_target_notices(&mut self, agent: &Text) -> Vec<(Text, TargetNotice)> {
        let mut notices = Vec::new();
        for entry in &mut self.entries {
            let announced = entry.announced.after(entry.state);
            if !entry.is_of_member() || announced == entry.announced {
                continue;
            }
            entry.announced = announced;
            let notice = TargetNotice {
                planner: agent.clone(),
                txn: DerivedId::txn(entry.incident).to_string().into(),
                credential: match &entry.target.name {
                    TargetName::JwtId { iss, jti } => Some((jti.clone(), iss.clone())),
                    TargetName::IssSub { .. } | TargetName::Opaque { .. } => None,
                },
                asked_ms: entry.asked_ms,
                confirmed_ms: entry.confirmed_ms,
                until_ms: entry.kept_until_ms,
                over: announced == AnnouncedState::Over,
            };
            notices.push((entry.agent().clone(), notice));
        }
        notices
    }
}

/// The target of a notice to `agent`. No other agent can be meant by it.
fn noticed_target(agent: &AgentKey, notice: &TargetNotice) -> RevocationTarget {
    match &notice.credential {
        Some((id, issuer)) => RevocationTarget {
            kind: TargetKind::Credential,
            name: TargetName::JwtId {
                iss: issuer.clone(),
                jti: id.clone(),
            },
        },
        None => RevocationTarget {
            kind: TargetKind::Agent,
            name: TargetName::Opaque {
                id: agent.to_string().into(),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AgentAction;

    fn notice(txn: usize, asked_ms: i64) -> TargetNotice {
        TargetNotice {
            planner: "top".into(),
            txn: format!("{txn:032x}").into(),
            credential: Some(("tok".into(), "https://idp".into())),
            asked_ms,
            confirmed_ms: None,
            until_ms: asked_ms + 1_000_000,
            over: false,
        }
    }

    fn ledger(notices: &[TargetNotice]) -> RequestLedger {
        let mut ledger = RequestLedger::default();
        for notice in notices {
            ledger.note_requested(&AgentKey::new("acme", "leaf"), notice);
        }
        ledger
    }

    fn uses(credential: &str) -> AgentAction {
        AgentAction {
            credential_id: Some(credential.into()),
            ..AgentAction::new("leaf")
        }
    }

    #[test]
    fn so_many_requests_are_watched_and_the_oldest_gives_way() {
        let leaf = AgentKey::new("acme", "leaf");
        let mut ledger = RequestLedger::default();
        for n in 0..WATCHED_MAX {
            assert!(ledger.note_requested(&leaf, &notice(n, 1)), "{n}");
        }
        assert!(ledger.note_requested(&leaf, &notice(3, 1)), "a repeat");
        assert!(!ledger.note_requested(&leaf, &notice(99, 1)));
        assert_eq!(ledger.watched.len(), WATCHED_MAX);
        assert_eq!(ledger.watched[0].txn.to_string(), notice(1, 1).txn);
        let no_txn = TargetNotice {
            txn: "no id of ours".into(),
            ..notice(0, 1)
        };
        assert!(ledger.note_requested(&leaf, &no_txn));
        assert_eq!(ledger.watched.len(), WATCHED_MAX, "changes nothing");
        ledger.forget_watched(1_000_001);
        assert_eq!(ledger.watched.len(), 0);
    }

    #[test]
    fn only_an_accepted_action_with_the_target_after_the_request_counts() {
        let denied = AgentAction {
            outcome: Some(crate::event::ActionOutcome::Denied),
            ..uses("tok")
        };
        for (action, at_ms, counts) in [
            (uses("tok"), 100, true),
            (uses("tok"), 99, false),
            (uses("other"), 100, false),
            (denied, 100, false),
        ] {
            let mut ledger = ledger(&[notice(1, 100)]);
            assert_eq!(ledger.note_target_use(&action, at_ms), counts, "{at_ms}");
            let reports = ledger.take_uses_notices(&"leaf".into(), at_ms);
            assert_eq!(reports.len(), usize::from(counts), "{at_ms}");
        }
    }

    /// A repeated or changed notice keeps the count; one that ends it forgets it.
    #[test]
    fn a_notice_sets_what_is_known_of_the_request() {
        let mut ledger = ledger(&[notice(1, 100)]);
        ledger.note_target_use(&uses("tok"), 200);
        let leaf = AgentKey::new("acme", "leaf");
        let confirmed = TargetNotice {
            confirmed_ms: Some(150),
            ..notice(1, 100)
        };
        ledger.note_requested(&leaf, &confirmed);
        ledger.note_requested(&leaf, &confirmed);
        assert_eq!(ledger.confirmed_targets().count(), 1);
        let reports = ledger.take_uses_notices(&"leaf".into(), 200);
        assert_eq!((reports[0].1.count, reports[0].1.last_ms), (1, 200));
        let over = TargetNotice {
            over: true,
            ..confirmed
        };
        ledger.note_requested(&leaf, &over);
        assert!(ledger.watched.is_empty());
    }
}
