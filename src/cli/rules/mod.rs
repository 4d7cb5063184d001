//! `rules check`, `rules test`, `rules list` and `rules fields`.
//!
//! Place in the flow: between the arguments and the rooms that do the work: `run::load_rules`,
//! `engine::rule_tests` and `rule`. It must not know how a rule is written, and owns no state.
//!
//! Read first: `tests/cli/main.rs`.

mod check;
mod coverage;
mod fields;
mod list;

use clap::Subcommand;

use super::exit::CommandResult;
use super::output::{Output, TableFormat};
use super::rules_args::RulesArgs;

const CHECK_EXAMPLES: &str = "\
Examples:
  scopewatch rules check
  scopewatch rules check --rules /etc/scopewatch/rules

Prints every problem of every file on standard error, with file:line:column. The exit code is 2 if
one of them is an error, and 1 if every rule is for another log source. It runs no test.
";
const TEST_EXAMPLES: &str = "\
Examples:
  scopewatch rules test
  scopewatch rules test --rules my-rules --format json
  scopewatch rules test --only 'verb outside grant'

Runs the `tests:` of every rule through the whole engine. The exit code is 1 if a test fails.
";
const LIST_EXAMPLES: &str = "\
Examples:
  scopewatch rules list
  scopewatch rules list --format json | jq -r '.[] | select(.revoke != \"none\") | .id'
  scopewatch rules list --coverage actions.jsonl.gz
  scopewatch rules list --coverage cloudtrail.jsonl --mapping schemas/mappings/cloudtrail.jq

With --coverage the table says which rules can fire on such records, which are weakened, and which
are blind because the records never carry a fact that the rule needs.
";
const FIELDS_EXAMPLES: &str = "\
Examples:
  scopewatch rules fields
  scopewatch rules fields --format json | jq -r '.[].name'
";

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Load the rules and print every problem
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        #[command(flatten)]
        rules: RulesArgs,
    },
    /// Run the tests in the rules
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        #[command(flatten)]
        rules: RulesArgs,
        /// Only the tests that have this text in their name, or in the title, id or path of their
        /// rule; case does not count
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Form of the output
        #[arg(long, value_enum, default_value_t)]
        format: TableFormat,
    },
    /// List the rules, or which rules can fire on recorded actions
    #[command(after_help = LIST_EXAMPLES)]
    List {
        #[command(flatten)]
        rules: RulesArgs,
        #[command(flatten)]
        coverage: coverage::CoverageArgs,
        /// Form of the output
        #[arg(long, value_enum, default_value_t)]
        format: TableFormat,
    },
    /// List the facts that rules may read
    #[command(after_help = FIELDS_EXAMPLES)]
    Fields {
        #[command(flatten)]
        rules: RulesArgs,
        /// Form of the output
        #[arg(long, value_enum, default_value_t)]
        format: TableFormat,
    },
}

impl RulesCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            RulesCommand::Check { rules } => check::check_rules(&rules),
            RulesCommand::Test {
                rules,
                only,
                format,
            } => check::test_rules(&rules, only.as_deref(), format, out),
            RulesCommand::List {
                rules,
                coverage,
                format,
            } if coverage.is_requested() => coverage.list_coverage(&rules, format, out),
            RulesCommand::List { rules, format, .. } => list::list_rules(&rules, format, out),
            RulesCommand::Fields { rules, format } => fields::list_facts(&rules, format, out),
        }
    }
}
