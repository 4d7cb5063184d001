//! What one action and one closed pane cost a metric, and what an action costs in the metrics of
//! the shipped rules together.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scopewatch::baseline::{
    AlarmSides, MetricAction, MetricLearned, MetricLive, MetricSettings, MetricShare, UTC,
};

const MINUTE_MS: i64 = 60_000;
const START_MS: i64 = 1_699_833_600_000;

fn settings(pane_ms: i64) -> MetricSettings {
    MetricSettings {
        pane_ms: Some(pane_ms),
        sides: AlarmSides {
            above: true,
            below: false,
            silence: false,
        },
        false_alarms_per_30d: 1.0,
        min_count: 20.0,
        min_ratio: 3.0,
        is_real: false,
        mean_of: None,
    }
}

/// A metric that has counted for ten days, and when it counted last.
fn warm(settings: &MetricSettings) -> (MetricLive, MetricLearned, i64) {
    let (mut live, mut learned) = (MetricLive::default(), MetricLearned::default());
    let mut at_ms = START_MS;
    for n in 0..40_000_i64 {
        at_ms += 5_000 + n * 7_919 % 33_000;
        live.count_action(&mut learned, &one(settings, at_ms));
    }
    (live, learned, at_ms)
}

fn one(settings: &MetricSettings, at_ms: i64) -> MetricAction<'_> {
    MetricAction {
        settings,
        offset: UTC,
        at_ms,
        share: MetricShare::Amount(1.0),
        outage: None,
        frozen: false,
    }
}

fn baselines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("baselines");
    group.throughput(Throughput::Elements(1));
    for (name, pane_ms) in [
        ("agent channel", MINUTE_MS),
        ("level channel", 5 * MINUTE_MS),
    ] {
        let settings = settings(pane_ms);
        let (mut live, mut learned, mut at_ms) = warm(&settings);
        group.bench_function(format!("{name}: action in the open pane"), |bench| {
            bench.iter(|| live.count_action(&mut learned, &one(&settings, at_ms)));
        });
        let (mut live, mut learned, _) = warm(&settings);
        group.bench_function(format!("{name}: action that opens a pane"), |bench| {
            bench.iter(|| {
                at_ms += pane_ms;
                live.count_action(&mut learned, &one(&settings, at_ms))
            });
        });
    }
    let mut fleet = DefaultMetrics::warm();
    group.bench_function("shipped metrics together: action", |bench| {
        bench.iter(|| fleet.count_action());
    });
    group.finish();
}

/// The metrics that the shipped rules count for an agent that acts every ten seconds on average.
/// Of its actions each is counted by actions, presence, records, bytes and distinct resources, and
/// one in forty by each of the others.
struct DefaultMetrics {
    metrics: Vec<(MetricLive, MetricLearned, MetricSettings)>,
    at_ms: i64,
    actions: i64,
}

impl DefaultMetrics {
    const OF_EVERY_ACTION: usize = 5;
    const METRICS: usize = 10;

    fn warm() -> Self {
        let metrics = (0..Self::METRICS).map(|metric| {
            let mut settings = settings(MINUTE_MS);
            settings.sides.silence = metric == 1;
            settings.sides.above = metric != 1;
            settings.is_real = metric == 2 || metric == 3;
            (MetricLive::default(), MetricLearned::default(), settings)
        });
        let mut fleet = DefaultMetrics {
            metrics: metrics.collect(),
            at_ms: START_MS,
            actions: 0,
        };
        (0..80_000).for_each(|_| fleet.count_action());
        fleet
    }

    fn count_action(&mut self) {
        self.actions += 1;
        self.at_ms += 1_000 + self.actions * 7_919 % 18_000;
        for (metric, (live, learned, settings)) in self.metrics.iter_mut().enumerate() {
            let counted =
                metric < Self::OF_EVERY_ACTION || (self.actions * 31 + metric as i64 * 7) % 40 == 0;
            if !counted {
                continue;
            }
            let share = match metric {
                2 | 3 => MetricShare::Amount(((self.actions * 613) % 900) as f64),
                4 => MetricShare::Member((self.actions % 12) as u64 * 0x9E37_79B9_7F4A_7C15),
                _ => MetricShare::Amount(1.0),
            };
            let action = MetricAction {
                settings,
                offset: UTC,
                at_ms: self.at_ms,
                share,
                outage: None,
                frozen: false,
            };
            std::hint::black_box(live.count_action(learned, &action));
        }
    }
}

criterion_group!(benches, baselines);
criterion_main!(benches);
