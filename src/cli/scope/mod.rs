//! `scope check`, `scope draft` and `scope import`.
//!
//! Place in the flow: between the arguments and the rooms `codec` and `scope`, which check records
//! and templates. It must not know how scopes judge, and owns no state. A file that is read whole
//! has at most [`super::files::TEXT_BYTES_MAX`] bytes.
//!
//! Read first: `tests/cli/main.rs`, then the tests of [`crate::codec::locate`].

mod check;
mod draft;
mod import;
mod unknown_fields;

use clap::Subcommand;

use super::exit::CommandResult;
use super::output::Output;

const CHECK_EXAMPLES: &str = "\
Examples:
  scopewatch scope check rules/scopes/*.yaml
  scopewatch scope check scopes.jsonl scopes.avro
  kcat -C -t agent.scopes -e | scopewatch scope check -

Files that end in .yaml or .yml are templates and are checked together. All other files hold scope
records: JSON (one a line, or laid out freely) or Avro. Every problem is printed with
file:line:column.
";
const DRAFT_EXAMPLES: &str = "\
Examples:
  scopewatch scope draft --actions actions.jsonl.gz --out rules/scopes/drafted.yaml
  scopewatch scope draft --actions trail.jsonl --mapping schemas/mappings/cloudtrail.jq

A draft allows everything that was seen, wanted or not. Review it before you use it.
";
const IMPORT_EXAMPLES: &str = "\
Examples:
  scopewatch scope import claims.json --tenant acme --task t-4711
  scopewatch scope import claims.json --type transfers=payment.transfer --action initiate=transfer

Reads the claims of an access token (RFC 9068) or of its introspection (RFC 7662) and prints one
scope record a line: grants from `authorization_details` (RFC 9396), agent and parent from `act`
(RFC 8693). What no grant can express is printed as a warning.
";

#[derive(Debug, Subcommand)]
pub(super) enum ScopeCommand {
    /// Check scope records and templates; print every problem
    #[command(after_help = CHECK_EXAMPLES)]
    Check(check::CheckArgs),
    /// Draft templates from recorded actions: one for each agent type and task class
    #[command(after_help = DRAFT_EXAMPLES)]
    Draft(draft::DraftArgs),
    /// Make scope records of the claims that an authorization server issued
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(import::ImportArgs),
}

impl ScopeCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            ScopeCommand::Check(args) => args.run(),
            ScopeCommand::Draft(args) => args.run(out),
            ScopeCommand::Import(args) => args.run(out),
        }
    }
}
