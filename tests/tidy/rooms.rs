//! Which room may import which, and what a room says of itself.

use crate::source::Source;

const PURE: [&str; 11] = [
    "text",
    "event",
    "scope",
    "baseline",
    "behaviour",
    "rule",
    "response",
    "detector",
    "codec",
    "engine",
    "simulator",
];

/// Room, and the rooms it may import, from the bottom of the house to the top. A new room is a new
/// row here, and a decision.
const TABLE: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("event", &["text"]),
    ("scope", &["text", "event"]),
    ("baseline", &[]),
    ("behaviour", &["text", "event"]),
    ("rule", &["text", "event", "scope", "behaviour"]),
    ("response", &["text", "event", "rule"]),
    (
        "detector",
        &[
            "text",
            "event",
            "scope",
            "baseline",
            "behaviour",
            "rule",
            "response",
        ],
    ),
    ("codec", &["text", "event", "response"]),
    ("store", &[]),
    ("kafka", &[]),
    ("config", &["text", "event", "codec", "kafka"]),
    ("telemetry", &[]),
    ("console", &[]),
    (
        "engine",
        &[
            "text", "event", "scope", "rule", "response", "detector", "codec", "store",
        ],
    ),
    ("simulator", &["text", "event", "scope"]),
    (
        "replay",
        &[
            "text", "event", "scope", "response", "detector", "codec", "store", "engine",
        ],
    ),
    (
        "worker",
        &["event", "store", "kafka", "telemetry", "engine"],
    ),
    (
        "run",
        &[
            "text",
            "event",
            "detector",
            "codec",
            "store",
            "kafka",
            "config",
            "telemetry",
            "console",
            "engine",
            "worker",
        ],
    ),
    (
        "demo",
        &[
            "text",
            "event",
            "response",
            "detector",
            "codec",
            "store",
            "config",
            "telemetry",
            "engine",
            "simulator",
            "worker",
            "run",
        ],
    ),
    (
        "cli",
        &[
            "text",
            "event",
            "scope",
            "rule",
            "detector",
            "codec",
            "kafka",
            "config",
            "telemetry",
            "engine",
            "simulator",
            "replay",
            "worker",
            "run",
            "demo",
        ],
    ),
];

/// Rooms that a row of the documentation names; a longer row names those that are left out.
const NAMED_MAX: usize = 9;

/// What a room's header must tell: a name for it, and the words of which one must be there.
const HEADER: [(&str, &[&str]); 4] = [
    ("its place in the flow", &["place in the flow"]),
    (
        "what it does not know",
        &["knows nothing", "must not know", "does not know"],
    ),
    (
        "the state it owns and its limits",
        &["it owns", "owns no", "limits"],
    ),
    ("which test to read first", &["read first"]),
];

/// Whether results may depend on nothing but records: no clock, no disk, no chance.
pub fn is_pure(room: &str) -> bool {
    PURE.contains(&room)
}

fn allowed(room: &str) -> Option<&'static [&'static str]> {
    TABLE
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, below)| *below)
}

/// Complaints about imports from beside or above.
pub fn imports(source: &Source) -> Vec<String> {
    let Some((room, below)) = source.room().and_then(|room| Some((room, allowed(room)?))) else {
        return Vec::new();
    };
    let complain = |(line, other): (usize, String)| {
        let known = allowed(&other).is_some();
        (known && other != room && !below.contains(&other.as_str())).then(|| {
            let list = if below.is_empty() {
                "nothing".to_owned()
            } else {
                below.join(", ")
            };
            let what = format!(
                "`{room}` imports `{other}`; it may import {list}: hand the value in as an \
                 argument, or move the type down"
            );
            source.complain(line, &what)
        })
    };
    root_paths(source)
        .into_iter()
        .filter_map(complain)
        .collect()
}

/// Complaints about rights of the table that no line uses, and about rights to a room above.
pub fn unused_rights(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (row, (room, below)) in TABLE.iter().enumerate() {
        let of_room = sources
            .iter()
            .filter(|source| source.room() == Some(*room))
            .flat_map(root_paths);
        let imported: Vec<String> = of_room.map(|(_, name)| name).collect();
        for right in *below {
            if !imported.iter().any(|name| name == right) {
                complaints.push(format!(
                    "the table lets `{room}` import `{right}`, and no line of it does: take the \
                     right away"
                ));
            }
            if !TABLE[..row].iter().any(|(other, _)| other == right) {
                complaints.push(format!(
                    "the table lets `{room}` import `{right}` from above"
                ));
            }
        }
    }
    complaints
}

/// Complaints about the table in the documentation of `src/lib.rs`, where it differs from this one.
pub fn documented(library: &Source) -> Vec<String> {
    let header = library.header();
    TABLE
        .iter()
        .enumerate()
        .filter_map(|(row, (room, below))| {
            let pure = if is_pure(room) { "yes" } else { "no" };
            let names = TABLE[..row].iter().map(|(other, _)| *other);
            let others: Vec<&str> = names.filter(|other| !below.contains(other)).collect();
            let below = match below.len() {
                0 => "nothing".to_owned(),
                // A longer list would not fit into a line.
                count if count > NAMED_MAX => format!("all but {}", others.join(", ")),
                _ => below.join(", "),
            };
            let link = format!("| [`{room}`] | {pure} | {below} |");
            let plain = format!("| `{room}` | {pure} | {below} |");
            let stands = header.contains(&link) || header.contains(&plain);
            (!stands).then(|| library.complain(1, &format!("the table lacks the row {link}")))
        })
        .collect()
}

/// Complaints about pure rooms that clippy does not hold to it.
pub fn unheld(sources: &[Source]) -> Vec<String> {
    let doors = PURE.iter().filter_map(|room| {
        let path = format!("src/{room}/mod.rs");
        sources.iter().find(|source| source.path == path)
    });
    let denies = |source: &&Source| {
        let mut lines = source.lines.iter();
        !lines.any(|line| line.code.contains("#![deny(clippy::disallowed_methods)]"))
    };
    doors
        .filter(denies)
        .map(|source| source.complain(1, "a pure room denies clippy::disallowed_methods"))
        .collect()
}

/// Every name that stands directly below the crate's root in a path, with its line.
fn root_paths(source: &Source) -> Vec<(usize, String)> {
    // One text, so that a `use crate::{` may go over lines; the line is found by counting.
    let code: String = source
        .lines
        .iter()
        .map(|line| format!("{}\n", line.code))
        .collect();
    let mut found = Vec::new();
    let mut rest_at = 0;
    while let Some((at, after)) = next_root(source, &code, rest_at) {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[after..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(group_names(group).into_iter().map(|name| (line, name)));
        } else {
            found.push((line, first_word(rest)));
        }
        rest_at = after;
    }
    found
}

/// The next `crate::`, or chain of `super::` that reaches the crate's root: where it starts, and
/// where what follows it starts.
fn next_root(source: &Source, code: &str, from: usize) -> Option<(usize, usize)> {
    const CRATE: &str = "crate::";
    const SUPER: &str = "super::";
    let mut at = from;
    loop {
        let rest = &code[at..];
        let by_crate = rest.find(CRATE);
        let by_super = rest.find(SUPER);
        let start = at + by_crate.into_iter().chain(by_super).min()?;
        if code[start..].starts_with(CRATE) {
            return Some((start, start + CRATE.len()));
        }
        let mut after = start;
        while code[after..].starts_with(SUPER) {
            after += SUPER.len();
        }
        let line = code[..start].matches('\n').count();
        let inline = source.lines.get(line).map_or(0, |line| line.inline_modules);
        if (after - start) / SUPER.len() == module_depth(&source.path) + inline {
            return Some((start, after));
        }
        at = after;
    }
}

/// How many modules below the crate's root the file is.
fn module_depth(path: &str) -> usize {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    inner.split('/').filter(|part| *part != "mod").count()
}

fn first_word(text: &str) -> String {
    let text = text.trim_start();
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The names at the first level of a `{…}` group.
fn group_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut item = String::new();
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => names.push(first_word(&std::mem::take(&mut item))),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    names.push(first_word(&item));
    names.retain(|name| !name.is_empty());
    names
}

/// Complaints about rooms without a row in the table or without a header.
pub fn headers(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for source in sources {
        let Some(room) = source.room() else { continue };
        if allowed(room).is_none() && !seen.contains(&room) {
            complaints.push(source.complain(1, &format!("room `{room}` has no row in the table")));
        }
        seen.push(room);
        if source.path != format!("src/{room}/mod.rs") {
            continue;
        }
        let header = source.header().to_lowercase();
        for (what, words) in HEADER {
            if !words.iter().any(|word| header.contains(word)) {
                let what = format!("the room's header does not say {what} (\"{}\")", words[0]);
                complaints.push(source.complain(1, &what));
            }
        }
    }
    complaints
}
