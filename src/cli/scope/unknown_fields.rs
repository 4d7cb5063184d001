//! Fields and words of a scope record that this version does not know, each with its path.
//!
//! The decoder ignores them, because a record of a newer vocabulary must not be lost. For the
//! author of a scope they are most likely mistakes.

use serde_json::{Map, Value};

use crate::codec::token_scope::{CONSUMED, ClaimNames, names_authorization, scope_of_claims};
use crate::event::{InstructionSource, Verb};
use crate::text::{ProblemSeverity, suggest_near, suggest_or_list};

/// The fields at the top of a record; below, the fields of each group.
const TOP: &[&str] = &[
    "scope_id",
    "tenant",
    "agent",
    "agent_id",
    "task",
    "principal",
    "parent",
    "purpose",
    "issuer",
    "credential_ids",
    "effective_from",
    "expires_at",
    "status",
    "grants",
    "tools",
    "destinations",
    "instruction_sources",
    "limits",
    "channel",
    "delegation",
    "hours",
];
const GROUPS: &[(&str, &[&str])] = &[
    ("agent", &["id", "type"]),
    ("task", &["id", "class"]),
    ("principal", &["id"]),
    ("parent", &["agent_id", "scope_id", "act_chain"]),
    ("channel", &["encrypted", "authenticated"]),
    ("delegation", &["allowed", "depth_max", "children_max"]),
    ("hours", &["days", "from", "to", "zone"]),
];
const LISTS: &[(&str, &[&str])] = &[
    (
        "grants",
        &[
            "resource_types",
            "resource_ids",
            "verbs",
            "sensitivity_max",
            "owners",
        ],
    ),
    ("limits", &["measure", "window", "max"]),
];

/// The severity, the path, and the message.
pub(super) type UnreadField = (ProblemSeverity, String, String);

/// The fields and words of a record that the decoder ignores; none when the record is not JSON.
pub(super) fn find_unknown(record: &str) -> Vec<UnreadField> {
    let Ok(Value::Object(top)) = serde_json::from_str::<Value>(record) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let claimed = names_authorization(&top);
    if claimed && let Ok(scope) = scope_of_claims(&top, &ClaimNames::default()) {
        let notes = scope.notes.into_iter();
        let path = || "authorization_details".to_owned();
        found.extend(notes.map(|note| (ProblemSeverity::Warning, path(), note)));
    }
    for (name, value) in &top {
        if claimed && (CONSUMED.contains(&name.as_str()) || name == "scope") {
            continue;
        }
        let dotted = name.split_once('.');
        let grouped = dotted.and_then(|(group, leaf)| {
            let (_, leaves) = GROUPS.iter().find(|(known, _)| *known == group)?;
            Some((leaf, *leaves))
        });
        match grouped {
            Some((leaf, leaves)) => check_field(name, leaf, leaves, &mut found),
            None => check_field(name, name, TOP, &mut found),
        }
        if let Some((_, leaves)) = GROUPS.iter().find(|(known, _)| known == name) {
            check_fields(name, value, leaves, &mut found);
        }
        if let Some((_, leaves)) = LISTS.iter().find(|(known, _)| known == name) {
            for (index, item) in list_items(value) {
                check_fields(&format!("{name}[{index}]"), item, leaves, &mut found);
            }
        }
    }
    check_vocabulary(&top, &mut found);
    found
}

fn list_items(value: &Value) -> impl Iterator<Item = (usize, &Value)> {
    value.as_array().into_iter().flatten().enumerate()
}

fn check_fields(path: &str, value: &Value, known: &[&str], found: &mut Vec<UnreadField>) {
    for name in value.as_object().into_iter().flat_map(Map::keys) {
        check_field(&format!("{path}.{name}"), name, known, found);
    }
}

fn check_field(path: &str, name: &str, known: &[&str], found: &mut Vec<UnreadField>) {
    if known.contains(&name) {
        return;
    }
    let hint = suggest_near(name, known.iter().copied());
    let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
    let message = format!("{path}: unknown to this version, and ignored{hint}");
    found.push((ProblemSeverity::Warning, path.to_owned(), message));
}

/// Words that are decoded as `other` or `unknown`: a grant with them matches nothing.
fn check_vocabulary(top: &Map<String, Value>, found: &mut Vec<UnreadField>) {
    let verbs = top.get("grants").into_iter().flat_map(list_items);
    let verbs = verbs.filter_map(|(index, grant)| {
        let words = grant.get("verbs")?;
        Some((format!("grants[{index}].verbs"), words))
    });
    for (path, words) in verbs {
        check_words(&path, words, Verb::WORDS, found);
    }
    if let Some(words) = top.get("instruction_sources") {
        check_words(
            "instruction_sources",
            words,
            InstructionSource::WORDS,
            found,
        );
    }
}

fn check_words(path: &str, words: &Value, known: &[&str], found: &mut Vec<UnreadField>) {
    for (index, value) in list_items(words) {
        let Some(word) = value.as_str().filter(|word| !known.contains(word)) else {
            continue;
        };
        let path = format!("{path}[{index}]");
        let hint = suggest_or_list(word, known).unwrap_or_default();
        let message = format!("{path}: `{word}` is not a word of this vocabulary; {hint}");
        found.push((ProblemSeverity::Error, path, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"scope_id":"s","tenant":"t","agent":{"id":"a","type":"x"},
        "task":{"id":"t","class":"c"},"principal.id":"p",
        "parent":{"agent_id":"b","scope_id":"q","act_chain":["b"]},
        "purpose":"p","issuer":"i","credential_ids":["c"],"effective_from":1,"expires_at":2,
        "status":"active","grants":[{"resource_types":["file"],"resource_ids":["*"],
        "verbs":["read"],"sensitivity_max":"public","owners":["o"]}],"tools":["t"],
        "destinations":["d"],"instruction_sources":["user"],
        "limits":[{"measure":"count","window":"1h","max":1}],
        "channel":{"encrypted":true,"authenticated":true},
        "delegation":{"allowed":true,"depth_max":1,"children_max":1},
        "hours":{"days":"mon-fri","from":"07:00","to":"19:00","zone":"UTC"}}"#;

    #[test]
    fn every_field_of_the_schema_is_known_here_and_to_the_decoder_alike() {
        assert_eq!(find_unknown(WHOLE), []);
        let decoder = crate::codec::Decoder::new(crate::codec::SchemaSet::new([]).unwrap());
        let decoded = decoder.decode_scope(WHOLE.as_bytes()).unwrap();
        assert_eq!(decoded.unknown_fields, 0);
    }

    #[test]
    fn fields_and_words_are_reported_with_their_paths_and_what_is_near() {
        let record = r#"{"scope":1,"agent.typ":"x","agent":{"name":"n"},"limits":[{"maxx":1}],
            "grants":[{"verbs":["read","raed"]}],"instruction_sources":["xyzzy"]}"#;
        let found = find_unknown(record);
        let paths: Vec<&str> = found.iter().map(|(_, path, _)| path.as_str()).collect();
        for path in [
            "agent.typ",
            "agent.name",
            "limits[0].maxx",
            "grants[0].verbs[1]",
            "scope",
        ] {
            assert!(paths.contains(&path), "{path}: {paths:?}");
        }
        let reported = |text: &str| found.iter().any(|(_, _, message)| message.contains(text));
        assert!(
            reported("did you mean `read`?") && reported("known: `"),
            "{found:?}"
        );
    }
}
