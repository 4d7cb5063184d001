//! The exit codes, and the result of a command.

use std::process::ExitCode;

use super::output::OutputError;

/// For `--help`.
pub(super) const HELP: &str = "\
ExitStatus codes:
  0  success
  1  there are findings, or an expectation failed
  2  rules, records or other input are bad, or the arguments are
  3  the configuration is bad
  4  it failed while running: a broker, a disk, a port

Data goes to standard output, everything else to standard error.
";

/// The code of [`ExitStatus::Input`], also used for a wrong argument.
pub(super) const INPUT: u8 = 2;

/// The exit status of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitStatus {
    Ok,
    /// A command found something, or an expectation failed.
    Findings,
    /// Bad rules or input.
    Input,
    Configuration,
    /// The environment failed: disk, network, memory.
    Runtime,
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> ExitCode {
        ExitCode::from(match exit {
            ExitStatus::Ok => 0,
            ExitStatus::Findings => 1,
            ExitStatus::Input => INPUT,
            ExitStatus::Configuration => 3,
            ExitStatus::Runtime => 4,
        })
    }
}

/// Why a command stopped early.
#[derive(Debug)]
pub(super) struct CommandFailure {
    pub(super) exit: ExitStatus,
    /// For stderr; empty when everything is printed already.
    pub(super) message: String,
}

pub(super) type CommandResult = Result<ExitStatus, CommandFailure>;

impl CommandFailure {
    pub(super) fn bad_input(message: impl Into<String>) -> Self {
        CommandFailure {
            exit: ExitStatus::Input,
            message: message.into(),
        }
    }

    pub(super) fn at_runtime(message: impl Into<String>) -> Self {
        CommandFailure {
            exit: ExitStatus::Runtime,
            message: message.into(),
        }
    }

    /// The reason is on stderr already.
    pub(super) fn already_reported(exit: ExitStatus) -> Self {
        CommandFailure {
            exit,
            message: String::new(),
        }
    }
}

impl From<OutputError> for CommandFailure {
    /// A reader of our output may close it early: that is success.
    fn from(error: OutputError) -> Self {
        if error.is_broken_pipe() {
            CommandFailure::already_reported(ExitStatus::Ok)
        } else {
            CommandFailure::at_runtime(error.to_string())
        }
    }
}
