//! `completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::{CommandResult, ExitStatus};
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  scopewatch completions bash > ~/.local/share/bash-completion/completions/scopewatch
  scopewatch completions zsh > ~/.zfunc/_scopewatch
  scopewatch completions fish > ~/.config/fish/completions/scopewatch.fish
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    /// Writes the script for `command`, the program's whole command line.
    pub(super) fn run(self, mut command: Command, out: &mut Output) -> CommandResult {
        // Into memory first: the generator panics when its writer fails, as a closed pipe does.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "scopewatch", &mut script);
        out.write_bytes(&script)?;
        Ok(ExitStatus::Ok)
    }
}
