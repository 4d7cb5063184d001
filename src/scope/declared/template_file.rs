//! Reads `rules/scopes/*.yaml`: one template per document, every problem with its location.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::resources_file::read_destinations;
use super::template::{ScopeTemplate, ScopeTemplates, TemplateAudience};
use crate::event::limits::{
    GRANTS_MAX, ID_BYTES_MAX, SCOPE_LIMITS_MAX, SCOPE_LIST_MAX, TEXT_BYTES_MAX,
};
use crate::event::{
    AgentScope, ChannelRule, DelegationRule, Grant, InstructionSource, Limit, Measure, Sensitivity,
    Text, Verb, WorkingHours,
};
use crate::scope::model::compiled::{
    CompiledScope, ScopeError, compile_limit, validate_delegation, validate_hours, validate_type,
};
use crate::text::normal::PathPattern;
use crate::text::units::{parse_days, parse_duration_ms, parse_quantity, parse_time_of_day};
use crate::text::{Diagnostic, GlobPattern, Problems, SourceFile, YamlNode, reader, yaml};

const TEMPLATE_KEYS: &[&str] = &[
    "template",
    "description",
    "tenant",
    "applies-to",
    "purpose",
    "grants",
    "tools",
    "destinations",
    "instruction-sources",
    "limits",
    "channel",
    "delegation",
    "hours",
];
const APPLIES_KEYS: &[&str] = &["agents", "agent-type", "task-class", "tools"];
const GRANT_KEYS: &[&str] = &[
    "resource-types",
    "resource-ids",
    "verbs",
    "sensitivity-max",
    "owners",
];
const LIMIT_KEYS: &[&str] = &["measure", "window", "max"];
const DELEGATION_KEYS: &[&str] = &["allowed", "depth-max", "children-max"];
const HOURS_KEYS: &[&str] = &["days", "from", "to", "zone"];

impl ScopeTemplates {
    /// Reads every template of `files`. Templates with an error are left out of the result; the
    /// diagnostics say why, and any error among them should stop the bundle.
    #[must_use]
    pub fn parse(files: &[SourceFile]) -> (ScopeTemplates, Vec<Diagnostic>) {
        let (mut templates, mut found) = (ScopeTemplates::default(), Vec::new());
        for file in files {
            match yaml::parse(file) {
                Err(diagnostic) => found.push(*diagnostic),
                Ok(documents) => {
                    for document in documents.iter().filter(|document| !document.is_null()) {
                        let mut problems = Problems::new(file);
                        let template = read_template(&mut problems, document);
                        let right = problems.error_count() == 0;
                        found.append(&mut problems.into_found());
                        templates.sorted.extend(template.filter(|_| right));
                    }
                }
            }
        }
        refuse_ties(&templates.sorted, files, &mut found);
        templates.sorted.sort_by(|a, b| {
            b.audience
                .rank()
                .cmp(&a.audience.rank())
                .then_with(|| a.name().cmp(b.name()))
        });
        (templates, found)
    }
}

/// Two templates of one name, or two that could claim the same action with equal right.
fn refuse_ties(templates: &[ScopeTemplate], files: &[SourceFile], found: &mut Vec<Diagnostic>) {
    for (index, later) in templates.iter().enumerate() {
        for earlier in templates.iter().take(index) {
            let (path, line) = earlier.source_line();
            let (message, help) = if earlier.name() == later.name() {
                let name = later.name();
                (
                    format!("template `{name}` is already defined at {path}:{line}"),
                    "rename one of them",
                )
            } else if earlier.audience.rank() == later.audience.rank()
                && earlier.audience.overlaps_with(&later.audience)
            {
                (
                    format!(
                        "template `{}` ties with `{}` at {path}:{line}: both can apply to one \
                         action and neither is more specific",
                        later.name(),
                        earlier.name()
                    ),
                    "narrow one of them by tenant, agents, task-class, agent-type or tools",
                )
            } else {
                continue;
            };
            if let Some(file) = files.iter().find(|file| file.path == later.path) {
                found.push(Diagnostic::error(file, later.location, message).with_help(help));
            }
        }
    }
}

fn read_template(problems: &mut Problems<'_>, node: &YamlNode) -> Option<ScopeTemplate> {
    problems.read_mapping(node, "a scope template", TEMPLATE_KEYS)?;
    let name = read_name(problems, node);
    let audience = read_audience(problems, node);
    let grants: Vec<Grant> = read_entries(problems, node, "grants", GRANTS_MAX, |p, _, n| {
        read_grant(p, n)
    });
    if node.get("grants").is_none() {
        problems.warning(
            node.location,
            "this template grants no resource: every mapped action violates it",
        );
    }
    let scope = AgentScope {
        scope_id: name?,
        purpose: node
            .get("purpose")
            .and_then(|n| problems.read_text(n, "`purpose`")),
        grants,
        tools: problems.read_texts(node, "tools"),
        destinations: texts_of(read_destinations(problems, node, "destinations")),
        instruction_sources: read_words(
            problems,
            node,
            ("instruction-sources", "instruction source"),
            InstructionSource::WORDS,
            InstructionSource::from_word,
        ),
        limits: read_entries(problems, node, "limits", SCOPE_LIMITS_MAX, read_limit),
        channel: read_channel(problems, node),
        delegation: read_delegation(problems, node),
        hours: node.get("hours").and_then(|n| read_hours(problems, n)),
        ..AgentScope::default()
    };
    let terms = Arc::new(CompiledScope::compile_lenient(&scope));
    let (path, location) = (problems.file().path.clone(), node.location);
    Some(ScopeTemplate {
        scope: Arc::new(scope),
        terms,
        audience: audience?,
        path,
        location,
    })
}

fn read_name(problems: &mut Problems<'_>, node: &YamlNode) -> Option<Text> {
    let Some(value) = node.get("template") else {
        problems.error(
            node.location,
            "a scope template needs a name: `template: research/report`",
        );
        return None;
    };
    let name = problems.read_text(value, "`template`")?;
    if name.len() > ID_BYTES_MAX {
        let message = format!("`template` is longer than {ID_BYTES_MAX} bytes");
        problems.error(value.location, message);
        return None;
    }
    Some(name)
}

fn read_audience(problems: &mut Problems<'_>, node: &YamlNode) -> Option<TemplateAudience> {
    let tenant = node
        .get("tenant")
        .and_then(|n| problems.read_text(n, "`tenant`"));
    let Some(to) = node.get("applies-to") else {
        problems.error(
            node.location,
            "`applies-to` is missing: say which agents this template is for",
        );
        return None;
    };
    problems.read_mapping(to, "`applies-to`", APPLIES_KEYS)?;
    let mut globs = |key| -> Vec<GlobPattern> {
        problems
            .read_texts(to, key)
            .iter()
            .map(|text| GlobPattern::new(text))
            .collect()
    };
    let audience = TemplateAudience {
        tenant: tenant.map(|text| GlobPattern::new(&text)),
        agents: globs("agents"),
        task_classes: globs("task-class"),
        agent_types: globs("agent-type"),
        tools: globs("tools"),
    };
    if !audience.names_someone() {
        problems.error(
            to.location,
            "`applies-to` names no one; `agents: ['*']` is every agent",
        );
        return None;
    }
    Some(audience)
}

// The bounds of a template are not above those of a scope record.
const _: () = assert!(reader::LIST_ITEMS_MAX <= SCOPE_LIST_MAX);
const _: () = assert!(reader::TEXT_BYTES_MAX <= TEXT_BYTES_MAX);

fn texts_of<P>(patterns: Vec<(Text, P)>) -> Vec<Text> {
    patterns.into_iter().map(|(text, _)| text).collect()
}

/// The words of a list under `key`; empty if the key is absent. `noun` describes each word.
fn read_words<T>(
    problems: &mut Problems<'_>,
    node: &YamlNode,
    (key, noun): (&str, &str),
    known: &[&str],
    parse: fn(&str) -> Option<T>,
) -> Vec<T> {
    let Some(value) = node.get(key) else {
        return Vec::new();
    };
    let items = problems.read_items(value, &format!("`{key}`"));
    items
        .iter()
        .filter_map(|item| problems.read_word(item, noun, known, parse))
        .collect()
}

/// The entries of a list of mappings under `key`.
fn read_entries<T>(
    problems: &mut Problems<'_>,
    node: &YamlNode,
    key: &str,
    count_max: usize,
    read: fn(&mut Problems<'_>, usize, &YamlNode) -> Option<T>,
) -> Vec<T> {
    let Some(value) = node.get(key) else {
        return Vec::new();
    };
    let items = problems.read_list(value, &format!("`{key}`"), count_max);
    items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| read(problems, index, item))
        .collect()
}

fn read_grant(problems: &mut Problems<'_>, node: &YamlNode) -> Option<Grant> {
    problems.read_mapping(node, "a grant", GRANT_KEYS)?;
    let Some(types) = node.get("resource-types") else {
        problems.error(
            node.location,
            "a grant needs `resource-types`; `['*']` is every type",
        );
        return None;
    };
    let items = problems.read_items(types, "`resource-types`");
    if items.is_empty() {
        problems.error(
            types.location,
            "`resource-types` names no type; `['*']` is every type",
        );
    }
    let mut resource_types = Vec::new();
    for item in items {
        let Some(pattern) = problems.read_text(item, "`resource-types`") else {
            continue;
        };
        match validate_type(&pattern) {
            Ok(()) => resource_types.push(pattern),
            Err(error) => problems.error(item.location, error.to_string()),
        }
    }
    let ceiling = node.get("sensitivity-max");
    let sensitivity_max = ceiling.and_then(|value| {
        problems.read_word(
            value,
            "sensitivity",
            Sensitivity::WORDS,
            Sensitivity::from_word,
        )
    });
    Some(Grant {
        resource_types,
        resource_ids: texts_of(problems.read_patterns(node, "resource-ids", PathPattern::parse)),
        verbs: read_words(
            problems,
            node,
            ("verbs", "verb"),
            Verb::WORDS,
            Verb::from_word,
        ),
        sensitivity_max,
        owners: problems.read_texts(node, "owners"),
    })
}

fn read_limit(problems: &mut Problems<'_>, index: usize, node: &YamlNode) -> Option<Limit> {
    problems.read_mapping(node, "a limit", LIMIT_KEYS)?;
    let measure = problems.read_parsed(
        node,
        "measure",
        "`count`, `sum: FIELD` or `distinct: FIELD`",
        Measure::parse,
    );
    let window = problems.read_parsed(
        node,
        "window",
        "a time such as 30s, 5m, 1h or 7d",
        parse_duration_ms,
    );
    let max = problems.read_parsed(node, "max", "an amount such as 500 or 50MB", parse_quantity);
    let limit = Limit {
        measure: measure?,
        window_ms: window?,
        max: max?,
    };
    match compile_limit(index, &limit) {
        Ok(_) => Some(limit),
        Err(error) => {
            let key = match error {
                ScopeError::Window { .. } => "window",
                ScopeError::Max { .. } => "max",
                _ => "measure",
            };
            let at = node.get(key).unwrap_or(node);
            problems.error(at.location, error.to_string());
            None
        }
    }
}

fn read_channel(problems: &mut Problems<'_>, node: &YamlNode) -> Option<ChannelRule> {
    let value = node.get("channel")?;
    problems.read_mapping(value, "`channel`", &["encrypted", "authenticated"])?;
    Some(ChannelRule {
        encrypted: problems.read_flag(value, "encrypted").unwrap_or(false),
        authenticated: problems.read_flag(value, "authenticated").unwrap_or(false),
    })
}

fn read_delegation(problems: &mut Problems<'_>, node: &YamlNode) -> Option<DelegationRule> {
    let value = node.get("delegation")?;
    problems.read_mapping(value, "`delegation`", DELEGATION_KEYS)?;
    if value.get("allowed").is_none() {
        problems.error(
            value.location,
            "`delegation` needs `allowed`: true or false",
        );
    }
    let rule = DelegationRule {
        allowed: problems.read_flag(value, "allowed").unwrap_or(false),
        depth_max: problems.read_count(value, "depth-max"),
        children_max: problems.read_count(value, "children-max"),
    };
    if let Err(error) = validate_delegation(Some(&rule)) {
        let node = value.get("children-max").unwrap_or(value);
        problems.error(node.location, error.to_string());
    }
    Some(rule)
}

fn read_hours(problems: &mut Problems<'_>, node: &YamlNode) -> Option<WorkingHours> {
    problems.read_mapping(node, "`hours`", HOURS_KEYS)?;
    let days = match node.get("days") {
        None => Vec::new(),
        Some(value) => read_days(problems, value),
    };
    let from = problems.read_parsed(
        node,
        "from",
        "a time of day such as '07:00'",
        parse_time_of_day,
    );
    let to = problems.read_parsed(
        node,
        "to",
        "a time of day such as '19:00'",
        parse_time_of_day,
    );
    let zone = node
        .get("zone")
        .and_then(|n| problems.read_text(n, "`zone`"));
    let hours = WorkingHours {
        days,
        from_min: from?,
        to_min: to?,
        zone,
    };
    match validate_hours(&hours) {
        Ok(()) => Some(hours),
        Err(error) => {
            let key = if matches!(error, ScopeError::Zone { .. }) {
                "zone"
            } else {
                "from"
            };
            let at = node.get(key).unwrap_or(node);
            problems.error(at.location, error.to_string());
            None
        }
    }
}

fn read_days(problems: &mut Problems<'_>, node: &YamlNode) -> Vec<u8> {
    let mut days = Vec::new();
    for item in problems.read_items(node, "`days`") {
        match item.as_str().and_then(parse_days) {
            Some(mut more) => days.append(&mut more),
            None => problems.error(
                item.location,
                "`days` must be weekdays such as mon-fri, sat or 1 to 7",
            ),
        }
    }
    days.sort_unstable();
    days.dedup();
    days
}
