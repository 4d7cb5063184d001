//! A drafted template as YAML that a person can read and `ScopeTemplates::parse` reads back.

use std::fmt::Write as _;

use super::observed::{ClassKey, ObservedClass, ObservedGrant, TYPES_MAX, TemplateDraft};
use super::patterns::{escape_star, generalise_prefixes};
use crate::event::limits::ID_BYTES_MAX;

impl TemplateDraft {
    /// One template, as a YAML document; empty for a class without actions.
    #[must_use]
    pub fn to_yaml(&self, class: &ClassKey) -> String {
        self.merge_overlapping(class)
            .map(|observed| write_document(self, class, &observed))
            .unwrap_or_default()
    }

    /// Every template, as the documents of one file.
    #[must_use]
    pub fn to_yaml_all(&self) -> String {
        let documents: Vec<String> = self.class_keys().map(|key| self.to_yaml(key)).collect();
        documents.join("---\n")
    }
}

/// The document of one class.
fn write_document(draft: &TemplateDraft, class: &ClassKey, observed: &ObservedClass) -> String {
    let mut out = String::new();
    let (actions, agents) = (observed.actions, observed.agents.len());
    write_line(
        &mut out,
        &format!("# Drafted from {actions} actions of {agents} agents. Review before use:"),
    );
    write_line(&mut out, "# it allows all that was seen, wanted or not.");
    write_line(
        &mut out,
        &format!("template: {}", quote_yaml(&template_name(draft, class))),
    );
    write_line(
        &mut out,
        &format!("tenant: {}", quote_yaml(&escape_star(&class.tenant))),
    );
    write_line(&mut out, "applies-to:");
    match &class.agent_type {
        Some(agent_type) => write_line(
            &mut out,
            &format!("  agent-type: {}", quote_yaml(&escape_star(agent_type))),
        ),
        None => write_list(
            &mut out,
            "  ",
            "agents",
            &generalise_prefixes(&observed.agents),
        ),
    }
    if let Some(task_class) = &class.task_class {
        write_line(
            &mut out,
            &format!("  task-class: {}", quote_yaml(&escape_star(task_class))),
        );
    }
    write_grants(&mut out, observed);
    write_optional_list(&mut out, "tools", observed.tools.is_empty(), || {
        observed.tools.prefix_patterns()
    });
    let destinations = &observed.destinations;
    write_optional_list(&mut out, "destinations", destinations.is_empty(), || {
        destinations.host_patterns()
    });
    if let Some(hours) = observed.hours.working_span() {
        let days = if hours.weekdays_only {
            "days: mon-fri, "
        } else {
            ""
        };
        let (from, to) = (hours.from_hour, hours.to_hour);
        write_line(&mut out, "# Hours are UTC: name the zone the work follows.");
        write_line(
            &mut out,
            &format!("hours: {{{days}from: '{from:02}:00', to: '{to:02}:00', zone: UTC}}"),
        );
    }
    out
}

fn write_grants(out: &mut String, observed: &ObservedClass) {
    if observed.grants.is_empty() {
        write_line(out, "# No known resource type was seen.");
        write_line(out, "grants: []");
        return;
    }
    write_line(out, "grants:");
    let types: std::collections::BTreeSet<_> =
        observed.grants.keys().map(|(kind, _)| kind).collect();
    if types.len() > TYPES_MAX {
        let mut all = ObservedGrant::default();
        observed
            .grants
            .values()
            .for_each(|grant| all.merge_from(grant));
        all.sensitivity_max = None;
        write_line(
            out,
            &format!(
                "  # {} resource types were seen; name those that are meant.",
                types.len()
            ),
        );
        write_grant(out, "*", &all, false);
        return;
    }
    for ((kind, _), observed) in &observed.grants {
        write_grant(out, kind, observed, true);
    }
}

fn write_grant(out: &mut String, kind: &str, observed: &ObservedGrant, with_ids: bool) {
    let verbs: Vec<&str> = observed.verbs.iter().map(|verb| verb.as_str()).collect();
    write_line(out, &format!("  - resource-types: [{}]", quote_yaml(kind)));
    write_line(out, &format!("    verbs: [{}]", verbs.join(", ")));
    if with_ids && !observed.ids.is_empty() {
        write_list(out, "    ", "resource-ids", &observed.ids.prefix_patterns());
    }
    if let Some(max) = observed.sensitivity_max {
        write_line(out, &format!("    sensitivity-max: {max}"));
    }
}

fn write_optional_list(
    out: &mut String,
    key: &str,
    empty: bool,
    patterns: impl Fn() -> Vec<String>,
) {
    if empty {
        write_line(
            out,
            &format!("# No {key} were seen, so they stay unjudged."),
        );
    } else {
        write_list(out, "", key, &patterns());
    }
}

fn write_list(out: &mut String, indent: &str, key: &str, patterns: &[String]) {
    write_line(out, &format!("{indent}{key}:"));
    for pattern in patterns {
        write_line(out, &format!("{indent}  - {}", quote_yaml(pattern)));
    }
}

fn write_line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// `tenant/type/class`, `-` for what is absent; numbered where two classes would share a name.
fn template_name(draft: &TemplateDraft, class: &ClassKey) -> String {
    let plain = plain_name(class);
    let same = draft.classes.keys().filter(|key| plain_name(key) == plain);
    match same.take_while(|key| *key != class).count() {
        0 => plain,
        earlier => format!("{plain}#{}", earlier + 1),
    }
}

/// Cut to leave room for a number within the bound of an id.
fn plain_name(class: &ClassKey) -> String {
    let part = |text: &Option<crate::event::Text>| text.as_deref().unwrap_or("-").to_owned();
    let name = format!(
        "{}/{}/{}",
        class.tenant,
        part(&class.agent_type),
        part(&class.task_class)
    );
    let fits = |end: &usize| name.is_char_boundary(*end);
    let end = (0..=name.len().min(ID_BYTES_MAX - 8))
        .rev()
        .find(fits)
        .unwrap_or(0);
    name.get(..end).unwrap_or_default().to_owned()
}

/// A YAML text: single quotes, or double quotes with escapes where something cannot be printed.
fn quote_yaml(text: &str) -> String {
    let printable = |c: char| {
        !c.is_control()
            && !matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
            )
    };
    if text.chars().all(printable) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if printable(c) => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}
