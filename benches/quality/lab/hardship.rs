//! Hard times: attackers that train the baseline, agents that are new, a gateway that fails, and
//! records that come late.

use super::attacks::{Attack, AttackKind};
use super::fleet::{DAY, Family, HOUR, SimAgent, Zone};
use super::gateway::Delivery;
use super::honest::HonestScores;
use super::random::Random;
use super::score::Share;
use super::volume::{VolumePlan, VolumeScores, alerts_of, fleet, judge_engine};

/// How an attacker makes an agent's baseline used to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Poisoning {
    /// Eight per cent more every day for four weeks: nearly nine times as much in the end.
    SlowRamp,
    /// The same burst every day at one time, then ten times of it.
    Habit,
    /// Ten days of silence, then a burst of ten times a typical minute.
    Silence,
    /// Pauses that grow by half each time, then nothing any more.
    GrowingPauses,
}

impl Poisoning {
    pub const ALL: [Poisoning; 4] = [
        Poisoning::SlowRamp,
        Poisoning::Habit,
        Poisoning::Silence,
        Poisoning::GrowingPauses,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Poisoning::SlowRamp => "slow ramp, 8 % a day over four weeks",
            Poisoning::Habit => "a burst that becomes a habit, then ten times of it",
            Poisoning::Silence => "ten days of silence, then a burst",
            Poisoning::GrowingPauses => "pauses that grow, then a stop",
        }
    }

    /// Families on which it makes sense.
    fn applies(self, family: Family) -> bool {
        match self {
            Poisoning::GrowingPauses => matches!(family, Family::Service | Family::Cron),
            _ => true,
        }
    }
}

/// Days before a poisoning begins.
const WARM: i64 = 14;
const POISON_DAYS: i64 = 28;
/// Days that the peers of new agents have worked.
const PEER_DAYS: i64 = 7;

fn poison(agent: &mut SimAgent, kind: Poisoning, random: &mut Random) {
    let (typical, from) = (agent.typical(WARM * DAY), WARM * DAY);
    let end = agent.counts.len() as i64;
    let mut counted_from = from;
    match kind {
        Poisoning::SlowRamp => {
            for minute in from..end {
                let factor = 1.08_f64.powi(((minute - from) / DAY) as i32);
                let count = f64::from(agent.counts[minute as usize]) * (factor - 1.0);
                let more = random.poisson(count.min(300.0));
                agent.add(minute, more);
            }
        }
        Poisoning::Habit => {
            let at = random.below(20 * 60) as i64;
            let last = (end - from) / DAY - 1;
            for day in 0..=last {
                let factor = if day == last { 100.0 } else { 10.0 };
                let rate = (factor * typical).min(300.0);
                let start = from + day * DAY + at + random.below(8) as i64;
                (0..5).for_each(|step| agent.add(start + step, random.poisson(rate)));
            }
            counted_from = from + last * DAY;
        }
        Poisoning::Silence => {
            let strike = end - DAY + random.below(20 * 60) as i64;
            agent.counts[(end - 11 * DAY) as usize..].fill(0);
            for step in 0..30 {
                let count = random.poisson((10.0 * typical).min(300.0));
                agent.add(strike + step, count);
            }
            counted_from = strike;
        }
        Poisoning::GrowingPauses => {
            let (mut pause, mut at) = (40.0, from);
            while at < end - 10 * DAY {
                let silent = (pause as i64).min(6 * HOUR);
                agent.counts[at as usize..(at + silent) as usize].fill(0);
                at += silent + 12 * HOUR;
                pause *= 1.5;
            }
            counted_from = end - 9 * DAY;
            agent.counts[counted_from as usize..].fill(0);
        }
    }
    agent.attack = Some(Attack {
        kind: AttackKind::Ramp,
        start: counted_from,
        counted_until: end,
    });
}

/// Two shares of poisonings: with an alert at any time, and at what they were to hide.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PoisoningScores {
    pub any: Share,
    pub strike: Share,
}

pub fn judge_poisoning(kind: Poisoning, each: usize, seed: u64) -> PoisoningScores {
    let mut agents = Vec::new();
    for family in Family::ALL.into_iter().filter(|f| kind.applies(*f)) {
        for _ in 0..each {
            let number = agents.len();
            let mut agent = SimAgent::new(number, family, WARM + POISON_DAYS, seed);
            poison(
                &mut agent,
                kind,
                &mut Random::new(seed, 3_000_000 + number as u64),
            );
            agents.push(agent);
        }
    }
    // Somebody of each tenant acts all the time, so that time passes for silent agents too, and is
    // no outage.
    for zone in [Zone::Utc, Zone::Berlin] {
        agents.push(clock(agents.len(), WARM + POISON_DAYS, zone));
    }
    let alerts = alerts_of(&agents, Delivery::default());
    let mut scores = PoisoningScores::default();
    for (agent, alerts) in agents.iter().zip(&alerts) {
        if let Some(attack) = agent.attack {
            let after = |minute: i64| alerts.iter().any(|alert| alert.minute >= minute);
            scores.any.note(after(WARM * DAY));
            scores.strike.note(after(attack.start));
        }
    }
    scores
}

/// An agent that acts once a minute.
fn clock(number: usize, days: i64, zone: Zone) -> SimAgent {
    let mut agent = SimAgent::new(number, Family::Sparse, days, 0);
    agent.zone = zone;
    agent.counts.fill(1);
    agent
}

/// Agents that are attacked in their first day, and the false alarms of others in their first three
/// days. `peers`: agents of each family that have worked for a week before.
pub fn judge_cold_start(each: usize, peers: usize, seed: u64) -> (Share, HonestScores) {
    let (mut found, mut honest) = (Share::default(), HonestScores::default());
    let mut agents = Vec::new();
    for family in Family::ALL {
        for n in 0..2 * each + peers {
            let number = agents.len();
            let mut agent = SimAgent::new(number, family, PEER_DAYS + 3, seed);
            if n < 2 * each {
                agent.counts[..(PEER_DAYS * DAY) as usize].fill(0);
            }
            if n < each {
                let mut random = Random::new(seed, 4_000_000 + number as u64);
                let start = PEER_DAYS * DAY + random.between(6.0, 23.0) as i64 * HOUR;
                let rate = (30.0 * agent.typical(PEER_DAYS * DAY + DAY)).min(300.0);
                (0..10).for_each(|step| agent.add(start + step, random.poisson(rate)));
                agent.attack = Some(Attack {
                    kind: AttackKind::Spike(30),
                    start,
                    counted_until: start + HOUR,
                });
            }
            agents.push(agent);
        }
    }
    for (agent, alerts) in agents.iter().zip(alerts_of(&agents, Delivery::default())) {
        match agent.attack {
            Some(attack) => {
                let counted = attack.start..=attack.counted_until;
                found.note(alerts.iter().any(|alert| counted.contains(&alert.minute)));
            }
            None if agent.counts[..(PEER_DAYS * DAY) as usize]
                .iter()
                .all(|n| *n == 0) =>
            {
                honest.note(agent, &alerts, PEER_DAYS * DAY);
            }
            None => {}
        }
    }
    (found, honest)
}

/// A gateway that is down for six hours of a working day: the alarms in it and in the day after.
pub fn judge_outage(each: usize, caught_up: bool, seed: u64) -> HonestScores {
    let (days, down) = (21, 17 * DAY + 9 * HOUR);
    let numbered = Family::ALL.into_iter().cycle().take(5 * each).enumerate();
    let agents: Vec<SimAgent> = numbered
        .map(|(number, family)| SimAgent::new(number, family, days, seed))
        .collect();
    let delivery = Delivery {
        outage: Some((down, down + 6 * HOUR)),
        caught_up,
        ..Delivery::default()
    };
    let mut scores = HonestScores::default();
    for (agent, alerts) in agents.iter().zip(alerts_of(&agents, delivery)) {
        let until = down + 30 * HOUR;
        let near: Vec<_> = alerts.into_iter().filter(|a| a.minute < until).collect();
        scores.note(agent, &near, down);
    }
    scores
}

/// The attacks of volume when every record comes in batches of ten minutes.
pub fn judge_late(plan: &VolumePlan, seed: u64) -> VolumeScores {
    let delivery = Delivery {
        batch: 10,
        ..Delivery::default()
    };
    judge_engine(&fleet(plan, seed), delivery)
}
