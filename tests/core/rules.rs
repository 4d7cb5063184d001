//! Every shipped rule end to end: records in, an alert with that rule's id out. A rule without an
//! entry here fails the test.

use std::collections::BTreeSet;

use scopewatch::rule::RuleLevel;
use serde_json::{Value as Json, json};

use crate::behaviour::behaviour_cases;
use crate::delegation_cases::{delegation_cases, tree_cases};
use crate::flow_cases::flow_cases;
use crate::harness::{HOUR, Harness, MINUTE, SECOND, T0, anything, databases};
use crate::volume_cases::volume_cases;

/// A rule, the scopes that are declared, and the agent's actions with their second.
pub type Case = (&'static str, Json, Vec<(i64, Json)>);

fn one(rule: &'static str, scope: Json, action: Json) -> Case {
    (rule, json!([scope]), vec![(1, action)])
}

fn on(verb: &str) -> Json {
    json!({"resource.type": "database.table", "action.verb": verb})
}

fn with(mut action: Json, field: &str, value: Json) -> Json {
    action[field] = value;
    action
}

/// A scope that grants everything, with one field more.
fn all(field: &str, value: Json) -> Json {
    with(json!({"grants": anything()}), field, value)
}

/// A scope with one grant of every type, with one field more.
fn grant(field: &str, value: Json) -> Json {
    let granted = with(json!({"resource_types": ["*"]}), field, value);
    json!({"grants": [granted]})
}

/// Rules that need a request first: `ends.rs` and `parent_requests.rs` have their records, and
/// tests that they have.
const ELSEWHERE: [&str; 3] = [
    "action-after-revocation-request",
    "parent-revocation-requested",
    "parent-revoked-with-children",
];

/// Each rule with scopes and actions; only the last action matches the rule.
fn cases() -> Vec<Case> {
    let mut cases = first_cases();
    cases.extend(effect_cases());
    cases.extend(other_cases());
    cases.extend(credential_cases());
    cases.extend(channel_cases());
    cases.extend(behaviour_cases());
    cases.extend(flow_cases());
    cases.extend(delegation_cases());
    cases.push(forwarded_case());
    cases.extend(tree_cases());
    cases.extend(volume_cases());
    cases
}

fn first_cases() -> Vec<Case> {
    let night = json!({"days": "mon-fri", "from": "07:00", "to": "08:00", "zone": "UTC"});
    vec![
        one(
            "action-after-revocation",
            all("status", "revoked".into()),
            on("read"),
        ),
        one(
            "action-after-task-end",
            json!({"grants": anything(), "task.id": "t1", "status": "completed"}),
            with(on("read"), "task.id", "t1".into()),
        ),
        one(
            "channel-below-scope",
            all("channel", json!({"encrypted": true})),
            with(on("read"), "channel.encrypted", false.into()),
        ),
        one(
            "delegation-outside-scope",
            all("delegation", json!({"allowed": false})),
            json!({"resource.type": "agent.child", "action.verb": "spawn", "resource.id": "c"}),
        ),
        one(
            "destination-outside-scope",
            all("destinations", json!(["ok.test"])),
            with(on("read"), "destination.host", "evil.test".into()),
        ),
        one(
            "egress-to-destination-outside-scope",
            all("destinations", json!(["ok.test"])),
            with(on("send"), "destination.host", "evil.test".into()),
        ),
        one(
            "instruction-source-outside-scope",
            all("instruction_sources", json!(["user"])),
            with(on("read"), "instruction.source", "retrieved_data".into()),
        ),
        (
            "limit-exceeded",
            json!([all(
                "limits",
                json!([{"measure": "count", "window": "1h", "max": 1}])
            )]),
            vec![(1, on("read")), (2, on("read"))],
        ),
        one("outside-declared-hours", all("hours", night), on("read")),
        one(
            "owner-outside-grant",
            grant("owners", json!(["ann"])),
            with(on("read"), "resource.owner", "bob".into()),
        ),
    ]
}

fn effect_cases() -> Vec<Case> {
    vec![
        one(
            "administration-outside-scope",
            json!({"grants": databases()}),
            on("admin"),
        ),
        one(
            "change-outside-scope",
            json!({"grants": databases()}),
            on("update"),
        ),
        one(
            "destruction-or-egress-outside-scope",
            json!({"grants": databases()}),
            on("delete"),
        ),
        one(
            "listing-outside-scope",
            json!({"grants": databases()}),
            on("search"),
        ),
    ]
}

/// A granted action with a count that cannot be one.
fn odd_count(rule: &'static str, verb: &str) -> Case {
    let action = with(on(verb), "volume.records", (-1).into());
    one(rule, all("status", "active".into()), action)
}

fn other_cases() -> Vec<Case> {
    let someone_else = json!([{"agent.id": "b", "grants": anything()}]);
    let mut steady: Vec<(i64, Json)> = (0..360).map(|n| (n * 30, on("read"))).collect();
    steady.extend((0..300).map(|n| (10_800 + n / 5, on("read"))));
    steady.push((10_920, on("read")));
    vec![
        one(
            "resource-id-outside-grant",
            grant("resource_ids", json!(["sales/*"])),
            with(on("read"), "resource.id", "payroll/x".into()),
        ),
        one(
            "resource-type-outside-scope",
            json!({"grants": databases()}),
            json!({"resource.type": "email.message", "action.verb": "read"}),
        ),
        one(
            "scope-expired",
            all("expires_at", (T0 - 30 * SECOND).into()),
            on("read"),
        ),
        one(
            "scope-not-yet-valid",
            all("effective_from", (T0 + MINUTE).into()),
            on("read"),
        ),
        one(
            "scope-suspended",
            all("status", "suspended".into()),
            on("read"),
        ),
        one(
            "sensitivity-above-ceiling",
            grant("sensitivity_max", "internal".into()),
            with(on("read"), "resource.sensitivity", "restricted".into()),
        ),
        one(
            "tool-outside-scope",
            all("tools", json!(["sql"])),
            with(on("read"), "tool.name", "sh".into()),
        ),
        one(
            "undeclared-task",
            all("task.id", "t1".into()),
            with(on("read"), "task.id", "t2".into()),
        ),
        ("undeclared-agent", someone_else, vec![(1, on("read"))]),
        ("unmanaged-tenant", json!([]), vec![(1, on("read"))]),
        one(
            "unmapped-tool",
            json!({"grants": databases()}),
            json!({"tool.name": "mystery"}),
        ),
        one(
            "verb-outside-grant",
            json!({"grants": databases()}),
            on("browse"),
        ),
        ("actions-spike", json!([{"grants": anything()}]), steady),
        odd_count("malformed-action", "read"),
        odd_count("malformed-action-with-effect", "update"),
        odd_count("malformed-destruction-or-egress", "delete"),
        one(
            "unreadable-action",
            all("status", "active".into()),
            json!({"x": "longer than a record may be".repeat(20_000)}),
        ),
    ]
}

/// A read with fields of its credential and channel.
fn read_with(fields: Json) -> Json {
    let mut action = on("read");
    action["credential.id"] = "c1".into();
    for (field, value) in fields.as_object().unwrap() {
        action[field] = value.clone();
    }
    action
}

/// A rule that compares an action with the one before it.
fn two(rule: &'static str, first: Json, second: Json) -> Case {
    let scopes = json!([{"grants": anything()}]);
    (
        rule,
        scopes,
        vec![(1, read_with(first)), (2, read_with(second))],
    )
}

fn credential_cases() -> Vec<Case> {
    let (listing, all) = (
        all("credential_ids", json!(["c1"])),
        json!({"grants": anything()}),
    );
    let over = |verb| with(on(verb), "credential.expires_at", (T0 - MINUTE).into());
    let other = |verb| with(on(verb), "credential.id", "c2".into());
    let year = json!({"credential.issued_at": T0 - MINUTE,
        "credential.expires_at": T0 + 365 * 24 * HOUR});
    let later = json!({"credential.issued_at": T0 + 5 * MINUTE});
    vec![
        one("credential/expired", all.clone(), over("read")),
        one("credential/expired-with-effect", all.clone(), over("send")),
        one("credential/long-lifetime", all.clone(), read_with(year)),
        one("credential/before-issue", all, read_with(later)),
        one("credential/not-in-scope", listing.clone(), other("read")),
        one(
            "credential/not-in-scope-with-effect",
            listing,
            other("delete"),
        ),
        two(
            "credential/reused-across-tasks",
            json!({"task.id": "t1"}),
            json!({"task.id": "t2"}),
        ),
        two(
            "credential/session-carry-over",
            json!({"session.id": "s1"}),
            json!({"session.id": "s2"}),
        ),
        two(
            "credential/bound-elsewhere",
            json!({"credential.bound_to": "key-a"}),
            json!({"credential.bound_to": "key-b"}),
        ),
        two(
            "credential/two-networks",
            json!({"gateway.id": "g1", "channel.network": "internal"}),
            json!({"gateway.id": "g2", "channel.network": "external"}),
        ),
    ]
}

/// Another agent has used the credential before.
pub fn forwarded_case() -> Case {
    let owner = json!({"agent.id": "b", "scope_id": "s-b", "grants": anything()});
    let first = read_with(json!({"agent.id": "b"}));
    (
        "credential/forwarded",
        json!([owner, {"grants": anything()}]),
        vec![(1, first), (2, read_with(json!({})))],
    )
}

fn channel_cases() -> Vec<Case> {
    let over = |field: &str| {
        let loopback = json!({"channel.network": "loopback"});
        one_of_all(with(read_with(loopback), field, false.into()))
    };
    let one_more = |rule, (scopes, actions)| (rule, scopes, actions);
    vec![
        one_more("channel/unauthenticated", over("channel.authenticated")),
        one_more("channel/unencrypted", over("channel.encrypted")),
        two(
            "channel/peer-not-holder",
            json!({"channel.peer_id": "spiffe://acme/a1"}),
            json!({"channel.peer_id": "spiffe://acme/b"}),
        ),
    ]
}

/// One action under a scope that grants everything.
fn one_of_all(action: Json) -> (Json, Vec<(i64, Json)>) {
    (json!([{"grants": anything()}]), vec![(1, action)])
}

fn run(scopes: &Json, actions: &[(i64, Json)]) -> Vec<Json> {
    let mut harness = Harness::with(|_| ());
    for scope in scopes.as_array().unwrap() {
        let mut scope = scope.clone();
        let from_ms = T0 - MINUTE;
        let fields = scope.as_object_mut().unwrap();
        fields.entry("effective_from").or_insert(from_ms.into());
        harness.scope(T0 - SECOND, scope);
    }
    for (at_s, action) in actions {
        harness.action(T0 + at_s * SECOND, action.clone());
    }
    harness.tick(T0 + actions.last().unwrap().0 * SECOND + MINUTE);
    harness.step()
}

#[test]
fn every_shipped_rule_makes_an_alert_with_its_id() {
    let harness = Harness::with(|_| ());
    let rules = harness.engine.rules();
    let name = |path: &str| {
        let path = path.trim_start_matches("rules/").trim_end_matches(".yaml");
        // The oldest cases name only the file.
        let in_folder = path.starts_with("credential/") || path.starts_with("channel/");
        let file = path.rsplit('/').next().unwrap();
        if in_folder { path } else { file }.to_owned()
    };
    let shipped: BTreeSet<String> = rules.bundle.rules.iter().map(|r| name(&r.path)).collect();
    let cases = cases();
    let covered = cases.iter().map(|case| case.0).chain(ELSEWHERE);
    let covered: BTreeSet<String> = covered.map(str::to_owned).collect();
    assert_eq!(
        covered, shipped,
        "a rule file without an entry, or an entry without a file"
    );
    for (rule, scopes, actions) in cases {
        let shipped = &rules.bundle.rules;
        let found = shipped.iter().find(|r| name(&r.path) == rule).unwrap();
        let id = &found.id;
        let alerts = run(&scopes, &actions);
        let opened: Vec<&Json> = alerts
            .iter()
            .filter(|a| a["activity"] == "create")
            .collect();
        // An informational rule stands in the alert of another one.
        let informs = found.level == RuleLevel::Informational;
        let named = |alert: &Json| match informs {
            true => names_also(alert, id),
            false => alert["rule"]["id"] == id.as_str(),
        };
        let own = opened.iter().find(|alert| named(alert));
        let own = own.unwrap_or_else(|| panic!("{rule}: {opened:#?}"));
        assert_eq!(own["tenant"], "acme", "{rule}");
        let about = ["a1", "gateway:gw-1"][usize::from(rule == "gateway-gap")];
        assert_eq!(own["agent_id"], about, "{rule}");
        assert!(!own["event_ids"].as_array().unwrap().is_empty(), "{rule}");
        assert_eq!(
            opened.len(),
            1,
            "{rule}: one action, one alert: {opened:#?}"
        );
        if actions.len() < 2 {
            continue;
        }
        let short = run(&scopes, &actions[..actions.len() / 2]);
        assert!(!short.iter().any(named), "{rule}: too early");
    }
}

/// Whether an alert of another rule names the rule.
fn names_also(alert: &Json, id: &str) -> bool {
    let also = alert["also"].as_array();
    also.is_some_and(|also| also.iter().any(|other| other == id))
}

/// The severity of the alert about one action, and whether it plans a revocation.
fn response_to(scope: &Json, mut action: Json) -> (String, bool) {
    action["credential.id"] = "c1".into();
    action["credential.issuer"] = "https://idp.test".into();
    let alerts = run(&json!([scope]), &[(1, action)]);
    assert_eq!(alerts.len(), 1, "one action, one alert: {alerts:#?}");
    let planned = alerts[0]["revocation"]["targets"]
        .as_array()
        .is_some_and(|targets| !targets.is_empty());
    (alerts[0]["severity"].as_str().unwrap().to_owned(), planned)
}

#[test]
fn the_effect_decides_severity_whichever_part_of_the_scope_is_left() {
    let other = |field: &str, value: &str| with(json!({}), field, value.into());
    let ways = [
        (
            json!({"grants": [{"resource_types": ["email.*"]}]}),
            json!({}),
        ),
        (
            grant("resource_ids", json!(["sales/*"])),
            other("resource.id", "payroll/x"),
        ),
        (
            grant("owners", json!(["ann"])),
            other("resource.owner", "bob"),
        ),
        (all("tools", json!(["sql"])), other("tool.name", "sh")),
        (
            all("destinations", json!(["ok.test"])),
            other("destination.host", "evil.test"),
        ),
        (
            grant("sensitivity_max", "internal".into()),
            other("resource.sensitivity", "restricted"),
        ),
        (grant("verbs", json!(["infer"])), json!({})),
    ];
    for (way, (scope, change)) in ways.iter().enumerate() {
        let (unknown_type, too_sensitive) = (way == 0, way == 5);
        for (verb, severity, planned) in [
            ("delete", "critical", true),
            ("transfer", "critical", true),
            ("admin", "critical", true),
            ("execute", "high", false),
            ("read", if too_sensitive { "high" } else { "medium" }, false),
            (
                "search",
                match (unknown_type, too_sensitive) {
                    (true, _) => "medium",
                    (_, true) => "high",
                    _ => "low",
                },
                false,
            ),
        ] {
            let mut action = on(verb);
            for (field, value) in change.as_object().unwrap() {
                action[field] = value.clone();
            }
            let found = response_to(scope, action.clone());
            assert_eq!(found, (severity.to_owned(), planned), "{scope} {action}");
        }
    }
}

#[test]
fn the_strongest_rule_alerts_and_lists_the_weaker_ones() {
    let rules = Harness::with(|_| ()).engine.rules();
    let id = |end: &str| {
        let rule = rules
            .bundle
            .rules
            .iter()
            .find(|rule| rule.path.ends_with(end));
        Json::from(rule.unwrap().id.as_str())
    };
    let scope = json!([{
        "grants": databases(), "tools": ["sql"], "destinations": ["ok.test"],
    }]);
    let action = json!({
        "resource.type": "database.table", "action.verb": "delete", "tool.name": "sh",
        "destination.host": "evil.test",
    });
    let alerts = run(&scope, &[(1, action)]);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(
        alerts[0]["rule"]["id"],
        id("/destruction-or-egress-outside-scope.yaml")
    );
    let also: BTreeSet<String> = alerts[0]["also"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    let weaker = [
        "verb-outside-grant",
        "tool-outside-scope",
        "destination-outside-scope",
    ]
    .map(|name| id(&format!("scope/{name}.yaml")).to_string());
    assert_eq!(also, BTreeSet::from(weaker));
}
