//! Holds the house rules that a machine can hold: which room imports which, sizes, headers, names.
//!
//! Every complaint is `path:line: what is wrong; what to do instead`. A line that has to break a
//! rule about names says why, there or on the line above: `// tidy: <name>: <reason>`.
//! `SCOPEWATCH_TIDY_ROOT` points the whole test at another checkout.

#![allow(clippy::disallowed_methods, reason = "no pure room")]

mod checks;
mod circles;
mod glossary;
mod modules;
mod names;
mod properties;
mod rooms;
mod samples;
mod source;

use std::path::{Path, PathBuf};

use source::Source;

/// The folders that hold our Rust.
const FOLDERS: [&str; 3] = ["src", "tests", "benches"];

fn root() -> PathBuf {
    std::env::var_os("SCOPEWATCH_TIDY_ROOT")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Every Rust file below `folder`, by path.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    for folder in FOLDERS {
        rust_files(&root.join(folder), &mut files);
    }
    let read = |path: &PathBuf| {
        let shown = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        Source::parse(&shown, &std::fs::read_to_string(path).unwrap())
    };
    let mut sources: Vec<Source> = files.iter().map(read).collect();
    source::mark_test_modules(&mut sources);
    sources
}

fn hold(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_walk_finds_the_code() {
    let sources = sources();
    for path in ["src/lib.rs", "src/event/mod.rs"] {
        assert!(
            sources.iter().any(|source| source.path == path),
            "{path} was not found"
        );
    }
}

#[test]
fn rooms_import_only_from_below() {
    hold(sources().iter().flat_map(rooms::imports).collect());
}

#[test]
fn the_import_table_is_exact_and_documented() {
    let sources = sources();
    hold(rooms::unused_rights(&sources));
    let library = sources.iter().find(|source| source.path == "src/lib.rs");
    hold(library.map(rooms::documented).unwrap_or_default());
}

#[test]
fn clippy_holds_every_pure_room() {
    hold(rooms::unheld(&sources()));
}

#[test]
fn no_file_uses_a_file_that_uses_it() {
    hold(circles::complaints(&sources()));
}

#[test]
fn every_room_is_in_the_table_and_opens_with_its_header() {
    hold(rooms::headers(&sources()));
}

#[test]
fn every_file_says_what_it_is_and_keeps_to_its_size() {
    hold(sources().iter().flat_map(checks::sizes).collect());
}

#[test]
fn functions_fit_into_the_head() {
    hold(sources().iter().flat_map(checks::functions).collect());
}

#[test]
fn banned_names_stay_out() {
    hold(sources().iter().flat_map(names::banned).collect());
}

#[test]
fn names_say_units_last_and_collide_with_nothing() {
    hold(sources().iter().flat_map(names::words).collect());
}

#[test]
fn property_tests_share_one_configuration() {
    hold(
        sources()
            .iter()
            .flat_map(properties::configuration)
            .collect(),
    );
}

#[test]
fn every_saved_failure_is_tried_by_its_property_test() {
    hold(properties::regressions(&root(), &sources()));
}

#[test]
fn one_word_has_one_meaning() {
    let sources = sources();
    let library = sources.iter().find(|source| source.path == "src/lib.rs");
    let entries = glossary::entries(library.unwrap());
    assert!(entries.len() > 20, "the glossary of lib.rs was not found");
    let shipped = sources
        .iter()
        .filter(|source| source.path.starts_with("src/"));
    hold(
        shipped
            .flat_map(|source| glossary::collisions(source, &entries))
            .collect(),
    );
}

#[test]
fn names_say_more_than_one_word() {
    hold(glossary::one_word_names(&sources()));
}
