//! How much the agents of a type usually do: an agent tells it to its type, and a new one begins
//! with it.

use crate::baseline::{MetricLearned, MetricSettings, UsualSums};
use crate::behaviour::ClassTable;
use crate::event::{LogNumber, Text, USUAL_VOLUMES_MAX, UsualSum, UsualVolume};
use crate::rule::MetricSpec;
use crate::scope::Judgement;

use super::action_task::class_of;
use super::dispatch::{Detector, GivenFact};
use super::partition_state::TenantStates;
use super::subject::{AgentState, SubjectKey};
use super::timed_action::TimedAction;

const MINUTE_MS: i64 = 60_000;

/// The action that is counted, and what the agents of its type usually do.
#[derive(Clone, Copy)]
pub(super) struct CountedBy<'a> {
    pub timed: &'a TimedAction<'a>,
    agent_type: &'a str,
    /// None for what is shared by undeclared agents.
    classes: Option<&'a ClassTable>,
}

impl<'a> CountedBy<'a> {
    pub fn new(
        timed: &'a TimedAction<'a>,
        judgement: &'a Judgement,
        key: &SubjectKey,
        tenants: &'a TenantStates,
    ) -> Self {
        let classes = match key {
            SubjectKey::Agent(agent) => tenants.get(&agent.tenant).map(|tenant| &tenant.classes),
            _ => None,
        };
        CountedBy {
            timed,
            agent_type: class_of(timed.action, judgement).agent_type,
            classes,
        }
    }
}

impl Detector {
    /// What a metric that is new to the agent knows: what is usual for the agents of its type, or
    /// what a rule test says.
    pub(super) fn learned_before(
        &self,
        spec: &MetricSpec,
        settings: &MetricSettings,
        by: CountedBy<'_>,
    ) -> MetricLearned {
        let of_test = usual_of_test(spec, settings.pane_ms.unwrap_or(MINUTE_MS), &self.given);
        let usual = of_test.or_else(|| {
            let pane_ms = taught_pane_ms(spec, settings)?;
            let expected = by
                .classes?
                .expected_volume(by.agent_type, &spec.name, pane_ms)?;
            Some(UsualSums {
                active: expected.active,
                sums: expected.sums,
            })
        });
        usual
            .map(|usual| MetricLearned::from_class(&usual, settings, by.timed.at_ms))
            .unwrap_or_default()
    }

    /// What an agent usually does in the metrics that have a history of their own, for those of its
    /// type that have none.
    pub(super) fn usual_volumes(
        &self,
        state: &AgentState,
        tenant: &Text,
        at_ms: i64,
    ) -> Vec<UsualVolume> {
        let offset = self.local_offset(tenant);
        let halves = state.live.metrics.iter().zip(&state.learned.metrics);
        let usual = halves.filter_map(|(live, (name, learned))| {
            let (spec, settings) = self.metric_stored(name)?;
            let pane_ms = taught_pane_ms(spec, settings)?;
            let usual = live.usual_sums(learned, settings, &offset, at_ms)?;
            Some(UsualVolume {
                metric: spec.name.clone(),
                pane_ms,
                active: LogNumber::of(usual.active),
                sums: usual.sums.map(|(mean, variance)| UsualSum {
                    mean: LogNumber::of(mean),
                    variance: LogNumber::of(variance),
                }),
            })
        });
        usual.take(USUAL_VOLUMES_MAX).collect()
    }
}

/// The length of the panes of a metric that an agent teaches others of its type: one of all its
/// actions, not of a group, and of a length that the rule sets.
fn taught_pane_ms(spec: &MetricSpec, settings: &MetricSettings) -> Option<i64> {
    let is_taught = spec.group.is_none() && !spec.is_rate() && settings.sides.above;
    settings.pane_ms.filter(|_| is_taught)
}

/// What a rule test says that a metric expects.
fn usual_of_test(spec: &MetricSpec, pane_ms: i64, given: &[GivenFact]) -> Option<UsualSums> {
    let expected = given.iter().find(|fact| fact.slot == spec.facts.expected)?;
    let mean = expected.value.as_f64()?;
    Some(UsualSums::of_bursts(mean, pane_ms))
}
