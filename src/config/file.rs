//! Reads the configuration file, TOML, and reports every problem of it in one run.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS, RAW_KEYS, RETIRED, SettingKey};
use super::secret::PropertyMap;
use super::suggest;
use super::value::{Setting, SettingOrigin, SettingValue, ValueKind};
use crate::text::{Diagnostic, Location, Problems, SourceFile, nearest, suggest_or_list};

/// Bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The start of a help text that names a known key.
const SUGGESTION: &str = "did you mean";

/// One `[[raw]]` entry as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawEntry {
    pub(super) settings: BTreeMap<&'static str, Setting>,
    pub(super) line: usize,
}

/// Reads the file at `path`.
pub(super) fn read_file(path: &Path) -> Result<SourceFile, Box<Diagnostic>> {
    let shown = path.display().to_string();
    let refuse = |message: String| Box::new(Diagnostic::of_source(&shown, message));
    let metadata = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(refuse(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    Ok(SourceFile { path: shown, text })
}

/// Applies the file's settings; adds its problems to `problems`, in file order.
pub(super) fn apply_file(
    file: &SourceFile,
    settings: &mut BTreeMap<&'static str, Setting>,
    raw: &mut Vec<RawEntry>,
    problems: &mut Vec<Diagnostic>,
) {
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    let mut reader = FileReader {
        file,
        settings,
        raw,
        problems: Problems::new(file),
        is_broken: !errors.is_empty(),
    };
    for error in errors {
        reader.add_syntax_error(&error);
    }
    // What follows a syntax error is read all the same, so that one run shows everything.
    reader.read_section("", table.get_ref());
    problems.append(&mut reader.problems.into_sorted());
}

struct FileReader<'a> {
    file: &'a SourceFile,
    settings: &'a mut BTreeMap<&'static str, Setting>,
    raw: &'a mut Vec<RawEntry>,
    problems: Problems<'a>,
    /// The file is not TOML everywhere.
    is_broken: bool,
}

impl FileReader<'_> {
    fn read_section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = match section {
                "" => name.get_ref().to_string(),
                _ => format!("{section}.{}", name.get_ref()),
            };
            let inner = format!("{path}.");
            if path == "raw" {
                self.read_raw_entries(value);
            } else if let Some(key) = keys::find_key(&path) {
                if let Some(value) = self.read_value(key, &path, value) {
                    let origin = self.origin_at(&name.span());
                    self.settings.insert(key.path, Setting { value, origin });
                }
            } else if KEYS.iter().any(|key| key.path.starts_with(&inner)) {
                match value.get_ref().as_table() {
                    Some(table) => self.read_section(&path, table),
                    None => self.add_wrong_entry(&path, &value.span(), "expected a section"),
                }
            } else if RETIRED.contains(&path.as_str()) {
                let at = Location::of_byte(&self.file.text, name.span().start);
                let message = format!("`{path}` has no effect any more; remove it");
                self.problems.warning(at, message);
            } else {
                self.add_unknown_key(&path, &name.span(), suggest::suggest_path(&path));
            }
        }
    }

    fn read_raw_entries(&mut self, value: &Spanned<DeValue<'_>>) {
        let Some(entries) = value.get_ref().as_array() else {
            return self.add_wrong_entry("raw", &value.span(), "expected `[[raw]]` entries");
        };
        for entry in entries {
            match entry.get_ref().as_table() {
                Some(table) => self.read_raw_entry(table, &entry.span()),
                None => self.add_wrong_entry("raw", &entry.span(), "expected a `[[raw]]` entry"),
            }
        }
    }

    fn read_raw_entry(&mut self, table: &DeTable<'_>, span: &Range<usize>) {
        let mut read = RawEntry {
            line: Location::of_byte(&self.file.text, span.start).line,
            ..RawEntry::default()
        };
        // Keys that the entry has, also with a wrong value or under a misspelt name.
        let mut meant: Vec<&str> = Vec::new();
        for (name, value) in table {
            let Some(key) = RAW_KEYS
                .iter()
                .find(|key| key.path == name.get_ref().as_ref())
            else {
                let names: Vec<&str> = RAW_KEYS.iter().map(|key| key.path).collect();
                let help = suggest_or_list(name.get_ref(), &names);
                self.add_unknown_key(&format!("raw.{}", name.get_ref()), &name.span(), help);
                meant.extend(nearest(name.get_ref(), names));
                continue;
            };
            meant.push(key.path);
            if let Some(value) = self.read_value(key, &format!("raw.{}", key.path), value) {
                let origin = self.origin_at(&name.span());
                read.settings.insert(key.path, Setting { value, origin });
            }
        }
        for key in RAW_KEYS.iter().filter(|key| key.default.is_empty()) {
            if !meant.contains(&key.path) {
                let message = format!("a `[[raw]]` entry needs `{}`", key.path);
                self.add_wrong_entry("raw", span, &message);
            }
        }
        self.raw.push(read);
    }

    fn read_value(
        &mut self,
        key: &SettingKey,
        path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<SettingValue> {
        let checked = match (key.kind, value.get_ref()) {
            (ValueKind::Map | ValueKind::IdMap, DeValue::Table(table)) => {
                return self.read_map(key, table);
            }
            (ValueKind::PathList, DeValue::Array(items)) => {
                let texts: Option<Vec<&str>> =
                    items.iter().map(|item| item.get_ref().as_str()).collect();
                match texts {
                    Some(texts) => key.kind.check_list(texts.into_iter()),
                    None => Err(format!("expected {}", key.kind)),
                }
            }
            (_, DeValue::String(text)) => key.kind.check_text(text),
            (_, DeValue::Integer(number)) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => key.kind.check_int(number),
                    Err(_) => Err(format!("expected {}", key.kind)),
                }
            }
            (kind, other) => Err(format!(
                "expected {kind}, not {}",
                with_article(other.type_str())
            )),
        };
        checked
            .map_err(|message| {
                let text = value.get_ref().as_str().unwrap_or_default();
                let explained = suggest::explain_refusal(key, text, message);
                self.add_wrong_value(key, path, &value.span(), explained);
            })
            .ok()
    }

    fn read_map(&mut self, key: &SettingKey, table: &DeTable<'_>) -> Option<SettingValue> {
        let mut properties = PropertyMap::default();
        let errors_before = self.problems.error_count();
        for (name, value) in table {
            // As with keys: see `add_unknown_key`.
            let path = match self.is_broken {
                true => key.path.to_owned(),
                false => format!("{}.{}", key.path, name.get_ref()),
            };
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                DeValue::Boolean(flag) => flag.to_string(),
                other => {
                    let message =
                        format!("expected a text, not {}", with_article(other.type_str()));
                    self.add_wrong_entry(&path, &value.span(), &message);
                    continue;
                }
            };
            match suggest::check_entry_name(key, name.get_ref()) {
                Ok(name) => properties.insert(name, text),
                Err(message) => self.add_wrong_entry(&path, &name.span(), &message),
            }
        }
        (self.problems.error_count() == errors_before).then_some(SettingValue::Map(properties))
    }

    fn origin_at(&self, span: &Range<usize>) -> SettingOrigin {
        SettingOrigin::File {
            path: self.file.path.clone(),
            line: Location::of_byte(&self.file.text, span.start).line,
        }
    }

    /// Adds an error of the syntax, without the line: in text that is not TOML nothing shows which
    /// part is a secret.
    fn add_syntax_error(&mut self, error: &toml::de::Error) {
        let span = error.span();
        let at = span.map_or(Location::WHOLE_FILE, |span| {
            Location::of_byte(&self.file.text, span.start)
        });
        let problem = Diagnostic::error(self.file, at, error.message());
        self.problems.report(Diagnostic {
            source_line: None,
            ..problem
        });
    }

    /// Adds an unknown key. Its value can be anything, even a secret.
    /// Where the syntax is broken, a part of a value can look like a key: then a key is named only
    /// if it is nearly a known one.
    fn add_unknown_key(&mut self, path: &str, span: &Range<usize>, help: Option<String>) {
        let is_near = help
            .as_ref()
            .is_some_and(|help| help.starts_with(SUGGESTION));
        if is_near || !self.is_broken {
            self.add_problem(format!("unknown key `{path}`"), span, span.end, help);
        } else {
            self.add_problem("unknown key".to_owned(), span, span.start, help);
        }
    }

    /// Adds a problem with an entry that is shown without its value.
    fn add_wrong_entry(&mut self, path: &str, span: &Range<usize>, message: &str) {
        self.add_problem(format!("`{path}`: {message}"), span, span.start, None);
    }

    /// Adds a value that does not fit its key.
    fn add_wrong_value(
        &mut self,
        key: &SettingKey,
        path: &str,
        span: &Range<usize>,
        (message, help): (String, Option<String>),
    ) {
        let is_shown = key.kind.is_shown_in_problems();
        let shown = if is_shown { span.end } else { span.start };
        self.add_problem(format!("`{path}`: {message}"), span, shown, help);
    }

    /// Adds a problem at `span` with its line up to the byte `shown`. The line is left out where
    /// it, or what precedes it, can be the value of another setting.
    fn add_problem(
        &mut self,
        message: String,
        span: &Range<usize>,
        shown: usize,
        help: Option<String>,
    ) {
        let text = &self.file.text;
        let problem = Diagnostic::error(self.file, Location::of_byte(text, span.start), message);
        let line_start = text.get(..span.start).unwrap_or_default().rfind('\n');
        let line_start = line_start.map_or(0, |newline| newline + 1);
        let before = text.get(line_start..span.start).unwrap_or_default();
        let line = text.get(line_start..shown).unwrap_or_default();
        let source_line = (names_only(before) && !line.contains('\n')).then(|| line.to_owned());
        self.problems.report(Diagnostic {
            source_line,
            help,
            ..problem
        });
    }
}

/// Whether a line begins with nothing but a section or one key and its `=`.
fn names_only(start: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || " \t._-[]".contains(c);
    let key = start.trim_end().strip_suffix('=').unwrap_or(start);
    key.chars().all(name)
}

/// "an integer", "a string".
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}
