//! Runs the inline tests of rules with the engine task that also judges in production.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::codec::{Decoder, SchemaSet};
use crate::detector::GivenFact;
use crate::event::{AgentKey, Input};
use crate::response::{Alert, AlertActivity};
use crate::rule::{RevokeTarget, Rule, RuleTest, TEST_START_MS, TestExpectation};
use crate::store::{MemoryStore, Store};
use crate::text::{Diagnostic, Location, SourceFile};

use super::contract::{InputRecord, PartitionTask, TaskError};
use super::outcome::TaskOutcome;
use super::{Engine, EngineOptions, EngineTask, Rules};

/// Tenant and agent of test events that name none.
const TENANT: &str = "test";
const AGENT: &str = "agent-1";
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

/// Runs every inline test of a bundle.
#[must_use]
pub fn run_rule_tests(rules: &Rules) -> Vec<TestResult> {
    let each = rules.bundle.rules.iter().flat_map(|rule| {
        rule.tests.iter().map(|test| TestResult {
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
    let engine = Arc::new(test_engine(rules)?);
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
        let body = with_defaults(scope, "effective_from", TEST_START_MS - 60_000, true);
        task.push(test_record(Input::Scopes, nth as i64, TEST_START_MS, &body));
    }
    let mut fired = FiredEvents::default();
    let mut nth = 0_u64;
    for event in &test.events {
        for i in 0..event.repeat {
            let at_ms = TEST_START_MS + event.at_ms + i64::from(i) * event.every_ms;
            let body = with_defaults(&event.body, "occurred_at", at_ms, false);
            nth += 1;
            if nth > EVENTS_MAX {
                return Err(format!("more than {EVENTS_MAX} events"));
            }
            let mut record = test_record(Input::Actions, nth as i64, at_ms, &body);
            let unreadable = body.get(EVENT_KIND).is_some_and(|kind| kind == DEAD_LETTER);
            if unreadable {
                record.value = Some(DEAD_LETTER.into());
            }
            task.push(record);
            process_all(&mut task, &store)?;
            fired.last_ms = at_ms;
            fired.expects_dead_letter = unreadable;
            fired.collect_commit(&mut task, rule, nth)?;
        }
    }
    // Advance time without another action, so that deferred actions are judged.
    let last_ms = fired.last_ms.max(TEST_START_MS);
    let tick = json!({"body": "tick"});
    task.push(test_record(Input::Links, 0, last_ms + AFTER_MS, &tick));
    process_all(&mut task, &store)?;
    fired.collect_commit(&mut task, rule, nth)?;
    fired.check_expectation(&test.expect)
}

fn process_all(task: &mut EngineTask, store: &dyn Store) -> Result<(), String> {
    task.process_queued(store)
        .map_err(|error: TaskError| error.to_string())
}

fn test_engine(rules: &Rules) -> Result<Engine, String> {
    let options = EngineOptions {
        agents_cached_max: 1_000,
        ..EngineOptions::default()
    };
    let rules = Rules {
        bundle: Arc::clone(&rules.bundle),
        policy: Arc::clone(&rules.policy),
    };
    let schemas = SchemaSet::new([]).map_err(|_| "our own schemas do not parse".to_owned())?;
    Ok(Engine::new(Decoder::new(schemas), rules, None, options))
}

/// The record, completed with default values for tenant, agent and time.
fn with_defaults(body: &Json, time: &str, at_ms: i64, scope: bool) -> Json {
    let mut body = body.as_object().cloned().unwrap_or_default();
    let has = |name: &str, group: &str| {
        body.contains_key(name)
            || body
                .get(group)
                .and_then(Json::as_object)
                .is_some_and(|g| g.contains_key("id"))
    };
    let agent_named = has("agent.id", "agent") || body.contains_key("agent_id");
    if !agent_named {
        body.insert("agent.id".into(), AGENT.into());
    }
    body.entry("tenant").or_insert_with(|| TENANT.into());
    body.entry(time).or_insert_with(|| at_ms.into());
    if scope {
        body.entry("scope_id").or_insert_with(|| "scope-1".into());
    } else {
        // Default targets for a revocation plan. A test may set others.
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
}

impl FiredEvents {
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
        let named = alert.rule.id == rule.id || alert.also.contains(&rule.id);
        if !named || matches!(alert.activity, AlertActivity::Close(_)) {
            return;
        }
        let targets = alert.revocation.iter().flat_map(|block| &block.targets);
        let kinds = targets.map(|planned| planned.target.kind.as_str());
        self.revoke.extend(kinds);
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
        let results = run_rule_tests(&rules);
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
}
