//! `class`: what the classes of tasks have learned.

mod check;

use clap::Subcommand;

use super::exit::CommandResult;
use super::output::Output;

#[derive(Debug, Subcommand)]
pub(super) enum ClassCommand {
    /// Weigh recorded tasks against each other: how many honest tasks would alert, and which are
    /// too strange to learn from. It needs no attacks
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
}

impl ClassCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            ClassCommand::Check(args) => args.run(out),
        }
    }
}
