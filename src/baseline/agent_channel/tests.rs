//! The size of the channel, and what its sums are.

use super::*;
use crate::baseline::wall_time::UTC;

fn time(pane: i64) -> PaneTime<'static> {
    PaneTime {
        start_ms: pane * 60_000,
        pane_ms: 60_000,
        offset: UTC,
    }
}

#[test]
fn buckets_are_half_octaves() {
    let cases = [
        (0.0, 0),
        (0.3, 1),
        (1.0, 1),
        (1.5, 2),
        (2.0, 3),
        (3.0, 4),
        (4.0, 5),
        (1e18, 63),
    ];
    for (value, bucket) in cases {
        assert_eq!(bucket_of(value), bucket, "{value}");
        assert!(bucket == 63 || value < upper_edge(bucket));
    }
}

/// An hour's sum is known when it closes, and the half day has all of its hours.
#[test]
fn blocks_close_at_their_ends() {
    let mut channel = AgentChannel::new(0);
    channel.set_unit(1.0, false);
    for pane in 0..3 * 720 {
        channel.pass_time((pane - 1).max(0) * 60_000, &time(pane), false);
        channel.learn_pane(2.0, false, &time(pane));
    }
    channel.pass_time((3 * 720 - 1) * 60_000, &time(3 * 720), false);
    assert_eq!(channel.scales.map(|scale| scale.blocks), [3 * 720, 35, 2]);
    let means = channel.scales.map(|scale| scale.mean.round());
    assert_eq!(means, [2.0, 120.0, 1_440.0]);
}

#[test]
fn missing_panes_close_no_block() {
    let mut channel = AgentChannel::new(0);
    for pane in 0..180 {
        channel.pass_time((pane - 1).max(0) * 60_000, &time(pane), false);
        channel.learn_pane(2.0, false, &time(pane));
    }
    let before = channel.scales[1];
    channel.pass_time(179 * 60_000, &time(179 + 3 * 1_440), true);
    assert_eq!(
        (channel.scales[1].blocks, channel.scales[1].mean),
        (before.blocks, before.mean)
    );
}

/// A rise that is taught week by week still alarms by what was known a week ago.
#[test]
fn the_previous_generation_is_untouched() {
    let mut channel = AgentChannel::new(0);
    channel.set_unit(1.0, false);
    let mut judged = Vec::new();
    for pane in 0..4 * 10_080 {
        let value = if pane % 10 == 0 {
            4.0 + (pane / 10_080) as f64 * 4.0
        } else {
            0.0
        };
        channel.pass_time((pane - 1).max(0) * 60_000, &time(pane), false);
        if pane % 10_080 == 10_070 {
            let previous = channel.previous.as_ref();
            judged.push(previous.map(|known| known.scales[0].highest));
        }
        channel.learn_pane(value, false, &time(pane));
    }
    // The Monday of the epoch's weeks is a Thursday: the first generation is the first full week.
    assert!(
        judged.windows(2).all(|pair| pair[0] <= pair[1]),
        "{judged:?}"
    );
    assert!(channel.previous.is_some());
}

#[test]
fn the_memory_of_a_channel_is_bounded() {
    assert!(size_of::<AgentChannel>() + size_of::<PreviousGeneration>() <= 420);
}

/// What a new channel of a class expects of an hour and of half a day, before its own history.
#[test]
fn a_new_channel_expects_what_its_class_does_and_forgets_it_when_it_has_learned() {
    let busy = UsualSums {
        active: 0.5,
        sums: [(100.0, 400.0), (6_000.0, 1e6), (72_000.0, 1e8)],
    };
    let mut channel = AgentChannel::from_class(busy, 0);
    assert!(channel.judges_by_class(0) && !channel.is_learning(0));
    for (scale, (mean, variance)) in busy.sums.into_iter().enumerate() {
        assert!(channel.is_judged(scale, &time(0)));
        assert_eq!(channel.expected_sum(scale, &time(0)), (mean, variance));
    }
    // Sixty active panes of the class are worth as much as its own: 120 panes, for half are empty.
    (0..120).for_each(|minute| {
        channel.learn_pane(f64::from(u8::from(minute % 4 == 0)), false, &time(minute))
    });
    let (mean, variance) = channel.expected_sum(0, &time(120));
    assert!((mean - 50.125).abs() < 1e-3, "{mean}");
    // Both are 49.875 from the mean of both.
    assert!(
        (variance - (200.0 + 0.09375 + 49.875 * 49.875)).abs() < 0.1,
        "{variance}"
    );
    // What a busy class does is not left in it: it would hide bursts.
    (120..240).for_each(|minute| channel.learn_pane(1.0, false, &time(minute)));
    assert!(!channel.judges_by_class(240 * 60_000));
    let (mean, _) = channel.expected_sum(0, &time(240));
    assert!(mean < 1.0, "{mean}");
    assert_eq!(channel.class, None);
}
