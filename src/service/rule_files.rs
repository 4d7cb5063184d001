//! Reads a rules directory, or the rules this program ships with, into one bundle.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use crate::event::diagnostic::{Diagnostic, Severity, SourceFile};
use crate::response::Policy;
use crate::rule::Bundle;

use super::engine::Rules;

/// The rules as shipped: what is used where no rules directory is given.
static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");
/// What a directory that [`Rules::judges_nothing`] is told to be.
pub const JUDGES_NOTHING: &str = "holds no rule: nothing will be judged by rules";
/// Files a rules directory may hold.
pub const FILES_MAX: usize = 10_000;
/// Depth of folders below a rules directory.
const DEPTH_MAX: usize = 8;
/// Bytes of one file that is read at all.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why a rules directory could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ReadError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Rules that loaded, with warnings; or every problem of every file.
#[derive(Debug)]
pub struct Loaded {
    pub rules: Option<Rules>,
    pub problems: Vec<Diagnostic>,
}

/// The files of `directory`; without one, those this program ships with.
///
/// # Errors
/// When a file or folder cannot be read, or there are too many.
pub fn read(directory: Option<&Path>) -> Result<Vec<SourceFile>, ReadError> {
    let mut files = Vec::new();
    match directory {
        Some(directory) => walk(directory, directory, DEPTH_MAX, &mut files)?,
        None => shipped(&SHIPPED, &mut files),
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Parses rules, templates, resources and the response policy as one bundle.
#[must_use]
pub fn load(files: &[SourceFile]) -> Loaded {
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
    let refused = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    let rules = bundle.filter(|_| !refused).map(|bundle| Rules {
        bundle: Arc::new(bundle),
        policy: Arc::new(policy),
    });
    Loaded { rules, problems }
}

fn is_response(path: &str) -> bool {
    path.rsplit(['/', '\\'])
        .next()
        .is_some_and(|name| matches!(name, "response.yaml" | "response.yml"))
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn walk(
    root: &Path,
    directory: &Path,
    depth: usize,
    files: &mut Vec<SourceFile>,
) -> Result<(), ReadError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ReadError { path, source }
    };
    let entries = std::fs::read_dir(directory).map_err(failed(directory))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(failed(directory))?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if depth > 0 {
                walk(root, &path, depth - 1, files)?;
            }
        } else if is_yaml(&path) {
            let bytes = std::fs::metadata(&path).map_err(failed(&path))?.len();
            if bytes > FILE_BYTES_MAX || files.len() == FILES_MAX {
                let limit = io::Error::other(format!(
                    "more than {FILE_BYTES_MAX} bytes, or more than {FILES_MAX} files"
                ));
                return Err(failed(&path)(limit));
            }
            let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
            // The folders below the root say what a file is; the root's own name is the user's.
            let name = path
                .strip_prefix(root.parent().unwrap_or(root))
                .unwrap_or(&path);
            files.push(SourceFile {
                path: name.display().to_string(),
                text,
            });
        }
    }
    Ok(())
}

fn shipped(directory: &Dir<'_>, files: &mut Vec<SourceFile>) {
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
        shipped(below, files);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_load_without_a_problem() {
        let loaded = load(&read(None).unwrap());
        assert_eq!(loaded.problems, []);
        let rules = loaded.rules.unwrap();
        assert!(
            rules.bundle.rules.len() >= 16,
            "{} rules",
            rules.bundle.rules.len()
        );
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = read(Some(Path::new("no/such/rules"))).unwrap_err();
        assert!(error.to_string().starts_with("no/such/rules: "), "{error}");
    }
}
