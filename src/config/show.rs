//! The configuration in force, as TOML with origins; and the table of settings for
//! `docs/configuration.md`.

use std::fmt::Write;

use super::env;
use super::keys::{KEYS, Key, RAW_KEYS};
use super::types::Config;
use super::value::{Kind, Setting, Value};

/// The configuration as TOML that reads back, each line with its origin; secrets hidden.
#[must_use]
pub fn show(config: &Config) -> String {
    let mut out = String::new();
    let mut section = "";
    for key in KEYS {
        let (in_section, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if in_section != section {
            section = in_section;
            line(&mut out, format_args!("\n[{section}]"));
        }
        if let Some(setting) = config.settings.get(key.path) {
            line(
                &mut out,
                format_args!("{name} = {}  # {}", toml_of(&setting.value), setting.origin),
            );
        }
    }
    for entry in &config.raw_entries {
        line(&mut out, format_args!("\n[[raw]]"));
        for key in RAW_KEYS {
            if let Some(Setting { value, origin }) = entry.settings.get(key.path) {
                line(
                    &mut out,
                    format_args!("{} = {}  # {origin}", key.path, toml_of(value)),
                );
            }
        }
    }
    out
}

/// Writing to a `String` does not fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}");
}

fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn toml_of(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Text(text) => quote(text),
        Value::Map(map) if map.is_empty() => "{}".to_owned(),
        Value::Map(map) => {
            let entries: Vec<String> = map
                .shown()
                .map(|(name, value)| format!("{} = {}", quote(name), quote(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// The table of settings of `docs/configuration.md`, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from("| setting | value | default | what it does |\n|---|---|---|---|\n");
    for key in KEYS {
        row(&mut out, key.path, key);
    }
    for key in RAW_KEYS {
        row(&mut out, &format!("[[raw]] {}", key.path), key);
    }
    line(
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

fn row(out: &mut String, path: &str, key: &Key) {
    let default = match key.default {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    line(
        out,
        format_args!(
            "| `{path}` | {} | {default} | {} |",
            kind_in_short(key.kind),
            key.doc
        ),
    );
}

fn kind_in_short(kind: Kind) -> String {
    match kind {
        Kind::Int { min, max } => format!("{min} to {max}"),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::Text => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Topic => "topic".to_owned(),
        Kind::Name => "name".to_owned(),
        Kind::Servers => "`host:port`, …".to_owned(),
        Kind::Address => "`address:port`".to_owned(),
        Kind::Map => "table".to_owned(),
        Kind::IdMap => "table, id = file".to_owned(),
    }
}
