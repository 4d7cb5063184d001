//! Rules for other log sources. They are listed with their fields that are no facts, and never
//! evaluated.

use crate::rule::model::catalogue::FactCatalogue;
use crate::text::{Problems, YamlNode, nearest};

/// A rule for another log source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRule {
    pub path: String,
    pub line: usize,
    pub title: String,
    /// `product/category/service`, without the parts that the rule does not give.
    pub logsource: String,
    /// The fields of its detection that are not facts, sorted.
    pub unmapped_fields: Vec<String>,
}

/// Whether a rule is for another log source. `None` after an error: the log source is missing or
/// misspelt.
pub(in crate::rule) fn is_foreign(node: &YamlNode, problems: &mut Problems<'_>) -> Option<bool> {
    let help = "write `logsource: {product: scopewatch, category: agent_action}`";
    let Some(logsource) = node
        .get("logsource")
        .filter(|node| node.as_mapping().is_some())
    else {
        problems.error_with_help(node.location, "the rule has no logsource", help);
        return None;
    };
    let part = |key| logsource.get(key).and_then(YamlNode::as_str);
    if part("product") != Some("scopewatch") {
        let product = part("product").unwrap_or_default();
        if nearest(product, ["scopewatch"]).is_some() {
            problems.error_with_help(
                logsource.location,
                format!("unknown product `{product}`"),
                help,
            );
            return None;
        }
        return Some(true);
    }
    if part("category") != Some("agent_action") {
        problems.error_with_help(logsource.location, "the category is not agent_action", help);
        return None;
    }
    Some(false)
}

pub(in crate::rule) fn describe_foreign_rule(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &Problems<'_>,
) -> ForeignRule {
    let text = |node: Option<&YamlNode>| {
        node.and_then(YamlNode::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let logsource = node.get("logsource");
    let parts: Vec<String> = ["product", "category", "service"]
        .into_iter()
        .map(|key| text(logsource.and_then(|logsource| logsource.get(key))))
        .filter(|part| !part.is_empty())
        .collect();
    let mut unmapped_fields = Vec::new();
    let selections = node
        .get("detection")
        .and_then(YamlNode::as_mapping)
        .unwrap_or_default();
    for (_, selection) in selections
        .iter()
        .filter(|(key, _)| key.as_str() != Some("condition"))
    {
        collect_unmapped_fields(selection, catalogue, &mut unmapped_fields);
    }
    unmapped_fields.sort();
    unmapped_fields.dedup();
    ForeignRule {
        path: problems.file().path.clone(),
        line: node.location.line,
        title: text(node.get("title")),
        logsource: parts.join("/"),
        unmapped_fields,
    }
}

fn collect_unmapped_fields(
    selection: &YamlNode,
    catalogue: &FactCatalogue,
    into: &mut Vec<String>,
) {
    for part in selection.as_sequence().unwrap_or_default() {
        collect_unmapped_fields(part, catalogue, into);
    }
    for (key, _) in selection.as_mapping().unwrap_or_default() {
        let key = key.as_str().unwrap_or_default();
        let name = key.split('|').next().unwrap_or_default();
        if !name.is_empty() && catalogue.find_slot(name).is_none() {
            into.push(name.to_owned());
        }
    }
}
