//! The numbers of gateways' records that came to this partition, until they are sent to the
//! partition that watches the gateway: one gateway's records are spread over all partitions, so
//! none of them sees alone which number is missing.

use serde::{Deserialize, Serialize};

use crate::event::{GATEWAY_NUMBERS_MAX, GatewayNotice, Text};

/// Gateways of a tenant whose numbers one partition keeps.
const GATEWAYS_MAX: usize = 16;
/// How long a number waits for others before it is sent, milliseconds.
const SEND_AFTER_MS: i64 = 60_000;
/// How often the partition says its time while it has no number, milliseconds.
const SAY_TIME_MS: i64 = 5 * 60_000;
/// A gateway without a record for so long is forgotten, milliseconds.
const FORGET_AFTER_MS: i64 = 24 * 3_600_000;

/// The gateways of a tenant, as far as this partition is concerned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct GatewayNumbers(Vec<UnsentNumbers>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UnsentNumbers {
    gateway: Text,
    numbers: Vec<u64>,
    /// When its last record came.
    last_ms: i64,
    /// When a notice is due.
    due_ms: i64,
}

/// What became of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberNote {
    /// It waits with others that wait already.
    Kept,
    /// It is the first one that waits: the timer has changed.
    First,
    /// There are as many as one notice carries: they are due now.
    Full,
    /// The tenant has as many gateways as may be.
    NoRoom,
}

impl GatewayNumbers {
    pub fn note_number(&mut self, gateway: &Text, number: u64, now_ms: i64) -> NumberNote {
        let known = self.0.iter().position(|one| one.gateway == *gateway);
        let ix = match known {
            Some(ix) => ix,
            None if self.0.len() >= GATEWAYS_MAX => return NumberNote::NoRoom,
            None => {
                self.0.push(UnsentNumbers {
                    gateway: gateway.clone(),
                    numbers: Vec::new(),
                    last_ms: now_ms,
                    due_ms: i64::MAX,
                });
                self.0.len() - 1
            }
        };
        let Some(one) = self.0.get_mut(ix) else {
            return NumberNote::NoRoom;
        };
        one.numbers.push(number);
        one.last_ms = now_ms;
        match one.numbers.len() {
            GATEWAY_NUMBERS_MAX.. => {
                one.due_ms = now_ms;
                NumberNote::Full
            }
            1 => {
                one.due_ms = one.due_ms.min(now_ms.saturating_add(SEND_AFTER_MS));
                NumberNote::First
            }
            _ => NumberNote::Kept,
        }
    }

    /// Stream time at which a notice is due.
    pub fn due_ms(&self) -> Option<i64> {
        self.0.iter().map(|one| one.due_ms).min()
    }

    /// The notices that are due. `partition`: the number of this partition.
    pub fn take_due(&mut self, partition: i32, now_ms: i64) -> Vec<GatewayNotice> {
        let mut notices = Vec::new();
        for one in self.0.iter_mut().filter(|one| one.due_ms <= now_ms) {
            let notice = GatewayNotice {
                gateway: one.gateway.clone(),
                partition,
                as_of_ms: now_ms,
                leaves: now_ms.saturating_sub(one.last_ms) >= FORGET_AFTER_MS,
                ..GatewayNotice::default()
            };
            notices.push(notice.with_numbers(std::mem::take(&mut one.numbers)));
            one.due_ms = now_ms.saturating_add(SAY_TIME_MS);
        }
        self.0
            .retain(|one| now_ms.saturating_sub(one.last_ms) < FORGET_AFTER_MS);
        notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sent_after_a_minute_or_when_a_notice_is_full() {
        let mut numbers = GatewayNumbers::default();
        let gateway = Text::from("gw");
        assert_eq!(numbers.note_number(&gateway, 5, 1_000), NumberNote::First);
        assert_eq!(numbers.note_number(&gateway, 9, 2_000), NumberNote::Kept);
        assert_eq!(numbers.due_ms(), Some(1_000 + SEND_AFTER_MS));
        assert!(numbers.take_due(3, SEND_AFTER_MS).is_empty());
        let sent = numbers.take_due(3, 1_000 + SEND_AFTER_MS);
        assert_eq!(sent[0].numbers().collect::<Vec<_>>(), [5, 9]);
        assert_eq!(sent[0].partition, 3);
        let now_ms = 10_000_000;
        for number in 0..GATEWAY_NUMBERS_MAX as u64 - 1 {
            numbers.note_number(&gateway, number, now_ms);
        }
        assert_eq!(
            numbers.note_number(&gateway, 7_000, now_ms),
            NumberNote::Full
        );
        let sent = numbers.take_due(0, now_ms);
        assert_eq!(sent[0].numbers().count(), GATEWAY_NUMBERS_MAX);
    }

    #[test]
    fn a_quiet_partition_says_its_time_and_leaves_after_a_day() {
        let mut numbers = GatewayNumbers::default();
        numbers.note_number(&"gw".into(), 5, 0);
        let mut times = Vec::new();
        while let Some(due_ms) = numbers.due_ms() {
            for notice in numbers.take_due(0, due_ms) {
                times.push((due_ms, notice.leaves));
            }
        }
        assert_eq!(times[1].0 - times[0].0, SAY_TIME_MS);
        let (last, before) = times.split_last().unwrap();
        assert!(last.1 && last.0 >= FORGET_AFTER_MS);
        assert!(before.iter().all(|(_, leaves)| !leaves));
    }

    #[test]
    fn further_gateways_have_no_room_and_take_none_from_those_that_are_known() {
        let mut numbers = GatewayNumbers::default();
        for n in 0..GATEWAYS_MAX {
            let gateway = Text::from(format!("gw-{n}"));
            assert_eq!(numbers.note_number(&gateway, 1, 0), NumberNote::First);
        }
        assert_eq!(
            numbers.note_number(&"more".into(), 1, 0),
            NumberNote::NoRoom
        );
        assert_eq!(numbers.note_number(&"gw-3".into(), 2, 0), NumberNote::Kept);
    }
}
