//! `class`: what the classes of tasks have learned, and the commands about it.

mod check;

use clap::Subcommand;

use super::control::{self, ClassArgs, ClassResetArgs, ImportArgs, ImportedKind};
use super::exit::CommandResult;
use super::output::Output;
use crate::event::LearningChange;

#[derive(Debug, Subcommand)]
pub(super) enum ClassCommand {
    /// Weigh recorded tasks against each other: how many honest tasks would alert, and which are
    /// too strange to learn from. It needs no attacks
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
    /// Let a class learn nothing until it is unfrozen
    #[command(after_help = control::CLASS_FREEZE)]
    Freeze(ClassArgs),
    /// Let a frozen class learn again
    #[command(after_help = control::CLASS_UNFREEZE)]
    Unfreeze(ClassArgs),
    /// Forget what a class has learned
    #[command(after_help = control::CLASS_RESET)]
    Reset(ClassResetArgs),
    /// Take over what a replay has learned of classes
    #[command(after_help = control::CLASS_IMPORT)]
    Import(ImportArgs),
}

impl ClassCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            ClassCommand::Check(args) => args.run(out),
            ClassCommand::Freeze(args) => args.run(LearningChange::Freeze, out),
            ClassCommand::Unfreeze(args) => args.run(LearningChange::Unfreeze, out),
            ClassCommand::Reset(args) => args.run(out),
            ClassCommand::Import(args) => args.run(ImportedKind::Classes, out),
        }
    }
}
