//! The option of every command that reads rules.

use std::path::{Path, PathBuf};

use clap::Args;

use super::diagnostics::{self, count_noun, print_line};
use super::exit::{CommandFailure, ExitStatus};
use crate::engine::{JUDGES_NOTHING, Rules};
use crate::run::{LoadedRules, load_rules};
use crate::text::{Diagnostic, SourceFile};

/// The directory that is used, if it exists, when the user names none.
const DEFAULT: &str = "rules";

/// The rules directory.
#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    /// Rules directory [default: `rules` if it exists, otherwise the rules shipped with
    /// scopewatch]
    #[arg(long = "rules", value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Rules without errors, and the files they come from.
#[derive(Debug)]
pub(super) struct CheckedRules {
    pub(super) rules: Rules,
    loaded: LoadedRules,
}

impl RulesArgs {
    /// Loads the rules, and prints every problem.
    pub(super) fn load_rules(&self) -> Result<CheckedRules, CommandFailure> {
        let default = Some(PathBuf::from(DEFAULT)).filter(|path| path.is_dir());
        let directory = self.directory.clone().or(default);
        let mut loaded = load_rules(directory.as_deref())
            .map_err(|error| CommandFailure::bad_input(error.to_string()))?;
        let errors = diagnostics::print_problems(&loaded.problems);
        let Some(rules) = loaded.rules.take() else {
            print_line(&count_noun(
                u64::try_from(errors).unwrap_or(u64::MAX),
                "error",
            ));
            return Err(CommandFailure::already_reported(ExitStatus::Input));
        };
        if rules.judges_nothing() {
            let shown = directory.as_deref().unwrap_or(Path::new(DEFAULT)).display();
            print_line(&format!("warning: {shown} {JUDGES_NOTHING}"));
        }
        Ok(CheckedRules { rules, loaded })
    }
}

impl CheckedRules {
    /// The path of a file as the user can open it.
    pub(super) fn user_path(&self, path: &str) -> String {
        self.loaded.user_path(path)
    }

    /// A problem, with its path as the user can open it.
    pub(super) fn with_user_path(&self, problem: Diagnostic) -> Diagnostic {
        Diagnostic {
            path: self.user_path(&problem.path),
            ..problem
        }
    }

    /// The file with this path in the bundle.
    pub(super) fn find_file(&self, path: &str) -> Option<&SourceFile> {
        self.loaded.find_file(path)
    }
}
