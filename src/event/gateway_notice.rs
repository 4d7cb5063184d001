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
    /// The first number, and by how much each further one is greater than the one before.
    pub first: u64,
    #[serde(default)]
    pub steps: Vec<u64>,
    /// Without: the notice carries the time alone.
    #[serde(default)]
    pub has_numbers: bool,
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

    /// Whether a gateway of this id can have a subject: its name must be an agent's id.
    #[must_use]
    pub fn can_name(gateway: &str) -> bool {
        !gateway.is_empty() && SUBJECT_PREFIX.len() + gateway.len() <= ID_BYTES_MAX
    }

    /// Puts the numbers into the notice, in any order.
    #[must_use]
    pub fn with_numbers(mut self, mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        let first = numbers.first().copied();
        self.has_numbers = first.is_some();
        self.first = first.unwrap_or(0);
        self.steps = numbers.windows(2).map(|two| two[1] - two[0]).collect();
        self
    }

    /// The numbers, rising. Ends at the first that is greater than any number may be.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        let first = self.has_numbers.then_some(self.first);
        let rest = self.steps.iter().scan(self.first, |number, step| {
            *number = number.checked_add(*step)?;
            Some(*number)
        });
        first.into_iter().chain(rest.filter(|_| self.has_numbers))
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
            first: u64::MAX - 1,
            steps: vec![1, 1, 1],
            has_numbers: true,
            ..GatewayNotice::default()
        };
        let read: Vec<u64> = hostile.numbers().collect();
        assert_eq!(read, [u64::MAX - 1, u64::MAX]);
    }
}
