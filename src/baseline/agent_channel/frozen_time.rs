//! A time in which a person lets the channel learn nothing.

use super::AgentChannel;

impl AgentChannel {
    /// Puts back what was learned `before` a frozen time of this length. What stays is where the
    /// channel is in it: the open sums, the alarms and the evidence of a drift.
    pub(in crate::baseline) fn put_back(&mut self, before: AgentChannel, frozen_ms: i64) {
        let after = std::mem::replace(self, before);
        self.began_ms = self.began_ms.saturating_add(frozen_ms);
        self.bets = after.bets;
        self.alarms = after.alarms;
        self.alarmed = after.alarmed;
        self.partial = after.partial;
        self.alarm_last_ms = after.alarm_last_ms;
        for (moments, after) in self.scales.iter_mut().zip(after.scales) {
            moments.sum = after.sum;
        }
    }
}
