//! Drafts templates from recorded actions.

use std::path::PathBuf;

use clap::Args;

use super::super::actions::ActionReader;
use super::super::diagnostics::{count_noun, print_line};
use super::super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::super::files::write_new;
use super::super::output::Output;
use super::super::rules_args::RulesArgs;
use crate::scope::TemplateDraft;

/// Read and write for all, reduced by the umask.
const DRAFT_MODE: u32 = 0o666;

#[derive(Debug, Args)]
pub(in crate::cli) struct DraftArgs {
    /// Records: JSON lines or Avro, plain, gzip or zstd; `-` is standard input
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    actions: Vec<PathBuf>,
    /// jq program that maps the records to actions
    #[arg(long, value_name = "M.jq")]
    mapping: Option<PathBuf>,
    /// The new file [default: standard output]; an existing file is not overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
}

impl DraftArgs {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        let loaded = self.rules.load_rules()?;
        let resources = &loaded.rules.bundle.resources;
        let reader = ActionReader::new(self.mapping.as_deref())?;
        let mut draft = TemplateDraft::default();
        // As the detector does before it judges, adds the resource facts of resources.yaml.
        let counts = reader.read_actions(&self.actions, |mut action| {
            resources.enrich_action(&mut action);
            draft.observe_action(&action);
        })?;
        print_line(&counts.to_string());
        let classes = draft.class_keys().count();
        if classes == 0 {
            return Err(CommandFailure::bad_input(
                "no action was read, so there is nothing to draft from",
            ));
        }
        if draft.skipped_count() > 0 {
            print_line(&format!(
                "{} left out of the draft",
                count_noun(draft.skipped_count(), "action")
            ));
        }
        let text = draft.to_yaml_all();
        match &self.out {
            Some(path) => {
                write_new(path, text.as_bytes(), DRAFT_MODE)?;
                let templates = count_noun(u64::try_from(classes).unwrap_or(u64::MAX), "template");
                print_line(&format!(
                    "wrote {templates} to {}; review before use",
                    path.display()
                ));
            }
            None => out.write_bytes(text.as_bytes())?,
        }
        Ok(if counts.refused == 0 {
            ExitStatus::Ok
        } else {
            ExitStatus::Input
        })
    }
}
