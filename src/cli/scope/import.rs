//! Makes scope records of what an authorization server issued.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value as Json};

use super::super::actions::builtin_decoder;
use super::super::diagnostics::print_line;
use super::super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::super::files::{TEXT_BYTES_MAX, read_text};
use super::super::output::Output;
use crate::codec::json::write_scope;
use crate::codec::token_scope::{ClaimNames, scope_of_claims};
use crate::event::Verb;
use crate::replay::input_file::STDIN;
use crate::scope::CompiledScope;

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// Claims of tokens or of introspections: JSON, one a line or laid out freely; `-` is standard
    /// input. Never the token itself
    #[arg(value_name = "FILE", num_args = 1.., required = true)]
    files: Vec<PathBuf>,
    /// Tenant of the scopes
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Agent of the scopes [default: the outermost `act`, else `client_id`, else `sub`]
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Task of the scopes
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Resource type for a `type` of authorization details; may be repeated
    #[arg(long = "type", value_name = "NAME=TYPE")]
    types: Vec<String>,
    /// Verb for an entry of `actions`; may be repeated
    #[arg(long = "action", value_name = "NAME=VERB")]
    actions: Vec<String>,
}

impl ImportArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let names = self.read_names()?;
        let mut refused = false;
        for path in &self.files {
            let shown = path.display().to_string();
            for (nth, claims) in read_objects(path)?.into_iter().enumerate() {
                let location = format!("{shown}: object {}", nth + 1);
                match self.scope_line(&claims, &names, &location) {
                    Ok(line) => out.write_line(&line)?,
                    Err(message) => {
                        print_line(&format!("error: {location}: {message}"));
                        refused = true;
                    }
                }
            }
        }
        Ok(if refused {
            ExitStatus::Input
        } else {
            ExitStatus::Ok
        })
    }

    /// The scope record of one set of claims, as one line. Prints what it does not express.
    fn scope_line(
        &self,
        claims: &Map<String, Json>,
        names: &ClaimNames,
        location: &str,
    ) -> Result<String, String> {
        let mut claims = claims.clone();
        for (name, value) in [
            ("tenant", &self.tenant),
            ("agent.id", &self.agent),
            ("task.id", &self.task),
        ] {
            if let Some(value) = value {
                claims.insert(name.into(), value.as_str().into());
            }
        }
        let claimed = scope_of_claims(&claims, names)?;
        for note in &claimed.notes {
            print_line(&format!("warning: {location}: {note}"));
        }
        let decoder = builtin_decoder().map_err(|failure| failure.message)?;
        let record = Json::Object(claimed.record).to_string();
        let decoded = decoder.decode_scope(record.as_bytes());
        let scope = decoded.map_err(|error| error.message)?.value;
        CompiledScope::compile(&scope).map_err(|error| error.to_string())?;
        String::from_utf8(write_scope(&scope)).map_err(|error| error.to_string())
    }

    fn read_names(&self) -> Result<ClaimNames, CommandFailure> {
        let mut names = ClaimNames::default();
        for pair in &self.types {
            let (name, kind) = split_pair("--type", pair)?;
            names.types.insert(name.to_owned(), kind.to_owned());
        }
        for pair in &self.actions {
            let (name, word) = split_pair("--action", pair)?;
            let verb = Verb::from_word(word).ok_or_else(|| {
                CommandFailure::bad_input(format!("--action: unknown verb `{word}`"))
            })?;
            names.actions.insert(name.to_owned(), verb);
        }
        Ok(names)
    }
}

fn split_pair<'a>(option: &str, pair: &'a str) -> Result<(&'a str, &'a str), CommandFailure> {
    pair.split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or_else(|| CommandFailure::bad_input(format!("{option}: `{pair}` is not NAME=VALUE")))
}

/// The JSON objects of a file.
fn read_objects(path: &Path) -> Result<Vec<Map<String, Json>>, CommandFailure> {
    let text = match path.as_os_str() == STDIN {
        true => read_stdin()?,
        false => read_text(path)?.text,
    };
    let shown = path.display();
    if text.trim_start().starts_with("eyJ") {
        return Err(CommandFailure::bad_input(format!(
            "{shown}: a token, and no token is read here: give its claims, the decoded payload"
        )));
    }
    let objects = serde_json::Deserializer::from_str(&text).into_iter();
    objects
        .map(|object| object.map_err(|error| format!("{shown}: not a JSON object: {error}")))
        .collect::<Result<Vec<_>, _>>()
        .map_err(CommandFailure::bad_input)
}

fn read_stdin() -> Result<String, CommandFailure> {
    let mut text = String::new();
    let read = std::io::stdin()
        .take(TEXT_BYTES_MAX)
        .read_to_string(&mut text);
    read.map_err(|error| CommandFailure::bad_input(format!("standard input: {error}")))?;
    Ok(text)
}
