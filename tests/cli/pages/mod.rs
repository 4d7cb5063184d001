//! Every page for people, held to the program: its commands run, its records are judged, its
//! links resolve. A block says in its info string what it is (`blocks.rs` lists the kinds), and a
//! kind that is not known fails, so that no example escapes.

mod blocks;
mod commands;
mod markdown;
mod workspace;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scopewatch::telemetry::Metrics;

use self::markdown::Page;
use self::workspace::Workspace;
use super::{root, run};

/// Lines of the README: it is read in one sitting.
const README_LINES_MAX: usize = 250;

/// The README, the notes beside rules, schemas and corpora, and all of `docs`.
fn pages() -> Vec<Page> {
    let mut paths: Vec<String> = [
        "README.md",
        "CHANGELOG.md",
        "rules/README.md",
        "schemas/README.md",
        "tests/corpora/README.md",
    ]
    .map(str::to_owned)
    .into();
    let entries = fs::read_dir(root().join("docs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    paths.extend(names.map(|name| format!("docs/{name}")));
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_block_of_every_page_does_what_its_page_says() {
    let pages = pages();
    let complaints = std::thread::scope(|threads| {
        let run = |page| threads.spawn(move || blocks::run_page(page));
        let running: Vec<_> = pages.iter().map(run).collect();
        let ended = running.into_iter().map(|thread| thread.join().unwrap());
        ended.flatten().collect::<Vec<String>>()
    });
    assert_none(complaints);
}

#[test]
fn every_command_in_a_sentence_has_arguments_that_exist() {
    let mut complaints = Vec::new();
    for page in pages() {
        for (line, span) in &page.spans {
            let checked = commands::check_span(span);
            complaints.extend(checked.map(|why| format!("{}:{line}: {why}", page.path)));
        }
    }
    assert_none(complaints);
}

#[test]
fn records_stand_in_blocks_where_they_are_judged() {
    let mut complaints = Vec::new();
    for page in pages() {
        for (line, span) in page
            .spans
            .iter()
            .filter(|(_, span)| span.starts_with("{\""))
        {
            // Part of a record may show how a field is written; a whole one belongs in a block.
            if span.contains('…') {
                complaints.push(format!("{}:{line}: `{span}` is not whole", page.path));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    let mut complaints = Vec::new();
    for page in &pages {
        let folder = Path::new(&page.path).parent().unwrap();
        for (line, target) in &page.links {
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                page.path.clone()
            } else {
                plain(&folder.join(file))
            };
            let there = root().join(&path).exists();
            let heading = match pages.iter().find(|other| other.path == path) {
                Some(other) => anchor.is_empty() || other.anchors.contains(anchor),
                None => anchor.is_empty(),
            };
            if !there || !heading {
                complaints.push(format!("{}:{line}: no such place: {target}", page.path));
            }
        }
    }
    assert_none(complaints);
}

/// The path without `..`.
fn plain(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.iter().map(|part| part.to_str().unwrap()) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn the_readme_fits_a_first_sitting_and_names_both_commands() {
    let readme = Page::read("README.md");
    let lines = readme.text.lines().count();
    assert!(
        lines <= README_LINES_MAX,
        "{lines} lines: move some to docs"
    );
    for command in ["make demo", "make test"] {
        let named = readme.spans.iter().any(|(_, span)| span == command);
        assert!(named, "{command}");
    }
}

#[test]
fn the_readme_leads_to_every_page_and_each_page_says_who_reads_it() {
    let readme = Page::read("README.md");
    for page in pages().iter().filter(|page| page.path.starts_with("docs/")) {
        let linked = readme.links.iter().any(|(_, target)| *target == page.path);
        assert!(linked, "README.md has no link to {}", page.path);
        let reader = page.text.lines().nth(2).unwrap_or_default();
        assert!(
            reader.starts_with("For "),
            "{}:3: whom is it for?",
            page.path
        );
    }
}

#[test]
fn settings_that_a_page_names_exist() {
    let shown = run(&["config", "show"]).out;
    let mut settings = BTreeSet::new();
    let mut section = "";
    for line in shown.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((name, _)) = line.split_once(" = ") {
            settings.insert(format!("{section}.{name}"));
        }
    }
    let sections: BTreeSet<&str> = settings
        .iter()
        .filter_map(|s| s.split('.').next())
        .collect();
    let mut complaints = Vec::new();
    for page in pages() {
        for (line, span) in &page.spans {
            // A setting with a value: `alerts.format = "native"`.
            let name = span.split(" = ").next().unwrap_or_default();
            let mut parts = name.split('.');
            let section = parts.next().filter(|part| !part.is_empty());
            let of_ours = section.is_some_and(|part| sections.contains(part));
            let word = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let two_words = parts.next().is_some_and(word) && parts.next().is_none();
            let file = [".pem", ".md", ".yaml", ".jsonl"]
                .iter()
                .any(|end| name.ends_with(end));
            if of_ours && two_words && !file && !settings.contains(name) {
                complaints.push(format!("{}:{line}: no setting `{name}`", page.path));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn the_metrics_page_names_every_metric_and_no_other() {
    let rendered = Metrics::new().render_text();
    let types = rendered
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let exported: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let page = Page::read("docs/metrics.md");
    let table = page.text.lines().filter(|line| line.starts_with("| `"));
    let cells = table.filter_map(|line| line.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let named: BTreeSet<&str> = names
        .filter(|name| name.starts_with("scopewatch_"))
        .filter_map(|name| name.split('{').next())
        .collect();
    // They are there only while a bundle is active and requests are signed.
    const SOMETIMES: [&str; 2] = ["scopewatch_bundle_info", "scopewatch_signing_key_info"];
    let always = |names: BTreeSet<&str>| -> BTreeSet<String> {
        let kept = names.into_iter().filter(|name| !SOMETIMES.contains(name));
        kept.map(str::to_owned).collect()
    };
    assert_eq!(always(named), always(exported));
    for page in pages() {
        for (line, span) in &page.spans {
            let name = span.split('{').next().unwrap_or_default();
            let ours = name.starts_with("scopewatch_") && !name.contains(['*', '.']);
            let known = rendered.contains(&format!("# TYPE {name} ")) || name.ends_with("_info");
            assert!(!ours || known, "{}:{line}: no metric `{name}`", page.path);
        }
    }
}

/// The text of every Rust file below `folder`.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap();
    let texts = entries.map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path),
            false => fs::read_to_string(path).unwrap_or_default(),
        }
    });
    texts.collect()
}

#[test]
fn words_of_headers_and_audit_records_are_those_of_the_code() {
    let code = sources(&root().join("src"));
    for (path, heading) in [
        ("docs/runbook.md", "## Dead letters"),
        ("docs/topics.md", "## Dead letters"),
        ("docs/topics.md", "## The audit topic"),
    ] {
        let page = Page::read(path).text;
        let section = page.split(heading).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let table = section.lines().filter(|line| line.starts_with("| `"));
        let cells = table.filter_map(|line| line.split('|').nth(1));
        let words: Vec<&str> = cells
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        assert!(words.len() > 5, "{path}: {heading}");
        for word in words {
            let known = code.contains(&format!("\"{word}\""));
            assert!(known, "{path}: {heading}: no `{word}` in the code");
        }
    }
}

#[test]
fn build_times_are_those_of_the_readme() {
    let readme = Page::read("README.md").text;
    let files = [
        "Makefile",
        ".ci/run",
        ".ci/install",
        ".ci/rocksdb",
        "Dockerfile",
    ];
    for file in files.into_iter().chain(["docker-compose.yml"]) {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words
                .windows(2)
                .filter(|pair| pair[1].starts_with("minute"))
            {
                let minutes = format!("{} minutes", pair[0]);
                let number = pair[0].parse::<u32>().is_ok();
                let told = !number || readme.contains(&minutes);
                assert!(
                    told,
                    "{file}:{}: README.md does not say {minutes}",
                    index + 1
                );
            }
        }
    }
}

/// Runs the block of a page that holds `words`; what it printed on standard error.
fn run_block(workspace: &Workspace, page: &Page, words: &str) -> String {
    let block = page
        .blocks
        .iter()
        .find(|block| block.text.contains(words))
        .unwrap();
    let ran = workspace.shell(&block.text);
    assert!(ran.success, "{}\n{}", block.text, ran.err);
    ran.err
}

#[test]
fn a_draft_allows_what_was_seen() {
    let workspace = Workspace::new();
    let page = Page::read("docs/records.md");
    let told = run_block(&workspace, &page, "scope draft");
    assert!(told.contains("0 errors"), "{told}");
    run_block(&workspace, &page, "replay --rules");
    assert_eq!(workspace.read("alerts.jsonl").unwrap(), "");
}

#[test]
fn a_generated_fleet_is_judged_with_its_templates() {
    let workspace = Workspace::new();
    let help = run(&["generate", "--help"]).out;
    let part = &help[help.find("    cp -r rules").unwrap()..];
    let commands: String = part.split("  A million").next().unwrap().to_owned();
    let make = "scopewatch generate --out fleet --actions 1500 --agents 30 --attacks none";
    let whole = commands.replace("--learn-until 2026-01-12T00:00:00Z", "");
    for lines in [make, &whole] {
        let ran = workspace.shell(lines);
        assert!(ran.success, "{lines}\n{}", ran.err);
    }
    let alerts = workspace.read("alerts.jsonl").unwrap();
    assert!(!alerts.contains("Undeclared agent"), "{alerts}");
}
