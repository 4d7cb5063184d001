//! Runs the inline tests of rules with the engine task that also judges in production.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::codec::{Decoder, SchemaSet};
use crate::detector::GivenFact;
use crate::event::{AgentKey, Input};
use crate::response::{Alert, AlertActivity};
use crate::rule::{
    RevocationMode, RevokeTarget, Rule, RuleTest, TEST_START_MS, TestEvent, TestExpectation,
    TestRecordKind,
};
use crate::store::{MemoryStore, Store};
use crate::text::{Diagnostic, Location, SourceFile};

use super::contract::{InputRecord, PartitionTask, TaskError};
use super::outcome::TaskOutcome;
use super::{Engine, EngineOptions, EngineTask, Rules};

/// Tenant and agent of test events that name none.
const TENANT: &str = "test";
const AGENT: &str = "agent-1";
/// Offset of the first event in the topic of its record. The given scopes have smaller ones.
const EVENT_OFFSET_FIRST: i64 = 1_000_000;
/// The kind of a test event; without it the event is an action.
const EVENT_KIND: &str = "event.kind";
/// The kind of a record that cannot be used; as the value of a record it is none that can.
const DEAD_LETTER: &str = "dead_letter";
/// How far time advances after the last event, ms: longer than any action is deferred.
const AFTER_MS: i64 = 10 * 60_000;
/// Maximum number of actions of one test.
const EVENTS_MAX: u64 = 2_000_000;

/// The result of one inline test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    pub rule: String,
    pub name: String,
    pub path: String,
    pub line: usize,
    /// The reason of a failure; `None` if the test passed.
    pub failure: Option<String>,
}

/// Runs the inline tests of a bundle that are `wanted`.
#[must_use]
pub fn run_rule_tests(rules: &Rules, wanted: &dyn Fn(&Rule, &RuleTest) -> bool) -> Vec<TestResult> {
    let each = rules.bundle.rules.iter().flat_map(|rule| {
        let tests = rule.tests.iter().filter(|test| wanted(rule, test));
        tests.map(|test| TestResult {
            rule: rule.title.clone(),
            name: test.name.clone(),
            path: rule.path.clone(),
            line: test.location.line,
            failure: run_one(rules, rule, test).err(),
        })
    });
    each.collect()
}

/// A failed test as a problem of its file.
#[must_use]
pub fn failure_diagnostic(result: &TestResult, file: &SourceFile) -> Option<Diagnostic> {
    let failure = result.failure.as_ref()?;
    let message = format!("test `{}` of `{}`: {failure}", result.name, result.rule);
    Some(Diagnostic::error(
        file,
        Location::new(result.line, 1),
        message,
    ))
}

fn run_one(rules: &Rules, rule: &Rule, test: &RuleTest) -> Result<(), String> {
    let engine = Arc::new(test_engine(rules, test.given.mode)?);
    let store = MemoryStore::default();
    store.open_partition(0).map_err(|error| error.to_string())?;
    let given = test.given.facts.iter();
    let given = given.map(|(slot, value)| GivenFact {
        slot: *slot,
        value: value.clone(),
    });
    let mut task = EngineTask::open(engine, 0, &store)
        .map_err(|error| error.to_string())?
        .with_given(given.collect())
        .without_encoding();
    for (nth, (scope, _)) in test.given.scopes.iter().enumerate() {
        let body = complete_scope(scope, TEST_START_MS - 60_000);
        task.push(test_record(Input::Scopes, nth as i64, TEST_START_MS, &body));
    }
    process_all(&mut task, &store)?;
    let mut fired = FiredEvents::default();
    fired.collect_commit(&mut task, rule, 0)?;
    // The given scopes are the state before the first event: what matches them does not count.
    fired.events.clear();
    fired.revoke.clear();
    for (nth, (event, at_ms)) in expand_events(test).enumerate() {
        let nth = nth as u64 + 1;
        if nth > EVENTS_MAX {
            return Err(format!("more than {EVENTS_MAX} events"));
        }
        let (record, unreadable) = event_record(event, at_ms, nth, &fired);
        task.push(record);
        process_all(&mut task, &store)?;
        fired.last_ms = at_ms;
        fired.expects_dead_letter = unreadable;
        fired.collect_commit(&mut task, rule, nth)?;
        if task.unknown_fields() > 0 {
            return Err(format!("event {nth} or a given scope has an unknown field"));
        }
    }
    // Advance time without another action, so that deferred actions are judged.
    let last_ms = fired.last_ms.max(TEST_START_MS);
    let tick = json!({"body": "tick"});
    task.push(test_record(Input::Links, 0, last_ms + AFTER_MS, &tick));
    process_all(&mut task, &store)?;
    let nth = expand_events(test).count() as u64;
    fired.collect_commit(&mut task, rule, nth)?;
    fired.check_expectation(&test.expect)
}

/// Every event with its repetitions, each with its time in epoch milliseconds.
fn expand_events(test: &RuleTest) -> impl Iterator<Item = (&TestEvent, i64)> {
    test.events.iter().flat_map(|event| {
        let first_ms = TEST_START_MS + event.at_ms;
        (0..i64::from(event.repeat)).map(move |i| (event, first_ms + i * event.every_ms))
    })
}

/// The record of one event, and whether it was to be one that cannot be read.
fn event_record(
    event: &TestEvent,
    at_ms: i64,
    nth: u64,
    fired: &FiredEvents,
) -> (InputRecord, bool) {
    let (input, body) = match event.record {
        TestRecordKind::Action => (Input::Actions, complete_action(&event.body, at_ms)),
        TestRecordKind::Scope => (Input::Scopes, complete_scope(&event.body, at_ms)),
        TestRecordKind::Control => (Input::Control, fired.complete_control(&event.body, at_ms)),
    };
    let mut record = test_record(input, EVENT_OFFSET_FIRST + nth as i64, at_ms, &body);
    let unreadable = body.get(EVENT_KIND).is_some_and(|kind| kind == DEAD_LETTER);
    if unreadable {
        record.value = Some(DEAD_LETTER.into());
    }
    (record, unreadable)
}

fn process_all(task: &mut EngineTask, store: &dyn Store) -> Result<(), String> {
    task.process_queued(store)
        .map_err(|error: TaskError| error.to_string())
}

fn test_engine(rules: &Rules, mode: Option<RevocationMode>) -> Result<Engine, String> {
    let options = EngineOptions {
        agents_cached_max: 1_000,
        ..EngineOptions::default()
    };
    let policy = match mode {
        None => Arc::clone(&rules.policy),
        Some(mode) => Arc::new(rules.policy.with_mode_everywhere(mode)),
    };
    let rules = Rules {
        bundle: Arc::clone(&rules.bundle),
        policy,
    };
    let schemas = SchemaSet::new([]).map_err(|_| "our own schemas do not parse".to_owned())?;
    Ok(Engine::new(Decoder::new(schemas), rules, None, options))
}

/// The fields of a record, with the test's tenant and agent where it names none.
fn complete_record(body: &Json) -> Map<String, Json> {
    let mut body = body.as_object().cloned().unwrap_or_default();
    let nested = body.get("agent").and_then(Json::as_object);
    let named = nested.is_some_and(|agent| agent.contains_key("id"))
        || body.contains_key("agent.id")
        || body.contains_key("agent_id");
    if !named {
        body.insert("agent.id".into(), AGENT.into());
    }
    body.entry("tenant").or_insert_with(|| TENANT.into());
    body
}

fn complete_scope(body: &Json, from_ms: i64) -> Json {
    let mut body = complete_record(body);
    body.entry("effective_from")
        .or_insert_with(|| from_ms.into());
    body.entry("scope_id").or_insert_with(|| "scope-1".into());
    Json::Object(body)
}

/// The action, with targets for a revocation where it names none.
fn complete_action(body: &Json, at_ms: i64) -> Json {
    let mut body = complete_record(body);
    body.entry("occurred_at").or_insert_with(|| at_ms.into());
    for (group, name, value) in [
        ("credential", "id", "credential-1"),
        ("credential", "issuer", "https://issuer.test"),
        ("session", "id", "session-1"),
    ] {
        if !body.contains_key(group) {
            body.entry(format!("{group}.{name}"))
                .or_insert_with(|| value.into());
        }
    }
    Json::Object(body)
}

fn test_record(input: Input, offset: i64, append_ms: i64, body: &Json) -> InputRecord {
    let text = |value: Option<&Json>| value.and_then(Json::as_str).map(str::to_owned);
    let nested = body.get("agent").and_then(|agent| agent.get("id"));
    let agent = text(body.get("agent.id")).or_else(|| text(body.get("agent_id")));
    let agent = agent
        .or_else(|| text(nested))
        .unwrap_or_else(|| AGENT.to_owned());
    let tenant = text(body.get("tenant")).unwrap_or_else(|| TENANT.to_owned());
    let key = AgentKey::record_key(&tenant, &agent);
    InputRecord::of_agent(input, offset, append_ms, &key, &body.to_string())
}

/// The events on which the rule fired, and what it planned to revoke.
#[derive(Debug, Default)]
struct FiredEvents {
    last_ms: i64,
    /// Whether the event was to be one that cannot be read.
    expects_dead_letter: bool,
    events: Vec<u64>,
    revoke: Vec<&'static str>,
    /// `txn` of the newest plan of the rule, and the rule's newest incident.
    txn: Option<String>,
    incident_id: Option<String>,
}

impl FiredEvents {
    /// A control record with its author and time, and with the ids that only the run knows: a
    /// command without a `txn` or `incident_id` is about the rule's newest plan or incident.
    fn complete_control(&self, body: &Json, at_ms: i64) -> Json {
        let mut body = complete_record(body);
        body.entry("by").or_insert_with(|| "tester".into());
        body.entry("at").or_insert_with(|| at_ms.into());
        for (command, value) in &mut body {
            let (name, id) = match command.as_str() {
                "decision" | "confirmation" | "withdrawal" => ("txn", &self.txn),
                "verdict" => ("incident_id", &self.incident_id),
                _ => continue,
            };
            if let (Some(command), Some(id)) = (value.as_object_mut(), id) {
                command.entry(name).or_insert_with(|| id.as_str().into());
            }
        }
        Json::Object(body)
    }

    /// Collects the outcomes of one event.
    fn collect_commit(
        &mut self,
        task: &mut EngineTask,
        rule: &Rule,
        nth: u64,
    ) -> Result<(), String> {
        let Some(commit) = task.take_commit() else {
            return Ok(());
        };
        for outcome in &commit.outcomes {
            match outcome {
                TaskOutcome::DeadLetter(letter) if !self.expects_dead_letter => {
                    let why = letter.short_message();
                    return Err(format!("event {nth} is refused: {why}"));
                }
                TaskOutcome::Alert { alert, .. } => self.collect_targets(alert, rule),
                _ => {}
            }
        }
        let found = task.take_fired(rule.index);
        self.events.extend(std::iter::repeat_n(nth, found as usize));
        Ok(())
    }

    /// Collects the planned targets of an alert to which the rule contributed.
    fn collect_targets(&mut self, alert: &Alert, rule: &Rule) {
        let mut rules = std::iter::once(&alert.rule).chain(&alert.also);
        let named = rules.any(|named| named.id == rule.id);
        if !named || matches!(alert.activity, AlertActivity::Close(_)) {
            return;
        }
        self.incident_id = Some(alert.incident_id.to_string());
        if let Some(block) = &alert.revocation {
            self.txn = Some(block.txn.to_string());
        }
        let targets = alert.revocation.iter().flat_map(|block| &block.targets);
        for planned in targets {
            self.revoke.push(planned.target.kind.as_str());
            if planned.part.is_some() {
                self.revoke.push(RevokeTarget::Tree.as_str());
            }
        }
    }

    fn check_expectation(&self, expect: &TestExpectation) -> Result<(), String> {
        match expect {
            TestExpectation::Silent if self.events.is_empty() => Ok(()),
            TestExpectation::Silent => Err(format!(
                "expected silence, it fired on event {:?}",
                self.events
            )),
            TestExpectation::Fire { count, on, revoke } => {
                let Some(first) = self.events.first() else {
                    return Err("expected it to fire, it was silent".to_owned());
                };
                if count.is_some_and(|count| u64::from(count) != self.events.len() as u64) {
                    return Err(format!(
                        "expected {count:?} findings, got {}",
                        self.events.len()
                    ));
                }
                if on.is_some_and(|on| u64::from(on) != *first) {
                    return Err(format!("expected it first on event {on:?}, it was {first}"));
                }
                self.check_revoke(*revoke)
            }
        }
    }

    fn check_revoke(&self, expected: Option<RevokeTarget>) -> Result<(), String> {
        match expected {
            None => Ok(()),
            Some(RevokeTarget::None) if self.revoke.is_empty() => Ok(()),
            Some(target) if self.revoke.contains(&target.as_str()) => Ok(()),
            Some(target) => Err(format!(
                "expected a plan to revoke {target}, got {:?}",
                self.revoke
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{parse_rules, shipped_rule_files};

    #[test]
    fn every_inline_test_of_the_shipped_rules_passes() {
        let rules = parse_rules(&shipped_rule_files(), &[]).rules.unwrap();
        let results = run_rule_tests(&rules, &|_, _| true);
        let failures: Vec<_> = results.iter().filter(|r| r.failure.is_some()).collect();
        assert!(failures.is_empty(), "{failures:#?}");
        let tested = rules.bundle.rules.iter().filter(|rule| {
            let fires = |t: &RuleTest| matches!(t.expect, TestExpectation::Fire { .. });
            rule.tests.iter().any(fires) && rule.tests.iter().any(|t| !fires(t))
        });
        assert_eq!(
            tested.count(),
            rules.bundle.rules.len(),
            "a firing and a silent test each"
        );
    }

    /// The failures of a rule's tests, by the name of the test.
    fn failures(tests: &str) -> Vec<(String, String)> {
        let file = SourceFile {
            path: "rules/scope/probe.yaml".into(),
            text: format!("{PROBE}{tests}"),
        };
        let parsed = parse_rules(&[file], &[]);
        let rules = parsed
            .rules
            .unwrap_or_else(|| panic!("{:#?}", parsed.problems));
        let results = run_rule_tests(&rules, &|_, _| true);
        let failed = results
            .into_iter()
            .filter_map(|r| Some((r.name, r.failure?)));
        failed.collect()
    }

    const PROBE: &str = "\
title: Probe
id: 5354db83-7eed-5624-a5c6-8fbcfd5c7f00
status: stable
description: What an ended scope or a revocation shows.
tags: [atlas.aml.t0012, owasp.asi03-2026]
logsource: {product: scopewatch, category: agent_action}
detection:
  ended:
    scope.status: [completed, expired]
  revoked:
    lifecycle.after_revocation: true
  condition: ended or revoked
falsepositives: [None]
level: high
response: {risk: 1, revoke: credential}
tests:
";

    #[test]
    fn scopes_and_control_records_among_the_events_count_and_take_effect_in_time_order() {
        let grants = "grants: [{resource_types: ['*']}]";
        let tests = format!(
            "  - name: a scope that ends among the events
    given: {{scopes: [{{task.id: t1, {grants}}}]}}
    events:
      - {{task.id: t1, resource.type: database.table, action.verb: read}}
      - {{at: +10s, scope: {{task.id: t1, status: completed, {grants}}}}}
      - {{at: +30s, task.id: t1, resource.type: database.table, action.verb: read}}
    expect: {{fire: 1, on: 3}}
  - name: another agent's scope and action
    given: {{scopes: [{{{grants}}}]}}
    events:
      - {{scope: {{agent.id: other, scope_id: b, expires_at: '2026-03-02T09:01:00Z', {grants}}}}}
      - {{at: +2m, resource.type: database.table, action.verb: read}}
      - {{at: +3m, agent: {{id: other}}, resource.type: database.table, action.verb: read}}
    expect: {{fire: 1, on: 3}}
  - name: a request that is confirmed
    given:
      mode: auto
      scopes: [{{credential_ids: [credential-1], {grants}, expires_at: '2026-03-02T09:00:30Z'}}]
    events:
      - {{at: +40s, resource.type: database.table, action.verb: read}}
      - {{at: +50s, scope: {{scope_id: next, credential_ids: [credential-1], {grants}}}}}
      - {{at: +60s, control: {{confirmation: {{result: done}}}}}}
      - {{at: +62s, resource.type: database.table, action.verb: read}}
      - {{at: +90s, resource.type: database.table, action.verb: read}}
    expect: {{fire: 2, on: 1, revoke: credential}}
  - name: without the confirmation the second is not after a revocation
    given:
      mode: auto
      scopes: [{{credential_ids: [credential-1], {grants}, expires_at: '2026-03-02T09:00:30Z'}}]
    events:
      - {{at: +40s, resource.type: database.table, action.verb: read}}
      - {{at: +50s, scope: {{scope_id: next, credential_ids: [credential-1], {grants}}}}}
      - {{at: +90s, resource.type: database.table, action.verb: read}}
    expect: {{fire: 1, on: 1}}
"
        );
        assert_eq!(failures(&tests), []);
    }

    #[test]
    fn a_record_that_says_nothing_fails_its_test() {
        let tests = "  - name: a record of a scope with a field that no scope has
    events: [{scope: {grantz: []}}]
    expect: silent
  - name: a control record without a command
    events: [{control: {reason: x}}]
    expect: silent
";
        let failed = failures(tests);
        assert_eq!(failed.len(), 2, "{failed:?}");
        assert!(failed[0].1.contains("unknown field"), "{failed:?}");
        assert!(failed[1].1.contains("refused"), "{failed:?}");
    }
}
