//! Property tests: one configuration for all of them, and no saved failure without its test.

use std::path::{Path, PathBuf};

use crate::names::has_word;
use crate::source::Source;

/// The one file that may build a configuration.
const CONFIGURATION: &str = "tests/support/property.rs";
/// Configurations and runners that a test might make for itself.
const OWN: [&str; 3] = ["ProptestConfig", "TestRunner", "test_runner"];
/// The folder in which proptest keeps the inputs that failed, beside `src` and in `tests`.
const REGRESSIONS: &str = "proptest-regressions";

/// Complaints about property tests whose seed and number of cases are not the shared ones.
pub fn configuration(source: &Source) -> Vec<String> {
    if source.path == CONFIGURATION {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (number, line) in source.numbered() {
        if let Some(own) = OWN.iter().find(|own| has_word(&line.code, own)) {
            let what = format!("`{own}`; use `property::config`, so that the seed is fixed");
            complaints.push(source.complain(number, &what));
        }
        let next = source.lines.get(number).map_or("", |line| &line.code);
        if has_word(&line.code, "proptest!") && !next.contains("property::config(") {
            let what = "`proptest!` without `#![proptest_config(property::config(…))]` below it";
            complaints.push(source.complain(number, what));
        }
    }
    complaints
}

/// Complaints about saved failures that no property test would try, because its file was moved.
pub fn regressions(root: &Path, sources: &[Source]) -> Vec<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        let top = root.join(folder);
        let saved = if folder == "src" { root } else { &top }.join(REGRESSIONS);
        let mut found = Vec::new();
        saved_files(&saved, &mut found);
        for file in found {
            let test = file.strip_prefix(&saved).unwrap().with_extension("rs");
            files.push((file, folder, test));
        }
    }
    let complain = |(file, folder, test): (PathBuf, &str, PathBuf)| {
        let tested = sources.iter().any(|source| {
            let path = Path::new(&source.path);
            // In `tests`, proptest leaves out the folder of the test program: `core/state.rs`.
            let below = path.strip_prefix(folder).ok();
            let inner = below.map(|below| below.iter().skip(1).collect::<PathBuf>());
            let stands =
                below == Some(&test) || (folder == "tests" && inner.as_ref() == Some(&test));
            let properties = || source.lines.iter().any(|l| has_word(&l.code, "proptest!"));
            stands && properties()
        });
        let shown = file
            .strip_prefix(root)
            .unwrap_or(&file)
            .display()
            .to_string();
        let what = format!(
            "{shown}:1: no property test in {}; move it with the test",
            test.display()
        );
        (!tested).then_some(what)
    };
    files.into_iter().filter_map(complain).collect()
}

fn saved_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            saved_files(&path, found);
        } else {
            found.push(path);
        }
    }
}
