//! The index may return too many rules and never too few: random rules over random facts.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::rule::evaluate::anchor::find_anchors;
use crate::rule::evaluate::detection_matcher::DetectionMatcher;
use crate::rule::evaluate::fact_view::FactView;
use crate::rule::model::catalogue::{FactCatalogue, fact};
use crate::rule::model::numbering::RuleIndex;

const TEXTS: &[&str] = &["ops", "Ops", "research", "ΟΔΟΣ", "Straße", "a*b", "10"];
const WORDS: &[&str] = &["verb", "owner", "tool"];
const NUMBERS: &[i64] = &[-1, 0, 1, 10, 9_007_199_254_740_993];

/// One field of a selection, as in a rule file.
fn item() -> impl Strategy<Value = (String, Json)> {
    let text = prop::sample::select(TEXTS);
    let texts = prop::collection::vec(prop::sample::select(TEXTS), 2..4);
    let modifier = prop::sample::select(
        &[
            "",
            "|contains",
            "|startswith",
            "|endswith",
            "|cased",
            "|neq",
            "|contains|neq",
        ][..],
    );
    let compare = prop::sample::select(&["", "|gt", "|gte", "|lt", "|lte", "|neq"][..]);
    let number = prop::sample::select(NUMBERS);
    let words = prop::collection::vec(prop::sample::select(WORDS), 2..3);
    let name = prop::sample::select(&["agent.type", "scope.violations"][..]);
    prop_oneof![
        (name.clone(), modifier.clone(), text).prop_map(|(n, m, v)| (format!("{n}{m}"), json!(v))),
        (name.clone(), modifier, texts.clone()).prop_map(|(n, m, v)| (format!("{n}{m}"), json!(v))),
        texts.prop_map(|v| ("agent.type|contains|all".to_owned(), json!(v))),
        words.prop_map(|v| ("scope.violations|all".to_owned(), json!(v))),
        name.clone()
            .prop_map(|n| (format!("{n}|re"), json!("^(o|v)"))),
        (name.clone(), any::<bool>()).prop_map(|(n, v)| (format!("{n}|exists"), json!(v))),
        name.prop_map(|n| (n.to_owned(), Json::Null)),
        any::<bool>().prop_map(|v| ("channel.encrypted".to_owned(), json!(v))),
        Just(("scope.unmapped".to_owned(), json!(true))),
        (compare.clone(), number.clone())
            .prop_map(|(m, v)| { (format!("volume.bytes_out{m}"), json!(v)) }),
        (compare, number).prop_map(|(m, v)| {
            // A list of values, so that thresholds meet a group of matchers, too.
            (format!("volume.cost_usd{m}"), json!([v, 0.1]))
        }),
        Just(("tenant|fieldref".to_owned(), json!("agent.type"))),
    ]
}

fn selection() -> impl Strategy<Value = Json> {
    let mapping = || {
        prop::collection::vec(item(), 1..4)
            .prop_map(|items| Json::Object(items.into_iter().collect()))
    };
    prop_oneof![
        3 => mapping(),
        1 => prop::collection::vec(mapping(), 1..3).prop_map(Json::from),
    ]
}

fn detection() -> impl Strategy<Value = Json> {
    let condition = prop::sample::select(
        &[
            "s1",
            "s1 and s2",
            "s1 or s2",
            "not s1",
            "s1 and not s2",
            "1 of s*",
            "all of s*",
            "2 of s*",
            "s1 and (s2 or not s3)",
            "not (s1 and s2) and s3",
            "all of them",
        ][..],
    );
    (selection(), selection(), selection(), condition).prop_map(
        |(s1, s2, s3, condition)| json!({"s1": s1, "s2": s2, "s3": s3, "condition": condition}),
    )
}

#[derive(Debug, Clone)]
struct GivenState {
    texts: [Option<&'static str>; 2],
    words: Vec<&'static str>,
    flags: [Option<bool>; 2],
    number: Option<i64>,
    cost: Option<f64>,
}

fn given() -> impl Strategy<Value = GivenState> {
    let text = || prop::option::of(prop::sample::select(TEXTS));
    (
        [text(), text()],
        prop::sample::subsequence(WORDS, 0..3),
        [any::<Option<bool>>(), any::<Option<bool>>()],
        prop::option::of(prop::sample::select(NUMBERS)),
        prop::option::of(prop::sample::select(&[0.0, 0.1, 1.0, 1.0e9][..])),
    )
        .prop_map(|(texts, words, flags, number, cost)| GivenState {
            texts,
            words,
            flags,
            number,
            cost,
        })
}

impl GivenState {
    fn facts<'a>(&'a self, catalogue: &FactCatalogue) -> Facts<'a> {
        let mut facts = Facts::new(catalogue);
        facts.set(fact::AGENT_TYPE, self.texts[0]);
        facts.set(fact::TENANT, self.texts[1]);
        facts.set(fact::SCOPE_VIOLATIONS, FactValue::List(&self.words));
        facts.set(fact::CHANNEL_ENCRYPTED, self.flags[0]);
        facts.set(fact::SCOPE_UNMAPPED, self.flags[1]);
        facts.set(fact::VOLUME_BYTES_OUT, self.number);
        facts.set(fact::VOLUME_COST_USD, self.cost);
        facts
    }
}

proptest! {
    #![proptest_config(crate::property::config(128))]

    /// Candidates that match are exactly the rules that match when every rule is evaluated, in
    /// rule order and each once.
    #[test]
    fn no_matching_rule_is_missed(
        detections in prop::collection::vec(detection(), 1..12),
        given in prop::collection::vec(given(), 1..8),
    ) {
        let catalogue = FactCatalogue::new();
        // rsigma refuses some combinations, as the check of rule files does.
        let rules: Vec<DetectionMatcher> = detections
            .iter()
            .filter_map(|detection| DetectionMatcher::new(detection).ok())
            .collect();
        let index = CandidateIndex::new(rules.iter().enumerate().map(|(at, rule)| {
            (RuleIndex(u16::try_from(at).unwrap()), find_anchors(&rule.compiled, &catalogue))
        }));
        let mut candidates = Vec::new();
        for given in &given {
            let facts = given.facts(&catalogue);
            let view = FactView { catalogue: &catalogue, facts: &facts };
            index.find_candidates(&facts, &mut candidates);
            prop_assert!(candidates.is_sorted_by(|a, b| a < b));
            let mut found = candidates.clone();
            found.retain(|index| rules[index.index()].matches(&view));
            let naive: Vec<RuleIndex> = rules
                .iter()
                .enumerate()
                .filter(|(_, rule)| rule.matches(&view))
                .map(|(at, _)| RuleIndex(u16::try_from(at).unwrap()))
                .collect();
            prop_assert_eq!(found, naive, "{:?} {:?}", detections, given);
        }
    }
}

/// The purpose of the index: a rule that cannot match costs nothing.
#[test]
fn a_rule_is_found_by_its_most_selective_part() {
    let catalogue = FactCatalogue::new();
    let detection = json!({
        "s": {"event.kind": "action", "volume.bytes_out|gte": 10, "scope.violations": "verb"},
        "condition": "s",
    });
    let rule = DetectionMatcher::new(&detection).unwrap();
    let found = find_anchors(&rule.compiled, &catalogue);
    assert_eq!(
        found,
        AnchorSet::AnyOf(vec![Anchor::Word(fact::SCOPE_VIOLATIONS, "verb".into())])
    );
    let negated = json!({"s": {"agent.type": "ops"}, "condition": "not s"});
    let rule = DetectionMatcher::new(&negated).unwrap();
    assert_eq!(find_anchors(&rule.compiled, &catalogue), AnchorSet::Always);
}
