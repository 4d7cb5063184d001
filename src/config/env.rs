//! Settings from environment variables and flags: one text per setting.

use std::collections::BTreeMap;

use super::keys::{self, Key};
use super::secret::Properties;
use super::suggest;
use super::value::{Kind, Origin, Setting, Value};
use crate::text::{Diagnostic, Severity, format_suggestion, nearest};

/// What the variables of this program start with.
pub(super) const PREFIX: &str = "SCOPEWATCH_";

/// Host name, as far as it fits into a transactional id; `scopewatch` when there is none.
pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .unwrap_or_default();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = name.trim().chars().filter(fits).collect();
    if name.is_empty() {
        "scopewatch".to_owned()
    } else {
        name
    }
}

/// The variable that sets `path`.
pub(super) fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

/// Applies `SCOPEWATCH_…` variables, in the order of their names.
///
/// One with a `__` names a section, so it is ours and must be known. One without may belong to
/// something around us; it is a warning when it looks like a typo, else it is passed over.
pub(super) fn apply_variables(
    variables: &[(String, String)],
    settings: &mut BTreeMap<&'static str, Setting>,
    problems: &mut Vec<Diagnostic>,
) {
    let variables: BTreeMap<&str, &str> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.as_str())))
        .collect();
    for (rest, text) in variables {
        let path = rest.to_lowercase().replace("__", ".");
        let path = match path.strip_prefix("kafka.properties.") {
            // Librdkafka's names have dots where a variable can only have underscores.
            Some(name) => format!("kafka.properties.{}", name.replace('_', ".")),
            None => path,
        };
        let name = format!("{PREFIX}{rest}");
        let source = format!("environment variable {name}");
        if path.contains('.') || keys::find(&path).is_some() {
            apply_text(
                &path,
                text,
                &source,
                Origin::Variable(name),
                settings,
                problems,
            );
        } else if let Some(near) = nearest(&path, top_level()).filter(|near| *near != path) {
            problems.push(Diagnostic {
                severity: Severity::Warning,
                help: Some(format_suggestion(&variable_of(near))),
                ..Diagnostic::of_source(&source, "no such setting")
            });
        }
    }
}

fn top_level() -> impl Iterator<Item = &'static str> {
    keys::KEYS
        .iter()
        .map(|key| key.path)
        .filter(|path| !path.contains('.'))
}

/// Applies flags, in the order given.
pub(super) fn apply_flags(
    flags: &[(String, String)],
    settings: &mut BTreeMap<&'static str, Setting>,
    problems: &mut Vec<Diagnostic>,
) {
    for (path, text) in flags {
        let source = format!("flag for {path}");
        apply_text(path, text, &source, Origin::Flag, settings, problems);
    }
}

fn apply_text(
    path: &str,
    text: &str,
    source: &str,
    origin: Origin,
    settings: &mut BTreeMap<&'static str, Setting>,
    problems: &mut Vec<Diagnostic>,
) {
    if let Some((key, name)) = map_entry(path) {
        match suggest::check_entry(key, name) {
            Ok(name) => {
                let value = Value::Map(Properties::default());
                let setting = settings.entry(key.path).or_insert_with(|| Setting {
                    value,
                    origin: Origin::Default,
                });
                setting.origin = origin;
                if let Value::Map(properties) = &mut setting.value {
                    properties.set(name, text);
                }
            }
            Err(message) => problems.push(Diagnostic::of_source(source, message)),
        }
        return;
    }
    let Some(key) = keys::find(path) else {
        problems.push(Diagnostic {
            help: suggest::instead_of(path),
            ..Diagnostic::of_source(source, format!("unknown key `{path}`"))
        });
        return;
    };
    match key.kind.read(text) {
        Ok(value) => {
            settings.insert(key.path, Setting { value, origin });
        }
        Err(message) => {
            let (message, help) = suggest::explain(key, text, message);
            problems.push(Diagnostic {
                help,
                ..Diagnostic::of_source(source, format!("`{path}`: {message}"))
            });
        }
    }
}

/// The map setting that `path` names an entry of, with the entry's name.
fn map_entry(path: &str) -> Option<(&'static Key, &str)> {
    keys::KEYS
        .iter()
        .filter(|key| matches!(key.kind, Kind::Map | Kind::IdMap))
        .find_map(|key| {
            let name = path.strip_prefix(key.path)?.strip_prefix('.')?;
            Some((key, name))
        })
}
