//! What the exit codes mean, and how a command ends.

use std::process::ExitCode;

use super::output::OutputError;

/// For `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  success
  1  there are findings, or an expectation failed
  2  rules, records or other input are bad, or the arguments are
  3  the configuration is bad
  4  it failed while running: a broker, a disk, a port

Data goes to standard output, everything else to standard error.
";

/// The code of [`Exit::Input`], which a wrong argument has too.
pub(super) const INPUT: u8 = 2;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Ok,
    /// What was looked for was found, or what was expected did not happen.
    Findings,
    /// Bad rules or input.
    Input,
    Configuration,
    /// The environment failed: disk, network, memory.
    Runtime,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::Findings => 1,
            Exit::Input => INPUT,
            Exit::Configuration => 3,
            Exit::Runtime => 4,
        })
    }
}

/// Why a command stopped early.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// For stderr; empty when everything was said already.
    pub(super) message: String,
}

pub(super) type Outcome = Result<Exit, Failure>;

impl Failure {
    pub(super) fn input(message: impl Into<String>) -> Self {
        Failure {
            exit: Exit::Input,
            message: message.into(),
        }
    }

    pub(super) fn runtime(message: impl Into<String>) -> Self {
        Failure {
            exit: Exit::Runtime,
            message: message.into(),
        }
    }

    /// The reason is on stderr already.
    pub(super) fn told(exit: Exit) -> Self {
        Failure {
            exit,
            message: String::new(),
        }
    }
}

impl From<OutputError> for Failure {
    /// Whoever reads our output may stop when it has seen enough: that is success.
    fn from(error: OutputError) -> Self {
        if error.is_broken_pipe() {
            Failure::told(Exit::Ok)
        } else {
            Failure::runtime(error.to_string())
        }
    }
}
