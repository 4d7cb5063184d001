//! Attacks on an agent: what they add to its minutes, and until when an alert counts as found.

use super::fleet::{DAY, HOUR, SimAgent};
use super::random::Random;

/// More actions in a minute than this are not simulated: they cost time and change no verdict.
const MINUTE_MAX: f64 = 150.0;
/// Minutes of a spike.
const SPIKE: i64 = 10;

/// What an attacker does with the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttackKind {
    /// Ten minutes of so many times a typical active minute.
    Spike(u16),
    /// A day of so many times its own work, in the minutes in which it works.
    Shift(u16),
    /// A day of so many times the rate of its busy hours, evenly, on top of its work.
    Even(u16),
    /// From nothing to a hundred times a typical active minute, within a day.
    Ramp,
    /// Two hours of the rate of its busy hours, at night.
    OffHours,
    /// Five days of its busy rate, day and night, on top of its work.
    LowAndSlow,
    /// It does nothing any more.
    Stop,
}

impl AttackKind {
    pub const ALL: [AttackKind; 13] = [
        AttackKind::Spike(2),
        AttackKind::Spike(5),
        AttackKind::Spike(10),
        AttackKind::Spike(30),
        AttackKind::Spike(100),
        AttackKind::Shift(3),
        AttackKind::Shift(10),
        AttackKind::Even(3),
        AttackKind::Even(10),
        AttackKind::Ramp,
        AttackKind::OffHours,
        AttackKind::LowAndSlow,
        AttackKind::Stop,
    ];

    pub fn name(self) -> String {
        match self {
            AttackKind::Spike(times) => format!("spike × {times}"),
            AttackKind::Shift(times) => format!("shift × {times}"),
            AttackKind::Even(times) => format!("even rate × {times}"),
            AttackKind::Ramp => "ramp to × 100 in a day".into(),
            AttackKind::OffHours => "off hours".into(),
            AttackKind::LowAndSlow => "low and slow".into(),
            AttackKind::Stop => "stop".into(),
        }
    }
}

/// An attack that was planted, in minutes since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attack {
    pub kind: AttackKind,
    pub start: i64,
    /// An alert until here has found it.
    pub counted_until: i64,
}

/// Plants an attack that begins within the day after `from`.
pub fn plant(agent: &mut SimAgent, kind: AttackKind, from: i64, random: &mut Random) {
    let (typical, busy) = (agent.typical(from), agent.busy_rate(from).max(0.02));
    let mut start = from + random.below(DAY as u64) as i64;
    let end = agent.counts.len() as i64;
    let mut add = |agent: &mut SimAgent, minutes: i64, rate: &dyn Fn(i64) -> f64| {
        for step in 0..minutes.min(end - start) {
            let count = random.poisson(rate(step).min(MINUTE_MAX));
            agent.add(start + step, count);
        }
        start + minutes
    };
    let attack_end = match kind {
        AttackKind::Spike(times) => add(agent, SPIKE, &|_| f64::from(times) * typical) + HOUR,
        AttackKind::Shift(times) => {
            // It begins with the first minute that it changes.
            start += agent.idle_minutes(start);
            for minute in start..(start + DAY).min(end) {
                let more = u32::from(times - 1) * agent.count_at(minute);
                agent.add(minute, more.min(MINUTE_MAX as u32));
            }
            start + DAY
        }
        AttackKind::Even(times) => add(agent, DAY, &|_| f64::from(times) * busy),
        AttackKind::Ramp => add(agent, DAY, &|step| {
            100.0 * typical * step as f64 / DAY as f64
        }),
        AttackKind::LowAndSlow => add(agent, 5 * DAY, &|_| busy),
        AttackKind::OffHours => {
            let local = agent.zone.local(start);
            start += (26 * HOUR - local % DAY) % DAY;
            for step in 0..2 * HOUR {
                let count = random.poisson(busy);
                agent.add(start + step, count);
            }
            start + 3 * HOUR
        }
        AttackKind::Stop => {
            agent.counts[start as usize..].fill(0);
            end
        }
    };
    agent.attack = Some(Attack {
        kind,
        start,
        counted_until: attack_end.min(end),
    });
}
