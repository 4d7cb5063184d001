//! The message for a key or value that does not fit, and what to write instead.

use super::keys::{KEYS, NOT_YET, OWN_PROPERTIES, RENAMED, SettingKey};
use super::value::ValueKind;
use crate::kafka::REFUSED_PROPERTIES;
use crate::text::{format_suggestion, nearest, suggest_near, suggest_or_list};

/// Checks the name of an entry of a map setting, and returns it in its stored form.
pub(super) fn check_entry_name(key: &SettingKey, name: &str) -> Result<String, String> {
    match key.path {
        "kafka.properties" => {
            let mut refused = REFUSED_PROPERTIES.iter().chain(OWN_PROPERTIES);
            match refused.find(|(refused, _)| *refused == name) {
                Some((_, reason)) => Err(format!("`{name}` is not yours to set: {reason}")),
                None => Ok(name.to_owned()),
            }
        }
        "schema.ids" => match name.parse::<u32>() {
            Ok(id) if id > 0 => Ok(id.to_string()),
            Ok(_) | Err(_) => Err("expected a schema id: a whole number from 1".to_owned()),
        },
        _ if name.is_empty() => Err("expected a name".to_owned()),
        _ => Ok(name.to_owned()),
    }
}

/// The message and the suggestion for a value that does not fit.
pub(super) fn explain_refusal(
    key: &SettingKey,
    text: &str,
    message: String,
) -> (String, Option<String>) {
    if NOT_YET.contains(&(key.path, text)) {
        return (format!("`{text}` is not in this version: {message}"), None);
    }
    let help = match key.kind {
        ValueKind::Choice(words) => suggest_near(text, words.iter().copied()),
        _ => None,
    };
    (message, help)
}

/// A suggestion for the unknown `path`.
pub(super) fn suggest_path(path: &str) -> Option<String> {
    if let Some((_, new)) = RENAMED.iter().find(|(old, _)| *old == path) {
        return Some(format!("its name is `{new}` now"));
    }
    let (section, leaf) = path.rsplit_once('.').unwrap_or(("", path));
    let split = |key: &SettingKey| key.path.rsplit_once('.').unwrap_or(("", key.path));
    // The most frequent mistake is the right name in the wrong section.
    if let Some(key) = KEYS.iter().find(|key| split(key).1 == leaf) {
        return Some(format_suggestion(key.path));
    }
    let siblings: Vec<&str> = KEYS
        .iter()
        .filter(|key| split(key).0 == section)
        .map(|key| split(key).1)
        .collect();
    if section.is_empty() {
        let mut names = siblings;
        for key in KEYS {
            let name = key.path.split('.').next().unwrap_or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.push("raw");
        return suggest_or_list(leaf, &names);
    }
    if siblings.is_empty() {
        let paths = KEYS.iter().map(|key| key.path);
        return suggest_near(path, paths).or_else(|| suggest_path(section));
    }
    match nearest(leaf, siblings.iter().copied()) {
        Some(name) => Some(format_suggestion(&format!("{section}.{name}"))),
        None => suggest_or_list(leaf, &siblings),
    }
}
