//! Signals move their metrics, and the text of the metrics is valid for Prometheus.

use super::*;

#[test]
fn every_line_of_the_page_is_well_formed_and_no_name_repeats() {
    let metrics = Metrics::new();
    metrics.set_bundle("ab\"cd");
    metrics.records.add("actions", 3);
    metrics.commit.record_us(4_000);
    let page = metrics.render_text();
    let mut named = std::collections::BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(named.insert(name.to_owned()), "{name} twice");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
            assert!(name.starts_with("scopewatch_"), "{line}");
            assert!(
                !line.contains("agent=") && !line.contains("task="),
                "{line}"
            );
        }
    }
    assert!(page.contains("scopewatch_records_total{input=\"actions\"} 3\n"));
    assert!(page.contains("bundle_info{sha=\"ab\\\"cd\"} 1\n"), "{page}");
}

#[test]
fn a_number_that_nobody_knows_is_absent() {
    let metrics = Metrics::new();
    let sample = |value: &str| format!("\nscopewatch_lag_records {value}\n");
    assert!(!metrics.render_text().contains("\nscopewatch_lag_records"));
    metrics.lag_records.set(Some(0));
    assert!(metrics.render_text().contains(&sample("0")));
    metrics.lag_records.set(None);
    assert!(!metrics.render_text().contains("\nscopewatch_lag_records"));
}

#[test]
fn a_histogram_is_cumulative_in_seconds() {
    let metrics = Metrics::new();
    for us in [900, 4_000, 40_000, 7_200_000_000] {
        metrics.alert_latency.record_us(us);
    }
    let page = metrics.render_text();
    for line in [
        "alert_latency_seconds_bucket{le=\"0.001\"} 1",
        "alert_latency_seconds_bucket{le=\"0.005\"} 2",
        "alert_latency_seconds_bucket{le=\"0.045\"} 3",
        "alert_latency_seconds_bucket{le=\"60\"} 3",
        "alert_latency_seconds_bucket{le=\"+Inf\"} 4",
        "alert_latency_seconds_sum 7200.0449",
        "alert_latency_seconds_count 4",
    ] {
        assert!(
            page.contains(&format!("scopewatch_{line}\n")),
            "no `{line}` in\n{page}"
        );
    }
    let median_us = metrics.alert_latency.quantile_us(0.5);
    assert!((3_900..4_100).contains(&median_us), "{median_us}");
}

#[test]
fn a_flood_of_one_kind_is_counted_whole() {
    let metrics = Metrics::new();
    for offset in 0..5_000 {
        let error = "not JSON";
        DeadLetterWritten {
            topic: "t",
            partition: 0,
            offset,
            reason: "malformed",
            error,
        }
        .emit(&metrics);
        LimitHit {
            name: "children_max",
            times: 2,
        }
        .emit(&metrics);
    }
    LimitHit {
        name: "untouched",
        times: 0,
    }
    .emit(&metrics);
    assert_eq!(metrics.dead_letters.count_of("malformed"), 5_000);
    assert_eq!(metrics.limits_hit.count_of("children_max"), 10_000);
    assert!(!metrics.render_text().contains("untouched"));
}

#[test]
fn a_log_filter_that_cannot_be_read_is_named() {
    let error = init_logging(LogForm::Json, Some("scopewatch=loud")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("SCOPEWATCH_LOG: `scopewatch=loud`"),
        "{error}"
    );
}
