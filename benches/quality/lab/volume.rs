//! Attacks of volume on fleets of five families: what the engine finds, how soon, and how often it
//! alarms on honest agents; the same for the simple detectors.

use std::collections::BTreeMap;

use super::attacks::{AttackKind, plant};
use super::fleet::{DAY, Family, SimAgent};
use super::gateway::{Alert, Delivery, Gateway, play, shipped_rules};
use super::random::Random;
use super::score::{FalseAlarms, HonestTime, Share, mean};
use super::simple::{FLOORS, SimpleKind, incidents};

/// False alarms per agent and 30 days that a simple detector may have on the tuning seeds.
const TUNED_FALSE_ALARMS: f64 = 1.2;

/// How large a fleet is.
#[derive(Debug, Clone, Copy)]
pub struct VolumePlan {
    pub days: i64,
    /// The day in which attacks begin.
    pub attack_day: i64,
    /// Agents of each family under each attack.
    pub attacked: usize,
    /// Agents of each family that nobody attacks.
    pub honest: usize,
}

/// What was found, and what alarmed without reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VolumeScores {
    pub recall: BTreeMap<AttackKind, Share>,
    pub family_recall: BTreeMap<Family, Share>,
    /// Minutes until the first alert of each attack that was found.
    pub delays: BTreeMap<(AttackKind, Family), Vec<f64>>,
    pub honest: BTreeMap<Family, Vec<HonestTime>>,
    /// False incidents by the title of their rule.
    pub rules: BTreeMap<String, u32>,
}

impl VolumeScores {
    pub fn add(&mut self, other: VolumeScores) {
        for (kind, share) in other.recall {
            self.recall.entry(kind).or_default().add(share);
        }
        for (family, share) in other.family_recall {
            self.family_recall.entry(family).or_default().add(share);
        }
        for (kind, delays) in other.delays {
            self.delays.entry(kind).or_default().extend(delays);
        }
        for (family, times) in other.honest {
            self.honest.entry(family).or_default().extend(times);
        }
        for (rule, count) in other.rules {
            *self.rules.entry(rule).or_default() += count;
        }
    }

    /// The delays of an attack, in all families or in one.
    pub fn delays_of(&self, kind: AttackKind, family: Option<Family>) -> Vec<f64> {
        let of_kind = self.delays.iter().filter(|((one, _), _)| *one == kind);
        let chosen = of_kind.filter(|((_, one), _)| family.is_none_or(|family| family == *one));
        chosen.flat_map(|(_, delays)| delays).copied().collect()
    }

    /// The mean over the kinds of attack.
    pub fn mean_recall(&self, counted: impl Fn(AttackKind) -> bool) -> f64 {
        let kinds = self.recall.iter().filter(|(kind, _)| counted(**kind));
        mean(&kinds.map(|(_, share)| share.value()).collect::<Vec<_>>())
    }

    pub fn false_alarms(&self) -> FalseAlarms {
        let times: Vec<HonestTime> = self.honest.values().flatten().copied().collect();
        FalseAlarms::of(&times)
    }

    fn note(&mut self, agent: &SimAgent, alerts: &[&Alert]) {
        let time = HonestTime::of(agent, alerts, 0);
        self.honest.entry(agent.family).or_default().push(time);
        let until = agent.attack.map_or(i64::MAX, |attack| attack.start);
        for alert in alerts.iter().filter(|a| a.opens && a.minute < until) {
            *self.rules.entry(alert.rule.clone()).or_default() += 1;
        }
        let Some(attack) = agent.attack else {
            return;
        };
        let mut minutes = alerts.iter().map(|alert| alert.minute);
        let counted = attack.start..=attack.counted_until;
        let found = minutes.find(|minute| counted.contains(minute));
        self.note_attack(agent, found);
    }

    fn note_attack(&mut self, agent: &SimAgent, found: Option<i64>) {
        let Some(attack) = agent.attack else {
            return;
        };
        let recall = self.recall.entry(attack.kind).or_default();
        recall.note(found.is_some());
        let family = self.family_recall.entry(agent.family).or_default();
        family.note(found.is_some());
        if let Some(minute) = found {
            let delays = self.delays.entry((attack.kind, agent.family)).or_default();
            delays.push((minute - attack.start) as f64);
        }
    }
}

/// Whether an attack makes sense on a family: only who works by day has hours off, and only who
/// never pauses long has a stop that a week can show.
fn applies(kind: AttackKind, family: Family) -> bool {
    match kind {
        AttackKind::OffHours => matches!(family, Family::Office | Family::Daily),
        AttackKind::Stop => matches!(family, Family::Service | Family::Cron),
        _ => true,
    }
}

/// The agents of a seed, with their attacks.
pub fn fleet(plan: &VolumePlan, seed: u64) -> Vec<SimAgent> {
    let mut fleet = Vec::new();
    for family in Family::ALL {
        let kinds = AttackKind::ALL
            .into_iter()
            .filter(|kind| applies(*kind, family))
            .flat_map(|kind| std::iter::repeat_n(Some(kind), plan.attacked));
        for kind in kinds.chain(std::iter::repeat_n(None, plan.honest)) {
            let number = fleet.len();
            let mut agent = SimAgent::new(number, family, plan.days, seed);
            if let Some(kind) = kind {
                let mut random = Random::new(seed, 1_000_000 + number as u64);
                plant(&mut agent, kind, plan.attack_day * DAY, &mut random);
            }
            fleet.push(agent);
        }
    }
    fleet
}

/// The alerts of a fleet, by agent.
pub fn alerts_of(fleet: &[SimAgent], delivery: Delivery) -> Vec<Vec<Alert>> {
    let mut gateway = Gateway::new(shipped_rules(&[]));
    gateway.declare_fleet(fleet);
    play(&mut gateway, fleet, delivery, |_, _, _| ());
    by_agent(fleet, gateway.finish())
}

pub fn by_agent(fleet: &[SimAgent], alerts: Vec<Alert>) -> Vec<Vec<Alert>> {
    let ids = fleet.iter().enumerate();
    let ids: BTreeMap<String, usize> = ids.map(|(index, agent)| (agent.id(), index)).collect();
    let mut found = vec![Vec::new(); fleet.len()];
    for alert in alerts {
        let index = ids[&alert.agent];
        found[index].push(alert);
    }
    found
}

/// The real engine on a fleet.
pub fn judge_engine(fleet: &[SimAgent], delivery: Delivery) -> VolumeScores {
    let mut scores = VolumeScores::default();
    for (agent, alerts) in fleet.iter().zip(alerts_of(fleet, delivery)) {
        scores.note(agent, &alerts.iter().collect::<Vec<_>>());
    }
    scores
}

/// The scores of a simple detector, for each of its settings.
pub fn judge_simple(kind: SimpleKind, fleet: &[SimAgent]) -> Vec<VolumeScores> {
    let mut scores = vec![VolumeScores::default(); kind.thresholds().len() * FLOORS.len()];
    for agent in fleet {
        let start = agent.attack.map_or(i64::MAX, |attack| attack.start);
        for (scores, minutes) in scores.iter_mut().zip(incidents(kind, agent)) {
            let end = start.min(agent.counts.len() as i64);
            let false_ones = minutes.iter().filter(|minute| **minute < start).count() as u32;
            scores
                .honest
                .entry(agent.family)
                .or_default()
                .push(HonestTime {
                    days: end as f64 / DAY as f64,
                    incidents: false_ones,
                    alerts: false_ones,
                });
            let found = agent.attack.and_then(|attack| {
                let counted = attack.start..=attack.counted_until;
                minutes.iter().copied().find(|m| counted.contains(m))
            });
            scores.note_attack(agent, found);
        }
    }
    scores
}

/// The setting with the highest recall among those with few false alarms; else the one with the
/// fewest.
pub fn tune(kind: SimpleKind, fleets: &[Vec<SimAgent>]) -> usize {
    let mut all: Vec<VolumeScores> = Vec::new();
    for fleet in fleets {
        let scores = judge_simple(kind, fleet);
        if all.is_empty() {
            all = scores;
            continue;
        }
        for (known, more) in all.iter_mut().zip(scores) {
            known.add(more);
        }
    }
    let rank = |scores: &VolumeScores| {
        let alarms = scores.false_alarms().incidents;
        match alarms <= TUNED_FALSE_ALARMS {
            true => scores.mean_recall(|_| true),
            false => -alarms,
        }
    };
    let ranked = all.iter().enumerate();
    let best = ranked.max_by(|(_, a), (_, b)| rank(a).total_cmp(&rank(b)));
    best.map_or(0, |(index, _)| index)
}
