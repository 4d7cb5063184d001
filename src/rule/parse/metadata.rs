//! Reads the metadata of a rule: title, id, description, level, status, and the ids of the threats
//! that it detects.

use crate::event::Text;
use crate::text::{Location, Problems, YamlNode};

use crate::rule::model::classification::{RuleConfidence, RuleLevel, RuleStatus};

/// The top-level keys that a rule may have: the keys of Sigma, then `remediation`, `confidence`,
/// `response`, `baseline`, `evidence` and `tests`.
pub(in crate::rule) const KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "custom_attributes",
    "sigma-version",
    "remediation",
    "confidence",
    "response",
    "baseline",
    "evidence",
    "tests",
];

/// Characters of a title, at most.
const TITLE_CHARS_MAX: usize = 256;
/// Characters of a description and of a remediation, at most: every alert of the rule carries both.
const PROSE_CHARS_MAX: usize = 2048;
/// Byte positions of the hyphens in a UUID.
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];
const UUID_BYTES: usize = 36;

/// The metadata of one rule.
#[derive(Debug, Clone)]
pub(in crate::rule) struct RuleMetadata {
    pub id: Text,
    pub id_location: Location,
    pub title: String,
    pub description: String,
    pub remediation: String,
    pub confidence: Option<RuleConfidence>,
    pub status: RuleStatus,
    pub level: RuleLevel,
    pub atlas: Vec<Text>,
    pub asi: Vec<Text>,
    pub falsepositives: Vec<String>,
}

/// Reads the metadata and reports every problem. `None` when one of the problems is an error.
pub(in crate::rule) fn read_metadata(
    document: &YamlNode,
    problems: &mut Problems<'_>,
) -> Option<RuleMetadata> {
    problems.read_mapping(document, "a rule", KEYS);
    let title =
        require_key(document, "title", problems).and_then(|node| read_title(node, problems));
    let id = require_key(document, "id", problems).and_then(|node| read_id(node, problems));
    let status =
        require_key(document, "status", problems).and_then(|node| read_status(node, problems));
    let level = require_key(document, "level", problems)
        .and_then(|node| problems.read_word(node, "level", RuleLevel::WORDS, RuleLevel::from_word));
    let (atlas, asi) = match require_key(document, "tags", problems) {
        Some(node) => read_tags(node, problems),
        None => Default::default(),
    };
    let description = read_prose(document, "description", problems);
    let remediation = read_prose(document, "remediation", problems);
    let confidence = document.get("confidence").and_then(|node| {
        let words = RuleConfidence::WORDS;
        problems.read_word(node, "confidence", words, RuleConfidence::from_word)
    });
    let (id, id_location) = id?;
    Some(RuleMetadata {
        id,
        id_location,
        title: title?,
        description,
        remediation,
        confidence,
        status: status?,
        level: level?,
        atlas,
        asi,
        falsepositives: read_text_list(document.get("falsepositives")),
    })
}

fn require_key<'n>(
    document: &'n YamlNode,
    key: &str,
    problems: &mut Problems<'_>,
) -> Option<&'n YamlNode> {
    let found = document.get(key);
    if found.is_none() {
        problems.error(document.location, format!("the rule has no {key}"));
    }
    found
}

fn read_title(node: &YamlNode, problems: &mut Problems<'_>) -> Option<String> {
    let text = node.as_str().unwrap_or_default().trim();
    if text.is_empty() || text.chars().count() > TITLE_CHARS_MAX {
        problems.error(
            node.location,
            format!("a title has 1 to {TITLE_CHARS_MAX} characters"),
        );
        return None;
    }
    Some(text.to_owned())
}

/// A text for people; empty where the rule has none.
fn read_prose(document: &YamlNode, key: &str, problems: &mut Problems<'_>) -> String {
    let Some(node) = document.get(key) else {
        return String::new();
    };
    let text = node.as_str().unwrap_or_default().trim();
    if text.is_empty() || text.chars().count() > PROSE_CHARS_MAX {
        problems.error(
            node.location,
            format!("a {key} is a text of 1 to {PROSE_CHARS_MAX} characters"),
        );
    }
    text.to_owned()
}

fn read_id(node: &YamlNode, problems: &mut Problems<'_>) -> Option<(Text, Location)> {
    let text = node.as_str().unwrap_or_default().to_ascii_lowercase();
    let shape = text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(at, byte)| {
            if UUID_HYPHENS.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        });
    if !shape {
        problems.error(
            node.location,
            "id must be a UUID, such as one that `uuidgen` prints",
        );
        return None;
    }
    Some((text.into(), node.location))
}

fn read_status(node: &YamlNode, problems: &mut Problems<'_>) -> Option<RuleStatus> {
    if let Some(word @ ("deprecated" | "unsupported")) = node.as_str() {
        problems.error_with_help(
            node.location,
            format!("a rule with status {word} is not evaluated"),
            "remove the file from the bundle",
        );
        return None;
    }
    problems.read_word(node, "status", RuleStatus::WORDS, RuleStatus::from_word)
}

/// Reads the ATLAS and ASI ids of the tags. Every tag must have Sigma's form, `namespace.name` in
/// lower case, and at least one tag must name a threat.
fn read_tags(node: &YamlNode, problems: &mut Problems<'_>) -> (Vec<Text>, Vec<Text>) {
    let (mut atlas, mut asi, mut threats) = (Vec::new(), Vec::new(), 0_usize);
    let tags = node.as_sequence().unwrap_or_default();
    for tag in tags {
        let text = tag.as_str().unwrap_or_default();
        let Some((namespace, name)) = text.split_once('.').filter(|_| is_tag(text)) else {
            problems.error(
                tag.location,
                format!("`{text}` is not a tag: write `namespace.name`"),
            );
            continue;
        };
        threats += usize::from(matches!(namespace, "atlas" | "attack" | "owasp"));
        match (namespace, name) {
            ("atlas", name) => match atlas_id(name) {
                Some(id) => atlas.push(id),
                None => problems.error_with_help(
                    tag.location,
                    format!("`{text}` is not an ATLAS technique"),
                    "write `atlas.aml.t0053` or `atlas.aml.t0085.001`",
                ),
            },
            ("owasp", name) if name.starts_with("asi") => match asi_id(name) {
                Some(id) => asi.push(id),
                None => problems.error_with_help(
                    tag.location,
                    format!("`{text}` is not an OWASP agentic id with its year"),
                    "write `owasp.asi02-2026`",
                ),
            },
            _ => {}
        }
    }
    if threats == 0 {
        problems.error_with_help(
            node.location,
            "no tag names a threat",
            "add `atlas.aml.t…`, `owasp.asi…-2026` or `attack.…` (docs/rules.md)",
        );
    }
    (atlas, asi)
}

fn is_tag(text: &str) -> bool {
    text.bytes().all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
    })
}

/// Converts `aml.t0053` or `aml.t0085.001` to the id as ATLAS prints it, `AML.T0053`.
fn atlas_id(name: &str) -> Option<Text> {
    let number = name.strip_prefix("aml.t")?;
    let (technique, sub) = number.split_once('.').unwrap_or((number, "000"));
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    (digits(technique, 4) && digits(sub, 3)).then(|| name.to_ascii_uppercase().into())
}

/// Converts `asi02-2026` to `ASI02:2026`. The year is part of the id, because each edition of the
/// OWASP list numbers the threats anew.
fn asi_id(name: &str) -> Option<Text> {
    let (number, year) = name.strip_prefix("asi")?.split_once('-')?;
    let number = number
        .parse::<u8>()
        .ok()
        .filter(|n| number.len() == 2 && (1..=10).contains(n))?;
    let year = year.parse::<u16>().ok().filter(|year| *year >= 2026)?;
    Some(format!("ASI{number:02}:{year}").into())
}

/// Reads a list of texts, or a single text as a list of one.
fn read_text_list(node: Option<&YamlNode>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    let one = std::slice::from_ref(node);
    let items = node.as_sequence().unwrap_or(one);
    items
        .iter()
        .filter_map(YamlNode::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_tags_become_the_ids_that_catalogues_print() {
        assert_eq!(atlas_id("aml.t0053").as_deref(), Some("AML.T0053"));
        assert_eq!(atlas_id("aml.t0085.001").as_deref(), Some("AML.T0085.001"));
        assert_eq!(asi_id("asi02-2026").as_deref(), Some("ASI02:2026"));
        for name in ["t0053", "aml.t53", "aml.t0053.1", "aml.ta0012"] {
            assert_eq!(atlas_id(name), None, "{name}");
        }
        for name in ["asi02", "asi2-2026", "asi11-2026", "asi02-26"] {
            assert_eq!(asi_id(name), None, "{name}");
        }
    }
}
