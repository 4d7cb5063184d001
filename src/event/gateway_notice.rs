//! What the partitions let the own partition of a gateway know: which of its numbers have come.

use serde::{Deserialize, Serialize};

use super::limits::ID_BYTES_MAX;
use super::{AgentKey, Text};

/// Numbers that one notice carries at most.
pub const GATEWAY_NUMBERS_MAX: usize = 512;

/// The subject that holds what is known of a gateway: named `gateway:ID`, so that an alert about
/// the gateway has an agent like every other alert.
const SUBJECT_PREFIX: &str = "gateway:";

/// Numbers of a gateway's records that came to one partition. A repeat changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GatewayNotice {
    pub gateway: Text,
    /// The partition that they came to.
    pub partition: i32,
    /// Stream time of that partition, epoch milliseconds: every number that had come to it by then
    /// is sent.
    pub as_of_ms: i64,
    /// The numbers, rising: by how much each is greater than the one before, the first than 0.
    /// Empty where the notice carries the time alone.
    #[serde(default)]
    pub steps: Vec<u64>,
    /// Nothing of the gateway has come for so long that the partition sends no further notice.
    #[serde(default)]
    pub leaves: bool,
}

impl GatewayNotice {
    /// The subject that holds what is known of a gateway. Its partition is that of the agent of
    /// this name.
    #[must_use]
    pub fn subject_of(tenant: &Text, gateway: &str) -> AgentKey {
        AgentKey {
            tenant: tenant.clone(),
            agent: format!("{SUBJECT_PREFIX}{gateway}").into(),
        }
    }

    /// Whether a gateway of this id has a subject: the name of the subject must be an agent's id.
    #[must_use]
    pub fn has_subject(gateway: &str) -> bool {
        !gateway.is_empty() && SUBJECT_PREFIX.len() + gateway.len() <= ID_BYTES_MAX
    }

    /// Puts the numbers into the notice, in any order.
    #[must_use]
    pub fn with_numbers(mut self, mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        let before = std::iter::once(&0).chain(&numbers);
        self.steps = numbers
            .iter()
            .zip(before)
            .map(|(one, before)| one - before)
            .collect();
        self
    }

    /// The numbers, rising. Ends at the first that is greater than any number may be.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.steps.iter().scan(0_u64, |number, step| {
            *number = number.checked_add(*step)?;
            Some(*number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_in_order_and_end_before_they_overflow() {
        for numbers in [
            vec![],
            vec![7],
            vec![9, 3, 3, u64::MAX, 4],
            (0..500).collect(),
        ] {
            let notice = GatewayNotice::default().with_numbers(numbers.clone());
            let mut sorted = numbers;
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(notice.numbers().collect::<Vec<_>>(), sorted);
        }
        let hostile = GatewayNotice {
            steps: vec![u64::MAX - 1, 1, 1, 1],
            ..GatewayNotice::default()
        };
        let read: Vec<u64> = hostile.numbers().collect();
        assert_eq!(read, [u64::MAX - 1, u64::MAX]);
    }
}
