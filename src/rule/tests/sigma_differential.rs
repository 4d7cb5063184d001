//! The whole vocabulary of Sigma's modifiers against `naive_sigma`: random detections, written as
//! a rule file writes them, over random facts. The candidate index must return every rule that
//! matches.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::naive_sigma::{
    ADDRESSES, Facts as NaiveFacts, Field, NETWORKS, Value, encode_fact, field_matches,
};
use super::*;
use crate::event::Text;
use crate::rule::evaluate::anchor::find_anchors;
use crate::rule::evaluate::candidate_index::CandidateIndex;
use crate::rule::evaluate::condition::Condition;
use crate::rule::parse::detection::read_detection;
use crate::text::{Problems, yaml};

/// What texts consist of: wildcards, escapes, line ends, dashes, hidden characters, letters that
/// change their number when they are folded, and few plain letters, so that texts often match.
const PARTS: &[&str] = &[
    "a",
    "B",
    "s",
    "S",
    "ss",
    "k",
    "i",
    "n",
    "*",
    "?",
    "\\",
    "\\*",
    "\\?",
    "\\\\",
    "\n",
    "\r\n",
    " ",
    "-",
    "/",
    "–",
    "—",
    "―",
    "\u{df}",
    "\u{1e9e}",
    "\u{17f}",
    "\u{212a}",
    "\u{130}",
    "\u{131}",
    "\u{3a3}",
    "\u{3c2}",
    "\u{3c3}",
    "\u{fb01}",
    "\u{149}",
    "\u{1c5}",
    "\u{13a0}",
    "\u{ab70}",
    "\u{ff21}",
    "\u{307}",
    "\u{feff}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{ad}",
    "\u{e0041}",
    "\u{1f600}",
    "\t",
    "'",
    "\"",
    "#",
    ":",
    "1",
];
const TEXT_FACTS: &[&str] = &["agent.type", "tool.name", "task.class", "task.purpose"];
const LIST_FACT: &str = "delegation.chain";
const NUMBERS: &[i64] = &[
    i64::MIN,
    -1,
    0,
    1,
    2,
    10,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    9_223_372_036_854_775_806,
    i64::MAX,
];

fn text(parts: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PARTS), parts).prop_map(|parts| parts.concat())
}

/// Modifiers of texts in an order that is allowed.
fn text_modifiers() -> impl Strategy<Value = Vec<&'static str>> {
    let encoded = prop::sample::select(
        &[
            "base64",
            "base64offset",
            "wide|base64offset",
            "utf16le|base64",
            "utf16be|base64offset",
            "utf16|base64",
            "utf16|base64offset",
            "windash",
        ][..],
    );
    let part = prop::sample::select(&["contains", "startswith", "endswith"][..]);
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (
        prop::option::weighted(0.2, encoded),
        prop::option::of(part),
        flags,
    )
        .prop_map(|(encoded, part, (cased, neq))| {
            let mut modifiers: Vec<&str> = encoded.into_iter().flat_map(|e| e.split('|')).collect();
            modifiers.extend(part);
            modifiers.extend(cased.then_some("cased"));
            modifiers.extend(neq.then_some("neq"));
            modifiers
        })
}

fn text_field() -> impl Strategy<Value = Field> {
    let names = [TEXT_FACTS, &[LIST_FACT]].concat();
    let values = prop::collection::vec(text(0..6), 1..12);
    (
        prop::sample::select(names),
        text_modifiers(),
        values,
        prop::bool::weighted(0.2),
        any::<bool>(),
    )
        .prop_map(|(name, mut modifiers, mut values, all, null)| {
            let encoded = modifiers.iter().any(|m| m.starts_with("base64"));
            let plain = modifiers.iter().all(|m| ["cased", "neq"].contains(m));
            let all = all && values.len() > 1;
            for value in &mut values {
                if encoded {
                    // Wildcards have no encoding, and one byte has none at every offset.
                    *value = format!("{}ab", value.replace(['*', '?'], "x"));
                } else if value.is_empty() && (all || !plain) {
                    value.push('a');
                }
            }
            let mut values: Vec<Value> = values.into_iter().map(Value::Text).collect();
            if null && plain && !all {
                values.push(Value::Null);
            }
            modifiers.extend(all.then_some("all"));
            Field {
                name,
                modifiers,
                values,
            }
        })
}

fn number_field() -> impl Strategy<Value = Field> {
    let compare = prop::sample::select(&["", "gt", "gte", "lt", "lte", "neq"][..]);
    let number = prop_oneof![
        3 => prop::sample::select(NUMBERS).prop_map(Value::Int),
        1 => (-3_i64..8).prop_map(Value::Halves),
    ];
    let name = prop::sample::select(&["volume.bytes_out", "volume.cost_usd"][..]);
    (name, compare, prop::collection::vec(number, 1..3)).prop_map(|(name, compare, values)| Field {
        name,
        modifiers: Some(compare)
            .filter(|m| !m.is_empty())
            .into_iter()
            .collect(),
        values,
    })
}

fn other_field() -> impl Strategy<Value = Field> {
    let name = || prop::sample::select(TEXT_FACTS);
    let field = |name, modifiers: &str, values| {
        Field {
            name,
            modifiers: vec![],
            values,
        }
        .with(modifiers)
    };
    let regexes = [
        "^a.*b$",
        "s",
        "^$",
        "a*\u{df}",
        ".k",
        "\u{212a}",
        "n.",
        "^i",
        "s$",
        "\u{17f}\u{3c2}*",
    ];
    let flags =
        prop::sample::select(&["re", "re|i", "re|m", "re|s", "re|i|m|s", "re|s|i", "re|neq"][..]);
    let networks = prop::collection::vec(prop::sample::select(NETWORKS), 1..3);
    let references = prop::sample::select(
        &[
            "fieldref",
            "fieldref|cased",
            "fieldref|neq",
            "fieldref|contains",
            "fieldref|startswith|cased",
            "fieldref|endswith",
            "fieldref|contains|neq",
        ][..],
    );
    prop_oneof![
        (name(), flags, prop::sample::select(regexes.to_vec())).prop_map(move |(n, m, v)| field(
            n,
            m,
            vec![Value::Text(v.into())]
        )),
        networks.prop_map(move |networks| {
            let values = networks
                .into_iter()
                .map(|n| Value::Text(n.into()))
                .collect();
            field("destination.address", "cidr", values)
        }),
        (name(), references, name()).prop_map(move |(n, m, other)| field(
            n,
            m,
            vec![Value::Text(other.into())]
        )),
        (name(), any::<bool>()).prop_map(move |(n, v)| field(n, "exists", vec![Value::Flag(v)])),
        any::<bool>().prop_map(move |v| field("channel.encrypted", "", vec![Value::Flag(v)])),
        Just(field("volume.bytes_out", "", vec![Value::Null])),
    ]
}

impl Field {
    fn with(mut self, modifiers: &str) -> Self {
        let names = [
            "fieldref",
            "cased",
            "neq",
            "contains",
            "startswith",
            "endswith",
            "re",
            "i",
            "m",
            "s",
            "cidr",
            "exists",
        ];
        self.modifiers = modifiers
            .split('|')
            .filter_map(|part| names.into_iter().find(|name| *name == part))
            .collect();
        self
    }

    fn key(&self) -> String {
        let parts = std::iter::once(self.name).chain(self.modifiers.iter().copied());
        parts.collect::<Vec<_>>().join("|")
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) => json!(text),
        Value::List(texts) => json!(texts),
        Value::Int(number) => json!(number),
        Value::Halves(halves) => json!(*halves as f64 / 2.0),
        Value::Flag(flag) => json!(flag),
    }
}

/// A selection is a list of mappings, of which one must match.
type Selection = Vec<Vec<Field>>;

fn selection() -> impl Strategy<Value = Selection> {
    let field = prop_oneof![4 => text_field(), 1 => number_field(), 2 => other_field()];
    let mapping = prop::collection::vec(field, 1..3).prop_map(|mut fields| {
        fields.sort_by_key(Field::key);
        fields.dedup_by_key(|field| field.key());
        fields
    });
    prop_oneof![
        3 => prop::collection::vec(mapping.clone(), 1),
        1 => prop::collection::vec(mapping, 2..3),
    ]
}

/// Conditions over the selections `s1`, `s2` and `_s3`, and what they mean.
type Meaning = fn([bool; 3]) -> bool;
const CONDITIONS: &[(&str, Meaning)] = &[
    ("s1", |[a, _, _]| a),
    ("s1 and s2", |[a, b, _]| a && b),
    ("s1 or s2 and _s3", |[a, b, c]| a || b && c),
    ("not s1", |[a, _, _]| !a),
    ("s1 and not _s3", |[a, _, c]| a && !c),
    ("1 of s*", |[a, b, _]| a || b),
    ("any of *", |[a, b, c]| a || b || c),
    ("all of s*", |[a, b, _]| a && b),
    ("2 of s*", |[a, b, _]| a && b),
    ("1 of them", |[a, b, _]| a || b),
    ("all of them", |[a, b, _]| a && b),
    ("not (s1 and s2) and _s3", |[a, b, c]| !(a && b) && c),
    ("not 1 of s* or _s3", |[a, b, c]| !(a || b) || c),
];

type Detection = ([Selection; 3], (&'static str, Meaning));

fn detection() -> impl Strategy<Value = Detection> {
    let condition = prop::sample::select(CONDITIONS);
    ([selection(), selection(), selection()], condition)
}

/// A detection as a rule file has it. JSON is YAML, and leaves hidden characters as they are.
fn rule_text(([s1, s2, s3], (condition, _)): &Detection) -> String {
    let fields = |fields: &Vec<Field>| -> Json {
        let pairs = fields.iter().map(|field| {
            let values: Vec<Json> = field.values.iter().map(to_json).collect();
            let value = match values.as_slice() {
                [one] => one.clone(),
                _ => json!(values),
            };
            (field.key(), value)
        });
        Json::Object(pairs.collect())
    };
    let selection = |selection: &Selection| match selection.as_slice() {
        [one] => fields(one),
        several => several.iter().map(fields).collect(),
    };
    let (s1, s2, s3) = (selection(s1), selection(s2), selection(s3));
    json!({"s1": s1, "s2": s2, "_s3": s3, "condition": condition}).to_string()
}

fn compile(text: &str, catalogue: &FactCatalogue) -> Condition {
    let file = file("t.yaml", text);
    let nodes = yaml::parse(&file).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
    let mut problems = Problems::new(&file);
    let condition = read_detection(&nodes[0], catalogue, &mut problems);
    let found = problems.into_found();
    let errors = found
        .iter()
        .filter(|found| found.severity == ProblemSeverity::Error);
    assert_eq!(errors.count(), 0, "{found:#?}\n{text}");
    condition.expect("no error, so a condition")
}

fn naive_match((selections, (_, meaning)): &Detection, facts: &NaiveFacts) -> bool {
    let matched = selections.each_ref().map(|selection| {
        let mapping = |fields: &Vec<Field>| fields.iter().all(|field| field_matches(field, facts));
        selection.iter().any(mapping)
    });
    meaning(matched)
}

/// Facts; texts are often parts of a rule in another case, or with something between.
fn naive_facts() -> impl Strategy<Value = NaiveFacts> {
    let fact = |name| text(1..6).prop_map(move |text| (name, Value::Text(text)));
    let texts: Vec<_> = TEXT_FACTS
        .iter()
        .map(|name| prop::option::weighted(0.8, fact(*name)))
        .collect();
    let list = prop::collection::vec(text(1..4), 1..3).prop_map(|l| (LIST_FACT, Value::List(l)));
    let address = prop::sample::select(ADDRESSES)
        .prop_map(|(text, _)| ("destination.address", Value::Text(text.to_owned())));
    let number = prop::sample::select(NUMBERS).prop_map(|n| ("volume.bytes_out", Value::Int(n)));
    let cost = (-3_i64..8).prop_map(|halves| ("volume.cost_usd", Value::Halves(halves)));
    let flag = any::<bool>().prop_map(|flag| ("channel.encrypted", Value::Flag(flag)));
    let others = (
        prop::option::of(list),
        prop::option::of(address),
        prop::option::of(number),
        prop::option::of(cost),
        prop::option::of(flag),
    );
    (texts, others).prop_map(|(texts, (a, b, c, d, e))| {
        texts.into_iter().chain([a, b, c, d, e]).flatten().collect()
    })
}

/// Changes a text of a rule into one that it may match: wildcards become texts, another dash
/// stands for a dash, case is turned.
fn vary(pattern: &str, turn: bool) -> String {
    let varied = pattern
        .replace('*', "x\n")
        .replace('?', "\u{df}")
        .replace('\\', "");
    if turn {
        varied.replace('-', "—").to_uppercase()
    } else {
        varied
    }
}

/// Writes texts of the rules into the facts, so that many of the rules match.
fn borrow_texts(facts: &mut NaiveFacts, detections: &[Detection], turn: bool) {
    let fields = detections
        .iter()
        .flat_map(|(selections, _)| selections.iter().flatten().flatten());
    for field in fields.filter(|field| TEXT_FACTS.contains(&field.name)) {
        let Some((_, Value::Text(fact))) = facts.iter_mut().find(|(name, _)| *name == field.name)
        else {
            continue;
        };
        let mut texts = field.values.iter().filter_map(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        });
        if let Some(encoded) = texts
            .clone()
            .find_map(|text| encode_fact(field, text, turn))
        {
            *fact = encoded;
        } else if field.modifiers.contains(&"all") {
            *fact = texts.map(|text| vary(text, turn)).collect();
        } else if let Some(text) = texts.next_back() {
            let before = if turn { fact.as_str() } else { "" };
            *fact = format!("{before}{}", vary(text, turn));
        }
        fact.truncate(fact.char_indices().nth(40).map_or(fact.len(), |(at, _)| at));
    }
    // An empty text is an absent fact.
    facts.retain(|(_, value)| *value != Value::Text(String::new()));
}

fn set_facts<'f>(
    naive: &'f NaiveFacts,
    lists: &'f [Vec<Text>],
    catalogue: &FactCatalogue,
) -> Facts<'f> {
    let mut facts = Facts::new(catalogue);
    let mut lists = lists.iter();
    for (name, value) in naive {
        let slot = catalogue.find_slot(name).expect(name);
        match value {
            Value::Null => {}
            Value::Text(text) => facts.set(slot, text.as_str()),
            Value::List(_) => {
                let list = lists.next().expect("one for each list");
                facts.set(slot, FactValue::Texts(list));
            }
            Value::Int(number) => facts.set(slot, *number),
            Value::Halves(halves) => facts.set(slot, *halves as f64 / 2.0),
            Value::Flag(flag) => facts.set(slot, *flag),
        }
    }
    facts
}

proptest! {
    #![proptest_config(crate::property::config(256))]

    #[test]
    fn every_modifier_means_what_the_specification_says(
        detections in prop::collection::vec(detection(), 1..5),
        mut given in prop::collection::vec((naive_facts(), any::<Option<bool>>()), 1..5),
    ) {
        let catalogue = FactCatalogue::new();
        let texts: Vec<String> = detections.iter().map(rule_text).collect();
        let conditions: Vec<Condition> =
            texts.iter().map(|text| compile(text, &catalogue)).collect();
        let index = CandidateIndex::new(conditions.iter().enumerate().map(|(at, condition)| {
            (RuleIndex(u16::try_from(at).unwrap()), find_anchors(condition, &catalogue))
        }));
        for (naive, borrow) in &mut given {
            if let Some(turn) = *borrow {
                borrow_texts(naive, &detections, turn);
            }
            let lists: Vec<Vec<Text>> = naive
                .iter()
                .filter_map(|(_, value)| match value {
                    Value::List(texts) => Some(texts.iter().map(|t| t.as_str().into()).collect()),
                    _ => None,
                })
                .collect();
            let facts = set_facts(naive, &lists, &catalogue);
            let mut candidates = Vec::new();
            index.find_candidates(&facts, &mut candidates);
            prop_assert!(candidates.is_sorted_by(|a, b| a < b));
            for (at, (detection, condition)) in detections.iter().zip(&conditions).enumerate() {
                let expected = naive_match(detection, naive);
                prop_assert_eq!(condition.matches(&facts), expected, "{}\n{:?}", texts[at], naive);
                let found = candidates.contains(&RuleIndex(u16::try_from(at).unwrap()));
                prop_assert!(found || !expected, "missed: {}\n{:?}", texts[at], naive);
            }
        }
    }
}
