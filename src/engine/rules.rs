//! The active rules: a bundle and its response policy, parsed from one set of files.

use std::path::Path;
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use crate::response::Policy;
use crate::rule::Bundle;
use crate::text::{Diagnostic, ProblemSeverity, SourceFile};

/// The shipped rules, used if there is no rules directory.
static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");
/// The message about a directory for which [`Rules::judges_nothing`] is true.
pub const JUDGES_NOTHING: &str = "holds no rule: nothing will be judged by rules";

/// A bundle and its response policy. Both are activated together.
#[derive(Debug)]
pub struct Rules {
    pub bundle: Arc<Bundle>,
    pub policy: Arc<Policy>,
}

impl Rules {
    /// Whether there is no rule at all, only templates and other files. That may be intended, but
    /// no alert will follow.
    #[must_use]
    pub fn judges_nothing(&self) -> bool {
        self.bundle.rules.is_empty()
    }
}

/// The parsed rules with warnings, or every problem of every file.
#[derive(Debug)]
pub struct ParsedRules {
    pub rules: Option<Rules>,
    pub problems: Vec<Diagnostic>,
}

/// Parses rules, templates, resources and the response policy as one bundle. There are no rules if
/// a file has an error or could not be read (`unreadable`).
#[must_use]
pub fn parse_rules(files: &[SourceFile], unreadable: &[Diagnostic]) -> ParsedRules {
    let (bundle, mut problems) = Bundle::parse(files);
    let mut policy = Policy::default();
    if let Some(file) = files.iter().find(|file| is_response(&file.path)) {
        let (parsed, found) = Policy::parse(file);
        policy = parsed;
        problems.extend(found);
        if let Some(bundle) = &bundle {
            let known = bundle.rules.iter().map(|rule| rule.id.as_str()).collect();
            problems.extend(policy.check_rules(file, &known));
        }
    }
    if !unreadable.is_empty() {
        problems.extend(unreadable.iter().cloned());
        problems.sort_by(|a, b| a.path.cmp(&b.path));
    }
    let refused = problems
        .iter()
        .any(|problem| problem.severity == ProblemSeverity::Error);
    let rules = bundle
        .filter(|_| !refused && unreadable.is_empty())
        .map(|bundle| Rules {
            bundle: Arc::new(bundle),
            policy: Arc::new(policy),
        });
    ParsedRules { rules, problems }
}

fn is_response(path: &str) -> bool {
    path.rsplit(['/', '\\'])
        .next()
        .is_some_and(|name| matches!(name, "response.yaml" | "response.yml"))
}

/// The files of the shipped rules, sorted by path.
#[must_use]
pub fn shipped_rule_files() -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect_shipped(&SHIPPED, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect_shipped(directory: &Dir<'_>, files: &mut Vec<SourceFile>) {
    let is_yaml = |path: &Path| path.extension().is_some_and(|ending| ending == "yaml");
    for file in directory.files().filter(|file| is_yaml(file.path())) {
        if let Some(text) = file.contents_utf8() {
            let path = format!("rules/{}", file.path().display());
            files.push(SourceFile {
                path,
                text: text.to_owned(),
            });
        }
    }
    for below in directory.dirs() {
        collect_shipped(below, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_load_without_a_problem() {
        let loaded = parse_rules(&shipped_rule_files(), &[]);
        assert_eq!(loaded.problems, []);
        let rules = loaded.rules.unwrap();
        assert!(
            rules.bundle.rules.len() >= 16,
            "{} rules",
            rules.bundle.rules.len()
        );
    }

    #[test]
    fn a_file_that_was_not_read_hides_no_problem_of_another() {
        let file = |path: &str, text: &str| SourceFile {
            path: path.into(),
            text: text.into(),
        };
        let files = [file("rules/scope/b.YAML", "title: x\n")];
        let unread = Diagnostic::of_source("rules/scope/a.yaml", "not UTF-8");
        let loaded = parse_rules(&files, &[unread]);
        assert!(loaded.rules.is_none());
        assert!(
            loaded
                .problems
                .iter()
                .any(|p| p.path == "rules/scope/b.YAML")
        );
        let loaded = parse_rules(&shipped_rule_files(), &loaded.problems[..1]);
        assert!(loaded.rules.is_none());
    }
}
