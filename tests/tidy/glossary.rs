//! One word, one meaning: the glossary of `src/lib.rs` names the words, and the words that names in
//! the code do not use instead of them. Also: how many names consist of one word.

use std::collections::BTreeMap;

use crate::source::Source;

/// At most this share of the type names is one word, in per cent.
pub const ONE_WORD_TYPES_MAX: usize = 35;
/// The same for the names of functions.
pub const ONE_WORD_FUNCTIONS_MAX: usize = 45;

/// What a line declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Type,
    Function,
    Other,
}

/// One row of the glossary.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub term: String,
    /// Words that no name contains, because the term says the same.
    pub instead_of: Vec<String>,
}

/// The rows below the heading `# Glossary` of a file's header: `| term | meaning | instead of |`.
pub fn entries(source: &Source) -> Vec<Entry> {
    let header = source.header();
    let Some((_, glossary)) = header.split_once(" # Glossary") else {
        return Vec::new();
    };
    let rows = glossary
        .lines()
        .take_while(|line| !line.trim_start().starts_with("# "))
        .filter_map(|line| line.trim().strip_prefix('|'))
        .skip(2);
    let entry = |row: &str| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let words = cells.get(2).copied().unwrap_or_default().split(',');
        Entry {
            term: cells[0].replace('*', ""),
            instead_of: words
                .map(|word| word.trim().to_lowercase())
                .filter(|word| !word.is_empty())
                .collect(),
        }
    };
    rows.map(entry).collect()
}

/// Complaints about names that contain a word the glossary replaces.
pub fn collisions(source: &Source, entries: &[Entry]) -> Vec<String> {
    let term_of: BTreeMap<&str, &str> = entries
        .iter()
        .flat_map(|entry| {
            let words = entry.instead_of.iter();
            words.map(|word| (word.as_str(), entry.term.as_str()))
        })
        .collect();
    let mut complaints = Vec::new();
    let mut complain = |line: usize, name: &str| {
        for word in words(name) {
            if let Some(term) = term_of.get(word.as_str()) {
                let what = format!("`{name}`: the glossary of lib.rs says `{term}`, not `{word}`");
                complaints.push(source.complain(line, &what));
            }
        }
    };
    let stem = source.path.rsplit('/').next().unwrap_or_default();
    complain(1, stem.trim_end_matches(".rs"));
    for (number, line) in source.numbered().filter(|(_, line)| !line.test) {
        for (_, name) in declared(&line.code) {
            complain(number, &name);
        }
    }
    complaints
}

/// Complaints when too many names of types or functions are one word.
pub fn one_word_names(sources: &[Source]) -> Vec<String> {
    let shipped = sources.iter().filter(|source| source.room().is_some());
    let names: Vec<(Kind, String)> = shipped
        .flat_map(|source| source.lines.iter().filter(|line| !line.test))
        .flat_map(|line| declared(&line.code))
        .collect();
    let limits = [
        (Kind::Type, "types", ONE_WORD_TYPES_MAX),
        (Kind::Function, "functions", ONE_WORD_FUNCTIONS_MAX),
    ];
    let complain = |(kind, what, max): (Kind, &str, usize)| {
        let all = names.iter().filter(|(other, _)| *other == kind);
        let (one, total) = all.fold((0, 0), |(one, total), (_, name)| {
            (one + usize::from(words(name).len() == 1), total + 1)
        });
        let share = one * 100 / total.max(1);
        (share >= max).then(|| {
            format!(
                "src: {share} % of {total} {what} have a name of one word; below {max} % is right"
            )
        })
    };
    limits.into_iter().filter_map(complain).collect()
}

/// The names that a line of code declares: types, functions, constants, fields.
fn declared(code: &str) -> Vec<(Kind, String)> {
    let mut code = code.trim_start();
    if let Some(rest) = code.strip_prefix("pub") {
        code = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((_, rest)) => rest.trim_start(),
            None => rest.trim_start(),
        };
    }
    let starts = [
        ("struct ", Kind::Type),
        ("enum ", Kind::Type),
        ("trait ", Kind::Type),
        ("const fn ", Kind::Function),
        ("async fn ", Kind::Function),
        ("fn ", Kind::Function),
        ("const ", Kind::Other),
        ("static ", Kind::Other),
        ("mod ", Kind::Other),
    ];
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let found = starts
        .iter()
        .find_map(|(start, kind)| Some((*kind, word(code.strip_prefix(start)?))));
    let name = found.or_else(|| {
        let name = word(code);
        code[name.len()..]
            .starts_with(": ")
            .then_some((Kind::Other, name))
    });
    name.into_iter()
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

/// The words of a name, in lower case: `HELD_BYTES_MAX`, `held_bytes` and `HeldBytes` hold `held`.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if c != '_' {
            let last = words.len() - 1;
            words[last].extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}
