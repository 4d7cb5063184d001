//! The option of every command that reads rules.

use std::path::{Path, PathBuf};

use clap::Args;

use super::diagnostics::{self, counted, tell};
use super::exit::{Exit, Failure};
use crate::config::rule_files::{self, RuleFolder};
use crate::engine::{JUDGES_NOTHING, Rules, parse_rules, shipped_rule_files};
use crate::text::{Diagnostic, SourceFile};

/// The directory that is read when there is one and none is named.
const DEFAULT: &str = "rules";

/// Where rules come from.
#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    /// Rules directory [default: `rules` if it exists, otherwise the rules shipped with
    /// scopewatch]
    #[arg(long = "rules", value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Rules that loaded, and the files they came from.
#[derive(Debug)]
pub(super) struct LoadedRules {
    pub(super) rules: Rules,
    pub(super) files: Vec<SourceFile>,
    /// What file paths start at; empty for the working directory.
    base: PathBuf,
}

impl RulesArgs {
    /// Reads and loads the rules, and prints every problem.
    pub(super) fn load(&self) -> Result<LoadedRules, Failure> {
        let default = Some(PathBuf::from(DEFAULT)).filter(|path| path.is_dir());
        let directory = self.directory.clone().or(default);
        let folder = match &directory {
            Some(directory) => rule_files::open_rule_folder(directory)
                .map_err(|error| Failure::input(error.to_string()))?,
            None => RuleFolder {
                files: shipped_rule_files(),
                ..RuleFolder::default()
            },
        };
        let empty = folder.files.is_empty() && folder.problems.is_empty();
        if let Some(directory) = directory.as_ref().filter(|_| empty) {
            let shown = directory.display();
            return Err(Failure::input(format!(
                "{shown}: no .yaml file in this directory"
            )));
        }
        // Files are named below the folder that holds the directory, so that a bundle is the same
        // wherever it lies; people want the path that they can open.
        let base = directory
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new(""));
        let base = base.to_path_buf();
        let loaded = parse_rules(&folder.files, &folder.problems);
        let problems: Vec<Diagnostic> = loaded
            .problems
            .iter()
            .map(|problem| at(&base, problem.clone()))
            .collect();
        let errors = diagnostics::print(&problems);
        match loaded.rules {
            Some(rules) => {
                if rules.judges_nothing() {
                    let shown = directory.as_deref().unwrap_or(Path::new(DEFAULT)).display();
                    tell(&format!("warning: {shown} {JUDGES_NOTHING}"));
                }
                Ok(LoadedRules {
                    rules,
                    files: folder.files,
                    base,
                })
            }
            None => {
                tell(&counted(u64::try_from(errors).unwrap_or(u64::MAX), "error"));
                Err(Failure::told(Exit::Input))
            }
        }
    }
}

impl LoadedRules {
    /// A file's path as the user can open it.
    pub(super) fn shown(&self, path: &str) -> String {
        self.base.join(path).display().to_string()
    }

    /// A problem with the path that the user can open.
    pub(super) fn at(&self, problem: Diagnostic) -> Diagnostic {
        at(&self.base, problem)
    }

    /// The file with this path in the bundle.
    pub(super) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn at(base: &Path, problem: Diagnostic) -> Diagnostic {
    Diagnostic {
        path: base.join(&problem.path).display().to_string(),
        ..problem
    }
}
