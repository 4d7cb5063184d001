//! What one action and one closed pane cost a metric.

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
    group.finish();
}

criterion_group!(benches, baselines);
criterion_main!(benches);
