//! SettingsByPath from environment variables and flags: one text per setting.

use std::collections::BTreeMap;

use super::keys::{self, SettingKey};
use super::secret::PropertyMap;
use super::suggest;
use super::value::{Setting, SettingOrigin, SettingValue, ValueKind};
use crate::text::{Diagnostic, ProblemSeverity, format_suggestion, nearest};

/// The prefix of the variables of this program.
pub(super) const PREFIX: &str = "SCOPEWATCH_";

/// The characters of the host name that fit into a transactional id; `scopewatch` without any.
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
/// A variable with `__` names a section, so it must be known. One without `__` can belong to
/// another program: it is a warning when it looks like a typing error, and is ignored otherwise.
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
        if path.contains('.') || keys::find_key(&path).is_some() {
            apply_text(
                &path,
                text,
                &source,
                SettingOrigin::Variable(name),
                settings,
                problems,
            );
        } else if let Some(near) = nearest(&path, top_level_paths()).filter(|near| *near != path) {
            problems.push(Diagnostic {
                severity: ProblemSeverity::Warning,
                help: Some(format_suggestion(&variable_of(near))),
                ..Diagnostic::of_source(&source, "no such setting")
            });
        }
    }
}

fn top_level_paths() -> impl Iterator<Item = &'static str> {
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
        apply_text(path, text, &source, SettingOrigin::Flag, settings, problems);
    }
}

fn apply_text(
    path: &str,
    text: &str,
    source: &str,
    origin: SettingOrigin,
    settings: &mut BTreeMap<&'static str, Setting>,
    problems: &mut Vec<Diagnostic>,
) {
    if let Some((key, name)) = map_entry(path) {
        match suggest::check_entry_name(key, name) {
            Ok(name) => {
                let value = SettingValue::Map(PropertyMap::default());
                let setting = settings.entry(key.path).or_insert_with(|| Setting {
                    value,
                    origin: SettingOrigin::Default,
                });
                setting.origin = origin;
                if let SettingValue::Map(properties) = &mut setting.value {
                    properties.insert(name, text);
                }
            }
            Err(message) => problems.push(Diagnostic::of_source(source, message)),
        }
        return;
    }
    let Some(key) = keys::find_key(path) else {
        problems.push(Diagnostic {
            help: suggest::suggest_path(path),
            ..Diagnostic::of_source(source, format!("unknown key `{path}`"))
        });
        return;
    };
    match key.kind.parse_text(text) {
        Ok(value) => {
            settings.insert(key.path, Setting { value, origin });
        }
        Err(message) => {
            let (message, help) = suggest::explain_refusal(key, text, message);
            problems.push(Diagnostic {
                help,
                ..Diagnostic::of_source(source, format!("`{path}`: {message}"))
            });
        }
    }
}

/// The map setting and the entry's name, where `path` is an entry of a map.
fn map_entry(path: &str) -> Option<(&'static SettingKey, &str)> {
    keys::KEYS
        .iter()
        .filter(|key| matches!(key.kind, ValueKind::Map | ValueKind::IdMap))
        .find_map(|key| {
            let name = path.strip_prefix(key.path)?.strip_prefix('.')?;
            Some((key, name))
        })
}
