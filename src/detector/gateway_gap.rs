//! What rules and alerts say of a gap in a gateway's numbers.

use crate::event::{AgentAction, LinkCause, RecordPosition, Text};
use crate::rule::{FactValue, Facts, fact};

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

/// The sentence of an alert about a gap; `None` for another alert.
pub(super) fn explain_gap(action: &AgentAction, facts: &Facts<'_>) -> Option<String> {
    let number = |slot| match facts.get(slot) {
        FactValue::Int(number) => Some(number),
        _ => None,
    };
    let count = number(fact::GATEWAY_MISSING)?;
    let (first, last) = (
        number(fact::GATEWAY_MISSING_FIRST)?,
        number(fact::GATEWAY_MISSING_LAST)?,
    );
    let gateway = action.gateway_id.as_deref().unwrap_or_default();
    let who = format!("Gateway {}/{gateway}", action.tenant);
    Some(match count {
        1 => format!("{who}: its record number {first} has not come; nobody judged it"),
        _ => format!(
            "{who}: {count} of its records between number {first} and {last} have not come; \
             nobody judged them"
        ),
    })
}
