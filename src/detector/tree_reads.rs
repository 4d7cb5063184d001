//! What the other agents of a delegation tree have read: untrusted content and private data, the
//! newest of each.

use serde::{Deserialize, Serialize};

use crate::event::{FlowNotice, NoticedRead, Text};

/// How long what another agent of the tree has read counts, milliseconds.
pub const TREE_READ_MS: i64 = 3_600_000;
/// A read is passed on only if it is so much later than the one that was passed on before,
/// milliseconds: an agent that reads all the time sends two kinds of links six times an hour.
pub const READ_AGAIN_MS: i64 = 600_000;

/// What an agent knows of the reads in its tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeReads {
    untrusted: Option<NoticedRead>,
    private: Option<NoticedRead>,
    /// When the own reads were that were sent last, epoch milliseconds.
    sent_untrusted_ms: Option<i64>,
    sent_private_ms: Option<i64>,
}

impl TreeReads {
    /// Another agent that read untrusted content within the last hour, and one that read private
    /// data.
    pub fn in_reach(&self, at_ms: i64) -> (Option<&Text>, Option<&Text>) {
        (
            agent_in_reach(self.untrusted.as_ref(), at_ms),
            agent_in_reach(self.private.as_ref(), at_ms),
        )
    }

    /// What of the own reads has to be sent now; it is taken for sent.
    pub fn take_news(&mut self, own: FlowNotice) -> FlowNotice {
        FlowNotice {
            untrusted: take_newer(own.untrusted, &mut self.sent_untrusted_ms),
            private: take_newer(own.private, &mut self.sent_private_ms),
            ..own
        }
    }

    /// Takes over what a neighbour of the agent `own` sends. Returns what of it is new.
    pub fn note_flow(&mut self, own: &str, notice: &FlowNotice) -> FlowNotice {
        let mut news = notice.clone();
        for (read, known) in [
            (&mut news.untrusted, &mut self.untrusted),
            (&mut news.private, &mut self.private),
        ] {
            let known_ms = known.as_ref().map(|known| known.at_ms);
            *read = read.take().filter(|read| {
                read.agent != own && known_ms.is_none_or(|ms| is_again(read.at_ms, ms))
            });
            if read.is_some() {
                known.clone_from(read);
            }
        }
        news
    }

    /// What a new neighbour has to know: the newest reads, of this agent and of the others.
    pub fn with_own(&self, own: FlowNotice) -> FlowNotice {
        let newest = |own: Option<NoticedRead>, other: &Option<NoticedRead>| {
            own.into_iter()
                .chain(other.clone())
                .max_by_key(|read| read.at_ms)
        };
        FlowNotice {
            untrusted: newest(own.untrusted, &self.untrusted),
            private: newest(own.private, &self.private),
            ..own
        }
    }
}

fn agent_in_reach(read: Option<&NoticedRead>, at_ms: i64) -> Option<&Text> {
    let read = read?;
    let since_ms = at_ms.saturating_sub(read.at_ms);
    (0..=TREE_READ_MS)
        .contains(&since_ms)
        .then_some(&read.agent)
}

fn is_again(at_ms: i64, before_ms: i64) -> bool {
    at_ms >= before_ms.saturating_add(READ_AGAIN_MS)
}

fn take_newer(read: Option<NoticedRead>, sent_ms: &mut Option<i64>) -> Option<NoticedRead> {
    let read = read.filter(|read| sent_ms.is_none_or(|ms| is_again(read.at_ms, ms)))?;
    *sent_ms = Some(read.at_ms);
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(agent: &str, minute: i64) -> Option<NoticedRead> {
        Some(NoticedRead {
            agent: agent.into(),
            at_ms: minute * 60_000,
        })
    }

    fn notice(untrusted: Option<NoticedRead>, private: Option<NoticedRead>) -> FlowNotice {
        FlowNotice {
            sender: "boss".into(),
            untrusted,
            private,
        }
    }

    #[test]
    fn what_is_known_or_is_its_own_goes_no_further() {
        let mut reads = TreeReads::default();
        for (untrusted, private, news) in [
            (read("a", 10), None, (true, false)),
            // Once more by another way, and again too soon.
            (read("a", 10), read("b", 11), (false, true)),
            (read("c", 19), read("b", 11), (false, false)),
            (read("c", 20), read("me", 50), (true, false)),
            (read("a", 5), read("b", 21), (false, true)),
        ] {
            let found = reads.note_flow("me", &notice(untrusted, private));
            assert_eq!((found.untrusted.is_some(), found.private.is_some()), news);
        }
        let (untrusted, private) = reads.in_reach(21 * 60_000);
        assert_eq!(
            (untrusted.unwrap(), private.unwrap()),
            (&"c".into(), &"b".into())
        );
        // An hour later it counts no more, and what is read later has not happened yet.
        assert_eq!(reads.in_reach(81 * 60_000 + 1), (None, None));
        assert_eq!(reads.in_reach(20 * 60_000).1, None);
    }

    #[test]
    fn own_reads_are_sent_again_after_ten_minutes() {
        let mut reads = TreeReads::default();
        for (minute, sent) in [(0, true), (9, false), (10, true), (11, false), (20, true)] {
            let news = reads.take_news(notice(read("me", minute), None));
            assert_eq!(news.untrusted.is_some(), sent, "{minute}");
        }
        let news = reads.take_news(notice(None, read("me", 21)));
        assert!(news.private.is_some(), "each kind for itself");
    }

    #[test]
    fn a_new_neighbour_learns_the_newest_of_all() {
        let mut reads = TreeReads::default();
        reads.note_flow("me", &notice(read("a", 10), read("b", 30)));
        let all = reads.with_own(notice(read("me", 20), read("me", 20)));
        assert_eq!(
            (all.untrusted, all.private),
            (read("me", 20), read("b", 30))
        );
    }
}
