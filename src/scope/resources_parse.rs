//! Reads `rules/resources.yaml`, every problem with its place.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::entries::{Entries, Entry, Fill};
use super::glob::Glob;
use super::host;
use super::hours::zone;
use super::reader::Reader;
use super::resources::{Resources, Zones};
use crate::event::diagnostic::{Diagnostic, SourceFile};
use crate::event::yaml::{self, Node};
use crate::event::{Sensitivity, Text, Verb};

/// Entries a file may have: an action may be compared with all of them.
pub const ENTRIES_MAX: usize = 1_000;

const FILE_KEYS: &[&str] = &["timezone", "internal-domains", "alias", "resources"];
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

impl Resources {
    /// Reads the file. Entries with an error are left out; any error among the diagnostics should
    /// stop the bundle.
    #[must_use]
    pub fn parse(file: &SourceFile) -> (Resources, Vec<Diagnostic>) {
        let mut resources = Resources::default();
        let documents = match yaml::parse(file) {
            Ok(documents) => documents,
            Err(diagnostic) => return (resources, vec![*diagnostic]),
        };
        let mut reader = Reader::new(file);
        let mut documents = documents.iter().filter(|document| !document.is_null());
        if let Some(node) = documents.next()
            && reader.mapping(node, "resources.yaml", FILE_KEYS)
        {
            resources.zones = zones(&mut reader, node);
            resources.aliases = aliases(&mut reader, node);
            let domains = reader.texts(node, "internal-domains");
            resources.internal_domains =
                domains.iter().map(|domain| host::pattern(domain)).collect();
            let mut found = entries(&mut reader, node);
            for name in found
                .iter_mut()
                .filter_map(|e| e.fill.resource_type.as_mut())
            {
                resources.rename(name);
            }
            resources.entries = Entries::new(found);
        }
        if let Some(more) = documents.next() {
            reader.error(more, "resources.yaml holds one document");
        }
        (resources, reader.found)
    }
}

/// One zone for all tenants, or a mapping of tenant to zone.
fn zones(reader: &mut Reader<'_>, node: &Node) -> Zones {
    let mut zones = Zones::default();
    let Some(value) = node.get("timezone") else {
        return zones;
    };
    let mut read = |name: &Node| {
        let text = reader.text(name, "`timezone`")?;
        let found = zone(&text);
        if found.is_none() {
            reader.error(
                name,
                format!("unknown time zone `{text}`; expected an IANA name"),
            );
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

fn aliases(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<Text, Text> {
    let mut aliases = BTreeMap::new();
    let Some(value) = node.get("alias") else {
        return aliases;
    };
    let Some(pairs) = value.as_mapping() else {
        reader.error(value, "`alias` must map old resource types to new ones");
        return aliases;
    };
    for (old, new) in pairs {
        if let (Some(from), Some(to)) = (reader.text(old, "`alias`"), reader.text(new, "`alias`")) {
            aliases.insert(from.to_ascii_lowercase(), to.to_ascii_lowercase());
        }
    }
    for (_, new) in pairs {
        let known = |to: &str| aliases.contains_key(&to.to_ascii_lowercase()[..]);
        let again = new.as_str().is_some_and(known);
        if again {
            reader.error(
                new,
                "this resource type is itself renamed; name the final type",
            );
        }
    }
    aliases
}

fn entries(reader: &mut Reader<'_>, node: &Node) -> Vec<Entry> {
    let Some(value) = node.get("resources") else {
        return Vec::new();
    };
    let Some(items) = value.as_sequence() else {
        reader.error(
            value,
            format!("`resources` must be a list, not {}", value.kind()),
        );
        return Vec::new();
    };
    if items.len() > ENTRIES_MAX {
        reader.error(
            value,
            format!("`resources` has more than {ENTRIES_MAX} entries"),
        );
        return Vec::new();
    }
    items
        .iter()
        .filter_map(|item| entry(reader, item))
        .collect()
}

fn entry(reader: &mut Reader<'_>, node: &Node) -> Option<Entry> {
    if !reader.mapping(node, "a resource entry", ENTRY_KEYS) {
        return None;
    }
    if !MATCH_KEYS.iter().any(|key| node.get(key).is_some()) {
        reader.error(
            node,
            "a resource entry needs one of `tool`, `server`, `resource`, `host`",
        );
    }
    let mut globs = |key| -> Vec<Glob> {
        reader
            .texts(node, key)
            .iter()
            .map(|text| Glob::new(text))
            .collect()
    };
    let (tool, server, resource, host) = (
        globs("tool"),
        globs("server"),
        globs("resource"),
        globs("host"),
    );
    let verb = node
        .get("verb")
        .and_then(|n| reader.word(n, "verb", Verb::ALL, Verb::as_str));
    let sensitivity = node
        .get("sensitivity")
        .and_then(|n| reader.word(n, "sensitivity", Sensitivity::ALL, Sensitivity::as_str));
    let resource_type = node.get("type").and_then(|n| reader.text(n, "`type`"));
    let fill = Fill {
        resource_type: resource_type.map(|text| text.to_ascii_lowercase()),
        verb,
        sensitivity,
        owner: node.get("owner").and_then(|n| reader.text(n, "`owner`")),
        external: reader.flag(node, "external"),
        untrusted: reader.flag(node, "untrusted"),
        private: reader.flag(node, "private"),
    };
    if fill == Fill::default() {
        reader.warning(
            node,
            "this entry fills nothing, and no later one is tried after it",
        );
    }
    Some(Entry {
        tool,
        server,
        resource,
        host,
        fill,
    })
}
