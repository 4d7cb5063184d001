//! Reads the rule files of a directory, document by document.

use std::collections::BTreeMap;

use crate::behaviour::WeightSet;
use crate::text::{
    Diagnostic, Location, Problems, SourceFile, YamlNode, format_suggestion, nearest, yaml,
};

use crate::rule::evaluate::condition::Condition;
use crate::rule::limits::{DOCUMENTS_MAX, FILE_BYTES_MAX, METRICS_MAX, RULES_MAX};
use crate::rule::model::catalogue::{FactCatalogue, FactSource};
use crate::rule::model::classification::RuleFamily;
use crate::rule::model::inline_test::RuleTest;
use crate::rule::model::rule_response::ResponseSpec;

use super::baseline_section::{BaselineSpec, read_baseline};
use super::detection::read_detection;
use super::evidence_section::read_evidence;
use super::file_kind::{FileKind, file_kind};
use super::foreign_rule::{ForeignRule, describe_foreign_rule, is_foreign};
use super::inline_tests::read_inline_tests;
use super::metadata::{RuleMetadata, read_metadata};
use super::negation::check_negations;
use super::response_section::read_response;

/// A rule without errors, as read from one document.
pub(in crate::rule) struct ParsedRule {
    pub metadata: RuleMetadata,
    pub family: RuleFamily,
    pub response: ResponseSpec,
    pub baseline: Option<BaselineSpec>,
    pub condition: Condition,
    pub tests: Vec<RuleTest>,
    pub path: String,
    pub line: usize,
}

/// What was read from all rule files.
pub(in crate::rule) struct ParsedFiles {
    pub rules: Vec<ParsedRule>,
    pub foreign: Vec<ForeignRule>,
    pub catalogue: FactCatalogue,
    /// The weights of evidence that rules declare.
    pub weights: Vec<WeightSet>,
    pub problems: Vec<Diagnostic>,
}

/// The family of rules outside the folders of families: `policy` is for the decisions of a site.
const FAMILY_DEFAULT: RuleFamily = RuleFamily::Policy;

struct RuleDocument<'f> {
    file: usize,
    family: RuleFamily,
    node: &'f YamlNode,
}

/// Reads all rule files, sorted by path.
pub(in crate::rule) fn parse_rule_files(files: &[&SourceFile]) -> ParsedFiles {
    let mut problems: Vec<Problems<'_>> = files.iter().map(|file| Problems::new(file)).collect();
    let parsed: Vec<Vec<YamlNode>> = problems.iter_mut().map(parse_file).collect();
    let mut documents = Vec::new();
    for (at, (nodes, file)) in parsed.iter().zip(files).enumerate() {
        let family = match file_kind(&file.path) {
            FileKind::Rules(family) => family,
            _ => FAMILY_DEFAULT,
        };
        documents.extend(nodes.iter().map(|node| RuleDocument {
            file: at,
            family,
            node,
        }));
    }
    let catalogue = declare_metrics(&documents, &mut problems);
    let mut loaded = ParsedFiles {
        rules: Vec::new(),
        foreign: Vec::new(),
        catalogue,
        weights: Vec::new(),
        problems: Vec::new(),
    };
    let mut ids: BTreeMap<String, (String, Location)> = BTreeMap::new();
    for document in &documents {
        let Some(problems) = problems.get_mut(document.file) else {
            continue;
        };
        if let Some(rule) = parse_document(document, &mut loaded, problems) {
            let id = rule.metadata.id.to_string();
            let location = rule.metadata.id_location;
            match ids.get(&id) {
                Some((path, first)) => {
                    let message = format!("id {id} is taken by {path}:{}", first.line);
                    problems.error(location, message);
                }
                None => {
                    ids.insert(id, (rule.path.clone(), location));
                }
            }
            loaded.rules.push(rule);
        }
    }
    if let Some(last) = problems
        .last_mut()
        .filter(|_| loaded.rules.len() > RULES_MAX)
    {
        last.error(
            Location::WHOLE_FILE,
            format!("more than {RULES_MAX} rules in the bundle"),
        );
    }
    for file in problems {
        loaded.problems.append(&mut file.into_sorted());
    }
    loaded
}

fn parse_file(problems: &mut Problems<'_>) -> Vec<YamlNode> {
    let file = problems.file();
    match file_kind(&file.path) {
        FileKind::Rules(_) => {}
        FileKind::Exceptions => {
            problems.error(
                Location::WHOLE_FILE,
                "this version does not evaluate exceptions",
            );
            return Vec::new();
        }
        _ if contains_rules(file) => warn_of_misspelt_folder(problems),
        _ => {
            let help = "a rule has a logsource; `resources.yaml` and `response.yaml` are beside \
                        the folders of rules, templates are in `scopes`";
            problems.error_with_help(
                Location::WHOLE_FILE,
                "neither a Sigma rule nor a known file",
                help,
            );
            return Vec::new();
        }
    }
    if file.text.len() > FILE_BYTES_MAX {
        problems.error(
            Location::WHOLE_FILE,
            format!("larger than {FILE_BYTES_MAX} bytes"),
        );
        return Vec::new();
    }
    match yaml::parse(file) {
        Ok(nodes) if nodes.len() > DOCUMENTS_MAX => {
            problems.error(
                Location::WHOLE_FILE,
                format!("more than {DOCUMENTS_MAX} documents"),
            );
            Vec::new()
        }
        Ok(nodes) => nodes,
        Err(problem) => {
            problems.report(*problem);
            Vec::new()
        }
    }
}

/// Whether a file outside the known folders contains rules: every document has a `logsource`.
fn contains_rules(file: &SourceFile) -> bool {
    let is_rule = |node: &YamlNode| node.get("logsource").is_some();
    file.text.len() <= FILE_BYTES_MAX
        && yaml::parse(file).is_ok_and(|nodes| !nodes.is_empty() && nodes.iter().all(is_rule))
}

/// Warns when a folder has almost the name of a family, because the family decides the order of
/// findings and the mode of the response policy.
fn warn_of_misspelt_folder(problems: &mut Problems<'_>) {
    let path = &problems.file().path;
    // The name of the root folder is free.
    let folders: Vec<&str> = path.rsplit(['/', '\\']).skip(1).collect();
    let below_root = folders.split_last().map_or(&[][..], |(_, below)| below);
    let families = || RuleFamily::ALL.iter().map(|family| family.as_str());
    let near = below_root
        .iter()
        .find_map(|folder| Some((folder, nearest(folder, families())?)));
    if let Some((folder, near)) = near {
        let message = format!(
            "its rules are of the family {FAMILY_DEFAULT}: the folder `{folder}` is no family; {}",
            format_suggestion(near)
        );
        problems.warning(Location::WHOLE_FILE, message);
    }
}

/// Builds the catalogue with the facts of every metric that a baseline rule names. All documents
/// are searched before any rule is read, so that every rule may read the facts of every metric.
fn declare_metrics(documents: &[RuleDocument<'_>], problems: &mut [Problems<'_>]) -> FactCatalogue {
    let mut catalogue = FactCatalogue::new();
    let mut names: BTreeMap<&str, (usize, Location)> = BTreeMap::new();
    for document in documents {
        let (Some(_), Some(name)) = (document.node.get("baseline"), document.node.get("name"))
        else {
            continue;
        };
        let Some(text) = name.as_str() else { continue };
        let other = names.get(text).copied();
        let other =
            other.and_then(|(file, at)| Some((problems.get(file)?.file().path.clone(), at)));
        let Some(problems) = problems.get_mut(document.file) else {
            continue;
        };
        match other {
            Some((path, first)) => {
                let message = format!("metric `{text}` is declared by {path}:{}", first.line);
                problems.error(name.location, message);
            }
            None if names.len() == METRICS_MAX => {
                problems.error(name.location, format!("more than {METRICS_MAX} metrics"));
            }
            None => {
                names.insert(text, (document.file, name.location));
                catalogue.add_metric(text);
            }
        }
    }
    catalogue
}

fn parse_document(
    document: &RuleDocument<'_>,
    loaded: &mut ParsedFiles,
    problems: &mut Problems<'_>,
) -> Option<ParsedRule> {
    let node = document.node;
    let errors_before = problems.error_count();
    problems.read_pairs(node, "a rule")?;
    for (key, what) in [
        ("correlation", "correlations"),
        ("filter", "filters"),
        ("action", "collections of documents (`action:`)"),
    ] {
        if let Some(value) = node.get(key) {
            problems.error(
                value.location,
                format!("this version does not evaluate {what}"),
            );
            return None;
        }
    }
    if is_foreign(node, problems)? {
        loaded
            .foreign
            .push(describe_foreign_rule(node, &loaded.catalogue, problems));
        return None;
    }
    let catalogue = &loaded.catalogue;
    let metadata = read_metadata(node, problems);
    let response = read_response(node, metadata.as_ref(), problems);
    let baseline = read_baseline(node, problems);
    if let Some(set) = read_evidence(node, problems) {
        if loaded.weights.iter().any(|one| one.is_for_same(&set)) {
            let message = "another rule has the weights of the same tenant and class";
            problems.error(node.location, message);
        }
        loaded.weights.push(set);
    }
    let tests = read_inline_tests(node, catalogue, problems);
    let condition = parse_detection(node, catalogue, problems)?;
    if node.get("baseline").is_some() {
        check_selection(&condition, catalogue, problems);
    }
    if problems.error_count() > errors_before {
        return None;
    }
    Some(ParsedRule {
        metadata: metadata?,
        family: document.family,
        response,
        baseline,
        condition,
        tests,
        path: problems.file().path.clone(),
        line: node.location.line,
    })
}

fn parse_detection(
    node: &YamlNode,
    catalogue: &FactCatalogue,
    problems: &mut Problems<'_>,
) -> Option<Condition> {
    let Some(section) = node.get("detection") else {
        problems.error(node.location, "the rule has no detection");
        return None;
    };
    let errors_before = problems.error_count();
    let condition = read_detection(section, catalogue, problems)?;
    if problems.error_count() > errors_before {
        return None;
    }
    check_negations(&condition, catalogue, problems);
    Some(condition)
}

/// Refuses scope facts in the detection of a baseline rule: an action is counted when it arrives,
/// and its scope may not be known yet.
fn check_selection(condition: &Condition, catalogue: &FactCatalogue, problems: &mut Problems<'_>) {
    condition.for_each_field(&mut |field| {
        let Some(info) = catalogue.fact_info(field.slot) else {
            return;
        };
        let known = matches!(
            info.source,
            FactSource::Record | FactSource::Derived | FactSource::Credential
        );
        if !known {
            problems.error(
                field.location,
                format!(
                    "a baseline counts actions at arrival, before `{}` is known",
                    info.name
                ),
            );
        }
    });
}
