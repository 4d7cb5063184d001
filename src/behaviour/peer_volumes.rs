//! How much the agents of one type usually do in each metric: by this a new one is judged before
//! it has a history.

use serde::{Deserialize, Serialize};

use super::limits::{VOLUME_PEERS_MAX, VOLUME_PEERS_MIN};
use crate::event::{LogNumber, Text, USUAL_VOLUMES_MAX, UsualSum, UsualVolume};

/// The spread that two imagined agents have, as a natural logarithm: they differ by a factor of
/// two. It keeps a few agents that happen to be alike from standing for all.
const IMAGINED_SPREAD: f64 = std::f64::consts::LN_2;
const IMAGINED_AGENTS: f64 = 2.0;
/// Standard deviations in a median absolute deviation, of a normal distribution.
const SD_PER_MEDIAN_DEVIATION: f64 = 1.482_6;

/// What agents of one type usually do, by metric and in the order of the metrics' names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PeerVolumes(Vec<MetricPeers>);

/// What agents usually do in one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricPeers {
    metric: Text,
    pane_ms: i64,
    /// Those that told it last, oldest first.
    agents: Vec<PeerVolume>,
}

/// What one agent usually does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerVolume {
    /// A hash of the agent.
    agent: u32,
    active: LogNumber,
    sums: [UsualSum; 3],
}

/// What an agent that is not known is expected to do in one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedVolume {
    /// The share of panes with something in them.
    pub active: f64,
    /// Mean and variance of the sums over a pane, an hour and half a day; the variance is that
    /// within an agent and between agents.
    pub sums: [(f64, f64); 3],
}

impl PeerVolumes {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Learns what an agent usually does, in the place of what it told before. A metric has as many
    /// agents as told it last, [`VOLUME_PEERS_MAX`] at most.
    pub fn learn(&mut self, agent: u32, volumes: &[UsualVolume]) {
        for volume in volumes {
            let Some(peers) = self.metric_of(volume) else {
                continue;
            };
            peers.agents.retain(|known| known.agent != agent);
            if peers.agents.len() >= VOLUME_PEERS_MAX {
                peers.agents.remove(0);
            }
            peers.agents.push(PeerVolume {
                agent,
                active: volume.active,
                sums: volume.sums,
            });
        }
    }

    /// The metric of a volume. It begins anew when the rule has panes of another length.
    fn metric_of(&mut self, volume: &UsualVolume) -> Option<&mut MetricPeers> {
        let metrics = &mut self.0;
        let place = metrics.binary_search_by(|known| known.metric.cmp(&volume.metric));
        let index = match place {
            Ok(index) => index,
            Err(_) if metrics.len() >= USUAL_VOLUMES_MAX => return None,
            Err(index) => {
                metrics.insert(
                    index,
                    MetricPeers {
                        metric: volume.metric.clone(),
                        pane_ms: volume.pane_ms,
                        agents: Vec::new(),
                    },
                );
                index
            }
        };
        let peers = metrics.get_mut(index)?;
        if peers.pane_ms != volume.pane_ms {
            peers.pane_ms = volume.pane_ms;
            peers.agents.clear();
        }
        Some(peers)
    }

    /// What a new agent is expected to do, as soon as [`VOLUME_PEERS_MIN`] agents told what they
    /// do. Medians: one agent that does much more does not move them.
    #[must_use]
    pub fn expected_of(&self, metric: &str, pane_ms: i64) -> Option<ExpectedVolume> {
        let known = self.0.iter().find(|known| known.metric == metric)?;
        if known.pane_ms != pane_ms || known.agents.len() < VOLUME_PEERS_MIN {
            return None;
        }
        let middle = |number: &dyn Fn(&PeerVolume) -> LogNumber| {
            median(known.agents.iter().map(|one| number(one).octaves()))
        };
        let sums = std::array::from_fn(|scale| {
            let octaves = middle(&|one| one.sums[scale].mean);
            let mean = octaves.exp2();
            let within = middle(&|one| one.sums[scale].variance).exp2();
            let apart = known.agents.iter();
            let apart = apart.map(|one| (one.sums[scale].mean.octaves() - octaves).abs());
            let between = mean * mean * spread(median(apart), known.agents.len()).exp_m1();
            (mean, within + between)
        });
        Some(ExpectedVolume {
            active: middle(&|one| one.active).exp2().clamp(0.0, 1.0),
            sums,
        })
    }

    /// As many as there may be, with the longest numbers.
    #[cfg(test)]
    pub(super) fn largest() -> Self {
        let longest = UsualSum {
            mean: LogNumber::of(f64::MIN_POSITIVE),
            variance: LogNumber::of(f64::MIN_POSITIVE),
        };
        let peers = |number: usize| MetricPeers {
            metric: format!("{number:0>48}").into(),
            pane_ms: 86_400_000,
            agents: vec![
                PeerVolume {
                    agent: u32::MAX,
                    active: longest.mean,
                    sums: [longest; 3],
                };
                VOLUME_PEERS_MAX
            ],
        };
        PeerVolumes((0..USUAL_VOLUMES_MAX).map(peers).collect())
    }

    /// Checks volumes from elsewhere.
    ///
    /// # Errors
    /// What is wrong with them, in one sentence.
    pub fn check(&self) -> Result<(), String> {
        let names = self.0.iter().map(|known| &known.metric);
        if self.0.len() > USUAL_VOLUMES_MAX || !names.is_sorted_by(|a, b| a < b) {
            return Err("too many metrics, or not in the order of their names".to_owned());
        }
        for known in &self.0 {
            let metric = &known.metric;
            if known.pane_ms < 1 || known.agents.len() > VOLUME_PEERS_MAX {
                return Err(format!(
                    "metric `{metric}`: no such pane, or too many agents"
                ));
            }
            let valid =
                |one: &PeerVolume| one.active.is_valid() && one.sums.iter().all(UsualSum::is_valid);
            if !known.agents.iter().all(valid) {
                return Err(format!("metric `{metric}`: a number is too large"));
            }
        }
        Ok(())
    }
}

/// The variance of the natural logarithm between agents, from the median deviation in octaves.
fn spread(median_octaves: f64, agents: usize) -> f64 {
    let agents = agents as f64;
    let seen = SD_PER_MEDIAN_DEVIATION * median_octaves * std::f64::consts::LN_2;
    let imagined = IMAGINED_AGENTS * IMAGINED_SPREAD * IMAGINED_SPREAD;
    (agents * seen * seen + imagined) / (agents + IMAGINED_AGENTS)
}

/// 0 of nothing.
fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() % 2 {
        1 => numbers[half],
        _ if half == 0 => 0.0,
        _ => (numbers[half - 1] + numbers[half]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn volume(metric: &str, mean: f64) -> UsualVolume {
        let sum = |blocks: f64| UsualSum {
            mean: LogNumber::of(mean * blocks),
            variance: LogNumber::of(4.0 * mean * blocks),
        };
        UsualVolume {
            metric: metric.into(),
            pane_ms: MINUTE_MS,
            active: LogNumber::of(0.25),
            sums: [sum(1.0), sum(60.0), sum(720.0)],
        }
    }

    fn learned(means: &[f64]) -> PeerVolumes {
        let mut peers = PeerVolumes::default();
        for (agent, mean) in means.iter().enumerate() {
            peers.learn(agent as u32, &[volume("actions", *mean)]);
        }
        peers
    }

    #[test]
    fn two_agents_are_too_few() {
        assert_eq!(learned(&[4.0, 4.0]).expected_of("actions", MINUTE_MS), None);
        assert!(
            learned(&[4.0, 4.0, 4.0])
                .expected_of("actions", MINUTE_MS)
                .is_some()
        );
    }

    #[test]
    fn one_agent_that_tells_it_again_is_still_one() {
        let mut peers = learned(&[4.0, 4.0]);
        for _ in 0..5 {
            peers.learn(1, &[volume("actions", 4.0)]);
        }
        assert_eq!(peers.expected_of("actions", MINUTE_MS), None);
    }

    #[test]
    fn agents_that_are_alike_give_their_mean_and_a_spread_of_few() {
        let expected = learned(&[4.0; 3])
            .expected_of("actions", MINUTE_MS)
            .unwrap();
        assert!((expected.active - 0.25).abs() < 1e-3);
        let (mean, variance) = expected.sums[1];
        assert!((mean - 240.0).abs() < 0.5, "{mean}");
        // 2 of 5 agents are imagined: e^(0.4 ln2^2) - 1 = 0.2119 of the squared mean, and 960.
        assert!(
            (variance - (0.2119 * mean * mean + 960.0)).abs() < 20.0,
            "{variance}"
        );
    }

    #[test]
    fn one_agent_that_does_much_more_moves_little() {
        let honest = learned(&[4.0; 5])
            .expected_of("actions", MINUTE_MS)
            .unwrap();
        let poisoned = learned(&[4.0, 4.0, 4.0, 4.0, 4.0, 4e6]);
        let poisoned = poisoned.expected_of("actions", MINUTE_MS).unwrap();
        for (a, b) in honest.sums.iter().zip(&poisoned.sums) {
            assert!((a.0 / b.0 - 1.0).abs() < 0.01);
            assert!(b.1 <= 1.01 * a.1);
        }
    }

    #[test]
    fn the_last_agents_are_known_and_other_panes_begin_anew() {
        let mut peers = learned(&[4.0; VOLUME_PEERS_MAX]);
        for agent in 100..100 + VOLUME_PEERS_MAX as u32 {
            peers.learn(agent, &[volume("actions", 8.0)]);
        }
        let expected = peers.expected_of("actions", MINUTE_MS).unwrap();
        assert!((expected.sums[0].0 - 8.0).abs() < 0.05);
        let other = UsualVolume {
            pane_ms: 2 * MINUTE_MS,
            ..volume("actions", 8.0)
        };
        peers.learn(7, &[other]);
        assert_eq!(peers.expected_of("actions", MINUTE_MS), None);
        assert_eq!(peers.expected_of("actions", 2 * MINUTE_MS), None);
    }

    #[test]
    fn further_metrics_than_there_is_room_for_are_not_learned() {
        let mut peers = PeerVolumes::default();
        for number in 0..=USUAL_VOLUMES_MAX {
            for agent in 0..3 {
                peers.learn(agent, &[volume(&format!("m{number:02}"), 1.0)]);
            }
        }
        assert!(peers.expected_of("m00", MINUTE_MS).is_some());
        let last = format!("m{USUAL_VOLUMES_MAX:02}");
        assert_eq!(peers.expected_of(&last, MINUTE_MS), None);
        assert_eq!(peers.check(), Ok(()));
    }

    #[test]
    fn what_nobody_can_have_told_is_refused() {
        type Change = fn(&mut PeerVolumes);
        let changes: [Change; 4] = [
            |peers| peers.0[0].pane_ms = 0,
            |peers| peers.0.push(peers.0[0].clone()),
            |peers| {
                let one = peers.0[0].agents[0];
                peers.0[0].agents = vec![one; VOLUME_PEERS_MAX + 1];
            },
            |peers| {
                peers.0[0].agents[0].active = serde_json::from_str("2000000").unwrap();
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut peers = learned(&[4.0; 3]);
            change(&mut peers);
            assert!(peers.check().is_err(), "{number}");
        }
    }
}
