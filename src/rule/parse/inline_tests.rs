//! Reads the inline `tests:` of a rule. Names of fields and words of closed lists are checked, so
//! that a misspelt test is refused and does not test something else.

use crate::text::units::parse_duration_ms;
use crate::text::{Problems, YamlNode};

use crate::rule::limits::{TEST_EVENTS_MAX, TESTS_MAX};
use crate::rule::model::catalogue::{
    FactCatalogue, FactInfo, FactSlot, FactSource, FactType, fact,
};
use crate::rule::model::inline_test::{
    GivenState, RuleTest, TestEvent, TestExpectation, TestRecordKind,
};
use crate::rule::model::rule_response::RevocationMode;

use super::response_section::read_revoke;
use super::selection_field::unknown_fact;

/// Time from one event to the next, when the test gives none.
const STEP_MS: i64 = 1_000;
const EVENT_KEYS: [&str; 5] = ["at", "repeat", "every", "scope", "control"];

/// The field that is written as `at` in a test.
const OCCURRED_AT: &str = "occurred_at";

/// Reads `tests:`. Tests with errors are left out.
pub(in crate::rule) fn read_inline_tests(
    document: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Vec<RuleTest> {
    let Some(node) = document.get("tests") else {
        return Vec::new();
    };
    let entries = problems.read_list(node, "`tests`", TESTS_MAX);
    entries
        .iter()
        .filter_map(|entry| read_test(entry, catalogue, problems))
        .collect()
}

fn read_test(
    entry: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Option<RuleTest> {
    let errors_before = problems.error_count();
    let mut test = RuleTest {
        name: String::new(),
        location: entry.location,
        given: GivenState::default(),
        events: Vec::new(),
        expect: TestExpectation::Silent,
    };
    let keys = ["name", "given", "events", "expect"];
    for (key, value) in problems.read_mapping(entry, "a test", &keys)? {
        match key {
            "name" => test.name = value.as_str().unwrap_or_default().to_owned(),
            "given" => test.given = read_given(value, catalogue, problems),
            "events" => test.events = read_events(value, catalogue, problems),
            _ => test.expect = read_expect(value, problems).unwrap_or(TestExpectation::Silent),
        }
    }
    for (key, what) in [
        ("name", "the test has no name"),
        ("events", "the test has no events"),
        (
            "expect",
            "the test expects nothing: add `expect: fire` or `expect: silent`",
        ),
    ] {
        if entry.get(key).is_none() {
            problems.error(entry.location, what);
        }
    }
    (problems.error_count() == errors_before).then_some(test)
}

fn read_given(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> GivenState {
    let mut given = GivenState::default();
    let pairs = problems.read_mapping(node, "`given`", &["scopes", "facts", "mode"]);
    for (key, value) in pairs.unwrap_or_default() {
        match key {
            "scopes" => {
                let scopes = problems.read_list(value, "`scopes`", usize::MAX).iter();
                given.scopes = scopes
                    .map(|scope| (scope.to_json(), scope.location))
                    .collect();
            }
            "mode" => {
                let words = RevocationMode::WORDS;
                given.mode = problems.read_word(value, "mode", words, RevocationMode::from_word);
            }
            _ => given.facts = read_given_facts(value, catalogue, problems),
        }
    }
    given
}

fn read_given_facts(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Vec<(FactSlot, serde_json::Value)> {
    let mut facts = Vec::new();
    for (name, value) in problems.read_pairs(node, "`facts`").unwrap_or_default() {
        let text = name.as_str().unwrap_or_default();
        match catalogue.find_fact(text) {
            Some(info) => {
                check_value(info, value, problems);
                facts.push((info.slot, value.to_json()));
            }
            None => unknown_fact(text, name, catalogue, problems),
        }
    }
    facts
}

fn read_events(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Vec<TestEvent> {
    let Some(entries) = node.as_sequence().filter(|entries| !entries.is_empty()) else {
        problems.error(node.location, "events must be a list of at least one event");
        return Vec::new();
    };
    let mut events: Vec<TestEvent> = Vec::with_capacity(entries.len());
    let (mut next_ms, mut total) = (0, 0_u32);
    for entry in entries {
        let event = read_event(entry, next_ms, catalogue, problems);
        total = total.saturating_add(event.repeat);
        let last_ms = event.at_ms + event.every_ms * i64::from(event.repeat - 1);
        if event.at_ms < next_ms - STEP_MS {
            problems.error(
                entry.location,
                "this event begins before the one above has ended",
            );
        }
        next_ms = last_ms.saturating_add(STEP_MS);
        events.push(event);
    }
    if total > TEST_EVENTS_MAX {
        problems.error(
            node.location,
            format!("more than {TEST_EVENTS_MAX} events in one test"),
        );
    }
    events
}

fn read_event(
    entry: &YamlNode,
    next_ms: i64,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> TestEvent {
    let mut event = TestEvent {
        at_ms: next_ms,
        repeat: 1,
        every_ms: STEP_MS,
        record: TestRecordKind::Action,
        body: serde_json::Value::Null,
        location: entry.location,
    };
    let Some(pairs) = problems.read_pairs(entry, "an event") else {
        return event;
    };
    let mut body = serde_json::Map::new();
    let mut other = None;
    for (key, value) in pairs {
        let text = value.as_str().unwrap_or_default();
        match key.as_str().unwrap_or_default() {
            "scope" => other = Some((TestRecordKind::Scope, value)),
            "control" => other = Some((TestRecordKind::Control, value)),
            "at" => match text.strip_prefix('+').and_then(span_ms) {
                Some(at_ms) => event.at_ms = at_ms,
                None => problems.error(
                    value.location,
                    "at is a time after the start, such as `+30s`",
                ),
            },
            "every" => match span_ms(text) {
                Some(every_ms) => event.every_ms = every_ms,
                None => problems.error(value.location, "every is a duration, such as `30s`"),
            },
            "repeat" => match value.as_i64().and_then(|count| u32::try_from(count).ok()) {
                Some(count) if (1..=TEST_EVENTS_MAX).contains(&count) => event.repeat = count,
                _ => problems.error(
                    value.location,
                    format!("repeat is from 1 to {TEST_EVENTS_MAX}"),
                ),
            },
            // A fixed time would be clamped to the time of the test.
            OCCURRED_AT => problems.error(
                key.location,
                "an event's time is given as `at`, such as `at: +30s`, not as `occurred_at`",
            ),
            name => {
                check_field(name, key, value, catalogue, problems);
                body.insert(name.to_owned(), value.to_json());
            }
        }
    }
    event.body = match other {
        None => serde_json::Value::Object(body),
        Some((record, value)) => {
            event.record = record;
            let fields = [EVENT_KEYS[3], EVENT_KEYS[4]].map(|key| entry.get(key).is_some());
            if !body.is_empty() || fields == [true, true] {
                let what = "an event is an action, a `scope` or a `control` record: one of them";
                problems.error(entry.location, what);
            }
            if value.as_mapping().is_none() {
                problems.error(value.location, "a record is a mapping of its fields");
            }
            value.to_json()
        }
    };
    event
}

/// A duration, including `0s`, in milliseconds.
fn span_ms(text: &str) -> Option<i64> {
    if text == "0s" {
        Some(0)
    } else {
        parse_duration_ms(text)
    }
}

/// Checks one field of an event, flat (`resource.type: x`) or nested (`resource: {type: x}`).
fn check_field(
    name: &str,
    key: &YamlNode,
    value: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) {
    if let Some(info) = record_field(name, catalogue) {
        check_value(info, value, problems);
        return;
    }
    if let Some(pairs) = value.as_mapping() {
        for (part, value) in pairs {
            let name = format!("{name}.{}", part.as_str().unwrap_or_default());
            check_field(&name, part, value, catalogue, problems);
        }
        return;
    }
    let known: Vec<&str> = EVENT_KEYS
        .into_iter()
        .chain(
            catalogue
                .iter()
                .filter(|info| info.source == FactSource::Record)
                .map(|i| i.name.as_ref()),
        )
        .collect();
    problems.unknown_word(key.location, "field of an action", name, &known);
}

fn record_field<'c>(name: &str, catalogue: &'c FactCatalogue) -> Option<&'c FactInfo> {
    let info = catalogue.find_fact(name)?;
    // An event of another kind than an action is a record that cannot be used.
    (info.source == FactSource::Record || info.slot == fact::EVENT_KIND).then_some(info)
}

fn check_value(info: &FactInfo, value: &YamlNode, problems: &mut Problems<'_>) {
    let text = value.as_str();
    let fits = match info.fact_type {
        FactType::Text => text.is_some(),
        FactType::Number => value.as_i64().is_some(),
        FactType::Float => value.as_f64().is_some(),
        FactType::Flag => value.as_bool().is_some(),
        FactType::List => value.as_sequence().is_some(),
        // Records take epoch milliseconds or RFC 3339 text.
        FactType::TimeMs => text.is_some(),
    };
    if !fits {
        let kind = info.fact_type.as_str();
        problems.error(
            value.location,
            format!("`{}` is a {kind}, this value is not", info.name),
        );
        return;
    }
    if info.words.is_empty() {
        return;
    }
    let one = std::slice::from_ref(value);
    for word in value.as_sequence().unwrap_or(one) {
        let text = word.as_str().unwrap_or_default();
        if !info.words.contains(&text) {
            problems.unknown_value(word.location, &info.name, text, info.words);
        }
    }
}

fn read_expect(node: &YamlNode, problems: &mut Problems<'_>) -> Option<TestExpectation> {
    match node.as_str() {
        Some("silent") => return Some(TestExpectation::Silent),
        Some("fire") => {
            return Some(TestExpectation::Fire {
                count: None,
                on: None,
                revoke: None,
            });
        }
        Some(word) => {
            problems.unknown_word(node.location, "expectation", word, &["fire", "silent"]);
            return None;
        }
        None => {}
    }
    let (mut count, mut on, mut revoke) = (None, None, None);
    let pairs = problems.read_mapping(node, "`expect`", &["fire", "on", "revoke"]);
    for (key, value) in pairs.unwrap_or_default() {
        if key == "revoke" {
            revoke = read_revoke(value, problems);
            continue;
        }
        let number = value.as_i64().and_then(|number| u32::try_from(number).ok());
        if number.is_none() || (key == "on" && number == Some(0)) {
            problems.error(value.location, format!("{key} is a whole number"));
        }
        *(if key == "fire" { &mut count } else { &mut on }) = number;
    }
    match count {
        Some(0) => Some(TestExpectation::Silent),
        _ => Some(TestExpectation::Fire { count, on, revoke }),
    }
}
