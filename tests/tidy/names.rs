//! Names that may not stand in the code, where, and what to use instead.

use crate::rooms::is_pure;
use crate::source::{Line, Source};

/// Where a name is banned.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    /// In `src`, outside tests.
    Shipped,
    /// The same, but `cli` and `main.rs` talk to a person.
    ShippedButCli,
    /// The same, but `telemetry` writes the log.
    ShippedButTelemetry,
    /// In the pure rooms, outside tests.
    Pure,
}

/// Name, where, and the remedy. A name matches where no letter or digit stands around it.
const BANNED: &[(&str, Where, &str)] = &[
    (
        ".unwrap()",
        Where::Shipped,
        "return an error, or use unwrap_or and say why it cannot fail",
    ),
    (".expect(", Where::Shipped, "return an error"),
    ("panic!", Where::Shipped, "return an error"),
    ("todo!", Where::Shipped, "finish it"),
    ("unimplemented!", Where::Shipped, "finish it"),
    (
        "unreachable!",
        Where::Shipped,
        "make the state impossible, or return an error",
    ),
    ("dbg!", Where::Shipped, "emit a signal"),
    ("unsafe", Where::Shipped, "take a safe wrapper"),
    (
        "println!",
        Where::ShippedButCli,
        "emit a signal, or return the text to `cli`",
    ),
    ("eprintln!", Where::ShippedButCli, "emit a signal"),
    ("print!", Where::ShippedButCli, "return the text to `cli`"),
    ("eprint!", Where::ShippedButCli, "emit a signal"),
    ("SystemTime", Where::Pure, "take the time from the record"),
    ("Instant", Where::Pure, "take the time from the record"),
    (
        "Timestamp::now",
        Where::Pure,
        "take the time from the record",
    ),
    ("Zoned::now", Where::Pure, "take the time from the record"),
    ("std::fs", Where::Pure, "take the bytes as an argument"),
    ("std::env", Where::Pure, "take the setting as an argument"),
    ("TcpStream", Where::Pure, "return what is to be sent"),
    ("TcpListener", Where::Pure, "return what is to be sent"),
    ("UdpSocket", Where::Pure, "return what is to be sent"),
    ("ToSocketAddrs", Where::Pure, "names are resolved outside"),
    ("std::process", Where::Pure, "return an error"),
    ("std::thread", Where::Pure, "run on the caller's thread"),
    ("tokio", Where::Pure, "run on the caller's thread"),
    ("rdkafka", Where::Pure, "use `event::Record`"),
    ("rocksdb", Where::Pure, "return the dirty state"),
    (
        "tracing",
        Where::ShippedButTelemetry,
        "declare a signal in `telemetry` and emit it; a pure room returns what happened",
    ),
    ("getrandom", Where::Pure, "derive it from the record"),
    ("rand_core", Where::Pure, "derive it from the record"),
    ("rand_pcg", Where::Pure, "derive it from the record"),
    ("rand_distr", Where::Pure, "derive it from the record"),
    (
        "RandomState",
        Where::Pure,
        "use rustc_hash with a fixed seed, never iterated",
    ),
];

/// Maps whose order is chance.
const UNORDERED: [&str; 6] = [
    "HashMap",
    "HashSet",
    "FxHashMap",
    "FxHashSet",
    "IndexMap",
    "DashMap",
];
/// What a comment near an unordered map must say.
const NOT_ITERATED: [&str; 3] = ["never iterated", "not iterated", "only looked up"];
/// How far above a line its comment may stand.
const COMMENT_LINES_MAX: usize = 4;

/// Complaints about banned names, unordered maps in pure rooms, and paths out of the repository.
pub fn banned(source: &Source) -> Vec<String> {
    let mut complaints = foreign_paths(source);
    let cli = source.room() == Some("cli") || source.path == "src/main.rs";
    let pure = source.room().is_some_and(is_pure);
    for (number, line) in source.numbered().filter(|(_, line)| !line.test) {
        for (name, place, remedy) in BANNED {
            let here = match place {
                Where::Shipped => true,
                Where::ShippedButCli => !cli,
                Where::ShippedButTelemetry => source.room() != Some("telemetry"),
                Where::Pure => pure,
            };
            if here && has_word(&line.code, name) && !excused(source, number, name) {
                complaints.push(source.complain(number, &format!("`{name}`; {remedy}")));
            }
        }
        if pure {
            complaints.extend(unordered(source, number, line));
        }
    }
    complaints
}

fn unordered(source: &Source, number: usize, line: &Line) -> Option<String> {
    let name = UNORDERED
        .into_iter()
        .find(|name| has_word(&line.code, name))?;
    let above = number.saturating_sub(1 + COMMENT_LINES_MAX);
    let near = source.lines[above..number]
        .iter()
        .map(|line| line.comment.to_lowercase());
    let said = near
        .chain([source.header().to_lowercase()])
        .any(|comment| NOT_ITERATED.iter().any(|words| comment.contains(words)));
    let import = line.code.trim_start().starts_with("use ");
    (!said && !import && !excused(source, number, name)).then(|| {
        let what = format!(
            "`{name}` in a pure room; use BTreeMap, BTreeSet or a sorted Vec, or say in a comment \
             that it is never iterated"
        );
        source.complain(number, &what)
    })
}

/// A clone elsewhere does not have what stands beside this checkout.
fn foreign_paths(source: &Source) -> Vec<String> {
    let foreign = [concat!("..", "/shared"), concat!("/work", "/")];
    let hits = source.numbered().flat_map(|(number, line)| {
        foreign
            .into_iter()
            .filter(|path| line.raw.contains(path))
            .map(move |path| (number, path))
    });
    hits.map(|(number, path)| {
        source.complain(
            number,
            &format!("`{path}` is not in a clone; copy what is needed"),
        )
    })
    .collect()
}

/// Complaints about names that put units first, or collide with the words of the design.
pub fn words(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let streaming = matches!(
        source.room(),
        Some("kafka" | "worker" | "engine" | "replay" | "run" | "demo")
    );
    for (number, line) in source.numbered().filter(|(_, line)| !line.test) {
        let mut complain = |name: &str, what: &str| {
            if !excused(source, number, name) {
                complaints.push(source.complain(number, &format!("`{name}`: {what}")));
            }
        };
        for name in declared(&line.code) {
            let lower = name.to_lowercase();
            if lower.starts_with("max_") {
                complain(
                    &name,
                    "the bound comes last: `batch_bytes_max`, not `max_batch_bytes`",
                );
            }
            if ["_millis", "_seconds", "_secs", "_msec", "_micros"]
                .iter()
                .any(|unit| lower.ends_with(unit))
            {
                complain(&name, "units are `_ms`, `_s`, `_us`, `_bytes`");
            }
            if streaming && lower == "offset" && line.code.trim_start().starts_with("let ") {
                complain(
                    &name,
                    "say which: `offset_next`, `offset_last`, `offset_first`",
                );
            }
            if source.room() == Some("kafka") && lower.contains("revok") {
                complain(
                    &name,
                    "Kafka's partitions are released; only credentials are revoked",
                );
            }
        }
    }
    complaints
}

/// Names that a line declares: bindings, constants, fields and functions.
fn declared(code: &str) -> Vec<String> {
    let code = code.trim_start();
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let bare = ["pub ", "pub(crate) ", "pub(super) "]
        .iter()
        .find_map(|prefix| code.strip_prefix(prefix))
        .unwrap_or(code);
    let bound = ["let mut ", "let ", "const fn ", "const ", "static ", "fn "]
        .iter()
        .find_map(|prefix| bare.strip_prefix(prefix));
    let name = match bound {
        Some(rest) => word(rest),
        // A field: a name, then a single colon.
        None => {
            let name = word(bare);
            let rest = &bare[name.len()..];
            if rest.starts_with(": ") {
                name
            } else {
                String::new()
            }
        }
    };
    Some(name)
        .filter(|name| !name.is_empty())
        .into_iter()
        .collect()
}

/// Whether the line, or the comment above it, says `tidy: <name>: <reason>`.
fn excused(source: &Source, number: usize, name: &str) -> bool {
    let bare = name.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let wanted = format!("tidy: {bare}: ");
    let says = |line: &Line| {
        line.comment
            .split_once(&wanted)
            .is_some_and(|(_, reason)| reason.trim().len() >= 10)
    };
    let above = number
        .checked_sub(2)
        .and_then(|index| source.lines.get(index));
    says(&source.lines[number - 1]) || above.is_some_and(says)
}

/// Whether `name` stands in `code` with nothing of a word around it.
pub fn has_word(code: &str, name: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(name).any(|(at, _)| {
        let starts = part(name.chars().next()) && part(code[..at].chars().next_back());
        let ends = part(name.chars().next_back()) && part(code[at + name.len()..].chars().next());
        !starts && !ends
    })
}
