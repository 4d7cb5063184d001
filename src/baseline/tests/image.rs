//! A metric that was exported and imported judges as it did, and the time in between is no silence.

use super::settings;
use super::situations::{Chance, DAY, START_MS, burst_settings};
use crate::baseline::{
    MetricAction, MetricImage, MetricLearned, MetricLive, MetricSettings, MetricShare, Outage,
    PaneComparison, UTC,
};

#[derive(Default)]
struct Metric {
    live: MetricLive,
    learned: MetricLearned,
    alarms: Vec<(i64, PaneComparison)>,
}

impl Metric {
    fn act_for(
        &mut self,
        minutes: std::ops::Range<i64>,
        mean: u64,
        (settings, chance): (&MetricSettings, &mut Chance),
    ) {
        for minute in minutes {
            for _ in 0..chance.below(2 * mean + 1) {
                let action = MetricAction {
                    settings,
                    offset: UTC,
                    at_ms: START_MS + minute * 60_000,
                    share: MetricShare::Amount(1.0),
                    outage: None,
                    frozen: false,
                };
                let counted = self.live.count_action(&mut self.learned, &action);
                self.alarms
                    .extend(counted.alarm.map(|alarm| (minute, alarm)));
            }
        }
    }

    fn text(&self, settings: &MetricSettings) -> String {
        let image = MetricImage::of_metric(&self.live, &self.learned, settings, UTC);
        serde_json::to_string(&image).unwrap()
    }

    fn expected(&self, settings: &MetricSettings) -> f64 {
        let compared = self.live.compare_pane(&self.learned, settings, UTC);
        compared.expected * 60_000.0 / compared.window_ms as f64
    }

    fn silence_due_ms(&mut self, settings: &MetricSettings) -> Option<i64> {
        self.live.silence_due_ms(&mut self.learned, settings, UTC)
    }
}

fn read(text: &str, until_ms: i64) -> Result<Metric, String> {
    let image: MetricImage = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let (live, learned) = image.into_metric(until_ms)?;
    Ok(Metric {
        live,
        learned,
        alarms: Vec::new(),
    })
}

fn learned(settings: &MetricSettings) -> Metric {
    let mut metric = Metric::default();
    metric.act_for(0..21 * DAY, 2, (settings, &mut Chance(7)));
    metric
}

fn ms(minutes: i64) -> i64 {
    START_MS + minutes * 60_000
}

#[test]
fn what_is_imported_judges_as_what_was_exported() {
    for settings in [burst_settings(), settings(3_600)] {
        let mut ours = learned(&settings);
        let mut theirs = read(&ours.text(&settings), ms(21 * DAY)).unwrap();
        ours.alarms.clear();
        for metric in [&mut ours, &mut theirs] {
            metric.act_for(21 * DAY..22 * DAY, 2, (&settings, &mut Chance(8)));
            metric.act_for(22 * DAY..22 * DAY + 90, 60, (&settings, &mut Chance(9)));
            metric.act_for(22 * DAY + 90..23 * DAY, 2, (&settings, &mut Chance(9)));
        }
        assert!(!ours.alarms.is_empty(), "{settings:?}");
        assert_eq!(ours.alarms, theirs.alarms);
        assert_eq!(ours.text(&settings), theirs.text(&settings));
    }
}

#[test]
fn the_time_before_an_import_is_no_silence_and_teaches_nothing() {
    let settings = settings(3_600);
    let until_ms = ms(21 * DAY);
    let unknown = |days: i64| Outage {
        from_ms: until_ms,
        to_ms: until_ms + days * 86_400_000,
    };
    let mut metric = learned(&settings);
    let text = metric.text(&settings);
    let before = metric.expected(&settings);
    assert!(metric.silence_due_ms(&settings).is_some());
    let mut at_once = read(&text, until_ms).unwrap();
    let Metric { live, learned, .. } = &mut at_once;
    live.skip_time(learned, &settings, UTC, unknown(0));
    assert_eq!(at_once.text(&settings), text, "no time, no change");
    let mut later = read(&text, until_ms).unwrap();
    let Metric { live, learned, .. } = &mut later;
    live.skip_time(learned, &settings, UTC, unknown(5));
    assert_eq!(later.silence_due_ms(&settings), None);
    let after = later.expected(&settings);
    assert!((after / before - 1.0).abs() < 0.2, "{before} {after}");
    let mut silent = read(&text, until_ms).unwrap();
    silent.act_for(26 * DAY..26 * DAY + 9, 2, (&settings, &mut Chance(8)));
    assert!(silent.expected(&settings) < 0.7 * after);
    later.act_for(26 * DAY..26 * DAY + 300, 2, (&settings, &mut Chance(8)));
    assert!(later.alarms.is_empty(), "{:?}", later.alarms);
}

#[test]
fn what_no_metric_can_have_learned_is_refused() {
    let settings = burst_settings();
    let until_ms = ms(21 * DAY);
    let text = learned(&settings).text(&settings);
    assert!(read(&text, until_ms).is_ok());
    let with = |path: &[&str], value: serde_json::Value| {
        let mut image: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut at = &mut image;
        for name in path {
            at = &mut at[*name];
        }
        *at = value;
        read(&image.to_string(), until_ms).err().unwrap()
    };
    for (path, value, names) in [
        (["known", "pane_ms"], 1.into(), "shorter or longer"),
        (["known", "pane_ms"], 0.into(), "no pane"),
        (["known", "first_ms"], (until_ms + 1).into(), "at no time"),
        (["known", "pane"], i64::MAX.into(), "not in order"),
        (["known", "pane"], 0.into(), "not in order"),
    ] {
        let error = with(&path, value);
        assert!(error.contains(names), "{path:?}: {error}");
    }
    let spike = serde_json::json!({"pane": i64::MAX, "window_ms": 1, "closed": 0.0,
        "highest": 1.0, "reported": 1.0});
    assert!(with(&["spike"], spike).contains("burst"));
    assert!(with(&["pane"], i64::MAX.into()).contains("not in order"));
    assert!(with(&["unheard"], 1.into()).contains("unknown field"));
}
