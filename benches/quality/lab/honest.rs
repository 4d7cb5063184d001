//! A fleet of honest agents with everything that records carry: how often all rules together alarm.

use std::collections::BTreeMap;

use scopewatch::event::{ActionOutcome, AgentAction, Verb};

use super::fleet::{DAY, Family, MINUTE_MS, SimAgent};
use super::gateway::{Alert, Delivery, Gateway, play, shipped_rules};
use super::random::Random;
use super::score::{FalseAlarms, HonestTime};
use super::volume::by_agent;

/// False alarms of an honest fleet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HonestScores {
    pub times: BTreeMap<Family, Vec<HonestTime>>,
    /// Incidents by the title of their rule.
    pub rules: BTreeMap<String, u32>,
}

impl HonestScores {
    pub fn add(&mut self, other: HonestScores) {
        for (family, times) in other.times {
            self.times.entry(family).or_default().extend(times);
        }
        for (rule, count) in other.rules {
            *self.rules.entry(rule).or_default() += count;
        }
    }

    pub fn false_alarms(&self) -> FalseAlarms {
        let times: Vec<HonestTime> = self.times.values().flatten().copied().collect();
        FalseAlarms::of(&times)
    }

    /// Counts what alarmed on honest agents from a minute on.
    pub fn note(&mut self, agent: &SimAgent, alerts: &[Alert], first: i64) {
        let alerts: Vec<&Alert> = alerts.iter().collect();
        let time = HonestTime::of(agent, &alerts, first);
        self.times.entry(agent.family).or_default().push(time);
        for alert in alerts.iter().filter(|a| a.opens && a.minute >= first) {
            *self.rules.entry(alert.rule.clone()).or_default() += 1;
        }
    }
}

/// `agents` of all families over `days`.
pub fn judge_honest(agents: usize, days: i64, seed: u64) -> HonestScores {
    let families = Family::ALL.into_iter().cycle().take(agents).enumerate();
    let fleet: Vec<SimAgent> = families
        .map(|(number, family)| SimAgent::new(number, family, days, seed))
        .collect();
    let mut gateway = Gateway::new(shipped_rules(&[]));
    gateway.declare_fleet(&fleet);
    let mut random = Random::new(seed, 2_000_000);
    let delivery = Delivery::default();
    play(&mut gateway, &fleet, delivery, |agent, at_ms, action| {
        fill_action(agent, at_ms, action, &mut random);
    });
    let mut scores = HonestScores::default();
    for (agent, alerts) in fleet.iter().zip(by_agent(&fleet, gateway.finish())) {
        scores.note(agent, &alerts, 0);
    }
    scores
}

/// What an honest action carries: heavy-tailed amounts, errors in runs, few refusals, resources
/// that return.
fn fill_action(agent: &SimAgent, at_ms: i64, action: &mut AgentAction, random: &mut Random) {
    let hour = at_ms / 3_600_000;
    // In a bad hour of a system that the agent uses, one action in four fails.
    let bad_hour =
        (hour.wrapping_mul(2_654_435_761) >> 7).rem_euclid(97) == agent.number as i64 % 97;
    let error_share = if bad_hour { 0.25 } else { 0.02 };
    action.outcome = Some(match random.unit() {
        share if share < error_share => ActionOutcome::Error,
        share if share < error_share + 0.004 => ActionOutcome::Denied,
        _ => ActionOutcome::Allowed,
    });
    let infers = random.happens(0.3);
    (action.action_verb, action.resource_type) = match infers {
        true => (Verb::Infer, "llm.inference".into()),
        false => (Verb::Read, "database.table".into()),
    };
    action.volume_tokens_in = infers.then(|| random.lognormal(2_000.0, 1.0) as u64);
    action.volume_cost_usd = infers.then(|| random.lognormal(0.01, 1.0));
    action.volume_records = (!infers).then(|| random.lognormal(8.0, 1.2) as u64);
    action.volume_bytes_out = (!infers).then(|| random.lognormal(3_000.0, 1.5) as u64);
    let popular = random.unit().powi(3) * 300.0;
    action.resource_id = (!infers).then(|| format!("table-{popular:.0}").into());
    let day = at_ms / (DAY * MINUTE_MS);
    action.task_id = (agent.family == Family::Office).then(|| format!("task-{day}").into());
}
