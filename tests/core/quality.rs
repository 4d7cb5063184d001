//! The laboratory of `make quality`, at a size that takes seconds: it finds what nobody could
//! overlook, and repeats itself.

use crate::lab::attacks::{AttackKind, plant};
use crate::lab::fleet::{DAY, Family, SimAgent};
use crate::lab::gateway::Delivery;
use crate::lab::random::Random;
use crate::lab::series::alarm_rows;
use crate::lab::series_families::{Series, SeriesFamily};
use crate::lab::series_score::score_series;
use crate::lab::simple::{SimpleKind, incidents};
use crate::lab::volume::{VolumeScores, judge_engine};

const SEED: u64 = 7;

/// One agent of each family that is known after three days; the fourth brings a large spike.
fn small_fleet() -> Vec<SimAgent> {
    let families = [Family::Service, Family::Office, Family::Cron];
    let mut fleet: Vec<SimAgent> = families
        .into_iter()
        .enumerate()
        .map(|(number, family)| SimAgent::new(number, family, 4, SEED))
        .collect();
    for agent in &mut fleet {
        let mut random = Random::new(SEED, agent.number as u64);
        plant(agent, AttackKind::Spike(100), 3 * DAY, &mut random);
    }
    fleet
}

#[test]
fn the_laboratory_finds_large_spikes_and_repeats_itself() {
    let run = || judge_engine(&small_fleet(), Delivery::default());
    let scores: VolumeScores = run();
    let recall = scores.recall[&AttackKind::Spike(100)];
    assert_eq!((recall.hits, recall.all), (3, 3), "{scores:?}");
    assert!(
        scores
            .delays_of(AttackKind::Spike(100), None)
            .iter()
            .all(|delay| *delay <= 1.0)
    );
    assert_eq!(run(), scores);
}

#[test]
fn a_simple_detector_of_the_laboratory_finds_a_large_spike() {
    let fleet = small_fleet();
    let start = fleet[0].attack.unwrap().start;
    let known = |kind: &SimpleKind| *kind != SimpleKind::HourOfWeek;
    // No hour of the week has come twice yet.
    for kind in SimpleKind::ALL.into_iter().filter(known) {
        let found = incidents(kind, &fleet[0]);
        let first = &found[0];
        assert!(
            first
                .iter()
                .any(|minute| (start..start + 10).contains(minute)),
            "{kind:?}"
        );
    }
}

#[test]
fn the_laboratory_scores_series() {
    let series = Series::new(SeriesFamily::Spikes, 1, SEED);
    let firsts: Vec<usize> = series.anomalies.iter().map(|(first, _)| *first).collect();
    let perfect = score_series(&series, &firsts);
    assert_eq!((perfect.recall(), perfect.precision()), (1.0, 1.0));
    let nothing = score_series(&series, &[]);
    assert_eq!((nothing.windowed(), nothing.f1()), (0.0, 0.0));
    let early: Vec<usize> = firsts.iter().map(|first| first - 40).collect();
    let early = score_series(&series, &early);
    assert!(early.windowed() > perfect.windowed() && early.recall() == 0.0);
    let engine = score_series(&series, &alarm_rows(&series, 1));
    assert!(engine.windowed() > 0.0 && engine.found > 0, "{engine:?}");
}
