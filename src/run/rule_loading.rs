//! Loads the rules of a directory, or the shipped rules.

use std::path::{Path, PathBuf};

use crate::config::rule_files::{ReadError, open_rule_folder};
use crate::engine::{Rules, parse_rules, shipped_rule_files};
use crate::text::{Diagnostic, SourceFile};

/// The result of loading rules.
#[derive(Debug)]
pub struct LoadedRules {
    /// `None` when one of the problems is an error.
    pub rules: Option<Rules>,
    /// Errors and warnings, with paths that the user can open.
    pub problems: Vec<Diagnostic>,
    /// The files, with paths that start at the folder of the directory: so a bundle is the same in
    /// every folder.
    pub files: Vec<SourceFile>,
    /// The directory; `None` for the shipped rules.
    pub directory: Option<PathBuf>,
}

/// Why no rules could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{}: no .yaml file in this directory", .0.display())]
    NoFile(PathBuf),
}

impl LoadedRules {
    /// The path of one of the files as the user can open it.
    #[must_use]
    pub fn user_path(&self, path: &str) -> String {
        join_base(self.directory.as_deref(), path)
    }

    /// The file with this path in the bundle.
    #[must_use]
    pub fn find_file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Loads the rules of `directory`, or the shipped rules.
///
/// # Errors
/// When the directory cannot be read or has no rule file.
pub fn load_rules(directory: Option<&Path>) -> Result<LoadedRules, RulesError> {
    let (files, unreadable) = match directory {
        None => (shipped_rule_files(), Vec::new()),
        Some(directory) => {
            let folder = open_rule_folder(directory)?;
            if folder.files.is_empty() && folder.problems.is_empty() {
                return Err(RulesError::NoFile(directory.to_path_buf()));
            }
            (folder.files, folder.problems)
        }
    };
    let parsed = parse_rules(&files, &unreadable);
    let openable = |problem: Diagnostic| Diagnostic {
        path: join_base(directory, &problem.path),
        ..problem
    };
    Ok(LoadedRules {
        rules: parsed.rules,
        problems: parsed.problems.into_iter().map(openable).collect(),
        files,
        directory: directory.map(Path::to_path_buf),
    })
}

/// Puts the folder of the directory before a path that starts with the directory's name.
fn join_base(directory: Option<&Path>, path: &str) -> String {
    let base = directory.and_then(Path::parent).unwrap_or(Path::new(""));
    base.join(path).display().to_string()
}
