//! The configuration in force, as TOML with origins; and the table of settings for
//! `docs/configuration.md`.

use std::fmt::Write;

use super::env;
use super::keys::{KEYS, RAW_KEYS, SettingKey};
use super::types::Config;
use super::value::{Setting, SettingValue, ValueKind};

/// The configuration as TOML that reads back, each line with its origin; secrets hidden.
#[must_use]
pub fn show_settings(config: &Config) -> String {
    let mut out = String::new();
    let mut section = "";
    for key in KEYS {
        let (in_section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if in_section != section {
            section = in_section;
            write_line(&mut out, format_args!("\n[{section}]"));
        }
        if let Some(setting) = config.settings.get(key.path) {
            write_line(
                &mut out,
                format_args!(
                    "{name} = {}  # {}",
                    toml_of(key, &setting.value),
                    setting.origin
                ),
            );
        }
    }
    for entry in &config.raw_entries {
        write_line(&mut out, format_args!("\n[[raw]]"));
        for key in RAW_KEYS {
            if let Some(Setting { value, origin }) = entry.settings.get(key.path) {
                write_line(
                    &mut out,
                    format_args!("{} = {}  # {origin}", key.path, toml_of(key, value)),
                );
            }
        }
    }
    out
}

/// Writing to a `String` does not fail.
fn write_line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}");
}

fn quote_toml(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn toml_of(key: &SettingKey, value: &SettingValue) -> String {
    match value {
        SettingValue::Int(number) => number.to_string(),
        SettingValue::Text(text) => quote_toml(text),
        SettingValue::List(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| quote_toml(text)).collect();
            format!("[{}]", texts.join(", "))
        }
        SettingValue::Map(map) if map.is_empty() => "{}".to_owned(),
        SettingValue::Map(map) => {
            let entry = |(name, value)| format!("{} = {}", quote_toml(name), quote_toml(value));
            // The other tables hold audiences and files.
            let entries: Vec<String> = if key.path == "kafka.properties" {
                map.iter_printable().map(entry).collect()
            } else {
                map.iter().map(entry).collect()
            };
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// The table of settings of `docs/configuration.md`, in Markdown.
#[must_use]
pub fn settings_reference() -> String {
    let mut out = String::from("| setting | value | default | what it does |\n|---|---|---|---|\n");
    for key in KEYS {
        write_row(&mut out, key.path, key);
    }
    for key in RAW_KEYS {
        write_row(&mut out, &format!("[[raw]] {}", key.path), key);
    }
    write_line(
        &mut out,
        format_args!(
            "\nAn environment variable overrides the file: `{}` sets `kafka.bootstrap_servers`, \
             `{}` the property `sasl.password`. Relative paths start at the working directory.",
            env::variable_of("kafka.bootstrap_servers"),
            env::variable_of("kafka.properties.sasl_password"),
        ),
    );
    out
}

fn write_row(out: &mut String, path: &str, key: &SettingKey) {
    let default = match key.default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    write_line(
        out,
        format_args!(
            "| `{path}` | {} | {default} | {} |",
            kind_in_short(key.kind),
            key.doc
        ),
    );
}

fn kind_in_short(kind: ValueKind) -> String {
    match kind {
        ValueKind::Int { min, max } => format!("{min} to {max}"),
        ValueKind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        ValueKind::Text => "text".to_owned(),
        ValueKind::Path => "path".to_owned(),
        ValueKind::PathList => "list of paths".to_owned(),
        ValueKind::Topic => "topic".to_owned(),
        ValueKind::Name => "name".to_owned(),
        ValueKind::Servers => "`host:port`, …".to_owned(),
        ValueKind::Address => "`address:port`".to_owned(),
        ValueKind::Map => "table".to_owned(),
        ValueKind::IdMap => "table, id = file".to_owned(),
    }
}
