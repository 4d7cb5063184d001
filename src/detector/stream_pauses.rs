//! When nothing at all came from a tenant's agents: a gateway or a collector may have been down, so
//! that nobody can say whether one of them fell silent.
//!
//! A silence is judged by the time in which others of the tenant acted in this partition. A pause
//! of all of them that is a third of the silence or longer ends it, and it begins anew when the
//! first one acts again. An agent with no other beside it is judged by its silence alone.
//!
//! A pause that is much longer than any before is an outage: baselines skip it. Nights and weekends
//! come again, so they are none, and baselines learn that nothing happens in them.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::baseline::Outage;
use crate::event::Text;

/// The shortest pause, milliseconds; each further length that is known is twice as long.
const PAUSE_MIN_MS: i64 = 15 * 60_000;
/// Lengths of pauses that are known: up to 32 hours.
const LENGTHS: usize = 8;
/// How exactly actions are dated, milliseconds: the tenant's value is written no oftener for it.
const STEP_MS: i64 = 60_000;
/// Agents that acted last: of two, one is another than the silent one.
const AGENTS: usize = 2;
/// The part of a silence from which on a pause ends it.
const SILENCE_PARTS: i64 = 3;
/// An agent that has acted this long before the silence is no companion any more.
const COMPANY_MS: i64 = 24 * 3_600_000;
/// An outage is so many times as long as the longest pause before it.
const OUTAGE_FACTOR: i64 = 3;
/// How long a tenant is known before a pause is an outage, milliseconds.
const HISTORY_MIN_MS: i64 = 3 * 24 * 3_600_000;
/// Time in pauses after which half of the longest one is forgotten, milliseconds.
const HALF_LIFE_MS: f64 = 28.0 * 24.0 * 3_600_000.0;

/// The agents of a tenant that acted last, and when its pauses ended. Stream time throughout.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct StreamPauses {
    acted: SmallVec<[(Text, i64); AGENTS]>,
    /// By length: when the last pause that was so long ended; 0 without one.
    ended_ms: [i64; LENGTHS],
    /// The longest pause; it decays.
    longest_ms: i64,
    /// When its first action came.
    first_ms: i64,
    outage: Option<Outage>,
}

/// What can be said of an agent's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SilenceView {
    /// It lasts since then.
    Since(i64),
    /// No other agent acts either. The silence is judged again at this time.
    Unknown { again_ms: i64 },
}

impl StreamPauses {
    /// Notes that an agent acts; returns whether anything changed.
    pub fn note_action(&mut self, agent: &Text, now_ms: i64) -> bool {
        match self.acted.iter().map(|(_, at_ms)| *at_ms).max() {
            Some(newest_ms) if now_ms.saturating_sub(newest_ms) >= STEP_MS => {
                self.end_pause(newest_ms, now_ms);
            }
            Some(_) => {}
            None => self.first_ms = now_ms,
        }
        let full = self.acted.len() >= AGENTS;
        let known = self.acted.iter().position(|(known, _)| known == agent);
        let oldest = || (0..self.acted.len()).min_by_key(|ix| self.acted[*ix].1);
        let slot = known.or_else(|| oldest().filter(|_| full));
        match slot.and_then(|ix| self.acted.get_mut(ix)) {
            Some((_, at_ms)) if now_ms.saturating_sub(*at_ms) < STEP_MS => false,
            Some((known, at_ms)) => {
                known.clone_from(agent);
                *at_ms = now_ms;
                true
            }
            None => {
                self.acted.push((agent.clone(), now_ms));
                true
            }
        }
    }

    fn end_pause(&mut self, from_ms: i64, to_ms: i64) {
        let pause_ms = to_ms.saturating_sub(from_ms);
        for (ended_ms, length_ms) in self.ended_ms.iter_mut().zip(lengths()) {
            if pause_ms >= length_ms {
                *ended_ms = to_ms;
            }
        }
        let kept = (-(pause_ms as f64) / HALF_LIFE_MS).exp2();
        self.longest_ms = (self.longest_ms as f64 * kept) as i64;
        let usual_ms = self.longest_ms.saturating_mul(OUTAGE_FACTOR);
        let is_known = from_ms.saturating_sub(self.first_ms) >= HISTORY_MIN_MS;
        if is_known && pause_ms >= PAUSE_MIN_MS.max(usual_ms) {
            self.outage = Some(Outage { from_ms, to_ms });
        }
        // What comes again and again becomes usual, however long it is.
        let learned_ms = match is_known {
            true => pause_ms.min(usual_ms.max(PAUSE_MIN_MS)),
            false => pause_ms,
        };
        self.longest_ms = self.longest_ms.max(learned_ms);
    }

    /// The last outage.
    pub fn outage(&self) -> Option<Outage> {
        self.outage
    }

    /// Judges the silence of an agent since `acted_ms`, where one of `needed_ms` is too long.
    pub fn view_silence(
        &self,
        agent: &str,
        acted_ms: i64,
        needed_ms: i64,
        now_ms: i64,
    ) -> SilenceView {
        let others = self.acted.iter().filter(|(known, _)| known != agent);
        let Some(other_ms) = others
            .map(|(_, at_ms)| *at_ms)
            .max()
            .filter(|at_ms| *at_ms >= acted_ms.saturating_sub(COMPANY_MS))
        else {
            return SilenceView::Since(acted_ms);
        };
        let part_ms = needed_ms / SILENCE_PARTS;
        let ix = lengths().position(|length_ms| length_ms >= part_ms);
        let ix = ix.unwrap_or(LENGTHS - 1);
        let length_ms = PAUSE_MIN_MS << ix;
        if now_ms.saturating_sub(other_ms) >= length_ms {
            // Ever later, so that the silences of a long outage are not judged often.
            let wait_ms = (now_ms.saturating_sub(acted_ms) / 2).max(length_ms);
            return SilenceView::Unknown {
                again_ms: now_ms.saturating_add(wait_ms),
            };
        }
        SilenceView::Since(acted_ms.max(self.ended_ms[ix]))
    }
}

fn lengths() -> impl Iterator<Item = i64> {
    (0..LENGTHS).map(|ix| PAUSE_MIN_MS << ix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: i64 = 60_000;
    const HOUR: i64 = 60 * MIN;
    const START: i64 = 1_000 * HOUR;

    /// Agents that each act every minute of these spans, in minutes from the start.
    fn after(spans: &[(&str, i64, i64)]) -> StreamPauses {
        let mut acts: Vec<(i64, &str)> = spans
            .iter()
            .flat_map(|(agent, from, to)| (*from..*to).map(move |minute| (minute, *agent)))
            .collect();
        acts.sort_unstable();
        let mut pauses = StreamPauses::default();
        for (minute, agent) in acts {
            pauses.note_action(&agent.into(), START + minute * MIN);
        }
        pauses
    }

    #[test]
    fn a_silence_counts_while_others_act() {
        let both = after(&[("silent", 0, 60), ("other", 0, 120)]);
        let acted_ms = START + 59 * MIN;
        let view = both.view_silence("silent", acted_ms, HOUR, START + 120 * MIN);
        assert_eq!(view, SilenceView::Since(acted_ms));
    }

    #[test]
    fn nobody_is_silent_while_nobody_acts() {
        let outage = after(&[("a", 0, 60), ("b", 0, 60), ("c", 0, 60)]);
        let acted_ms = START + 59 * MIN;
        for agent in ["a", "b", "c"] {
            let now_ms = START + 120 * MIN;
            let view = outage.view_silence(agent, acted_ms, HOUR, now_ms);
            assert!(
                matches!(view, SilenceView::Unknown { again_ms } if again_ms > now_ms),
                "{agent}: {view:?}"
            );
        }
    }

    #[test]
    fn after_an_outage_a_silence_begins_anew() {
        let outage = after(&[("silent", 0, 60), ("other", 0, 60), ("other", 240, 300)]);
        let acted_ms = START + 59 * MIN;
        let view = outage.view_silence("silent", acted_ms, HOUR, START + 299 * MIN);
        assert_eq!(view, SilenceView::Since(START + 240 * MIN));
        // For a silence of days the pause of three hours is none.
        let view = outage.view_silence("silent", acted_ms, 48 * HOUR, START + 299 * MIN);
        assert_eq!(view, SilenceView::Since(acted_ms));
    }

    #[test]
    fn an_agent_alone_is_judged_by_its_silence() {
        let alone = after(&[("silent", 0, 60)]);
        let left = after(&[("other", 0, 1), ("silent", 2_000, 2_060)]);
        for (pauses, acted_min) in [(alone, 59), (left, 2_059)] {
            let acted_ms = START + acted_min * MIN;
            let view = pauses.view_silence("silent", acted_ms, HOUR, acted_ms + 2 * HOUR);
            assert_eq!(view, SilenceView::Since(acted_ms));
        }
    }

    #[test]
    fn what_was_never_so_long_is_an_outage_and_nights_are_none() {
        const DAY: i64 = 24 * 60;
        let outage = |spans: &[(&str, i64, i64)]| after(spans).outage();
        let steady = [("a", 0, 4 * DAY), ("b", 4 * DAY + 30, 4 * DAY + 40)];
        let (from_ms, to_ms) = (START + (4 * DAY - 1) * MIN, START + (4 * DAY + 30) * MIN);
        assert_eq!(outage(&steady), Some(Outage { from_ms, to_ms }));
        let short = [("a", 0, 4 * DAY), ("b", 4 * DAY + 10, 4 * DAY + 20)];
        assert_eq!(outage(&short), None, "ten minutes");
        let young = [("a", 0, 2 * DAY), ("b", 2 * DAY + 30, 2 * DAY + 40)];
        assert_eq!(outage(&young), None, "before anything is known");
        let office: Vec<_> = (0..14)
            .map(|day| ("a", day * DAY, day * DAY + 540))
            .collect();
        assert_eq!(outage(&office), None, "nights");
        let mut long = office;
        long.push(("a", 19 * DAY, 19 * DAY + 10));
        assert!(outage(&long).is_some(), "five days");
    }

    #[test]
    fn the_value_changes_at_most_twice_a_minute() {
        let mut pauses = StreamPauses::default();
        let mut changes = 0;
        for action in 0..600_i64 {
            let agent = Text::from(format!("agent-{}", action % 37));
            changes += i32::from(pauses.note_action(&agent, START + action * 1_000));
        }
        assert!(changes <= 22, "{changes}");
    }
}
