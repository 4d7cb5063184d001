//! What rules and alerts say of a gap in a gateway's numbers.

use crate::event::{LinkCause, RecordPosition, Text};
use crate::rule::{Facts, fact};

use super::gateway_watch::MissingNumbers;

/// The topic in the position of a gap, which no record has.
const GAP_TOPIC: &str = "#gateway";

/// Numbers of a gateway that have not come.
#[derive(Debug)]
pub(super) struct GatewayGap {
    pub gateway: Text,
    pub missing: MissingNumbers,
}

impl GatewayGap {
    /// Sets what rules read of the gap.
    pub fn fill_facts<'a>(&'a self, facts: &mut Facts<'a>) {
        let MissingNumbers { count, first, last } = self.missing;
        facts.set(fact::GATEWAY_ID, &*self.gateway);
        for (slot, number) in [
            (fact::GATEWAY_MISSING, count),
            (fact::GATEWAY_MISSING_FIRST, first),
            (fact::GATEWAY_MISSING_LAST, last),
        ] {
            facts.set(slot, i64::try_from(number).unwrap_or(i64::MAX));
        }
    }

    /// Named by the gateway and its numbers, so that a repeat has the same id.
    pub fn cause(&self, at_ms: i64) -> LinkCause {
        let MissingNumbers { first, last, .. } = self.missing;
        LinkCause {
            position: RecordPosition {
                topic: GAP_TOPIC.into(),
                partition: 0,
                offset: i64::try_from(first).unwrap_or(i64::MAX),
                index: 0,
            },
            append_ms: at_ms,
            at_ms,
            event_id: format!("gateway/{}/{first}-{last}", self.gateway).into(),
        }
    }
}
