//! `revocations list` and `revocations show`: what became of revocation requests, from the entries
//! of the audit topic.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::diagnostics::ComplaintPrinter;
use super::exit::{CommandFailure, CommandResult, ExitStatus};
use super::output::{Output, Table, TableFormat};
use crate::codec::native::AUDIT_SCHEMA;
use crate::event::AgentAction;
use crate::replay::input_file::{InputFile, RecordContent};

const EXAMPLES: &str = "\
Examples:
  scopewatch replay --actions actions.jsonl --scopes scopes.jsonl --audit audit.jsonl
  scopewatch revocations list audit.jsonl
  kcat -C -t scopewatch.audit -e | scopewatch revocations show 2b575c82d4b80c27affdb552a0cefccd -

The files are entries of the audit topic, one JSON object a line; `-` is standard input. Entries
that are not about a request are skipped.";

#[derive(Debug, Subcommand)]
pub(super) enum RevocationsCommand {
    /// List the requests and plans, one a line
    #[command(after_help = EXAMPLES)]
    List(ListArgs),
    /// Show one request: its targets, who still acted, and what happened when
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Files of audit entries
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The request: `revocation.txn` of its alert
    #[arg(value_name = "TXN")]
    txn: String,
    /// Files of audit entries
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl RevocationsCommand {
    pub(super) fn run(self, out: &mut Output) -> CommandResult {
        match self {
            RevocationsCommand::List(args) => list_requests(&args, out),
            RevocationsCommand::Show(args) => show_request(&args, out),
        }
    }
}

/// What the audit entries say of one transaction.
#[derive(Debug, Default)]
struct RequestReport {
    tenant: String,
    agent: String,
    incident: String,
    /// Each target as its latest entry has it, by its plan, order and name.
    targets: BTreeMap<(u64, u64, String), Map<String, Value>>,
    /// The entries, oldest first, each once.
    entries: Vec<Map<String, Value>>,
}

impl RequestReport {
    /// Takes over an entry; one that is there twice counts once.
    fn add_entry(&mut self, entry: &Map<String, Value>) {
        let word = |key: &str| text_of(entry, key).to_owned();
        if self.entries.contains(entry) {
            return;
        }
        (self.tenant, self.agent) = (word("tenant"), word("agent_id"));
        self.incident = word("incident_id");
        let targets = entry.get("targets").and_then(Value::as_array);
        for target in targets.into_iter().flatten().filter_map(Value::as_object) {
            let number = |key: &str| target.get(key).and_then(Value::as_u64).unwrap_or(1);
            let name = target.get("sub_id").map(Value::to_string);
            let key = (number("plan"), number("order"), name.unwrap_or_default());
            self.targets.insert(key, target.clone());
        }
        self.entries.push(entry.clone());
    }

    fn count_targets(&self, counts: impl Fn(&Map<String, Value>) -> bool) -> usize {
        self.targets
            .values()
            .filter(|target| counts(target))
            .count()
    }

    fn count_state(&self, state: &str) -> usize {
        self.count_targets(|target| text_of(target, "state") == state)
    }

    /// Actions with any target after its request.
    fn uses(&self) -> u64 {
        let uses = self
            .targets
            .values()
            .map(|target| number_of(target, "uses_after_request"));
        uses.flatten().map(i64::unsigned_abs).sum()
    }

    /// From the first request until nobody acted any more, of the targets that `counts` selects;
    /// `None` until each of them that was requested is confirmed.
    fn effective_ms(&self, counts: impl Fn(&Map<String, Value>) -> bool) -> Option<i64> {
        let requested = |target: &&Map<String, Value>| {
            let states = ["planned", "waiting", "denied", "lapsed", "withdrawn"];
            counts(target) && !states.contains(&text_of(target, "state"))
        };
        let requested: Vec<_> = self.targets.values().filter(requested).collect();
        let asked_ms = requested
            .iter()
            .filter_map(|target| number_of(target, "asked_ms"));
        let ended_ms: Option<Vec<i64>> = requested
            .iter()
            .map(|target| {
                let after_ms = number_of(target, "effective_ms")?;
                Some(number_of(target, "asked_ms")?.saturating_add(after_ms))
            })
            .collect();
        Some(ended_ms?.into_iter().max()? - asked_ms.min()?)
    }

    /// The time to effective revocation of each issuer.
    fn issuers(&self) -> BTreeMap<String, Option<i64>> {
        let all = self.targets.values().map(issuer_of);
        all.map(|issuer| {
            let effective_ms = self.effective_ms(|target| issuer_of(target) == issuer);
            (issuer, effective_ms)
        })
        .collect()
    }

    fn first_ms(&self) -> Option<i64> {
        self.entries
            .iter()
            .filter_map(|entry| number_of(entry, "at_ms"))
            .min()
    }

    fn to_json(&self, txn: &str) -> Value {
        json!({
            "txn": txn,
            "tenant": self.tenant,
            "agent_id": self.agent,
            "incident_id": self.incident,
            "first_ms": self.first_ms(),
            "targets": self.targets.values().collect::<Vec<_>>(),
            "confirmed": self.count_state("done"),
            "waiting": self.count_state("waiting"),
            "still_acting": self.count_targets(still_acts),
            "uses_after_request": self.uses(),
            "effective_ms": self.effective_ms(|_| true),
            "issuers": self.issuers(),
            "entries": self.entries,
        })
    }
}

fn still_acts(target: &Map<String, Value>) -> bool {
    target.get("still_acting") == Some(&Value::Bool(true))
}

fn text_of<'v>(object: &'v Map<String, Value>, key: &str) -> &'v str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number_of(object: &Map<String, Value>, key: &str) -> Option<i64> {
    object.get(key).and_then(Value::as_i64)
}

/// The issuer of a target; empty where none is known.
fn issuer_of(target: &Map<String, Value>) -> String {
    let name = target.get("sub_id").and_then(Value::as_object);
    name.map_or("", |name| text_of(name, "iss")).to_owned()
}

/// The id of a target, and the agent below the request's own to which it belongs.
fn name_of(target: &Map<String, Value>) -> String {
    let name = target.get("sub_id").and_then(Value::as_object);
    let ids = ["jti", "sub", "id"];
    let id = name.and_then(|name| ids.iter().find_map(|key| name.get(*key)?.as_str()));
    let kind = text_of(target, "kind");
    let named = format!("{kind} {}", id.unwrap_or("?"));
    match text_of(target, "agent_id") {
        "" => named,
        agent => format!("{named} of {agent}"),
    }
}

fn show_time(at_ms: Option<i64>) -> String {
    let time = at_ms.and_then(|at_ms| jiff::Timestamp::from_millisecond(at_ms).ok());
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.0}"))
}

/// Milliseconds as seconds; `-` where they are not known.
fn show_duration(ms: Option<i64>) -> String {
    ms.map_or_else(
        || "-".to_owned(),
        |ms| format!("{}.{:03}", ms / 1_000, ms % 1_000),
    )
}

/// Reads the entries of all files, by transaction.
fn read_reports(files: &[PathBuf]) -> Result<BTreeMap<String, RequestReport>, CommandFailure> {
    let mut reports: BTreeMap<String, RequestReport> = BTreeMap::new();
    let mut complaints = ComplaintPrinter::default();
    for path in files {
        let file = InputFile::<AgentAction>::open(path)
            .map_err(|error| CommandFailure::bad_input(error.to_string()))?;
        let name = file.name().to_owned();
        for record in file {
            let record = record.map_err(|error| CommandFailure::bad_input(error.to_string()))?;
            let number = record.number;
            let RecordContent::Bytes(bytes) = record.content else {
                return Err(CommandFailure::bad_input(format!("{name}: not JSON lines")));
            };
            let Ok(Value::Object(entry)) = serde_json::from_slice(&bytes) else {
                complaints.print_or_count(&format!("{name}:{number}: not a JSON object"));
                continue;
            };
            let txn = text_of(&entry, "txn").to_owned();
            if text_of(&entry, "schema") == AUDIT_SCHEMA && !txn.is_empty() {
                reports.entry(txn).or_default().add_entry(&entry);
            }
        }
    }
    Ok(reports)
}

fn list_requests(args: &ListArgs, out: &mut Output) -> CommandResult {
    let reports = read_reports(&args.files)?;
    let mut table = Table::new(&[
        "txn",
        "agent",
        "first",
        "targets",
        "confirmed",
        "waiting",
        "still acting",
        "uses after",
        "effective s",
    ]);
    let mut listed: Vec<_> = reports.iter().collect();
    listed.sort_by_key(|(txn, report)| (report.first_ms(), *txn));
    for (txn, report) in listed {
        table.add_row(vec![
            txn.as_str().into(),
            format!("{}/{}", report.tenant, report.agent).into(),
            show_time(report.first_ms()).into(),
            report.targets.len().into(),
            report.count_state("done").into(),
            report.count_state("waiting").into(),
            report.count_targets(still_acts).into(),
            report.uses().into(),
            show_duration(report.effective_ms(|_| true)).into(),
        ]);
    }
    let format = if args.json {
        TableFormat::Json
    } else {
        TableFormat::Text
    };
    out.write_table(&table, format)?;
    Ok(ExitStatus::Ok)
}

fn show_request(args: &ShowArgs, out: &mut Output) -> CommandResult {
    let reports = read_reports(&args.files)?;
    let txn = args.txn.to_ascii_lowercase();
    let Some(report) = reports.get(&txn) else {
        return Err(CommandFailure::bad_input(format!(
            "{txn}: no audit entry has this transaction"
        )));
    };
    if args.json {
        out.write_json(&report.to_json(&txn))?;
        return Ok(ExitStatus::Ok);
    }
    out.write_line(&format!(
        "txn {txn}, agent {}/{}",
        report.tenant, report.agent
    ))?;
    for (issuer, effective_ms) in report.issuers() {
        let issuer = if issuer.is_empty() {
            "no issuer"
        } else {
            &issuer
        };
        out.write_line(&format!(
            "{issuer}: effective after {} s",
            show_duration(effective_ms)
        ))?;
    }
    let whole = show_duration(report.effective_ms(|_| true));
    out.write_line(&format!("all targets: effective after {whole} s\n"))?;
    let columns = &[
        "plan",
        "order",
        "target",
        "state",
        "effective s",
        "uses after",
        "last use",
    ];
    let mut table = Table::new(columns);
    for ((plan, order, _), target) in &report.targets {
        table.add_row(vec![
            (*plan).into(),
            (*order).into(),
            name_of(target).into(),
            text_of(target, "state").into(),
            show_duration(number_of(target, "effective_ms")).into(),
            number_of(target, "uses_after_request").unwrap_or(0).into(),
            show_time(number_of(target, "last_use_ms")).into(),
        ]);
    }
    out.write_table(&table, TableFormat::Text)?;
    out.write_line("")?;
    let mut table = Table::new(&["time", "what", "by", "detail"]);
    for entry in &report.entries {
        table.add_row(vec![
            show_time(number_of(entry, "at_ms")).into(),
            text_of(entry, "what").into(),
            text_of(entry, "by").into(),
            text_of(entry, "detail").into(),
        ]);
    }
    out.write_table(&table, TableFormat::Text)?;
    Ok(ExitStatus::Ok)
}
