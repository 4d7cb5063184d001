//! Reads `rules/resources.yaml`, every problem with its location.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::content_marks::ContentMark;
use super::resource_entries::{EntryIndex, EntryValues, ResourceEntry};
use super::resources::{ResourceCatalogue, TenantZones};
use crate::event::{ContentSource, Sensitivity, Text, Verb};
use crate::scope::model::compiled::TypePattern;
use crate::scope::model::working_hours::time_zone;
use crate::text::normal::{DestinationPattern, PathPattern, fold_word};
use crate::text::{Diagnostic, GlobPattern, Problems, SourceFile, YamlNode, yaml};

/// Entries a file may have: an action may be compared with all of them.
pub const ENTRIES_MAX: usize = 1_000;

/// Patterns of shared credentials: a credential that looks shared is compared with all of them.
pub const SHARED_MAX: usize = 1_000;

const FILE_KEYS: &[&str] = &[
    "timezone",
    "internal-domains",
    "alias",
    "credentials",
    "content",
    "resources",
];
/// Entries of `content`: what was read may be compared with all of them.
pub const CONTENT_MARKS_MAX: usize = 100;

const MARK_KEYS: &[&str] = &["type", "host", "untrusted", "private"];
const MATCH_KEYS: &[&str] = &["tool", "server", "resource", "host"];
const ENTRY_KEYS: &[&str] = &[
    "tool",
    "server",
    "resource",
    "host",
    "type",
    "verb",
    "sensitivity",
    "owner",
    "external",
    "untrusted",
    "private",
];

impl ResourceCatalogue {
    /// Reads the file. Entries with an error are left out; the bundle should be refused if any of
    /// the diagnostics is an error.
    #[must_use]
    pub fn parse(file: &SourceFile) -> (ResourceCatalogue, Vec<Diagnostic>) {
        let mut resources = ResourceCatalogue::default();
        let documents = match yaml::parse(file) {
            Ok(documents) => documents,
            Err(diagnostic) => return (resources, vec![*diagnostic]),
        };
        let mut problems = Problems::new(file);
        let mut documents = documents.iter().filter(|document| !document.is_null());
        if let Some(node) = documents.next()
            && problems
                .read_mapping(node, "resources.yaml", FILE_KEYS)
                .is_some()
        {
            resources.zones = read_zones(&mut problems, node);
            resources.aliases = read_aliases(&mut problems, node);
            resources.internal_domains = read_domains(&mut problems, node);
            resources.shared_credentials = read_shared(&mut problems, node);
            resources.content = read_marks(&mut problems, node, &resources);
            let mut found = read_entries(&mut problems, node);
            for name in found
                .iter_mut()
                .filter_map(|e| e.values.resource_type.as_mut())
            {
                resources.rename_type(name);
            }
            resources.entries = EntryIndex::new(found);
        }
        if let Some(more) = documents.next() {
            problems.error(more.location, "resources.yaml holds one document");
        }
        (resources, problems.into_found())
    }
}

/// One zone for all tenants, or a mapping of tenant to zone.
fn read_zones(problems: &mut Problems<'_>, node: &YamlNode) -> TenantZones {
    let mut zones = TenantZones::default();
    let Some(value) = node.get("timezone") else {
        return zones;
    };
    let mut read = |name: &YamlNode| {
        let text = problems.read_text(name, "`timezone`")?;
        let found = time_zone(&text);
        if found.is_none() {
            let message = format!("unknown time zone `{text}`; expected an IANA name");
            problems.error(name.location, message);
        }
        found
    };
    match value.as_mapping() {
        None => zones.all = read(value),
        Some(pairs) => {
            for (tenant, name) in pairs {
                if let (Some(tenant), Some(zone)) = (tenant.as_str(), read(name)) {
                    zones.by_tenant.insert(tenant.into(), zone);
                }
            }
        }
    }
    zones
}

/// The operator's own domains and networks.
fn read_domains(problems: &mut Problems<'_>, node: &YamlNode) -> Vec<DestinationPattern> {
    let domains = patterns_of(read_destinations(problems, node, "internal-domains"));
    if let Some(value) = node.get("internal-domains")
        && !domains.iter().all(DestinationPattern::is_of_hosts)
    {
        let message = "`internal-domains` names hosts and networks; a mail address or account id \
                       can never match";
        problems.error(value.location, message);
    }
    domains
}

/// Patterns of destinations, with a warning of a path that is not compared.
pub(super) fn read_destinations(
    problems: &mut Problems<'_>,
    node: &YamlNode,
    key: &str,
) -> Vec<(Text, DestinationPattern)> {
    let read = problems.read_patterns(node, key, DestinationPattern::parse);
    let warnings = read
        .iter()
        .map(|(text, pattern)| pattern.path_warning(text));
    if let Some(value) = node.get(key) {
        for warning in warnings.flatten() {
            problems.warning(value.location, warning);
        }
    }
    read
}

fn patterns_of<P>(read: Vec<(Text, P)>) -> Vec<P> {
    read.into_iter().map(|(_, pattern)| pattern).collect()
}

fn read_aliases(problems: &mut Problems<'_>, node: &YamlNode) -> BTreeMap<Text, Text> {
    let mut aliases = BTreeMap::new();
    let Some(value) = node.get("alias") else {
        return aliases;
    };
    let pairs = problems.read_pairs(value, "`alias`").unwrap_or_default();
    for (old, new) in pairs {
        if let (Some(from), Some(to)) = (
            problems.read_text(old, "`alias`"),
            problems.read_text(new, "`alias`"),
        ) {
            aliases.insert((*fold_word(&from)).into(), (*fold_word(&to)).into());
        }
    }
    for (old, new) in pairs {
        if old.as_str().is_some_and(|old| old.contains(['*', '?'])) {
            problems.error(
                old.location,
                "`alias` compares whole names, so a name with a wildcard can never match",
            );
        }
        let known = |to: &str| aliases.contains_key(&*fold_word(to));
        let again = new.as_str().is_some_and(known);
        if again {
            problems.error(
                new.location,
                "this resource type is itself renamed; name the final type",
            );
        }
    }
    aliases
}

/// The globs of `credentials.shared`.
fn read_shared(problems: &mut Problems<'_>, node: &YamlNode) -> Vec<GlobPattern> {
    let Some(value) = node.get("credentials") else {
        return Vec::new();
    };
    if problems
        .read_mapping(value, "`credentials`", &["shared"])
        .is_none()
    {
        return Vec::new();
    }
    let shared = problems.read_texts(value, "shared");
    let all = shared.iter().find(|text| text.chars().all(|c| c == '*'));
    if let (Some(_), Some(node)) = (all, value.get("shared")) {
        problems.error(
            node.location,
            "a pattern for every credential would end the search for forwarded ones",
        );
    }
    if shared.len() > SHARED_MAX {
        let message = format!("`shared` has more than {SHARED_MAX} patterns");
        problems.error(value.location, message);
    }
    shared.iter().map(|text| GlobPattern::new(text)).collect()
}

/// What `content` says of resource types and hosts.
fn read_marks(
    problems: &mut Problems<'_>,
    node: &YamlNode,
    resources: &ResourceCatalogue,
) -> Vec<ContentMark> {
    let Some(value) = node.get("content") else {
        return Vec::new();
    };
    let items = problems.read_list(value, "`content`", CONTENT_MARKS_MAX);
    let mut marks = Vec::new();
    for item in items {
        let what = "an entry of `content`";
        if problems.read_mapping(item, what, MARK_KEYS).is_none() {
            continue;
        }
        let mut types = problems.read_texts(item, "type");
        for name in &mut types {
            *name = (*fold_word(name)).into();
            resources.rename_type(name);
        }
        let (untrusted, source) = read_untrusted(problems, item);
        let mark = ContentMark {
            types: types.iter().map(|text| TypePattern::new(text)).collect(),
            hosts: patterns_of(read_destinations(problems, item, "host")),
            untrusted,
            source,
            private: problems.read_flag(item, "private"),
        };
        if item.get("type").is_none() && item.get("host").is_none() {
            let message = format!("{what} needs `type` or `host`");
            problems.error(item.location, message);
        }
        if item.get("untrusted").is_none() && mark.private.is_none() {
            let message = format!("{what} needs `untrusted` or `private`");
            problems.error(item.location, message);
        }
        marks.push(mark);
    }
    marks
}

/// `untrusted`: true, false, or the kind of the content.
fn read_untrusted(
    problems: &mut Problems<'_>,
    node: &YamlNode,
) -> (Option<bool>, Option<ContentSource>) {
    let Some(value) = node.get("untrusted") else {
        return (None, None);
    };
    if let Some(flag) = value.as_bool() {
        return (Some(flag), None);
    }
    let words = ContentSource::WORDS;
    let source = problems.read_word(
        value,
        "kind of untrusted content",
        words,
        ContentSource::from_word,
    );
    (source.map(|_| true), source)
}

fn read_entries(problems: &mut Problems<'_>, node: &YamlNode) -> Vec<ResourceEntry> {
    let Some(value) = node.get("resources") else {
        return Vec::new();
    };
    let items = problems.read_list(value, "`resources`", ENTRIES_MAX);
    let mut entries: Vec<ResourceEntry> = Vec::new();
    let mut lines = Vec::new();
    for item in items {
        let Some(entry) = read_entry(problems, item) else {
            continue;
        };
        if let Some(at) = entries.iter().position(|one| one.covers_entry(&entry))
            && let Some(line) = lines.get(at)
        {
            let message = format!(
                "this entry never matches: the entry of line {line} matches all that it does"
            );
            problems.warning(item.location, message);
        }
        entries.push(entry);
        lines.push(item.location.line);
    }
    entries
}

fn read_entry(problems: &mut Problems<'_>, node: &YamlNode) -> Option<ResourceEntry> {
    problems.read_mapping(node, "a resource entry", ENTRY_KEYS)?;
    if !MATCH_KEYS.iter().any(|key| node.get(key).is_some()) {
        problems.error(
            node.location,
            "a resource entry needs one of `tool`, `server`, `resource`, `host`",
        );
    }
    let mut globs = |key| -> Vec<GlobPattern> {
        problems
            .read_texts(node, key)
            .iter()
            .map(|text| GlobPattern::new(text))
            .collect()
    };
    let (tool, server) = (globs("tool"), globs("server"));
    let resource = patterns_of(problems.read_patterns(node, "resource", PathPattern::parse));
    let host = patterns_of(read_destinations(problems, node, "host"));
    let verb = node
        .get("verb")
        .and_then(|n| problems.read_word(n, "verb", Verb::WORDS, Verb::from_word));
    let sensitivity = node.get("sensitivity").and_then(|n| {
        problems.read_word(n, "sensitivity", Sensitivity::WORDS, Sensitivity::from_word)
    });
    let resource_type = node
        .get("type")
        .and_then(|n| problems.read_text(n, "`type`"));
    let (untrusted, source) = read_untrusted(problems, node);
    let values = EntryValues {
        resource_type: resource_type.map(|text| (*fold_word(&text)).into()),
        verb,
        sensitivity,
        owner: node
            .get("owner")
            .and_then(|n| problems.read_text(n, "`owner`")),
        external: problems.read_flag(node, "external"),
        untrusted,
        source,
        private: problems.read_flag(node, "private"),
    };
    if values == EntryValues::default() {
        problems.warning(
            node.location,
            "this entry fills nothing, and no later one is tried after it",
        );
    }
    Some(ResourceEntry {
        tool,
        server,
        resource,
        host,
        values,
    })
}
