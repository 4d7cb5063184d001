//! When limits count what an agent claims to have done earlier, against a naive model.

use proptest::prelude::*;

use super::*;
use crate::event::{AgentScope, Limit, Measure};
use crate::scope::{JudgeContext, LimitUsage, ScopeHistory, judge};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const START_MS: i64 = 1_700_000_000_000;
const PANE_MS: i64 = HOUR_MS / 12;

/// An agent with a limit of `max` actions an hour, as the detector keeps it.
struct LimitedAgent {
    scopes: ScopeHistory,
    usage: LimitUsage,
    acted_last_ms: i64,
}

impl LimitedAgent {
    fn new(max: u32, begun_ms: i64) -> Self {
        let mut scopes = ScopeHistory::default();
        let scope = AgentScope {
            scope_id: "s".into(),
            agent_id: "a".into(),
            effective_from_ms: Some(begun_ms),
            limits: vec![Limit {
                measure: Measure::parse("count").unwrap(),
                window_ms: HOUR_MS,
                max: max.into(),
            }],
            ..AgentScope::default()
        };
        scopes.declare(scope, begun_ms);
        LimitedAgent {
            scopes,
            usage: LimitUsage::default(),
            acted_last_ms: 0,
        }
    }

    /// Whether an action that arrives at `append_ms` and claims another time exceeds the limit.
    fn exceeds(&mut self, append_ms: i64, claim_ms: i64) -> bool {
        let action = AgentAction {
            occurred_at_ms: Some(claim_ms),
            ..AgentAction::new("a")
        };
        let origin = origin(append_ms);
        let timed = TimedAction::new(&action, &origin);
        let counted_ms = timed.time_in_silence(self.acted_last_ms);
        self.acted_last_ms = self.acted_last_ms.max(counted_ms);
        let context = JudgeContext {
            at_ms: timed.at_ms,
            counted_ms: Some(counted_ms),
            ..JudgeContext::default()
        };
        let (scopes, usage) = (&self.scopes, &mut self.usage);
        let judgement = judge(scopes, || None, usage, &action, &context);
        judgement.limit_hit.is_some()
    }
}

fn origin(append_ms: i64) -> RecordOrigin {
    RecordOrigin {
        input: Input::Actions,
        position: RecordPosition {
            topic: "t".into(),
            partition: 0,
            offset: 0,
            index: 0,
        },
        append_ms,
        time: TimeSource::Append,
    }
}

/// The decision in words: on time is what it claims; earlier is what the agent's silence allows.
fn decided_ms(append_ms: i64, claim_ms: i64, begun_ms: i64, counted: &[i64]) -> i64 {
    let claim_ms = claim_ms.min(append_ms + 5_000);
    let edge_ms = append_ms - 15 * MINUTE_MS;
    if claim_ms >= edge_ms {
        return claim_ms;
    }
    let silent_since_ms = counted.iter().copied().max().unwrap_or(i64::MIN);
    let allowed = [append_ms - 24 * HOUR_MS, silent_since_ms, begun_ms];
    allowed.into_iter().fold(claim_ms, i64::max).min(edge_ms)
}

/// The greatest number of actions in twelve panes that contain the last.
fn naive_count(counted: &[i64]) -> usize {
    let panes: Vec<i64> = counted.iter().map(|ms| ms.div_euclid(PANE_MS)).collect();
    let own = *panes.last().unwrap();
    let ends = own..own + 12;
    let count = |end: i64| {
        let inside = |pane: &&i64| **pane <= end && **pane > end - 12;
        panes.iter().filter(inside).count()
    };
    ends.map(count).max().unwrap()
}

fn gap_ms() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..2 * MINUTE_MS, 1 => 0..30 * HOUR_MS]
}

/// How long before its append time an action claims to have happened.
fn claimed_before_ms() -> impl Strategy<Value = i64> {
    prop_oneof![
        -10_000..1_000_i64,
        0..15 * MINUTE_MS,
        10 * MINUTE_MS..3 * HOUR_MS,
        0..30 * HOUR_MS,
        Just(1_000 * 24 * HOUR_MS),
    ]
}

proptest! {
    #![proptest_config(crate::property::config(400))]

    #[test]
    fn every_window_of_the_decided_times_is_judged(
        steps in prop::collection::vec((gap_ms(), claimed_before_ms()), 1..120),
        max in 1_u32..8,
        begun_before_ms in 0..40 * HOUR_MS,
    ) {
        let begun_ms = START_MS - begun_before_ms;
        let mut agent = LimitedAgent::new(max, begun_ms);
        let (mut append_ms, mut counted) = (START_MS + HOUR_MS, Vec::new());
        for (gap, before) in steps {
            append_ms += gap;
            let claim_ms = append_ms - before;
            counted.push(decided_ms(append_ms, claim_ms, begun_ms, &counted));
            let expected = naive_count(&counted) > max as usize;
            let found = agent.exceeds(append_ms, claim_ms);
            prop_assert_eq!(found, expected, "{} before, counted {:?}", before, counted);
        }
    }

    /// As much as it could have done in its silence, whatever it claims.
    #[test]
    fn a_silence_is_worth_its_windows_and_no_more(
        silence_ms in 0..40 * HOUR_MS,
        mut claims in prop::collection::vec(claimed_before_ms(), 1..300),
        in_order in any::<bool>(),
        max in 1_u32..8,
    ) {
        let mut agent = LimitedAgent::new(max, START_MS - 100 * HOUR_MS);
        agent.exceeds(START_MS, START_MS);
        let append_ms = START_MS + silence_ms;
        if in_order {
            claims.sort_by_key(|before| -before);
        }
        let mut exceeds = |before: &i64| agent.exceeds(append_ms, append_ms - before);
        let unseen = claims.iter().take_while(|before| !exceeds(before));
        let unseen = unseen.count() as i64;
        let from_ms = START_MS.max(append_ms - 24 * HOUR_MS).min(append_ms - 15 * MINUTE_MS);
        let panes = (append_ms + 5_000).div_euclid(PANE_MS) - from_ms.div_euclid(PANE_MS) + 1;
        prop_assert!(unseen <= i64::from(max) * (panes + 11) / 12, "{} of {} panes", unseen, panes);
    }

    /// An agent that also acts on time moves nothing further than the bound for late actions.
    #[test]
    fn actions_on_time_in_between_leave_no_silence(
        steps in prop::collection::vec((gap_ms(), claimed_before_ms()), 1..60),
    ) {
        let (mut append_ms, mut acted_last_ms) = (START_MS, 0);
        for (gap, before) in steps {
            append_ms += gap;
            for (claim_ms, on_time) in [(append_ms, true), (append_ms - before, false)] {
                let action = AgentAction {
                    occurred_at_ms: Some(claim_ms),
                    ..AgentAction::new("a")
                };
                let origin = origin(append_ms);
                let timed = TimedAction::new(&action, &origin);
                let counted_ms = timed.time_in_silence(acted_last_ms);
                acted_last_ms = acted_last_ms.max(counted_ms);
                prop_assert_eq!(counted_ms, timed.at_ms, "on time: {}", on_time);
            }
        }
    }
}

#[test]
fn history_and_event_time_are_counted_when_they_say() {
    let action = AgentAction {
        occurred_at_ms: Some(START_MS),
        ..AgentAction::new("a")
    };
    let append_ms = START_MS + 1_000 * HOUR_MS;
    for (input, time) in [
        (Input::Actions, TimeSource::Event),
        (Input::Backfill, TimeSource::Append),
    ] {
        let origin = RecordOrigin {
            input,
            time,
            ..origin(append_ms)
        };
        let timed = TimedAction::new(&action, &origin);
        assert_eq!(timed.time_in_silence(append_ms), START_MS, "{input:?}");
    }
}
