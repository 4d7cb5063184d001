//! Reads `rules/scopes/*.yaml`: one template per document, every problem with its place.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::compiled::{
    CompiledScope, ScopeError, compile_limit, validate_delegation, validate_hours, validate_type,
};
use super::glob::Glob;
use super::reader::Reader;
use super::template::{Applies, Template, Templates};
use super::units::{parse_days, parse_duration_ms, parse_quantity, parse_time_of_day};
use crate::event::diagnostic::{Diagnostic, Severity, SourceFile};
use crate::event::limits::{GRANTS_MAX, ID_BYTES_MAX, SCOPE_LIMITS_MAX};
use crate::event::yaml::{self, Node};
use crate::event::{
    AgentScope, ChannelRule, DelegationRule, Grant, InstructionSource, Limit, Measure, Sensitivity,
    Text, Verb, WorkingHours,
};

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
const HOURS_KEYS: &[&str] = &["days", "from", "to", "zone"];

impl Templates {
    /// Reads every template of `files`. Templates with an error are left out of the result; the
    /// diagnostics say why, and any error among them should stop the bundle.
    #[must_use]
    pub fn parse(files: &[SourceFile]) -> (Templates, Vec<Diagnostic>) {
        let (mut templates, mut found) = (Templates::default(), Vec::new());
        for file in files {
            match yaml::parse(file) {
                Err(diagnostic) => found.push(*diagnostic),
                Ok(documents) => {
                    for document in documents.iter().filter(|document| !document.is_null()) {
                        let mut reader = Reader::new(file);
                        let template = template(&mut reader, document);
                        let wrong = reader.found.iter().any(|d| d.severity == Severity::Error);
                        found.append(&mut reader.found);
                        templates.sorted.extend(template.filter(|_| !wrong));
                    }
                }
            }
        }
        refuse_ties(&templates.sorted, files, &mut found);
        templates.sorted.sort_by(|a, b| {
            b.applies
                .specificity()
                .cmp(&a.applies.specificity())
                .then_with(|| a.name().cmp(b.name()))
        });
        (templates, found)
    }
}

/// Two templates of one name, or two that could claim the same action with equal right.
fn refuse_ties(templates: &[Template], files: &[SourceFile], found: &mut Vec<Diagnostic>) {
    for (index, later) in templates.iter().enumerate() {
        for earlier in templates.iter().take(index) {
            let (path, line) = earlier.source();
            let (message, help) = if earlier.name() == later.name() {
                let name = later.name();
                (
                    format!("template `{name}` is already defined at {path}:{line}"),
                    "rename one of them",
                )
            } else if earlier.applies.specificity() == later.applies.specificity()
                && earlier.applies.overlaps(&later.applies)
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
                found.push(Diagnostic::error(file, later.place, message).with_help(help));
            }
        }
    }
}

fn template(reader: &mut Reader<'_>, node: &Node) -> Option<Template> {
    if !reader.mapping(node, "a scope template", TEMPLATE_KEYS) {
        return None;
    }
    let name = named(reader, node);
    let applies = applies(reader, node);
    let grants: Vec<Grant> = list(reader, node, "grants", GRANTS_MAX, |r, _, n| grant(r, n));
    if node.get("grants").is_none() {
        reader.warning(
            node,
            "this template grants no resource: every mapped action violates it",
        );
    }
    let scope = AgentScope {
        scope_id: name?,
        purpose: node
            .get("purpose")
            .and_then(|n| reader.text(n, "`purpose`")),
        grants,
        tools: reader.texts(node, "tools"),
        destinations: reader.texts(node, "destinations"),
        instruction_sources: reader.words(
            node,
            "instruction-sources",
            InstructionSource::ALL,
            InstructionSource::as_str,
        ),
        limits: list(reader, node, "limits", SCOPE_LIMITS_MAX, limit),
        channel: channel(reader, node),
        delegation: delegation(reader, node),
        hours: node.get("hours").and_then(|n| hours(reader, n)),
        ..AgentScope::default()
    };
    let terms = Arc::new(CompiledScope::compile_lenient(&scope));
    let (path, place) = (reader.file.path.clone(), node.place);
    Some(Template {
        scope: Arc::new(scope),
        terms,
        applies: applies?,
        path,
        place,
    })
}

fn named(reader: &mut Reader<'_>, node: &Node) -> Option<Text> {
    let Some(value) = node.get("template") else {
        reader.error(
            node,
            "a scope template needs a name: `template: research/report`",
        );
        return None;
    };
    let name = reader.text(value, "`template`")?;
    if name.len() > ID_BYTES_MAX {
        reader.error(
            value,
            format!("`template` is longer than {ID_BYTES_MAX} bytes"),
        );
        return None;
    }
    Some(name)
}

fn applies(reader: &mut Reader<'_>, node: &Node) -> Option<Applies> {
    let tenant = node.get("tenant").and_then(|n| reader.text(n, "`tenant`"));
    let Some(to) = node.get("applies-to") else {
        reader.error(
            node,
            "`applies-to` is missing: say which agents this template is for",
        );
        return None;
    };
    if !reader.mapping(to, "`applies-to`", APPLIES_KEYS) {
        return None;
    }
    let mut globs = |key| -> Vec<Glob> {
        reader
            .texts(to, key)
            .iter()
            .map(|text| Glob::new(text))
            .collect()
    };
    let applies = Applies {
        tenant: tenant.map(|text| Glob::new(&text)),
        agents: globs("agents"),
        task_classes: globs("task-class"),
        agent_types: globs("agent-type"),
        tools: globs("tools"),
    };
    if !applies.names_someone() {
        reader.error(
            to,
            "`applies-to` names no one; `agents: ['*']` is every agent",
        );
        return None;
    }
    Some(applies)
}

/// The entries of a list of mappings under `key`.
fn list<T>(
    reader: &mut Reader<'_>,
    node: &Node,
    key: &str,
    count_max: usize,
    read: fn(&mut Reader<'_>, usize, &Node) -> Option<T>,
) -> Vec<T> {
    let Some(value) = node.get(key) else {
        return Vec::new();
    };
    let Some(items) = value.as_sequence() else {
        reader.error(
            value,
            format!("`{key}` must be a list, not {}", value.kind()),
        );
        return Vec::new();
    };
    if items.len() > count_max {
        reader.error(value, format!("`{key}` has more than {count_max} entries"));
        return Vec::new();
    }
    items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| read(reader, index, item))
        .collect()
}

fn grant(reader: &mut Reader<'_>, node: &Node) -> Option<Grant> {
    if !reader.mapping(node, "a grant", GRANT_KEYS) {
        return None;
    }
    let Some(types) = node.get("resource-types") else {
        reader.error(
            node,
            "a grant needs `resource-types`; `['*']` is every type",
        );
        return None;
    };
    let items = reader.items(types, "`resource-types`");
    if items.is_empty() {
        reader.error(
            types,
            "`resource-types` names no type; `['*']` is every type",
        );
    }
    let mut resource_types = Vec::new();
    for item in items {
        let Some(pattern) = reader.text(item, "`resource-types`") else {
            continue;
        };
        match validate_type(&pattern) {
            Ok(()) => resource_types.push(pattern),
            Err(error) => reader.error(item, error.to_string()),
        }
    }
    let ceiling = node.get("sensitivity-max");
    let sensitivity_max = ceiling.and_then(|value| {
        reader.word(
            value,
            "sensitivity-max",
            Sensitivity::ALL,
            Sensitivity::as_str,
        )
    });
    Some(Grant {
        resource_types,
        resource_ids: reader.texts(node, "resource-ids"),
        verbs: reader.words(node, "verbs", Verb::ALL, Verb::as_str),
        sensitivity_max,
        owners: reader.texts(node, "owners"),
    })
}

fn limit(reader: &mut Reader<'_>, index: usize, node: &Node) -> Option<Limit> {
    if !reader.mapping(node, "a limit", LIMIT_KEYS) {
        return None;
    }
    let measure = reader.parsed(
        node,
        "measure",
        "`count`, `sum: FIELD` or `distinct: FIELD`",
        Measure::parse,
    );
    let window = reader.parsed(
        node,
        "window",
        "a time such as 30s, 5m, 1h or 7d",
        parse_duration_ms,
    );
    let max = reader.parsed(node, "max", "an amount such as 500 or 50MB", parse_quantity);
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
                ScopeError::Max { .. } | ScopeError::DistinctMax { .. } => "max",
                _ => "measure",
            };
            reader.error(node.get(key).unwrap_or(node), error.to_string());
            None
        }
    }
}

fn channel(reader: &mut Reader<'_>, node: &Node) -> Option<ChannelRule> {
    let value = node.get("channel")?;
    reader
        .mapping(value, "`channel`", &["encrypted", "authenticated"])
        .then(|| ChannelRule {
            encrypted: reader.flag(value, "encrypted").unwrap_or(false),
            authenticated: reader.flag(value, "authenticated").unwrap_or(false),
        })
}

fn delegation(reader: &mut Reader<'_>, node: &Node) -> Option<DelegationRule> {
    let value = node.get("delegation")?;
    if !reader.mapping(
        value,
        "`delegation`",
        &["allowed", "depth-max", "children-max"],
    ) {
        return None;
    }
    if value.get("allowed").is_none() {
        reader.error(value, "`delegation` needs `allowed`: true or false");
    }
    let rule = DelegationRule {
        allowed: reader.flag(value, "allowed").unwrap_or(false),
        depth_max: reader.count(value, "depth-max"),
        children_max: reader.count(value, "children-max"),
    };
    if let Err(error) = validate_delegation(Some(&rule)) {
        let node = value.get("children-max").unwrap_or(value);
        reader.error(node, error.to_string());
    }
    Some(rule)
}

fn hours(reader: &mut Reader<'_>, node: &Node) -> Option<WorkingHours> {
    if !reader.mapping(node, "`hours`", HOURS_KEYS) {
        return None;
    }
    let days = match node.get("days") {
        None => Vec::new(),
        Some(value) => days(reader, value),
    };
    let from = reader.parsed(
        node,
        "from",
        "a time of day such as '07:00'",
        parse_time_of_day,
    );
    let to = reader.parsed(
        node,
        "to",
        "a time of day such as '19:00'",
        parse_time_of_day,
    );
    let zone = node.get("zone").and_then(|n| reader.text(n, "`zone`"));
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
            reader.error(node.get(key).unwrap_or(node), error.to_string());
            None
        }
    }
}

fn days(reader: &mut Reader<'_>, node: &Node) -> Vec<u8> {
    let mut days = Vec::new();
    for item in reader.items(node, "`days`") {
        match item.as_str().and_then(parse_days) {
            Some(mut more) => days.append(&mut more),
            None => reader.error(
                item,
                "`days` must be weekdays such as mon-fri, sat or 1 to 7",
            ),
        }
    }
    days.sort_unstable();
    days.dedup();
    days
}
