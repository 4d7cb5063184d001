//! Identical calls of a task in a row: an agent in a loop does the same again and again.

use serde::{Deserialize, Serialize};

use super::limits::REPEAT_PAUSE_MS;
use super::traits::ActionTraits;

/// The newest call of a task, and how often it came in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct CallRun {
    /// See [`CallMark`]; 0 before the first call.
    call: u64,
    count: u32,
    /// The time of the newest one by itself and by the stream, epoch milliseconds.
    at_ms: i64,
    stream_ms: i64,
}

/// What a call is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallMark(u64);

impl CallMark {
    /// The mark of an action: its tool, verb, resource and external destinations, and how much it
    /// sends. `None` for one that names neither resource nor external destination: nobody can say
    /// that two such calls are the same. It neither counts nor ends a row, because between two
    /// calls of a loop the agent asks its model what to do.
    #[must_use]
    pub fn of_action(traits: &ActionTraits, bytes_out: Option<u64>) -> Option<CallMark> {
        if traits.resource.is_none() && traits.external.is_empty() {
            return None;
        }
        let named = [traits.resource, traits.tool, bytes_out];
        let parts = named.map(Option::unwrap_or_default);
        let parts = parts.iter().chain(&traits.external);
        // The parts are hashes, but for the size: what is left is to keep their order.
        let mark = parts.fold(traits.pair, |mark, part| {
            (mark ^ part)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(23)
        });
        Some(CallMark(mark.max(1)))
    }
}

impl CallRun {
    /// Notes a call; returns how many like it came in a row, this one included.
    pub fn note_call(&mut self, CallMark(call): CallMark, at_ms: i64, stream_ms: i64) -> u32 {
        // The times of actions are said by the agent's side, and those of the stream by nobody
        // there: a rest is one only by both.
        let rested = |now_ms: i64, last_ms: i64| now_ms.saturating_sub(last_ms) > REPEAT_PAUSE_MS;
        let rest = rested(at_ms, self.at_ms) && rested(stream_ms, self.stream_ms);
        let goes_on = self.call == call && !rest;
        *self = CallRun {
            call,
            count: if goes_on {
                self.count.saturating_add(1)
            } else {
                1
            },
            at_ms,
            stream_ms,
        };
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(resource: Option<u64>) -> ActionTraits {
        ActionTraits {
            pair: 5,
            resource,
            tool: Some(9),
            ..ActionTraits::default()
        }
    }

    fn mark(resource: u64) -> CallMark {
        CallMark::of_action(&read(Some(resource)), None).unwrap()
    }

    #[test]
    fn a_row_ends_with_another_call_or_a_rest_by_both_clocks() {
        let mut run = CallRun::default();
        let pause = REPEAT_PAUSE_MS;
        let (one, other) = (mark(1), mark(2));
        // The call, its own time and that of the stream; how many in a row.
        for (call, at_ms, stream_ms, count) in [
            (one, 0, 0, 1),
            (one, pause, pause, 2),
            (one, pause, pause, 3),
            // It says that it rested, and the broker that it did not.
            (one, 9 * pause, pause, 4),
            // The broker got it late.
            (one, 9 * pause, 9 * pause, 5),
            (one, 11 * pause, 11 * pause, 1),
            (one, 11 * pause, 11 * pause, 2),
            (other, 11 * pause, 11 * pause, 1),
            (one, 11 * pause, 11 * pause, 1),
        ] {
            assert_eq!(run.note_call(call, at_ms, stream_ms), count, "{at_ms}");
        }
    }

    #[test]
    fn a_call_is_known_by_each_of_its_parts() {
        let base = ActionTraits {
            external: smallvec::smallvec![3, 4],
            ..read(Some(1))
        };
        let of = |traits: &ActionTraits| CallMark::of_action(traits, Some(10));
        let changes: [fn(&mut ActionTraits); 6] = [
            |t| t.pair = 6,
            |t| t.resource = Some(2),
            |t| t.resource = None,
            |t| t.tool = None,
            |t| t.external = smallvec::smallvec![3],
            |t| t.external = smallvec::smallvec![3, 5],
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut other = base.clone();
            change(&mut other);
            assert_ne!(of(&base), of(&other), "{number}");
        }
        assert_eq!(of(&base), of(&base.clone()));
        assert_ne!(of(&base), CallMark::of_action(&base, Some(11)));
        assert_eq!(CallMark::of_action(&read(None), Some(10)), None);
    }
}
