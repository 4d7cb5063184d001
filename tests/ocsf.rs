//! Every kind of alert is valid by OCSF 1.8.0 and by our own schema. The validators are not ours.

#![allow(clippy::disallowed_methods, reason = "no pure room")]

mod outcomes;

use scopewatch::codec::{native, ocsf};
use scopewatch::response::{Alert, AlertActivity, CloseReason, RequestState};
use serde_json::Value;

#[test]
fn every_kind_of_alert_is_a_valid_detection_finding() {
    let outcomes = outcomes::every_kind();
    let findings: Vec<Value> = outcomes::alerts(&outcomes)
        .into_iter()
        .map(|alert| ocsf::detection_finding(alert, "0.1.0"))
        .collect();
    assert!(
        findings
            .iter()
            .any(|finding| finding["disposition_id"] == 24)
    );
    // A request alone has revoked nothing.
    for (alert, finding) in outcomes::alerts(&outcomes).into_iter().zip(&findings) {
        let targets = alert.revocation.iter().flat_map(|block| &block.targets);
        let states: Vec<RequestState> = targets.map(|target| target.state).collect();
        let confirmed = |state: &RequestState| *state == RequestState::Done;
        let all_confirmed = !states.is_empty() && states.iter().all(confirmed);
        assert_eq!(finding["disposition_id"] == 24, all_confirmed, "{finding}");
        // Nor is an incident resolved by a request, or because nothing more happened.
        let status = match alert.activity {
            AlertActivity::Close(CloseReason::FalsePositive) => "Suppressed",
            _ if all_confirmed => "Resolved",
            _ => "New",
        };
        assert_eq!(finding["status"], status, "{finding}");
    }
    check_advice(&findings, &outcomes::alerts(&outcomes));
    assert!(
        findings
            .iter()
            .any(|finding| finding["anomaly_analyses"].is_array())
    );
    assert!(findings.iter().any(|finding| {
        let analysis = &finding["anomaly_analyses"][0];
        let signal = &analysis["anomalies"][0]["observation_parameter"];
        let counted = &analysis["baselines"][0]["observed_pattern"];
        signal == "DN" && counted == "0 of 25 tasks of the class"
    }));
    for activity in 1..=3 {
        assert!(
            findings
                .iter()
                .any(|finding| finding["activity_id"] == activity)
        );
    }
    let mut lines: Vec<String> = findings.iter().map(Value::to_string).collect();
    if let Some((valid, said)) = outcomes::python("validate_ocsf.py", &lines.join("\n")) {
        assert!(valid, "{said}");
        // The validator does refuse: a finding without its uid is invalid.
        let mut broken = findings[0].clone();
        broken["finding_info"] = serde_json::json!({});
        lines.push(broken.to_string());
        let refused = outcomes::python("validate_ocsf.py", &lines.join("\n"));
        assert!(refused.is_some_and(|(valid, _)| !valid));
    }
}

/// Each says what to do next and how sure it is, and names what it refers to.
fn check_advice(findings: &[Value], alerts: &[&Alert]) {
    for finding in findings {
        assert!(finding["remediation"]["desc"].is_string(), "{finding}");
        assert!(
            finding["finding_info"]["analytic"]["desc"].is_string(),
            "{finding}"
        );
        assert!(finding["confidence_id"].is_i64(), "{finding}");
        for other in finding["finding_info"]["related_analytics"]
            .as_array()
            .into_iter()
            .flatten()
        {
            assert!(other["name"].is_string(), "{finding}");
        }
    }
    let context = |finding: &&Value| finding["unmapped"]["recent_actions"].is_array();
    let named = findings
        .iter()
        .find(context)
        .expect("an alert of an action");
    assert_eq!(named["unmapped"]["scope"]["permits"][0], "database.*: read");
    let case = alerts.iter().find_map(|alert| alert.case_id);
    let case = case.expect("an alert of an agent").to_string();
    assert!(
        findings
            .iter()
            .any(|one| one["metadata"]["correlation_uid"] == case)
    );
}

#[test]
fn every_kind_of_alert_is_valid_by_our_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../schemas/alert.schema.json")).expect("JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let outcomes = outcomes::every_kind();
    for alert in outcomes::alerts(&outcomes) {
        let value = native::alert_json(alert);
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}\n{value:#}");
    }
    let mut strange = native::alert_json(outcomes::alerts(&outcomes)[0]);
    strange["surprise"] = 1.into();
    assert!(!validator.is_valid(&strange));
}
