//! A drafted template as YAML that a person can read and `Templates::parse` reads back.

use std::fmt::Write as _;

use super::general::{generalise, literal};
use super::{ClassKey, Draft, GrantSeen, Seen, TYPES_MAX};
use crate::event::limits::ID_BYTES_MAX;

/// The document of one class.
pub(super) fn document(draft: &Draft, class: &ClassKey, seen: &Seen) -> String {
    let mut out = String::new();
    let (actions, agents) = (seen.actions, seen.agents.len());
    line(
        &mut out,
        &format!("# Drafted from {actions} actions of {agents} agents. Review before use:"),
    );
    line(&mut out, "# it allows all that was seen, wanted or not.");
    line(
        &mut out,
        &format!("template: {}", quote(&name(draft, class))),
    );
    line(
        &mut out,
        &format!("tenant: {}", quote(&literal(&class.tenant))),
    );
    line(&mut out, "applies-to:");
    match &class.agent_type {
        Some(agent_type) => line(
            &mut out,
            &format!("  agent-type: {}", quote(&literal(agent_type))),
        ),
        None => list(&mut out, "  ", "agents", &generalise(&seen.agents)),
    }
    if let Some(task_class) = &class.task_class {
        line(
            &mut out,
            &format!("  task-class: {}", quote(&literal(task_class))),
        );
    }
    grants(&mut out, seen);
    optional_list(&mut out, "tools", seen.tools.is_empty(), || {
        seen.tools.patterns()
    });
    let destinations = &seen.destinations;
    optional_list(&mut out, "destinations", destinations.is_empty(), || {
        destinations.host_patterns()
    });
    if let Some(hours) = seen.hours.bounded() {
        let days = if hours.weekdays_only {
            "days: mon-fri, "
        } else {
            ""
        };
        let (from, to) = (hours.from_hour, hours.to_hour);
        line(&mut out, "# Hours are UTC: name the zone the work follows.");
        line(
            &mut out,
            &format!("hours: {{{days}from: '{from:02}:00', to: '{to:02}:00', zone: UTC}}"),
        );
    }
    out
}

fn grants(out: &mut String, seen: &Seen) {
    if seen.grants.is_empty() {
        line(out, "# No known resource type was seen.");
        line(out, "grants: []");
        return;
    }
    line(out, "grants:");
    let types: std::collections::BTreeSet<_> = seen.grants.keys().map(|(kind, _)| kind).collect();
    if types.len() > TYPES_MAX {
        let mut all = GrantSeen::default();
        seen.grants.values().for_each(|grant| all.absorb(grant));
        all.sensitivity_max = None;
        line(
            out,
            &format!(
                "  # {} resource types were seen; name those that are meant.",
                types.len()
            ),
        );
        grant(out, "*", &all, false);
        return;
    }
    for ((kind, _), seen) in &seen.grants {
        grant(out, kind, seen, true);
    }
}

fn grant(out: &mut String, kind: &str, seen: &GrantSeen, with_ids: bool) {
    let verbs: Vec<&str> = seen.verbs.iter().map(|verb| verb.as_str()).collect();
    line(out, &format!("  - resource-types: [{}]", quote(kind)));
    line(out, &format!("    verbs: [{}]", verbs.join(", ")));
    if with_ids && !seen.ids.is_empty() {
        list(out, "    ", "resource-ids", &seen.ids.patterns());
    }
    if let Some(max) = seen.sensitivity_max {
        line(out, &format!("    sensitivity-max: {max}"));
    }
}

fn optional_list(out: &mut String, key: &str, empty: bool, patterns: impl Fn() -> Vec<String>) {
    if empty {
        line(
            out,
            &format!("# No {key} were seen, so they stay unjudged."),
        );
    } else {
        list(out, "", key, &patterns());
    }
}

fn list(out: &mut String, indent: &str, key: &str, patterns: &[String]) {
    line(out, &format!("{indent}{key}:"));
    for pattern in patterns {
        line(out, &format!("{indent}  - {}", quote(pattern)));
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// `tenant/type/class`, `-` for what is absent; numbered where two classes would share a name.
fn name(draft: &Draft, class: &ClassKey) -> String {
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
fn quote(text: &str) -> String {
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
