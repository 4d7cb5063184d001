//! Reads one field of a selection, `fact|modifier: value`, and checks that the fact is known, that
//! the modifier has a meaning for its type, and that the fact can have the value.

use rsigma_parser::Modifier;

use crate::text::{Problems, YamlNode, suggest_near};

use crate::rule::evaluate::detection_matcher::DetectionMatcher;
use crate::rule::model::catalogue::{FactCatalogue, FactInfo, FactPresence, FactSlot, FactType};
use crate::rule::model::condition::{FieldTest, SelectionField};

/// The modifiers that are evaluated.
const MODIFIERS: &[&str] = &[
    "all",
    "cased",
    "cidr",
    "contains",
    "endswith",
    "exists",
    "fieldref",
    "gt",
    "gte",
    "i",
    "lt",
    "lte",
    "m",
    "neq",
    "re",
    "s",
    "startswith",
];

/// Reads one field; `None` when it has errors.
pub(in crate::rule) fn read_selection_field(
    key: &YamlNode,
    value: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Option<SelectionField> {
    let errors_before = problems.error_count();
    let text = key.as_str().unwrap_or_default();
    let (name, chain) = text
        .split_once('|')
        .map_or((text, None), |(name, rest)| (name, Some(rest)));
    let modifiers: Vec<&str> = chain
        .map(|chain| chain.split('|').collect())
        .unwrap_or_default();
    for modifier in &modifiers {
        check_modifier(modifier, key, problems);
    }
    if name.is_empty() {
        problems.error_with_help(
            key.location,
            "keyword searches are not evaluated",
            "write `fact.name: value`",
        );
        return None;
    }
    let Some(info) = catalogue.find_fact(name) else {
        unknown_fact(name, key, catalogue, problems);
        return None;
    };
    if problems.error_count() > errors_before {
        return None;
    }
    let one = std::slice::from_ref(value);
    let values = value.as_sequence().unwrap_or(one);
    let mut field = SelectionField {
        slot: info.slot,
        other: None,
        location: key.location,
        test: FieldTest::Value,
        words: Vec::new(),
    };
    if values.is_empty() {
        problems.error(value.location, "an empty list of values never matches");
    } else if modifiers.contains(&"exists") {
        field.test = read_exists(info, value, problems);
    } else if modifiers.contains(&"fieldref") {
        field.other = read_fieldref(info, &modifiers, value, catalogue, problems);
    } else {
        for value in values {
            check_value(info, &modifiers, value, problems);
        }
        field.words = equality_words(&modifiers, values);
    }
    if problems.error_count() == errors_before {
        check_compiles(text, value, key, problems);
    }
    (problems.error_count() == errors_before).then_some(field)
}

/// Reports a name that is not a fact of this version.
pub(in crate::rule) fn unknown_fact(
    name: &str,
    key: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) {
    let near = suggest_near(name, catalogue.iter().map(|info| info.name.as_ref()));
    let help = match near {
        Some(near) => near,
        None if name.starts_with("baseline.") => {
            "a rule with `name:` and `baseline:` declares a metric".to_owned()
        }
        None => "`scopewatch rules fields` lists the facts of this version".to_owned(),
    };
    problems.error_with_help(key.location, format!("unknown fact `{name}`"), help);
}

fn check_modifier(modifier: &str, key: &YamlNode, problems: &mut Problems<'_>) {
    if MODIFIERS.contains(&modifier) {
        return;
    }
    match modifier.parse::<Modifier>() {
        Ok(Modifier::Minute | Modifier::Hour | Modifier::Day | Modifier::Week)
        | Ok(Modifier::Month | Modifier::Year) => problems.error_with_help(
            key.location,
            format!("modifier `{modifier}` is not evaluated"),
            "use `time.hour` or `time.weekday`, which are in the tenant's time zone",
        ),
        Ok(_) => problems.error_with_help(
            key.location,
            format!("modifier `{modifier}` is not evaluated"),
            format!("evaluated: {}", MODIFIERS.join(", ")),
        ),
        Err(()) => problems.unknown_word(key.location, "modifier", modifier, MODIFIERS),
    }
}

fn read_exists(info: &FactInfo, value: &YamlNode, problems: &mut Problems<'_>) -> FieldTest {
    if info.presence == FactPresence::Always {
        problems.error_with_help(
            value.location,
            format!("`{}` is always there", info.name),
            "leave this line out",
        );
    }
    match value.as_bool() {
        Some(true) => FieldTest::Exists,
        Some(false) => FieldTest::Absent,
        None => {
            problems.error(value.location, "|exists takes true or false");
            FieldTest::Exists
        }
    }
}

fn read_fieldref(
    info: &FactInfo,
    modifiers: &[&str],
    value: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Option<FactSlot> {
    if info.fact_type != FactType::Text
        || !modifiers.iter().all(|m| ["fieldref", "cased"].contains(m))
    {
        problems.error(
            value.location,
            "|fieldref compares one text fact with another for equality",
        );
        return None;
    }
    let name = value.as_str().unwrap_or_default();
    match catalogue.find_fact(name) {
        Some(other) if other.fact_type == FactType::Text => Some(other.slot),
        Some(other) => {
            let kind = other.fact_type.as_str();
            problems.error(
                value.location,
                format!("`{name}` is a {kind} fact, not text"),
            );
            None
        }
        None => {
            unknown_fact(name, value, catalogue, problems);
            None
        }
    }
}

/// Reports a value that the fact can never have under these modifiers.
fn check_value(info: &FactInfo, modifiers: &[&str], value: &YamlNode, problems: &mut Problems<'_>) {
    let name = &info.name;
    if value.as_str().is_none() {
        problems.error_with_help(
            value.location,
            format!("a value of `{name}` cannot be {}", value.kind()),
            "nested facts are written with dots: `resource.type: …`",
        );
        return;
    }
    if value.is_null() {
        problems.error_with_help(
            value.location,
            "null is not evaluated: a fact has a value or is absent",
            format!("write `{name}|exists: false`"),
        );
        return;
    }
    match info.fact_type {
        FactType::Text | FactType::List => check_text(info, modifiers, value, problems),
        FactType::Flag => check_flag(info, modifiers, value, problems),
        FactType::Number | FactType::Float | FactType::TimeMs => {
            refuse_other_modifiers(
                info,
                modifiers,
                &["gt", "gte", "lt", "lte", "neq"],
                value,
                problems,
            );
            if value.as_f64().is_none() {
                let text = value.as_str().unwrap_or_default();
                problems.error(
                    value.location,
                    format!(
                        "`{name}` is a {} fact, `{text}` is not a number",
                        info.fact_type.as_str()
                    ),
                );
            }
        }
    }
}

fn check_flag(info: &FactInfo, modifiers: &[&str], value: &YamlNode, problems: &mut Problems<'_>) {
    refuse_other_modifiers(info, modifiers, &[], value, problems);
    let name = &info.name;
    match value.as_bool() {
        Some(false) if info.presence == FactPresence::WhenTrue => problems.error_with_help(
            value.location,
            format!("`{name}` is absent when it is false, so this never matches"),
            format!("select `{name}: true` and negate it in the condition"),
        ),
        Some(_) => {}
        None => {
            let text = value.as_str().unwrap_or_default();
            problems.error(
                value.location,
                format!("`{name}` is a flag: true or false, not `{text}`"),
            );
        }
    }
}

fn check_text(info: &FactInfo, modifiers: &[&str], value: &YamlNode, problems: &mut Problems<'_>) {
    let allowed = &[
        "all",
        "cased",
        "cidr",
        "contains",
        "endswith",
        "i",
        "m",
        "neq",
        "re",
        "s",
        "startswith",
    ];
    refuse_other_modifiers(info, modifiers, allowed, value, problems);
    let text = value.as_str().unwrap_or_default();
    if value.as_bool().is_some() || value.as_f64().is_some() {
        problems.error_with_help(
            value.location,
            format!(
                "`{}` is a {} fact, `{text}` is not text",
                info.name,
                info.fact_type.as_str()
            ),
            format!("quote it: '{text}'"),
        );
        return;
    }
    if info.words.is_empty() || modifiers.contains(&"re") || text.contains(['*', '?', '\\']) {
        return;
    }
    let lower = text.to_lowercase();
    let possible = info.words.iter().any(|word| {
        if modifiers.contains(&"contains") {
            word.contains(&lower)
        } else if modifiers.contains(&"startswith") {
            word.starts_with(&lower)
        } else if modifiers.contains(&"endswith") {
            word.ends_with(&lower)
        } else if modifiers.contains(&"cased") {
            *word == text
        } else {
            *word == lower
        }
    });
    if !possible {
        problems.unknown_value(value.location, &info.name, text, info.words);
    }
}

/// Refuses modifiers outside `allowed`, which have no meaning for the type of the fact.
fn refuse_other_modifiers(
    info: &FactInfo,
    modifiers: &[&str],
    allowed: &[&str],
    value: &YamlNode,
    problems: &mut Problems<'_>,
) {
    for modifier in modifiers {
        if !allowed.contains(modifier) {
            let kind = info.fact_type.as_str();
            problems.error(
                value.location,
                format!(
                    "modifier `{modifier}` means nothing for `{}`, a {kind} fact",
                    info.name
                ),
            );
        }
    }
}

/// The values in lower case, when the field compares for equality with any value; empty when it
/// compares in another way, by wildcard for example.
fn equality_words(modifiers: &[&str], values: &[YamlNode]) -> Vec<String> {
    let plain = modifiers.iter().all(|modifier| *modifier == "cased");
    let words: Vec<String> = values
        .iter()
        .filter_map(YamlNode::as_str)
        .map(str::to_lowercase)
        .collect();
    if plain && !words.iter().any(|word| word.contains(['*', '?', '\\'])) {
        words
    } else {
        Vec::new()
    }
}

/// Compiles this field alone with rsigma, so that an error of rsigma gets the location of the
/// field.
fn check_compiles(text: &str, value: &YamlNode, key: &YamlNode, problems: &mut Problems<'_>) {
    let detection = serde_json::json!({"s": {text: value.to_json()}, "condition": "s"});
    if let Err(message) = DetectionMatcher::new(&detection) {
        let message = message.lines().next().unwrap_or_default().to_owned();
        problems.error(key.location, message);
    }
}
